"""Who may read the reports, what can be asked for, and files that are safe to open in a spreadsheet."""

import csv
import io
from datetime import date

import pytest
from django.contrib.auth.models import Permission, User

from agents_app.api.stats import as_csv
from agents_app.report_views import text_of
from sessions_app.reports import REPORTS, Column, Period, Reporter, Table, figures_table, zones
from tests.factories import make_session, make_tenant

pytestmark = pytest.mark.django_db

STATS = "/api/v1/chat/stats"
PAGE = "/agent/reports/"


def supervises(agent):
    agent.user.user_permissions.add(Permission.objects.get(codename="supervise"))
    return agent


@pytest.fixture
def admin(db):
    return User.objects.create_superuser("admin")


@pytest.fixture
def supervisor(alice, client):
    supervises(alice)
    client.force_login(alice.user)
    return alice


@pytest.mark.parametrize("may", [True, False])
def test_the_admin_leads_whoever_may_read_them_to_the_reports(client, alice, may):
    type(alice.user).objects.update(is_staff=True)
    if may:
        supervises(alice)
    client.force_login(alice.user)
    assert (f'href="{PAGE}"' in client.get("/admin/").content.decode()) == may


def test_a_figure_is_understood_without_the_one_before_it(tenant):
    for report in Reporter([tenant.pk], Period(date(2026, 3, 1), date(2026, 3, 2), "UTC")).reports():
        labels = [figure.label for figure in report.figures]
        assert len(labels) == len(set(labels))
        assert not [label for label in labels if label.startswith(("Of ", "In "))]


def get(client, path=STATS, **query):
    return client.get(path, query)


# --- who ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [STATS, f"{STATS}/chats.csv"])
def test_only_supervisors_and_admins_may(client, alice, admin, path):
    assert client.get(path).status_code == 401
    client.force_login(alice.user)
    assert client.get(path).status_code == 403
    client.force_login(User.objects.create_user("nobody"))
    assert client.get(path).status_code == 403
    client.force_login(supervises(alice).user)
    assert client.get(path).status_code == 200
    client.force_login(admin)
    assert client.get(path).status_code == 200


def test_the_page_leads_others_to_the_login_or_says_why_not(client, alice):
    assert client.get(PAGE)["Location"] == f"/agent/login/?next={PAGE}"
    client.force_login(alice.user)
    answer = client.get(PAGE)
    assert answer.status_code == 403
    assert "Reports are for supervisors" in answer.content.decode()
    client.force_login(supervises(alice).user)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_who_may_is_led_there(client, alice, admin):
    link = f'<a href="{PAGE}">'
    client.force_login(alice.user)
    assert link not in client.get("/agent/").content.decode()
    client.force_login(supervises(alice).user)
    assert link in client.get("/agent/").content.decode()
    client.force_login(admin)
    assert link in client.get("/agent/").content.decode()


def test_AT04_a_supervisor_sees_own_tenants_and_an_admin_all(client, supervisor, admin, tenant):
    other = make_tenant("other-tenant")
    make_session(tenant)
    make_session(other)

    def started(**query):
        return get(client, **query).json()["data"]["reports"]["chats"]["figures"]["started"]

    assert started() == started(tenant="demo-tenant") == 1
    assert get(client, tenant="other-tenant").status_code == 400
    assert get(client, PAGE, tenant="other-tenant").status_code == 400
    client.force_login(admin)
    assert (started(), started(tenant="other-tenant")) == (2, 1)


def test_rights_that_are_taken_away_count_at_once(client, supervisor):
    assert get(client).status_code == 200
    supervisor.tenants.clear()
    assert get(client).status_code == 403
    supervisor.user.is_active = False
    supervisor.user.save()
    assert get(client).status_code == 401


# --- what ---------------------------------------------------------------------------------------------------------


def test_without_dates_it_is_the_last_30_days(client, supervisor):
    data = get(client).json()["data"]
    start, end = (date.fromisoformat(data[name]) for name in ("start", "end"))
    assert (end - start).days == 29
    assert data["timezone"] == "UTC"
    assert len(data["reports"]["chats"]["tables"]["chats-by-day"]) == 30


@pytest.mark.parametrize(
    "query",
    [
        {"start": "2026-03-05", "end": "2026-03-04"},
        {"start": "2024-01-01", "end": "2025-01-01"},
        {"start": "yesterday"},
        {"start": "0001-01-01", "end": "0001-01-02"},
        {"end": "9999-12-31", "start": "9999-12-31"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "UTC'; DROP TABLE x; --"},
        {"tenant": "\x00"},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(client, supervisor, query):
    answer = get(client, **query)
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"]
    assert get(client, PAGE, **query).status_code == 400


def test_a_leap_year_is_not_too_long(client, supervisor):
    assert get(client, start="2024-01-01", end="2024-12-31").status_code == 200


def test_the_database_knows_the_zones_that_browsers_tell():
    assert {"UTC", "Europe/Berlin", "America/New_York", "Asia/Calcutta", "Australia/Lord_Howe"} <= set(zones())


# --- CSV ----------------------------------------------------------------------------------------------------------


def table(*texts: str) -> Table:
    return Table("pages", "Pages", (Column("page", "Page", "text"), Column("chats", "Chats")), [(x, 1) for x in texts])


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_PR20_what_a_spreadsheet_would_calculate_is_text(sign):
    formula = f"{sign}HYPERLINK(1)"
    _, [cell, _] = read(as_csv(table(formula)))
    assert cell == f"'{formula}"


@pytest.mark.parametrize("text", ['say "hello"', "two\nlines", "a;b,c", "ends in \r", "", "naïve ☕ 日本"])
def test_PR20_everything_else_comes_back_as_it_was(text):
    assert read(as_csv(table(text, "next"))) == [["page", "chats"], [text, "1"], ["next", "1"]]


def test_PR20_texts_are_quoted_and_numbers_are_not():
    assert as_csv(table("a;b")) == '\ufeff"page","chats"\r\n"a;b",1\r\n'


def test_every_table_has_its_file(client, supervisor, tenant):
    make_session(tenant)
    period = Period(date(2026, 3, 4), date(2026, 3, 5), "Europe/Berlin")
    for report in Reporter([tenant.pk], period).reports():
        for one in (figures_table(report), *report.tables):
            answer = get(client, f"{STATS}/{one.name}.csv", start="2026-03-04", end="2026-03-05")
            assert answer["Content-Type"] == "text/csv; charset=utf-8"
            assert answer["Content-Disposition"] == f'attachment; filename="{one.name}_2026-03-04_2026-03-05.csv"'
            assert len(read(answer.content.decode())) == len(one.rows) + 1
    assert get(client, f"{STATS}/nothing.csv").status_code == 404
    assert get(client, f"{STATS}/chats-by-night.csv").status_code == 404


# --- the page -----------------------------------------------------------------------------------------------------


def test_the_page_shows_what_it_is_asked_for(client, supervisor, tenant):
    make_session(tenant)
    answer = get(client, PAGE, timezone="Europe/Berlin")
    text = answer.content.decode()
    assert [report["name"] for report in answer.context["reports"]] == list(REPORTS)
    assert "<option selected>Europe/Berlin</option>" in text
    assert "data-unknown" not in text
    assert "data-unknown" in get(client, PAGE).content.decode()


def test_a_hostile_page_address_is_text(client, supervisor, tenant):
    from sessions_app import services
    from tests.factories import age

    session = make_session(tenant, metadata={"page_url": 'https://x/"><script>alert(1)</script>'})
    age(session, minutes=6)
    services.sweep()
    text = get(client, PAGE).content.decode()
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text


def simulation(client, **query):
    return get(client, PAGE, **query).context["simulation"]


def test_the_page_works_out_another_policy(client, supervisor, tenant):
    assert "found" not in simulation(client)
    made = simulation(client, expiry="20", disconnect="2.5")
    assert (made["policy"], made["found"].more) == ({"expiry": "20 min", "disconnect": "150 s"}, 0)
    assert "error" in simulation(client, expiry="20", disconnect="2")
    assert "error" in simulation(client, expiry="soon")
    assert "error" in simulation(client, expiry="4", disconnect="5")


def test_policies_are_worked_out_for_one_tenant_at_a_time(client, admin, tenant):
    make_tenant("other-tenant")
    client.force_login(admin)
    assert simulation(client, expiry="20") == {"missing": "tenant"}
    assert simulation(client, expiry="20", tenant="other-tenant")["found"].chats == 0


def test_too_many_chats_for_a_page_are_left_to_the_command(client, supervisor, tenant, monkeypatch):
    monkeypatch.setattr("agents_app.report_views.MOST_SIMULATED", 0)
    make_session(tenant)
    made = simulation(client, expiry="20", disconnect="3", start="2026-01-01", end="2026-12-31")
    assert made["command"] == (
        "manage.py simulate_policy --tenant demo-tenant --expiry 1200s --disconnect 180s"
        " --from 2026-01-01 --to 2026-12-31 --timezone UTC"
    )


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "ms", "–"),
        (85, "ms", "85 ms"),
        (4230, "ms", "4.2 s"),
        (59_600, "ms", "1 min 00 s"),
        (185_000, "ms", "3 min 05 s"),
        (7_800_000, "ms", "2 h 10 min"),
        (0.12345, "share", "12.3%"),
        (1234567, "count", "1,234,567"),
        (1.25, "number", "1.2"),
        (date(2026, 3, 4), "day", "Wed 4 Mar 2026"),
    ],
)
def test_figures_as_they_are_read(value, kind, text):
    assert text_of(value, kind) == text


def test_every_figure_and_every_table_is_in_the_docs(tenant, settings):
    text = (settings.BASE_DIR / "docs" / "reports.md").read_text()
    period = Period(date(2026, 3, 4), date(2026, 3, 4), "UTC")
    reports = Reporter([tenant.pk], period).reports()
    names = [one.name for report in reports for one in (*report.figures, *report.tables)]
    assert not [name for name in names if f"`{name}`" not in text]
