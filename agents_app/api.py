"""The agents' HTTP API, /api/v1/chat/: login cookie and CSRF token; every query bound to the agent's tenants."""

from django.core.paginator import Paginator
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents_app import selectors
from agents_app import services as agent_services
from agents_app.selectors import HISTORY_PAGE, Rights
from sessions_app import attachments, protocol, services
from sessions_app import selectors as chats
from sessions_app.api import StrictJSONParser, UploadParser, read_input, require_upload, succeed
from sessions_app.errors import SessionNotFound
from sessions_app.models import ChatSession, Status
from sessions_app.serializers import AgentAttachmentInput, AgentMessageInput, HistoryInput
from sessions_app.services import Post
from sessions_app.writer import write_one


class IsAgent(BasePermission):
    """Loads the rights afresh for every request. Whoever acts is there, with or without a console."""

    message = "You are not an agent."

    def has_permission(self, request: Request, view: "AgentView") -> bool:
        view.rights = selectors.rights(request.user.pk)
        if view.rights is not None and request.method == "POST":
            agent_services.stamp_consoles([view.rights.user_id])
        return view.rights is not None


class LoginCookie(SessionAuthentication):
    """Answers 401 to whoever is not logged in, so that the console knows to go to the login page."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class AgentView(APIView):
    authentication_classes = (LoginCookie,)
    permission_classes = (IsAgent,)
    parser_classes = (StrictJSONParser,)
    rights: Rights

    def session(self, session_id: str) -> ChatSession:
        parsed = chats.parse_session_id(session_id)
        session = selectors.visible_sessions(self.rights).filter(session_id=parsed).first()
        if session is None:
            raise SessionNotFound
        return session


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
