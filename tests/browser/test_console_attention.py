"""What calls an agent: title, icon, sound, notifications; being there or not; the keyboard. Real page, real server."""

import json
import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import BrowserContext, Locator, Page, expect

from agents_app.models import Agent
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.browser.desk import (
    Cuttable,
    Visitor,
    accept,
    answer,
    is_live,
    log_in,
    message_box,
    mine,
    queue,
    transcript,
)
from tests.browser.test_axe import found
from tests.browser.waiting import wait_for
from tests.factories import age

# The page calls the real things; what it calls them with is written down.
LISTEN = """
    window.told = { tones: 0, notifications: [], shown: [] };
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...args) {
        told.tones += 1;
        return start.apply(this, args);
    };
    window.Notification = new Proxy(Notification, {
        construct(target, [title, options]) {
            const notification = Reflect.construct(target, [title, options]);
            told.notifications.push([title, options.body, options.tag]);
            // The sum of all tabs.
            localStorage.setItem("told", Number(localStorage.getItem("told")) + 1);
            told.shown.push(notification);
            const { close } = notification;
            notification.close = () => {
                told.shown.splice(told.shown.indexOf(notification), 1);
                close.call(notification);
            };
            return notification;
        },
    });
"""
MESSAGE_RINGS = 2
QUEUE_RINGS = 2
ASSIGNMENT_RINGS = 3


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    context.grant_permissions(["notifications"])
    context.add_init_script(LISTEN)
    return context


def leave(page: Page) -> None:
    """The agent looks at something else; Playwright's pages are always in front otherwise."""
    page.evaluate(
        """() => {
            document.hasFocus = () => false;
            Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )


def come_back(page: Page) -> None:
    page.evaluate(
        """() => {
            delete document.hasFocus;
            delete document.visibilityState;
            document.dispatchEvent(new Event("visibilitychange"));
            dispatchEvent(new Event("focus"));
        }"""
    )


def unlock_sound(page: Page) -> None:
    page.keyboard.press("Shift")


def rings(page: Page, tones: int) -> None:
    page.wait_for_function("tones => told.tones === tones", arg=tones)


def notified(page: Page, *expected: list[str]) -> None:
    page.wait_for_function("count => told.notifications.length >= count", arg=len(expected))
    assert page.evaluate("told.notifications") == list(expected)


def icon(page: Page) -> str:
    return page.locator("link[rel=icon]").get_attribute("href")


# What is told


def test_the_title_and_the_icon_count_the_queue_and_my_unread_chats(page, alice, server):
    vera = Visitor(server, "Vera").says("Hello")
    is_live(log_in(page))
    expect(page).to_have_title("(1) Chat Center")
    assert icon(page).endswith("/icons/1.svg")
    assert page.request.get(icon(page)).headers["content-type"] == "image/svg+xml"
    accept(page, "Vera")
    expect(page).to_have_title("Chat Center")
    assert icon(page).endswith("/icon.svg")

    leave(page)
    vera.says("Are you there?")
    expect(page).to_have_title("(1) Chat Center")
    for number in range(9):
        Visitor(server, f"Visitor {number}").says("Hello")
    expect(page).to_have_title("(10) Chat Center")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile(r"/icons/more\.svg$"))
    come_back(page)
    expect(page).to_have_title("(9) Chat Center")


def test_a_new_chat_rings_and_notifies_and_the_click_opens_it(page, alice, server):
    Visitor(server, "Old").says("I was here before")
    is_live(log_in(page))
    unlock_sound(page)
    leave(page)
    visitor = Visitor(server, "Vera").says("Is the blue one in stock?")
    rings(page, QUEUE_RINGS)
    notified(page, ["Vera is waiting", "Is the blue one in stock?", "queue"])
    page.evaluate("told.shown[0].onclick()")
    page.wait_for_url(f"**/agent/chats/{visitor.id}/")
    expect(transcript(page)).to_contain_text("Is the blue one in stock?")
    assert page.evaluate("told.shown.length") == 0


def test_a_message_in_mine_tells_unless_i_look_at_it_and_the_notification_goes_with_the_reading(page, alice, server):
    vera = Visitor(server, "Vera").says("Hello")
    is_live(log_in(page))
    accept(page, "Vera")
    vera.says("I look at this one")
    expect(transcript(page)).to_contain_text("I look at this one")
    answer(page, "Hi")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    leave(page)
    vera.says("But not at this one")
    notified(page, ["Vera", "But not at this one", f"chat:{vera.id}"])
    rings(page, MESSAGE_RINGS)
    come_back(page)
    page.wait_for_function("told.shown.length === 0")


def test_in_front_of_the_console_another_chat_rings_without_a_notification(page, alice, server):
    is_live(log_in(page))
    unlock_sound(page)
    Visitor(server).says("Hello")
    rings(page, QUEUE_RINGS)
    expect(page.get_by_role("status").get_by_text("Vera is waiting: Hello")).to_be_attached()
    assert page.evaluate("told.notifications") == []


def test_a_transfer_to_me_is_told_and_others_chats_are_not(page, new_context, alice, bob, server, context):
    is_live(log_in(page))
    unlock_sound(page)
    leave(page)
    colleague = new_context().new_page()
    is_live(log_in(colleague, "bob"))
    vera = Visitor(server, "Vera").says("Hello")
    notified(page, ["Vera is waiting", "Hello", "queue"])
    accept(colleague)
    expect(queue(page)).to_have_count(0)
    vera.says("This is for Bob alone")
    expect(transcript(colleague)).to_contain_text("This is for Bob alone")
    colleague.evaluate(
        """async ([id, to_agent_id]) => {
            const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
            const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
            const body = JSON.stringify({ to_agent_id, note: "" });
            const answer = await fetch(`/api/v1/chat/sessions/${id}/transfer`, { method: "POST", headers, body });
            if (!answer.ok) throw new Error(await answer.text());
        }""",
        [vera.id, alice.user_id],
    )
    expect(mine(page)).to_have_count(1)
    page.wait_for_function("told.notifications.length === 2")
    assert page.evaluate("told.notifications[1]")[::2] == ["Vera is with you now", f"chat:{vera.id}"]
    rings(page, QUEUE_RINGS + ASSIGNMENT_RINGS)


def test_what_came_while_disconnected_is_told_once_and_nothing_that_is_old(page, alice, server):
    Visitor(server, "Old").says("I wait already")
    cut = Cuttable(page)
    is_live(log_in(page))
    unlock_sound(page)
    leave(page)
    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    Visitor(server, "Vera").says("Hello")
    cut.mend()
    notified(page, ["Vera is waiting", "Hello", "queue"])
    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    cut.mend()
    expect(page.locator("#connection")).to_be_empty()
    Visitor(server, "Grace").says("Hi")
    page.wait_for_function("told.notifications.length > 1")
    assert page.evaluate("told.notifications.map(([title]) => title)") == ["Vera is waiting", "Grace is waiting"]


def test_what_comes_together_is_told_together(page, alice, server):
    cut = Cuttable(page)
    is_live(log_in(page))
    unlock_sound(page)
    leave(page)
    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    for name in ("Ada", "Eve", "Vera"):
        Visitor(server, name).says("Hello")
    cut.mend()
    notified(page, ["3 visitors are waiting", "Ada, Eve, Vera", "queue"])
    rings(page, QUEUE_RINGS)


def test_of_two_tabs_one_speaks_and_the_one_in_which_it_is_seen_keeps_both_silent(page, context, alice, server):
    vera = Visitor(server, "Vera").says("Hello")
    is_live(log_in(page))
    accept(page, "Vera")
    other = context.new_page()
    other.goto("/agent/")
    is_live(other)
    for tab in (page, other):
        unlock_sound(tab)
    leave(other)
    vera.says("Seen in the first tab")
    expect(transcript(page)).to_contain_text("Seen in the first tab")
    leave(page)
    for number, text in enumerate(["Seen in none", "Nor this"], 1):
        vera.says(text)
        page.wait_for_function(f"localStorage.getItem('told') === '{number}'")
    told = page.evaluate("told.notifications") + other.evaluate("told.notifications")
    assert sorted(body for _, body, _ in told) == ["Nor this", "Seen in none"]
    wait_for(page, lambda: page.evaluate("told.tones") + other.evaluate("told.tones"))
    assert page.evaluate("told.tones") + other.evaluate("told.tones") in (MESSAGE_RINGS, 2 * MESSAGE_RINGS)


# Switches


def test_each_kind_and_way_can_be_switched_off_over_a_reload_and_in_other_tabs(page, context, alice, server):
    is_live(log_in(page))
    other = context.new_page()
    other.goto("/agent/")
    is_live(other)
    other.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="How you are told")
    page.get_by_role("button", name="Settings").click()
    dialog.get_by_role("checkbox", name="A new chat in the queue Sound").uncheck()
    expect(other.get_by_role("checkbox", name="A new chat in the queue Sound")).not_to_be_checked()
    expect(other.get_by_role("checkbox", name="A new chat in the queue Notification")).to_be_checked()
    other.close()
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Settings")).to_be_focused()

    page.reload()
    is_live(page)
    unlock_sound(page)
    leave(page)
    Visitor(server, "Vera").says("Hello")
    notified(page, ["Vera is waiting", "Hello", "queue"])
    assert page.evaluate("told.tones") == 0


def test_the_consent_is_asked_for_by_a_click(browser, server, alice):
    context = browser.new_context(base_url=server.url)
    # Headless browsers have denied already; a person's has not been asked.
    context.add_init_script(
        """
        let answer = "default";
        Object.defineProperty(Notification, "permission", { get: () => answer });
        Notification.requestPermission = async () => (answer = "granted");
        """
    )
    page = context.new_page()
    is_live(log_in(page))
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="How you are told")
    expect(dialog).to_contain_text("has not been asked")
    dialog.get_by_role("button", name="Allow notifications").click()
    expect(dialog).to_contain_text("Notifications are allowed")
    expect(dialog.get_by_role("button", name="Allow notifications")).to_be_hidden()
    context.close()


def test_a_browser_that_denies_storage_sound_and_notifications_still_works(browser, server, alice):
    context = browser.new_context(base_url=server.url)
    context.add_init_script(
        """
        Object.defineProperty(window, "localStorage", { get() { throw new DOMException("denied", "SecurityError"); } });
        window.AudioContext = class { constructor() { throw new Error("no sound"); } };
        Object.defineProperty(Notification, "permission", { get: () => "denied" });
        """
    )
    errors = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    page = context.new_page()
    is_live(log_in(page))
    unlock_sound(page)
    leave(page)
    Visitor(server).says("Hello")
    expect(page).to_have_title("(1) Chat Center")
    come_back(page)
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="How you are told")
    expect(dialog).to_contain_text("Your browser blocks notifications")
    dialog.get_by_role("checkbox", name="A new chat in the queue Sound").uncheck()
    dialog.get_by_role("button", name="Try sound and notification").click()
    dialog.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Settings").click()
    expect(dialog.get_by_role("checkbox", name="A new chat in the queue Sound")).not_to_be_checked()
    assert errors == []
    context.close()


# Being there


@pytest.fixture
def pings(page: Page) -> list[dict]:
    """What the console's pings say."""
    said = []

    def note(text: str | bytes) -> None:
        frame = json.loads(text)
        if frame["type"] == "ping":
            said.append(frame["payload"])

    page.on("websocket", lambda socket: socket.on("framesent", note))
    return said


def beat(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('online'))")


def availability(page: Page) -> Locator:
    return page.get_by_role("button", name="Availability:")


def the_agent_has_not_moved(agent: Agent, minutes: int) -> None:
    Agent.objects.filter(pk=agent.pk).update(last_active_at=Now() - timedelta(minutes=minutes))


def test_a_ping_says_that_the_console_is_used_only_if_it_is(page, alice, pings):
    is_live(log_in(page))
    page.keyboard.press("Shift")
    beat(page)
    beat(page)
    page.mouse.move(200, 200)
    page.mouse.move(210, 210)
    beat(page)
    wait_for(page, lambda: len(pings) >= 3)
    assert [ping["active"] for ping in pings] == [True, False, True]
    expect(availability(page)).to_have_text("Availability: Online")


def test_who_does_not_use_the_console_is_away_says_why_and_is_back_with_the_first_key(page, alice, pings):
    is_live(log_in(page))
    beat(page)
    expect(availability(page)).to_have_text("Availability: Online")
    the_agent_has_not_moved(alice, minutes=11)
    beat(page)
    expect(availability(page)).to_have_text("Availability: Away")
    expect(page.locator("#availability-hint")).to_have_text("You have not used the console for 10 minutes.")
    page.keyboard.press("Shift")
    expect(availability(page)).to_have_text("Availability: Online")
    expect(page.locator("#availability-hint")).to_be_empty()


def test_availability_and_capacity_are_set_and_the_agents_other_console_follows(page, new_context, alice):
    is_live(log_in(page))
    other = is_live(log_in(new_context().new_page()))
    availability(page).click()
    panel = page.get_by_role("dialog", name="Availability")
    expect(panel.get_by_role("radio", name="Online")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(availability(page)).to_have_text("Availability: Away")
    expect(availability(other)).to_have_text("Availability: Away")
    panel.get_by_role("spinbutton").fill("3")
    panel.get_by_role("spinbutton").press("Enter")
    expect(panel).to_be_hidden()
    expect(availability(page)).to_be_focused()

    availability(other).click()
    there = other.get_by_role("dialog", name="Availability")
    expect(there.get_by_role("radio", name="Away")).to_be_checked()
    expect(there.get_by_role("spinbutton")).to_have_value("3")
    expect(there).to_contain_text("Chats at once now 0")
    there.get_by_role("spinbutton").fill("")
    there.get_by_role("spinbutton").press("Tab")
    expect(there.get_by_text("Saved")).to_be_visible()
    there.get_by_role("radio", name="Online").check()
    expect(availability(page)).to_have_text("Availability: Online")
    other.keyboard.press("Escape")
    expect(there).to_be_hidden()
    availability(page).click()
    expect(panel.get_by_role("spinbutton")).to_have_value("")
    assert apart(lambda: Agent.objects.values_list("availability", "capacity").get()) == ("online", None)


def test_a_refused_availability_is_told_and_the_true_one_shown(page, alice):
    is_live(log_in(page))
    availability(page).click()
    panel = page.get_by_role("dialog", name="Availability")
    panel.get_by_role("spinbutton").fill("0")
    panel.get_by_role("spinbutton").press("Tab")
    expect(panel.get_by_text("Value must be greater than or equal to 1")).to_be_visible()
    page.route("**/agents/me", lambda route: route.abort())
    panel.get_by_role("radio", name="Offline").click()
    expect(panel.get_by_text("The server cannot be reached.")).to_be_visible()
    expect(panel.get_by_role("radio", name="Online")).to_be_checked()
    expect(availability(page)).to_have_text("Availability: Online")


def test_who_is_away_is_not_called_to_the_queue_but_to_their_own_chats(page, alice, server):
    vera = Visitor(server, "Vera").says("Hello")
    is_live(log_in(page))
    accept(page)
    availability(page).click()
    page.get_by_role("radio", name="Away").check()
    expect(availability(page)).to_have_text("Availability: Away")
    page.keyboard.press("Escape")
    leave(page)
    Visitor(server, "Grace").says("Hi")
    expect(queue(page)).to_have_count(1)
    vera.says("Are you there?")
    notified(page, ["Vera", "Are you there?", f"chat:{vera.id}"])
    expect(page).to_have_title("(2) Chat Center")


def test_without_a_network_the_console_says_so(page, alice, server):
    is_live(log_in(page))
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("You are offline. What you write is sent when you are back.")
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_empty()


# Keys


def test_a_chat_from_the_queue_to_its_end_by_keys_alone(page, alice, server):
    first = Visitor(server, "First").says("one")
    Visitor(server, "Second").says("two")
    age(ChatSession.objects.get(session_id=first.id), minutes=2)
    is_live(log_in(page))
    page.keyboard.press("j")
    expect(queue(page).first.get_by_role("link")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(queue(page).last.get_by_role("link")).to_be_focused()
    page.keyboard.press("k")
    expect(queue(page).first.get_by_role("link")).to_be_focused()

    page.keyboard.press("q")
    page.wait_for_url(f"**/agent/chats/{first.id}/")
    expect(page.get_by_role("button", name="Accept")).to_be_visible()
    page.keyboard.press("a")
    expect(message_box(page)).to_be_focused()
    page.keyboard.type("jkqane?/")
    expect(message_box(page)).to_have_value("jkqane?/")
    page.keyboard.press("Enter")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()

    page.keyboard.press("Escape")
    expect(transcript(page)).to_be_focused()
    page.keyboard.press("n")
    expect(page.get_by_role("radio", name="Note")).to_be_checked()
    page.keyboard.type("She is in a hurry")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.get_by_role("radio", name="Reply")).to_be_checked()
    expect(message_box(page)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_role("dialog", name="Transfer this chat")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.get_by_role("dialog", name="End this chat?")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_url("**/agent/")
    expect(mine(page).get_by_role("link")).to_be_focused()
    page.keyboard.press("/")
    page.wait_for_url("**/agent/history/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_the_keys_are_shown_and_can_be_switched_off(page, alice, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    for key, what in {"j": "Next chat in the list", "Ctrl K": "Go to a chat", "Esc": "Leave"}.items():
        expect(dialog.get_by_role("row", name=re.compile(f"^{re.escape(key)} {what}"))).to_be_visible()
    dialog.get_by_role("checkbox", name="Single-key shortcuts").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    page.keyboard.press("q")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Go to or do")).to_be_visible()
    assert page.url.endswith("/agent/")


def test_keys_of_an_input_method_and_with_modifiers_do_nothing(page, alice, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    press = """fields => document.body.dispatchEvent(new KeyboardEvent("keydown", {
        key: "q", bubbles: true, cancelable: true, ...fields }))"""
    for fields in ({"ctrlKey": True}, {"metaKey": True}, {"altKey": True}, {"shiftKey": True}, {"isComposing": True}):
        assert page.evaluate(press, fields), fields
    assert page.url.endswith("/agent/")
    assert not page.evaluate(press, {})
    page.wait_for_url("**/agent/chats/*/")


def test_the_palette_finds_chats_views_colleagues_and_actions(page, alice, bob, server):
    vera = Visitor(server, "Vera Lindqvist").says("Hello")
    is_live(log_in(page))
    palette = page.get_by_role("dialog", name="Go to or do")
    options = palette.get_by_role("option")
    page.get_by_role("button", name="Settings").focus()
    page.keyboard.press("Control+k")
    expect(options.first).to_contain_text("Vera Lindqvist")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Settings")).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("vlin")
    expect(options).to_have_text([re.compile("^Vera Lindqvist"), re.compile("^Search for “vlin”")])
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/agent/chats/{vera.id}/")

    page.keyboard.press("Control+k")
    page.keyboard.type("team")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agent/team/")

    page.keyboard.press("Control+k")
    page.keyboard.type("bob")
    expect(options.first).to_contain_text("Bob")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/agent/all/?agent={bob.user_id}")

    page.keyboard.press("Control+k")
    page.keyboard.type("me to away")
    page.keyboard.press("Enter")
    expect(availability(page)).to_have_text("Availability: Away")

    page.keyboard.press("Control+k")
    page.keyboard.type("zzz")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/agent/history/?q=zzz")
    expect(page.get_by_role("searchbox")).to_have_value("zzz")

    page.keyboard.press("Control+k")
    page.keyboard.type("e")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    selected = palette.get_by_role("combobox").get_attribute("aria-activedescendant")
    assert options.first.get_attribute("id") == selected


def test_the_palette_keeps_what_is_selected_when_colleagues_come(page, alice, bob, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    held = []
    page.route("**/api/v1/chat/agents", lambda route: held.append(route))
    with page.expect_request("**/api/v1/chat/agents"):
        page.keyboard.press("Control+k")
    options = page.get_by_role("dialog", name="Go to or do").get_by_role("option")
    page.keyboard.type("b")
    page.keyboard.press("ArrowDown")
    selected = page.get_by_role("option", selected=True)
    before = selected.text_content()
    expect(options.filter(has_text="Bob")).to_have_count(0)
    held.pop().continue_()
    expect(options.filter(has_text="Bob")).to_have_count(1)
    expect(selected).to_have_text(before)
    page.keyboard.type("o")
    expect(options.first).to_have_attribute("aria-selected", "true")


def test_a_name_from_right_to_left_stands_in_the_palette_where_others_do(page, alice, server):
    for name in ("Vera", "محمد عبد الله"):
        Visitor(server, name).says("Hello")
    is_live(log_in(page))
    page.keyboard.press("Control+k")
    options = page.locator("#palette-list .palette-text")
    expect(options.nth(1)).to_contain_text(re.compile("^محمد عبد الله · "))
    places = """options => options.map((option) => {
        const range = document.createRange();
        range.selectNodeContents(option.lastChild);
        return [option.firstElementChild.getBoundingClientRect(), range.getBoundingClientRect()];
    })"""
    (vera, _), (mohammed, reference) = options.evaluate_all(places)[:2]
    assert mohammed["left"] == vera["left"]
    assert reference["left"] >= mohammed["right"] - 1


def test_the_palette_calls_whoever_has_no_name_once_by_the_reference(page, alice, server):
    vera = Visitor(server, "").says("Hello")
    is_live(log_in(page))
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-list .palette-text").first).to_have_text(vera.session["conversation_id"])


def test_what_is_switched_off_is_not_tried(page, alice):
    is_live(log_in(page))
    unlock_sound(page)
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="How you are told")
    for kind in ("queue", "message", "assignment"):
        dialog.locator(f"[data-switch='sound:{kind}']").uncheck()
    dialog.get_by_role("button", name="Try notification").click()
    notified(page, ["Chat Center", "This is how a notification looks.", "try"])
    rings(page, 0)
    for kind in ("queue", "message", "assignment"):
        dialog.locator(f"[data-switch='notification:{kind}']").uncheck()
    expect(dialog.get_by_role("button", name="Try sound and notification")).to_be_disabled()


# For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_menus_and_dialogs(page, alice, server, scheme, width):
    Visitor(server).says("Hello")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    is_live(log_in(page))
    availability(page).click()
    expect(page.get_by_role("dialog", name="Availability")).to_be_visible()
    assert found(page) == []
    assert page.locator("html").evaluate("html => html.scrollWidth <= html.clientWidth")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Settings").click()
    assert found(page) == []
    page.get_by_role("button", name="Show all keys").click()
    assert found(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    assert found(page) == []


def test_nothing_here_needs_more_than_the_pages_own_origin(page, alice, server):
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    policy += "form-action 'self'; require-trusted-types-for 'script'"
    violations = []
    page.on("console", lambda message: violations.append(message.text) if "Policy" in message.text else None)

    def with_policy(route):
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

    page.context.grant_permissions(["local-network-access", "notifications"])
    is_live(log_in(page))
    page.route("**/agent/", with_policy)
    page.reload()
    is_live(page)
    unlock_sound(page)
    leave(page)
    Visitor(server, "Vera").says("Hello")
    rings(page, QUEUE_RINGS)
    notified(page, ["Vera is waiting", "Hello", "queue"])
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile(r"/icons/1\.svg$"))
    come_back(page)
    availability(page).click()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert violations == []
