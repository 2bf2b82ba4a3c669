"""How a verb of services/ runs: one transaction, row locks in one order, the database's clock, and, after the
commit, the news."""

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from django.db import NotSupportedError, OperationalError, connection, transaction

from sessions_app import events, rows, selectors
from sessions_app.errors import ChatError, SessionNotFound
from sessions_app.models import (
    CLOSED,
    MAX_TRAIL,
    PRESENCE_TTL,
    TRANSITIONS,
    ChatSession,
    IdlePeriod,
    Message,
    Party,
    Reason,
    SessionEvent,
    Status,
    TrailEntry,
)
from sessions_app.rows import NewMessage

P = ParamSpec("P")
R = TypeVar("R")

# serialization_failure, deadlock_detected, and feature_not_supported: a prepared plan that a migration has outdated
RETRIED_SQLSTATES = {"40001", "40P01", "0A000"}
TRIES = 3


class Actor(NamedTuple):
    """Who does it. An agent comes with the tenants whose chats that agent may touch."""

    type: Party
    name: str = ""
    user_id: int | None = None
    tenant_ids: frozenset[int] = frozenset()
    is_supervisor: bool = False


SYSTEM = Actor(Party.SYSTEM)
VISITOR = Actor(Party.VISITOR)

# What the visitor's system line is worded by, where the widget, in its languages, need not know what it was exactly.
_TOLD = {
    (Reason.ASSIGNED, Status.ACTIVE): Reason.ACCEPTED,
    (Reason.TRANSFERRED, Status.ACTIVE): Reason.ACCEPTED,
    (Reason.TRANSFERRED, Status.QUEUED): Reason.AGENT_GONE,
}


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
            except (OperationalError, NotSupportedError) as error:
                if getattr(error.__cause__, "sqlstate", None) not in RETRIED_SQLSTATES or attempt == TRIES:
                    raise
            else:
                break
        if refusal is not None:
            raise refusal
        return result

    return run


def _run_once(function: Callable[..., R], args: tuple, kwargs: dict) -> tuple[R | None, ChatError | None]:
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        work = Work()
        result = refusal = None
        try:
            result = function(work, *args, **kwargs)
        except ChatError as error:
            refusal = error
        work.save(commit=is_outermost)
    return result, refusal


def session_changed(session: ChatSession, now: datetime) -> events.Event:
    return events.session_changed(session, selectors.last_messages([session]).get(session.pk), now)


class Work:
    """What one transaction does to its locked sessions: gathered, then written one table at a time, and told to
    everybody concerned after the commit. ``now`` is the database's clock once the locks were had."""

    now: datetime
    known: dict[tuple[int, UUID], Message | NewMessage]

    def __init__(self) -> None:
        self._sessions: dict[int, ChatSession] = {}
        self._used_at: dict[int, datetime] = {}  # last, when they were locked
        self._messages: list[NewMessage] = []
        self._transitions: list[SessionEvent] = []
        self._news: list[events.Event] = []
        self._queues: set[int] = set()
        self._followed: dict[int, tuple[str, ...]] = {}
        self._unindexed: set[int] = set()

    def lock_many(
        self,
        session_ids: Iterable[UUID],
        *,
        sent: Iterable[tuple[UUID, UUID]] = (),
        skip_locked: bool = False,
    ) -> dict[UUID, ChatSession]:
        """Those of the sessions that exist (and that nobody else has locked), by their session_id. ``known`` has
        those of the messages ``sent``, (session_id, client_message_id), that are stored already.

        The agent is not loaded: who needs it asks anew, since a colleague may just have accepted.
        """
        locked = rows.lock(set(session_ids), set(sent), skip_locked=skip_locked)
        self.known, self.now = locked.known, locked.now
        self._used_at |= {session.pk: session.last_activity_at for session in locked.sessions.values()}
        return locked.sessions

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

    def call_agents(self, session: ChatSession) -> None:
        """There is a chat to be given away, or room for one."""
        if session.tenant.auto_assign:
            self.announce(events.queue_grew(session.tenant_id))

    def index(self, session: ChatSession) -> None:
        """The history's search will find the session, which is closed, by what it holds now."""
        self._unindexed.add(session.pk)

    def step(
        self, session: ChatSession, kind: TrailEntry.Kind, *, gone_since: datetime | None = None, **fields: object
    ) -> None:
        """Appends to the visitor's trail, which agents see; beyond MAX_TRAIL only absences that a policy could have
        acted on, which the simulator has to know."""
        was_long = gone_since is not None and self.now - gone_since >= PRESENCE_TTL
        if not was_long and TrailEntry.objects.filter(session_id=session.pk).count() >= MAX_TRAIL:
            return
        fields |= {"at": self.now, "after_seq": session.last_seq, "gone_since": gone_since}
        entry = TrailEntry(session_id=session.pk, kind=kind, **fields)
        entry.save(force_insert=True)
        self.announce(events.trail_new(session, entry))

    def give(self, session: ChatSession, user_id: int | None) -> None:
        """Before a move() that changes who has the chat."""
        self._followed[session.pk] = events.console_groups(session)
        session.assigned_to_id = user_id

    def say(
        self,
        session: ChatSession,
        sender: Actor,
        body: str,
        client_message_id: UUID | None = None,
        event: dict[str, str] | None = None,
    ) -> NewMessage:
        """Appends the next message; ``event`` is what a system message tells of."""
        session.last_seq += 1
        session.updated_at = self.now
        is_system = sender.type == Party.SYSTEM
        message = NewMessage(
            session_id=session.pk,
            seq=session.last_seq,
            client_message_id=client_message_id,
            sender_type=sender.type,
            sender_id=sender.user_id,
            sender_name=sender.name,
            message_type=Message.Type.SYSTEM if is_system else Message.Type.TEXT,
            body=body,
            event=event,
            created_at=self.now,
        )
        self._messages.append(message)
        self.change(session)
        return message

    def move(
        self,
        session: ChatSession,
        to: Status,
        reason: Reason,
        actor: Actor,
        text: str,
        *,
        agent_name: str = "",
        **explanation,
    ) -> None:
        """One transition: the status, its SessionEvent (with ``explanation``), its system message, its news. Visitors
        may be told ``agent_name``: of the agent who comes or goes."""
        came_from = Status(session.status)
        if to not in TRANSITIONS[came_from]:
            raise AssertionError(f"{came_from} -> {to} is no transition")
        # The consoles that followed the chat until now hear of it as well as those that will.
        followed = self._followed.pop(session.pk, None) or events.console_groups(session)
        session.status = to
        session.closed_at = self.now if to in CLOSED else None
        session.closed_reason = reason if to in CLOSED else ""
        session.stage = explanation.get("stage", "")
        if to == Status.ACTIVE:
            session.accepted_at = session.accepted_at or self.now
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
        told = {"reason": str(_TOLD.get((reason, to), reason)), **({"agent_name": agent_name} if agent_name else {})}
        if session.parting_words:
            told["text"] = session.parting_words
        message = self.say(session, SYSTEM, text, event=told)
        self.announce(events.message_new(session, message, also=followed))
        picture = selectors.agent_directory().picture_of(session.assigned_to_id) if to == Status.ACTIVE else None
        self.announce(
            events.status_changed(session, is_reopened=reason == Reason.REOPENED, agent_picture=picture),
        )
        self.announce(events.session_changed(session, message, self.now))
        if session.waiting_since and Status.QUEUED in (came_from, to):
            self.queue_changed(session)
        if came_from == Status.ACTIVE or (to == Status.QUEUED and session.waiting_since):
            self.call_agents(session)
        if to in CLOSED:
            self.index(session)

    def save(self, *, commit: bool = False) -> None:
        """The last that a transaction does; with ``commit`` its commit, too."""
        SessionEvent.objects.bulk_create(self._transitions)
        sessions = list(self._sessions.values())
        idle = [
            IdlePeriod(session_id=session.pk, began_at=since, ended_at=session.last_activity_at)
            for session in sessions
            if session.last_activity_at - (since := self._used_at[session.pk]) >= PRESENCE_TTL
        ]
        rows.write(sessions, self._messages, idle=idle, unindexed=self._unindexed, commit=commit)
        if self._news or self._queues:
            # Robust: what was committed has happened, whether its news gets out or not.
            transaction.on_commit(self._publish, robust=True)

    def _publish(self) -> None:
        events.publish(self._news)
        for tenant_id in self._queues:
            positions = selectors.queue_positions(tenant_id)
            events.publish(events.queue_position(session_id, position) for session_id, position in positions)
