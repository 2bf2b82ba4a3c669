"""Who had the chat again after loading a page, and why others had not."""

from collections import Counter

from sessions_app.models import ChatSession, Restoration
from sessions_app.reports.durations import percentile
from sessions_app.reports.period import IN_PERIOD
from sessions_app.reports.records import CHATS, LOCAL, QUARTER, RESTORATION, Records
from sessions_app.reports.shapes import COUNT_AND_SHARE, Column, Figure, Report, Table, share, with_shares


def restoration(records: Records) -> Report:
    restored = records.query(
        f"""
        SELECT {LOCAL}::date, outcome, sum(attempts)::bigint, sum(recovered)::bigint
        FROM (
          SELECT {QUARTER.format("at")} AS quarter, outcome, count(*) AS attempts, sum(recovered) AS recovered
          FROM {RESTORATION}
          WHERE tenant_id = ANY(%(tenants)s) AND {IN_PERIOD.format("at")}
          GROUP BY 1, 2
        ) AS quarters
        GROUP BY 1, 2
        """
    )
    times = records.query(
        f"""
        SELECT took_ms, count(*) FROM {RESTORATION}
        WHERE tenant_id = ANY(%(tenants)s) AND {IN_PERIOD.format("at")} GROUP BY 1
        """
    )
    times = Counter(dict(times))
    failed = records.query(
        f"""
        SELECT {LOCAL}::date, previous_outcome, sum(attempts)::bigint
        FROM (
          SELECT {QUARTER.format("created_at")} AS quarter, previous_outcome, count(*) AS attempts
          FROM {CHATS} WHERE previous_outcome <> '' GROUP BY 1, 2
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
            Figure("restoration_attempts", "Attempts to restore a chat", successes + failures),
            Figure("restored", "Restored", successes),
            Figure("restoration_rate", "Restoration rate", share(successes, successes + failures), "share"),
            Figure("reopened", "Restored chats that had been abandoned", outcomes[Restoration.Outcome.REOPENED]),
            Figure("restore_median_ms", "Time to restore, median", percentile(times, 50), "ms"),
            Figure("restore_p95_ms", "Time to restore, 95 of 100 within", percentile(times, 95), "ms"),
            Figure("recovered", "Messages recovered", recovered),
            Figure(
                "recovered_each",
                "Messages recovered, for each restored chat",
                recovered / successes if successes else None,
                "number",
            ),
        ),
        (
            Table(
                "restoration-by-day",
                "Attempts by day",
                (Column("day", "Day", "day"), Column("restored", "Restored"), Column("failed", "Failed")),
                [(day, by_day[day, True], by_day[day, False]) for day in records.period.days],
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
