"""What crosses from one process to another: this one publishes, real web processes deliver."""

import asyncio
import json

import pytest
import websockets
from channels.db import database_sync_to_async

from tests.factories import make_agent, make_session, make_tenant, say
from tests.faults.test_clients import connect, handshake, hello_of, is_cut, is_well, masked, resident_bytes

pytestmark = pytest.mark.django_db(transaction=True)

VISITORS = 8


async def in_db(function, *args, **kwargs):
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


def url_of(server, vera):
    return f"{server.ws_url}/ws/public/{vera.session.session_id}"


async def texts(socket, count):
    """The bodies of the next ``count`` messages."""
    heard = []
    while len(heard) < count:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 60))
        if frame["type"] == "chat.message.new":
            heard.append(frame["payload"]["message"]["body"])
    return heard


async def test_sockets_that_connect_at_the_same_moment_all_hear_the_other_processes(either_server):
    tenant = await in_db(make_tenant)
    visitors = [await in_db(make_session, tenant) for _ in range(VISITORS)]
    sockets = await asyncio.gather(*(connect(either_server, vera) for vera in visitors))
    for number in range(3):
        for vera in visitors:
            await in_db(say, vera, f"Line {number}")

    for heard in await asyncio.gather(*(texts(socket, 3) for socket in sockets)):
        assert heard == ["Line 0", "Line 1", "Line 2"]
    for socket in sockets:
        await socket.close()


async def test_a_visitor_on_one_process_hears_one_on_another(server, either_server):
    vera = await in_db(make_session, await in_db(make_tenant))
    here, there = await connect(server, vera), await connect(either_server, vera)
    payload = {"client_message_id": "9d2c6d38-3c0c-4b25-9d7e-1f0a2b3c4d5e", "body": "From tab to tab"}
    await here.send(json.dumps({"type": "chat.message.send", "payload": payload}))

    assert await texts(there, 1) == ["From tab to tab"]
    await here.close()
    await there.close()


async def test_a_long_transcript_arrives_whole(either_server):
    """More than the 64 KB that a client may send at once."""
    vera = await in_db(make_session, await in_db(make_tenant))
    for _ in range(60):
        await in_db(say, vera, "long " * 799 + "long")
    async with websockets.connect(url_of(either_server, vera), proxy=None, max_size=None) as socket:
        await socket.send(hello_of(vera))
        ready = json.loads(await asyncio.wait_for(socket.recv(), 60))
    assert len(ready["payload"]["messages"]) == 60


async def test_TR12_asking_without_reading_is_cut_off(either_server):
    tenant = await in_db(make_tenant)
    vera = await in_db(make_session, tenant)
    for _ in range(100):
        await in_db(say, vera, "x" * 4000)
    ask = '{"type": "chat.history", "payload": {"after_seq": 0, "limit": 100}}'
    async with websockets.connect(url_of(either_server, vera), proxy=None, max_size=None) as reader:
        await reader.send(hello_of(vera))
        for _ in range(10):  # what the process needs for such answers, it has from here on
            await reader.send(ask)
            await reader.recv()
    before = resident_bytes(either_server)
    connection = await asyncio.to_thread(handshake, either_server, vera, receive_buffer=4096)
    connection.sendall(masked(hello_of(vera).encode()))
    for _ in range(60):  # 24 MB of answers
        try:
            connection.sendall(masked(ask.encode()))
        except ConnectionError:
            break
        await asyncio.sleep(0.05)
    assert resident_bytes(either_server) - before < 10_000_000
    assert await is_well(either_server, await in_db(make_session, tenant))
    assert await asyncio.to_thread(is_cut, connection, 20_000_000)
    connection.close()


async def test_an_agent_on_one_process_hears_a_visitor_on_another(server, either_server):
    from tests.sockets.conftest import log_in

    tenant = await in_db(make_tenant)
    alice = await in_db(make_agent, "alice", [tenant])
    cookie = await in_db(log_in, alice.user)
    headers = {"Cookie": f"sessionid={cookie}", "Origin": either_server.url}
    async with websockets.connect(f"{either_server.ws_url}/ws/agent/", additional_headers=headers, proxy=None) as agent:
        await agent.send('{"type": "hello"}')
        assert json.loads(await agent.recv())["type"] == "agent.ready"
        vera = await in_db(make_session, tenant)
        visitor = await connect(server, vera)
        payload = {"client_message_id": "9d2c6d38-3c0c-4b25-9d7e-1f0a2b3c4d5e", "body": "Anybody there?"}
        await visitor.send(json.dumps({"type": "chat.message.send", "payload": payload}))
        assert await texts(agent, 1) == ["Anybody there?"]
        await visitor.close()
