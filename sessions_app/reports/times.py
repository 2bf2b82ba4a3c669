"""How long chats last, and how long their visitors wait."""

from sessions_app.models import Status
from sessions_app.reports.durations import DURATION_EDGES, WAIT_EDGES, Durations, distribution
from sessions_app.reports.records import CHATS, Records
from sessions_app.reports.shapes import Column, Figure, Report, Table


def duration(records: Records) -> Report:
    lasted = "date_part('epoch', closed_at - created_at)"
    ended, abandoned = (_durations(records, lasted, f"status = '{one}'") for one in (Status.ENDED, Status.ABANDONED))
    every = ended + abandoned
    return Report(
        "duration",
        "Session duration",
        "From start to closing. That of an abandoned chat has in it the time for which it was kept for its visitor.",
        (
            Figure("closed", "Closed chats", every.count),
            Figure("duration_mean_ms", "Duration, average", every.mean_ms, "ms"),
            Figure("duration_median_ms", "Duration, median", every.percentile_ms(50), "ms"),
            Figure("duration_p95_ms", "Duration, 95 of 100 within", every.percentile_ms(95), "ms"),
            Figure("ended_mean_ms", "Duration of the ended, average", ended.mean_ms, "ms"),
            Figure("abandoned_mean_ms", "Duration of the abandoned, average", abandoned.mean_ms, "ms"),
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


def waits(records: Records) -> Report:
    # An agent may take a chat before its visitor has written: nobody waited then.
    taken = _durations(
        records,
        "GREATEST(date_part('epoch', accepted_at - first_visitor_message_at), 0)",
        "accepted_at IS NOT NULL AND first_visitor_message_at IS NOT NULL",
    )
    answered = _durations(
        records,
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


def _durations(records: Records, seconds: str, condition: str) -> Durations:
    return Durations(
        records.query(
            f"""
            SELECT floor(seconds)::integer, count(*), sum(seconds) * 1000
            FROM (SELECT {seconds} AS seconds FROM {CHATS} WHERE {condition}) AS measured GROUP BY 1
            """
        )
    )
