"""daphne, with what a chat needs of a server and daphne alone does not do. `python -m chatcenter.daphne_server …`

- A close code below 3000 reaches the browser: 1012 for a restart, 1009 for a frame that is too large (autobahn keeps
  applications from sending the first, and drops the connection instead of sending the second).
- A client that sends faster than its frames are handled is read no further until they are; daphne would queue
  without end.
"""

import daphne.server  # first: it installs the reactor that the imports below rely on
from daphne.cli import CommandLineInterface
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import reactor

MAX_QUEUED_FRAMES = 32
RESUME_SECONDS = 0.05


class ChatProtocol(WebSocketProtocol):
    is_paused = False

    def serverClose(self, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)

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


if __name__ == "__main__":
    daphne.server.WebSocketFactory = ChatFactory
    CommandLineInterface.entrypoint()
