"""The visitors' HTTP API, /api/v1/chat/public/: parse, call one service, answer in the envelope."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseError
from django.http import HttpRequest
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sessions_app import (
    attachments,
    offline,
    origins,
    presence,
    protocol,
    restorations,
    selectors,
    services,
    throttles,
)
from sessions_app.errors import (
    ChatError,
    Invalid,
    OriginNotAllowed,
    RateLimited,
    SessionNotFound,
    SessionOver,
    TooLarge,
    Unavailable,
)
from sessions_app.inputs import (
    AttachmentInput,
    HistoryInput,
    MessageInput,
    OfflineInput,
    PollInput,
    RatingInput,
    SessionInput,
    StartInput,
)
from sessions_app.models import ChatSession, Party, Tenant
from sessions_app.restorations import Restored
from sessions_app.serializers import (
    config_payload,
    owner_status_payload,
    policy_payload,
    rating_payload,
    status_payload,
    timestamp,
)
from sessions_app.services import VISITOR, Post
from sessions_app.writer import write_one

logger = logging.getLogger(__name__)

# Messages in one answer to a poll.
POLL_LIMIT = 100

MAX_USER_AGENT_CHARS = 300


class StrictJSONParser(BaseParser):
    """The body by the same rules as a frame."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None) -> dict[str, object]:
        data = stream.read(settings.CHAT_MAX_BODY_BYTES + 1)
        if len(data) > settings.CHAT_MAX_BODY_BYTES:
            raise TooLarge
        return protocol.parse_document(data)


class UploadParser(MultiPartParser):
    """One file and a few fields; no more of it is read than may be sent."""

    def parse(self, stream, media_type=None, parser_context=None):
        request = parser_context["request"]
        request.upload_handlers.insert(0, attachments.QuotaHandler(request._request))
        try:
            return super().parse(stream, media_type, parser_context)
        except RequestDataTooBig as error:
            raise TooLarge from error
        except SuspiciousOperation as error:
            raise Invalid from error


def require_upload(request: Request) -> None:
    """Refuses by its head what is too large, and everything where attachments are switched off."""
    if not settings.CHAT_MAX_ATTACHMENT_BYTES:
        raise Invalid("Files cannot be sent here.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > settings.CHAT_MAX_REQUEST_BYTES:
        raise TooLarge


def succeed(data: dict[str, object], status_code: int = status.HTTP_200_OK) -> Response:
    return Response({"success": True, "data": data}, status=status_code)


def exception_handler(error: Exception, context: dict) -> Response:
    """Every error of every view as the contract's envelope; what nobody expected tells nothing of itself."""
    answer = _chat_error(error)
    response = Response({"success": False, "error": answer.payload()}, status=_status(error, answer))
    if "retry_after_ms" in answer.details:
        response["Retry-After"] = -(-answer.details["retry_after_ms"] // 1000)
    return response


def _chat_error(error: Exception) -> ChatError:
    if isinstance(error, ChatError):
        return error
    if isinstance(error, exceptions.ValidationError):
        return Invalid("Some fields are not valid.", fields=error.detail)
    if isinstance(error, exceptions.APIException):
        return Invalid(str(error.detail))
    logger.exception("a request failed", exc_info=error)
    return Unavailable()


def _status(error: Exception, answer: ChatError) -> int:
    # 401, 403, 405 and 415 have no code of their own in the contract, but HTTP clients know the numbers.
    is_http = isinstance(error, exceptions.APIException) and not isinstance(error, exceptions.ParseError)
    return error.status_code if is_http else answer.status


def read_input(serializer_class: type[serializers.Serializer], data: object) -> dict[str, object]:
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def without_nulls(values: dict[str, object] | None) -> dict[str, object]:
    return {name: value for name, value in (values or {}).items() if value is not None}


class PublicView(APIView):
    """Open to every website; each call checks the origin against its tenant before it answers anything."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (StrictJSONParser,)

    is_origin_allowed = True

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, OriginNotAllowed):
            self.is_origin_allowed = False
        return super().handle_exception(error)

    def finalize_response(self, request: HttpRequest, response: Response, *args, **kwargs) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Vary"] = "Origin"
        origin = request.headers.get("Origin")
        if origin and self.is_origin_allowed:
            response["Access-Control-Allow-Origin"] = origin
        return response

    def options(self, request: Request, *args, **kwargs) -> Response:
        """A preflight names no tenant, so it promises nothing: the call itself is checked."""
        response = Response(status=status.HTTP_204_NO_CONTENT)
        response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        response["Access-Control-Allow-Headers"] = "Content-Type, X-Session-Key"
        response["Access-Control-Max-Age"] = "7200"
        return response

    def require_origin(self, tenant: Tenant) -> None:
        origin = self.request.headers.get("Origin")
        origins.require_allowed(tenant.allowed_origins, origin, may_be_absent=self.request.method == "GET")

    def session(self, session_id: str, key: object) -> ChatSession:
        """The session whose key the visitor has proved. Raises SessionNotFound, OriginNotAllowed, RateLimited."""
        with throttles.proof_from(self.address()):
            if not isinstance(key, str) or not key:
                raise SessionNotFound
            session = selectors.session_for_key(selectors.parse_session_id(session_id), key)
        self.require_origin(session.tenant)
        return session

    def limit_address(self, name: str, rates: Sequence[tuple[int, int]]) -> None:
        """Counts one event of ``name`` for the visitor's address. Raises RateLimited."""
        [wait] = throttles.take(name, [self.address()], rates)
        if wait:
            raise RateLimited(wait)

    def address(self) -> str:
        """The visitor's, as limits know it."""
        forwarded_for = self.request.headers.get("X-Forwarded-For", "")
        return throttles.client_address(self.request.META.get("REMOTE_ADDR"), forwarded_for)

    def header_key(self) -> str:
        return self.request.headers.get("X-Session-Key", "")

    def posted_session(self, serializer_class: type[SessionInput]) -> tuple[ChatSession, dict[str, object]]:
        """The session that a POST names and proves, and the rest of its fields."""
        data = read_input(serializer_class, self.request.data)
        return self.session(data["session_id"], self.header_key() or self.request.data.get("session_key")), data


class StartView(PublicView):
    def post(self, request: Request) -> Response:
        data = read_input(StartInput, request.data)
        tenant = selectors.active_tenant(data["tenant_id"])
        self.require_origin(tenant)
        if data.get("offline_form") and selectors.wants_message_left(tenant, data.get("start_id")):
            return succeed({"online": False})
        self.limit_address("start", settings.CHAT_START_RATES)
        previous = data.get("previous") or {}
        session, key = services.start_session(
            tenant,
            channel=data["channel"],
            customer_name=data.get("customer_name") or "",
            customer_email=data.get("customer_email") or "",
            metadata=without_nulls(data.get("metadata")),
            user_agent=request.headers.get("User-Agent", "").replace("\x00", "")[:MAX_USER_AGENT_CHARS],
            start_id=data.get("start_id"),
            previous_session_id=previous.get("session_id"),
            previous_outcome=previous.get("outcome", ""),
        )
        return succeed(
            {
                "session_id": str(session.session_id),
                "session_key": key,
                "conversation_id": session.conversation_id,
                "status": session.status,
                "created_at": timestamp(session.created_at),
                "server_time": timestamp(selectors.database_now()),
                "policy": policy_payload(tenant),
            },
            status.HTTP_201_CREATED,
        )


class StatusView(PublicView):
    """Open without a key, because the widget's documentation promises it: then it tells nothing about anybody."""

    def get(self, request: Request, session_id: str) -> Response:
        if not self.header_key():
            with throttles.proof_from(self.address()):
                session = selectors.session_by_id(selectors.parse_session_id(session_id))
            self.require_origin(session.tenant)
            return succeed(status_payload(session))
        session = self.session(session_id, self.header_key())
        # Whoever asks with the key wants to come back: time decides now, not at the next sweep.
        session = services.abandon_if_lost(session.session_id)
        return succeed(owner_status_payload(session, selectors.database_now()))


class EndView(PublicView):
    def post(self, request: Request) -> Response:
        session, _ = self.posted_session(SessionInput)
        session = services.end_session(session.session_id, VISITOR)
        return succeed({"message": "Chat session ended successfully", "status": session.status})


class MessageView(PublicView):
    def post(self, request: Request) -> Response:
        session, data = self.posted_session(MessageInput)
        body = protocol.clean_text(data["message"])
        posted = write_one(Post(session.session_id, data["client_message_id"], body, VISITOR))
        return succeed(posted.message, status.HTTP_201_CREATED if posted.is_new else status.HTTP_200_OK)


class RatingView(PublicView):
    def post(self, request: Request) -> Response:
        session, data = self.posted_session(RatingInput)
        session, is_new = services.rate_session(
            session.session_id, score=data["score"], comment=data.get("comment") or ""
        )
        return succeed(rating_payload(session), status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class AttachmentView(PublicView):
    parser_classes = (UploadParser,)

    def post(self, request: Request) -> Response:
        require_upload(request)
        session, data = self.posted_session(AttachmentInput)
        posted = attachments.post_attachment(session, data["client_message_id"], data["file"], VISITOR)
        return succeed(posted.message, status.HTTP_201_CREATED if posted.is_new else status.HTTP_200_OK)


class SessionView(PublicView):
    def get(self, request: Request, session_id: str) -> Response:
        session = self.session(session_id, self.header_key())
        page = read_input(HistoryInput, request.query_params)
        history = selectors.transcript(session, after=page.get("after"), before=page.get("before"), limit=page["limit"])
        return succeed({"session": selectors.visitor_view(session), **history})


class OfflineView(PublicView):
    def post(self, request: Request) -> Response:
        data = read_input(OfflineInput, request.data)
        tenant = selectors.active_tenant(data["tenant_id"])
        self.require_origin(tenant)
        body = protocol.clean_text(data["message"])
        self.limit_address("offline", settings.CHAT_OFFLINE_RATES)
        page = without_nulls(data.get("metadata"))
        message, is_new = offline.leave_message(
            tenant,
            data["message_id"],
            name=data.get("name") or "",
            email=data["email"],
            body=body,
            **{field: page[field] for field in ("page_url", "page_title", "locale") if field in page},
        )
        answer = {"message_id": str(message.message_id), "created_at": timestamp(message.created_at)}
        return succeed(answer, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class PollView(PublicView):
    """What a socket's hello and ping do, for visitors whose network lets no socket through."""

    def post(self, request: Request) -> Response:
        session, data = self.posted_session(PollInput)
        [wait] = throttles.take("poll", [session.session_id], settings.CHAT_POLL_RATES)
        if wait:
            raise RateLimited(wait)
        began, outcome = monotonic(), ""
        with suppress(SessionOver):  # the answer says it
            outcome = self._take_in(session.session_id, data)
        session, now = selectors.session_by_id(session.session_id), selectors.database_now()
        after = data.get("after_seq")
        is_known = after is not None and 0 <= after <= session.last_seq
        after = after if is_known else 0
        page = selectors.transcript(session, after=after, limit=POLL_LIMIT)
        if outcome:
            took_ms = round((monotonic() - began) * 1000)
            self._note(Restored(session.session_id, outcome, took_ms, after, page["last_seq"]))
        answer = {
            "session": selectors.visitor_view(session),
            **page,
            "resume": "resumed" if is_known else "resync",
            "expiring_at": timestamp(session.expires_at) if session.is_expiring(now) else None,
            "server_time": timestamp(now),
            "policy": policy_payload(session.tenant),
        }
        if session.parting_words:
            answer["text"] = session.parting_words
        return succeed(answer)

    def _note(self, restored: Restored) -> None:
        """Once a minute at most, whatever a client says of itself; and a report is not worth the visitor's answer."""
        [wait] = throttles.take("restoration", [restored.session_id], ((1, 60),))
        if not wait:
            try:
                restorations.store([restored])
            except DatabaseError:
                logger.exception("a restoration was not stored")

    def _take_in(self, session_id: UUID, data: dict[str, object]) -> str:
        """Returns the Restoration.Outcome, empty where nothing was restored."""
        outcome = ""
        if (hello := data.get("hello")) is not None:
            page = without_nulls(hello.get("page"))
            restored = services.restore_session(
                session_id,
                is_page_load=hello["restored"],
                page_url=page.get("url", ""),
                page_title=page.get("title", ""),
            )
            outcome = restorations.outcome(is_reopened=restored.is_reopened, is_page_load=hello["restored"])
        presence.stamp({session_id: (data["visible"], data["active"])})
        if data.get("visitor"):
            services.identify_visitor(session_id, **data["visitor"])
        if data.get("read_seq"):
            services.mark_read(session_id, Party.VISITOR, data["read_seq"])
        return outcome


class ConfigView(PublicView):
    def get(self, request: Request, tenant_id: str) -> Response:
        tenant = selectors.active_tenant(tenant_id)
        self.require_origin(tenant)
        return succeed(config_payload(tenant, online=selectors.agent_directory().any_available(tenant.pk)))
