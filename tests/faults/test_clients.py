"""Clients that misbehave, against the real server, on both kinds of it."""

import asyncio
import json
import os
import re
import socket as sockets
from base64 import b64encode
from pathlib import Path
from uuid import uuid4

import pytest
import websockets
from channels.db import database_sync_to_async

from sessions_app import services
from sessions_app.services import VISITOR, Post
from tests.factories import bodies, make_session, make_tenant
from tests.sockets.test_visitor import BAD_FRAMES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vera(transactional_db):
    return make_session(make_tenant(), says="Hello")


def path_of(vera):
    return f"/ws/public/{vera.session.session_id}"


def hello_of(vera):
    return json.dumps({"type": "hello", "payload": {"session_key": vera.session_key, "after_seq": 0}})


async def connect(server, vera):
    socket = await websockets.connect(f"{server.ws_url}{path_of(vera)}", proxy=None, max_size=None)
    await socket.send(hello_of(vera))
    assert json.loads(await socket.recv())["type"] == "chat.session.ready"
    return socket


async def close_code(socket):
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 60)
    except websockets.ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def message(body):
    payload = {"client_message_id": str(uuid4()), "body": body}
    return json.dumps({"type": "chat.message.send", "payload": payload})


async def is_well(server, vera):
    """Another socket of the same server still works."""
    socket = await connect(server, vera)
    await socket.send(message("Still well"))
    async with asyncio.timeout(60):
        # A first message is told its place in the queue before its acknowledgement.
        while json.loads(await socket.recv())["type"] != "chat.message.ack":
            pass
    await socket.close()
    return True


def resident_bytes(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


CONSTANT = {"code": "invalid", "message": "This frame is not valid."}


@pytest.mark.parametrize("kind", ["text", "binary"])
async def test_PR01_PR07_bad_frames_get_one_constant_error_and_the_socket_lives(either_server, vera, kind):
    frames = BAD_FRAMES if kind == "text" else [b"", b"\x00\x01", b"\xff" * 1000, hello_of(vera).encode()]
    for start in range(0, len(frames), 9):  # the tenth of a socket would close it
        socket = await connect(either_server, vera)
        for frame in frames[start : start + 9]:
            await socket.send(frame)
            assert json.loads(await asyncio.wait_for(socket.recv(), 60)) == {"type": "error", "payload": CONSTANT}
        await socket.send(message("Still here"))
        async with asyncio.timeout(60):
            while json.loads(await socket.recv())["type"] != "chat.message.ack":
                pass
        await socket.close()
    assert set(await database_sync_to_async(bodies)(vera)) == {"Hello", "Still here"}


@pytest.mark.parametrize(("size", "code"), [(16 * 1024, 4413), (65_000, 4413), (65_537, 1009), (1_100_000, 1009)])
async def test_PR14_frames_that_are_too_large_end_their_socket_with_a_code(either_server, vera, size, code):
    socket = await connect(either_server, vera)
    await socket.send("x" * (size + 1))

    assert await close_code(socket) == code
    assert await is_well(either_server, vera)


def handshake(server, vera, receive_buffer=None):
    """A TCP connection that has been upgraded, to send whatever bytes over."""
    connection = sockets.socket()
    if receive_buffer:
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    key = b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {path_of(vera)} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert b" 101 " in answer.splitlines()[0]
    return connection


def masked(data: bytes, opcode=1) -> bytes:
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data


async def test_PR12_invalid_UTF8_closes_with_1007_and_nothing_else(either_server, vera):
    connection = await asyncio.to_thread(handshake, either_server, vera)
    connection.sendall(masked(b'{"type": "\xff\xfe"}'))
    frame = await asyncio.to_thread(connection.recv, 4)
    assert frame[:1] == b"\x88"
    assert int.from_bytes(frame[2:4], "big") == 1007
    connection.close()
    assert await is_well(either_server, vera)


async def test_TR06_frames_in_single_bytes_work(either_server, vera):
    connection = await asyncio.to_thread(handshake, either_server, vera)
    connection.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    for data in (hello_of(vera).encode(), message("Byte by byte").encode()):
        for byte in masked(data):
            connection.sendall(bytes([byte]))
    received = b""
    while b"chat.message.ack" not in received:
        received += await asyncio.to_thread(connection.recv, 65_536)
    connection.close()
    assert (await database_sync_to_async(bodies)(vera))[-1] == "Byte by byte"


async def test_TR13_ten_thousand_frames_at_once_end_their_socket_and_nothing_more(either_server, vera):
    before = resident_bytes(either_server)
    socket = await connect(either_server, vera)

    async def flood():
        for _ in range(10_000):
            await socket.send('{"type": "chat.typing", "payload": {"is_typing": true}}')
        while True:
            await socket.recv()

    with pytest.raises(websockets.ConnectionClosed) as closed:
        await flood()
    assert closed.value.rcvd.code == 4429
    assert await is_well(either_server, vera)
    assert resident_bytes(either_server) - before < 20_000_000


SIDE_FRAMES = {
    "pings": masked(b"x" * 125, 9),
    "pongs": masked(b"", 10),
    "fragments": b"\x00\x80\0\0\0\0",  # of a message that began with a text frame, and never ends
}


@pytest.mark.parametrize("frame", SIDE_FRAMES.values(), ids=SIDE_FRAMES)
async def test_TR13_frames_that_are_no_messages_are_counted_too(either_server, vera, frame):
    connection = await asyncio.to_thread(handshake, either_server, vera)
    connection.sendall(masked(hello_of(vera).encode()))
    if frame == SIDE_FRAMES["fragments"]:
        connection.sendall(b"\x01\x80\0\0\0\0")
    connection.sendall(frame * 50)  # nobody's business
    if frame == SIDE_FRAMES["pings"]:
        await asyncio.to_thread(receive_until, connection, b"\x8a\x7d" + b"x" * 125, times=50)

    def flood():
        try:
            for _ in range(100):
                connection.sendall(frame * 100)
        except ConnectionError:
            pass

    flooding = asyncio.create_task(asyncio.to_thread(flood))
    await asyncio.to_thread(receive_until, connection, b"\x88\x02" + (4429).to_bytes(2, "big"))
    await flooding
    connection.close()
    assert await is_well(either_server, vera)


def receive_until(connection, data: bytes, times: int = 1) -> None:
    received = b""
    while received.count(data) < times:
        more = connection.recv(65_536)
        assert more, "the connection has ended"
        received += more


async def test_TR12_a_client_that_sends_and_never_reads_is_ended(either_server, vera):
    """Who is heard of is not pinged."""
    connection = await asyncio.to_thread(handshake, either_server, vera, receive_buffer=4096)
    connection.sendall(masked(hello_of(vera).encode()))
    await asyncio.to_thread(receive_until, connection, b"chat.session.ready")
    posts = [Post(vera.session.session_id, uuid4(), "x" * 4000, VISITOR) for _ in range(3000)]
    for start in range(0, len(posts), 100):
        await database_sync_to_async(services.post_messages, thread_sensitive=False)(posts[start : start + 100])

    async def beat():
        while True:
            connection.sendall(masked(b'{"type": "ping"}'))
            await asyncio.sleep(1)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(beat(), 60)
    connection.close()


async def test_TR12_clients_that_never_read_are_closed_and_cost_little(either_server, vera):
    before = resident_bytes(either_server)
    deaf = [await asyncio.to_thread(handshake, either_server, vera, receive_buffer=4096) for _ in range(4)]
    for connection in deaf:
        connection.sendall(masked(hello_of(vera).encode()))
    healthy = await connect(either_server, vera)

    def talk():
        posts = [Post(vera.session.session_id, uuid4(), "x" * 4000, VISITOR) for _ in range(100)]
        assert all(posted.is_new for posted in services.post_messages(posts))

    seen = set()
    for batch in range(1, 31):
        await database_sync_to_async(talk, thread_sensitive=False)()
        while len(seen) < 100 * batch:
            frame = json.loads(await asyncio.wait_for(healthy.recv(), 60))
            if frame["type"] == "chat.message.new":
                seen.add(frame["payload"]["message"]["seq"])

    # 12 MB were sent to each. Beyond what the kernel takes, 1 MB may wait: then the connection is cut.
    assert resident_bytes(either_server) - before < len(deaf) * 5_000_000
    for connection in deaf:
        assert await asyncio.to_thread(is_cut, connection, 10_000_000)
    await healthy.close()


def is_cut(connection, sent: int) -> bool:
    """Whether the server has ended the connection before the ``sent`` bytes that were meant for it came through."""
    received = 0
    connection.settimeout(30)  # pings give up well before
    try:
        while data := connection.recv(65_536):
            received += len(data)
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return received < sent
