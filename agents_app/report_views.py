"""The reports' page: figures, charts and the tables beside them, and what another policy would have done."""

from datetime import date, timedelta
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework import serializers

from agents_app import selectors
from agents_app.reporting import PeriodInput, readable_tenants, reporter
from agents_app.views import agent_config
from sessions_app.models import Tenant
from sessions_app.reports import Kind, Period, Report, Table, today, zones
from sessions_app.serializers import agent_name
from sessions_app.simulator import Policy, Simulation, chats_in, in_words, simulate

# Beyond that many chats a page would take too long: the command does it.
MOST_SIMULATED = 20_000
# Longer tables scroll, so that the chart beside them is not left alone.
MOST_ROWS = 10
QUICK_RANGES = ((7, "7 days"), (30, "30 days"), (90, "90 days"))


class PolicyInput(serializers.Serializer):
    """Minutes, as managers think of them."""

    expiry = serializers.DecimalField(max_digits=6, decimal_places=1, min_value=1, max_value=10_080, required=False)
    disconnect = serializers.DecimalField(max_digits=6, decimal_places=1, min_value=1, max_value=1440, required=False)


@require_safe
@never_cache
@login_required
def reports(request: HttpRequest) -> HttpResponse:
    tenants = readable_tenants(request.user).order_by("name")
    if not tenants:
        return render(request, "agents_app/reports/no_access.html", status=403)
    rights = selectors.rights(request.user.pk)
    asked = PeriodInput(data=request.GET, context={"tenants": tenants})
    context = {
        "agent_name": agent_name(request.user),
        # An admin who is no agent has no chats to lose.
        "config": None if rights is None else agent_config(rights),
        "tenants": tenants,
        "zones": zones(),
        "asked": request.GET,
        "timezone": request.GET.get("timezone") or "UTC",
    }
    if not asked.is_valid():
        return render(request, "agents_app/reports/page.html", context | {"errors": asked.errors}, status=400)
    values = asked.validated_data
    period = Period(values["start"], values["end"], values["timezone"])
    query = urlencode({name: values[name] for name in ("tenant", "start", "end", "timezone") if values.get(name)})
    context |= {
        "period": period,
        "tenant": values.get("tenant", ""),
        "ranges": _ranges(values),
        "reports": [_shown(report, query) for report in reporter(values, tenants).reports()],
        "simulation": _simulation(request, tenants, values.get("tenant", ""), period),
    }
    return render(request, "agents_app/reports/page.html", context)


def _ranges(values: dict[str, object]) -> list[dict[str, object]]:
    end = today(values["timezone"])
    kept = {name: values[name] for name in ("tenant", "timezone") if values.get(name)}
    ranges = [(label, end - timedelta(days=days - 1), end) for days, label in QUICK_RANGES]
    return [
        {
            "label": label,
            "query": urlencode(kept | {"start": start, "end": end}),
            "is_current": (start, end) == (values["start"], values["end"]),
        }
        for label, start, end in ranges
    ]


# --- what another policy would have done --------------------------------------------------------------------------


def _simulation(request: HttpRequest, tenants: QuerySet[Tenant], slug: str, period: Period) -> dict[str, object]:
    """For the template: why there is none, or the present policy, what was asked, and what came of it."""
    tenant = tenants.filter(slug=slug).first() if slug else (tenants[0] if len(tenants) == 1 else None)
    if tenant is None:
        return {"missing": "tenant"}
    present = Policy.of(tenant)
    shown = {
        "tenant": tenant,
        "expiry": request.GET.get("expiry") or _minutes(present.expiry),
        "disconnect": request.GET.get("disconnect") or _minutes(present.disconnect),
        "present": {"expiry": in_words(present.expiry), "disconnect": in_words(present.disconnect)},
    }
    asked = PolicyInput(data={name: request.GET[name] for name in ("expiry", "disconnect") if request.GET.get(name)})
    if not asked.is_valid():
        return shown | {"error": "Both are minutes, such as 20 and 3."}
    if not asked.validated_data:
        return shown
    given = {name: timedelta(minutes=float(value)) for name, value in asked.validated_data.items()}
    policy = present._replace(**given)
    if not policy.is_possible:
        return shown | {
            "error": "The disconnect timeout is 2.5 minutes or more (hidden tabs report once a minute), and the expiry"
            " is not shorter than that."
        }
    if chats_in(tenant, period) > MOST_SIMULATED:
        return shown | {"command": _command(tenant, policy, period)}
    return shown | _found(simulate(tenant, policy, period), policy)


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:g}"


def _command(tenant: Tenant, policy: Policy, period: Period) -> str:
    times = {"expiry": policy.expiry, "disconnect": policy.disconnect}
    options = [f"--{name} {round(time.total_seconds())}s" for name, time in times.items()]
    options += [f"--from {period.start}", f"--to {period.end}", f"--timezone {period.zone}"]
    return f"manage.py simulate_policy --tenant {tenant.slug} {' '.join(options)}"


def _found(found: Simulation, policy: Policy) -> dict[str, object]:
    figures = (
        ("Abandoned in fact", found.abandoned),
        ("By today's policy, worked out", found.today),
        ("By this policy", found.then),
        ("By this policy, inactive", found.then_idle),
        ("More than today", found.more),
        ("More than today, and came back", found.more_returned),
        ("More than today, and came back to the same chat", found.more_reopened),
        ("Fewer than today", found.fewer),
    )
    return {
        "found": found,
        "policy": {"expiry": in_words(policy.expiry), "disconnect": in_words(policy.disconnect)},
        "figures": [{"label": label, "text": text_of(value, "count")} for label, value in figures],
    }


# --- figures as they are read -------------------------------------------------------------------------------------


def _shown(report: Report, query: str) -> dict[str, object]:
    return {
        "name": report.name,
        "title": report.title,
        "note": report.note,
        "figures": [{"label": figure.label, "text": text_of(figure.value, figure.kind)} for figure in report.figures],
        "csv": _csv(report.name, query),
        "tables": [_table(table, query) for table in report.tables],
    }


def _table(table: Table, query: str) -> dict[str, object]:
    kinds = [column.kind for column in table.columns]
    rows = [
        [{"text": text_of(value, kind), "plain": str(value)} for value, kind in zip(row, kinds, strict=True)]
        for row in table.rows
    ]
    if kinds[0] == "day":
        # The latest day in sight: a long table scrolls. The chart beside it reads from left to right all the same.
        rows.reverse()
    return {
        "name": table.name,
        "title": table.title,
        "chart": table.chart,
        "is_long": len(rows) > MOST_ROWS,
        "is_empty": table.is_empty,
        "columns": table.columns,
        "rows": rows,
        "csv": _csv(table.name, query),
    }


def _csv(name: str, query: str) -> str:
    return f"{reverse('stats-table', args=[name])}?{query}"


def text_of(value: object, kind: Kind) -> str:
    """A figure as people read it; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, date):
        return f"{value:%a} {value.day} {value:%b %Y}"
    if kind == "share":
        return f"{value:.1%}"
    if kind == "ms":
        return _duration(float(value))
    if kind == "number":
        return f"{value:,.1f}"
    return f"{value:,}" if kind == "count" else str(value)


def _duration(ms: float) -> str:
    """As "85 ms", "4.2 s", "3 min 05 s", "2 h 10 min"."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 9_950:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
