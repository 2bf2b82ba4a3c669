"""Visitors and agents of a world of its own (tests/chaos/world.py): they speak the protocol, and nothing of ours."""

import asyncio
import json
from uuid import uuid4

import httpx
import websockets

from tests.chaos.world import TENANT

PATIENCE_SECONDS = 60
START = "/api/v1/chat/public/start"
VISITOR = {"tenant_id": TENANT, "customer_name": "Vera"}


class Socket:
    """A client's end: ``expect(type)`` hands out the next frame of a type and forgets those before it."""

    def __init__(self, socket):
        self.socket = socket

    @classmethod
    async def open(cls, web, path, **headers):
        options = {"additional_headers": headers, "proxy": None, "max_size": None, "close_timeout": 0.2}
        options["open_timeout"] = PATIENCE_SECONDS
        return cls(await websockets.connect(f"{web.ws_url}{path}", ping_interval=None, **options))

    async def send(self, type, **payload):
        await self.socket.send(json.dumps({"type": type, "payload": payload}))

    async def expect(self, *types, seconds=PATIENCE_SECONDS, where=lambda payload: True):
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame["type"] in types and where(frame["payload"]):
                    return frame["payload"]

    async def send_until_acknowledged(self, **payload):
        """As clients do: the same id again after each refusal, on this one socket."""
        id = payload.setdefault("client_message_id", str(uuid4()))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await self.send("chat.message.send", **payload)
                answer = await self.expect(
                    "chat.message.ack", "error", where=lambda answer: answer.get("client_message_id") == id
                )
                if "message" in answer and "code" not in answer:
                    return answer["message"]
                assert answer["code"] == "unavailable", answer

    def cut(self):
        """As a network that breaks: no close frame."""
        self.socket.transport.abort()


class Vera:
    """A visitor with a session."""

    def __init__(self, web, answer=None):
        answer = answer or post(web, START, json=VISITOR)
        assert answer.status_code == 201, answer.text
        self.id, self.key = answer.json()["data"]["session_id"], answer.json()["data"]["session_key"]

    @classmethod
    async def many(cls, web, count):
        limits = httpx.Limits(max_connections=10)
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS, limits=limits) as client:
            calls = (client.post(f"{web.url}{START}", json=VISITOR) for _ in range(count))
            return [cls(web, answer) for answer in await asyncio.gather(*calls)]

    async def at(self, web, after_seq=0):
        """A socket at that process, and its ready frame."""
        socket = await Socket.open(web, f"/ws/public/{self.id}")
        await socket.send("hello", session_key=self.key, after_seq=after_seq)
        return socket, await socket.expect("chat.session.ready")

    def message(self, body):
        document = {"session_id": self.id, "client_message_id": str(uuid4()), "message": body}
        return {"json": document, "headers": {"X-Session-Key": self.key}}

    def post(self, web, body):
        return post(web, "/api/v1/chat/public/message", **self.message(body))


def post(web, path, **options):
    return httpx.post(f"{web.url}{path}", trust_env=False, timeout=PATIENCE_SECONDS, **options)


class Alice:
    """An agent, logged in."""

    def __init__(self, world, web):
        with httpx.Client(trust_env=False, base_url=web.url, timeout=PATIENCE_SECONDS) as client:
            token = client.get("/agent/login/").cookies["csrftoken"]
            form = {"username": "alice", "password": world.password, "csrfmiddlewaretoken": token}
            assert client.post("/agent/login/", data=form).status_code == 302
            self.cookies = dict(client.cookies)
            self.cookie = f"sessionid={self.cookies['sessionid']}"

    async def at(self, web):
        socket = await Socket.open(web, "/ws/agent/", Cookie=self.cookie, Origin=web.url)
        await socket.send("hello")
        return socket, await socket.expect("agent.ready")

    def accept(self, web, vera):
        headers = {"X-CSRFToken": self.cookies["csrftoken"]}
        answer = post(web, f"/api/v1/chat/sessions/{vera.id}/assign", headers=headers, cookies=self.cookies)
        assert answer.status_code == 200, answer.text

    def summary(self, web, vera):
        url = f"{web.url}/api/v1/chat/sessions/{vera.id}"
        return httpx.get(url, trust_env=False, timeout=PATIENCE_SECONDS, cookies=self.cookies).json()["data"]


def history(web, vera):
    url, headers = f"{web.url}/api/v1/chat/public/session/{vera.id}?limit=100", {"X-Session-Key": vera.key}
    return httpx.get(url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS).json()["data"]


async def until(condition):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await asyncio.to_thread(condition)):
            await asyncio.sleep(0.02)
    return found


# --- what the database says, and what it is told ------------------------------------------------------------------


def pass_time(world, seconds, *visitors):
    """Moves the clocks of these sessions."""
    statement = (
        "UPDATE sessions_app_chatsession SET last_seen_at = last_seen_at - %s * interval '1 second',"
        " last_activity_at = last_activity_at - %s * interval '1 second' WHERE session_id = ANY(%s::uuid[])"
    )
    world.query(statement, [seconds, seconds, [vera.id for vera in visitors]])


def status(world, vera) -> str:
    [(status,)] = world.query("SELECT status FROM sessions_app_chatsession WHERE session_id = %s", [vera.id])
    return status


def waiting_for_locks(world) -> int:
    [(count,)] = world.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return count
