"""Chats as agents see and work on them."""

from django.core.paginator import Paginator
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors
from agents_app.api.base import AgentView
from agents_app.selectors import HISTORY_PAGE
from sessions_app import attachments, protocol, services
from sessions_app import selectors as chats
from sessions_app.api import UploadParser, read_input, require_upload, succeed
from sessions_app.models import ChatSession, Status
from sessions_app.serializers import AgentAttachmentInput, AgentMessageInput, HistoryInput
from sessions_app.services import Post
from sessions_app.writer import write_one


def summary(session: ChatSession) -> dict[str, object]:
    [payload] = chats.summaries([session])
    return payload


class FindInput(serializers.Serializer):
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    assigned = serializers.RegexField(r"\A(me|none|[0-9]{1,18})\Z", required=False)
    q = serializers.CharField(max_length=200, required=False, allow_blank=True)
    history = serializers.BooleanField(default=False)
    page = serializers.IntegerField(min_value=1, max_value=100_000, default=1)


class SessionsView(AgentView):
    def get(self, request: Request) -> Response:
        query = read_input(FindInput, request.query_params)
        number = query.pop("page")
        page = Paginator(selectors.find_sessions(self.rights, **query), HISTORY_PAGE).get_page(number)
        return succeed(
            {
                "sessions": chats.summaries(page.object_list),
                "page": page.number,
                "pages": page.paginator.num_pages,
                "total": page.paginator.count,
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
        body = protocol.clean_text(data["body"], field="body")
        posted = write_one(Post(session.session_id, data["client_message_id"], body, self.rights.actor))
        return succeed(posted.message, 201 if posted.is_new else 200)


class AttachmentsView(AgentView):
    parser_classes = (UploadParser,)

    def post(self, request: Request, session_id: str) -> Response:
        require_upload(request)
        data = read_input(AgentAttachmentInput, request.data)
        session = self.session(session_id)
        posted = attachments.post_attachment(session, data["client_message_id"], data["file"], self.rights.actor)
        return succeed(posted.message, 201 if posted.is_new else 200)


class AssignView(AgentView):
    def post(self, request: Request, session_id: str) -> Response:
        session = services.accept_session(chats.parse_session_id(session_id), self.rights.actor)
        return succeed(summary(session))


class EndView(AgentView):
    def post(self, request: Request, session_id: str) -> Response:
        session = services.end_session(chats.parse_session_id(session_id), self.rights.actor)
        return succeed(summary(session))
