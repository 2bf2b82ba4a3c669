"""The visitor's widget in a real browser against the real server."""

import json
import re
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sessions_app import services
from sessions_app.models import ChatSession, Message
from sessions_app.services import Post
from tests.browser.apart import apart
from tests.browser.shop import box, end_chat, expect_sent, message, open_chat, write
from tests.browser.waiting import wait_for
from tests.factories import actor, age, bodies, fresh, make_session, make_tenant, say

DEMO = "/widget-demo.html"
RESTORED = "Your chat has been restored"
STORED = "JSON.parse(localStorage.getItem('cc_chat_session'))"


pytestmark = pytest.mark.usefixtures("host_errors")


@pytest.fixture
def tenant(server):
    return make_tenant(welcome_message="Welcome to the shop.")


def visit(page: Page, path: str = DEMO) -> Page:
    """A visitor with a chat that has begun."""
    page.goto(path)
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    return page


def shown(page: Page) -> list[str]:
    """The messages of both sides as they stand in the window, without the greeting."""
    return page.locator("li.message:has(.meta) .bubble").all_inner_texts()


def stop_the_clock(page: Page) -> None:
    """From here on time passes for the page only where the test says so."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 20)


def stored(page: Page) -> dict | None:
    return page.evaluate(STORED)


def change_stored(page: Page, **fields) -> None:
    page.evaluate(
        f"fields => localStorage.setItem('cc_chat_session', JSON.stringify({{...{STORED}, ...fields}}))", fields
    )


def the_session() -> ChatSession:
    return ChatSession.objects.get()


def test_a_chat_is_restored_after_a_reload(page: Page, tenant):
    log = []
    visit(page)
    write(page, "Is the fern safe for cats?")
    expect_sent(page, "Is the fern safe for cats?")
    page.on("console", lambda entry: log.append(entry.text))

    page.reload()
    open_chat(page)

    expect(page.get_by_text(RESTORED)).to_be_visible()
    assert shown(page) == ["Is the fern safe for cats?"]
    session_id = str(the_session().session_id)
    wait_for(page, lambda: len(log) >= 4)
    assert log[0] == f"🔄 Attempting to restore session: {session_id}"
    assert re.fullmatch(r"✅ Found saved session, age: \d+ seconds", log[1])
    assert log[2:4] == ["🔌 WebSocket connected", "✅ Session restored successfully"]


def test_a_chat_stored_31_minutes_ago_is_not_restored(page: Page, tenant):
    visit(page)
    write(page, "too long ago")
    expect_sent(page, "too long ago")
    old = the_session()
    change_stored(page, timestamp=page.evaluate("Date.now()") - 31 * 60_000)

    page.reload()
    expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    assert stored(page) is None
    open_chat(page)

    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert shown(page) == []
    expect(page.get_by_text(RESTORED)).to_have_count(0)
    new = ChatSession.objects.exclude(pk=old.pk).get()
    assert (new.previous_session_id, new.previous_outcome) == (old.session_id, "expired")
    assert stored(page)["session_id"] == str(new.session_id)


def test_ending_needs_a_yes_then_ends_clears_and_closes(page: Page, tenant):
    visit(page)
    page.get_by_role("button", name="End Chat").click()
    expect(page.get_by_role("button", name="Keep chatting")).to_be_focused()
    page.get_by_role("button", name="Keep chatting").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    assert the_session().status == "queued"

    stop_the_clock(page)
    end_chat(page, closes=True)

    expect(page.get_by_text("You ended this chat")).to_be_visible()
    session = the_session()
    assert (session.status, session.ended_by) == ("ended", "visitor")
    assert stored(page) is None
    page.clock.run_for(1_900)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.clock.run_for(200)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Open chat")).to_be_focused()


def test_who_begins_anew_at_once_keeps_the_window(page: Page, tenant):
    visit(page)
    stop_the_clock(page)
    end_chat(page, closes=True)
    page.get_by_role("button", name="Start a new chat").click()
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    expect(box(page)).to_be_focused()
    page.clock.run_for(2_500)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert ChatSession.objects.count() == 2


def test_two_tabs_show_the_same_and_stay_in_step(page: Page, context: BrowserContext, tenant, alice):
    first = visit(page)
    write(first, "one")
    expect_sent(first, "one")
    second = context.new_page()
    second.goto(DEMO)
    open_chat(second)
    expect(second.get_by_text(RESTORED)).to_be_visible()

    write(second, "two")
    expect_sent(first, "two")
    write(first, "three")
    expect_sent(second, "three")
    apart(services.accept_session, the_session().session_id, actor(alice))
    apart(say, the_session(), "four", agent=alice)
    for tab in (first, second):
        expect(message(tab, "four")).to_be_visible()
        assert shown(tab) == ["one", "two", "three", "four"]

    end_chat(first)
    for tab in (first, second):
        expect(tab.get_by_text("You ended this chat")).to_be_visible()
        assert stored(tab) is None
    assert ChatSession.objects.count() == 1


def test_a_chat_that_the_agent_has_ended_is_new_after_a_reload(page: Page, tenant, alice):
    visit(page)
    write(page, "hello")
    expect_sent(page, "hello")
    old = the_session()
    apart(services.accept_session, old.session_id, actor(alice))
    apart(services.end_session, old.session_id, actor(alice))
    expect(page.get_by_text("The agent has ended this chat.")).to_be_visible()
    assert stored(page) is None

    page.reload()
    open_chat(page)

    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert shown(page) == []
    assert ChatSession.objects.count() == 2


def test_a_chat_that_ended_while_the_page_was_away_is_new(page: Page, tenant, alice):
    visit(page)
    old = the_session()
    page.goto("about:blank")
    apart(services.end_session, old.session_id, actor(alice))
    page.goto(DEMO)
    page.wait_for_function("localStorage.length === 0")
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    new = ChatSession.objects.exclude(pk=old.pk).get()
    assert (new.previous_session_id, new.previous_outcome) == (old.session_id, "ended")


def test_a_visitor_who_was_swept_away_has_everything_back_after_ten_minutes(page: Page, tenant, alice):
    visit(page)
    write(page, "I will be back")
    expect_sent(page, "I will be back")
    session = the_session()
    apart(services.accept_session, session.session_id, actor(alice))
    page.goto("about:blank")
    age(session, minutes=10)
    apart(services.sweep)
    assert (fresh(session).status, fresh(session).closed_reason) == ("abandoned", "disconnected")

    page.goto(DEMO)
    open_chat(page)

    expect(page.get_by_text(RESTORED)).to_be_visible()
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    assert shown(page) == ["I will be back"]
    assert (fresh(session).status, fresh(session).assigned_to) == ("active", alice.user)


def test_a_server_that_is_away_at_page_load_costs_nobody_the_chat(page: Page, tenant):
    visit(page)
    write(page, "before")
    expect_sent(page, "before")
    page.route("**/api/v1/chat/public/status/*", lambda route: route.fulfill(status=502, body="Bad gateway"))
    page.reload()
    open_chat(page)
    assert shown(page) == ["before"], "what is cached is shown meanwhile"
    write(page, "typed while undecided")
    expect(message(page, "typed while undecided")).to_contain_text("Sending")
    assert stored(page)["session_id"] == str(the_session().session_id)

    page.unroute("**/api/v1/chat/public/status/*")

    expect_sent(page, "typed while undecided")
    assert bodies(the_session()) == ["before", "typed while undecided"]


@pytest.mark.parametrize("timestamp", [4_102_444_800_000, -5, "yesterday", None], ids=str)
def test_bs01_a_time_that_cannot_be_right_is_left_to_the_server(page: Page, tenant, timestamp):
    visit(page)
    change_stored(page, timestamp=timestamp)
    page.reload()
    open_chat(page)
    expect(page.get_by_text(RESTORED)).to_be_visible()
    assert ChatSession.objects.count() == 1


TAMPERED = {
    "broken JSON": lambda item, other: '{"session_id": "',
    "a truncated key": lambda item, other: json.dumps(item | {"session_key": item["session_key"][:30]}),
    "another session's id": lambda item, other: json.dumps(item | {"session_id": str(other)}),
    "an id that is none": lambda item, other: json.dumps(item | {"session_id": "../../../../admin/?"}),
    "an older form": lambda item, other: json.dumps({"sessionId": item["session_id"], "version": 0}),
    "a number": lambda item, other: "5",
    "4 MB": lambda item, other: json.dumps(item | {"messages": "x" * 4_000_000}),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_bs02_tampered_storage_is_cleared(page: Page, tenant, what):
    visit(page)
    write(page, "mine")
    expect_sent(page, "mine")
    other = apart(make_session, tenant, says="somebody else's").session.session_id
    page.evaluate("text => localStorage.setItem('cc_chat_session', text)", TAMPERED[what](stored(page), other))

    page.reload()
    page.wait_for_function("localStorage.length === 0")
    open_chat(page)

    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert shown(page) == []
    assert ChatSession.objects.count() == 3


@pytest.mark.parametrize(
    "storage",
    [
        "get() { throw new DOMException('denied', 'SecurityError'); }",
        "value: null",
        "value: {getItem: () => null, setItem() { throw new DOMException('', 'QuotaExceededError'); }}",
    ],
    ids=["access throws", "none", "full"],
)
def test_bs03_without_storage_one_page_has_its_chat(page: Page, tenant, alice, storage):
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {{{storage}}})")
    visit(page)
    write(page, "hello")
    expect_sent(page, "hello")
    apart(services.accept_session, the_session().session_id, actor(alice))
    apart(say, the_session(), "hello vera", agent=alice)
    expect(message(page, "hello vera")).to_be_visible()

    page.reload()
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert shown(page) == []
    assert ChatSession.objects.count() == 2


def test_the_agents_message_appears_by_itself_and_is_counted_on_the_bubble(page: Page, tenant, alice):
    visit(page)
    write(page, "hello")
    expect_sent(page, "hello")
    apart(services.accept_session, the_session().session_id, actor(alice))
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    expect(page.get_by_text("Alice joined the chat")).to_be_visible()
    apart(say, the_session(), "seen at once", agent=alice)
    expect(message(page, "seen at once")).to_contain_text("Alice")

    page.get_by_role("button", name="Close chat").click()
    for text in ("one more", "and another"):
        apart(say, the_session(), text, agent=alice)
    expect(page.locator(".badge")).to_have_text("2")
    page.reload()
    expect(page.locator(".badge")).to_have_text("2")
    open_chat(page)
    expect(message(page, "and another")).to_be_in_viewport()
    page.get_by_role("button", name="Close chat").click()
    expect(page.locator(".badge")).to_be_hidden()


def test_what_is_typed_offline_is_sent_once_when_the_network_is_back(page: Page, context: BrowserContext, tenant):
    visit(page)
    context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")  # what sleep does: the socket is gone
    expect(page.get_by_text("Messages are kept")).to_be_visible()
    for text in ("first", "second", "third"):
        write(page, text)
        expect(message(page, text)).to_contain_text("Sending")
    assert [entry["body"] for entry in stored(page)["outbox"]] == ["first", "second", "third"]

    context.set_offline(False)

    for text in ("first", "second", "third"):
        expect_sent(page, text)
    assert bodies(the_session()) == ["first", "second", "third"]
    assert stored(page)["outbox"] == []


def test_what_was_not_acknowledged_before_a_reload_is_sent_once(page: Page, context: BrowserContext, tenant):
    visit(page)
    write(page, "delivered, but the answer is lost")
    expect_sent(page, "delivered, but the answer is lost")
    sent = Message.objects.get(message_type="text")
    entry = {"client_message_id": str(sent.client_message_id), "body": sent.body, "state": "sending"}
    unsent = {"client_message_id": str(uuid4()), "body": "never left", "state": "sending"}
    change_stored(page, outbox=[entry, unsent], messages=[])

    page.reload()
    open_chat(page)

    expect_sent(page, "never left")
    assert shown(page) == ["delivered, but the answer is lost", "never left"]
    assert bodies(the_session()) == shown(page)
    page.wait_for_function(f"{STORED}.outbox.length === 0")


def test_a_lost_socket_is_told_and_repaired(page: Page, tenant, alice):
    sockets = []
    page.route_web_socket("**/ws/public/*", lambda socket: sockets.append((socket, socket.connect_to_server())))
    visit(page)
    write(page, "hello")
    expect_sent(page, "hello")
    apart(services.accept_session, the_session().session_id, actor(alice))

    browser_side, server_side = sockets[-1]
    browser_side.close(code=1012)
    server_side.close()
    apart(say, the_session(), "while you were away", agent=alice)

    expect(message(page, "while you were away")).to_be_visible()
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    assert len(sockets) == 2


def test_a_refused_text_says_so_and_is_sent_again_on_request(page: Page, tenant):
    refused = []

    def refuse_once(socket):
        server = socket.connect_to_server()

        def forward(text):
            frame = json.loads(text)
            if frame["type"] != "chat.message.send" or refused:
                return server.send(text)
            refused.append(frame)
            error = {"code": "invalid", "message": "Not like this."}
            error["client_message_id"] = frame["payload"]["client_message_id"]
            return socket.send(json.dumps({"type": "error", "payload": error}))

        socket.on_message(forward)

    page.route_web_socket("**/ws/public/*", refuse_once)
    visit(page)
    write(page, "please")
    expect(message(page, "please")).to_contain_text("Not sent")
    expect(message(page, "please")).to_contain_text("Not like this.")
    page.get_by_role("button", name="Retry").click()
    expect_sent(page, "please")
    assert bodies(the_session()) == ["please"]


def test_texts_that_come_too_fast_wait_their_turn(page: Page, start_server, tenant):
    server = start_server(CHAT_MESSAGE_RATES="2/1s")
    visit(page, f"{server.url}{DEMO}")
    texts = ["one", "two", "three", "four", "five"]
    for text in texts:
        write(page, text)
    for text in texts:
        expect_sent(page, text)
    assert bodies(the_session()) == shown(page) == texts


def test_a_long_chat_is_restored_from_its_beginning(page: Page, tenant, alice):
    visit(page)
    write(page, "number 1")
    expect_sent(page, "number 1")
    apart(services.accept_session, the_session().session_id, actor(alice))

    id, agent = the_session().session_id, actor(alice)
    apart(services.post_messages, [Post(id, uuid4(), f"number {number}", agent) for number in range(2, 241)])
    expect(page.get_by_text("number 240", exact=True)).to_be_visible()
    assert len(stored(page)["messages"]) == 50
    page.reload()
    open_chat(page)
    expect(page.get_by_text("number 240", exact=True)).to_be_in_viewport()
    expect(page.get_by_text("number 1", exact=True)).to_have_count(1)
    assert shown(page) == [f"number {number}" for number in range(1, 241)]


def test_enter_sends_shift_enter_breaks_the_line_and_an_input_method_keeps_its_enter(page: Page, tenant):
    visit(page)
    box(page).press_sequentially("one")
    box(page).press("Shift+Enter")
    box(page).press_sequentially("two")
    box(page).evaluate(
        "node => node.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    expect(box(page)).to_have_value("one\ntwo")
    box(page).press("Enter")
    expect(box(page)).to_have_value("")
    expect_sent(page, "one")
    assert bodies(the_session()) == ["one\ntwo"]


def test_pr08_pr09_what_the_server_would_refuse_is_not_sent(page: Page, tenant):
    visit(page)
    send = page.get_by_role("button", name="Send")
    box(page).fill(" \n\u200b ")
    expect(send).to_be_disabled()
    box(page).fill("\N{SEEDLING}" * 4_001)
    expect(page.get_by_text("1 character too many")).to_be_visible()
    expect(send).to_be_disabled()
    box(page).press("Enter")
    box(page).fill("\N{SEEDLING}" * 4_000)
    expect(page.get_by_text("0 characters left")).to_be_visible()
    send.click()
    expect_sent(page, "\N{SEEDLING}")
    assert bodies(the_session()) == ["\N{SEEDLING}" * 4_000]


def test_pr13_pr19_hostile_text_is_inert_and_contained(page: Page, tenant, alice):
    hostile = [
        '<img src=x onerror="alert(1)"><script>alert(1)</script>',
        "{{7*7}} [x](java\tscript:alert(1)) data:text/html,<b>x</b>",
        "W" * 500,
        "\u202etxt.exe \u0645\u0631\u062d\u0628\u0627 abc",
        "Z" + "\u0335" * 300,
        'https://shop.example/"onmouseover="alert(1)',
    ]
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    visit(page)
    write(page, hostile[0])
    expect_sent(page, "onerror")
    apart(services.accept_session, the_session().session_id, actor(alice))
    for text in hostile:
        apart(say, the_session(), text, agent=alice)
    expect(message(page, "onmouseover")).to_be_visible()

    assert page.locator(".messages").locator("img, script, b").count() == 0
    assert shown(page)[1:] == hostile
    assert page.locator(".messages a").evaluate_all("all => all.map(each => each.href)") == ["https://shop.example/"]
    assert page.locator(".messages").evaluate("node => node.scrollWidth <= node.clientWidth")
    edges = page.locator(".bubble").evaluate_all("all => all.map(each => each.getBoundingClientRect().right)")
    window = page.locator(".window").bounding_box()
    assert max(edges) <= window["x"] + window["width"]


def test_two_tabs_that_open_at_the_same_moment_have_one_session(page: Page, context: BrowserContext, tenant):
    tabs = [page, context.new_page()]
    for tab in tabs:
        tab.goto(DEMO)
    for tab in tabs:
        tab.get_by_role("button", name="Open chat").evaluate("button => button.click()")
    for tab in tabs:
        expect(tab.get_by_text("Connected", exact=True)).to_be_visible()
    assert ChatSession.objects.count() == 1
    write(tabs[0], "hello")
    expect_sent(tabs[1], "hello")


def test_bs04_the_end_reaches_a_tab_that_shares_no_storage(page: Page, browser: Browser, server, tenant):
    visit(page)
    partition = browser.new_context(storage_state=page.context.storage_state(), base_url=server.url)
    other = partition.new_page()
    other.goto(DEMO)
    open_chat(other)
    expect(other.get_by_text(RESTORED)).to_be_visible()
    end_chat(page)
    expect(other.get_by_text("You ended this chat")).to_be_visible()
    assert stored(other) is None
    partition.close()


def test_a_page_that_comes_back_from_the_history_has_one_live_socket(page: Page, tenant, alice):
    visit(page)
    write(page, "hello")
    expect_sent(page, "hello")
    page.goto(f"{DEMO}?page=care")
    page.go_back()
    if page.get_by_role("button", name="Open chat").is_visible():
        open_chat(page)
    apart(services.accept_session, the_session().session_id, actor(alice))
    apart(say, the_session(), "welcome back", agent=alice)
    expect(message(page, "welcome back")).to_be_visible()
    assert shown(page) == ["hello", "welcome back"]


def test_bs13_included_twice_it_is_one_widget(page: Page, shop, server, tenant):
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    shop.body += shop.tag()
    shop.start(page, tenant)
    visit_again = f"CallCenterChat.init({{tenantId: '{tenant.slug}', title: 'Second title'}})"
    page.evaluate(visit_again)
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    page.add_script_tag(url=f"{server.url}/chat-widget.js")
    page.evaluate("document.body.replaceWith(document.createElement('body'))")
    page.evaluate(visit_again)
    write(page, "still here")
    expect_sent(page, "still here")
    assert page.locator("#cc-chat-widget").count() == 1
    expect(page.get_by_role("heading", name="Second title")).to_be_visible()
    assert len(sockets) == 1
    assert ChatSession.objects.count() == 1


def test_an_init_for_another_tenant_takes_the_place_of_the_widget(page: Page, shop, tenant):
    other = make_tenant("other-tenant", title="The other one")
    shop.start(page, tenant)
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    first = stored(page)
    page.evaluate(f"CallCenterChat.init({{tenantId: '{other.slug}'}})")
    open_chat(page)
    expect(page.get_by_role("heading", name="The other one")).to_be_visible()
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert page.locator("#cc-chat-widget").count() == 1
    assert stored(page) == first, "each tenant has an item of its own"
    assert ChatSession.objects.filter(tenant=other).count() == 1


def test_a_mistaken_snippet_does_not_stop_the_host_page(page: Page, shop, tenant):
    shop.start(page, tenant, "{tenantId: 5}")
    for options in ("undefined", "null", "{tenantId: ''}", "{tenantId: 'x', apiUrl: 'javascript:alert(1)'}"):
        page.evaluate(f"CallCenterChat.init({options})")
    assert page.evaluate("CallCenterChat.open() === undefined && CallCenterChat.shutdown() === undefined")
    assert page.locator("#cc-chat-widget").count() == 0


def test_a_tenant_that_does_not_exist_is_told_calmly(page: Page, tenant, shop):
    shop.start(page, tenant, "{tenantId: 'nobody'}")
    page.get_by_role("button", name="Open chat").click()
    expect(page.get_by_text("Chat is not available right now.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_the_pages_styles_and_shortcuts_do_not_reach_the_widget(page: Page, shop, tenant):
    shop.start(page, tenant)
    page.evaluate(
        """() => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync("* {all: unset !important; display: none; font-size: 60px; color: red}");
            document.adoptedStyleSheets = [sheet];
            window.pressed = [];
            document.addEventListener("keydown", (event) => pressed.push(event.key));
        }"""
    )
    open_chat(page)
    box(page).press_sequentially("/search")
    assert page.evaluate("pressed") == []
    style = box(page).evaluate("node => [getComputedStyle(node).fontSize, getComputedStyle(node).color]")
    assert style[0] == "16px"
    assert style[1] != "rgb(255, 0, 0)"
    assert page.locator("#cc-chat-widget").evaluate("node => getComputedStyle(node).position") == "fixed"


def test_the_keyboard_alone_does_everything(page: Page, tenant):
    page.goto(DEMO)
    page.get_by_role("button", name="Open chat").focus()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    page.keyboard.type("hello")
    for button in ("Attach files", "Emoji", "Send"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=button)).to_be_focused()
    page.keyboard.press("Enter")
    expect_sent(page, "hello")

    page.get_by_role("button", name="End Chat").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep chatting")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("alertdialog").get_by_role("button", name="End Chat")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(page.get_by_role("button", name="End Chat")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Open chat")).to_be_focused()
    assert the_session().status == "queued"


@pytest.mark.parametrize(("width", "is_full"), [(479, True), (480, False)])
def test_on_a_phone_it_fills_the_screen(page: Page, tenant, width, is_full):
    page.set_viewport_size({"width": width, "height": 700})
    visit(page)
    page.locator(".window").evaluate("node => Promise.all(node.getAnimations().map(({finished}) => finished))")
    area = page.locator(".window").bounding_box()
    assert (area == {"x": 0, "y": 0, "width": width, "height": 700}) is is_full
    expect(page.get_by_role("button", name="Close chat")).to_have_count(1)
    page.get_by_role("button", name="Close chat").click()
    expect(page.get_by_role("button", name="Open chat")).to_be_focused()


def test_the_tenants_look_is_used_and_the_snippets_wins(page: Page, shop, tenant):
    tenant.title, tenant.primary_color, tenant.position = "Fern & Co.", "#ffd60a", "bottom-left"
    tenant.save()
    shop.start(page, tenant, "{subtitle: 'From the snippet'}")
    open_chat(page)
    expect(page.get_by_role("heading", name="Fern & Co.")).to_be_visible()
    expect(page.get_by_text("From the snippet")).to_be_visible()
    header = page.locator(".header")
    assert header.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(255, 214, 10)"
    assert header.evaluate("node => getComputedStyle(node).color") == "rgb(0, 0, 0)", "legible on yellow"
    assert page.locator(".window").bounding_box()["x"] == 20


def test_the_session_id_is_a_uuid_that_the_url_shows_and_the_key_is_nowhere_but_in_storage(page: Page, tenant):
    urls = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("websocket", lambda socket: urls.append(socket.url))
    visit(page)
    item = stored(page)
    assert UUID(item["session_id"]) == the_session().session_id
    assert item["conversation_id"] == the_session().conversation_id
    page.reload()
    open_chat(page)
    expect(page.get_by_text(RESTORED)).to_be_visible()
    assert any(item["session_id"] in url for url in urls)
    assert not any(item["session_key"] in url for url in urls)
