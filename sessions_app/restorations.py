"""Which chats were had back, for the reports: noted by the sockets after their answer, stored together by the second.

The visitor never waits for it. What a killed process had noted in its last second is missing in the reports, and
nowhere else.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.db import connection

from sessions_app.loops import PerLoop
from sessions_app.models import ChatSession, Message, Restoration

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
# While the database fails; more than that many returns are not worth the memory.
MAX_WAITING = 5000


class Restored(NamedTuple):
    """``took_ms``: from the accepted socket, or the arrival of a poll, to the answer with the history. The browser had
    the messages up to ``after_seq``; it is told those up to ``last_seq``."""

    session_id: UUID
    outcome: str
    took_ms: int
    after_seq: int
    last_seq: int


# What somebody wrote is counted, not the lines that the system adds, such as that of the return itself.
_STORE = f"""
INSERT INTO {Restoration._meta.db_table} (tenant_id, session_id, outcome, took_ms, recovered)
SELECT session.tenant_id, session.id, noted.outcome, noted.took_ms, (
    SELECT count(*) FROM {Message._meta.db_table} AS message
    WHERE message.session_id = session.id AND message.seq > noted.after_seq AND message.seq <= noted.last_seq
      AND message.message_type <> 'system'
  )
FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::integer[])
  AS noted(session_id, outcome, took_ms, after_seq, last_seq)
JOIN {ChatSession._meta.db_table} AS session USING (session_id)
"""


def outcome(*, is_reopened: bool, is_page_load: bool) -> str:
    """Of a hello: a Restoration.Outcome, or empty for one that restored nothing."""
    if is_reopened:
        return Restoration.Outcome.REOPENED
    return Restoration.Outcome.RESTORED if is_page_load else ""


def store(noted: Sequence[Restored]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [list(column) for column in zip(*noted, strict=True)])


class Notebook:
    """What has not been stored yet."""

    def __init__(self) -> None:
        self._noted: list[Restored] = []
        self._flusher: asyncio.Task | None = None

    def note(self, restored: Restored) -> None:
        if len(self._noted) < MAX_WAITING:
            self._noted.append(restored)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_while_needed())

    async def _flush_while_needed(self) -> None:
        while self._noted:
            await asyncio.sleep(FLUSH_SECONDS)
            noted, self._noted = self._noted, []
            try:
                # Not on a connection of its own: it is needed too seldom to keep one.
                await database_sync_to_async(store, thread_sensitive=False)(noted)
            except DatabaseError:
                logger.exception("%d restorations were not stored, trying again", len(noted))
                self._noted = [*noted, *self._noted][:MAX_WAITING]


notebooks = PerLoop(Notebook)
