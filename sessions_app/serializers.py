"""The wire shape of every row. Only JSON values come out of here."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.urls import reverse

from sessions_app import filetypes
from sessions_app.models import (
    Attachment,
    ChatSession,
    Hold,
    Message,
    Note,
    OfflineMessage,
    SessionEvent,
    Tenant,
    TrailEntry,
)

# A summary goes to every console of a tenant: it carries the beginning of a message, not 4000 characters of it.
PREVIEW_CHARS = 160
# Of Message.sender_name; first and last name of a user can be longer together.
MAX_NAME_CHARS = 200


def encode(value: object) -> str:
    """JSON text; datetimes as ISO-8601 in UTC, UUIDs as strings."""
    return msgspec.json.encode(value).decode()


def timestamp(value: datetime | None) -> str | None:
    """ISO-8601 with the ``Z`` of UTC."""
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def agent_name(user: AbstractBaseUser | None) -> str | None:
    """The name under which visitors and colleagues know an agent."""
    return None if user is None else (user.get_full_name() or user.get_username())[:MAX_NAME_CHARS]


def message_payload(message: Message, session_id: UUID) -> dict[str, object]:
    """The message object of the contract; ``session_id`` is passed because the row only has its session's pk."""
    payload = {
        "session_id": str(session_id),
        "seq": message.seq,
        "client_message_id": None if message.client_message_id is None else str(message.client_message_id),
        "sender_type": message.sender_type,
        "sender_name": message.sender_name,
        "message_type": message.message_type,
        "body": message.body,
        "created_at": timestamp(message.created_at),
    }
    if message.event is not None:
        payload["event"] = message.event
    if message.attachment is not None:
        payload["attachment"] = attachment_payload(message.attachment)
    return payload


def attachment_payload(attachment: Attachment) -> dict[str, object]:
    """Its URLs are paths of this server, which has many names."""
    payload = {
        "name": attachment.name,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "url": reverse("attachment", args=[attachment.token]),
    }
    if attachment.thumbnail:
        payload["thumbnail"] = {
            "url": reverse("thumbnail", args=[attachment.token]),
            "width": attachment.thumbnail_width,
            "height": attachment.thumbnail_height,
        }
    return payload


def attachment_rules() -> dict[str, object] | None:
    """What may be sent; None where nothing may."""
    if not settings.CHAT_MAX_ATTACHMENT_BYTES:
        return None
    return {"max_bytes": settings.CHAT_MAX_ATTACHMENT_BYTES, "endings": list(filetypes.ENDINGS)}


def policy_payload(tenant: Tenant) -> dict[str, int]:
    return {
        "session_expiry_ms": tenant.session_expiry_seconds * 1000,
        "heartbeat_interval_ms": tenant.heartbeat_interval_seconds * 1000,
        "disconnect_timeout_ms": tenant.disconnect_timeout_seconds * 1000,
        "expiry_warning_ms": tenant.expiry_warning_seconds * 1000,
    }


def _own_words(tenant: Tenant, field: str) -> str | None:
    """What the tenant says there; None where it has said nothing of its own, so that the widget may speak the visitor's
    language: a new tenant's fields hold English."""
    text = getattr(tenant, field)
    return None if text == Tenant._meta.get_field(field).default else text


def config_payload(tenant: Tenant, *, online: bool) -> dict[str, object]:
    return {
        "tenant_id": tenant.slug,
        "title": _own_words(tenant, "title"),
        "subtitle": _own_words(tenant, "subtitle"),
        "welcome_message": _own_words(tenant, "welcome_message"),
        "primary_color": tenant.primary_color,
        "position": tenant.position,
        "locale": tenant.locale,
        "online": online,
        "prechat": tenant.prechat_form,
        "offline_form": tenant.offline_form,
        "typing_preview": tenant.typing_preview,
        "attachments": attachment_rules(),
        "policy": policy_payload(tenant),
    }


def status_payload(session: ChatSession) -> dict[str, object]:
    """What anybody who knows the id may see."""
    return {
        "session_id": str(session.session_id),
        "status": session.status,
        "assigned_to_id": session.assigned_to_id,
        "created_at": timestamp(session.created_at),
        "updated_at": timestamp(session.updated_at),
    }


def owner_status_payload(session: ChatSession, now: datetime) -> dict[str, object]:
    """What the holder of the key sees on top."""
    restorable = session.is_restorable(now)
    return {
        **status_payload(session),
        "conversation_id": session.conversation_id,
        "last_seq": session.last_seq,
        "expires_at": timestamp(session.expires_at) if restorable else None,
        "restorable": restorable,
        "reason": session.closed_reason or None,
    }


def visitor_session_payload(
    session: ChatSession, *, queue_position: int | None, agent_picture: str | None
) -> dict[str, object]:
    """The session as its visitor sees it; needs ``tenant`` and ``assigned_to`` loaded."""
    return {
        **status_payload(session),
        "conversation_id": session.conversation_id,
        "agent_name": agent_name(session.assigned_to),
        "agent_picture": agent_picture,
        "customer_name": session.customer_name,
        "customer_email": session.customer_email,
        "queue_position": queue_position,
        "last_seq": session.last_seq,
        "agent_read_seq": session.agent_read_seq,
        "expires_at": timestamp(session.expires_at) if session.is_open else None,
        "reason": session.closed_reason or None,
        "ended_by": session.ended_by,
    }


def offline_message_payload(message: OfflineMessage) -> dict[str, object]:
    """A message that was left, as agents see it; needs ``tenant`` and ``done_by`` loaded."""
    return {
        "id": message.pk,
        "tenant": message.tenant.slug,
        "tenant_name": message.tenant.name,
        "name": message.name,
        "email": message.email,
        "body": message.body,
        "page_url": message.page_url,
        "page_title": message.page_title,
        "locale": message.locale,
        "created_at": timestamp(message.created_at),
        "done_at": timestamp(message.done_at),
        "done_by": agent_name(message.done_by),
    }


def rating_payload(session: ChatSession) -> dict[str, object] | None:
    """What the visitor thought of it; None before that is known."""
    if session.rating_score is None:
        return None
    return {
        "score": session.rating_score,
        "comment": session.rating_comment,
        "rated_at": timestamp(session.rated_at),
    }


def summary_payload(session: ChatSession, last_message: Message | None, now: datetime) -> dict[str, object]:
    """The session as agents see it; for many, ``tenant``, ``assigned_to`` and ``tags`` had better be loaded."""
    return {
        **status_payload(session),
        "conversation_id": session.conversation_id,
        "tenant_id": session.tenant.slug,
        "tenant_name": session.tenant.name,
        "agent_name": agent_name(session.assigned_to),
        "customer_name": session.customer_name,
        "customer_email": session.customer_email,
        "page_url": session.page_url,
        "page_title": session.page_title,
        "locale": session.metadata.get("locale", ""),
        "waiting_since": timestamp(session.waiting_since),
        "last_activity_at": timestamp(session.last_activity_at),
        "last_seen_at": timestamp(session.last_seen_at),
        "presence": session.presence(now),
        "disconnect_timeout_ms": session.tenant.disconnect_timeout_seconds * 1000,
        "expiry_warning_ms": session.tenant.expiry_warning_seconds * 1000,
        "held_until": _held_until(session, now),
        "expires_at": timestamp(session.expires_at) if session.is_expiring(now) else None,
        "last_seq": session.last_seq,
        "last_message": None if last_message is None else _preview(last_message, session),
        "visitor_read_seq": session.visitor_read_seq,
        "agent_read_seq": session.agent_read_seq,
        "closed_at": timestamp(session.closed_at),
        "restorable_until": timestamp(session.expires_at) if _can_come_back(session, now) else None,
        "reason": session.closed_reason or None,
        "stage": session.stage or None,
        "ended_by": session.ended_by,
        "rating": rating_payload(session),
        "tags": [tag.name for tag in session.tags.all()],
    }


def said_payload(message: Message | None, unread: int, session: ChatSession) -> dict[str, object]:
    """What a summary has besides where it is fetched."""
    return {"last_text": None if message is None else _preview(message, session), "unread": unread}


def note_payload(note: Note, session_id: UUID) -> dict[str, object]:
    return {
        "session_id": str(session_id),
        "client_message_id": str(note.client_message_id),
        "author_id": note.author_id,
        "author_name": note.author_name,
        "body": note.body,
        "after_seq": note.after_seq,
        "created_at": timestamp(note.created_at),
    }


def trail_payload(entry: TrailEntry) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "at": timestamp(entry.at),
        "after_seq": entry.after_seq,
        "url": entry.url,
        "title": entry.title,
        "referrer": entry.referrer,
        "gone_since": timestamp(entry.gone_since),
    }


def hold_payload(hold: Hold) -> dict[str, object]:
    return {
        "agent_id": hold.agent_id,
        "agent_name": hold.agent_name,
        "at": timestamp(hold.at),
        "after_seq": hold.after_seq,
        "held_until": timestamp(hold.held_until),
    }


def explanation_payload(event: SessionEvent) -> dict[str, object]:
    """Why a session was abandoned, and what was then."""
    return {
        "at": timestamp(event.at),
        "reason": event.reason,
        "stage": event.stage,
        "waited_ms": event.waited_ms,
        "queue_position": event.queue_position,
        "page_url": event.page_url,
    }


def _preview(message: Message, session: ChatSession) -> dict[str, object]:
    payload = message_payload(message, session.session_id)
    return {**payload, "body": message.body[:PREVIEW_CHARS]}


def pulse_payload(session: ChatSession, now: datetime) -> dict[str, object]:
    """What of a summary can change unheard: a console compares it with what it shows."""
    return {
        "session_id": str(session.session_id),
        "status": session.status,
        "assigned_to_id": session.assigned_to_id,
        "last_seq": session.last_seq,
        "presence": session.presence(now),
        "last_seen_at": timestamp(session.last_seen_at),
        "held_until": _held_until(session, now),
    }


def _can_come_back(session: ChatSession, now: datetime) -> bool:
    return not session.is_open and session.erased_at is None and session.is_restorable(now)


def _held_until(session: ChatSession, now: datetime) -> str | None:
    return timestamp(session.held_until) if session.is_held(now) else None
