"""The verbs: the only writers of sessions, messages and events.

Each is one transaction (work.py). Whoever comes second gets a clear ChatError, never a second transition.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Value, prefetch_related_objects
from django.db.models.functions import Least

from sessions_app import events, selectors, tokens
from sessions_app.errors import ChatError, Conflict, Invalid, SessionNotFound, SessionOver, Taken, TenantNotFound
from sessions_app.models import Attachment, ChatSession, Message, Party, Presence, Reason, SessionEvent, Status, Tenant
from sessions_app.serializers import agent_name, message_payload
from sessions_app.work import SYSTEM, Actor, Work, verb

VISITOR = Actor(Party.VISITOR)

SWEEP_BATCH = 500


class Post(NamedTuple):
    """One message to be stored. ``body`` has been through protocol.clean_text(); that of a file is its name."""

    session_id: UUID
    client_message_id: UUID
    body: str
    sender: Actor
    attachment: Attachment | None = None


class Posted(NamedTuple):
    """``message`` is the message object; ``is_new`` is False for a repeat."""

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
        _show_page(work, session, page_url, page_title)
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
    """Back to the same agent, if that agent is there, else to its old place in the queue."""
    agent = session.assigned_to
    if agent is not None and not selectors.agent_directory().is_available(agent.pk, session.tenant_id):
        session.assigned_to = None
    minutes = round((work.now - session.last_seen_at) / timedelta(minutes=1))
    text = f"The visitor came back after {minutes} minutes" if minutes > 1 else "The visitor came back"
    # Seen first, moved then: the news of the move must say that the visitor is there.
    _touch(work, session)
    work.move(session, Status.ACTIVE if session.assigned_to else Status.QUEUED, Reason.REOPENED, VISITOR, text)


def _touch(work: Work, session: ChatSession) -> None:
    """The visitor was seen at this moment."""
    was_gone = session.is_open and session.presence(work.now) == Presence.GONE
    session.last_seen_at = work.now
    session.left_at = None
    if was_gone:
        work.announce(events.presence_changed(session, Presence.ONLINE))
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
def record_page(work: Work, session_id: UUID, *, url: str, title: str) -> None:
    """The visitor went to another page. Raises SessionNotFound, SessionOver."""
    session = work.lock(session_id)
    _require_visit(work, session)
    _touch(work, session)
    _renew(work, session)
    _show_page(work, session, url, title)


def _show_page(work: Work, session: ChatSession, url: str, title: str) -> None:
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
    """The agent takes a queued session; having it already is fine. Raises SessionNotFound, Taken, SessionOver."""
    session = work.lock(session_id, agent=agent)
    _abandon_if_lost(work, session)
    if not session.is_open:
        raise _over(session)
    if session.status == Status.QUEUED:
        session.assigned_to_id = agent.user_id
        text = f"{agent.name} joined the chat"
        work.move(session, Status.ACTIVE, Reason.ACCEPTED, agent, text, agent_name=agent.name)
    elif session.assigned_to_id != agent.user_id:
        raise Taken(agent_name(session.assigned_to))
    return session


@verb
def return_to_queue(work: Work, session_id: UUID, *, agent_id: int) -> bool:
    """Takes a chat that waits for an answer back from an agent who is gone, to its old place in the queue. It counts
    as activity: the idle rule must not take a visitor who waited for somebody who is not there.

    False, and nothing happens, if the agent has answered, is back, or no longer has it. Raises SessionNotFound.
    """
    session = work.lock(session_id)
    if session.assigned_to_id != agent_id or session.status != Status.ACTIVE or session.waiting_since is None:
        return False
    if selectors.agent_directory().is_available(agent_id, session.tenant_id):
        return False
    session.last_activity_at = work.now
    name = agent_name(session.assigned_to)
    session.assigned_to = None
    work.move(session, Status.QUEUED, Reason.AGENT_GONE, SYSTEM, f"{name} left the chat", agent_name=name)
    return True


@verb
def end_session(work: Work, session_id: UUID, actor: Actor) -> ChatSession:
    """Ends it for good; an ended session is returned as it is. The caller has checked a visitor's key; an agent
    ends chats that the agent has, or that nobody has. Raises SessionNotFound, Taken, SessionOver (abandoned)."""
    is_agent = actor.type == Party.AGENT
    session = work.lock(session_id, agent=actor if is_agent else None)
    _abandon_if_lost(work, session)
    if session.status == Status.ABANDONED:
        raise _over(session)
    if session.is_open:
        if is_agent and session.assigned_to_id not in (None, actor.user_id):
            raise Taken(agent_name(session.assigned_to))
        who = {Party.VISITOR: "The visitor", Party.ADMIN: "An administrator"}.get(actor.type, actor.name)
        name = actor.name if is_agent else ""
        work.move(session, Status.ENDED, Reason(actor.type), actor, f"{who} ended the chat", agent_name=name)
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
    return SessionOver(session.status, session.closed_reason)


def sweep(*, batch_size: int = SWEEP_BATCH) -> Counter[str]:
    """Abandons every open session whose time is over; returns how many, by reason.

    In batches, each a transaction of its own, so that nothing is locked for long. Locked rows are skipped: somebody
    is writing to them, and the next run looks again. Two sweeps at once share the work.
    """
    abandoned: Counter[str] = Counter()
    positions = selectors.all_queue_positions()
    last_pk = 0
    while due := selectors.due_sessions(after_pk=last_pk, limit=batch_size):
        last_pk = due[-1][0]
        batch = _sweep_batch([session_id for _, session_id in due], positions)
        abandoned.update(session.closed_reason for session in batch)
    return abandoned


@verb
def _sweep_batch(work: Work, session_ids: Sequence[UUID], positions: dict[int, int]) -> list[ChatSession]:
    # The locked row decides: a session whose message was committed meanwhile is no longer due.
    locked = work.lock_many(session_ids, skip_locked=True).values()
    batch = [session for session in locked if session.due_reason(work.now)]
    prefetch_related_objects(batch, "assigned_to")
    for session in batch:
        _abandon(work, session, positions.get(session.pk))
    return batch
