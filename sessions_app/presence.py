"""Heartbeats, and who is there.

Beats of all sockets are gathered and stamped by one statement a second, whose answer fills the pongs. Presence is
what the stamps say: a process that is killed needs nobody to clean up after it. When a visitor's last socket in a
process closes, the others are asked; only if none of them answers is the visitor marked as gone. So a reload does
not flicker, closing one of two tabs is not leaving, and a real leaving is seen within ten seconds.
"""

import asyncio
import logging
import math
import time
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection

from sessions_app import events, selectors, services
from sessions_app.dbthread import DatabaseThread
from sessions_app.errors import ChatError, SessionNotFound, TenantNotFound, Unavailable
from sessions_app.hub import Socket
from sessions_app.loops import PerLoop
from sessions_app.models import (
    MAX_TRAIL,
    PRESENCE_TTL,
    WARNING_SLACK,
    ChatSession,
    IdlePeriod,
    Presence,
    Tenant,
    TrailEntry,
)
from sessions_app.serializers import timestamp

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
# An open socket answers the server's protocol pings (a dead one is closed within 50 s): it counts as seen even
# when a throttled tab or a sleeping script sends no beat.
OPEN_SOCKET_SECONDS = 45.0
# After the last socket: time for a reload to come back, then time for the other processes to speak up.
LEAVE_GRACE_SECONDS = 3.0
ANSWER_SECONDS = 2.5
# Between the leaver's own last stamp and the asking, at least.
ASK_SLACK_SECONDS = 1.0


class Beat(NamedTuple):
    """What a pong tells, and which websites the tenant allows by now."""

    last_seq: int
    status: str
    server_time: str
    allowed_origins: list[str]


_SESSIONS = ChatSession._meta.db_table
_TRAIL = TrailEntry._meta.db_table
_IDLE = IdlePeriod._meta.db_table
_TTL = f"interval '{PRESENCE_TTL.seconds} seconds'"
_HAS_ROOM = f"(SELECT count(*) FROM {_TRAIL} AS step WHERE step.session_id = moved.id) < {MAX_TRAIL}"

# ChatSession.expires_at. (GREATEST knows no NULLs.)
_EXPIRES_AT = (
    "GREATEST(session.last_activity_at + tenant.session_expiry_seconds * interval '1 second', session.held_until)"
)

# A session whose time is over by the rules of ChatSession.is_restorable() is left alone: a beat must not bring it
# back to life. So is one that somebody else has locked: its beat joins the next flush, and nobody waits for it. Who was
# gone until now is back, which is a step of the trail; who uses the page again ends an IdlePeriod.
_STAMP = f"""
WITH beat AS (
  SELECT * FROM unnest(%s::uuid[], %s::boolean[], %s::boolean[]) AS b(session_id, visible, active)
), before AS (
  SELECT session.id, session.is_visible, session.left_at, session.last_seen_at, session.last_activity_at,
    beat.visible, beat.active,
    tenant.allowed_origins,
    session.left_at IS NOT NULL OR session.last_seen_at < statement_timestamp() - {_TTL} AS is_back,
    CASE WHEN (session.status = 'queued' OR tenant.idle_rule_for_active)
        AND {_EXPIRES_AT} <= statement_timestamp()
          + LEAST(tenant.expiry_warning_seconds + {WARNING_SLACK.seconds}, tenant.session_expiry_seconds / 2.0)
            * interval '1 second'
      THEN tenant.session_expiry_seconds * interval '1 second' END AS expires_in
  FROM {_SESSIONS} AS session
  JOIN beat USING (session_id)
  JOIN {Tenant._meta.db_table} AS tenant ON tenant.id = session.tenant_id
  WHERE session.status IN ('queued', 'active')
    AND tenant.is_active
    AND NOT ((session.status = 'queued' OR tenant.idle_rule_for_active) AND {_EXPIRES_AT} <= statement_timestamp())
    AND NOT (GREATEST(
        session.last_seen_at + tenant.disconnect_timeout_seconds * interval '1 second', session.held_until
      ) <= statement_timestamp() AND NOT (tenant.reopen_enabled AND {_EXPIRES_AT} > statement_timestamp()))
  FOR NO KEY UPDATE OF session SKIP LOCKED
), moved AS (
  UPDATE {_SESSIONS} AS session
  SET last_seen_at = GREATEST(session.last_seen_at, statement_timestamp()),
      last_activity_at = CASE WHEN before.active THEN GREATEST(session.last_activity_at, statement_timestamp())
        ELSE session.last_activity_at END,
      is_visible = before.visible,
      left_at = NULL
  FROM before
  WHERE session.id = before.id
  RETURNING session.id, session.session_id, session.tenant_id, session.assigned_to_id, session.status,
    session.last_seen_at, session.last_seq, before.allowed_origins,
    CASE WHEN before.expires_in IS NOT NULL
      THEN GREATEST(session.last_activity_at + before.expires_in, session.held_until) END AS expires_at,
    before.is_visible <> before.visible OR before.is_back AS has_changed,
    CASE WHEN before.is_back THEN before.last_seen_at END AS gone_since,
    session.last_activity_at,
    CASE WHEN session.last_activity_at - before.last_activity_at >= {_TTL} THEN before.last_activity_at END
      AS idle_since
), idle AS (
  INSERT INTO {_IDLE} (session_id, began_at, ended_at)
  SELECT id, idle_since, last_activity_at FROM moved WHERE idle_since IS NOT NULL
), step AS (
  INSERT INTO {_TRAIL} (session_id, kind, at, after_seq, gone_since)
  SELECT id, 'back', last_seen_at, last_seq, gone_since FROM moved
  WHERE gone_since IS NOT NULL AND (last_seen_at - gone_since >= {_TTL} OR {_HAS_ROOM})
  RETURNING session_id, kind, at, after_seq, gone_since
)
SELECT moved.session_id, tenant_id, assigned_to_id, status, last_seen_at, last_seq, allowed_origins, expires_at,
  has_changed, step.kind, step.at, step.after_seq, step.gone_since
FROM moved LEFT JOIN step ON step.session_id = moved.id
"""

# Whoever was asked and has a socket of the visitor has stamped since. One leaving is marked once: two processes may
# find out together. As for beats, nobody waits for a row that somebody holds: it is tried again.
_UNSEEN = """
session.status IN ('queued', 'active') AND session.left_at IS NULL
  AND session.last_seen_at < statement_timestamp() - asked.seconds * interval '1 second'
"""
_LEAVE = f"""
WITH asked AS (
  SELECT * FROM unnest(%s::uuid[], %s::float[]) AS a(session_id, seconds)
), unseen AS (
  SELECT session.id, session.session_id FROM {_SESSIONS} AS session JOIN asked USING (session_id) WHERE {_UNSEEN}
), moved AS (
  UPDATE {_SESSIONS} SET left_at = statement_timestamp()
  WHERE id IN (
    SELECT session.id FROM {_SESSIONS} AS session JOIN asked USING (session_id) WHERE {_UNSEEN}
    FOR NO KEY UPDATE OF session SKIP LOCKED
  )
  RETURNING id, tenant_id, assigned_to_id, status, last_seen_at, left_at, last_seq
), step AS (
  INSERT INTO {_TRAIL} (session_id, kind, at, after_seq)
  SELECT id, 'left', left_at, last_seq FROM moved WHERE {_HAS_ROOM}
  RETURNING session_id, kind, at, after_seq, gone_since
)
SELECT unseen.session_id, tenant_id, assigned_to_id, status, last_seen_at,
  step.kind, step.at, step.after_seq, step.gone_since
FROM unseen LEFT JOIN moved USING (id) LEFT JOIN step ON step.session_id = moved.id
"""


def stamp(beats: dict[UUID, tuple[bool, bool]]) -> tuple[dict[UUID, Beat | ChatError], set[UUID]]:
    """Stamps sessions, {session_id: (visible, active)}, as seen now; active: the visitor used the page.

    One statement, however many they are. Returns the answers, and the sessions that could not be stamped because
    somebody holds their rows. A session that is over, or whose time is over, gets what it has come to. Agents are
    told whose presence changed, and both sides which chat the idle rule takes soon, or would have without this beat.
    """
    visible = [is_visible for is_visible, _ in beats.values()]
    active = [is_active for _, is_active in beats.values()]
    with connection.cursor() as cursor:
        cursor.execute(_STAMP, [list(beats), visible, active])
        rows = cursor.fetchall()
    answers: dict[UUID, Beat | ChatError] = {}
    news = []
    for row in rows:
        session_id, _, _, status, now, last_seq, allowed_origins, expires_at, has_changed, *step = row
        answers[session_id] = Beat(last_seq, status, timestamp(now), allowed_origins)
        if has_changed:
            news.append(_presence_changed(row, Presence.ONLINE if beats[session_id][0] else Presence.AWAY))
            news += _steps(row, step)
        if expires_at is not None:
            news.append(events.expiring(_stamped(row), expires_at, now))
    events.publish(news)
    others, held = _states_of(beats.keys() - answers.keys())
    return answers | others, held


def _states_of(session_ids: Iterable[UUID]) -> tuple[dict[UUID, Beat | ChatError], set[UUID]]:
    """What the sessions that were not stamped have come to, and those that are merely held by somebody."""
    missing = set(session_ids)
    if not missing:
        return {}, set()
    now = selectors.database_now()
    found = ChatSession.objects.filter(session_id__in=missing).select_related("tenant")
    states: dict[UUID, Beat | ChatError] = {session_id: SessionNotFound() for session_id in missing}
    held = set()
    for session in found:
        tenant = session.tenant
        if not tenant.is_active:
            states[session.session_id] = TenantNotFound()
            continue
        if session.is_open and not session.is_restorable(now):
            session = services.abandon_if_lost(session.session_id)
        elif session.is_open:
            held.add(session.session_id)
        states[session.session_id] = Beat(session.last_seq, session.status, timestamp(now), tenant.allowed_origins)
    return states, held


def mark_left(unseen: dict[UUID, float]) -> set[UUID]:
    """No process has a socket of these visitors any more: those whom nobody has stamped for so many seconds. Returns
    the sessions that could not be marked because somebody holds their rows."""
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE, [list(unseen), list(unseen.values())])
        rows = cursor.fetchall()
    moved = [row for row in rows if row[1] is not None]
    events.publish(news for row in moved for news in (_presence_changed(row, Presence.GONE), *_steps(row, row[5:])))
    return {row[0] for row in rows} - {row[0] for row in moved}


def _mark_left(asked_at: dict[UUID, float]) -> set[UUID]:
    """As mark_left(), by when the other processes were asked: told at each try, for it may have waited."""
    since = time.monotonic() + ASK_SLACK_SECONDS
    return mark_left({session_id: since - at for session_id, at in asked_at.items()})


def _presence_changed(row: Sequence, presence: Presence) -> events.Event:
    return events.presence_changed(_stamped(row), presence)


def _stamped(row: Sequence) -> ChatSession:
    """As much of the session as its events need, which its row begins with."""
    columns = ("session_id", "tenant_id", "assigned_to_id", "status", "last_seen_at")
    return ChatSession(**dict(zip(columns, row, strict=False)))


def _steps(row: Sequence, step: Sequence) -> list[events.Event]:
    """What the statement has added to the trail, if it has: kind, at, after_seq, gone_since."""
    columns = ("kind", "at", "after_seq", "gone_since")
    entry = TrailEntry(**dict(zip(columns, step, strict=True)))
    return [events.trail_new(_stamped(row), entry)] if entry.kind else []


class BeatingSocket(Socket, Protocol):
    def beaten(self, answer: Beat | ChatError) -> None:
        """What has come of a beat."""


class Board:
    """The visitors' sockets of this process, and their beats since the last flush."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[UUID, dict[BeatingSocket, bool]] = {}  # to whether its tab is visible
        self._stamped_at: dict[UUID, float] = {}  # by the loop's clock, the longest ago first
        self._beats: dict[UUID, bool] = {}  # to whether the page was used
        self._waiting: dict[UUID, list[BeatingSocket]] = {}
        self._stamping: Collection[UUID] = ()
        self._leaving: dict[UUID, float] = {}  # to when a beat from before that was stamped, by the loop's clock
        self._left: dict[UUID, float] = {}  # to when the other processes were asked, by the monotonic clock
        self._flusher: asyncio.Task | None = None
        self._thread = DatabaseThread("presence")

    def enter(self, session_id: UUID, socket: BeatingSocket, *, is_visible: bool) -> None:
        """After a hello, which has stamped the session."""
        self._sockets.setdefault(session_id, {})[socket] = is_visible
        self._note_stamp(session_id)
        self._keep_flushing()

    def _note_stamp(self, session_id: UUID) -> None:
        self._stamped_at.pop(session_id, None)
        self._stamped_at[session_id] = self._loop.time()

    def leave(self, session_id: UUID, socket: BeatingSocket) -> None:
        sockets = self._sockets.get(session_id, {})
        if sockets.pop(socket, None) is None:
            return
        if sockets:
            self.see(session_id)  # the tab that was visible may have been the one that went
        else:
            del self._sockets[session_id]
            del self._stamped_at[session_id]
            self._leaving[session_id] = -math.inf
            self._loop.call_later(LEAVE_GRACE_SECONDS, self._ask, session_id)

    def beat(self, session_id: UUID, socket: BeatingSocket, *, is_visible: bool, is_active: bool) -> None:
        """``socket`` is told what came of it within about FLUSH_SECONDS."""
        if session_id in self._sockets:
            self._sockets[session_id][socket] = is_visible
        self._waiting.setdefault(session_id, []).append(socket)
        self.see(session_id, is_active=is_active)

    def see(self, session_id: UUID, *, is_active: bool = False) -> None:
        """The visitor is there; nobody waits for an answer."""
        self._beats[session_id] = self._beats.get(session_id, False) or is_active
        self._keep_flushing()

    def _ask(self, session_id: UUID) -> None:
        if session_id in self._sockets:
            self._leaving.pop(session_id, None)
            return
        stamped_at = self._leaving.get(session_id, -math.inf)
        is_stamped = session_id not in self._beats and session_id not in self._stamping
        if not is_stamped or self._loop.time() - stamped_at <= ASK_SLACK_SECONDS:
            # Its own last beat would be taken for the answer of another process.
            self._loop.call_later(ASK_SLACK_SECONDS, self._ask, session_id)
            return
        self._leaving.pop(session_id, None)
        events.publish([events.visitor_left(session_id)])
        self._loop.call_later(ANSWER_SECONDS, self._conclude, session_id, time.monotonic())

    def _conclude(self, session_id: UUID, asked_at: float) -> None:
        if session_id not in self._sockets:
            self._left[session_id] = asked_at
            self._keep_flushing()

    def _keep_flushing(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_while_needed())

    async def _flush_while_needed(self) -> None:
        while self._sockets or self._beats or self._left:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        now = self._loop.time()
        for session_id, stamped_at in self._stamped_at.items():
            if now - stamped_at < OPEN_SOCKET_SECONDS:
                break
            self._beats.setdefault(session_id, False)
        beats = {
            session_id: (any(self._sockets.get(session_id, {}).values()), is_active)
            for session_id, is_active in self._beats.items()
        }
        waiting = self._waiting
        left = {session_id: at for session_id, at in self._left.items() if session_id not in self._sockets}
        self._stamping, self._beats, self._waiting, self._left = beats.keys(), {}, {}, {}
        answers: dict[UUID, Beat | ChatError] = {}
        try:
            if beats:
                answers, held = await self._thread.run(stamp, beats)
                for session_id in held:
                    self.see(session_id, is_active=beats[session_id][1])
                for session_id in answers:
                    if session_id in self._sockets:
                        self._note_stamp(session_id)
                    elif session_id in self._leaving:
                        self._leaving[session_id] = self._loop.time()
            if left:
                for session_id in await self._thread.run(_mark_left, left):
                    self._left.setdefault(session_id, left[session_id])
        except DatabaseError:
            # They join the next flush; who left is found out by the stamps' age.
            logger.exception("%d heartbeats were not stamped", len(beats))
            for session_id in beats.keys() - answers.keys():
                self.see(session_id, is_active=beats[session_id][1])
        except Exception:  # noqa: BLE001 - a bug in one flush must not end the heartbeats of the process
            logger.exception("%d heartbeats failed", len(beats))
        self._stamping = ()
        for session_id, sockets in waiting.items():
            answer = answers.get(session_id) or Unavailable()
            for socket in sockets:
                socket.beaten(answer)


boards = PerLoop(Board)
