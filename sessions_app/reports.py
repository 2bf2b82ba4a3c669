"""What has become of the chats, in figures: the SQL behind the reports page, `GET stats` and their CSV files.

docs/reports.md says in one sentence each what they mean. A chat counts on the day on which it started, a restoration
on the day of the attempt, days being those of the viewer's time zone. Of the chats only covering indexes are read,
never the rows: those are wide, and a report goes over a million of them.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Literal, NamedTuple

from django.db import connection, transaction

from sessions_app.models import ChatSession, Reason, Restoration, SessionEvent, Stage, Status, Tenant

Kind = Literal["text", "day", "count", "number", "share", "ms"]

TOP_PAGES = 20


class Period(NamedTuple):
    """Whole days, ``end`` among them, by the calendar of ``zone``, a name such as "Europe/Berlin"."""

    start: date
    end: date
    zone: str

    @property
    def parameters(self) -> dict[str, object]:
        """For IN_PERIOD."""
        return {"start": self.start, "end": self.end + timedelta(days=1), "zone": self.zone}

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=number) for number in range((self.end - self.start).days + 1)]


# The database knows the calendars, as it has the clock: there is one opinion of when a day begins.
SINCE, UNTIL = (f"(%({name})s::date::timestamp AT TIME ZONE %(zone)s)" for name in ("start", "end"))
IN_PERIOD = f"{{0}} >= {SINCE} AND {{0}} < {UNTIL}"


class Figure(NamedTuple):
    """``value`` is None where there is nothing to tell: no average of no chats."""

    name: str
    label: str
    value: float | None
    kind: Kind = "count"


class Column(NamedTuple):
    name: str
    label: str
    kind: Kind = "count"


class Table(NamedTuple):
    """``name`` is also that of its CSV file. The first column says what a row is about."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple]
    chart: Literal["", "bars", "stack"] = ""

    @property
    def is_empty(self) -> bool:
        return not any(value for row in self.rows for value in row[1:])


class Report(NamedTuple):
    name: str
    title: str
    note: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]


# Durations, in seconds; a bucket reaches up to the next edge, and does not contain it.
DURATION_EDGES = (60, 120, 300, 600, 1200, 1800, 3600, 7200)
WAIT_EDGES = (15, 30, 60, 120, 300, 600, 1800)
POSITION_EDGES = (2, 3, 4, 6, 11)

_SESSION, _EVENT, _RESTORATION, _TENANT = (
    model._meta.db_table for model in (ChatSession, SessionEvent, Restoration, Tenant)
)
_CHATS = f"(SELECT * FROM {_SESSION} WHERE tenant_id = ANY(%(tenants)s) AND {IN_PERIOD.format('created_at')}) AS chat"

# Times are counted by quarters of an hour first, and only those are brought into the viewer's zone, which is slow: no
# zone differs from another by less.
_QUARTER = "date_bin('15 minutes', {}, '2000-01-01Z')"
_LOCAL = "(quarter AT TIME ZONE %(zone)s)"


@cache
def zones() -> list[str]:
    """The names of the world's time zones, as browsers tell them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_timezone_names WHERE name ~ '^[A-Z][A-Za-z_]+/[A-Z]' AND name !~ '^(Etc|SystemV)/'"
        )
        return ["UTC", *sorted(name for (name,) in cursor)]


def today(zone: str) -> date:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (statement_timestamp() AT TIME ZONE %s)::date", [zone])
        return cursor.fetchone()[0]


class Reporter:
    """The reports of some tenants over one period. Each is computed when it is asked for."""

    def __init__(self, tenant_ids: Iterable[int], period: Period) -> None:
        self.period = period
        self._parameters = {
            "tenants": list(tenant_ids),
            **period.parameters,
            "wait_edges": [1000 * edge for edge in WAIT_EDGES],
            "position_edges": list(POSITION_EDGES),
        }

    def reports(self) -> list[Report]:
        return [self.report(name) for name in REPORTS]

    def report(self, name: str) -> Report:
        with transaction.atomic(), connection.cursor() as cursor:
            # Else a million chats are sorted on the disk to be counted.
            cursor.execute("SET LOCAL work_mem = '64MB'")
            return REPORTS[name](self)

    def table(self, name: str) -> Table | None:
        """The one table of that name; None where there is none."""
        for prefix in REPORTS:
            if name == prefix or name.startswith(f"{prefix}-"):
                report = self.report(prefix)
                return next((table for table in [figures_table(report), *report.tables] if table.name == name), None)
        return None

    def _query(self, statement: str) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(statement, self._parameters)
            return cursor.fetchall()

    # --- chats ----------------------------------------------------------------------------------------------------

    def chats(self) -> Report:
        rows = self._query(
            f"""
            SELECT {_LOCAL}::date, status, sum(chats)::bigint, sum(wrote)::bigint, sum(answered)::bigint
            FROM (
              SELECT {_QUARTER.format("created_at")} AS quarter, status, count(*) AS chats,
                count(first_visitor_message_at) AS wrote,
                count(first_visitor_message_at) FILTER (WHERE first_agent_message_at IS NOT NULL) AS answered
              FROM {_CHATS} GROUP BY 1, 2
            ) AS quarters
            GROUP BY 1, 2
            """
        )
        by_status, by_day = Counter(), Counter()
        for day, status, chats, *_ in rows:
            by_status[status] += chats
            by_day[day, status] += chats
        wrote, answered = (sum(row[place] for row in rows) for place in (3, 4))
        ended, abandoned = by_status[Status.ENDED], by_status[Status.ABANDONED]
        statuses = [Status(status) for status in Status]
        return Report(
            "chats",
            "Chats",
            "The chats that visitors started in these days, as they stand now.",
            (
                Figure("started", "Started", by_status.total()),
                *(Figure(status, f"Now {status}", by_status[status]) for status in statuses),
                Figure("wrote", "In which the visitor wrote", wrote),
                Figure("answered", "Of those, answered", share(answered, wrote), "share"),
                Figure("abandonment_rate", "Abandoned, of those closed", share(abandoned, ended + abandoned), "share"),
            ),
            (
                Table(
                    "chats-by-day",
                    "Chats by day",
                    (
                        Column("day", "Day", "day"),
                        *(Column(status, status.label) for status in statuses),
                    ),
                    [(day, *(by_day[day, status] for status in statuses)) for day in self.period.days],
                    "stack",
                ),
            ),
        )

    # --- restoration ----------------------------------------------------------------------------------------------

    def restoration(self) -> Report:
        restored = self._query(
            f"""
            SELECT {_LOCAL}::date, outcome, sum(attempts)::bigint, sum(recovered)::bigint
            FROM (
              SELECT {_QUARTER.format("at")} AS quarter, outcome, count(*) AS attempts, sum(recovered) AS recovered
              FROM {_RESTORATION}
              WHERE tenant_id = ANY(%(tenants)s) AND {IN_PERIOD.format("at")}
              GROUP BY 1, 2
            ) AS quarters
            GROUP BY 1, 2
            """
        )
        times = self._query(
            f"""
            SELECT took_ms, count(*) FROM {_RESTORATION}
            WHERE tenant_id = ANY(%(tenants)s) AND {IN_PERIOD.format("at")} GROUP BY 1
            """
        )
        times = Counter(dict(times))
        failed = self._query(
            f"""
            SELECT {_LOCAL}::date, previous_outcome, sum(attempts)::bigint
            FROM (
              SELECT {_QUARTER.format("created_at")} AS quarter, previous_outcome, count(*) AS attempts
              FROM {_CHATS} WHERE previous_outcome <> '' GROUP BY 1, 2
            ) AS quarters
            GROUP BY 1, 2
            """
        )
        outcomes, by_day = Counter(), Counter()
        for day, outcome, attempts, *_ in restored + failed:
            outcomes[outcome] += attempts
            by_day[day, outcome in Restoration.Outcome.values] += attempts
        successes = sum(outcomes[outcome] for outcome in Restoration.Outcome.values)
        recovered = sum(row[3] for row in restored)
        causes = [(cause.label.capitalize(), outcomes[cause]) for cause in ChatSession.Outcome]
        failures = sum(count for _, count in causes)
        return Report(
            "restoration",
            "Restoration",
            "How often a page had its visitor's chat again after it was loaded, or after the chat had been abandoned."
            " Why it had not is told when the visitor starts the next chat. The time is the server's.",
            (
                Figure("restoration_attempts", "Attempts", successes + failures),
                Figure("restored", "Restored", successes),
                Figure("restoration_rate", "Restoration rate", share(successes, successes + failures), "share"),
                Figure("reopened", "Of the restored, reopened", outcomes[Restoration.Outcome.REOPENED]),
                Figure("restore_median_ms", "Time to restore, median", percentile(times, 50), "ms"),
                Figure("restore_p95_ms", "Time to restore, 95 of 100 within", percentile(times, 95), "ms"),
                Figure("recovered", "Messages recovered", recovered),
                Figure(
                    "recovered_each", "Messages recovered, each", recovered / successes if successes else None, "number"
                ),
            ),
            (
                Table(
                    "restoration-by-day",
                    "Attempts by day",
                    (Column("day", "Day", "day"), Column("restored", "Restored"), Column("failed", "Failed")),
                    [(day, by_day[day, True], by_day[day, False]) for day in self.period.days],
                    "stack",
                ),
                Table(
                    "restoration-failures",
                    "Why a chat was not restored",
                    (Column("cause", "Cause", "text"), *COUNT_AND_SHARE),
                    with_shares(causes),
                    "bars",
                ),
            ),
        )

    # --- durations ------------------------------------------------------------------------------------------------

    def duration(self) -> Report:
        lasted = "date_part('epoch', closed_at - created_at)"
        ended, abandoned = (self._durations(lasted, f"status = '{one}'") for one in (Status.ENDED, Status.ABANDONED))
        every = ended + abandoned
        return Report(
            "duration",
            "Session duration",
            "From start to closing. That of an abandoned chat has in it the time for which it was kept for its"
            " visitor.",
            (
                Figure("closed", "Closed chats", every.count),
                Figure("duration_mean_ms", "Average", every.mean_ms, "ms"),
                Figure("duration_median_ms", "Median", every.percentile_ms(50), "ms"),
                Figure("duration_p95_ms", "95 of 100 within", every.percentile_ms(95), "ms"),
                Figure("ended_mean_ms", "Average of the ended", ended.mean_ms, "ms"),
                Figure("abandoned_mean_ms", "Average of the abandoned", abandoned.mean_ms, "ms"),
            ),
            (
                Table(
                    "duration-distribution",
                    "How long chats last",
                    (
                        Column("duration", "Duration", "text"),
                        Column("ended", "Ended"),
                        Column("abandoned", "Abandoned"),
                    ),
                    distribution(DURATION_EDGES, ended, abandoned),
                    "stack",
                ),
            ),
        )

    def waits(self) -> Report:
        # An agent may take a chat before its visitor has written: nobody waited then.
        taken = self._durations(
            "GREATEST(date_part('epoch', accepted_at - first_visitor_message_at), 0)",
            "accepted_at IS NOT NULL AND first_visitor_message_at IS NOT NULL",
        )
        answered = self._durations(
            "date_part('epoch', first_agent_message_at - first_visitor_message_at)",
            "first_agent_message_at >= first_visitor_message_at",
        )
        return Report(
            "waits",
            "Wait and first response",
            "From the visitor's first message until an agent took the chat, and until an agent first answered.",
            (
                Figure("taken", "Taken by an agent", taken.count),
                Figure("wait_mean_ms", "Wait, average", taken.mean_ms, "ms"),
                Figure("wait_median_ms", "Wait, median", taken.percentile_ms(50), "ms"),
                Figure("wait_p95_ms", "Wait, 95 of 100 within", taken.percentile_ms(95), "ms"),
                Figure("responded", "Answered", answered.count),
                Figure("response_mean_ms", "First response, average", answered.mean_ms, "ms"),
                Figure("response_median_ms", "First response, median", answered.percentile_ms(50), "ms"),
                Figure("response_p95_ms", "First response, 95 of 100 within", answered.percentile_ms(95), "ms"),
            ),
            (
                Table(
                    "waits-distribution",
                    "How long visitors wait",
                    (Column("wait", "After", "text"), Column("taken", "Taken"), Column("answered", "Answered")),
                    distribution(WAIT_EDGES, taken, answered),
                    "bars",
                ),
            ),
        )

    def _durations(self, seconds: str, condition: str) -> "Durations":
        return Durations(
            self._query(
                f"""
                SELECT floor(seconds)::integer, count(*), sum(seconds) * 1000
                FROM (SELECT {seconds} AS seconds FROM {_CHATS} WHERE {condition}) AS measured GROUP BY 1
                """
            )
        )

    # --- abandonment ----------------------------------------------------------------------------------------------

    def abandonment(self) -> Report:
        explained = self._query(
            f"""
            SELECT GROUPING(page) = 0, page, closed_reason, stage, wait, place, count(*)
            FROM (
              SELECT closed_reason, chat.stage, width_bucket(waited_ms, %(wait_edges)s::bigint[]) AS wait,
                width_bucket(queue_position, %(position_edges)s::integer[]) AS place,
                split_part(split_part(event.page_url, '#', 1), '?', 1) AS page
              FROM {_CHATS} {_THEIR_ABANDONMENT}
            ) AS explained
            GROUP BY GROUPING SETS ((closed_reason, stage, wait, place), (page))
            """
        )
        closings = self._query(
            f"""
            SELECT extract(isodow FROM {_LOCAL})::integer, extract(hour FROM {_LOCAL})::integer,
              sum(closed)::bigint, sum(abandoned)::bigint
            FROM (
              SELECT {_QUARTER.format("closed_at")} AS quarter, count(*) AS closed,
                count(*) FILTER (WHERE status = 'abandoned') AS abandoned
              FROM {_CHATS} WHERE closed_at IS NOT NULL GROUP BY 1
            ) AS quarters
            GROUP BY 1, 2
            """
        )
        [(reopenings, saved)] = self._query(
            f"""
            SELECT count(*), count(DISTINCT chat.id) FILTER (WHERE status <> 'abandoned')
            FROM {_CHATS} JOIN {_EVENT} AS event ON event.session_id = chat.id AND event.reason = 'reopened'
            """
        )
        [(returned_anew,)] = self._query(_RETURNED_ANEW)
        by = [Counter() for _ in range(4)]
        pages = []
        for is_of_page, page, *places, chats in explained:
            if is_of_page:
                pages.append((page or "unknown", chats))
                continue
            for counter, place in zip(by, places, strict=True):
                counter[place] += chats
        reasons, stages, waits, positions = by
        abandoned, closed = reasons.total(), sum(row[2] for row in closings)
        false = reopenings + returned_anew
        pages.sort(key=lambda row: (-row[1], row[0]))
        others = sum(chats for _, chats in pages[TOP_PAGES:])
        return Report(
            "abandonment",
            "Abandonment",
            "The chats that nobody ended. An abandonment was false when the visitor came back within the session's"
            " expiry, to the same chat or to a new one.",
            (
                Figure("abandoned_chats", "Abandoned chats", abandoned),
                Figure("abandonment_share", "Of those closed", share(abandoned, closed), "share"),
                Figure("false_abandonments", "False abandonments", false),
                Figure("false_abandonment_rate", "Of all abandonments", share(false, abandoned + reopenings), "share"),
                Figure("reopenings", "Of the false, reopened", reopenings),
                Figure("returned_anew", "Of the false, came back to a new chat", returned_anew),
                Figure("saved", "Chats saved by reopening", saved),
            ),
            (
                Table(
                    "abandonment-by-reason",
                    "By reason",
                    (Column("reason", "Reason", "text"), *COUNT_AND_SHARE),
                    with_shares([(Reason(name).label, reasons[name]) for name in (Reason.DISCONNECTED, Reason.IDLE)]),
                ),
                Table(
                    "abandonment-by-position",
                    "By place in the queue",
                    (Column("position", "Place", "text"), *COUNT_AND_SHARE),
                    with_shares(
                        [
                            ("not in the queue", positions[None]),
                            *((label, positions[place]) for place, label in enumerate(POSITIONS)),
                        ]
                    ),
                ),
                Table(
                    "abandonment-by-stage",
                    "By stage",
                    (Column("stage", "The visitor", "text"), *COUNT_AND_SHARE),
                    with_shares([(stage.label, stages[stage]) for stage in Stage]),
                    "bars",
                ),
                Table(
                    "abandonment-by-wait",
                    "By the time waited",
                    (Column("wait", "Waited", "text"), *COUNT_AND_SHARE),
                    with_shares(
                        [
                            ("did not wait", waits[None]),
                            *((label, waits[place]) for place, label in enumerate(duration_labels(WAIT_EDGES))),
                        ]
                    ),
                    "bars",
                ),
                Table(
                    "abandonment-by-hour",
                    "By hour of the day",
                    (Column("hour", "Hour", "text"), *OF_CLOSED),
                    [(f"{hour:02}:00", *_of_closed(row for row in closings if row[1] == hour)) for hour in range(24)],
                    "bars",
                ),
                Table(
                    "abandonment-by-weekday",
                    "By day of the week",
                    (Column("weekday", "Day", "text"), *OF_CLOSED),
                    [
                        (name, *_of_closed(row for row in closings if row[0] == number))
                        for number, name in enumerate(WEEKDAYS, start=1)
                    ],
                    "bars",
                ),
                Table(
                    "abandonment-by-page",
                    "By the last page",
                    (Column("page", "Page", "text"), *COUNT_AND_SHARE),
                    with_shares(
                        [
                            *pages[:TOP_PAGES],
                            *([("all others", others)] if others else []),
                        ]
                    ),
                ),
            ),
        )


REPORTS = {
    "chats": Reporter.chats,
    "restoration": Reporter.restoration,
    "duration": Reporter.duration,
    "waits": Reporter.waits,
    "abandonment": Reporter.abandonment,
}

# A closing has the time of its event. Whoever was reopened and abandoned again has several.
_THEIR_ABANDONMENT = (
    f"JOIN {_EVENT} AS event ON event.session_id = chat.id AND event.at = chat.closed_at"
    " AND event.to_status = 'abandoned' WHERE chat.status = 'abandoned'"
)
# Within the expiry of being abandoned, to a chat that names the abandoned one: neither idle chats nor those of a tenant
# that does not reopen can be had back.
_RETURNED_ANEW = f"""
SELECT count(DISTINCT chat.id)
FROM (
  SELECT tenant_id, created_at, previous_session_id FROM {_SESSION}
  WHERE tenant_id = ANY(%(tenants)s) AND created_at >= {SINCE}
    AND previous_outcome IN ('abandoned', 'expired', 'network')
) AS later
JOIN {_SESSION} AS chat ON chat.session_id = later.previous_session_id AND chat.tenant_id = later.tenant_id
JOIN {_TENANT} AS tenant ON tenant.id = chat.tenant_id
WHERE {IN_PERIOD.format("chat.created_at")} AND chat.status = 'abandoned'
  AND later.created_at BETWEEN chat.closed_at AND chat.closed_at + tenant.session_expiry_seconds * interval '1 second'
"""

COUNT_AND_SHARE = (Column("chats", "Chats"), Column("share", "Share", "share"))
OF_CLOSED = (Column("abandoned", "Abandoned"), Column("closed", "Closed"), Column("rate", "Rate", "share"))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
POSITIONS = ("1", "2", "3", "4–5", "6–10", "11 and more")


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def percentile(counts: Counter[int], percent: int) -> int | None:
    """The least value that so many of 100 do not exceed."""
    rank = -(-counts.total() * percent // 100)
    passed = 0
    for value in sorted(counts):
        passed += counts[value]
        if passed >= rank:
            return value
    return None


class Durations:
    """Counted by whole seconds, which is fine enough for people, and quick for a million: ``rows`` are seconds, how
    many, and the sum of their exact milliseconds."""

    def __init__(self, rows: Iterable[tuple[int, int, float]] = ()) -> None:
        self._seconds: Counter[int] = Counter()
        self._total_ms = 0.0
        for seconds, count, ms in rows:
            self._seconds[seconds] += count
            self._total_ms += ms

    def __add__(self, other: "Durations") -> "Durations":
        both = Durations()
        both._seconds = self._seconds + other._seconds
        both._total_ms = self._total_ms + other._total_ms
        return both

    @property
    def count(self) -> int:
        return self._seconds.total()

    @property
    def mean_ms(self) -> float | None:
        return self._total_ms / self.count if self.count else None

    def percentile_ms(self, percent: int) -> int | None:
        found = percentile(self._seconds, percent)
        return None if found is None else found * 1000

    def buckets(self, edges: Sequence[int]) -> Counter[int]:
        places: Counter[int] = Counter()
        for seconds, count in self._seconds.items():
            places[bisect_right(edges, seconds)] += count
        return places


def distribution(edges: Sequence[int], *measured: Durations) -> list[tuple]:
    columns = [durations.buckets(edges) for durations in measured]
    return [(label, *(column[place] for column in columns)) for place, label in enumerate(duration_labels(edges))]


def with_shares(rows: Sequence[tuple[str, int]]) -> list[tuple[str, int, float | None]]:
    whole = sum(count for _, count in rows)
    return [(label, count, share(count, whole)) for label, count in rows]


def _of_closed(rows: Iterable[tuple]) -> tuple[int, int, float | None]:
    rows = list(rows)
    closed, abandoned = (sum(row[place] for row in rows) for place in (2, 3))
    return abandoned, closed, share(abandoned, closed)


def duration_labels(edges: Sequence[int]) -> list[str]:
    """Of the buckets between edges in seconds: "under 15 s", "15–30 s", …, "2 h and more"."""
    between = [_between(low, high) for low, high in zip(edges, edges[1:], strict=False)]
    return [f"under {_duration(edges[0])}", *between, f"{_duration(edges[-1])} and more"]


def _between(low: int, high: int) -> str:
    (start, unit), (end, other) = _duration(low).split(), _duration(high).split()
    return f"{start}–{end} {unit}" if unit == other else f"{start} {unit} – {end} {other}"


def _duration(seconds: int) -> str:
    units = ((1, "s"), (60, "min"), (3600, "h"))
    size, unit = units[bisect_right([size for size, _ in units], seconds) - 1]
    return f"{seconds // size} {unit}"


def figures_table(report: Report) -> Table:
    """A report's figures as a table, for its CSV file."""
    columns = (Column("figure", "Figure", "text"), Column("value", "Value", "number"))
    return Table(report.name, report.title, columns, [(figure.name, figure.value) for figure in report.figures])
