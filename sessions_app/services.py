"""The verbs: the only writers of sessions, messages and events.

Each is one transaction (work.py). Whoever comes second gets a clear ChatError, never a second transition.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import F, Value, prefetch_related_objects
from django.db.models.functions import Least, Lower, Now

from sessions_app import events, selectors, tokens
from sessions_app.errors import (
    ChatError,
    Conflict,
    Invalid,
    NotAllowed,
    SessionNotFound,
    SessionOver,
    Taken,
    TenantNotFound,
)
from sessions_app.models import (
    SWEEP_RUNS_KEPT,
    Attachment,
    ChatSession,
    Message,
    Note,
    Party,
    Presence,
    Reason,
    SessionEvent,
    Status,
    SweepRun,
    Tag,
    Tenant,
    TrailEntry,
)
from sessions_app.serializers import agent_name, message_payload, note_payload
from sessions_app.work import SYSTEM, Actor, Work, verb

VISITOR = Actor(Party.VISITOR)

# Locked together while their ends are written; more would be locked for longer.
SWEEP_BATCH = 200


class Post(NamedTuple):
    """One message to be stored. ``body`` has been through protocol.clean_text(); that of a file is its name."""

    session_id: UUID
    client_message_id: UUID
    body: str
    sender: Actor
    attachment: Attachment | None = None


class Posted(NamedTuple):
    """``message`` is the message (or note) object; ``is_new`` is False for a repeat."""

    message: dict[str, object]
    is_new: bool


class Started(NamedTuple):
    session: ChatSession
    session_key: str


class Restored(NamedTuple):
    session: ChatSession
    is_reopened: bool
    at: datetime


def start_session(
    tenant: Tenant,
    *,
    customer_name: str = "",
    customer_email: str = "",
    metadata: dict[str, str] | None = None,
    channel: str = ChatSession.Channel.WEB_WIDGET,
    user_agent: str = "",
    start_id: UUID | None = None,
    previous_session_id: UUID | None = None,
    previous_outcome: str = "",
) -> Started:
    """A new session in `queued`; it enters the queue with the visitor's first message.

    The same ``start_id`` again is the same session with the same key. Raises SessionOver when that session has
    been closed since, Conflict when its key can no longer be made (SECRET_KEY was changed).
    """
    key = tokens.new_key() if start_id is None else tokens.key_for_start(tenant.pk, str(start_id))
    start_id_hash = None if start_id is None else tokens.digest(str(start_id))
    values = dict(metadata or {})
    values = {
        "channel": channel,
        "user_agent": user_agent,
        "customer_name": customer_name,
        "customer_email": customer_email,
        "page_url": values.pop("page_url", ""),
        "page_title": values.pop("page_title", ""),
        "metadata": values,
        "previous_session_id": previous_session_id,
        "previous_outcome": previous_outcome,
    }
    while True:
        started = start_id_hash and _started_before(tenant, start_id_hash, key)
        if started:
            return started
        try:
            with transaction.atomic():
                session = ChatSession.objects.create(
                    tenant=tenant,
                    session_key_hash=tokens.digest(key),
                    start_id_hash=start_id_hash,
                    conversation_id=tokens.new_conversation_id(),
                    **values,
                )
                SessionEvent.objects.create(
                    session=session,
                    to_status=session.status,
                    reason=Reason.STARTED,
                    actor_type=Party.VISITOR,
                    page_url=session.page_url,
                )
                if session.page_url:
                    TrailEntry.objects.create(
                        session=session,
                        kind=TrailEntry.Kind.PAGE,
                        after_seq=0,
                        url=session.page_url,
                        title=session.page_title,
                        referrer=session.metadata.get("referrer", ""),
                    )
        except IntegrityError as error:
            # The same start at the same moment, or a conversation id that exists: looking again settles both.
            # Anything else is a bug and must not loop.
            if error.__cause__.diag.constraint_name not in (
                "session_start_id_unique",
                "session_conversation_id_unique",
            ):
                raise
        else:
            return Started(session, key)


def _started_before(tenant: Tenant, start_id_hash: str, key: str) -> Started | None:
    session = ChatSession.objects.select_related("tenant").filter(tenant=tenant, start_id_hash=start_id_hash).first()
    if session is None:
        return None
    if not tokens.is_key(key, session.session_key_hash):
        raise Conflict
    if not session.is_open:
        raise _over(session)
    return Started(session, key)


@verb
def post_messages(work: Work, posts: Sequence[Post], *, skip_locked: bool = False) -> list[Posted | ChatError | None]:
    """Stores messages of any number of sessions in one transaction; each has its own outcome, in the same order.

    With ``skip_locked`` the outcome of a session that somebody else holds is None: try that one again by itself,
    rather than let all the others wait for it.

    A repeat (same session, same client_message_id) gets the message that was stored, whatever became of the
    session since; the same id with another body or sender is a Conflict. A visitor's message to a session that may
    be reopened reopens it. Other outcomes: SessionNotFound, SessionOver, Taken, Invalid.
    A database error is raised: nothing of the batch was stored, all of it may be repeated.
    """
    sessions = work.lock_many(
        (post.session_id for post in posts),
        sent=((post.session_id, post.client_message_id) for post in posts),
        skip_locked=skip_locked,
    )
    # What enters the queue is announced with all that consoles show of it.
    silent = [one for one in sessions.values() if one.status == Status.QUEUED and one.waiting_since is None]
    prefetch_related_objects(silent, "tags")
    outcomes: list[Posted | ChatError | None] = []
    for post in posts:
        if skip_locked and post.session_id not in sessions:
            outcomes.append(None)
            continue
        try:
            outcomes.append(_post(work, sessions.get(post.session_id), post))
        except ChatError as error:
            outcomes.append(error)
    return outcomes


def _post(work: Work, session: ChatSession | None, post: Post) -> Posted:
    sender = post.sender
    is_visitor = sender.type == Party.VISITOR
    if session is None or not (is_visitor or session.tenant_id in sender.tenant_ids):
        raise SessionNotFound
    repeated = work.known.get((session.pk, post.client_message_id))
    if repeated is not None:
        if (repeated.body, repeated.sender_type, repeated.sender_id) != (
            post.body,
            sender.type,
            sender.user_id,
        ) or not _has_same_file(repeated, post.attachment):
            raise Conflict
        return Posted(message_payload(repeated, session.session_id), is_new=False)

    enters_queue = False
    if is_visitor:
        if not session.tenant.is_active:
            raise TenantNotFound
        _require_visit(work, session)
        sender = Actor(Party.VISITOR, session.customer_name or "Visitor")
        enters_queue = session.status == Status.QUEUED and session.waiting_since is None
        session.waiting_since = session.waiting_since or work.now
        session.first_visitor_message_at = session.first_visitor_message_at or work.now
        _touch(work, session)
    else:
        _require_turn(work, session, sender)
        session.waiting_since = None
        session.first_agent_message_at = session.first_agent_message_at or work.now
    session.last_activity_at = work.now
    message = work.say(session, sender, post.body, post.client_message_id)
    if post.attachment is not None:
        _attach(post.attachment, message)
    work.known[session.pk, post.client_message_id] = message
    if enters_queue:
        # Before the message: consoles learn of the chat that it belongs to.
        work.announce(events.session_changed(session, message, work.now))
        work.queue_changed(session)
        work.call_agents(session)
    news = events.message_new(session, message)
    work.announce(news)
    return Posted(news.payload["message"], is_new=True)


def _attach(attachment: Attachment, message: Message) -> None:
    message.message_type = Message.Type.FILE
    message.attachment = attachment
    attachment.seq = message.seq
    attachment.save(update_fields=["seq"])


def _has_same_file(message: Message, attachment: Attachment | None) -> bool:
    [message] = selectors.with_attachments([message])
    return (message.attachment and message.attachment.sha256) == (attachment and attachment.sha256)


def _require_turn(work: Work, session: ChatSession, agent: Actor) -> None:
    """An agent answers in the chats that the agent has."""
    _abandon_if_lost(work, session)
    if not session.is_open:
        raise _over(session)
    if session.status == Status.QUEUED:
        raise Invalid("Accept this chat before you answer.")
    if session.assigned_to_id != agent.user_id:
        raise Taken(agent_name(session.assigned_to))


@verb
def restore_session(
    work: Work,
    session_id: UUID,
    *,
    is_page_load: bool,
    page_url: str = "",
    page_title: str = "",
    referrer: str = "",
) -> Restored:
    """The visitor is back, with a key that the caller has checked. Reopens what may be reopened.

    Raises SessionOver when its time is over, by the clock of this moment, whether a sweep has run or not.
    """
    session = work.lock(session_id)
    was_abandoned = session.status == Status.ABANDONED
    _require_visit(work, session)
    _touch(work, session)
    if is_page_load or was_abandoned:
        _renew(work, session)
    if page_url:
        _show_page(work, session, page_url, page_title, referrer)
    return Restored(session, was_abandoned, work.now)


def _require_visit(work: Work, session: ChatSession) -> None:
    """The visitor is here: reopens a session that was abandoned too early. Raises SessionOver."""
    _abandon_if_lost(work, session)
    if session.is_open:
        return
    if not session.is_restorable(work.now):
        raise _over(session)
    _reopen(work, session)


def _reopen(work: Work, session: ChatSession) -> None:
    """Back to the same agent, if that agent is online and has room, else to its old place in the queue."""
    agent_id = session.assigned_to_id
    if agent_id is not None and not selectors.agent_directory().can_be_given(agent_id, session.tenant_id):
        work.give(session, None)
    minutes = round((work.now - session.last_seen_at) / timedelta(minutes=1))
    text = f"The visitor came back after {minutes} minutes" if minutes > 1 else "The visitor came back"
    # Seen first, moved then: the news of the move must say that the visitor is there.
    _touch(work, session)
    work.move(session, Status.ACTIVE if session.assigned_to_id else Status.QUEUED, Reason.REOPENED, VISITOR, text)


def _touch(work: Work, session: ChatSession) -> None:
    """The visitor was seen at this moment."""
    was_gone = session.is_open and session.presence(work.now) == Presence.GONE
    gone_since, session.last_seen_at = session.last_seen_at, work.now
    session.left_at = None
    if was_gone:
        work.announce(events.presence_changed(session, Presence.ONLINE))
        work.step(session, TrailEntry.Kind.BACK, gone_since=gone_since)
    work.change(session)


def _renew(work: Work, session: ChatSession) -> None:
    """The visitor uses the page: the time of the idle rule begins anew, and who counts its seconds hears of it."""
    was_expiring = session.is_expiring(work.now)
    session.last_activity_at = work.now
    if was_expiring:
        work.announce(events.expiring(session, session.expires_at, work.now))


@verb
def abandon_if_lost(work: Work, session_id: UUID) -> ChatSession:
    """The session as it stands at this moment: abandoned on the spot if its time is over and it could not be
    reopened. Raises SessionNotFound."""
    session = work.lock(session_id)
    _abandon_if_lost(work, session)
    return session


def _abandon_if_lost(work: Work, session: ChatSession) -> None:
    """Time decides, not the sweep."""
    if session.is_open and not session.is_restorable(work.now):
        _abandon(work, session, selectors.queue_position(session))


def _abandon(work: Work, session: ChatSession, queue_position: int | None) -> None:
    reason = session.due_reason(work.now)
    if reason == Reason.IDLE:
        text = f"The chat was closed: nobody wrote for {session.tenant.session_expiry_seconds // 60} minutes"
    else:
        text = "The visitor left the chat"
    waited_ms = None
    if session.waiting_since is not None:
        waited_ms = round((work.now - session.waiting_since) / timedelta(milliseconds=1))
    work.move(
        session,
        Status.ABANDONED,
        reason,
        SYSTEM,
        text,
        stage=session.stage_now(),
        waited_ms=waited_ms,
        queue_position=queue_position,
    )


@verb
def record_page(work: Work, session_id: UUID, *, url: str, title: str, referrer: str = "") -> None:
    """The visitor went to another page. Raises SessionNotFound, SessionOver."""
    session = work.lock(session_id)
    _require_visit(work, session)
    _touch(work, session)
    _renew(work, session)
    _show_page(work, session, url, title, referrer)


def _show_page(work: Work, session: ChatSession, url: str, title: str, referrer: str) -> None:
    # A reload, a reconnect or a changed title is no step.
    if url and url != session.page_url:
        work.step(session, TrailEntry.Kind.PAGE, url=url, title=title, referrer=referrer)
    if (url, title) != (session.page_url, session.page_title):
        session.page_url, session.page_title = url, title
        work.announce(_session_changed(session, work.now))


def mark_read(session_id: UUID, by: Party, seq: int) -> None:
    """Read up to ``seq``: never backwards, never beyond what there is."""
    column = "visitor_read_seq" if by == Party.VISITOR else "agent_read_seq"
    read_up_to = Least(F("last_seq"), Value(seq))
    unread = ChatSession.objects.filter(session_id=session_id, **{f"{column}__lt": read_up_to})
    if unread.update(**{column: read_up_to}):
        session = selectors.session_by_id(session_id)
        events.publish([events.read(session, by, getattr(session, column))])


def identify_visitor(session_id: UUID, *, name: str | None = None, email: str | None = None) -> None:
    """What the website says of its visitor; nothing of it is proved. None: nothing is said."""
    told = {"customer_name": name, "customer_email": email}
    told = {column: text for column, text in told.items() if text is not None}
    if told and ChatSession.objects.open().filter(session_id=session_id).exclude(**told).update(**told):
        session = selectors.session_by_id(session_id)
        events.publish([_session_changed(session, selectors.database_now())])


def _session_changed(session: ChatSession, now: datetime) -> events.Event:
    return events.session_changed(session, selectors.last_messages([session]).get(session.pk), now)


@verb
def accept_session(work: Work, session_id: UUID, agent: Actor) -> ChatSession:
    """The agent takes a chat from the queue, or from a colleague who is not there; having it already is fine. Raises
    SessionNotFound, SessionOver, Taken."""
    session = work.lock(session_id, agent=agent)
    _require_open(work, session)
    if session.assigned_to_id != agent.user_id:
        # A supervisor who was the slower of two to accept is as slow as anybody: taking it from the winner is
        # give_session(), which one does not do by mistake.
        _require_unattended(session)
        _hand_over(work, session, agent.user_id, agent)
    return session


@verb
def give_session(work: Work, session_id: UUID, supervisor: Actor, to_agent_id: int) -> ChatSession:
    """A supervisor gives a chat, whoever has it, to an agent who is there, also to oneself; who has it already
    keeps it.

    Raises SessionNotFound, NotAllowed, SessionOver, Invalid (``agent_id``).
    """
    session = work.lock(session_id, agent=supervisor)
    if not supervisor.is_supervisor:
        raise NotAllowed
    _require_open(work, session)
    if session.assigned_to_id != to_agent_id:
        _require_present(session, to_agent_id, field="agent_id")
        _hand_over(work, session, to_agent_id, supervisor)
    return session


@verb
def transfer_session(
    work: Work, session_id: UUID, agent: Actor, *, to_agent_id: int | None = None, note: str = ""
) -> ChatSession:
    """Gives a chat that somebody has to another agent who is there, or, without one, back to the queue; ``note`` is
    for whoever has it next. By who has it, by a supervisor, or by anybody if who has it is not there.

    Raises SessionNotFound, SessionOver, Taken (by who has it now), Invalid (nobody has it; ``to_agent_id``).
    """
    session = work.lock(session_id, agent=agent)
    _require_open(work, session)
    if session.status == Status.QUEUED:
        raise Invalid("Nobody has this chat: it waits in the queue.")
    _require_disposal(session, agent)
    if to_agent_id == session.assigned_to_id:
        raise Taken(agent_name(session.assigned_to))
    if to_agent_id is not None:
        _require_present(session, to_agent_id, field="to_agent_id")
    if note:
        _note(work, session, agent, uuid4(), note)
    if to_agent_id is None:
        name = agent_name(session.assigned_to)
        # Somebody has to look after it, whether the visitor waits for an answer or not: it stands in the queue.
        session.waiting_since = session.waiting_since or work.now
        text = f"{agent.name} put the chat back in the queue"
        _requeue(work, session, Reason.TRANSFERRED, agent, text, name)
    else:
        _hand_over(work, session, to_agent_id, agent)
    return session


def _require_open(work: Work, session: ChatSession) -> None:
    _abandon_if_lost(work, session)
    if not session.is_open:
        raise _over(session)


def _require_disposal(session: ChatSession, agent: Actor) -> None:
    """An agent disposes of the chats that the agent has, that nobody has, or that somebody has who is not there; a
    supervisor of all. Raises Taken."""
    if session.assigned_to_id != agent.user_id and not agent.is_supervisor:
        _require_unattended(session)


def _require_unattended(session: ChatSession) -> None:
    """Nobody has it, or somebody who is not there. Raises Taken."""
    holder_id = session.assigned_to_id
    if holder_id is not None and selectors.agent_directory().is_present(holder_id, session.tenant_id):
        raise Taken(agent_name(session.assigned_to))


def _require_present(session: ChatSession, user_id: int, *, field: str) -> None:
    if not selectors.agent_directory().is_present(user_id, session.tenant_id):
        problem = "This agent is not there."
        raise Invalid(problem, fields={field: [problem]})


def _hand_over(work: Work, session: ChatSession, user_id: int, actor: Actor) -> None:
    before = agent_name(session.assigned_to)
    work.give(session, user_id)
    name = agent_name(session.assigned_to)
    is_own = user_id == actor.user_id
    if before is None:
        reason, text = Reason.ACCEPTED if is_own else Reason.ASSIGNED, f"{name} joined the chat"
    elif is_own:
        reason, text = Reason.TRANSFERRED, f"{name} took over the chat from {before}"
    else:
        reason, text = Reason.TRANSFERRED, f"{actor.name} transferred the chat to {name}"
    work.move(session, Status.ACTIVE, reason, actor, text, agent_name=name)


def _requeue(work: Work, session: ChatSession, reason: Reason, actor: Actor, text: str, name: str) -> None:
    """It counts as activity: the idle rule must not take a visitor who has just been made to wait."""
    session.last_activity_at = work.now
    work.give(session, None)
    work.move(session, Status.QUEUED, reason, actor, text, agent_name=name)


@verb
def assign_session(work: Work, session_id: UUID) -> ChatSession:
    """Gives a session that waits in the queue to the agent who is online with room and has the fewest, never to the
    one who has just put it there; it stays if there is none. Returns it as it stands then. Raises SessionNotFound."""
    session = work.lock(session_id)
    _abandon_if_lost(work, session)
    if session.status == Status.QUEUED and session.waiting_since is not None:
        last = SessionEvent.objects.filter(session_id=session.pk).order_by("pk").last()
        put_back_by = last.actor_id if last.reason == Reason.TRANSFERRED else None
        # Asked under the session's lock, and locked itself: nobody is given more than there is room for.
        agent_id = selectors.agent_directory().agent_with_room(session.tenant_id, other_than=put_back_by)
        if agent_id is not None:
            work.give(session, agent_id)
            name = agent_name(session.assigned_to)
            work.move(session, Status.ACTIVE, Reason.ASSIGNED, SYSTEM, f"{name} joined the chat", agent_name=name)
    return session


@verb
def return_to_queue(work: Work, session_id: UUID, *, agent_id: int) -> bool:
    """Takes a chat that waits for an answer back from an agent who is gone, to its old place in the queue.

    False, and nothing happens, if the agent has answered, is back, or no longer has it. Raises SessionNotFound.
    """
    session = work.lock(session_id)
    if session.assigned_to_id != agent_id or session.status != Status.ACTIVE or session.waiting_since is None:
        return False
    if selectors.agent_directory().is_present(agent_id, session.tenant_id):
        return False
    name = agent_name(session.assigned_to)
    _requeue(work, session, Reason.AGENT_GONE, SYSTEM, f"{name} left the chat", name)
    return True


@verb
def end_session(work: Work, session_id: UUID, actor: Actor) -> ChatSession:
    """Ends it for good; an ended session is returned as it is. The caller has checked a visitor's key; for agents see
    _require_disposal(). Raises SessionNotFound, Taken, SessionOver (abandoned)."""
    is_agent = actor.type == Party.AGENT
    session = work.lock(session_id, agent=actor if is_agent else None)
    _abandon_if_lost(work, session)
    if session.status == Status.ABANDONED:
        raise _over(session)
    if session.is_open:
        if is_agent:
            _require_disposal(session, actor)
        who = {Party.VISITOR: "The visitor", Party.ADMIN: "An administrator"}.get(actor.type, actor.name)
        name = actor.name if is_agent else ""
        work.move(session, Status.ENDED, Reason(actor.type), actor, f"{who} ended the chat", agent_name=name)
    return session


@verb
def hold_session(work: Work, session_id: UUID, agent: Actor, *, minutes: int) -> ChatSession:
    """No rule abandons the chat for so many minutes from now on; 0: from now on the rules hold again. For whom see
    _require_disposal(). Raises SessionNotFound, SessionOver, Taken."""
    session = work.lock(session_id, agent=agent)
    _require_open(work, session)
    _require_disposal(session, agent)
    was_expiring = session.is_expiring(work.now)
    session.held_until = work.now + timedelta(minutes=minutes) if minutes else None
    ChatSession.objects.filter(pk=session.pk).update(held_until=session.held_until)
    work.announce(_session_changed(session, work.now))
    if was_expiring:
        work.announce(events.expiring(session, session.expires_at, work.now))
    return session


@verb
def add_note(work: Work, session_id: UUID, agent: Actor, *, client_message_id: UUID, body: str) -> Posted:
    """What an agent tells the colleagues about a chat, open or closed: no visitor hears of it, and the session stays
    as it is. The same id again is a repeat, with another body a Conflict. Raises SessionNotFound."""
    session = work.lock(session_id, agent=agent)
    known = Note.objects.filter(session=session, client_message_id=client_message_id).first()
    if known is None:
        return Posted(_note(work, session, agent, client_message_id, body), is_new=True)
    if (known.body, known.author_id) != (body, agent.user_id):
        raise Conflict
    return Posted(note_payload(known, session_id), is_new=False)


def _note(work: Work, session: ChatSession, agent: Actor, client_message_id: UUID, body: str) -> dict[str, object]:
    note = Note.objects.create(
        session_id=session.pk,
        client_message_id=client_message_id,
        author_id=agent.user_id,
        author_name=agent.name,
        after_seq=session.last_seq,
        body=body,
        created_at=work.now,
    )
    news = events.note_new(session, note)
    work.announce(news)
    if not session.is_open:
        work.index(session)
    return news.payload["note"]


@verb
def tag_session(work: Work, session_id: UUID, agent: Actor, names: Sequence[str]) -> ChatSession:
    """The session has these tags from now on, and no others; those that its tenant does not have yet are made.
    Raises SessionNotFound."""
    session = work.lock(session_id, agent=agent)
    tags = Tag.objects.filter(tenant_id=session.tenant_id)
    # In one order, so that two who make the same tags do not wait for each other in a ring.
    made = [Tag(tenant_id=session.tenant_id, name=name) for name in sorted(names, key=str.lower)]
    Tag.objects.bulk_create(made, ignore_conflicts=True)
    session.tags.set(tags.alias(key=Lower("name")).filter(key__in=[Lower(Value(name)) for name in names]))
    work.announce(_session_changed(session, work.now))
    return session


@verb
def rate_session(work: Work, session_id: UUID, *, score: int, comment: str = "") -> tuple[ChatSession, bool]:
    """The visitor, whose key the caller has checked, says how it was: the session, and whether that was new.

    Once, and after the end: the same again is a repeat, another rating a Conflict, one of an open session Invalid.
    Raises SessionNotFound.
    """
    session = work.lock(session_id)
    _abandon_if_lost(work, session)
    if session.is_open:
        raise Invalid("A chat can be rated once it is over.", fields={"session_id": ["This chat is still open."]})
    if session.rating_score is not None:
        if (session.rating_score, session.rating_comment) != (score, comment):
            raise Conflict("This chat has been rated already.")
        return session, False
    rating = {"rating_score": score, "rating_comment": comment, "rated_at": work.now}
    ChatSession.objects.filter(pk=session.pk).update(**rating)
    for column, value in rating.items():
        setattr(session, column, value)
    work.announce(_session_changed(session, work.now))
    return session, True


def _over(session: ChatSession) -> SessionOver:
    return SessionOver(session.status, session.closed_reason, session.parting_words)


def sweep(*, batch_size: int = SWEEP_BATCH) -> Counter[str]:
    """Abandons every open session whose time is over; returns how many, by reason. Each run is a SweepRun.

    In batches, each a transaction of its own, so that nothing is locked for long. Locked rows are skipped: somebody
    is writing to them, and the next run looks again. Two sweeps at once share the work; one that is killed loses
    nothing but its last batch, which the next one finds.
    """
    run = SweepRun.objects.create()
    abandoned: Counter[str] = Counter()
    positions = selectors.all_queue_positions()
    last_pk = 0
    while due := selectors.due_sessions(after_pk=last_pk, limit=batch_size):
        last_pk = due[-1][0]
        batch = _sweep_batch([session_id for _, session_id in due], positions)
        abandoned.update(batch.reasons)
        run.examined += len(due)
        run.skipped_locks += len(due) - batch.locked
        run.lag_ms = max(run.lag_ms, round(batch.lag / timedelta(milliseconds=1)))
    run.idle, run.disconnected = abandoned[Reason.IDLE], abandoned[Reason.DISCONNECTED]
    run.finished_at = Now()
    run.save()
    SweepRun.objects.filter(started_at__lt=Now() - SWEEP_RUNS_KEPT).delete()
    return abandoned


def index_history(*, batch_size: int = SWEEP_BATCH) -> int:
    """Makes closed sessions findable that a release without a search has closed; returns how many."""
    indexed = last_pk = 0
    while batch := selectors.unindexed_sessions(after_pk=last_pk, limit=batch_size):
        last_pk = batch[-1][0]
        indexed += _index_batch([session_id for _, session_id in batch])
    return indexed


@verb
def _index_batch(work: Work, session_ids: Sequence[UUID]) -> int:
    sessions = work.lock_many(session_ids).values()
    for session in sessions:
        work.index(session)
    return len(sessions)


class _Batch(NamedTuple):
    """``locked``: how many sessions nobody else was writing to. ``lag``: how long the time of the latest was over."""

    reasons: list[str]
    locked: int
    lag: timedelta


@verb
def _sweep_batch(work: Work, session_ids: Sequence[UUID], positions: dict[int, int]) -> _Batch:
    locked = work.lock_many(session_ids, skip_locked=True).values()
    # The locked row decides: a session whose message was committed meanwhile is no longer due.
    batch = [session for session in locked if session.due_reason(work.now)]
    lag = max((work.now - session.deadline[0] for session in batch), default=timedelta())
    prefetch_related_objects(batch, "assigned_to", "tags")
    for session in batch:
        _abandon(work, session, positions.get(session.pk))
    return _Batch([session.closed_reason for session in batch], len(locked), lag)
