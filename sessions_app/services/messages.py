"""What visitors and agents say, and how far they have read."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Value, prefetch_related_objects
from django.db.models.functions import Least

from sessions_app import events, selectors
from sessions_app.errors import ChatError, Conflict, Invalid, SessionNotFound, Taken, TenantNotFound
from sessions_app.models import Attachment, ChatSession, Message, Party, Status
from sessions_app.serializers import agent_name, message_payload
from sessions_app.services.abandonment import require_open
from sessions_app.services.visits import require_visit, touch
from sessions_app.work import Actor, Work, verb


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
        require_visit(work, session)
        sender = Actor(Party.VISITOR, session.customer_name or "Visitor")
        enters_queue = session.status == Status.QUEUED and session.waiting_since is None
        session.waiting_since = session.waiting_since or work.now
        session.first_visitor_message_at = session.first_visitor_message_at or work.now
        touch(work, session)
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
    require_open(work, session)
    if session.status == Status.QUEUED:
        raise Invalid("Accept this chat before you answer.")
    if session.assigned_to_id != agent.user_id:
        raise Taken(agent_name(session.assigned_to))


def mark_read(session_id: UUID, by: Party, seq: int) -> None:
    """Read up to ``seq``: never backwards, never beyond what there is."""
    column = "visitor_read_seq" if by == Party.VISITOR else "agent_read_seq"
    read_up_to = Least(F("last_seq"), Value(seq))
    unread = ChatSession.objects.filter(session_id=session_id, **{f"{column}__lt": read_up_to})
    if unread.update(**{column: read_up_to}):
        session = selectors.session_by_id(session_id)
        events.publish([events.read(session, by, getattr(session, column))])
