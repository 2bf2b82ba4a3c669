"""The wire shape of every row, and the rules of every HTTP input. Only JSON values come out of here."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.urls import reverse
from rest_framework import serializers

from sessions_app import filetypes
from sessions_app.models import (
    HIGHEST_SCORE,
    LOWEST_SCORE,
    MAX_HOLD_MINUTES,
    MAX_RATING_COMMENT,
    Attachment,
    ChatSession,
    Message,
    Note,
    OfflineMessage,
    SessionEvent,
    Tenant,
    TrailEntry,
)
from sessions_app.protocol import MAX_SEQ, is_blank, is_storable

# A summary goes to every console of a tenant: it carries the beginning of a message, not 4000 characters of it.
PREVIEW_CHARS = 160
# Of one session.
MAX_TAGS = 20
MAX_TAG_CHARS = 40
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
        "held_until": timestamp(session.held_until) if session.is_held(now) else None,
        "last_seq": session.last_seq,
        "last_message": None if last_message is None else _preview(last_message, session),
        "visitor_read_seq": session.visitor_read_seq,
        "agent_read_seq": session.agent_read_seq,
        "closed_at": timestamp(session.closed_at),
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
    }


class StrictCharField(serializers.CharField):
    """A string that is a string: DRF would take 5 or true, and PostgreSQL would choke on what is not storable."""

    default_error_messages = {"unstorable": "This text has a character that cannot be stored."}

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not is_storable(data):
            self.fail("unstorable")
        return super().to_internal_value(data)


class StrictUUIDField(serializers.UUIDField):
    """A UUID in its text form: DRF would take any integer, too."""

    def to_internal_value(self, data: object) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    def to_internal_value(self, data: object) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """True or false: DRF would take "yes" and 1, too."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictEmailField(StrictCharField, serializers.EmailField):
    pass


def optional_text(max_length: int) -> StrictCharField:
    return StrictCharField(max_length=max_length, required=False, allow_blank=True, allow_null=True)


class MetadataInput(serializers.Serializer):
    page_url = optional_text(2000)
    page_title = optional_text(300)
    referrer = optional_text(2000)
    locale = optional_text(35)
    timezone = optional_text(64)


class PreviousInput(serializers.Serializer):
    # A stored session that can no longer be read has no id to tell.
    session_id = StrictUUIDField(required=False, allow_null=True)
    outcome = serializers.ChoiceField(choices=ChatSession.Outcome.choices)


class StartInput(serializers.Serializer):
    tenant_id = StrictCharField(max_length=64)
    channel = serializers.ChoiceField(choices=ChatSession.Channel.choices, default=ChatSession.Channel.WEB_WIDGET)
    customer_name = optional_text(200)
    customer_email = StrictEmailField(max_length=254, required=False, allow_blank=True, allow_null=True)
    metadata = MetadataInput(required=False, allow_null=True)
    start_id = StrictUUIDField(required=False, allow_null=True)
    previous = PreviousInput(required=False, allow_null=True)
    offline_form = StrictBooleanField(required=False, allow_null=True)


class PageInput(serializers.Serializer):
    url = optional_text(2000)
    title = optional_text(300)


class HelloInput(serializers.Serializer):
    restored = StrictBooleanField(default=False)
    page = PageInput(required=False, allow_null=True)


class VisitorInput(serializers.Serializer):
    """What is None stays as it is; an empty text takes it back."""

    name = optional_text(200)
    email = StrictEmailField(max_length=254, required=False, allow_blank=True, allow_null=True)


class OfflineInput(serializers.Serializer):
    tenant_id = StrictCharField(max_length=64)
    message_id = StrictUUIDField()
    name = optional_text(200)
    email = StrictEmailField(max_length=254)
    message = StrictCharField(allow_blank=True, trim_whitespace=False)
    metadata = MetadataInput(required=False, allow_null=True)


class SessionInput(serializers.Serializer):
    """What every call about one session names. An id that is no UUID is simply an unknown one."""

    session_id = StrictCharField(max_length=64)


class PollInput(SessionInput):
    after_seq = StrictIntegerField(required=False, allow_null=True)
    visible = StrictBooleanField(default=True)
    active = StrictBooleanField(default=False)
    hello = HelloInput(required=False, allow_null=True)
    read_seq = StrictIntegerField(min_value=0, max_value=MAX_SEQ, required=False, allow_null=True)
    visitor = VisitorInput(required=False, allow_null=True)


class MessageInput(SessionInput):
    client_message_id = StrictUUIDField()
    message = StrictCharField(allow_blank=True, trim_whitespace=False)


class RatingInput(SessionInput):
    score = StrictIntegerField(min_value=LOWEST_SCORE, max_value=HIGHEST_SCORE)
    comment = optional_text(MAX_RATING_COMMENT)


class AgentAttachmentInput(serializers.Serializer):
    client_message_id = StrictUUIDField()
    file = serializers.FileField()


class AttachmentInput(AgentAttachmentInput, SessionInput):
    pass


class AgentMessageInput(serializers.Serializer):
    client_message_id = StrictUUIDField()
    body = StrictCharField(allow_blank=True, trim_whitespace=False)
    note = StrictBooleanField(default=False)


class AssignInput(serializers.Serializer):
    agent_id = StrictIntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)


class TransferInput(serializers.Serializer):
    """To one agent, or to the queue."""

    to_agent_id = StrictIntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)
    to_queue = StrictBooleanField(default=False)
    note = StrictCharField(required=False, allow_blank=True, allow_null=True, trim_whitespace=False)

    def validate(self, data: dict[str, object]) -> dict[str, object]:
        if (data.get("to_agent_id") is None) != data["to_queue"]:
            raise serializers.ValidationError({"to_agent_id": ["Name an agent, or the queue."]})
        return data


class HoldInput(serializers.Serializer):
    """No minutes take the hold back."""

    minutes = StrictIntegerField(min_value=0, max_value=MAX_HOLD_MINUTES)


class TagField(StrictCharField):
    """A tag's name, without white space but single spaces between its words."""

    default_error_messages = {"invisible": "A tag needs a character that can be seen."}

    def to_internal_value(self, data: object) -> str:
        name = " ".join(super().to_internal_value(data).split())
        if is_blank(name):
            self.fail("invisible")
        return name


class TagsInput(serializers.Serializer):
    tags = serializers.ListField(child=TagField(max_length=MAX_TAG_CHARS), max_length=MAX_TAGS)


class HistoryInput(serializers.Serializer):
    """Query parameters, which are strings."""

    after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)
