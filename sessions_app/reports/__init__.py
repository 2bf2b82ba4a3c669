"""What has become of the chats, in figures: the SQL behind the reports page, `GET stats` and their CSV files.

docs/reports.md says in one sentence each what they mean. A chat counts on the day on which it started, a restoration
on the day of the attempt, days being those of the viewer's time zone. Of the chats only covering indexes are read,
never the rows: those are wide, and a report goes over a million of them.
"""

from collections.abc import Iterable

from django.db import connection, transaction

from sessions_app.reports.abandonment import abandonment
from sessions_app.reports.chats import chats
from sessions_app.reports.period import IN_PERIOD, Period, today, zones
from sessions_app.reports.records import Records
from sessions_app.reports.restoration import restoration
from sessions_app.reports.shapes import Column, Figure, Kind, Report, Table, figures_table
from sessions_app.reports.times import duration, waits

__all__ = [
    "IN_PERIOD",
    "REPORTS",
    "Column",
    "Figure",
    "Kind",
    "Period",
    "Report",
    "Reporter",
    "Table",
    "figures_table",
    "today",
    "zones",
]

REPORTS = {
    "chats": chats,
    "restoration": restoration,
    "duration": duration,
    "waits": waits,
    "abandonment": abandonment,
}


class Reporter:
    """The reports of some tenants over one period. Each is computed when it is asked for."""

    def __init__(self, tenant_ids: Iterable[int], period: Period) -> None:
        self.period = period
        self._records = Records(tenant_ids, period)

    def reports(self) -> list[Report]:
        return [self.report(name) for name in REPORTS]

    def report(self, name: str) -> Report:
        with transaction.atomic(), connection.cursor() as cursor:
            # Else a million chats are sorted on the disk to be counted.
            cursor.execute("SET LOCAL work_mem = '64MB'")
            return REPORTS[name](self._records)

    def table(self, name: str) -> Table | None:
        """The one table of that name; None where there is none."""
        for prefix in REPORTS:
            if name == prefix or name.startswith(f"{prefix}-"):
                report = self.report(prefix)
                return next((table for table in [figures_table(report), *report.tables] if table.name == name), None)
        return None
