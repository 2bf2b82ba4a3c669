"""Sockets through the real routed application, over the real Redis and PostgreSQL."""

import asyncio
import contextlib
import json
from uuid import uuid4

import pytest_asyncio
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from chatcenter.asgi import application

PATIENCE_SECONDS = 60


class Socket:
    """One client. ``receive()`` hands out the next frame; ``expect(type)`` the next of its type, keeping the others
    for later."""

    def __init__(
        self,
        path: str,
        *,
        origin: str | None = "http://testserver",
        cookie: str | None = None,
        address: str = "203.0.113.7",
        forwarded_for: tuple[str, ...] = (),
    ) -> None:
        headers = [(b"host", b"testserver"), *((b"x-forwarded-for", line.encode()) for line in forwarded_for)]
        if origin:
            headers.append((b"origin", origin.encode()))
        if cookie:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
        scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b"", "subprotocols": []}
        scope["client"] = (address, 54321)
        # asgiref's own: the one of Channels keeps consumers from giving their database connections back.
        self.communicator = ApplicationCommunicator(application, scope)
        self.kept: list[tuple[str, dict]] = []

    async def connect(self) -> bool:
        """Whether the handshake was accepted."""
        await self.communicator.send_input({"type": "websocket.connect"})
        return (await self.output())["type"] == "websocket.accept"

    async def disconnect(self) -> None:
        """As a browser that went away."""
        # A test that waited in vain has cancelled the application already.
        with contextlib.suppress(asyncio.CancelledError):
            await self.communicator.send_input({"type": "websocket.disconnect", "code": 1006})
            await self.communicator.wait(PATIENCE_SECONDS)

    async def send(self, type: str, **payload) -> None:
        await self.send_raw(json.dumps({"type": type, "payload": payload}))

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        if data is not None:
            await self.communicator.send_input({"type": "websocket.receive", "bytes": data})
        else:
            await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def output(self) -> dict:
        return await self.communicator.receive_output(timeout=PATIENCE_SECONDS)

    async def receive(self) -> tuple[str, dict]:
        output = await self.output()
        assert output["type"] == "websocket.send", output
        frame = json.loads(output["text"])
        assert set(frame) == {"type", "payload"}
        return frame["type"], frame["payload"]

    async def expect(self, type: str) -> dict:
        for index, (name, payload) in enumerate(self.kept):
            if name == type:
                del self.kept[index]
                return payload
        while (frame := await self.receive())[0] != type:
            self.kept.append(frame)
        return frame[1]

    async def expect_close(self) -> int:
        while (output := await self.output())["type"] != "websocket.close":
            pass
        return output["code"]

    async def is_silent(self) -> bool:
        return await self.communicator.receive_nothing(timeout=0.2)

    async def hello(self, started, **payload) -> dict:
        """A visitor's: connects, proves the key, returns the ready frame's payload."""
        assert await self.connect()
        await self.send("hello", **{"session_key": started.session_key, "after_seq": 0, **payload})
        return await self.expect("chat.session.ready")

    async def say(self, body: str, **payload) -> dict:
        """Sends a message and returns it as acknowledged."""
        await self.send("chat.message.send", **{"client_message_id": str(uuid4()), "body": body, **payload})
        return (await self.expect("chat.message.ack"))["message"]


@pytest_asyncio.fixture
async def sockets():
    """``sockets.visitor(started)`` and ``sockets.agent(agent)``: all are closed at the end of the test."""
    opened = []

    class Sockets:
        @staticmethod
        def at(path: str, **options) -> Socket:
            opened.append(Socket(path, **options))
            return opened[-1]

        @classmethod
        def visitor(cls, started, **options) -> Socket:
            return cls.at(f"/ws/public/{started.session.session_id}", **options)

        @classmethod
        async def agent(cls, agent, **options) -> Socket:
            """Logged in, not yet connected."""
            return cls.at("/ws/agent/", **{"cookie": await in_db(log_in, agent.user), **options})

        @classmethod
        async def console(cls, agent) -> tuple[Socket, dict]:
            """Connected and greeted: the socket and its agent.ready."""
            socket = await cls.agent(agent)
            assert await socket.connect()
            await socket.send("hello")
            return socket, await socket.expect("agent.ready")

    yield Sockets
    for socket in opened:
        await socket.disconnect()


def log_in(user) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return store.session_key


async def in_db(function, *args, **kwargs):
    """Calls something of the database from an asynchronous test."""
    return await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


async def until(condition, *args) -> None:
    """Waits for a state of the database."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await in_db(condition, *args):
            await asyncio.sleep(0.02)
