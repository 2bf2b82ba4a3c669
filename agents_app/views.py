"""The console's pages. They are shells: what they show comes over the socket and the REST API."""

from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from agents_app import selectors
from agents_app.selectors import Rights
from sessions_app.models import CLOSING, Stage
from sessions_app.serializers import attachment_rules

# Named in the page: browsers would learn of them one after the other, five imports deep, and start.js not at all.
_FOLDER = Path(__file__).parent / "static" / "agents_app"
_OTHERS = ("on_duty.js", "reports.js", "start.js")
_WIDGETS = ("connection", "emitter", "parts/links/pieces", "protocol", "store", "timers")
CONSOLE_MODULES = [f"agents_app/{path.name}" for path in sorted(_FOLDER.glob("*.js")) if path.name not in _OTHERS]
CONSOLE_MODULES += [f"widget/{name}.js" for name in _WIDGETS]


class ConsoleLoginView(LoginView):
    template_name = "agents_app/login.html"
    redirect_authenticated_user = True


@require_safe
@never_cache
@login_required
@ensure_csrf_cookie
def console(request: HttpRequest, session_id: UUID | None = None, view: str = "inbox") -> HttpResponse:
    """The console, for each of its views and for a chat in one of them; 403 for a user who is no agent."""
    rights = selectors.rights(request.user.pk)
    if rights is None:
        # Not a redirect to the login page: that sends whoever is logged in back here.
        return render(request, "agents_app/no_access.html", status=403)
    config = agent_config(rights) | {"attachments": attachment_rules()}
    context = {"agent_name": rights.name, "config": config, "view": view, "pane": "chat" if session_id else "lists"}
    context |= {"reasons": CLOSING, "stages": list(Stage)}
    context |= {"is_supervisor": rights.is_supervisor, "modules": CONSOLE_MODULES}
    return render(request, "agents_app/console.html", context)


def agent_config(rights: Rights) -> dict[str, object]:
    """What the scripts of every page need on which an agent is at work."""
    return {
        "agent_id": rights.user_id,
        "base": resolve_url(settings.LOGIN_REDIRECT_URL),
        "login": resolve_url(settings.LOGIN_URL),
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
    }
