"""The widget's promise: who is still there loses no chat and no message. In a real browser, tab by tab."""

import json
import random
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from sessions_app import services
from sessions_app.models import ChatSession, Message
from tests.browser.apart import apart
from tests.browser.shop import Shop, box, end_chat, expect_sent, message, open_chat, write
from tests.browser.waiting import wait_for
from tests.factories import actor, age, bodies, fresh, make_tenant, say

DEMO = "/widget-demo.html"
SOON_MS = 20_000  # before the next heartbeat
RESTORED = "Your chat has been restored"
STORED = "JSON.parse(localStorage.getItem('cc_chat_session'))"
HIDE = """isHidden => {
    Object.defineProperty(document, "visibilityState", {value: isHidden ? "hidden" : "visible", configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


pytestmark = pytest.mark.usefixtures("host_errors")


@pytest.fixture
def tenant(server):
    return make_tenant(welcome_message="")


def connected(page: Page) -> None:
    expect(page.locator(".dot")).to_have_class("dot ready")


def visit(page: Page, path: str = DEMO) -> Page:
    page.goto(path)
    open_chat(page)
    connected(page)
    return page


def visit_and_write(page: Page, text: str = "hello") -> ChatSession:
    """A chat that stands in the queue."""
    visit(page)
    write(page, text)
    expect_sent(page, text)
    return the_session()


def the_session() -> ChatSession:
    return ChatSession.objects.get()


def shown(page: Page) -> list[str]:
    return page.locator("li.message:has(.meta) .bubble").all_inner_texts()


def stored(page: Page) -> dict | None:
    return page.evaluate(STORED)


def is_written_down(page: Page, field: str, value: object) -> None:
    page.wait_for_function(f"value => JSON.stringify({STORED}.{field}) === JSON.stringify(value)", arg=value)


def open_sockets(server, session: ChatSession) -> int:
    log = server.log.read_text()
    return log.count(f'"WSCONNECT /ws/public/{session.session_id}"') - log.count(
        f'"WSDISCONNECT /ws/public/{session.session_id}"'
    )


# What comes back with the page


def test_a_page_that_is_loaded_again_looks_as_it_did(page: Page, tenant, alice):
    session = visit_and_write(page)
    apart(services.accept_session, session.session_id, actor(alice))
    for number in range(40):
        apart(say, session, f"number {number} of 40", agent=alice)
    expect(message(page, "number 39 of")).to_be_in_viewport()
    message(page, "number 12 of").scroll_into_view_if_needed()
    expect(message(page, "number 39 of")).not_to_be_in_viewport()
    top = message(page, "number 12 of").bounding_box()["y"]
    box(page).press_sequentially("half a sen")
    is_written_down(page, "draft", "half a sen")
    page.evaluate("document.activeElement.blur()")

    page.reload()

    expect(box(page)).to_have_value("half a sen")
    expect(page.get_by_text(RESTORED)).to_have_count(1)
    expect(message(page, "number 12 of")).to_be_in_viewport()
    assert abs(message(page, "number 12 of").bounding_box()["y"] - top) < 3
    assert page.evaluate("document.activeElement === document.body"), "the page keeps the focus"
    expect(page.get_by_role("button", name="Send")).to_be_enabled()

    page.get_by_role("button", name="Close chat").locator("visible=true").first.click()
    apart(say, session, "one more", agent=alice)
    expect(page.locator(".badge")).to_have_text("1")
    page.goto(f"{DEMO}?page=care")
    expect(page.locator(".badge")).to_have_text("1")
    expect(page.get_by_role("dialog")).to_be_hidden()
    open_chat(page)
    expect(box(page)).to_have_value("half a sen")


def test_the_place_among_older_messages_is_found_again(page: Page, tenant, alice):
    session = visit_and_write(page)
    apart(services.accept_session, session.session_id, actor(alice))

    def fill() -> None:
        for number in range(120):
            say(session, f"number {number} of many", agent=alice)

    apart(fill)
    message(page, "number 119 of many").wait_for()
    message(page, "number 20 of many").scroll_into_view_if_needed()
    top = message(page, "number 20 of many").bounding_box()["y"]
    page.reload()
    expect(message(page, "number 20 of many")).to_be_in_viewport()
    expect(page.get_by_text(RESTORED)).to_have_count(1)
    assert abs(message(page, "number 20 of many").bounding_box()["y"] - top) < 3


def test_a_new_tab_begins_with_the_window_closed(page: Page, context: BrowserContext, tenant):
    visit_and_write(page)
    other = context.new_page()
    other.goto(DEMO)
    expect(other.get_by_role("button", name="Open chat")).to_be_visible()
    expect(other.get_by_role("dialog")).to_be_hidden()


def test_a_window_that_was_open_closes_when_its_chat_is_over_and_begins_no_other(page: Page, tenant):
    session = visit_and_write(page)
    page.goto("about:blank")
    apart(services.end_session, session.session_id, services.VISITOR)
    page.goto(DEMO)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.wait_for_function("localStorage.length === 0")
    assert ChatSession.objects.count() == 1


def test_without_storage_the_window_begins_closed(page: Page, tenant):
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,"
        "{get() { throw new DOMException('denied', 'SecurityError'); }})"
    )
    visit_and_write(page)
    page.reload()
    expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    open_chat(page)
    connected(page)
    assert ChatSession.objects.count() == 2


# Several tabs


def test_what_is_half_written_is_the_same_in_every_tab_and_told_once(page: Page, context: BrowserContext, tenant):
    frames = []
    visit_and_write(page)
    other = context.new_page()
    other.on("websocket", lambda socket: socket.on("framesent", lambda text: frames.append(json.loads(text))))
    visit(other)
    page.bring_to_front()
    box(page).press_sequentially("half a")
    expect(box(other)).to_have_value("half a")
    expect(other.get_by_role("button", name="Send")).to_be_enabled()
    box(other).focus()
    other.keyboard.insert_text(" sentence")  # in one piece: it is told again after 3 s of typing
    expect(box(page)).to_have_value("half a sentence")
    typed = [{"type": "chat.typing", "payload": {"is_typing": True}}]
    wait_for(other, lambda: [frame for frame in frames if frame["payload"].get("is_typing")] == typed)

    box(page).press("Enter")
    for tab in (page, other):
        expect_sent(tab, "half a sentence")
        expect(box(tab)).to_have_value("")
    assert bodies(the_session()) == ["hello", "half a sentence"]


def test_what_a_closed_tab_could_not_send_another_one_sends(page: Page, context: BrowserContext, tenant):
    session = visit_and_write(page)
    other = visit(context.new_page())
    context.set_offline(True)
    for tab in (page, other):
        tab.evaluate("window.dispatchEvent(new Event('pagehide'))")  # the sockets are gone
    for text in ("first", "second"):
        write(page, text)
        expect(message(other, text)).to_contain_text("Sending")
    page.close()
    write(other, "third")
    context.set_offline(False)
    for text in ("first", "second", "third"):
        expect_sent(other, text)
    assert bodies(session) == ["hello", "first", "second", "third"]


def test_what_two_tabs_send_at_once_is_there_once(page: Page, context: BrowserContext, tenant):
    session = visit_and_write(page)
    other = visit(context.new_page())
    context.set_offline(True)
    for tab in (page, other):
        tab.evaluate("window.dispatchEvent(new Event('pagehide'))")
    texts = [f"text {number}" for number in range(5)]
    for text in texts:
        write(page, text)
        expect(message(other, text)).to_contain_text("Sending")
    context.set_offline(False)
    for tab in (page, other):
        for text in texts:
            expect_sent(tab, text)
        assert shown(tab) == ["hello", *texts]
    assert bodies(session) == ["hello", *texts]


def test_what_is_sent_in_the_moment_of_a_reload_is_sent_once(page: Page, tenant):
    session = visit_and_write(page)
    for number in range(5):
        box(page).fill(f"text {number}")
        with page.expect_navigation():
            page.evaluate(
                """() => {
                    const root = document.querySelector("#cc-chat-widget").shadowRoot;
                    root.querySelector(".send").click();
                    location.reload();
                }"""
            )
    for number in range(5):
        expect_sent(page, f"text {number}")
    assert bodies(session) == ["hello", *(f"text {number}" for number in range(5))] == shown(page)


def test_unread_and_the_end_are_in_step(page: Page, context: BrowserContext, tenant, alice):
    session = visit_and_write(page)
    apart(services.accept_session, session.session_id, actor(alice))
    page.get_by_role("button", name="Close chat").locator("visible=true").first.click()
    other = context.new_page()
    other.goto(DEMO)
    apart(say, session, "look", agent=alice)
    for tab in (page, other):
        expect(tab.locator(".badge")).to_have_text("1")
    open_chat(other)
    expect(page.locator(".badge")).to_be_hidden()

    end_chat(other)
    page.wait_for_function("localStorage.length === 0", timeout=SOON_MS)
    assert fresh(session).status == "ended"


def test_an_end_reaches_a_tab_whose_socket_is_down(page: Page, context: BrowserContext, tenant):
    visit_and_write(page)
    other = visit(context.new_page())
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")  # waits, and for no timer
    end_chat(other)
    expect(page.get_by_text("You ended this chat")).to_be_visible(timeout=SOON_MS)
    assert stored(page) is None


def test_of_six_tabs_the_oldest_stops_until_it_is_wanted(page: Page, context: BrowserContext, tenant):
    session = visit_and_write(page)
    tabs = [page]
    for _ in range(5):
        tab = context.new_page()
        tab.goto(DEMO)
        expect(tab.locator(".dot")).to_have_class("dot ready")
        tabs.append(tab)
    expect(page.get_by_text("This chat is open in many other tabs.")).to_be_visible()
    expect(page.get_by_role("button", name="End Chat")).to_be_hidden()
    assert stored(page)["session_id"] == str(session.session_id)
    page.bring_to_front()
    page.get_by_role("button", name="Continue here").click()
    connected(page)
    write(page, "here again")
    expect_sent(page, "here again")
    expect(tabs[1].locator(".dot")).to_have_class("dot closed")
    assert ChatSession.objects.count() == 1


# Pages that sleep, hide, and come back


@pytest.fixture
def keeping_page(launch_browser, browser_context_args):
    """A page of a browser that keeps pages for going back, which Playwright's does not."""
    browser = launch_browser(ignore_default_args=["--disable-back-forward-cache"])
    context = browser.new_context(**browser_context_args)
    yield context.new_page()
    context.close()
    browser.close()


def test_a_page_from_the_back_forward_cache_has_one_live_socket(keeping_page: Page, server, tenant, alice):
    page = keeping_page
    page.add_init_script(
        "window.returned = 0; addEventListener('pageshow', (event) => event.persisted && (window.returned += 1))"
    )
    session = visit_and_write(page)
    box(page).press_sequentially("half")
    for times in range(1, 4):
        page.goto(f"{server.url}/healthz")
        wait_for(page, lambda: open_sockets(server, session) == 0)
        apart(say, session, f"from the phone {times}")
        page.go_back(wait_until="commit")  # a kept page loads nothing
        page.wait_for_function(f"returned === {times}")  # the page was kept
        expect_sent(page, f"from the phone {times}")
        expect(box(page)).to_have_value("half")
        connected(page)
        assert open_sockets(server, session) == 1
    assert shown(page) == ["hello", *(f"from the phone {times}" for times in range(1, 4))]


def test_a_page_in_the_cache_hears_afterwards_what_another_page_did(keeping_page: Page, server, tenant):
    page = keeping_page
    session = visit_and_write(page)
    page.goto(f"{server.url}{DEMO}?page=care")
    connected(page)
    end_chat(page)
    expect(page.get_by_text("You ended this chat")).to_be_visible()
    page.go_back(wait_until="commit")
    expect(page.get_by_text("You ended this chat")).to_be_visible()
    assert stored(page) is None
    assert fresh(session).status == "ended"


def test_a_frozen_page_has_everything_when_it_thaws(page: Page, server, tenant, alice):
    session = visit_and_write(page)
    apart(services.accept_session, session.session_id, actor(alice))
    browser_side = page.context.new_cdp_session(page)
    browser_side.send("Page.setWebLifecycleState", {"state": "frozen"})
    apart(say, session, "while you slept", agent=alice)
    browser_side.send("Page.setWebLifecycleState", {"state": "active"})
    expect(message(page, "while you slept")).to_be_visible()
    write(page, "awake")
    expect_sent(page, "awake")
    assert open_sockets(server, session) == 1


def test_bs09_a_hidden_tab_whose_timers_sleep_is_not_gone_and_is_right_at_once(page: Page, start_server, tenant):
    server = start_server(WS_PING_SECONDS="1")
    visit(page, f"{server.url}{DEMO}")
    write(page, "hello")
    expect_sent(page, "hello")
    session = the_session()
    page.clock.install()  # from here on no timer of the page fires
    page.evaluate(HIDE, True)
    age(session, only=("last_seen_at",), minutes=4)
    before = fresh(session).last_seen_at
    wait_for(page, lambda: fresh(session).last_seen_at > before)
    apart(services.sweep)
    assert fresh(session).status == "queued"

    frames = []
    page.on("websocket", lambda socket: frames.append(socket.url))
    page.evaluate(HIDE, False)
    expect(page.locator(".dot")).to_have_class("dot ready")
    assert frames == [], "its socket was alive"


def test_leaving_the_page_closes_the_socket_without_an_unload_handler(page: Page, server, tenant):
    session = visit_and_write(page)
    assert open_sockets(server, session) == 1
    devtools = page.context.new_cdp_session(page)
    for target in ("window", "document"):
        found = devtools.send("Runtime.evaluate", {"expression": target})["result"]["objectId"]
        listeners = devtools.send("DOMDebugger.getEventListeners", {"objectId": found})["listeners"]
        assert not {"unload", "beforeunload"} & {listener["type"] for listener in listeners}
    page.goto("about:blank")
    wait_for(page, lambda: open_sockets(server, session) == 0)


# The server's word


def test_a_chat_given_up_while_its_socket_stood_is_there_again(page: Page, tenant, alice):
    session = visit_and_write(page)
    apart(services.accept_session, session.session_id, actor(alice))
    apart(say, session, "good day", agent=alice)
    expect(message(page, "good day")).to_be_visible()
    age(session, minutes=6)
    apart(services.sweep)
    wait_for(page, lambda: fresh(session).status == "active")
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    write(page, "still me")
    expect_sent(page, "still me")
    assert bodies(session) == ["hello", "good day", "still me"]
    assert ChatSession.objects.count() == 1


def test_a_chat_given_up_for_good_says_so(page: Page, tenant):
    session = visit_and_write(page)
    age(session, only=("last_activity_at",), minutes=31)
    apart(services.sweep)
    expect(page.get_by_role("button", name="Start a new chat")).to_be_visible()
    expect(page.get_by_text("closed")).to_have_text(["This chat was closed because nobody wrote for a while."])
    assert fresh(session).status == "abandoned"
    assert stored(page) is None


@pytest.mark.parametrize("days", [2, -2], ids=["ahead", "behind"])
def test_bs14_a_device_clock_that_is_set_during_the_chat_costs_nothing(page: Page, tenant, days):
    page.add_init_script("const { now } = Date; Date.now = () => now() + Number(window.name)")
    session = visit_and_write(page)
    page.evaluate(f"window.name = {days} * 24 * 60 * 60_000")
    page.evaluate("window.dispatchEvent(new Event('online'))")  # a heartbeat at once
    page.wait_for_function(f"Math.abs({STORED}.timestamp - Date.now()) < 60_000")
    page.reload()
    expect(page.get_by_text(RESTORED)).to_be_visible()
    write(page, "what time is it?")
    expect_sent(page, "what time is it?")
    assert bodies(session) == ["hello", "what time is it?"] == shown(page)
    expect(page.get_by_text("Today", exact=True)).to_have_count(1)
    assert ChatSession.objects.count() == 1


def outcome_expired(page: Page, session: ChatSession) -> None:
    page.evaluate(
        f"() => localStorage.setItem('cc_chat_session', JSON.stringify({{...{STORED}, timestamp: 1_000_000}}))"
    )


def outcome_ended(page: Page, session: ChatSession) -> None:
    page.goto("about:blank")
    apart(services.end_session, session.session_id, services.VISITOR)


def outcome_abandoned(page: Page, session: ChatSession) -> None:
    page.goto("about:blank")
    age(session, minutes=31)
    apart(services.sweep)


def outcome_not_found(page: Page, session: ChatSession) -> None:
    page.evaluate(
        f"() => localStorage.setItem('cc_chat_session', JSON.stringify({{...{STORED}, session_key: 'x'.repeat(43)}}))"
    )


def outcome_network(page: Page, session: ChatSession) -> None:
    page.goto("about:blank")
    age(session, minutes=31)
    tries = []

    def refuse_once(route) -> None:
        tries.append(route)
        route.fulfill(status=502, body="Bad gateway") if len(tries) == 1 else route.continue_()

    page.route("**/api/v1/chat/public/status/*", refuse_once)


def outcome_storage(page: Page, session: ChatSession) -> None:
    page.evaluate("localStorage.setItem('cc_chat_session', '{')")


@pytest.mark.parametrize(
    "spoil",
    [outcome_expired, outcome_ended, outcome_abandoned, outcome_not_found, outcome_network, outcome_storage],
    ids=lambda spoil: spoil.__name__.removeprefix("outcome_"),
)
def test_what_became_of_a_restore_reaches_the_server(page: Page, tenant, spoil):
    session = visit_and_write(page)
    outcome = spoil.__name__.removeprefix("outcome_")
    spoil(page, session)
    page.goto(DEMO)
    page.wait_for_function("localStorage.length === 0")
    page.goto(f"{DEMO}?page=care")
    open_chat(page)
    connected(page)
    new = ChatSession.objects.exclude(pk=session.pk).get()
    assert new.previous_outcome == outcome
    assert new.previous_session_id == (None if outcome == "storage" else session.session_id)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (outcome_expired, "Your earlier chat has ended because you were away for a while."),
        (outcome_abandoned, "Your earlier chat has ended because you were away for a while."),
        (outcome_ended, "Your earlier chat has ended."),
    ],
    ids=["expired", "abandoned", "ended"],
)
def test_who_comes_back_too_late_reads_once_what_became_of_the_chat(page: Page, tenant, spoil, line):
    session = visit_and_write(page)
    spoil(page, session)
    page.goto(DEMO)
    page.wait_for_function("localStorage.length === 0")
    visit(page, f"{DEMO}?page=care")
    expect(page.locator(".messages .system")).to_have_text([line])
    write(page, "hello again")
    expect_sent(page, "hello again")
    expect(page.locator(".messages > li").first).to_have_text(line)
    page.reload()
    expect(page.get_by_text(RESTORED)).to_be_visible()
    expect(page.get_by_text("Your earlier chat")).to_have_count(0)


def test_of_a_chat_in_which_nothing_was_said_nobody_is_told_the_end(page: Page, tenant):
    visit(page)
    outcome_expired(page, the_session())
    page.goto(DEMO)
    page.wait_for_function("localStorage.length === 0")
    visit(page)
    expect(page.locator(".messages > li")).to_have_count(1)  # the welcome
    assert ChatSession.objects.count() == 2


def test_a_text_typed_into_a_slow_restore_waits_for_it_and_goes_to_the_next_chat(page: Page, tenant):
    session = visit_and_write(page)
    page.goto("about:blank")
    apart(services.end_session, session.session_id, services.VISITOR)
    waiting = []
    page.route("**/api/v1/chat/public/status/*", lambda route: waiting.append(route))
    page.goto(DEMO)
    open_chat(page)
    write(page, "typed while undecided")
    expect(message(page, "typed while undecided")).to_contain_text("Sending")
    assert ChatSession.objects.count() == 1
    waiting[0].continue_()
    expect_sent(page, "typed while undecided")
    assert bodies(ChatSession.objects.exclude(pk=session.pk).get()) == ["typed while undecided"]
    assert bodies(session) == ["hello"]


def test_sm11_an_acknowledgement_after_the_end_changes_nothing(page: Page, tenant):
    held = []

    def hold_acks(socket) -> None:
        server = socket.connect_to_server()

        def forward(text: str) -> None:
            if json.loads(text)["type"] in ("chat.message.ack", "chat.session.ended"):
                held.append(lambda: socket.send(text))
            else:
                socket.send(text)

        server.on_message(forward)

    page.route_web_socket("**/ws/public/*", hold_acks)
    visit(page)
    write(page, "just before")
    wait_for(page, lambda: Message.objects.filter(body="just before").exists())
    end_chat(page)
    expect(page.get_by_role("button", name="Start a new chat")).to_be_visible()
    expect_sent(page, "just before")  # the history says so
    looks = message(page, "just before").inner_text()
    for send in held:
        with suppress(Exception):  # the socket may be gone by now
            send()
    expect(message(page, "just before")).to_have_text(looks, use_inner_text=True)
    assert stored(page) is None
    assert ChatSession.objects.count() == 1


class Proxy(ThreadingHTTPServer):
    """A company's proxy, which lets requests through and refuses every upgrade."""

    def __init__(self, server_url: str) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.server_url, self.upgrades, self.lets_upgrade = server_url, 0, False
        self.url = f"http://localhost:{self.server_port}"

    def __enter__(self) -> "Proxy":
        self.thread = Thread(target=self.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class ProxyHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "upgrade" in self.headers.get("Connection", "").lower():
            self.server.upgrades += 1
            self.send_error(403)
            return
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        answer = httpx.request(
            self.command,
            self.server.server_url + self.path,
            headers=headers,
            content=self.rfile.read(length),
            trust_env=False,
            timeout=60,
        )
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name not in ("content-encoding", "transfer-encoding", "content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_OPTIONS = do_GET

    def log_message(self, *args: object) -> None:
        pass


def test_tr09_where_sockets_are_refused_it_says_so_keeps_the_text_and_does_not_hammer(page: Page, server, tenant):
    page.clock.install()
    with Proxy(server.url) as proxy, Shop(server.url) as shop:
        shop.start(page, tenant, f"{{apiUrl: '{proxy.url}'}}")
        open_chat(page)
        write(page, "is anybody there?")
        expect(page.get_by_text("Reconnecting")).to_be_visible()
        expect(message(page, "is anybody there?")).to_contain_text("Sending")
        for _ in range(60):
            page.clock.run_for(10_000)
        # Ten minutes by the page's clock: at most twice a minute or so after the first.
        assert proxy.upgrades < 60
        while proxy.upgrades <= 3:  # it goes on trying; this machine may have been slower than the page's clock
            page.clock.run_for(10_000)
        expect(message(page, "is anybody there?")).to_contain_text("Sending")
        assert [entry["body"] for entry in stored(page)["outbox"]] == ["is anybody there?"]
        assert ChatSession.objects.count() == 1


# All of it at once


@pytest.mark.parametrize("seed", [1, 2])
def test_five_restless_tabs_lose_nothing_and_double_nothing(context: BrowserContext, tenant, alice, seed):
    chance = random.Random(seed)
    tabs = [visit(context.new_page())]
    tabs += [context.new_page() for _ in range(4)]
    for tab in tabs[1:]:
        tab.goto(DEMO)
        open_chat(tab)
    session = the_session()
    typed, said, is_offline = [], [], False

    def act_write(at: int) -> None:
        typed.append(f"vera {len(typed)}")
        write(tabs[at], typed[-1])

    def act_say(at: int) -> None:
        said.append(f"alice {len(said)}")
        apart(say, session, said[-1], agent=alice)

    def act_reload(at: int) -> None:
        tabs[at].reload()
        open_chat(tabs[at])

    def act_replace(at: int) -> None:
        tabs[at].close()
        tabs[at] = context.new_page()
        tabs[at].goto(DEMO)
        open_chat(tabs[at])

    def act_drop(at: int) -> None:
        tabs[at].evaluate(
            "dispatchEvent(new Event('pagehide')); setTimeout(() => dispatchEvent(new Event('pageshow')))"
        )

    write(tabs[0], "begin")
    expect_sent(tabs[0], "begin")
    apart(services.accept_session, session.session_id, actor(alice))
    for _ in range(40):
        act = chance.choice([act_write, act_write, act_write, act_say, act_reload, act_replace, act_drop])
        if is_offline and act in (act_reload, act_replace):
            act = act_write
        act(chance.randrange(len(tabs)))
        if chance.random() < 0.15:
            is_offline = not is_offline
            context.set_offline(is_offline)
    context.set_offline(False)

    wait_for(tabs[0], lambda: len(bodies(session)) == 1 + len(typed) + len(said))
    transcript = bodies(session)
    assert sorted(transcript) == sorted(["begin", *typed, *said]), f"seed {seed}"
    assert [text for text in transcript if text.startswith("alice")] == said
    for tab in tabs:
        tab.evaluate("dispatchEvent(new Event('online'))")
        expect(tab.locator("li.message.sending")).to_have_count(0)
        tab.wait_for_function(
            """count => document.querySelector("#cc-chat-widget").shadowRoot
                .querySelectorAll("li.message:not(.typing)").length === count""",
            arg=len(transcript),
        )
        assert shown(tab) == transcript, f"seed {seed}"
    assert ChatSession.objects.count() == 1
    assert tabs[0].evaluate(f"{STORED}.outbox.length") == 0
