"""What visitors' and agents' sockets have in common: frames in, frames out, and an end for those that misbehave.

A Channels consumer without what costs Channels its speed: no layer channel of its own (hub.py has one for the whole
process) and no thread hop for each event. It reads frames one at a time; what it sends goes through a queue of its
own, so that a slow reader holds up nobody else.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import ClassVar

from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from msgspec import Struct

from sessions_app import protocol
from sessions_app.errors import ChatError, Invalid, RateLimited, TooLarge, Unavailable
from sessions_app.events import message_key
from sessions_app.hub import Frame, hubs
from sessions_app.loops import start_eagerly
from sessions_app.serializers import encode
from sessions_app.services import Post
from sessions_app.shutdown import drains
from sessions_app.writer import writers

logger = logging.getLogger(__name__)

# Characters that may wait for a client that does not read, of up to four bytes each: counting those would mean to
# encode every frame once more. (uvicorn makes us wait with the client; daphne_server.py counts for daphne.)
MAX_UNREAD_CHARS = 1024 * 1024
CLOSE_TRY_AGAIN = 1013


class Budget:
    """Frames of one socket, each rate a bucket that refills evenly: (count, seconds)."""

    __slots__ = ("_at", "_left", "_rates")

    def __init__(self, rates: tuple[tuple[int, int], ...]) -> None:
        self._rates = rates
        self._left = [float(count) for count, _ in rates]
        self._at = time.monotonic()

    def take(self) -> int:
        """How many ms to wait; 0 = the frame is within the budget."""
        now = time.monotonic()
        elapsed, self._at = now - self._at, now
        wait = 0.0
        for index, (count, seconds) in enumerate(self._rates):
            self._left[index] = min(count, self._left[index] + elapsed * count / seconds) - 1
            if self._left[index] < 0:
                wait = max(wait, -self._left[index] * seconds / count)
        return round(wait * 1000)


class FrameConsumer(AsyncConsumer):
    """One socket. A subclass says which frames it knows, ``commands`` (type -> payload and handler), of which
    ``hello`` is the first and the one that admits it."""

    commands: ClassVar[dict[str, type[Struct]]]
    handlers: ClassVar[dict[str, Callable[["FrameConsumer", Struct], Awaitable[None]]]]

    @classmethod
    def as_asgi(cls) -> Callable[..., Awaitable[None]]:
        """A consumer for each socket. A plain function: one coroutine less that every socket keeps and wakes."""
        return lambda scope, receive, send: cls()(scope, receive, send)

    async def __call__(self, scope, receive, send) -> None:
        self.scope = scope
        self.hub = hubs.current()
        self.is_admitted = False
        self._send = send
        self._outbox: deque[tuple[str, int]] | None = None  # there is none while nothing waits: most sockets idle
        self._outbox_chars = 0
        self._held: list[Frame] | None = None
        self._holds = 0
        self._posting = ""
        self._answered: asyncio.Event | None = None  # there is one only while somebody waits for it
        self._is_closing = self._is_gone = False
        self._bad_frames = 0
        self._budget = Budget(settings.CHAT_FRAME_RATES)
        await receive()  # websocket.connect
        drain = drains.current()
        may_connect = await self.may_connect()
        if drain.is_draining or not may_connect:
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        loop = asyncio.get_running_loop()
        self._hello_timeout: asyncio.TimerHandle | None = loop.call_later(
            settings.CHAT_HELLO_TIMEOUT_SECONDS, self.close, protocol.CLOSE_TIMEOUT
        )
        drain.sockets.add(self)
        try:
            await self.accepted()
            while (message := await receive())["type"] == "websocket.receive":
                if not self._is_closing:
                    await self._receive(message.get("text"))
        finally:
            self._is_closing = self._is_gone = True
            drain.sockets.discard(self)
            self._stop_waiting_for_hello()
            self.left()

    # --- for subclasses -------------------------------------------------------------------------------------------

    async def may_connect(self) -> bool:
        """Before the handshake is answered; False refuses it."""
        return True

    async def accepted(self) -> None:
        """After the handshake, before the first frame is read; a close() from here has a code that browsers see."""

    def left(self) -> None:
        """The socket is gone, for whatever reason short of a killed process. Must not wait for anything."""

    def handle_event(self, frame: Frame) -> None:
        """One event of a group that this socket has joined; unknown ones are to be ignored."""
        raise NotImplementedError

    async def in_thread(self, function: Callable, *args, **kwargs):
        """Runs a service or selector. On a thread of a pool, not on Channels' single one: a slow query must not
        hold up the other sockets."""
        return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)

    async def post(self, post: Post) -> dict[str, object]:
        """Returns the stored message. Its news is not for this socket: the acknowledgement has all of it."""
        self._posting = message_key(post.session_id, post.client_message_id)
        try:
            return (await writers.current().post(post)).message
        finally:
            self._posting = ""
            if self._answered is not None:
                self._answered.set()
                self._answered = None

    async def until_answered(self) -> None:
        """Returns when no message of this socket is on its way, and what became of it has been sent."""
        while self._posting:  # the next one may have been read at once
            self._answered = self._answered or asyncio.Event()
            await self._answered.wait()

    def hold_events(self) -> None:
        """From here on events wait: subscribe first, then read a snapshot, send it, release what came meanwhile. Where
        two snapshots are read at once, until both have been sent."""
        self._holds += 1
        if self._held is None:
            self._held = []

    def release_events(self) -> None:
        self._holds -= 1
        if not self._holds:
            held, self._held = self._held, None
            for frame in held:
                self.handle_event(frame)

    def forget_events(self) -> None:
        self._holds, self._held = 0, None

    def send_frame(self, frame_type: str, payload: dict[str, object]) -> None:
        self.send_text(encode({"type": frame_type, "payload": payload}))

    def send_error(self, error: ChatError, command: Struct | None = None) -> None:
        about = {
            name: str(value)
            for name in ("session_id", "client_message_id")
            if (value := getattr(command, name, None)) is not None
        }
        self.send_frame("error", {**about, **error.payload()})

    def close(self, code: int) -> None:
        """After everything that was sent before. Nothing is read or sent any more."""
        if not self._is_closing:
            self._enqueue("", code)
            self._is_closing = True

    # --- in -------------------------------------------------------------------------------------------------------

    async def _receive(self, text: str | None) -> None:
        if wait := self._budget.take():
            self.send_error(RateLimited(wait))
            self.close(protocol.CLOSE_TOO_FAST)
            return
        if text is not None and len(text.encode()) > settings.CHAT_MAX_FRAME_BYTES:
            self.send_error(TooLarge("This frame is too large."))
            self.close(protocol.CLOSE_TOO_LARGE)
            return
        command = None
        try:
            name, command = protocol.parse_frame(text or "", self.commands)
            if name == "hello":
                self._stop_waiting_for_hello()  # it has come; a slow database is not the client's fault
            elif not self.is_admitted:
                raise Invalid("Say hello first.")
            await self.handlers[name](self, command)
        except protocol.ProtocolError as error:
            self._strike(error)
        except Invalid as error:
            self.send_error(error, command)
            if not self.is_admitted:
                self._strike(None)
        except ChatError as error:
            self.send_error(error, command)
        except DatabaseError:
            logger.exception("the database failed a frame")
            self.send_error(Unavailable(), command)
            if not self.is_admitted:
                self.close(CLOSE_TRY_AGAIN)
        except Exception:  # noqa: BLE001 - a bug in one handler must not end the socket without a word
            logger.exception("a frame failed")
            self.send_error(Unavailable(), command)
            if not self.is_admitted:
                self.close(CLOSE_TRY_AGAIN)

    def _stop_waiting_for_hello(self) -> None:
        if self._hello_timeout is not None:
            self._hello_timeout.cancel()
            self._hello_timeout = None

    def _strike(self, error: ChatError | None) -> None:
        if error is not None:
            self.send_error(error)
        self._bad_frames += 1
        if self._bad_frames >= settings.CHAT_MAX_BAD_FRAMES:
            self.close(protocol.CLOSE_BAD_FRAMES)

    # --- out ------------------------------------------------------------------------------------------------------

    def deliver(self, frame: Frame) -> None:
        """From the hub."""
        if self._is_closing or (self._posting and frame.message_key == self._posting):
            return
        if self._held is not None:
            self._held.append(frame)
        else:
            self.handle_event(frame)

    def send_text(self, text: str) -> None:
        """Queues one finished frame."""
        if self._is_closing:
            return
        if self._outbox_chars > MAX_UNREAD_CHARS:
            # It would never be read. Nor would the close frame: the server's pings end the connection.
            if self._outbox:
                self._outbox.clear()
            self.close(protocol.CLOSE_TIMEOUT)
            return
        self._enqueue(text, 0)

    def _enqueue(self, text: str, close_code: int) -> None:
        self._outbox_chars += len(text)
        if self._outbox is None:
            start_eagerly(self._send_all(text, close_code))
        else:
            self._outbox.append((text, close_code))

    async def _send_all(self, text: str, close_code: int) -> None:
        """A frame, and those that come while it waits for the client."""
        self._outbox = deque([(text, close_code)])
        try:
            while self._outbox:
                text, close_code = self._outbox.popleft()
                if close_code:
                    await self._send({"type": "websocket.close", "code": close_code})
                else:
                    await self._send({"type": "websocket.send", "text": text})
                self._outbox_chars -= len(text)
        except Exception as error:  # noqa: BLE001 - servers raise errors of their own for a socket that is gone
            # The client comes back and is told everything again.
            logger.log(logging.DEBUG if self._is_gone else logging.WARNING, "a frame could not be sent: %r", error)
        finally:
            self._outbox = None
