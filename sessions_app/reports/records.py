"""The rows that a report reads: those of some tenants in one period."""

from collections.abc import Iterable

from django.db import connection

from sessions_app.models import ChatSession, Restoration, SessionEvent, Tenant
from sessions_app.reports.period import IN_PERIOD, Period

SESSION, EVENT, RESTORATION, TENANT = (
    model._meta.db_table for model in (ChatSession, SessionEvent, Restoration, Tenant)
)
CHATS = f"(SELECT * FROM {SESSION} WHERE tenant_id = ANY(%(tenants)s) AND {IN_PERIOD.format('created_at')}) AS chat"

# Times are counted by quarters of an hour first, and only those are brought into the viewer's zone, which is slow: no
# zone differs from another by less.
QUARTER = "date_bin('15 minutes', {}, '2000-01-01Z')"
LOCAL = "(quarter AT TIME ZONE %(zone)s)"


class Records:
    def __init__(self, tenant_ids: Iterable[int], period: Period) -> None:
        self.period = period
        self._parameters = {"tenants": list(tenant_ids), **period.parameters}

    def query(self, statement: str, **parameters: object) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(statement, self._parameters | parameters)
            return cursor.fetchall()
