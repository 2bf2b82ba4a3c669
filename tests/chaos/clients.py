"""Visitors and agents who send numbered messages and follow the protocol, whatever breaks."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import psycopg

from tests.chaos.links import RESEND_SECONDS, TEMPORARY_ERRORS, Link, Outbox, View
from tests.chaos.world import TENANT

HTTP_SECONDS = 6.0
LOGIN_SECONDS = 60.0  # before anything breaks; to hash a password takes its time
ASLEEP_MINUTES = 6  # beyond the tenant's disconnect timeout, within its session expiry
# How many of a visitor's texts go by POST instead of the socket: the same ids, through another door.
SHARE_BY_HTTP = 0.1


@dataclass
class Chat:
    """What a browser knows of one session, and what it did with it."""

    session_id: str
    key: str
    visitor: str
    outbox: Outbox = field(default_factory=Outbox)
    tabs: list["Tab"] = field(default_factory=list)
    sleeps: list[tuple[datetime, datetime]] = field(default_factory=list)
    reopened: int = 0
    is_over: bool = False
    may_end: bool = False
    number: int = 0

    def say(self) -> None:
        self.number += 1
        self.outbox.put(str(uuid4()), f"{self.visitor}#{self.number}")


async def ask(swarm, rng, method: str, path: str, **options) -> httpx.Response:
    """Of whichever web process answers, repeated until one does: what is asked here may be asked twice."""
    while True:
        web = rng.choice(swarm.webs)
        try:
            answer = await swarm.http.request(method, f"{web.url}{path}", **options)
        except httpx.TransportError:
            pass
        else:
            if answer.status_code < 500:
                return answer
            if answer.status_code != 503:
                swarm.accuse(f"{method} {path} was answered with {answer.status_code}: {answer.text[:200]}")
        await asyncio.sleep(rng.uniform(0.05, 0.5))


class Tab(Link):
    """One tab of a visitor. The first one of a chat writes; a second one only looks on."""

    ready_type = "chat.session.ready"

    def __init__(self, swarm, name: str, chat: Chat, *, writes: bool) -> None:
        super().__init__(swarm, name)
        self.chat, self.writes = chat, writes
        self.path = f"/ws/public/{chat.session_id}"
        self.view = View()
        self.is_page_load = False
        self._asked: int | None = None
        self._posting: asyncio.Task | None = None

    def hello(self) -> dict:
        restored, self.is_page_load = self.is_page_load, False
        return {"session_key": self.chat.key, "after_seq": self.view.last_seq, "restored": restored}

    def forget_in_flight(self) -> None:
        self._asked = None
        if self.writes:
            self.chat.outbox.in_flight = None

    def ping(self) -> dict:
        self._asked = None  # a page that brought nothing new is asked for once a heartbeat
        return {**super().ping(), "last_seq": self.view.last_seq}

    def pump(self) -> None:
        last = self.view.last_seq
        if last < self.view.known_last and self._asked != last:
            self._asked = last
            self.send("chat.history", after_seq=last, limit=100)
        if self.writes and (entry := self.chat.outbox.next()):
            id, body = entry
            if self.rng.random() < SHARE_BY_HTTP:
                self._posting = asyncio.create_task(self._post(id, body))
            else:
                self.send("chat.message.send", client_message_id=id, body=body)

    async def _post(self, id: str, body: str) -> None:
        web = self.rng.choice(self.swarm.webs)
        document = {"session_id": self.chat.session_id, "client_message_id": id, "message": body}
        try:
            answer = await self.swarm.http.post(
                f"{web.url}/api/v1/chat/public/message", json=document, headers={"X-Session-Key": self.chat.key}
            )
        except httpx.TransportError:
            pass
        else:
            if answer.is_success:
                self._acknowledged(answer.json()["data"])
            elif answer.status_code not in (410, 503):
                self.swarm.accuse(f"{self.name}: {id} was answered with {answer.status_code} {answer.text[:200]}")
        if self.chat.outbox.in_flight == id:
            self.chat.outbox.in_flight = None

    def _acknowledged(self, message: dict) -> None:
        self.view.add(message)
        if problem := self.chat.outbox.settle(message["client_message_id"], message["seq"]):
            self.swarm.accuse(f"{self.name}: {problem}")

    def handle(self, type: str, payload: dict) -> None:
        if type in ("chat.session.ready", "chat.history"):
            for message in payload["messages"]:
                self.view.add(message)
        if type == "chat.session.ready":
            if payload["resume"] == "resync":
                self.swarm.accuse(f"{self.name}: the server does not know seq {self.view.last_seq} any more")
            self.chat.reopened += payload["resume"] == "reopened"
        if "last_seq" in payload:
            self.view.known_last = max(self.view.known_last, payload["last_seq"])
        if type == "chat.message.new":
            self.view.add(payload["message"])
        elif type == "chat.message.ack":
            self._acknowledged(payload["message"])
        elif type == "pong" and payload["status"] == "abandoned":
            self.cut()  # the hello of the next socket reopens it
        elif type == "chat.session.ended" or (type == "pong" and payload["status"] == "ended"):
            self.is_wanted = False
            self.over()
            self.cut()
        elif type == "error":
            self._error(payload)

    def _error(self, payload: dict) -> None:
        if payload["code"] in TEMPORARY_ERRORS:
            self.later(RESEND_SECONDS, self.forget_in_flight)
        elif payload["code"] == "session_over":
            self.over()
        else:
            self.swarm.accuse(f"{self.name}: {payload}")

    def over(self) -> None:
        if not self.chat.may_end:
            self.swarm.accuse(f"{self.name}: session {self.chat.session_id} was closed under its visitor")
        self.chat.is_over = True
        self.chat.outbox.refuse_all()


class Visitor:
    """Has chats, one after the other: writes, looks on from a second tab, sleeps and comes back, ends."""

    def __init__(self, swarm, name: str) -> None:
        self.swarm, self.name = swarm, name
        self.rng = swarm.rng_for(name)
        self.doing = "starts"

    async def live(self) -> None:
        count = 0
        while not self.swarm.is_quiet:
            count += 1
            chat = await self._start(f"{self.name}.{count}")
            self._open_tabs(chat)
            while not (self.swarm.is_quiet or chat.is_over):
                self.doing = f"writes in {chat.session_id}"
                await self._write(chat)
                if self.swarm.is_quiet:
                    break
                action = self.rng.choice([self._end, self._sleep, self._sleep, self._reload])
                self.doing = f"{action.__name__.strip('_')}s in {chat.session_id}"
                await action(chat)

    async def _start(self, name: str) -> Chat:
        document = {"tenant_id": TENANT, "customer_name": name, "start_id": str(uuid4())}
        answer = await ask(self.swarm, self.rng, "POST", "/api/v1/chat/public/start", json=document)
        assert answer.status_code == 201, answer.text
        data = answer.json()["data"]
        chat = Chat(data["session_id"], data["session_key"], name)
        chat.tabs = [Tab(self.swarm, f"{name} tab 1", chat, writes=True)]
        if self.rng.random() < 0.4:
            chat.tabs.append(Tab(self.swarm, f"{name} tab 2", chat, writes=False))
        self.swarm.chats[chat.session_id] = chat
        return chat

    def _open_tabs(self, chat: Chat) -> None:
        for tab in chat.tabs:
            tab.open()

    async def _write(self, chat: Chat) -> None:
        for _ in range(self.rng.randint(8, 25)):
            if self.swarm.is_quiet or chat.is_over:
                return
            chat.say()
            await asyncio.sleep(self.rng.uniform(0.05, 0.6))

    async def _reload(self, chat: Chat) -> None:
        for tab in chat.tabs:
            await tab.close()
            tab.is_page_load = True
        self._open_tabs(chat)

    async def _sleep(self, chat: Chat) -> None:
        """Closes the laptop for ASLEEP_MINUTES; the database is told that they have passed."""
        for tab in chat.tabs:
            await tab.close()
        began = datetime.now(UTC)
        await self._move_clock(chat)
        await asyncio.sleep(self.rng.uniform(1, 5))
        for tab in chat.tabs:
            tab.is_page_load = self.rng.random() < 0.5
            tab.open()
        while not (any(tab.is_ready for tab in chat.tabs) or chat.is_over):
            await asyncio.sleep(0.05)
        chat.sleeps.append((began, datetime.now(UTC)))

    async def _move_clock(self, chat: Chat) -> None:
        statement = "UPDATE sessions_app_chatsession SET last_seen_at = last_seen_at - %s * interval '1 minute'"
        while True:
            try:
                return await asyncio.to_thread(
                    self.swarm.world.query, f"{statement} WHERE session_id = %s", (ASLEEP_MINUTES, chat.session_id)
                )
            except psycopg.Error:
                await asyncio.sleep(0.2)

    async def _end(self, chat: Chat) -> None:
        """With texts still on their way, as people do."""
        chat.may_end = True
        document = {"session_id": chat.session_id, "session_key": chat.key}
        answer = await ask(self.swarm, self.rng, "POST", "/api/v1/chat/public/end", json=document)
        if answer.status_code != 200:
            self.swarm.accuse(f"{self.name}: ending {chat.session_id} was answered with {answer.text}")
        while not chat.is_over:
            await asyncio.sleep(0.05)


class Console(Link):
    """An agent: accepts who waits, as fast as the colleague, and answers."""

    path = "/ws/agent/"
    ready_type = "agent.ready"

    def __init__(self, swarm, username: str) -> None:
        super().__init__(swarm, username)
        self.username = username
        self.user_id: int | None = None
        self.views: dict[str, View] = {}
        self.outboxes: dict[str, Outbox] = {}
        self.summaries: dict[str, dict] = {}
        self._asked: dict[str, int] = {}
        self._accepting: dict[str, asyncio.Task] = {}
        self._numbers: dict[str, int] = {}

    async def log_in(self) -> None:
        url = f"{self.swarm.webs[0].url}/agent/login/"
        async with httpx.AsyncClient(trust_env=False, timeout=LOGIN_SECONDS) as client:
            token = (await client.get(url)).cookies["csrftoken"]
            form = {"username": self.username, "password": self.swarm.world.password, "csrfmiddlewaretoken": token}
            answer = await client.post(url, data=form)
            assert answer.status_code == 302, answer.text
            self._cookies = dict(client.cookies)

    @property
    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def headers(self, web) -> dict[str, str]:
        return {"Cookie": self._cookie, "Origin": web.url}

    def hello(self) -> dict:
        return {}

    def forget_in_flight(self) -> None:
        self._asked.clear()
        for outbox in self.outboxes.values():
            outbox.in_flight = None

    def view(self, session_id: str) -> View:
        return self.views.setdefault(session_id, View())

    @property
    def own(self) -> list[str]:
        """The sessions that I have, as far as I know."""
        return [
            id
            for id, summary in self.summaries.items()
            if summary["status"] == "active" and summary["assigned_to_id"] == self.user_id
        ]

    @property
    def is_settled(self) -> bool:
        if any(outbox.waiting for outbox in self.outboxes.values()):
            return False
        return self.is_ready and all(self.view(id).is_whole for id in self.own)

    def pump(self) -> None:
        for id in self.own:
            view, outbox = self.view(id), self.outboxes.setdefault(id, Outbox())
            last = view.last_seq
            if last < view.known_last and self._asked.get(id) != last:
                self._asked[id] = last
                self.send("chat.history", session_id=id, after_seq=last, limit=100)
            if not self.swarm.is_quiet and len(outbox.waiting) < 3 and self.rng.random() < 0.06:
                number = self._numbers[id] = self._numbers.get(id, 0) + 1
                outbox.put(str(uuid4()), f"{self.username}#{number}")
        for id, outbox in self.outboxes.items():
            if entry := outbox.next():
                self.send("chat.message.send", session_id=id, client_message_id=entry[0], body=entry[1])

    def ping(self) -> dict:
        self._asked.clear()
        return super().ping()

    def handle(self, type: str, payload: dict) -> None:
        if type == "agent.ready":
            self.user_id = payload["agent"]["id"]
            shown = {summary["session_id"] for summary in payload["sessions"]}
            self.summaries = {id: summary for id, summary in self.summaries.items() if id in shown}
            for summary in payload["sessions"]:
                self._learn(summary)
        elif type == "session.changed":
            self._learn(payload["session"])
        elif type == "pong":
            self._compare(payload["sessions"])
        elif type == "chat.history":
            for message in payload["messages"]:
                self.view(payload["session_id"]).add(message)
        elif type == "chat.message.new":
            self.view(payload["message"]["session_id"]).add(payload["message"])
        elif type == "chat.message.ack":
            message = payload["message"]
            self.view(payload["session_id"]).add(message)
            if problem := self.outboxes[payload["session_id"]].settle(message["client_message_id"], message["seq"]):
                self.swarm.accuse(f"{self.name}: {problem}")
        elif type == "error":
            self._error(payload)

    def _learn(self, summary: dict) -> None:
        id = summary["session_id"]
        self.summaries[id] = {**self.summaries.get(id, {}), **summary}
        if summary["assigned_to_id"] == self.user_id:
            self.view(id).known_last = max(self.view(id).known_last, summary["last_seq"])
        waits = summary["status"] == "queued" and summary.get("waiting_since")
        if waits and id not in self._accepting:
            self._accepting[id] = asyncio.create_task(self._accept(id))

    def _compare(self, pulses: list[dict]) -> None:
        shown = {pulse["session_id"]: pulse for pulse in pulses}
        for id, pulse in shown.items():
            known = self.summaries.get(id)
            if known is None or any(known[name] != pulse[name] for name in ("status", "assigned_to_id")):
                self.send("hello")  # a doorbell was lost
                return
            self._learn({**known, **pulse})
        if set(self.own) - shown.keys():
            self.send("hello")

    async def _accept(self, id: str) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.5))
        headers = {"Cookie": self._cookie, "X-CSRFToken": self._cookies["csrftoken"]}
        answer = await ask(self.swarm, self.rng, "POST", f"/api/v1/chat/sessions/{id}/assign", headers=headers)
        if answer.status_code == 200:
            self._learn(answer.json()["data"])
        elif answer.status_code not in (409, 410):
            self.swarm.accuse(f"{self.name}: accepting {id} was answered with {answer.status_code} {answer.text}")
        del self._accepting[id]

    def _error(self, payload: dict) -> None:
        code, id = payload["code"], payload.get("session_id")
        outbox = self.outboxes.get(id)
        if code in TEMPORARY_ERRORS:
            self.later(RESEND_SECONDS, self.forget_in_flight)
        elif code in ("session_over", "taken", "invalid") and outbox is not None:
            # Closed, or back in the queue: the text is the agent's to keep. It may be stored all the same, by a
            # process that was stopped with it.
            outbox.refuse_all()
        else:
            self.swarm.accuse(f"{self.name}: {payload}")
