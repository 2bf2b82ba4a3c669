"""The limits of sockets, over two web processes of both kinds, one of which is killed; and over a Redis that breaks."""

import asyncio
import contextlib
import json
import math
import os
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import redis
import websockets
from channels.db import database_sync_to_async

from chatcenter import embedded
from sessions_app import occupancy, throttles
from sessions_app.occupancy import TTL_SECONDS, Ledger
from tests.conftest import run_server
from tests.factories import make_session, make_tenant
from tests.faults.test_clients import close_code, hello_of, path_of

PATIENCE_SECONDS = 60
OFFICE, HOME = "198.51.100.1", "198.51.100.2"


@pytest.fixture
def pair(transactional_db):
    """daphne and uvicorn; a test may kill them."""
    limits = {"CHAT_MAX_SOCKETS_PER_ADDRESS": "3", "TRUSTED_PROXIES": "1"}
    with ExitStack() as stack:
        yield [stack.enter_context(run_server(ASGI_SERVER=name, **limits)) for name in ("daphne", "uvicorn")]


async def come(server, vera, address):
    """A socket and the answer to its hello."""
    url, headers = f"{server.ws_url}{path_of(vera)}", {"X-Forwarded-For": address}
    socket = await websockets.connect(url, proxy=None, additional_headers=headers)
    with contextlib.suppress(websockets.ConnectionClosed):  # it may be refused already
        await socket.send(hello_of(vera))
    return socket, json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS))


async def welcome(server, vera, address):
    socket, answer = await come(server, vera, address)
    assert answer["type"] == "chat.session.ready"
    return socket


async def is_refused(server, vera, address):
    socket, answer = await come(server, vera, address)
    if answer["type"] != "error":
        await socket.close()
        return False
    assert (answer["payload"]["code"], answer["payload"]["retry_after_ms"]) == ("rate_limited", TTL_SECONDS * 1000)
    assert await close_code(socket) == 4429
    return True


async def is_open(socket):
    await asyncio.wait_for(await socket.ping(), PATIENCE_SECONDS)
    return socket.state is websockets.State.OPEN


@pytest.mark.django_db(transaction=True)
async def test_IN06_two_processes_count_together_and_one_that_was_killed_no_more(pair):
    here, there = pair
    tenant = await database_sync_to_async(make_tenant)()
    vera, walter, wanda = [await database_sync_to_async(make_session)(tenant) for _ in range(3)]
    places = iter(range(1, 100))
    # Three tabs of vera's there, the oldest, and three here: one too many. Each from another address.
    tabs = [await welcome(one, vera, f"192.0.2.{next(places)}") for one in (there, there, there, here, here, here)]
    assert await asyncio.wait_for(close_code(tabs[0]), PATIENCE_SECONDS) == 4409
    # And as many of walter's from one address as it may have.
    held = [await welcome(here, walter, OFFICE) for _ in range(3)]
    assert await is_refused(here, wanda, OFFICE)
    assert await is_refused(there, wanda, OFFICE)
    assert not await is_refused(there, wanda, HOME)

    here.process.kill()
    killed_at = time.monotonic()
    # Vera's tabs come again, while those that were killed still count.
    tabs = [*tabs[1:3], *[await welcome(there, vera, f"192.0.2.{next(places)}") for _ in range(3)]]
    assert await is_refused(there, wanda, OFFICE)
    await asyncio.sleep(killed_at + TTL_SECONDS + 2 - time.monotonic())
    assert not await is_refused(there, wanda, OFFICE)
    assert all([await is_open(tab) for tab in tabs])
    for socket in (*tabs, *held):
        await socket.close()


# --- Redis --------------------------------------------------------------------------------------------------------


class Tab:
    def __init__(self):
        self.codes = []

    def close(self, code):
        self.codes.append(code)


@pytest.fixture
def servers(settings, monkeypatch):
    """A Redis of the test's own."""
    with embedded.Servers(Path(os.environ["TEST_RUN"]) / "occupancy", keep=False) as servers:
        settings.REDIS_URL = servers.start_redis()
        settings.CHAT_MAX_SOCKETS_PER_ADDRESS = 3
        monkeypatch.setattr(throttles, "_failed_at", -math.inf)
        monkeypatch.setattr(throttles, "RETRY_AFTER_FAILURE_SECONDS", 0.2)
        monkeypatch.setattr(occupancy, "RENEW_SECONDS", 0.05)
        # Neither is taken for dead, nor anybody let in, because this machine is slow.
        monkeypatch.setattr(occupancy, "TTL_SECONDS", 60.0)
        monkeypatch.setattr(occupancy, "ADMIT_SECONDS", 60.0)
        monkeypatch.setattr(throttles, "TIMEOUT_SECONDS", 0.5)
        forget_clients()
        yield servers
        forget_clients()


def forget_clients():
    throttles._client.cache_clear()
    throttles._registered.cache_clear()


async def declares(*ledgers):
    """Each has told Redis what it has, and once more."""
    for ledger in ledgers:
        for _ in range(2):
            known = ledger._known
            async with asyncio.timeout(PATIENCE_SECONDS):
                while ledger._known <= known:
                    await asyncio.sleep(0.01)


async def fails(times):
    """Redis was tried so often in vain."""
    for _ in range(times):
        failed_at = throttles._failed_at
        async with asyncio.timeout(PATIENCE_SECONDS):
            while throttles._failed_at == failed_at:
                await asyncio.sleep(0.01)


async def admitted(ledger, count):
    return sum(await asyncio.gather(*(ledger.admit("203.0.113.7") for _ in range(count))))


@pytest.mark.parametrize("how", ["paused", "restarted", "lost"])
async def test_IN01_IN03_a_redis_that_breaks_limits_nobody_and_closes_nobody(servers, how, monkeypatch):
    here, there = Ledger(), Ledger()
    session_id, tabs = uuid4(), [Tab() for _ in range(5)]
    assert (await admitted(here, 2), await admitted(there, 1), await admitted(there, 1)) == (2, 1, 0)
    for ledger, tab in zip((here, here, there, there, there), tabs, strict=True):
        ledger.enter(session_id, tab)
    monkeypatch.setattr(occupancy, "TTL_SECONDS", 1.0)
    await declares(here, there)

    pid = servers.pid("redis")
    if how == "paused":
        psutil.Process(pid).suspend()
    else:
        servers.stop("redis")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS / 2):  # nobody waits for Redis, nor for ADMIT_SECONDS
            assert await admitted(here, 2) == 2
        here.discharge("203.0.113.7")
        # One tab reloads, at the other process.
        here.leave(session_id, tabs[1])
        tabs[1] = Tab()
        there.enter(session_id, tabs[1])
        if how == "paused":
            await fails(times=2)  # longer than TTL_SECONDS: when it goes on, it takes both for dead
    finally:
        if how == "paused":
            psutil.Process(pid).resume()
        elif how == "restarted":
            servers.start_redis()
        else:
            redis.Redis.from_url(servers.start_redis()).flushall()
    monkeypatch.setattr(occupancy, "TTL_SECONDS", 60.0)
    await declares(here, there)
    await declares(here, there)

    assert await admitted(there, 1) == 0
    here.discharge("203.0.113.7")
    await declares(here)
    assert await admitted(there, 2) == 0  # three of here, one of there
    here.discharge("203.0.113.7")
    await declares(here)
    assert await admitted(there, 2) == 1
    assert not any(tab.codes for tab in tabs)
