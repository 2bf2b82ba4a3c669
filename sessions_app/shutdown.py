"""SIGTERM: what was sent is finished, clients are told to come back at different moments, sockets close with 1012.

daphne would drop its connections without a word (seen as 1006), and all clients would come back in the same second.
uvicorn closes them, but tells nobody when to return.
"""

import asyncio
import logging
import random
import signal
import threading

from sessions_app.loops import PerLoop
from sessions_app.writer import writers

logger = logging.getLogger(__name__)

CLOSE_RESTART = 1012
SPREAD_SECONDS = 10.0
# Frames that had arrived are read, committed and acknowledged; then nothing has been written for QUIET_SECONDS.
QUIET_SECONDS = 0.3
WRITER_SECONDS = 3.0
SOCKETS_SECONDS = 3.0
POLL_SECONDS = 0.02


class Drain:
    """The open sockets of this process, until they are sent away."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task | None = None
        self.sockets: set = set()
        if threading.current_thread() is threading.main_thread():
            # Now, not at import: the server has installed its own handler by the time its loop runs.
            self._stop_server = signal.signal(signal.SIGTERM, self._on_signal)

    @property
    def is_draining(self) -> bool:
        return self._task is not None

    def _on_signal(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._start, number, frame)

    def _start(self, number: int, frame: object) -> None:
        if self._task is None:
            self._busy_at = self._loop.time()
            self._task = asyncio.create_task(self._run(number, frame))

    async def _run(self, number: int, frame: object) -> None:
        try:
            logger.info("SIGTERM: sending %d sockets away", len(self.sockets))
            await self._until(self._is_quiet, WRITER_SECONDS)
            for socket in list(self.sockets):
                wait = round(random.uniform(0, SPREAD_SECONDS) * 1000)
                socket.send_frame("server.restart", {"retry_after_ms": wait})
                socket.close(CLOSE_RESTART)
            await self._until(lambda: not self.sockets, SOCKETS_SECONDS)
        finally:
            if callable(self._stop_server):
                self._stop_server(number, frame)
            else:
                signal.signal(number, self._stop_server)
                signal.raise_signal(number)

    def _is_quiet(self) -> bool:
        now = self._loop.time()
        if writers.current().is_busy:
            self._busy_at = now
        return now - self._busy_at >= QUIET_SECONDS

    @staticmethod
    async def _until(condition, seconds: float) -> None:
        for _ in range(round(seconds / POLL_SECONDS)):
            if condition():
                return
            await asyncio.sleep(POLL_SECONDS)


drains = PerLoop(Drain)
