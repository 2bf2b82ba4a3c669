"""A socket that comes back, as docs/protocol.md asks of every client; only its times are shorter than a browser's."""

import asyncio
import contextlib
import json
import random

import websockets

PING_SECONDS = 1.5
PONG_SECONDS = 4.0
READY_SECONDS = 6.0
STABLE_SECONDS = 3.0
BACKOFF_BASE_SECONDS = 0.1
BACKOFF_CAP_SECONDS = 2.0
TICK_SECONDS = 0.1
RESEND_SECONDS = 0.5

CLOSE_OVER = 4410
# What a well-behaved client must never be told: they are reported, whatever else happens.
ACCUSATIONS = {1009, 4400, 4401, 4403, 4409, 4413, 4429}
TEMPORARY_ERRORS = {"unavailable", "busy", "rate_limited"}


class View:
    """One client's copy of a session's messages, by seq."""

    def __init__(self) -> None:
        self.messages: dict[int, dict] = {}
        self.known_last = 0
        self.disagreements: list[str] = []

    def add(self, message: dict) -> None:
        seq = message["seq"]
        known = self.messages.setdefault(seq, message)
        if known != message:
            self.disagreements.append(f"seq {seq} was {known}, then {message}")
        self.known_last = max(self.known_last, seq)

    @property
    def last_seq(self) -> int:
        """The last one before the first hole."""
        seq = 0
        while seq + 1 in self.messages:
            seq += 1
        return seq

    @property
    def is_whole(self) -> bool:
        return self.last_seq == self.known_last


class Outbox:
    """Texts on their way, one at a time: one that the server puts off must not be overtaken by the next."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str]] = []  # client_message_id, body
        self.sent: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}  # to seq
        self.refused: list[str] = []
        self.in_flight: str | None = None

    def put(self, id: str, body: str) -> None:
        self.waiting.append((id, body))
        self.sent[id] = body

    def next(self) -> tuple[str, str] | None:
        """The first text, unless it is on its way already."""
        if not self.waiting or self.in_flight == self.waiting[0][0]:
            return None
        self.in_flight = self.waiting[0][0]
        return self.waiting[0]

    def settle(self, id: str, seq: int) -> str | None:
        """Acknowledged; a sentence if it was so before with another number."""
        before = self.acknowledged.setdefault(id, seq)
        self.waiting = [entry for entry in self.waiting if entry[0] != id]
        return None if before == seq else f"{id} was acknowledged as seq {before}, then as {seq}"

    def refuse_all(self) -> None:
        """The session is over."""
        self.refused += [id for id, _ in self.waiting]
        self.waiting = []


class Link:
    """Subclasses say where to, how to greet, and what to do with frames. `swarm` knows the web processes."""

    path: str
    ready_type: str

    def __init__(self, swarm, name: str) -> None:
        self.swarm, self.name = swarm, name
        self.rng = random.Random(f"{swarm.seed} {name}")
        self.socket: websockets.ClientConnection | None = None
        self.is_ready = False
        self.is_wanted = True
        self.connections = 0
        self._task: asyncio.Task | None = None

    def open(self) -> None:
        self.is_wanted = True
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task) -> None:
        if not task.cancelled() and task.exception():
            self.swarm.accuse(f"{self.name} broke off (a mistake of the run itself): {task.exception()!r}")

    async def close(self) -> None:
        """As a page that is left: the socket closes, nothing is said."""
        self.is_wanted = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def cut(self) -> None:
        """As a network that breaks: no close frame."""
        if self.socket is not None:
            self.socket.transport.abort()

    # --- for subclasses -------------------------------------------------------------------------------------------

    def headers(self, web) -> dict[str, str]:
        return {}

    def hello(self) -> dict:
        raise NotImplementedError

    def ping(self) -> dict:
        return {"visible": True, "active": True}

    def pump(self) -> None:
        """Sends what is to be sent; called several times a second while the socket is ready."""

    def forget_in_flight(self) -> None:
        """A new socket: whatever was on its way may be lost."""

    def handle(self, type: str, payload: dict) -> None:
        raise NotImplementedError

    def over(self) -> None:
        """The server closed with 4410."""

    # --- the socket -----------------------------------------------------------------------------------------------

    def send(self, type: str, **payload) -> None:
        self._sending.put_nowait(json.dumps({"type": type, "payload": payload}))

    async def _run(self) -> None:
        attempt = 0
        while self.is_wanted:
            self._restart_after = 0.0
            ready_at = await self._connect_once()
            if not self.is_wanted:
                return
            now = asyncio.get_running_loop().time()
            attempt = 0 if ready_at and now - ready_at > STABLE_SECONDS else attempt + 1
            limit = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2**attempt)
            await asyncio.sleep(self._restart_after + self.rng.uniform(0, limit))

    async def _connect_once(self) -> float | None:
        """Returns when the connection is gone: when it had become ready."""
        web = self.rng.choice(self.swarm.webs)
        self._ready_at = None
        try:
            async with websockets.connect(
                f"{web.ws_url}{self.path}",
                additional_headers=self.headers(web),
                open_timeout=READY_SECONDS,
                close_timeout=0.5,
                ping_interval=None,
                max_size=None,
                proxy=None,
            ) as self.socket:
                await self._talk()
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            if code in ACCUSATIONS:
                self.swarm.accuse(f"{self.name} was closed with {code} by {web.name}")
            elif code == CLOSE_OVER:
                self.is_wanted = False
                self.over()
        except (OSError, TimeoutError, EOFError, websockets.WebSocketException):
            pass
        finally:
            self.is_ready, self.socket = False, None
        return self._ready_at

    async def _talk(self) -> None:
        self.connections += 1
        self._sending: asyncio.Queue[str] = asyncio.Queue()
        self._unanswered_since: float | None = None
        self.forget_in_flight()
        self.send("hello", **self.hello())
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._beat())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            with contextlib.suppress(asyncio.CancelledError):
                task.result()

    async def _read(self) -> None:
        while True:
            frame = json.loads(await self.socket.recv())
            type, payload = frame["type"], frame["payload"]
            if type == self.ready_type:
                self.is_ready = True
                self._ready_at = asyncio.get_running_loop().time()
            elif type == "pong":
                self._unanswered_since = None
            elif type == "server.restart":
                self._restart_after = payload["retry_after_ms"] / 1000
            self.handle(type, payload)
            if self.is_ready:
                self.pump()

    async def _write(self) -> None:
        while True:
            await self.socket.send(await self._sending.get())

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        connected_at = pinged_at = loop.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            if not self.is_ready:
                if now - connected_at > READY_SECONDS:
                    raise TimeoutError
                continue
            if self._unanswered_since is not None and now - self._unanswered_since > PONG_SECONDS:
                raise TimeoutError
            if now - pinged_at > PING_SECONDS:
                pinged_at = now
                self._unanswered_since = self._unanswered_since or now
                self.send("ping", **self.ping())
            self.pump()

    def later(self, seconds: float, action) -> None:
        """On this socket only: a newer one starts afresh."""
        socket = self.socket
        asyncio.get_running_loop().call_later(seconds, lambda: self.socket is socket and action())
