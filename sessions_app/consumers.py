"""The visitor's socket, /ws/public/{session_id}."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError

from sessions_app import events, origins, protocol, restorations, selectors, services, throttles
from sessions_app.errors import (
    ChatError,
    Invalid,
    OriginNotAllowed,
    RateLimited,
    SessionNotFound,
    SessionOver,
    TenantNotFound,
)
from sessions_app.hub import Frame
from sessions_app.models import Party
from sessions_app.occupancy import TTL_SECONDS, ledgers
from sessions_app.presence import Beat, boards
from sessions_app.restorations import Restored, notebooks
from sessions_app.serializers import policy_payload, timestamp
from sessions_app.services import VISITOR, Post
from sessions_app.sockets import FrameConsumer

logger = logging.getLogger(__name__)

SNAPSHOT_LIMIT = 100
PAGE_SECONDS = 2.0

TO_THE_CLIENT = {
    events.MESSAGE_NEW,
    events.SESSION_ASSIGNED,
    events.SESSION_UNASSIGNED,
    events.SESSION_QUEUE,
    events.SESSION_EXPIRING,
    events.SESSION_REOPENED,
    events.TYPING,
    events.READ,
}

CLOSE_CODES = {
    SessionNotFound: protocol.CLOSE_NOT_FOUND,
    TenantNotFound: protocol.CLOSE_ORIGIN,
    OriginNotAllowed: protocol.CLOSE_ORIGIN,
    SessionOver: protocol.CLOSE_OVER,
    RateLimited: protocol.CLOSE_TOO_FAST,
}


class _Ready(NamedTuple):
    """``outcome``: a Restoration.Outcome, or empty for a hello that restored nothing."""

    name: str
    payload: dict[str, object]
    outcome: str
    after_seq: int


class VisitorConsumer(FrameConsumer):
    def __init__(self) -> None:
        self.session_id: UUID | None = None
        self.name = ""
        self.address: str | None = None
        self.board = boards.current()
        self.ledger = ledgers.current()
        self._tasks: frozenset[asyncio.Task] = frozenset()
        self._page: protocol.Page | None = None
        self._is_moving = False
        self._accepted_at = 0.0  # by the loop's clock
        self._origin = ""

    async def accepted(self) -> None:
        self._accepted_at = asyncio.get_running_loop().time()
        self._origin = sys.intern(origins.header(self.scope, b"origin"))
        peer = self.scope.get("client")
        forwarded_for = ",".join(origins.headers(self.scope, b"x-forwarded-for"))
        # Interned, as the origin is: most of many sockets may come from one proxy.
        self.address = sys.intern(throttles.client_address(peer and peer[0], forwarded_for))
        if not await self.ledger.admit(self.address):
            self.address = None
            # By then a process that was killed counts no more.
            self.send_error(RateLimited(round(TTL_SECONDS * 1000), "Too many connections from this address."))
            self.close(protocol.CLOSE_TOO_FAST)

    def left(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self.address is not None:
            self.ledger.discharge(self.address)
        if self.session_id is not None:
            self.ledger.leave(self.session_id, self)
            self.board.leave(self.session_id, self)
            self.hub.leave(self, events.visitor_group(self.session_id))

    def handle_event(self, frame: Frame) -> None:
        if frame.name in TO_THE_CLIENT:
            self.send_text(frame.text)
        elif frame.name == events.SESSION_ENDED:
            self._start(self._end_if_over(frame.text))
        elif frame.name == events.VISITOR_LEFT:
            self.board.see(self.session_id)

    def _start(self, work: Coroutine) -> None:
        """Runs beside the frames, until it is done or the socket is gone."""
        task = asyncio.create_task(work)
        self._tasks |= {task}
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task) -> None:
        self._tasks -= {task}

    async def _end_if_over(self, text: str) -> None:
        """A sweep's bell may ring so late that the visitor is back already: the row decides."""
        session = await self.in_thread(selectors.session_by_id, self.session_id)
        if not session.is_open:
            # It may be a message of this very socket that has found out: its refusal comes first.
            await self.until_answered()
            self.send_text(text)
            self.close(protocol.CLOSE_OVER)

    async def hello(self, command: protocol.Hello) -> None:
        if self.is_admitted:
            raise Invalid("This socket has said hello already.")
        try:
            await self._admit(command)
        except ChatError as error:
            self._refuse(error)

    async def _admit(self, command: protocol.Hello) -> None:
        session_id = selectors.parse_session_id(self.scope["url_route"]["kwargs"]["session_id"])
        group = events.visitor_group(session_id)
        # Subscribed first, the snapshot after it. What is heard before the key is proven is held, and forgotten unless
        # it is.
        self.hold_events()
        await self.hub.join(self, group)
        try:
            ready = await self.in_thread(self._open, session_id, command)
        except BaseException:
            self.hub.leave(self, group)
            self.forget_events()
            raise
        self.session_id = session_id
        self.is_admitted = True
        self.name = ready.name
        self.board.enter(self.session_id, self, is_visible=command.visible)
        self.board.see(self.session_id)
        self.send_frame("chat.session.ready", ready.payload)
        self.release_events()
        self.ledger.enter(self.session_id, self)
        if ready.outcome:
            self._note_return(ready)

    def _note_return(self, ready: _Ready) -> None:
        took_ms = round((asyncio.get_running_loop().time() - self._accepted_at) * 1000)
        last_seq = ready.payload["last_seq"]
        notebooks.current().note(Restored(self.session_id, ready.outcome, took_ms, ready.after_seq, last_seq))

    def _refuse(self, error: ChatError) -> None:
        """Says why, and closes where the error leaves nothing to do on this socket."""
        self.send_error(error)
        if type(error) in CLOSE_CODES:
            self.close(CLOSE_CODES[type(error)])

    def _open(self, session_id: UUID, command: protocol.Hello) -> _Ready:
        """Checks key and origin, restores the session and reads the snapshot. After the subscription: what commits from
        here on arrives as an event, what committed before is in the snapshot."""
        with throttles.proof_from(self.address):
            allowed_origins = selectors.origins_for_key(session_id, command.session_key)
        origins.require_allowed(allowed_origins, self._origin)
        session, is_reopened, now = services.restore_session(
            session_id,
            is_page_load=command.restored,
            page_url=command.page.url,
            page_title=command.page.title,
            referrer=command.page.referrer,
        )
        after = command.after_seq
        is_known = after is not None and 0 <= after <= session.last_seq
        after = after if is_known else 0
        page = selectors.transcript(session, after=after, limit=SNAPSHOT_LIMIT)
        if is_reopened:
            resume = "reopened"
        elif not is_known:
            resume = "resync"
        else:
            resume = "new" if after == 0 and not command.restored else "resumed"
        payload = {
            "session": selectors.visitor_view(session),
            **page,
            "resume": resume,
            "server_time": timestamp(now),
            "policy": policy_payload(session.tenant),
        }
        outcome = restorations.outcome(is_reopened=is_reopened, is_page_load=command.restored)
        return _Ready(session.customer_name or "Visitor", payload, outcome, after)

    async def ping(self, command: protocol.Ping) -> None:
        # Beats are answered by the second, and the next message must not wait for that.
        self.board.beat(self.session_id, self, is_visible=command.visible, is_active=command.active)

    def beaten(self, answer: Beat | ChatError) -> None:
        if isinstance(answer, ChatError):
            self._refuse(answer)
            return
        try:
            # The tenant may have taken this website off its list while the socket was open.
            origins.require_allowed(answer.allowed_origins, self._origin)
        except OriginNotAllowed as refusal:
            self._refuse(refusal)
        else:
            pong = {"last_seq": answer.last_seq, "status": answer.status, "server_time": answer.server_time}
            self.send_frame("pong", pong)

    async def send_message(self, command: protocol.SendMessage) -> None:
        post = Post(self.session_id, command.client_message_id, protocol.clean_text(command.body), VISITOR)
        try:
            message = await self.post(post)
        except SessionOver as error:
            self.send_error(error, command)
            self.close(protocol.CLOSE_OVER)
            return
        payload = {"client_message_id": message["client_message_id"], "message": message}
        self.send_frame("chat.message.ack", payload)

    async def typing(self, command: protocol.VisitorTyping) -> None:
        await self.in_thread(self._typing, command)

    def _typing(self, command: protocol.VisitorTyping) -> None:
        session = selectors.session_by_id(self.session_id)
        text = None
        if session.tenant.typing_preview and command.text is not None:
            text = command.text[: settings.CHAT_MAX_MESSAGE_CHARS]
        groups = events.console_groups(session)
        events.publish([events.typing(groups, self.session_id, Party.VISITOR, self.name, command.is_typing, text)])

    async def read(self, command: protocol.Read) -> None:
        await self.in_thread(services.mark_read, self.session_id, Party.VISITOR, command.seq)

    async def identify(self, command: protocol.Identify) -> None:
        await self.in_thread(services.identify_visitor, self.session_id, name=command.name, email=command.email)
        if command.name is not None:
            self.name = command.name or "Visitor"

    async def view_page(self, command: protocol.Page) -> None:
        """At most one in PAGE_SECONDS is stored, the last one always: a page that changes its address all the time
        must not keep every console busy."""
        self._page = command
        if not self._is_moving:
            self._is_moving = True
            self._start(self._move())

    async def _move(self) -> None:
        try:
            while (page := self._page) is not None:
                self._page = None
                try:
                    await self.in_thread(
                        services.record_page,
                        self.session_id,
                        url=page.url,
                        title=page.title,
                        referrer=page.referrer,
                    )
                except DatabaseError:
                    logger.exception("a page was not stored, trying again")
                    self._page = self._page or page
                await asyncio.sleep(PAGE_SECONDS)
        except SessionOver as error:
            self._refuse(error)
        finally:
            self._is_moving = False

    async def history(self, command: protocol.History) -> None:
        self.send_frame("chat.history", await self.in_thread(self._history, command))

    def _history(self, command: protocol.History) -> dict[str, object]:
        session = selectors.session_by_id(self.session_id)
        return selectors.transcript(session, after=command.after_seq, before=command.before_seq, limit=command.limit)

    async def still_here(self, command: protocol.Empty) -> None:
        self.board.see(self.session_id, is_active=True)

    async def end(self, command: protocol.Empty) -> None:
        # The event that follows tells this socket, too.
        await self.in_thread(services.end_session, self.session_id, VISITOR)

    commands = {
        "hello": protocol.Hello,
        "ping": protocol.Ping,
        "chat.message.send": protocol.SendMessage,
        "chat.typing": protocol.VisitorTyping,
        "chat.read": protocol.Read,
        "chat.identify": protocol.Identify,
        "page.view": protocol.Page,
        "chat.history": protocol.History,
        "chat.still_here": protocol.Empty,
        "chat.end": protocol.Empty,
    }
    handlers = {
        "hello": hello,
        "ping": ping,
        "chat.message.send": send_message,
        "chat.typing": typing,
        "chat.read": read,
        "chat.identify": identify,
        "page.view": view_page,
        "chat.history": history,
        "chat.still_here": still_here,
        "chat.end": end,
    }
