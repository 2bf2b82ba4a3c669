"""How a verb of services.py runs: one transaction, row locks in one order, the database's clock, and, after the
commit, the news."""

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from sessions_app import events, selectors
from sessions_app.errors import ChatError, SessionNotFound
from sessions_app.models import CLOSED, TRANSITIONS, ChatSession, Message, Party, Reason, SessionEvent, Status

P = ParamSpec("P")
R = TypeVar("R")

RETRIED_SQLSTATES = {"40001", "40P01"}  # serialization_failure, deadlock_detected
TRIES = 3


class Actor(NamedTuple):
    """Who does it. An agent comes with the tenants whose chats that agent may touch."""

    type: Party
    name: str = ""
    user_id: int | None = None
    tenant_ids: frozenset[int] = frozenset()


SYSTEM = Actor(Party.SYSTEM)


def verb(function: Callable[Concatenate["Work", P], R]) -> Callable[P, R]:
    """Runs ``function(work, …)`` in one transaction; again when the database chose it as a deadlock's victim.

    A ChatError is an answer, not a failure: what the verb had found out until then (a session whose time is over)
    is committed and told, then the error is raised. So a verb raises before it changes anything else.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, TRIES + 1):
            try:
                result, refusal = _run_once(function, args, kwargs)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in RETRIED_SQLSTATES or attempt == TRIES:
                    raise
            else:
                break
        if refusal is not None:
            raise refusal
        return result

    return run


def _run_once(function: Callable[..., R], args: tuple, kwargs: dict) -> tuple[R | None, ChatError | None]:
    with transaction.atomic():
        work = Work()
        result = refusal = None
        try:
            result = function(work, *args, **kwargs)
        except ChatError as error:
            refusal = error
        work.save()
    return result, refusal


class Work:
    """What one transaction does to its locked sessions: gathered, then written one table at a time, and told to
    everybody concerned after the commit. ``now`` is the database's clock once the locks were had."""

    now: datetime

    def __init__(self) -> None:
        self._sessions: dict[int, ChatSession] = {}
        self._messages: list[Message] = []
        self._transitions: list[SessionEvent] = []
        self._news: list[events.Event] = []
        self._queues: set[int] = set()

    def lock_rows(
        self, rows: QuerySet[ChatSession], *, limit: int | None = None, skip_locked: bool = False
    ) -> list[ChatSession]:
        """The sessions under their row locks, taken by pk so that two verbs never wait for each other in a ring.
        NO KEY: an insert that only refers to the session need not wait.

        The agent is not joined: PostgreSQL reads a row anew that it had to wait for, but not what it had joined to
        it before, and the chat that a colleague has just accepted would come without its agent.
        """
        locked = list(
            rows.select_related("tenant")
            .order_by("pk")
            .select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)[:limit]
        )
        self.now = selectors.database_now()
        return locked

    def lock_many(self, session_ids: Iterable[UUID], *, skip_locked: bool = False) -> dict[UUID, ChatSession]:
        """Those of the sessions that exist (and that nobody else has locked), by their session_id."""
        rows = ChatSession.objects.filter(session_id__in=set(session_ids))
        return {session.session_id: session for session in self.lock_rows(rows, skip_locked=skip_locked)}

    def lock(self, session_id: UUID, *, agent: Actor | None = None) -> ChatSession:
        """For an agent, another tenant's session is as unknown as none. Raises SessionNotFound."""
        session = self.lock_many([session_id]).get(session_id)
        if session is None or (agent is not None and session.tenant_id not in agent.tenant_ids):
            raise SessionNotFound
        return session

    def change(self, session: ChatSession) -> None:
        """``session`` will be written."""
        self._sessions[session.pk] = session

    def announce(self, event: events.Event) -> None:
        self._news.append(event)

    def queue_changed(self, session: ChatSession) -> None:
        """The waiting visitors of its tenant will be told their positions."""
        self._queues.add(session.tenant_id)

    def say(self, session: ChatSession, sender: Actor, body: str, client_message_id: UUID | None = None) -> Message:
        """Appends the next message."""
        session.last_seq += 1
        session.updated_at = self.now
        is_system = sender.type == Party.SYSTEM
        message = Message(
            session=session,
            seq=session.last_seq,
            client_message_id=client_message_id,
            sender_type=sender.type,
            sender_id=sender.user_id,
            sender_name=sender.name,
            message_type=Message.Type.SYSTEM if is_system else Message.Type.TEXT,
            body=body,
            created_at=self.now,
        )
        self._messages.append(message)
        self.change(session)
        return message

    def move(self, session: ChatSession, to: Status, reason: Reason, actor: Actor, text: str, **explanation) -> None:
        """One transition: the status, its SessionEvent (with ``explanation``), its system message, its news."""
        came_from = Status(session.status)
        if to not in TRANSITIONS[came_from]:
            raise AssertionError(f"{came_from} -> {to} is no transition")
        # The consoles that followed the chat until now hear of it as well as those that will.
        followed = events.console_groups(session)
        session.status = to
        session.closed_at = self.now if to in CLOSED else None
        session.closed_reason = reason if to in CLOSED else ""
        session.stage = explanation.get("stage", "")
        self._transitions.append(
            SessionEvent(
                session=session,
                from_status=came_from,
                to_status=to,
                reason=reason,
                actor_type=actor.type,
                actor_id=actor.user_id,
                at=self.now,
                page_url=session.page_url,
                **explanation,
            )
        )
        message = self.say(session, SYSTEM, text)
        self.announce(events.message_new(session, message, also=followed))
        self.announce(events.status_changed(session, is_reopened=reason == Reason.REOPENED))
        self.announce(events.session_changed(session, message, self.now))
        if session.waiting_since and Status.QUEUED in (came_from, to):
            self.queue_changed(session)

    def save(self) -> None:
        Message.objects.bulk_create(self._messages)
        SessionEvent.objects.bulk_create(self._transitions)
        _write(list(self._sessions.values()))
        if self._news or self._queues:
            # Robust: what was committed has happened, whether its news gets out or not.
            transaction.on_commit(self._publish, robust=True)

    def _publish(self) -> None:
        for tenant_id in self._queues:
            for session_id, position in selectors.queue_positions(tenant_id):
                self._news.append(events.queue_position(session_id, position))
        events.publish(self._news)


# Every column that a verb may change on a locked row, with its PostgreSQL type.
_WRITTEN = {
    "status": "text",
    "assigned_to_id": "bigint",
    "closed_reason": "text",
    "stage": "text",
    "last_seq": "integer",
    "page_url": "text",
    "page_title": "text",
    "updated_at": "timestamptz",
    "last_activity_at": "timestamptz",
    "last_seen_at": "timestamptz",
    "left_at": "timestamptz",
    "waiting_since": "timestamptz",
    "first_visitor_message_at": "timestamptz",
    "first_agent_message_at": "timestamptz",
    "closed_at": "timestamptz",
}
_WRITE = (
    f"UPDATE {ChatSession._meta.db_table} AS session SET "
    + ", ".join(f"{column} = new.{column}" for column in _WRITTEN)
    + f" FROM unnest(%s::bigint[], {', '.join(f'%s::{kind}[]' for kind in _WRITTEN.values())})"
    + f" AS new(id, {', '.join(_WRITTEN)}) WHERE session.id = new.id"
)


def _write(sessions: list[ChatSession]) -> None:
    """Saves locked sessions in one statement, however many they are. Whole columns are safe to write: nobody else
    can have changed them since the lock."""
    if sessions:
        columns = [[getattr(session, column) for session in sessions] for column in _WRITTEN]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [[session.pk for session in sessions], *columns])
