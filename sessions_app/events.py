"""Events: their names, their payloads, who hears them, and the one ``publish()``.

An event is a doorbell: the database is the truth, a lost event is repaired by the next heartbeat. So publishing
happens after commit and never raises into the caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sessions_app import hub
from sessions_app.models import ChatSession, Hold, Message, Note, Party, Presence, Status, Tenant, TrailEntry
from sessions_app.serializers import (
    agent_name,
    encode,
    hold_payload,
    message_payload,
    note_payload,
    summary_payload,
    timestamp,
    trail_payload,
)

MESSAGE_NEW = "chat.message.new"
SESSION_ASSIGNED = "chat.session.assigned"
SESSION_UNASSIGNED = "chat.session.unassigned"
SESSION_QUEUE = "chat.session.queue"
SESSION_EXPIRING = "chat.session.expiring"
SESSION_ENDED = "chat.session.ended"
SESSION_REOPENED = "chat.session.reopened"
TYPING = "chat.typing"
READ = "chat.read"
# Consoles only.
SESSION_CHANGED = "session.changed"
SESSION_PRESENCE = "session.presence"
OFFLINE_CHANGED = "offline.changed"
AGENT_CHANGED = "agent.changed"
NOTE_NEW = "note.new"
TRAIL_NEW = "trail.new"
HOLD_NEW = "hold.new"
# Between processes only; no client ever sees these.
VISITOR_LEFT = "presence.left"
RIGHTS_CHANGED = "rights.changed"
QUEUE_GREW = "queue.grew"


@dataclass(frozen=True, slots=True)
class Event:
    """``payload`` goes to every socket that has joined one of ``groups``, as the frame {type, payload}; not to the one
    that is being acknowledged ``message_key``, nor to the consoles of the agent whose typing_key() that is."""

    groups: tuple[str, ...]
    type: str
    payload: dict[str, object]
    message_key: str = ""


def visitor_group(session_id: UUID | str) -> str:
    """The sockets of one session's visitor."""
    return f"visitor.{session_id}"


def watch_group(session_id: UUID | str) -> str:
    """The consoles that have the session open."""
    return f"watch.{session_id}"


def agent_group(user_id: int, tenant_id: int) -> str:
    """The consoles of one agent, for the chats of one tenant: a tenant taken away takes its news along."""
    return f"agent.{user_id}.{tenant_id}"


def rights_group(user_id: int) -> str:
    """The consoles of one agent, for what concerns the agent."""
    return f"rights.{user_id}"


def tenant_group(tenant_id: int) -> str:
    """The consoles of all agents of one tenant."""
    return f"tenant.{tenant_id}"


def console_groups(session: ChatSession) -> tuple[str, ...]:
    """The consoles that follow a session's conversation: everybody's while it waits, then its agent's."""
    if session.status == Status.QUEUED:
        return tenant_group(session.tenant_id), watch_group(session.session_id)
    if session.assigned_to_id is None:
        return (watch_group(session.session_id),)
    return agent_group(session.assigned_to_id, session.tenant_id), watch_group(session.session_id)


def message_new(session: ChatSession, message: Message, *, also: tuple[str, ...] = ()) -> Event:
    """``also``: groups that hear of it besides those that follow the conversation now."""
    told = message_payload(message, session.session_id)
    groups = tuple(dict.fromkeys((visitor_group(told["session_id"]), *console_groups(session), *also)))
    key = message_key(told["session_id"], told["client_message_id"]) if message.client_message_id else ""
    return Event(groups, MESSAGE_NEW, {"message": told}, key)


def message_key(session_id: UUID | str, client_message_id: UUID | str) -> str:
    """What its sender knows a message by."""
    return f"{session_id}/{client_message_id}"


def session_changed(session: ChatSession, last_message: Message | None, now: datetime) -> Event:
    payload = {"session": summary_payload(session, last_message, now)}
    return Event((tenant_group(session.tenant_id),), SESSION_CHANGED, payload)


def status_changed(session: ChatSession, *, is_reopened: bool = False, agent_picture: str | None = None) -> Event:
    """What the visitor is told of the status that ``session`` has just come to."""
    group = (visitor_group(session.session_id),)
    if is_reopened:
        return Event(group, SESSION_REOPENED, {})
    if session.status == Status.ACTIVE:
        payload = {"agent_name": agent_name(session.assigned_to), "agent_picture": agent_picture}
        return Event(group, SESSION_ASSIGNED, payload)
    if session.status == Status.QUEUED:
        return Event(group, SESSION_UNASSIGNED, {})
    payload = {"status": session.status, "reason": session.closed_reason, "ended_by": session.ended_by}
    if session.parting_words:
        payload["text"] = session.parting_words
    return Event(group, SESSION_ENDED, payload)


def queue_position(session_id: UUID, position: int) -> Event:
    return Event((visitor_group(session_id),), SESSION_QUEUE, {"position": position})


def expiring(session: ChatSession, at: datetime, now: datetime) -> Event:
    """The idle rule takes it at ``at``; also when that has just been put off, for those who count the seconds."""
    groups = (visitor_group(session.session_id), *console_groups(session))
    payload = {"session_id": str(session.session_id), "at": timestamp(at), "server_time": timestamp(now)}
    return Event(groups, SESSION_EXPIRING, payload)


def presence_changed(session: ChatSession, presence: Presence) -> Event:
    payload = {
        "session_id": str(session.session_id),
        "presence": presence,
        "last_seen_at": timestamp(session.last_seen_at),
    }
    return Event(console_groups(session), SESSION_PRESENCE, payload)


def note_new(session: ChatSession, note: Note) -> Event:
    groups = (tenant_group(session.tenant_id), watch_group(session.session_id))
    return Event(groups, NOTE_NEW, {"note": note_payload(note, session.session_id)})


def trail_new(session: ChatSession, entry: TrailEntry) -> Event:
    payload = {"session_id": str(session.session_id), "entry": trail_payload(entry)}
    return Event(console_groups(session), TRAIL_NEW, payload)


def hold_new(session: ChatSession, hold: Hold) -> Event:
    payload = {"session_id": str(session.session_id), "hold": hold_payload(hold)}
    return Event(console_groups(session), HOLD_NEW, payload)


def visitor_left(session_id: UUID) -> Event:
    """Asks the other processes whether they still have a socket of this visitor."""
    return Event((visitor_group(session_id),), VISITOR_LEFT, {})


def typing_key(user_id: int) -> str:
    """What an agent's consoles know the agent's own typing by."""
    return f"typing/{user_id}"


def typing(
    groups: tuple[str, ...],
    session_id: UUID,
    sender: Party,
    name: str,
    is_typing: bool,
    text: str | None = None,
    key: str = "",
) -> Event:
    """``text``: what a visitor has written so far, for consoles alone."""
    payload = {
        "session_id": str(session_id),
        "sender_type": sender,
        "sender_name": name,
        "is_typing": is_typing,
    }
    return Event(groups, TYPING, payload if text is None else {**payload, "text": text}, key)


def read(session: ChatSession, by: Party, seq: int) -> Event:
    groups = (visitor_group(session.session_id), *console_groups(session))
    return Event(groups, READ, {"session_id": str(session.session_id), "by": by, "seq": seq})


def offline_changed(tenant: Tenant, count: int) -> Event:
    """So many messages that visitors of the tenant have left are still to be answered."""
    return Event((tenant_group(tenant.pk),), OFFLINE_CHANGED, {"tenant": tenant.slug, "count": count})


def rights_changed(user_id: int) -> Event:
    return Event((rights_group(user_id),), RIGHTS_CHANGED, {})


def agent_changed(user_id: int, agent: dict[str, object]) -> Event:
    """Keeps the consoles of one agent in step."""
    return Event((rights_group(user_id),), AGENT_CHANGED, {"agent": agent})


def queue_grew(tenant_id: int) -> Event:
    """A chat waits, or an agent may have room, in a tenant whose chats find their agents by themselves: the processes
    with consoles look at once."""
    return Event((tenant_group(tenant_id),), QUEUE_GREW, {})


def publish(events: Iterable[Event]) -> None:
    """Rings the doorbells, in this order. From any thread and any process; never raises, and where the process has
    sockets never waits for Redis."""
    frames = [
        hub.Frame(event.groups, event.type, encode({"type": event.type, "payload": event.payload}), event.message_key)
        for event in events
    ]
    if frames:
        hub.publish(frames)
