"""The load generator: raw WebSockets over uvloop, with just as much of the protocol as a benchmark needs.

A message is a number and padding. Its number says which chat it belongs to and which side sent it, so that nothing
has to be parsed: an acknowledgement, and a delivery to the other side, are told apart by a few bytes.
"""

import asyncio
import json
import os
import time
from array import array
from base64 import b64encode
from typing import NamedTuple, Protocol

VISITOR, AGENT = 0, 1
SIDES = ("visitor", "agent")
PADDING = " is the number of a message about as long as those that people write in a chat."
MARK, DIGITS = b"#", 9
MASK = b"\x12\x9a\x5c\xe3"
CONNECT_SECONDS = 30
TICK_SECONDS = 0.001  # what is due in between is sent together: to wait for less is to spin, on a core that others need
LAG_SECONDS = 0.05  # a generator that is later than this did not offer the rate
BACKLOG_SECONDS = 1.0  # this much of the rate undelivered: the step has failed, spare everybody the rest


class Dialect(Protocol):
    """What one contestant's clients say. ``hello`` is sent when the handshake is through, if there is one."""

    def target(self, side: int) -> tuple[str, dict[str, str]]:
        """The path and the further headers of the handshake."""

    def hello(self, side: int) -> bytes | None: ...

    def message(self, number: int, side: int, text: str) -> bytes: ...

    def take(self, socket: "Socket", payload: bytes) -> None:
        """One frame from the server: calls socket.is_ready_now(), acked(), delivered() or failed()."""


def body(number: int) -> str:
    return f"#{number:0{DIGITS}}{PADDING}"


def number_in(payload: bytes) -> int:
    at = payload.index(MARK) + 1
    return int(payload[at : at + DIGITS])


class Tally:
    """What became of each message of a turn, by its number."""

    def __init__(self, chats: int) -> None:
        self.chats = chats
        self.sent_at = array("d")
        self.delivered_at = array("d")
        self.acks = bytearray()
        self.deliveries = bytearray()
        self.acked = self.delivered = 0
        self.failures: dict[str, int] = {}
        self.out_of_order = 0

    def place(self, number: int) -> tuple[int, int]:
        """(chat, side) of a message: all visitors write, then all agents."""
        return number % self.chats, number // self.chats % 2

    def add(self) -> int:
        number = len(self.sent_at)
        self.sent_at.append(0.0)
        self.delivered_at.append(0.0)
        self.acks.append(0)
        self.deliveries.append(0)
        return number

    def fail(self, why: str) -> None:
        self.failures[why] = self.failures.get(why, 0) + 1

    @property
    def is_complete(self) -> bool:
        return self.acked == self.delivered == len(self.sent_at)


class Socket(asyncio.Protocol):
    """One client."""

    def __init__(self, dialect: Dialect, chat: int, side: int, tally: Tally, port: int) -> None:
        self.dialect, self.chat, self.side, self.tally, self.port = dialect, chat, side, tally, port
        self.ready = asyncio.get_running_loop().create_future()
        self._is_open = self._is_leaving = False
        self._buffer = b""
        self._last = -1

    # --- what a dialect reports -----------------------------------------------------------------------------------

    def is_ready_now(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def acked(self, number: int) -> None:
        tally = self.tally
        if not tally.acks[number]:
            tally.acked += 1
        tally.acks[number] = 1

    def delivered(self, number: int) -> None:
        tally = self.tally
        if tally.place(number) != (self.chat, 1 - self.side):
            tally.fail("delivered to a wrong socket")
        elif tally.deliveries[number]:
            tally.fail("delivered twice")
        else:
            tally.deliveries[number] = 1
            tally.delivered_at[number] = time.monotonic()
            tally.delivered += 1
            tally.out_of_order += number < self._last
            self._last = number

    def failed(self, why: str) -> None:
        self.tally.fail(why)
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))

    # --- frames ---------------------------------------------------------------------------------------------------

    def send_message(self, number: int) -> None:
        payload = self.dialect.message(number, self.side, body(number))
        self.tally.sent_at[number] = time.monotonic()
        self.send(payload)

    def send(self, payload: bytes, opcode: int = 1) -> None:
        length = len(payload)
        header = bytes((0x80 | opcode, 0x80 | length) if length < 126 else (0x80 | opcode, 0xFE))
        if length >= 126:
            header += length.to_bytes(2)
        mask = (MASK * (length // 4 + 1))[:length]
        masked = int.from_bytes(payload) ^ int.from_bytes(mask)
        self.transport.write(header + MASK + masked.to_bytes(length))

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        path, headers = self.dialect.target(self.side)
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        transport.write("\r\n".join(lines).encode())

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_leaving:
            self.failed("connection lost")

    def leave(self) -> None:
        self._is_leaving = True
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not self._is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.failed(head.split(b"\r\n", 1)[0].decode())
                self.leave()
                return
            self._is_open = True
            hello = self.dialect.hello(self.side)
            if hello is None:
                self.is_ready_now()
            elif hello:
                self.send(hello)
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if size < start + length:
                break
            opcode, at = data[at] & 15, start + length
            if opcode == 1:
                self.dialect.take(self, data[start:at])
            elif opcode == 9:
                self.send(data[start:at], 10)
            elif opcode == 8:
                self.failed(f"closed with {int.from_bytes(data[start : start + 2])}")
                self.leave()
        self._buffer = data[at:]


class Step(NamedTuple):
    """One rate, held for a while. Latencies are from a send to its delivery, in ms; those of messages that were not
    delivered in time count as endless."""

    rate: float
    delivered_per_second: float
    p50_ms: float
    p99_ms: float
    lag_ms: float
    is_complete: bool
    is_offered: bool
    failures: dict[str, int]
    measured: int
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.is_complete and self.is_offered and not self.failures and self.p99_ms < 200


class Crowd:
    """The sockets of a turn: for each chat a visitor's and an agent's, or visitors' alone."""

    def __init__(self, port: int, dialects: list[Dialect], sides: tuple[int, ...] = (VISITOR, AGENT)) -> None:
        self.tally = Tally(len(dialects))
        self._port, self._dialects, self._sides = port, dialects, sides
        self.sockets: list[Socket] = []

    async def connect(self, at_once: int = 40) -> None:
        gate = asyncio.Semaphore(at_once)

        async def connect_one(chat: int, side: int) -> Socket:
            async with gate:
                socket = Socket(self._dialects[chat], chat, side, self.tally, self._port)
                await asyncio.get_running_loop().create_connection(lambda: socket, "127.0.0.1", self._port)
                async with asyncio.timeout(CONNECT_SECONDS):
                    await socket.ready
                return socket

        # The agents first: a visitor's news would reach consoles that are still being greeted.
        for side in reversed(self._sides):
            self.sockets += await asyncio.gather(*(connect_one(chat, side) for chat in range(len(self._dialects))))
        self._by_place = {(socket.chat, socket.side): socket for socket in self.sockets}

    def leave(self) -> None:
        for socket in self.sockets:
            socket.leave()

    async def run(self, rate: float, seconds: float, *, warm_up: float = 1.0, grace: float = 5.0, watch=None) -> Step:
        """Offers ``rate`` messages a second. ``watch`` has start() and stop(), called around the measured part."""
        tally = self.tally
        failures_before = dict(tally.failures)
        first = len(tally.sent_at)
        from_number = first + round(rate * warm_up)
        total = round(rate * (warm_up + seconds))
        lags = array("d")
        began = time.monotonic()
        i, is_hopeless = 0, False
        while i < total:
            now = time.monotonic()
            due = min(total, int((now - began) * rate) + 1)
            while i < due:
                number = tally.add()
                if number == from_number and watch:
                    watch.start()
                self._by_place[tally.place(number)].send_message(number)
                if number >= from_number:
                    lags.append(tally.sent_at[number] - began - i / rate)
                i += 1
            if len(tally.sent_at) - tally.delivered > rate * BACKLOG_SECONDS + 100:
                is_hopeless = True
                break
            await asyncio.sleep(max(TICK_SECONDS, began + i / rate - time.monotonic()))
        end = time.monotonic() + (0 if is_hopeless else grace)
        while not tally.is_complete and time.monotonic() < end:
            await asyncio.sleep(0.005)
        if watch:
            watch.stop()
        numbers = range(from_number, len(tally.sent_at))
        latencies = sorted(
            (tally.delivered_at[n] - tally.sent_at[n]) * 1000 if tally.deliveries[n] else float("inf") for n in numbers
        )
        lags = sorted(lags)
        lag = lags[int(len(lags) * 0.99)] if lags else float("inf")
        last = max((tally.delivered_at[n] for n in numbers), default=0)
        took = last - tally.sent_at[from_number] if latencies else 0
        return Step(
            rate=rate,
            delivered_per_second=sum(tally.deliveries[from_number:]) / took if took > 0 else 0,
            p50_ms=latencies[len(latencies) // 2] if latencies else float("inf"),
            p99_ms=latencies[int(len(latencies) * 0.99)] if latencies else float("inf"),
            lag_ms=lag * 1000,
            is_complete=tally.is_complete and not is_hopeless,
            is_offered=lag < LAG_SECONDS,
            failures={why: n - failures_before.get(why, 0) for why, n in tally.failures.items()}
            if tally.failures != failures_before
            else {},
            measured=len(latencies),
            seconds=took,
        )

    async def settle(self, seconds: float = 20) -> bool:
        """After an overload: whether everything was acknowledged and delivered in the end."""
        end = time.monotonic() + seconds
        while not self.tally.is_complete and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return self.tally.is_complete

    async def beat(self, interval: float, seconds: float) -> int:
        """Every socket says `ping` once an ``interval``, evenly spread. Returns how many beats were sent."""
        ping = b'{"type":"ping","payload":{"visible":true,"active":false,"last_seq":1}}'
        began, i = time.monotonic(), 0
        while (now := time.monotonic()) < began + seconds:
            due = int((now - began) * len(self.sockets) / interval)
            while i < due:
                self.sockets[i % len(self.sockets)].send(ping)
                i += 1
            await asyncio.sleep(0.005)
        return i


# --- dialects -----------------------------------------------------------------------------------------------------


class ChatCenter:
    """docs/protocol.md. The sender's own copy of its message is neither acknowledgement nor delivery."""

    def __init__(self, session_id: str, session_key: str, cookie: str = "") -> None:
        self.session_id, self.session_key, self.cookie = session_id, session_key, cookie
        self.pongs = 0

    def target(self, side: int) -> tuple[str, dict[str, str]]:
        if side == VISITOR:
            return f"/ws/public/{self.session_id}", {}
        return "/ws/agent/", {"Cookie": self.cookie}

    def hello(self, side: int) -> bytes:
        payload = {"session_key": self.session_key, "after_seq": 0} if side == VISITOR else {}
        return json.dumps({"type": "hello", "payload": payload}).encode()

    def message(self, number: int, side: int, text: str) -> bytes:
        to = f'"session_id":"{self.session_id}",' if side == AGENT else ""
        return (
            f'{{"type":"chat.message.send","payload":{{{to}'
            f'"client_message_id":"00000000-0000-4000-8000-{number:012}","body":"{text}"}}}}'
        ).encode()

    def take(self, socket: Socket, payload: bytes) -> None:
        kind = payload[9:25]
        if kind == b"chat.message.ack":
            socket.acked(number_in(payload))
        elif kind == b"chat.message.new":
            if MARK not in payload:  # a system message
                return
            number = number_in(payload)
            if socket.tally.place(number)[1] != socket.side:
                socket.delivered(number)
        elif kind[:4] == b"pong":
            self.pongs += 1
        elif kind[:5] == b"error":
            socket.failed(json.loads(payload)["payload"]["code"])
        elif payload.startswith((b'{"type":"chat.session.ready"', b'{"type":"agent.ready"')):
            socket.is_ready_now()


class ObviousDjango:
    """Everything goes to both; the own copy is the acknowledgement. The bare relay speaks the same."""

    def __init__(self, room: str) -> None:
        self.room = room

    def target(self, side: int) -> tuple[str, dict[str, str]]:
        return f"/ws/{self.room}/{SIDES[side]}", {}

    def hello(self, side: int) -> None:
        return None

    def message(self, number: int, side: int, text: str) -> bytes:
        return f'{{"body":"{text}"}}'.encode()

    def take(self, socket: Socket, payload: bytes) -> None:
        number = number_in(payload)
        if socket.tally.place(number)[1] == socket.side:
            socket.acked(number)
        else:
            socket.delivered(number)


class SocketIO:
    """Engine.IO 4 and Socket.IO 5 packets, https://socket.io/docs/v4/socket-io-protocol/"""

    def __init__(self, room: str) -> None:
        self.room = room

    def target(self, side: int) -> tuple[str, dict[str, str]]:
        return "/socket.io/?EIO=4&transport=websocket", {}

    def hello(self, side: int) -> bytes:
        return b""  # the server speaks first

    def message(self, number: int, side: int, text: str) -> bytes:
        return f'42{number}["message","{text}"]'.encode()

    def take(self, socket: Socket, payload: bytes) -> None:
        kind = payload[:2]
        if kind == b"42":
            socket.delivered(number_in(payload))
        elif kind == b"43":
            socket.acked(int(payload[2 : payload.index(b"[")]))
        elif payload == b"2":
            socket.send(b"3")
        elif kind == b"40":
            socket.is_ready_now()
        elif kind[:1] == b"0":
            auth = json.dumps({"room": self.room, "sender": SIDES[socket.side]})
            socket.send(b"40" + auth.encode())
        else:
            socket.failed(payload[:60].decode())
