"""Messages that visitors have left while no agent was there."""

from django.core.paginator import Paginator
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors
from agents_app.api.base import AgentView
from agents_app.selectors import HISTORY_PAGE
from sessions_app import offline
from sessions_app.api import read_input, succeed
from sessions_app.inputs import StrictBooleanField
from sessions_app.models import OfflineMessage
from sessions_app.serializers import offline_message_payload


class FindInput(serializers.Serializer):
    """Query parameters, which are strings."""

    done = serializers.BooleanField(default=False)
    page = serializers.IntegerField(min_value=1, max_value=100_000, default=1)


class DoneInput(serializers.Serializer):
    done = StrictBooleanField()


class OfflineMessagesView(AgentView):
    def get(self, request: Request) -> Response:
        query = read_input(FindInput, request.query_params)
        messages = selectors.offline_messages(self.rights).filter(done_at__isnull=not query["done"])
        page = Paginator(messages, HISTORY_PAGE).get_page(query["page"])
        return succeed(
            {
                "messages": [offline_message_payload(message) for message in page.object_list],
                "page": page.number,
                "pages": page.paginator.num_pages,
                "total": page.paginator.count,
            }
        )


class OfflineMessageView(AgentView):
    def put(self, request: Request, message_id: str) -> Response:
        is_done = read_input(DoneInput, request.data)["done"]
        message = self.message(message_id)
        if is_done:
            offline.mark_done(message, self.rights.user_id)
        else:
            offline.mark_open(message)
        return succeed(offline_message_payload(self.message(message_id)))

    def message(self, message_id: str) -> OfflineMessage:
        # Nothing longer is a number of the database's.
        is_id = message_id.isdecimal() and len(message_id) <= 18
        message = selectors.offline_messages(self.rights).filter(pk=message_id).first() if is_id else None
        if message is None:
            raise NotFound("There is no such message.")
        return message
