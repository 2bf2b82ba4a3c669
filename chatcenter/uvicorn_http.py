"""uvicorn's HTTP, with an end for requests that do not come. `uvicorn --http chatcenter.uvicorn_http:PromptProtocol …`

uvicorn itself waits for ever: a thousand connections with half a request each are a thousand connections less.
"""

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

REQUEST_SECONDS = 7.0


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
