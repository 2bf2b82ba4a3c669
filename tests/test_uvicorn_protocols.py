"""What chatcenter/uvicorn_protocols.py does inside uvicorn; what clients see of it is in tests/faults/."""

import asyncio
import socket

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from chatcenter.corks import MAX_HELD_BYTES
from chatcenter.floods import MAX_FRAMES
from chatcenter.uvicorn_protocols import ChatProtocol

pytestmark = pytest.mark.asyncio

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Transport:
    """uvloop's, of a kernel that takes everything, or nothing (``is_full``)."""

    is_full = is_aborted = False

    def __init__(self, kernels: socket.socket) -> None:
        self.written, self.waiting, self.kernels = [], 0, kernels

    def get_extra_info(self, name):
        return self.kernels if name == "socket" else None

    def write(self, data):
        self.written.append(data)
        if self.is_full:
            self.waiting += len(data)
            self.protocol.pause_writing()

    def get_write_buffer_size(self):
        return self.waiting

    def pause_reading(self):
        pass

    resume_reading = pause_reading

    def is_closing(self):
        return self.is_aborted

    def abort(self):
        self.is_aborted = True

    close = abort


def connect(application, transport):
    config = Config(
        application, ws_per_message_deflate=False, ws_ping_interval=35, ws_ping_timeout=12, log_level="error"
    )
    config.load()
    protocol = transport.protocol = ChatProtocol(config, ServerState(), {})
    protocol.connection_made(transport)
    protocol.data_received(HANDSHAKE)
    return protocol


@pytest.fixture
async def opened():
    """An open socket whose application does nothing."""
    accepted = asyncio.Event()

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        accepted.set()
        await receive()

    with socket.socket() as kernels:
        protocol = connect(application, Transport(kernels))
        await accepted.wait()
        protocol.transport.written.clear()
        yield protocol
        protocol.connection_lost(None)


def text(body):
    return {"type": "websocket.send", "text": body}


async def test_the_frames_of_a_turn_leave_together_and_before_the_close_frame(opened):
    await opened.send(text("first"))
    await opened.send(text("second"))
    assert opened.transport.written == []
    await asyncio.sleep(0)
    assert opened.transport.written == [b"\x81\x05first\x81\x06second"]

    await opened.send(text("last"))
    await opened.send({"type": "websocket.close", "code": 4410})
    await asyncio.sleep(0)
    assert b"".join(opened.transport.written[1:]) == b"\x81\x04last\x88\x02\x11\x3a"


async def test_a_turn_holds_back_no_more_than_its_share(opened):
    """So that who sends learns in the same turn that the client does not read."""
    opened.transport.is_full = True
    sent = 0
    while opened.writable.is_set():
        await opened.send(text("x" * 1000))
        sent += 1000
    assert sent <= MAX_HELD_BYTES + 1000


async def test_frames_before_the_handshake_is_answered_are_no_trouble():
    async def application(scope, receive, send):
        await asyncio.get_running_loop().create_future()

    with socket.socket() as kernels:
        protocol = connect(application, Transport(kernels))
        for _ in range(MAX_FRAMES + 1):
            protocol.data_received(Frame(Opcode.PING, b"").serialize(mask=True))
        assert protocol.transport.is_aborted
        protocol.connection_lost(None)
    for task in protocol.tasks:
        task.cancel()


def fill(writer: socket.socket) -> int:
    """Sends until the kernel takes no more; how many bytes that were."""
    sent = 0
    while True:
        try:
            sent += writer.send(b"x" * 65_536)
        except BlockingIOError:
            return sent


async def test_what_the_kernel_holds_for_a_slow_reader_is_unread():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = socket.create_connection(listener.getsockname())
        writer, _ = listener.accept()
    with reader, writer:
        writer.setblocking(False)
        sent = fill(writer)
        protocol = ChatProtocol.__new__(ChatProtocol)
        protocol.transport = Transport(writer)
        full = protocol._unread_bytes()
        assert full > 0
        while sent:
            sent -= len(reader.recv(65_536))
        while protocol._unread_bytes():  # until the kernel has heard of it
            await asyncio.sleep(0.01)
