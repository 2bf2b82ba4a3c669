"""The network between clients and web processes: it falls silent, it stands idle, it brings everybody at once.

``here`` (daphne) and ``there`` (uvicorn) ping their sockets every second and wait five for the answer.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from uuid import uuid4

import httpx
import psutil
import pytest
import websockets
from websockets.frames import Opcode

from tests.chaos.world import ROOT
from tests.faults.people import PATIENCE_SECONDS, Socket, Vera, history, pass_time, status, until
from tests.faults.relay import Relay

# The widget's clocks run so many times as fast. Not faster: a pong, which takes the server up to a second, has 10 s.
SPEED = 4
HEARTBEAT_MS = 8000
BEATS, BEAT_SECONDS = 8, 240  # seen just often enough: after 5 minutes it would be gone
TABS = 5
CLIENTS = 500
SPREAD_SECONDS = 10  # over which a process that goes sends its clients away
BACKOFF_BASE_SECONDS, BACKOFF_CAP_SECONDS = 1, 30  # as the widget's


@pytest.fixture(scope="module")
def _pinging(world):
    often = {"WS_PING_SECONDS": "1", "WS_PONG_SECONDS": "5", "DATABASE_POOL_TIMEOUT_SECONDS": "10"}
    webs = [world.web("pinging", **often), world.web("pinging-too", ASGI_SERVER="uvicorn", **often)]
    yield webs
    for web in webs:
        web.stop()


@pytest.fixture
def webs(_pinging):
    for web in _pinging:
        if not web.is_running:
            web.start()
    for web in _pinging:
        web.wait_until_ready()
    return _pinging


class Widget:
    """The widget's own connection and outbox, in Node."""

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, port, vera):
        widget = cls()
        url = f"ws://127.0.0.1:{port}/ws/public/{vera.id}"
        widget.process = await asyncio.create_subprocess_exec(
            *(os.environ["NODE"], "--experimental-websocket", "--no-warnings", ROOT / "tests/faults/widget_client.js"),
            *(url, vera.id, vera.key, str(SPEED), str(HEARTBEAT_MS)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield widget
        finally:
            widget.process.stdin.close()
            await widget.process.wait()

    def write(self, text):
        self.process.stdin.write(f"{text}\n".encode())

    async def tells(self, **what):
        """Waits until it tells that."""
        async with asyncio.timeout(60):
            while line := await self.process.stdout.readline():
                if what.items() <= json.loads(line).items():
                    return
        raise AssertionError(f"the widget ended without telling {what}")


def connections(web) -> set[tuple]:
    """Those of clients that are open, each by the client's end."""
    found = psutil.Process(web.pid).net_connections("tcp")
    return {one.raddr for one in found if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == web.port}


async def test_TR02_a_network_that_falls_silent_costs_no_message_and_no_socket(webs):
    await asyncio.gather(*map(falls_silent, webs))


async def falls_silent(web):
    vera = await asyncio.to_thread(Vera, web)
    async with Relay(web.port) as relay, Widget.at(relay.port, vera) as widget:
        await widget.tells(state="ready")
        widget.write("Can you hear me?")
        await widget.tells(message="Can you hear me?")
        before = set(connections(web))
        assert before

        relay.drop()
        silent_since = time.monotonic()
        widget.write("And now?")
        await widget.tells(state="ready")
        assert (time.monotonic() - silent_since) * SPEED <= 60
        await widget.tells(message="And now?")
        await until(lambda: before.isdisjoint(connections(web)))

        messages = (await asyncio.to_thread(history, web, vera))["messages"]
        assert [message["body"] for message in messages] == ["Can you hear me?", "And now?"]


async def test_TR01_who_is_heard_of_anyway_is_not_pinged(webs):
    """A ping after each second of silence."""

    async def pings(web, every):
        socket, _ = await (await Vera.many(web, 1))[0].at(web)
        count, process = 0, socket.socket.process_event

        def watch(frame):
            nonlocal count
            count += frame.opcode is Opcode.PING
            process(frame)

        socket.socket.process_event = watch
        for _ in range(round(8 / every)):
            await socket.send("ping")
            await asyncio.sleep(every)
        await socket.socket.close()
        return count

    for web in webs:
        silent, lively = await asyncio.gather(pings(web, 8), pings(web, 0.2))
        assert lively < silent / 2


async def test_TR01_a_socket_with_nothing_but_heartbeats_stays_open(world, webs):
    """For half an hour by the database's clock, in which the chat of a page that nobody uses is over."""
    await asyncio.gather(*(stays_open(world, web) for web in webs))


async def stays_open(world, web):
    reads, sleeps = [await asyncio.to_thread(Vera, web) for _ in range(2)]
    reading, sleeping = [(await vera.at(web))[0] for vera in (reads, sleeps)]
    for _ in range(BEATS):
        await asyncio.to_thread(pass_time, world, BEAT_SECONDS, reads, sleeps)
        await asyncio.gather(beat(reading, active=True), beat(sleeping, active=False))
    await asyncio.to_thread(world.manage, "sweep")

    assert await asyncio.to_thread(status, world, reads) == "queued"
    assert await asyncio.to_thread(status, world, sleeps) == "abandoned"
    await reading.send("chat.message.send", client_message_id=reads.id, body="I have read it all")
    assert (await reading.expect("chat.message.ack"))["message"]["seq"] == 1
    for socket in (reading, sleeping):
        await socket.socket.close()


async def beat(socket, *, active):
    with contextlib.suppress(websockets.ConnectionClosed):  # 4410: the chat of a page that nobody uses is over
        await socket.send("ping", visible=True, active=active)
        await socket.expect("pong")


@contextlib.contextmanager
def with_moved_clock(world, name, *options):
    """daphne, whose wall clock jumps by 25 hours when it is told: that clock, and no other, says there how old a socket
    is (uvicorn does not ask). It pings nobody before. ``options``: its own, in place of those of bin/web."""
    folder = str(ROOT / "tests" / "faults" / "moved_clock")
    web = world.web(name, ASGI_SERVER="daphne", PYTHONPATH=folder, WS_PING_SECONDS="7200")
    if options:
        port = ("--port", str(web.port))
        web._command = [
            sys.executable,
            "-m",
            "chatcenter.daphne_server",
            *port,
            *options,
            "chatcenter.asgi:application",
        ]
    web.start()
    try:
        web.wait_until_ready()
        yield web
    finally:
        web.stop()


def next_ping(socket) -> asyncio.Event:
    pinged, process = asyncio.Event(), socket.socket.process_event

    def watch(frame):
        if frame.opcode is Opcode.PING:
            pinged.set()
        process(frame)

    socket.socket.process_event = watch
    return pinged


async def test_TR15_sockets_that_are_older_than_a_day_stay_and_hear_everything(world, alice):
    with with_moved_clock(world, "old-sockets") as web:
        vera = await asyncio.to_thread(Vera, web)
        visitor, _ = await vera.at(web)
        console, _ = await alice.at(web)
        await asyncio.to_thread(vera.post, web, "Yesterday")
        await console.expect("chat.message.new", where=lambda news: news["message"]["body"] == "Yesterday")
        await asyncio.to_thread(alice.accept, web, vera)

        # daphne looks at a socket's age, and then, if it is still there, at how long it has been silent.
        pings = [next_ping(visitor), next_ping(console)]
        web.send(signal.SIGUSR1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(ping.wait() for ping in pings))
        await visitor.send("chat.message.send", client_message_id=vera.id, body="Today")
        assert (await visitor.expect("chat.message.ack"))["message"]["seq"] > 1
        await console.expect("chat.message.new", where=lambda news: news["message"]["body"] == "Today")
        await console.send("chat.message.send", session_id=vera.id, client_message_id=str(uuid4()), body="Still here")
        await visitor.expect("chat.message.new", where=lambda news: news["message"]["body"] == "Still here")


async def test_TR15_a_socket_that_is_closed_for_its_age_costs_no_message(world, alice):
    """As by a daphne that has its own limit of 24 hours, or by a proxy."""
    with with_moved_clock(world, "closes-old-sockets", "--websocket_timeout", "86400") as web:
        vera = await asyncio.to_thread(Vera, web)
        console, _ = await alice.at(web)
        async with Widget.at(web.port, vera) as widget:
            await widget.tells(state="ready")
            widget.write("Yesterday")
            await widget.tells(message="Yesterday")

            web.send(signal.SIGUSR1)
            with pytest.raises(websockets.ConnectionClosed):
                await console.expect("nothing", seconds=60)
            widget.write("Today")
            await widget.tells(state="ready")
            await widget.tells(message="Today")
            messages = (await asyncio.to_thread(history, web, vera))["messages"]
            assert [message["body"] for message in messages] == ["Yesterday", "Today"]

            # The agent is in every group again, too.
            console, ready = await alice.at(web)
            assert vera.id in [session["session_id"] for session in ready["sessions"]]
            widget.write("And now?")
            await console.expect("chat.message.new", where=lambda news: news["message"]["body"] == "And now?")


class Client:
    """Comes back as the widget does; at the process whose turn it is, as a proxy would have it."""

    def __init__(self, vera, watch):
        self.vera, self.watch = vera, watch

    async def live(self):
        attempt = 0
        due = time.monotonic()
        while True:
            wait = 0.0
            self.watch.attempts.append(due)
            with contextlib.suppress(OSError, EOFError, websockets.WebSocketException):
                socket = await Socket.open(self.watch.web, f"/ws/public/{self.vera.id}")
                attempt = 0
                wait = await self._talk(socket)
            limit = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2**attempt)
            attempt += 1
            due = time.monotonic() + wait + random.uniform(0, limit)
            await asyncio.sleep(due - time.monotonic())

    async def _talk(self, socket):
        """Returns how long to stay away, in seconds."""
        wait = 0.0
        try:
            await socket.send("hello", session_key=self.vera.key, after_seq=0)
            while True:
                frame = json.loads(await socket.socket.recv())
                if frame["type"] == "chat.session.ready":
                    self.watch.ready.add(self)
                elif frame["type"] == "server.restart":
                    wait = frame["payload"]["retry_after_ms"] / 1000
                elif frame["type"] == "error":
                    self.watch.errors.append(frame["payload"])
        except websockets.ConnectionClosed as closed:
            self.watch.codes[closed.rcvd.code if closed.rcvd else 1006] += 1
        return wait


class Watch:
    """What all clients do and see. ``web`` is the process that takes new connections."""

    def __init__(self, web):
        self.web = web
        self.attempts: list[float] = []  # when they were due: this one process, which is all clients, may be late
        self.ready: set[Client] = set()
        self.errors: list[dict] = []
        self.codes: Counter[int] = Counter()

    @property
    def most_in_a_second(self):
        return max(sum(at <= other < at + 1 for other in self.attempts) for at in self.attempts)


async def test_TR05_500_clients_come_back_from_a_restart_spread_and_without_trouble(world, webs):
    """From the process that restarts to the other one."""
    stays, restarts = webs
    watch = Watch(restarts)
    visitors = await Vera.many(stays, CLIENTS // TABS)
    lives = [asyncio.create_task(Client(visitors[n // TABS], watch).live()) for n in range(CLIENTS)]
    await until(lambda: len(watch.ready) == CLIENTS)

    watch.web = stays
    watch.ready.clear()
    watch.attempts.clear()
    written = len(stays.log.read_text())
    began = time.monotonic()
    restarts.send(signal.SIGTERM)
    answers = Counter()
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as http:
        while len(watch.ready) < CLIENTS and time.monotonic() - began < 2 * PATIENCE_SECONDS:
            answers[(await http.get(f"{stays.url}/api/v1/chat/public/status/{visitors[0].id}")).status_code] += 1
            await asyncio.sleep(0.02)
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    await asyncio.to_thread(restarts.wait)

    assert len(watch.ready) == CLIENTS
    assert watch.codes == {1012: CLIENTS}
    assert len(watch.attempts) == CLIENTS  # at the first try
    assert watch.most_in_a_second <= 2 * CLIENTS / SPREAD_SECONDS
    assert max(watch.attempts) - began <= 30  # the hello itself is the machine's matter
    assert not watch.errors
    assert answers.keys() == {200}
    assert "PoolTimeout" not in stays.log.read_text()[written:]
