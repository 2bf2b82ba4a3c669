"""What the agents' HTTP API, /api/v1/chat/, has in common: login cookie and CSRF token; every query bound to the
agent's tenants."""

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from agents_app import selectors
from agents_app import services as agent_services
from agents_app.selectors import Rights
from sessions_app import selectors as chats
from sessions_app.api import StrictJSONParser
from sessions_app.errors import SessionNotFound
from sessions_app.models import ChatSession


class IsAgent(BasePermission):
    """Loads the rights afresh for every request. Whoever acts is there, with or without a console."""

    message = "You are not an agent."

    def has_permission(self, request: Request, view: "AgentView") -> bool:
        view.rights = selectors.rights(request.user.pk)
        if view.rights is not None and request.method not in SAFE_METHODS:
            agent_services.stamp_consoles([view.rights.user_id], are_used=True)
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
