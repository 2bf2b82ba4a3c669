"""Who was abandoned: why, how far they had come, when, where; and who came back."""

from collections import Counter
from collections.abc import Iterable

from sessions_app.models import Reason, Stage
from sessions_app.reports.durations import WAIT_EDGES, duration_labels
from sessions_app.reports.period import IN_PERIOD, SINCE
from sessions_app.reports.records import CHATS, EVENT, LOCAL, QUARTER, SESSION, TENANT, Records
from sessions_app.reports.shapes import COUNT_AND_SHARE, Column, Figure, Report, Table, share, with_shares

TOP_PAGES = 20
POSITION_EDGES = (2, 3, 4, 6, 11)
POSITIONS = ("1", "2", "3", "4–5", "6–10", "11 and more")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

OF_CLOSED = (Column("abandoned", "Abandoned"), Column("closed", "Closed"), Column("rate", "Rate", "share"))

# A closing has the time of its event. Whoever was reopened and abandoned again has several.
_THEIR_ABANDONMENT = (
    f"JOIN {EVENT} AS event ON event.session_id = chat.id AND event.at = chat.closed_at"
    " AND event.to_status = 'abandoned' WHERE chat.status = 'abandoned'"
)
# Within the expiry of being abandoned, to a chat that names the abandoned one: neither idle chats nor those of a tenant
# that does not reopen can be had back.
_RETURNED_ANEW = f"""
SELECT count(DISTINCT chat.id)
FROM (
  SELECT tenant_id, created_at, previous_session_id FROM {SESSION}
  WHERE tenant_id = ANY(%(tenants)s) AND created_at >= {SINCE}
    AND previous_outcome IN ('abandoned', 'expired', 'network')
) AS later
JOIN {SESSION} AS chat ON chat.session_id = later.previous_session_id AND chat.tenant_id = later.tenant_id
JOIN {TENANT} AS tenant ON tenant.id = chat.tenant_id
WHERE {IN_PERIOD.format("chat.created_at")} AND chat.status = 'abandoned'
  AND later.created_at BETWEEN chat.closed_at AND chat.closed_at + tenant.session_expiry_seconds * interval '1 second'
"""


def abandonment(records: Records) -> Report:
    explained = records.query(
        f"""
        SELECT GROUPING(page) = 0, page, closed_reason, stage, wait, place, count(*)
        FROM (
          SELECT closed_reason, chat.stage, width_bucket(waited_ms, %(wait_edges)s::bigint[]) AS wait,
            width_bucket(queue_position, %(position_edges)s::integer[]) AS place,
            split_part(split_part(event.page_url, '#', 1), '?', 1) AS page
          FROM {CHATS} {_THEIR_ABANDONMENT}
        ) AS explained
        GROUP BY GROUPING SETS ((closed_reason, stage, wait, place), (page))
        """,
        wait_edges=[1000 * edge for edge in WAIT_EDGES],
        position_edges=list(POSITION_EDGES),
    )
    closings = records.query(
        f"""
        SELECT extract(isodow FROM {LOCAL})::integer, extract(hour FROM {LOCAL})::integer,
          sum(closed)::bigint, sum(abandoned)::bigint
        FROM (
          SELECT {QUARTER.format("closed_at")} AS quarter, count(*) AS closed,
            count(*) FILTER (WHERE status = 'abandoned') AS abandoned
          FROM {CHATS} WHERE closed_at IS NOT NULL GROUP BY 1
        ) AS quarters
        GROUP BY 1, 2
        """
    )
    [(reopenings, saved)] = records.query(
        f"""
        SELECT count(*), count(DISTINCT chat.id) FILTER (WHERE status <> 'abandoned')
        FROM {CHATS} JOIN {EVENT} AS event ON event.session_id = chat.id AND event.reason = 'reopened'
        """
    )
    [(returned_anew,)] = records.query(_RETURNED_ANEW)
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
            Figure("abandonment_share", "Abandoned, of the closed chats", share(abandoned, closed), "share"),
            Figure("false_abandonments", "False abandonments", false),
            Figure(
                "false_abandonment_rate",
                "False abandonments, of all abandonments",
                share(false, abandoned + reopenings),
                "share",
            ),
            Figure("reopenings", "False abandonments, came back to the same chat", reopenings),
            Figure("returned_anew", "False abandonments, came back to a new chat", returned_anew),
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
                (Column("stage", "Stage", "text"), *COUNT_AND_SHARE),
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


def _of_closed(rows: Iterable[tuple]) -> tuple[int, int, float | None]:
    rows = list(rows)
    closed, abandoned = (sum(row[place] for row in rows) for place in (2, 3))
    return abandoned, closed, share(abandoned, closed)
