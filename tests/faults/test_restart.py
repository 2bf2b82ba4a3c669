"""A web process is told to stop, on both servers."""

import asyncio
import json
import signal
import time
from uuid import uuid4

import pytest
import websockets
from channels.db import database_sync_to_async

from sessions_app import services
from sessions_app.services import VISITOR, Post
from tests.factories import bodies, make_session, make_tenant
from tests.faults.test_clients import handshake, hello_of, masked, receive_until

pytestmark = pytest.mark.django_db(transaction=True)

TABS = 20


async def connect(server, vera):
    socket = await websockets.connect(f"{server.ws_url}/ws/public/{vera.session.session_id}", proxy=None)
    await socket.send(json.dumps({"type": "hello", "payload": {"session_key": vera.session_key, "after_seq": 0}}))
    assert json.loads(await socket.recv())["type"] == "chat.session.ready"
    return socket


async def until_closed(socket):
    frames = []
    try:
        while True:
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 60)))
    except websockets.ConnectionClosed as closed:
        return frames, closed.rcvd.code if closed.rcvd else 1006


@pytest.mark.parametrize("asgi_server", ["daphne", "uvicorn"])
async def test_TR05_SIGTERM_finishes_what_was_sent_and_spreads_the_return(start_server, asgi_server):
    server = await asyncio.to_thread(start_server, ASGI_SERVER=asgi_server)
    tenant = await database_sync_to_async(make_tenant)()
    visitors = [await database_sync_to_async(make_session)(tenant) for _ in range(TABS)]
    sockets = [await connect(server, vera) for vera in visitors]
    ids = [str(uuid4()) for _ in visitors]
    for socket, id in zip(sockets, ids, strict=True):
        payload = {"client_message_id": id, "body": "Just before the restart"}
        await socket.send(json.dumps({"type": "chat.message.send", "payload": payload}))
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    ends = await asyncio.gather(*map(until_closed, sockets))

    waits = []
    for frames, code in ends:
        assert code == 1012
        assert frames[-1]["type"] == "server.restart"
        waits.append(frames[-1]["payload"]["retry_after_ms"])
    assert all(0 <= wait <= 10_000 for wait in waits)
    assert len(set(waits)) > TABS / 2
    await asyncio.to_thread(server.process.wait, 10)
    assert time.monotonic() - started < 15
    for (frames, _), vera, id in zip(ends, visitors, ids, strict=True):
        acked = [f["payload"]["client_message_id"] for f in frames if f["type"] == "chat.message.ack"]
        stored = await database_sync_to_async(bodies)(vera)
        # Acknowledged and stored, or neither: then the client sends it again to the next process.
        assert (acked, stored) in (([id], ["Just before the restart"]), ([], []), ([], ["Just before the restart"]))
    assert sum(any(f["type"] == "chat.message.ack" for f in frames) for frames, _ in ends) > 0


@pytest.mark.parametrize("asgi_server", ["daphne", "uvicorn"])
async def test_TR05_SIGTERM_waits_for_nobody_who_does_not_read(start_server, asgi_server):
    server = await asyncio.to_thread(start_server, ASGI_SERVER=asgi_server)
    vera = await database_sync_to_async(lambda: make_session(make_tenant()))()
    deaf = await asyncio.to_thread(handshake, server, vera, receive_buffer=4096)
    deaf.sendall(masked(hello_of(vera).encode()))
    await asyncio.to_thread(receive_until, deaf, b"chat.session.ready")
    for _ in range(30):  # 12 MB: more than the kernel takes
        posts = [Post(vera.session.session_id, uuid4(), "x" * 4000, VISITOR) for _ in range(100)]
        await database_sync_to_async(services.post_messages)(posts)

    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(server.process.wait, 60)
    # By the clocks of the server 6 s and a half, of the 10 that it has.
    assert time.monotonic() - started < 10
    deaf.close()
