"""The rules of every HTTP input: what is taken, and what is refused as invalid."""

from uuid import UUID

from rest_framework import serializers

from sessions_app.models import (
    HIGHEST_SCORE,
    LOWEST_SCORE,
    MAX_HOLD_MINUTES,
    MAX_RATING_COMMENT,
    ChatSession,
)
from sessions_app.protocol import MAX_SEQ, is_blank, is_storable

# Of one session.
MAX_TAGS = 20
MAX_TAG_CHARS = 40


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
