"""What chatcenter/daphne_server.py does inside daphne; what clients see of it is in tests/faults/."""

import asyncio
from types import SimpleNamespace

import pytest

from chatcenter import daphne_server
from chatcenter.daphne_server import ChatProtocol, ChatServer

pytestmark = pytest.mark.asyncio


class Peer:
    """A connection's protocol."""

    def __init__(self):
        self.exceptions = []

    def handle_exception(self, exception):
        self.exceptions.append(exception)


async def send(queue, frame):
    queue.put_nowait(frame)
    for _ in range(3):
        await asyncio.sleep(0)


class Unseen(dict):
    """The details of a connection that need not be looked at."""

    def get(self, *_):
        raise AssertionError


@pytest.fixture
def server(monkeypatch):
    """Its applications wait for a frame, and then return or raise it."""

    async def application(scope, receive, send):
        if isinstance(frame := await receive(), Exception):
            raise frame

    monkeypatch.setattr(daphne_server.reactor, "callLater", lambda *_: None)
    server = ChatServer(application, endpoints=["tcp:port=0"])
    server.connections = {}
    return server


def connect(server):
    peer = Peer()
    server.protocol_connected(peer)
    return peer, server.create_application(peer, {"type": "websocket"})


async def test_connections_that_stay_are_not_looked_at(server):
    server.protocol_connected(idle := Peer())
    server.connections[idle] = Unseen(server.connections[idle])
    leaving, queue = connect(server)
    await send(queue, "bye")
    server.protocol_disconnected(leaving)
    server.application_checker()

    assert list(server.connections) == [idle]


async def test_who_leaves_after_its_application_is_forgotten(server):
    peer, queue = connect(server)
    await send(queue, "bye")
    server.application_checker()
    assert "application_instance" not in server.connections[peer]
    server.application_checker()
    server.protocol_disconnected(peer)
    server.application_checker()

    assert not server.connections


async def test_who_leaves_before_its_application_is_forgotten_when_that_returns(server):
    peer, queue = connect(server)
    server.protocol_disconnected(peer)
    server.application_checker()
    assert peer in server.connections
    await send(queue, "bye")
    server.application_checker()

    assert not server.connections


async def test_what_is_seen_to_have_returned_before_its_callback_runs_is_forgotten_once(server):
    peer, queue = connect(server)
    application = server.connections[peer]["application_instance"]
    server.protocol_disconnected(peer)
    queue.put_nowait("bye")
    while not application.done():
        asyncio.get_running_loop().call_soon(server.application_checker)
        await asyncio.sleep(0)
    server.application_checker()
    await asyncio.sleep(0)
    server.application_checker()

    assert not server.connections


async def test_a_request_that_comes_while_another_one_fails_is_kept(server):
    peer, queue = connect(server)
    peer.handle_exception = lambda _: server.protocol_connected(following)
    following = Peer()
    await send(queue, ValueError("of the application"))
    server.application_checker()
    server.protocol_disconnected(peer)
    server.application_checker()

    assert list(server.connections) == [following]


async def test_an_application_that_outlives_its_connection_is_ended(server):
    server.application_close_timeout = -1
    peer, _ = connect(server)
    server.protocol_disconnected(peer)
    server.application_checker()
    await asyncio.sleep(0)
    server.application_checker()

    assert not server.connections


async def test_an_application_that_fails_is_told_to_its_connection(server):
    peer, queue = connect(server)
    await send(queue, failure := ValueError("of the application"))
    server.application_checker()

    assert peer.exceptions == [failure]


class Socket(ChatProtocol):
    """An open one, which is looked at as daphne does and pinged by nobody."""

    state = ChatProtocol.STATE_OPEN

    def __init__(self, now):
        super().__init__()
        self.last_ping, self.looked_at = now, 0

    def check_timeouts(self):
        self.looked_at += 1


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1_000_000.4)
    monkeypatch.setattr(daphne_server.time, "time", lambda: clock.now)
    return clock


async def test_an_open_socket_is_looked_at_once_it_was_silent_for_as_long_as_the_pings_wait(server, clock):
    server.ping_interval = 35
    server.protocol_connected(socket := Socket(clock.now))
    for seconds, looks in [(0, 0), (34, 0), (36, 1), (38, 2)]:  # it was not pinged: once more the next time
        clock.now = 1_000_000.4 + seconds
        server.timeout_checker()
        assert socket.looked_at == looks

    socket.last_ping = clock.now
    for seconds, looks in [(40, 3), (72, 3), (74, 4)]:
        clock.now = 1_000_000.4 + seconds
        server.timeout_checker()
        assert socket.looked_at == looks
    assert server.connections.keys() == {socket}


async def test_a_clock_that_is_set_back_does_not_put_the_looks_off(server, clock):
    server.ping_interval = 35
    server.protocol_connected(socket := Socket(clock.now))
    clock.now -= 3600
    socket.last_ping = clock.now
    server.timeout_checker()
    assert socket.looked_at == 1
    for seconds, looks in [(34, 1), (36, 2)]:
        clock.now = 1_000_000.4 - 3600 + seconds
        server.timeout_checker()
        assert socket.looked_at == looks


async def test_what_is_not_open_is_looked_at_every_time_until_it_is_gone(server, clock):
    opening, request, asked = Socket(clock.now), Peer(), []
    opening.state, request.check_timeouts = Socket.STATE_CONNECTING, lambda: asked.append(clock.now)
    server.protocol_connected(opening)
    server.protocol_connected(request)
    for _ in range(3):
        clock.now += 2
        server.timeout_checker()
    assert opening.looked_at == len(asked) == 3

    server.protocol_disconnected(opening)
    server.application_checker()
    server.timeout_checker()
    assert (opening.looked_at, server.connections.keys()) == (3, {request})


class Transport:
    """Twisted's, of a kernel that takes ``room`` bytes."""

    dataBuffer, offset, _tempDataLen, connected, disconnecting = b"", 0, 0, True, False

    def __init__(self, room):
        self.room, self.sent, self.socket = room, b"", self

    def send(self, data):
        if not self.room:
            raise BlockingIOError
        taken, self.room = data[: self.room], max(0, self.room - len(data))
        self.sent += taken
        return len(taken)

    def write(self, data):
        self.dataBuffer += data


@pytest.mark.parametrize("room", [0, 1, 5, 6, 100])
async def test_frames_that_the_kernel_does_not_take_wait_in_their_order(room):
    protocol = ChatProtocol()
    protocol.transport = Transport(room)
    for data in (b"first ", b"second ", b"third"):
        protocol._write(data)
        protocol.transport.room += 1

    assert protocol.transport.sent + protocol.transport.dataBuffer == b"first second third"


async def test_what_is_closing_is_left_to_twisted():
    protocol = ChatProtocol()
    protocol.transport = Transport(100)
    protocol.transport.disconnecting = True
    protocol._write(b"late")

    assert protocol.transport.dataBuffer == b"late"


@pytest.fixture
def sending():
    """The protocol of an open socket; what it hands to its transport stands there as it is."""
    protocol = ChatProtocol()
    protocol.state = ChatProtocol.STATE_OPEN
    protocol.closeHandshakeTimeout = 0
    protocol.factory = SimpleNamespace(prepareMessage=lambda payload, _: SimpleNamespace(payloadHybi=payload))
    protocol.sendFrame = lambda opcode, payload: protocol.transport.send(b"close")
    protocol.transport = Transport(100)
    return protocol


async def test_the_frames_of_a_turn_leave_together(sending):
    sending.sendMessage(b"first ")
    sending.sendMessage(b"second")
    assert sending.transport.sent == b""
    await asyncio.sleep(0)
    assert sending.transport.sent == b"first second"


async def test_a_close_frame_follows_what_was_sent_before(sending):
    sending.sendMessage(b"last, ")
    sending.serverClose(4410)
    await asyncio.sleep(0)
    assert sending.transport.sent == b"last, close"


async def test_what_is_lost_in_the_turn_it_was_sent_in_troubles_nobody(sending, caplog):
    sending.sendMessage(b"lost")
    sending.transport.connected = False
    sending.transport.socket = None  # Twisted deletes it
    await asyncio.sleep(0)
    assert (sending.transport.sent, caplog.text) == (b"", "")


async def test_a_turn_holds_back_no_more_than_its_share(sending):
    sending.transport.room, sending.transport.abortConnection = 0, lambda: setattr(sending, "state", None)
    most = 0
    for _ in range(3000):
        sending.sendMessage(b"x" * 1000)
        most = max(most, len(sending._corked))
    assert most <= daphne_server.MAX_HELD_BYTES
    # All in one turn: it is cut off nevertheless.
    assert sending.state is None
