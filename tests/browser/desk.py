"""The agent's desk in a browser, in words: what tests of the console do there, and the visitors that they need."""

import json
from collections.abc import Collection
from uuid import uuid4

import httpx
from django.contrib.auth.models import Permission
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from agents_app.models import Agent
from sessions_app.models import ChatSession
from tests.browser.waiting import wait_for
from tests.factories import PASSWORD


class Visitor:
    """A visitor without a browser, over the public HTTP API."""

    def __init__(self, server, name: str = "Vera", **metadata: str) -> None:
        self.http = httpx.Client(base_url=f"{server.url}/api/v1/chat/public/", trust_env=False, timeout=60)
        start = {"tenant_id": "demo-tenant", "customer_name": name, "metadata": metadata}
        self.session = self.call("start", start)

    @property
    def id(self) -> str:
        return self.session["session_id"]

    def call(self, path: str, data: dict) -> dict:
        answer = self.http.post(path, json=data)
        answer.raise_for_status()
        return answer.json()["data"]

    def proof(self) -> dict[str, str]:
        return {"session_id": self.id, "session_key": self.session["session_key"]}

    def says(self, text: str) -> "Visitor":
        self.call("message", {**self.proof(), "client_message_id": str(uuid4()), "message": text})
        return self

    def ends(self) -> None:
        self.call("end", self.proof())


def session_of(visitor: Visitor) -> ChatSession:
    return ChatSession.objects.get(session_id=visitor.id)


def supervise(agent: Agent) -> None:
    agent.user.user_permissions.add(Permission.objects.get(codename="supervise"))


def log_in(page: Page, username: str = "alice", password: str = PASSWORD, path: str = "/agent/") -> Page:
    page.goto(path)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    return page


def is_live(page: Page) -> Page:
    expect(page.locator("#queue-count")).not_to_be_empty()
    expect(page.locator("#connection")).to_be_empty()
    return page


def queue(page: Page) -> Locator:
    return page.get_by_role("region", name="Queue").get_by_role("listitem")


def mine(page: Page) -> Locator:
    return page.get_by_role("region", name="My chats").get_by_role("listitem")


def transcript(page: Page) -> Locator:
    return page.get_by_role("region", name="Transcript")


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Visitor")


def unread(row: Locator) -> Locator:
    return row.locator("[data-part=unread]")


def decision(page: Page) -> Locator:
    """Why one cannot write here (yet, any more)."""
    return page.locator("#decision-text")


def accept(page: Page, name: str = "Vera") -> None:
    queue(page).filter(has_text=name).get_by_role("link").click()
    page.get_by_role("button", name="Accept").click()
    expect(message_box(page)).to_be_focused()


def begin(page: Page, server, name: str = "Vera", **metadata: str) -> Visitor:
    """Alice's console with one chat of hers open."""
    vera = Visitor(server, name, **metadata).says("Hello")
    is_live(log_in(page))
    accept(page, name)
    return vera


def message_box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def answer(page: Page, text: str) -> None:
    message_box(page).fill(text)
    message_box(page).press("Enter")


def note_box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Private note")


def write_note(page: Page, text: str) -> None:
    page.get_by_role("radio", name="Note").check()
    note_box(page).fill(text)
    note_box(page).press("Enter")


def notes(page: Page) -> Locator:
    return transcript(page).locator(".note")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def drop(page: Page, selector: str, files: list[tuple[str, str, int]], event: str = "drop") -> None:
    """Drops or pastes files, (name, type, size)."""
    page.evaluate(
        """([selector, files, event]) => {
            const data = new DataTransfer();
            for (const [name, type, size] of files) data.items.add(new File([new Uint8Array(size)], name, { type }));
            const init = { bubbles: true, cancelable: true };
            const fired = event === "paste"
                ? new ClipboardEvent("paste", { ...init, clipboardData: data })
                : new DragEvent(event, { ...init, dataTransfer: data });
            document.querySelector(selector).dispatchEvent(fired);
        }""",
        [selector, files, event],
    )


class Cuttable:
    """The console's socket through a proxy that can be cut, lose frames, and refuse messages in the server's name."""

    def __init__(self, page: Page, deaf_to: Collection[str] = ()) -> None:
        self.page = page
        self.deaf_to = deaf_to
        self.is_deaf = False
        self.is_down = False
        self.is_refusing = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws/agent/", self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_down:
            socket.close(code=1013)
            return
        self.sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda text: None if self._is_lost(json.loads(text)) else socket.send(text))
        socket.on_message(lambda text: self._refuse(socket, json.loads(text)) or server.send(text))

    def _is_lost(self, frame: dict) -> bool:
        return self.is_deaf and frame["type"] in self.deaf_to

    def _refuse(self, socket: WebSocketRoute, frame: dict) -> bool:
        if not self.is_refusing or frame["type"] != "chat.message.send":
            return False
        ids = {name: frame["payload"][name] for name in ("session_id", "client_message_id")}
        error = {"code": "busy", "message": "The server is busy.", **ids}
        socket.send(json.dumps({"type": "error", "payload": error}))
        return True

    def cut(self) -> None:
        self.is_down = True
        while self.sockets:
            self.sockets.pop().close(code=1011)

    def mend(self) -> None:
        self.is_down = False
        self.page.evaluate("dispatchEvent(new Event('online'))")


class Held:
    """Requests to addresses that match `pattern` wait until they are let go."""

    def __init__(self, page: Page, pattern: str, method: str = "GET") -> None:
        self.page = page
        self.method = method
        self.routes: list[Route] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == self.method:
            self.routes.append(route)
        else:
            route.continue_()

    def let_go(self) -> None:
        """The next one, which the page may only be about to send."""
        wait_for(self.page, lambda: self.routes)
        self.routes.pop(0).continue_()
