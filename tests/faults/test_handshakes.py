"""TR07: connections that never get as far as a request; TR11: headers that are not what they seem. On both kinds of
server."""

import asyncio
import contextlib
import json

import pytest
import websockets
from channels.db import database_sync_to_async

from tests.factories import make_session, make_tenant
from tests.faults.test_clients import connect, hello_of, is_well, masked, path_of

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = 1000
SECONDS = 40  # far less than a head takes byte by byte, far more than the servers' 7 and a busy machine's
BYTE_SECONDS = 1.0

WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
WITHOUT_ITS_BODY = (
    b"POST /api/v1/chat/public/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 100\r\n\r\n{"tenant_id"'
)


def head_of(vera) -> bytes:
    """All of a handshake but its end."""
    return (
        f"GET {path_of(vera)} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    ).encode()


class Slow:
    """A connection. ``sends`` at once, then ``trickles`` a byte a second."""

    def __init__(self, sends: bytes, trickles: bytes = b"") -> None:
        self.sends, self.trickles = sends, trickles

    async def open(self, server) -> None:
        port = int(server.url.rsplit(":", 1)[1])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(self.sends)

    async def is_closed(self) -> bool:
        """By the server, within SECONDS."""
        trickling = asyncio.create_task(self._trickle())
        try:
            async with asyncio.timeout(SECONDS):
                while await self.reader.read(4096):
                    pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        finally:
            trickling.cancel()
            self.writer.close()
        return True

    async def _trickle(self) -> None:
        with contextlib.suppress(ConnectionError):
            for byte in self.trickles:
                self.writer.write(bytes([byte]))
                await asyncio.sleep(BYTE_SECONDS)


async def test_TR07_a_thousand_half_handshakes_end_and_keep_nobody_out(either_server):
    vera = await database_sync_to_async(lambda: make_session(make_tenant(), says="Hello"))()
    stays = await connect(either_server, vera)
    head = head_of(vera)
    slow = {
        "nothing": [Slow(b"") for _ in range(SLOW // 4)],
        "a part of the first line": [Slow(head[:9]) for _ in range(SLOW // 4)],
        "a part of the headers": [Slow(head[:80]) for _ in range(SLOW // 4)],
        "all but the end": [Slow(head) for _ in range(SLOW // 4)],
        # A byte does not begin the time anew, nor has a second request on the same connection more of it.
        "byte by byte": [Slow(b"", head)],
        "byte by byte after a request": [Slow(WHOLE, head)],
        "no body": [Slow(WITHOUT_ITS_BODY)],
    }
    everyone = [one for group in slow.values() for one in group]
    await asyncio.gather(*(one.open(either_server) for one in everyone))
    closing = {name: asyncio.gather(*(one.is_closed() for one in group)) for name, group in slow.items()}
    assert await is_well(either_server, vera)

    assert {name: (await closed).count(False) for name, closed in closing.items()} == dict.fromkeys(slow, 0)
    assert await is_well(either_server, vera)
    # Who got through in time has all the time in the world.
    await asyncio.wait_for(await stays.ping(), SECONDS)
    await stays.close()


# What some parsers take for the end of a line, and for the same name.
DISGUISES = [
    b"X-Page: a%bOrigin: https://shop.example" % end for end in (b"\x0b", b"\x0c", b"\x1c", b"\x85", b"\r", b"\n ")
]
DISGUISES += [b"O_rigin: https://shop.example", b"Origin : https://shop.example", b" Origin: https://shop.example"]


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_TR11_a_header_in_disguise_is_none(either_server, disguise):
    tenant = await database_sync_to_async(make_tenant)("strict", allowed_origins=["https://shop.example"])
    vera = await database_sync_to_async(make_session)(tenant)
    port = int(either_server.url.rsplit(":", 1)[1])
    head = head_of(vera).replace(b"Upgrade: websocket\r\n", b"%b\r\nUpgrade: websocket\r\n" % disguise)
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        status = await reader.readline()
        if b" 101 " in status:
            writer.write(masked(hello_of(vera).encode()))
            assert b"origin_not_allowed" in await reader.readuntil(b"}}")
        else:
            assert b" 400 " in status
    writer.close()


async def test_TR11_the_right_origin_is_let_in_that_way(either_server):
    tenant = await database_sync_to_async(make_tenant)("strict", allowed_origins=["https://shop.example"])
    vera = await database_sync_to_async(make_session)(tenant)
    url = f"{either_server.ws_url}{path_of(vera)}"
    async with websockets.connect(url, proxy=None, origin="https://shop.example") as socket:
        await socket.send(hello_of(vera))
        assert json.loads(await asyncio.wait_for(socket.recv(), 60))["type"] == "chat.session.ready"
