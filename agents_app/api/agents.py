"""Agents as people: oneself, one's colleagues, what is said often; and their pictures, which anybody may have."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors, services
from agents_app.api.base import AgentView
from agents_app.models import PICTURES
from agents_app.serializers import MeInput
from sessions_app.api import read_input, succeed
from sessions_app.filetypes import THUMBNAIL_TYPE
from sessions_app.views import FOR_EVER, serve_file


class MeView(AgentView):
    def get(self, request: Request) -> Response:
        return succeed(selectors.me(self.rights.user_id))

    def put(self, request: Request) -> Response:
        changes = read_input(MeInput, request.data)
        if changes:
            services.change_availability(self.rights.user_id, **changes)
        return succeed(selectors.me(self.rights.user_id))


class AgentsView(AgentView):
    def get(self, request: Request) -> Response:
        return succeed({"agents": selectors.colleagues(self.rights)})


class CannedRepliesView(AgentView):
    def get(self, request: Request) -> Response:
        return succeed({"replies": selectors.canned_replies(self.rights)})


@require_safe
def agent_picture(request: HttpRequest, name: str) -> HttpResponse:
    """By its name alone, without a query: every widget of a chat asks, and a new picture has another name."""
    if not re.fullmatch(r"[\w-]{1,64}\.webp", name, re.ASCII):
        raise Http404
    return serve_file(f"{PICTURES}/{name}", THUMBNAIL_TYPE, "inline", cache_control=FOR_EVER)
