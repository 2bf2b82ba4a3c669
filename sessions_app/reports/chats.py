"""How many chats there were, and what became of them."""

from collections import Counter

from sessions_app.models import Status
from sessions_app.reports.records import CHATS, LOCAL, QUARTER, Records
from sessions_app.reports.shapes import Column, Figure, Report, Table, share


def chats(records: Records) -> Report:
    rows = records.query(
        f"""
        SELECT {LOCAL}::date, status, sum(chats)::bigint, sum(wrote)::bigint, sum(answered)::bigint
        FROM (
          SELECT {QUARTER.format("created_at")} AS quarter, status, count(*) AS chats,
            count(first_visitor_message_at) AS wrote,
            count(first_visitor_message_at) FILTER (WHERE first_agent_message_at IS NOT NULL) AS answered
          FROM {CHATS} GROUP BY 1, 2
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
            Figure("wrote", "Chats in which the visitor wrote", wrote),
            Figure("answered", "Answered, of those who wrote", share(answered, wrote), "share"),
            Figure("abandonment_rate", "Abandoned, of the closed chats", share(abandoned, ended + abandoned), "share"),
        ),
        (
            Table(
                "chats-by-day",
                "Chats by day",
                (
                    Column("day", "Day", "day"),
                    *(Column(status, status.label) for status in statuses),
                ),
                [(day, *(by_day[day, status] for status in statuses)) for day in records.period.days],
                "stack",
            ),
        ),
    )
