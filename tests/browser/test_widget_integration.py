"""How a website gets the widget: tags, stubs, options, methods, events, versions."""

import re

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from sessions_app import services, widget
from sessions_app.models import ChatSession, Message
from tests.browser.apart import apart
from tests.browser.shop import Shop, box, end_chat, expect_sent, message, open_chat, write
from tests.browser.waiting import wait_for
from tests.factories import actor, bodies, say

STUB = """
  window.CallCenterChat = window.CallCenterChat || { q: [] };
  "init open close toggle show hide update identify send end on off shutdown".split(" ").forEach(function (name) {
    CallCenterChat[name] = CallCenterChat[name] || function () {
      CallCenterChat.q.push([name].concat([].slice.call(arguments)));
    };
  });
"""
EVENTS = re.findall(r'"([\w:]+)"', (widget.FOLDER / "src" / "events.js").read_text().partition("]")[0])


pytestmark = pytest.mark.usefixtures("host_errors")


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the widget writes to the console as errors."""
    texts = []

    def hear(entry: ConsoleMessage) -> None:
        if entry.type == "error" and entry.text.startswith("CallCenterChat"):
            texts.append(entry.text)

    page.on("console", hear)
    return texts


@pytest.fixture
def shop(server, tenant):
    with Shop(server.url) as shop:
        yield shop


def state(page: Page) -> dict:
    return page.evaluate("CallCenterChat.getState()")


def launcher(page: Page):
    return page.get_by_role("button", name="Open chat")


def test_one_tag_is_enough(page: Page, shop, tenant):
    shop.body = shop.tag(f'data-tenant-id="{tenant.slug}" data-title="From the tag" data-position="bottom-left"')
    page.goto(shop.url)
    open_chat(page)
    expect(page.get_by_role("heading", name="From the tag")).to_be_visible()
    assert page.locator(".window").bounding_box()["x"] == 20


def test_calls_made_before_the_script_is_loaded_are_done_then(page: Page, shop, tenant):
    shop.body = shop.tag("async")
    shop.scripts["/first.js"] = f"""{STUB}
      window.early = CallCenterChat;
      window.heard = [];
      CallCenterChat.on("ready", (detail) => heard.push(detail));
      CallCenterChat.init({{tenantId: "{tenant.slug}"}});
      CallCenterChat.open();
      CallCenterChat.send("from before");
    """
    shop.body = '<script src="/first.js"></script>' + shop.body
    page.goto(shop.url)
    expect_sent(page, "from before")
    assert page.evaluate("heard") == [{"version": widget.version()}]
    assert page.evaluate("early === CallCenterChat"), "who kept the stub has the widget"
    assert page.evaluate("CallCenterChat.version") == widget.version()


def test_a_page_may_import_the_script_as_a_module(page: Page, shop, server, tenant):
    shop.scripts["/module.js"] = f"""
      import "{server.url}/chat-widget.js";
      CallCenterChat.init({{tenantId: "{tenant.slug}", apiUrl: "{server.url}"}});
    """
    shop.body = '<script type="module" src="/module.js"></script>'
    page.goto(shop.url)
    open_chat(page)
    end_chat(page)
    expect(page.get_by_text("You ended this chat")).to_be_visible()


def test_a_second_script_of_another_version_changes_nothing_but_the_options(page: Page, shop, tenant):
    page.route("**/chat-widget/another.js", lambda route: route.fulfill(path=widget.SCRIPT))
    shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
    page.goto(shop.url)
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    first = page.evaluate_handle("CallCenterChat")
    page.evaluate(
        """(url) => new Promise((done) => {
            const script = document.createElement("script");
            Object.assign(script, {src: url, onload: done});
            Object.assign(script.dataset, {tenantId: "demo-tenant", title: "Second tag"});
            document.head.append(script);
        })""",
        shop.script.replace("chat-widget.js", "chat-widget/another.js"),
    )
    expect(page.get_by_role("heading", name="Second tag")).to_be_visible()
    assert page.evaluate("first => first === CallCenterChat", first)
    assert page.locator("#cc-chat-widget").count() == 1
    assert ChatSession.objects.count() == 1


def test_a_pinned_version_is_checked_by_its_hash_and_finds_its_parts(page: Page, shop, server, tenant):
    src = f"{server.url}/chat-widget/{widget.version()}.js"
    shop.body = (
        f'<script src="{src}" integrity="{widget.integrity()}" crossorigin="anonymous"'
        f' data-tenant-id="{tenant.slug}"></script>'
    )
    page.goto(shop.url)
    open_chat(page)
    end_chat(page)
    expect(page.get_by_text("You ended this chat")).to_be_visible()


def test_methods_do_what_they_say(page: Page, shop, tenant):
    shop.start(page, tenant)
    assert state(page)["isReady"]
    page.evaluate("CallCenterChat.toggle()")
    expect(box(page)).to_be_focused()
    page.evaluate("CallCenterChat.close()")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.evaluate("CallCenterChat.hide()")
    expect(launcher(page)).to_be_hidden()
    page.evaluate("CallCenterChat.show()")
    expect(launcher(page)).to_be_visible()
    page.evaluate("CallCenterChat.hide(); CallCenterChat.open()")
    expect(box(page)).to_be_visible()
    page.evaluate("CallCenterChat.hide()")
    assert (state(page)["isOpen"], state(page)["isVisible"]) == (False, False), "nobody reads what is hidden"
    page.evaluate("CallCenterChat.open()")
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    now = state(page)
    session = ChatSession.objects.get()
    assert (now["isOpen"], now["isVisible"], now["phase"], now["isOnline"]) == (True, True, "live", True)
    assert (now["sessionId"], now["conversationId"]) == (str(session.session_id), session.conversation_id)
    page.evaluate("CallCenterChat.update({title: 'Updated'})")
    expect(page.get_by_role("heading", name="Updated")).to_be_visible()
    page.evaluate("CallCenterChat.shutdown()")
    assert page.locator("#cc-chat-widget").count() == 0
    assert state(page) == {"isReady": False}


def test_the_page_sends_and_ends_without_the_window(page: Page, shop, tenant):
    shop.start(page, tenant)
    assert page.evaluate("CallCenterChat.send('')") is False
    assert page.evaluate("CallCenterChat.send('x'.repeat(4001))") is False
    assert ChatSession.objects.count() == 0
    assert page.evaluate("CallCenterChat.send('Is it in stock?')") is True
    page.wait_for_function("CallCenterChat.getState().queuePosition === 1")
    assert bodies(ChatSession.objects.get()) == ["Is it in stock?"]
    assert page.evaluate("CallCenterChat.end()") is True
    assert ChatSession.objects.get().status == "ended"
    assert page.evaluate("CallCenterChat.end()") is True, "there is nothing to end"


def test_an_end_that_fails_is_told(page: Page, shop, tenant):
    shop.start(page, tenant)
    page.evaluate("CallCenterChat.on('error', ({code}) => (window.failed = code)); CallCenterChat.open()")
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    page.route("**/public/end", lambda route: route.abort())
    assert page.evaluate("CallCenterChat.end()") is False
    assert page.evaluate("failed") == "network"
    assert ChatSession.objects.get().status == "queued"


def test_events_come_to_handlers_and_as_dom_events(page: Page, shop, tenant, alice):
    shop.start(page, tenant)
    page.evaluate(
        """(names) => {
            window.heard = [];
            window.dom = [];
            for (const name of names) {
                CallCenterChat.on(name, (detail) => heard.push([name, detail]));
                addEventListener(`callcenterchat:${name}`, ({detail}) => dom.push([name, detail]));
            }
        }""",
        EVENTS,
    )
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    write(page, "good day")
    expect_sent(page, "good day")
    session = ChatSession.objects.get()
    page.get_by_role("button", name="Close chat").click()
    apart(services.accept_session, session.session_id, actor(alice))
    apart(say, session, "hello vera", agent=alice)
    expect(page.locator(".badge")).to_have_text("1")
    page.evaluate("window.dispatchEvent(new Event('pagehide')); window.dispatchEvent(new Event('pageshow'))")
    page.wait_for_function("heard.filter(([name]) => name === 'connection:online').length === 2")
    apart(services.end_session, session.session_id, actor(alice))
    page.wait_for_function("heard.some(([name]) => name === 'session:ended')")

    heard = page.evaluate("heard")
    names = [name for name, _ in heard]
    assert set(EVENTS) - set(names) == {"session:restored", "session:expired", "error"}
    ids = {"sessionId": str(session.session_id), "conversationId": session.conversation_id}
    details = dict(heard)
    assert details["session:start"] == ids
    assert details["session:ended"] == ids | {"status": "ended", "reason": "agent", "endedBy": "agent"}
    assert [detail["count"] for name, detail in heard if name == "unread"][0] == 1
    said = [(detail["senderType"], detail["body"]) for name, detail in heard if name == "message"]
    assert said[0] == ("visitor", "good day")
    assert ("agent", "hello vera") in said
    assert page.evaluate("dom") == [entry for entry in heard if entry[0] != "ready"]


def test_a_handler_that_throws_breaks_neither_widget_nor_page(page: Page, shop, tenant):
    shop.start(page, tenant)
    page.evaluate("CallCenterChat.on('open', () => { throw new Error('the shop is to blame') })")
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()


def test_mistakes_are_named_in_the_console(page: Page, shop, tenant, complaints):
    shop.start(page, tenant, "{position: 'top', colour: 'red', zIndex: '5', container: '#nowhere'}")
    expect(launcher(page)).to_be_visible()
    page.evaluate("CallCenterChat.on('opened', () => {}); CallCenterChat.identify({age: 5}); CallCenterChat.send()")
    page.evaluate("CallCenterChat.shutdown(); CallCenterChat.open(); CallCenterChat.init({})")
    wait_for(page, lambda: len(complaints) >= 8)
    assert complaints == [
        'CallCenterChat: "position" cannot be "top"',
        'CallCenterChat: "colour" is unknown',
        'CallCenterChat: "zIndex" cannot be "5"',
        'CallCenterChat: "container" is not on this page: #nowhere',
        'CallCenterChat: on: there is no event "opened"',
        'CallCenterChat: "age" is unknown',
        "CallCenterChat: open: call init first",
        'CallCenterChat: init: "tenantId" is required',
    ]


def test_options_of_place_and_look(page: Page, shop, tenant):
    shop.body = '<div id="here"></div>' + shop.tag()
    options = """{container: '#here', zIndex: 7, theme: 'dark', launcher: false,
                  strings: {send: 'Off it goes', connected: 'Here we are'}}"""
    shop.start(page, tenant, options)
    assert page.locator("#here > #cc-chat-widget").evaluate("node => getComputedStyle(node).zIndex") == "7"
    expect(launcher(page)).to_be_hidden()
    page.evaluate("CallCenterChat.open()")
    expect(page.get_by_role("button", name="Off it goes")).to_be_visible()
    expect(page.get_by_text("Here we are", exact=True)).to_be_visible()
    surface = page.locator(".window")
    assert surface.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(23, 26, 31)"
    page.evaluate("CallCenterChat.update({theme: 'light', launcher: true})")
    assert surface.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("CallCenterChat.close()")
    expect(launcher(page)).to_be_visible()


def test_who_the_visitor_is_reaches_the_agents_before_and_during_the_chat(page: Page, shop, tenant):
    shop.start(page, tenant)
    page.evaluate("CallCenterChat.identify({name: 'Vera'})")
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    page.evaluate("CallCenterChat.identify({email: 'vera@shop.example'})")
    write(page, "that was my address")
    expect_sent(page, "that was my address")
    session = ChatSession.objects.get()
    assert (session.customer_name, session.customer_email) == ("Vera", "vera@shop.example")
    assert Message.objects.filter(sender_type="visitor").first().sender_name == "Vera"


def test_a_part_that_does_not_load_is_told_and_can_be_had_again(page: Page, shop, tenant):
    shop.start(page, tenant)
    open_chat(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    page.evaluate("CallCenterChat.on('error', ({code}) => (window.failed = code))")
    page.route("**/chat-widget/end_dialog-*", lambda route: route.abort())
    page.get_by_role("button", name="End Chat").click()
    expect(page.get_by_role("alert")).to_have_text("This could not be loaded. Please try again.")
    assert page.evaluate("failed") == "part_not_loaded"
    page.unroute("**/chat-widget/end_dialog-*")
    end_chat(page)
    expect(page.get_by_text("You ended this chat")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_without_the_part_for_pleasant_talking_one_talks_all_the_same(page: Page, shop, tenant):
    page.route("**/chat-widget/talking-*", lambda route: route.fulfill(status=404))
    shop.start(page, tenant)
    open_chat(page)
    write(page, "see https://shop.example/fern")
    expect_sent(page, "see")
    expect(page.get_by_role("link")).to_have_count(0)
    page.unroute("**/chat-widget/talking-*")
    page.get_by_role("button", name="Close chat").click()
    open_chat(page)
    expect(message(page, "see").get_by_role("link", name="https://shop.example/fern")).to_be_visible()
