"""uvicorn's protocols, with what a chat needs of them. `uvicorn --http chatcenter.uvicorn_protocols:PromptProtocol
--ws chatcenter.uvicorn_protocols:ChatProtocol …`

- A request that does not come ends. uvicorn itself waits for ever: a thousand connections with half a request each are
  a thousand connections less.
- A request for a socket that websockets refuses to read is answered; uvicorn would wait for ever.
- Who is heard of anyway is not pinged; uvicorn pings everybody.
- Pings, pongs and fragments are counted (floods.py); uvicorn answers any number, and keeps what is not read.
- Who does not read is cut off; uvicorn waits for as long as something is sent.
- A client is read on until MAX_QUEUED_FRAMES and what one read brings are waiting; uvicorn stops and starts again for
  every single frame, which is two calls of the kernel.
- Frames leave at the end of the turn of the loop (corks.py); uvicorn writes each by itself.
"""

import asyncio
import contextlib
import fcntl
import math
import struct
import termios

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame

from chatcenter.corks import MAX_HELD_BYTES, corks
from chatcenter.floods import CLOSE_TOO_FAST, SideFrames

REQUEST_SECONDS = 7.0
MAX_QUEUED_FRAMES = 32


class PromptProtocol(AutoHTTPProtocol):
    """A head must be there within REQUEST_SECONDS; of a body, something must come as often."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_handled = self.cycle is not None and not self.cycle.response_complete
        if self.transport.get_protocol() is not self or (is_handled and not self.cycle.more_body):
            self._stop_timer()
        elif is_handled or self._timer is None:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.flow.read_paused:  # nothing comes because we do not read
            self._start_timer()
        else:
            self.transport.close()


class ChatProtocol(SideFrames, WebSocketsSansIOProtocol):
    """Pings after ping_interval (and at most a second) without a byte from the client, and gives up ping_timeout later
    unless one has come. As long it waits for a client whose buffers are full, and who need not be silent, to read."""

    _heard_at = 0.0  # by the loop's clock
    _reading_timer: asyncio.TimerHandle | None = None
    _held_bytes = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None
        super().resume_writing()

    def _expect_reading(self) -> None:
        due = self.ping_interval + self.ping_timeout
        self._reading_timer = self.loop.call_later(due, self._check_reading, self._unread_bytes())

    def _check_reading(self, unread: int) -> None:
        if self._unread_bytes() < unread:
            self._expect_reading()
        else:
            self.transport.abort()

    def _unread_bytes(self) -> int:
        """The kernel's included: for whoever reads slowly it takes no more for minutes, until a third of what it holds
        is sent."""
        unread = self.transport.get_write_buffer_size()
        with contextlib.suppress(OSError):  # where a system does not tell
            answer = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            unread += struct.unpack("i", answer)[0]
        return unread

    def handle_ping(self) -> None:
        if not self._ends_flood():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if not self._ends_flood():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        if not self._ends_flood():
            super().handle_cont(event)

    def _ends_flood(self) -> bool:
        if self.close_sent or not self.is_one_too_many():
            return self.close_sent
        if self.handshake_complete:
            self.conn.fail(CLOSE_TOO_FAST)
            self.handle_parser_exception()
        else:  # frames before the answer that allows them
            self.transport.abort()
        return True

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        super().data_received(data)
        if not self.handshake_initiated:
            # It has had the whole head.
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        is_paused = self.read_paused
        self.read_paused = True  # so that it is not done now
        super().send_receive_event_to_app()
        self.read_paused = is_paused
        if not is_paused and self.queue.qsize() > MAX_QUEUED_FRAMES:
            self.read_paused = True
            self.transport.pause_reading()  # until receive() has taken all of them

    def schedule_ping(self) -> None:
        # By the whole second: the loop wakes for many at once, and not for each.
        due = math.ceil(max(self._heard_at, self.ping_sent_at) + self.ping_interval)
        self.ping_timer = self.loop.call_at(due, self.send_keepalive_ping)

    def send_keepalive_ping(self) -> None:
        if self.loop.time() - self._heard_at < self.ping_interval:
            self.schedule_ping()
        else:
            super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        if self._heard_at >= self.ping_sent_at:
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()
        else:
            super().keepalive_timeout()

    async def send(self, message: dict) -> None:
        text = message.get("text")
        if text is None or self.close_sent or not self.handshake_complete:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        data = text.encode()
        try:
            self.conn.send_text(data)
        except InvalidState:
            raise ClientDisconnected from None
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self.uncork()
        else:
            corks.current().hold(self)

    def uncork(self) -> None:
        self._held_bytes = 0
        # Whatever else is written meanwhile, a close frame say, takes along what was to be sent before it.
        if (output := self.conn.data_to_send()) and not self.transport.is_closing():
            self.transport.write(b"".join(output))
