"""Chats as agents see and work on them."""

import contextlib
from datetime import UTC, datetime, time, timedelta

from django.utils.dateparse import parse_date, parse_datetime
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import finding, selectors
from agents_app.api.base import AgentView
from sessions_app import attachments, protocol, services
from sessions_app import selectors as chats
from sessions_app.api import UploadParser, read_input, require_upload, succeed
from sessions_app.inputs import (
    MAX_TAG_CHARS,
    AgentAttachmentInput,
    AgentMessageInput,
    AssignInput,
    HistoryInput,
    HoldInput,
    StrictCharField,
    TagsInput,
    TransferInput,
)
from sessions_app.models import ChatSession, Reason, Stage, Status, Tag
from sessions_app.services import Post
from sessions_app.writer import write_one


def summary(session: ChatSession) -> dict[str, object]:
    [payload] = chats.summaries([session])
    return payload


class MomentField(serializers.Field):
    """A date, which is a day in UTC, or a time with its offset. As an end, a date means the whole day."""

    default_error_messages = {"invalid": "Write it as 2026-01-31, or as 2026-01-31T09:30:00Z."}

    def __init__(self, *, is_end: bool = False, **options) -> None:
        super().__init__(**options)
        self._is_end = is_end

    def to_internal_value(self, data: str) -> datetime | None:
        moment = None
        with contextlib.suppress(ValueError, OverflowError):
            moment = self._moment(data)
        if data and moment is None:
            self.fail("invalid")
        return moment

    def _moment(self, text: str) -> datetime | None:
        if day := parse_date(text):
            return datetime.combine(day, time(), UTC) + timedelta(days=self._is_end)
        moment = parse_datetime(text)
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class FindInput(serializers.Serializer):
    history = serializers.BooleanField(default=False)
    open = serializers.BooleanField(default=False)
    q = StrictCharField(max_length=200, required=False, allow_blank=True)
    status = serializers.ChoiceField(choices=Status.choices, required=False, allow_blank=True)
    assigned = serializers.RegexField(r"\A(me|none|[0-9]{1,18})\Z", required=False, allow_blank=True)
    reason = serializers.ChoiceField(choices=Reason.choices, required=False, allow_blank=True)
    stage = serializers.ChoiceField(choices=Stage.choices, required=False, allow_blank=True)
    tag = StrictCharField(max_length=MAX_TAG_CHARS, required=False, allow_blank=True)
    tenant = StrictCharField(max_length=64, required=False, allow_blank=True)
    # A page of 50 takes the longer the further back it is; dates lead there at once.
    page = serializers.IntegerField(min_value=1, max_value=2000, default=1)

    def get_fields(self) -> dict[str, serializers.Field]:
        since = MomentField(source="since", required=False)
        until = MomentField(source="until", required=False, is_end=True)
        return {**super().get_fields(), "from": since, "to": until}


class SessionsView(AgentView):
    def get(self, request: Request) -> Response:
        query = read_input(FindInput, request.query_params)
        page = query.pop("page")
        found = finding.find_sessions(self.rights, finding.Query(**query), page=page)
        return succeed(
            {
                "sessions": chats.summaries(found.sessions),
                "page": found.page,
                "pages": found.pages,
                "total": found.total,
                "is_capped": found.is_capped,
                "counts": selectors.counts(self.rights),
            }
        )


class SessionView(AgentView):
    def get(self, request: Request, session_id: str) -> Response:
        return succeed(summary(self.session(session_id)))


class MessagesView(AgentView):
    def get(self, request: Request, session_id: str) -> Response:
        page = read_input(HistoryInput, request.query_params)
        session = self.session(session_id)
        return succeed(
            chats.transcript(session, after=page.get("after"), before=page.get("before"), limit=page["limit"])
        )

    def post(self, request: Request, session_id: str) -> Response:
        data = read_input(AgentMessageInput, request.data)
        session = self.session(session_id)
        body, id = protocol.clean_text(data["body"], field="body"), data["client_message_id"]
        if data["note"]:
            posted = services.add_note(session.session_id, self.rights.actor, client_message_id=id, body=body)
        else:
            posted = write_one(Post(session.session_id, id, body, self.rights.actor))
        return succeed(posted.message, 201 if posted.is_new else 200)


class AttachmentsView(AgentView):
    parser_classes = (UploadParser,)

    def post(self, request: Request, session_id: str) -> Response:
        require_upload(request)
        data = read_input(AgentAttachmentInput, request.data)
        session = self.session(session_id)
        posted = attachments.post_attachment(session, data["client_message_id"], data["file"], self.rights.actor)
        return succeed(posted.message, 201 if posted.is_new else 200)


class VisitorView(AgentView):
    """Who the visitor is, as far as that is known: nothing of it is proved."""

    def get(self, request: Request, session_id: str) -> Response:
        session = self.session(session_id)
        return succeed(
            {
                "trail": chats.trail(session),
                "holds": chats.holds(session),
                "started_page": chats.first_page(session),
                "referrer": session.metadata.get("referrer", ""),
                "user_agent": session.user_agent,
                "locale": session.metadata.get("locale", ""),
                "timezone": session.metadata.get("timezone", ""),
                "previous_outcome": session.previous_outcome or None,
                "explanation": chats.explanation(session),
                "earlier": finding.other_chats(self.rights, session),
            }
        )


class TagsOfInput(serializers.Serializer):
    tenant = StrictCharField(max_length=64, required=False, allow_blank=True)


class TagsView(AgentView):
    def get(self, request: Request) -> Response:
        tags = Tag.objects.filter(tenant__in=self.rights.tenant_ids)
        if tenant := read_input(TagsOfInput, request.query_params).get("tenant"):
            tags = tags.filter(tenant__slug=tenant)
        found = tags.order_by("name").values_list("name", "tenant__slug")
        return succeed({"tags": [{"name": name, "tenant": slug} for name, slug in found]})


class SessionTagsView(AgentView):
    def put(self, request: Request, session_id: str) -> Response:
        data = read_input(TagsInput, request.data)
        session = services.tag_session(chats.parse_session_id(session_id), self.rights.actor, data["tags"])
        return succeed(summary(session))


class AssignView(AgentView):
    def post(self, request: Request, session_id: str) -> Response:
        to_agent_id = read_input(AssignInput, request.data).get("agent_id")
        session_id = chats.parse_session_id(session_id)
        is_supervised = self.rights.is_supervisor and to_agent_id is not None
        if to_agent_id in (None, self.rights.user_id) and not is_supervised:
            session = services.accept_session(session_id, self.rights.actor)
        else:
            session = services.give_session(session_id, self.rights.actor, to_agent_id)
        return succeed(summary(session))


class TransferView(AgentView):
    def post(self, request: Request, session_id: str) -> Response:
        data = read_input(TransferInput, request.data)
        note = data.get("note") or ""
        session = services.transfer_session(
            chats.parse_session_id(session_id),
            self.rights.actor,
            to_agent_id=data.get("to_agent_id"),
            note="" if protocol.is_blank(note) else protocol.clean_text(note, field="note"),
        )
        return succeed(summary(session))


class HoldView(AgentView):
    def post(self, request: Request, session_id: str) -> Response:
        minutes = read_input(HoldInput, request.data)["minutes"]
        session = services.hold_session(chats.parse_session_id(session_id), self.rights.actor, minutes=minutes)
        return succeed(summary(session))


class EndView(AgentView):
    def post(self, request: Request, session_id: str) -> Response:
        session = services.end_session(chats.parse_session_id(session_id), self.rights.actor)
        return succeed(summary(session))
