"""daphne, with what a chat needs of a server and daphne alone does not do. `python -m chatcenter.daphne_server …`

- A close code below 3000 reaches the browser: 1012 for a restart, 1009 for a frame that is too large (autobahn keeps
  applications from sending the first, and drops the connection instead of sending the second).
- The size limit holds for what clients send alone; autobahn would silently keep back larger answers of ours, too.
- A client that sends faster than its frames are handled is read no further until they are, and one that does not
  read what it is sent is cut off; daphne would queue without end, both ways.
- Pings, pongs and fragments are counted (floods.py); autobahn would answer any number, and keep what is not read.
- A request whose head does not come within seconds ends; Twisted would begin the time anew with every byte.
- Of a body no more is kept than a request may have; Twisted would fill the disk with the rest.
- As many may knock at once as the kernel lets; of more than Twisted's 50 it turns some away, which try again after
  seconds, or do not even notice.
- Frames are handed to the kernel at the end of the turn of the loop (corks.py); Twisted would first wait to be told
  that it may.
- Of the connections only those are looked through of which something has come to an end, every second, and those that
  may have to be pinged, every other second; daphne goes through all.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator, Set

import chatcenter.reactor  # noqa: F401, isort: skip - first: what is imported below relies on it
import daphne.server
from daphne.cli import CommandLineInterface
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.http import HTTPChannel, Request

from chatcenter.corks import MAX_HELD_BYTES, corks
from chatcenter.floods import CLOSE_TOO_FAST, SideFrames

MAX_QUEUED_FRAMES = 32
RESUME_SECONDS = 0.05
# What may wait for a client whose buffers are full.
MAX_UNREAD_BYTES = 1024 * 1024
REQUEST_SECONDS = 7.0
BACKLOG = 2048  # as uvicorn's


class ChatProtocol(SideFrames, WebSocketProtocol):
    is_paused = False
    _corked = b""

    def onOpen(self) -> None:
        super().onOpen()
        # The HTTP channel of the handshake: Twisted does not close a connection before its producer is gone.
        self.transport.unregisterProducer()

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)  # autobahn's own words a line for the log first, see sendMessage()

    def onFrameBegin(self) -> None:
        is_message = self.current_frame.opcode in (self.MESSAGE_TYPE_TEXT, self.MESSAGE_TYPE_BINARY)
        if not is_message and self.unread_bytes > MAX_UNREAD_BYTES:
            self.transport.abortConnection()  # of pongs, say
        elif not is_message and self.is_one_too_many():
            self.sendCloseFrame(code=CLOSE_TOO_FAST)
        super().onFrameBegin()

    @property
    def unread_bytes(self) -> int:
        """What waits in this process for a client whose buffers are full."""
        waiting = self.transport
        return len(waiting.dataBuffer) - waiting.offset + waiting._tempDataLen  # Twisted tells it nowhere else

    def sendMessage(self, payload: bytes, isBinary: bool = False, **options) -> None:
        if self.unread_bytes > MAX_UNREAD_BYTES:
            self.transport.abortConnection()
            return
        # Not autobahn's sendMessage(): it words a line for the log about every frame, which nobody ever reads, and
        # that takes longer than all the rest of sending it.
        if self.state == self.STATE_OPEN:
            self._corked += self.factory.prepareMessage(payload, isBinary).payloadHybi
            if len(self._corked) > MAX_HELD_BYTES:
                self.uncork()
            else:
                corks.current().hold(self)

    def uncork(self) -> None:
        data, self._corked = self._corked, b""
        if data:
            self._write(data)

    def _write(self, data: bytes) -> None:
        """Twisted's own way takes a turn of the loop for each write, and tells the kernel twice to watch the socket.
        For plain TCP, which is all that bin/web binds."""
        if self.transport.connected and not self.transport.disconnecting and not self.unread_bytes:
            with contextlib.suppress(OSError):  # full, or broken: Twisted will see
                data = data[self.transport.socket.send(data) :]
        if data:
            self.transport.write(data)

    def serverClose(self, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)

    def sendCloseFrame(self, *args, **options) -> None:
        self.uncork()  # nothing may follow it
        super().sendCloseFrame(*args, **options)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        super().onMessage(payload, isBinary)
        if not self.is_paused and self.application_queue.qsize() > MAX_QUEUED_FRAMES:
            self.is_paused = True
            self.transport.pauseProducing()
            reactor.callLater(RESUME_SECONDS, self._resume)

    def _resume(self) -> None:
        if self.application_queue.qsize() > MAX_QUEUED_FRAMES / 2 and self.state == self.STATE_OPEN:
            reactor.callLater(RESUME_SECONDS, self._resume)
        else:
            self.is_paused = False
            self.transport.resumeProducing()


class ChatFactory(WebSocketFactory):
    protocol = ChatProtocol

    def setProtocolOptions(self, **options) -> None:
        super().setProtocolOptions(failByDrop=False, **options)


class BoundedRequest(WebRequest):
    """What comes after the limit is dropped as it comes: a browser that is still sending would not see an answer."""

    def handleContentChunk(self, data: bytes) -> None:
        super().handleContentChunk(data[: max(0, settings.CHAT_MAX_REQUEST_BYTES + 1 - self.content.tell())])


class PromptChannel(HTTPChannel):
    """A head must be there within REQUEST_SECONDS; of a body, something must come as often."""

    has_head_begun = True

    def connectionMade(self) -> None:
        super().connectionMade()
        self.setTimeout(REQUEST_SECONDS)

    def resetTimeout(self) -> None:
        # Something has come.
        is_body = not self.line_mode
        if not self._handlingRequest and (is_body or not self.has_head_begun):
            self.has_head_begun = True
            self.setTimeout(REQUEST_SECONDS)

    def requestDone(self, request: Request) -> None:
        super().requestDone(request)
        if self.persistent and not self._handlingRequest:
            self.has_head_begun = False
            self.setTimeout(self.timeOut)


class ChatHTTPFactory(HTTPFactory):
    protocol = PromptChannel

    def buildProtocol(self, address):
        protocol = super().buildProtocol(address)
        protocol.requestFactory = BoundedRequest
        return protocol


class ChatServer(daphne.server.Server):
    """daphne's goes through all connections, every second for one thing and every other for another: of ten thousand
    idle sockets that was more than half of what their heartbeats cost."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._ending: set[WebSocketProtocol | WebRequest] = set()  # who has left, or whose application has returned
        self._looks: dict[int, list[WebSocketProtocol | WebRequest]] = {}  # when, in seconds, a time is over at best

    def protocol_connected(self, protocol) -> None:
        super().protocol_connected(protocol)
        self._look_later(protocol)

    def create_application(self, protocol, scope: dict) -> asyncio.Queue | None:
        queue = super().create_application(protocol, scope)
        if queue is not None:
            application = self.connections[protocol]["application_instance"]
            application.add_done_callback(lambda _: self._ending.add(protocol))
        return queue

    def protocol_disconnected(self, protocol) -> None:
        super().protocol_disconnected(protocol)
        self._ending.add(protocol)

    def application_checker(self) -> None:
        # Without those that are gone already: an application's callback may come after it was seen to have returned.
        looked_at = self._ending & self.connections.keys()
        self._ending = set()
        with self._alone(looked_at):
            super().application_checker()
        self._ending |= {
            protocol for protocol in looked_at & self.connections.keys() if "disconnected" in self.connections[protocol]
        }

    def timeout_checker(self) -> None:
        now = time.time()
        # None is further ahead than a ping, unless the clock was set back.
        times = [when for when in self._looks if not now < when <= now + self.ping_interval + 1]
        due = [protocol for when in times for protocol in self._looks.pop(when)]
        looked_at = self.connections.keys() & due
        with self._alone(looked_at):
            super().timeout_checker()
        for protocol in looked_at & self.connections.keys():
            self._look_later(protocol)

    def _look_later(self, protocol) -> None:
        """An open socket when it has been silent for long enough to be pinged, all else the next time: it is soon
        something else."""
        is_open = isinstance(protocol, WebSocketProtocol) and protocol.state == protocol.STATE_OPEN
        when = math.ceil(protocol.last_ping + self.ping_interval) if is_open else 0
        self._looks.setdefault(when, []).append(protocol)

    @contextlib.contextmanager
    def _alone(self, looked_at: Set[WebSocketProtocol | WebRequest]) -> Iterator[None]:
        """Keeps all other connections from daphne's eyes."""
        every, self.connections = self.connections, {protocol: self.connections[protocol] for protocol in looked_at}
        try:
            yield
        finally:
            rest, self.connections = self.connections, every
            for protocol in looked_at - rest.keys():
                del every[protocol]
            every.update(rest)  # with requests that have come meanwhile, on the connections of those that ended


def with_backlog(a_reactor, description: str):
    return serverFromString(a_reactor, f"{description}:backlog={BACKLOG}")


if __name__ == "__main__":
    daphne.server.serverFromString = with_backlog
    daphne.server.HTTPFactory = ChatHTTPFactory
    daphne.server.WebSocketFactory = ChatFactory
    CommandLineInterface.server_class = ChatServer
    CommandLineInterface.entrypoint()
