"""What makes talking pleasant: read marks, unread counts, sound, emoji, the countdown, the rating, the transcript."""

import io
import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from sessions_app import services
from sessions_app.filetypes import portrait
from sessions_app.models import ChatSession, Message, Party
from tests.browser.apart import apart
from tests.browser.desk import accept, is_live, log_in, mine, transcript
from tests.browser.desk import answer as desk_answer
from tests.browser.shop import Shop, box, end_chat, expect_sent, message, open_chat, write
from tests.browser.waiting import wait_for
from tests.factories import actor, age, bodies, fresh, make_tenant, say

STRICT = (
    "default-src 'none'; script-src {url}; connect-src {url} {ws_url}; img-src {url}; style-src 'none'; "
    "require-trusted-types-for 'script'"
)


pytestmark = pytest.mark.usefixtures("host_errors")


@pytest.fixture
def tenant(server):
    return make_tenant(welcome_message="Welcome to the shop.")


@pytest.fixture
def shop(server, tenant):
    with Shop(server.url) as shop:
        shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
        yield shop


@pytest.fixture
def talk(page: Page, shop, alice) -> Page:
    """Vera has written, and alice has the chat."""
    begin(page, shop, alice)
    return page


def begin(page: Page, shop: Shop, agent) -> None:
    page.goto(shop.url)
    open_chat(page)
    write(page, "Is the fern safe for cats?")
    expect_sent(page, "Is the fern safe for cats?")
    apart(services.accept_session, the_session().session_id, actor(agent))
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()


def the_session() -> ChatSession:
    return ChatSession.objects.get()


def answer(agent, text: str) -> None:
    apart(say, the_session(), text, agent=agent)


def answer_at_length(agent, page: Page) -> None:
    """Until the list is longer than the window."""
    for number in range(12):
        answer(agent, f"line {number}\n" * 3)
    expect(message(page, "line 11")).to_be_visible()


def reload(page: Page) -> None:
    """With the window open, whether it was before or not."""
    page.reload()
    page.evaluate("CallCenterChat.open()")


def close_window(page: Page) -> None:
    page.get_by_role("button", name="Close chat").last.click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def messages(page: Page) -> Locator:
    return page.get_by_role("list", name="Conversation")


def is_at_end(page: Page) -> bool:
    return messages(page).evaluate("list => list.scrollHeight - list.scrollTop - list.clientHeight < 60")


def read_by_visitor() -> int:
    return the_session().visitor_read_seq


def expect_read(page: Page, seq: int) -> None:
    wait_for(page, lambda: read_by_visitor() == seq)


# --- read ---------------------------------------------------------------------------------------------------------


def test_the_visitor_sees_what_the_agent_has_read(talk: Page):
    seq = the_session().last_seq

    apart(services.mark_read, the_session().session_id, Party.AGENT, seq)
    expect(message(talk, "Is the fern safe")).to_contain_text("Seen")
    write(talk, "And for dogs?")
    expect_sent(talk, "And for dogs?")

    reload(talk)
    expect(message(talk, "Is the fern safe")).to_contain_text("Seen")
    expect(message(talk, "And for dogs?")).not_to_contain_text("Seen")


def test_what_the_visitor_looks_at_is_read_and_nothing_else(talk: Page, alice):
    answer(alice, "It is.")
    expect(message(talk, "It is.")).to_be_visible()
    expect_read(talk, the_session().last_seq)
    seen = read_by_visitor()

    close_window(talk)
    answer(alice, "Anything else?")
    expect(talk.get_by_role("button", name="Open chat")).to_have_attribute("aria-description", "1 new message")
    assert read_by_visitor() == seen

    talk.get_by_role("button", name="Open chat").click()
    expect_read(talk, the_session().last_seq)


def test_a_reader_further_up_stays_there_and_is_told_of_news(talk: Page, alice):
    answer_at_length(alice, talk)
    expect_read(talk, the_session().last_seq)
    seen = read_by_visitor()
    messages(talk).evaluate("list => list.scrollTo(0, 0)")

    answer(alice, "It is safe.")
    pill = talk.get_by_role("button", name="1 new message. To the newest message")
    expect(pill).to_be_visible()
    answer(alice, "For all cats.")
    pill = talk.get_by_role("button", name="2 new messages. To the newest message")
    expect(pill).to_be_visible()
    assert messages(talk).evaluate("list => list.scrollTop") == 0
    assert read_by_visitor() == seen

    pill.click()
    expect(pill).to_have_count(0)
    assert is_at_end(talk)
    expect(box(talk)).to_be_focused()
    expect_read(talk, the_session().last_seq)


def test_who_reads_the_end_goes_on_reading_it(talk: Page, alice):
    answer_at_length(alice, talk)

    answer(alice, "It is safe.")
    expect(message(talk, "It is safe.")).to_be_in_viewport()
    assert is_at_end(talk)

    messages(talk).evaluate("list => list.scrollTo(0, 0)")
    write(talk, "Thank you")
    expect(message(talk, "Thank you")).to_be_in_viewport()


def test_what_opens_below_the_list_does_not_cover_its_end(talk: Page, alice):
    answer_at_length(alice, talk)
    talk.get_by_role("button", name="Emoji").click()
    expect(talk.get_by_role("dialog", name="Emoji")).to_be_visible()

    expect(message(talk, "line 11").locator(".meta")).to_be_in_viewport()
    assert is_at_end(talk)


# --- the page's title ---------------------------------------------------------------------------------------------


def test_the_title_counts_what_is_unread_and_is_what_it_was_afterwards(page: Page, shop, alice):
    shop.body += '<script src="/title.js"></script>'
    shop.scripts["/title.js"] = "document.querySelector('title').textContent = '  Shop &\\n  more '"
    begin(page, shop, alice)
    before = page.evaluate("document.querySelector('title').textContent")
    close_window(page)

    answer(alice, "It is.")
    expect(page).to_have_title("(1) Shop & more")
    answer(alice, "Anything else?")
    expect(page).to_have_title("(2) Shop & more")

    page.get_by_role("button", name="Open chat").click()
    expect(page).to_have_title("Shop & more")
    assert page.evaluate("document.querySelector('title').textContent") == before


def test_a_page_that_changes_its_title_has_its_way(talk: Page, alice):
    close_window(talk)
    answer(alice, "It is.")
    expect(talk).to_have_title("(1) Shop")

    talk.evaluate("document.title = '(1) Cart'")
    talk.get_by_role("button", name="Open chat").click()
    expect(talk.get_by_role("dialog")).to_be_visible()
    expect_read(talk, the_session().last_seq)
    expect(talk).to_have_title("(1) Cart")

    close_window(talk)
    answer(alice, "Anything else?")
    expect(talk).to_have_title("(1) (1) Cart")
    talk.evaluate("document.title = document.title + ' | Shop'")
    talk.evaluate("CallCenterChat.shutdown()")
    expect(talk).to_have_title("(1) Cart | Shop")


def test_a_restored_chat_counts_before_it_is_opened(talk: Page, alice):
    close_window(talk)
    talk.goto("about:blank")
    answer(alice, "It is.")

    talk.go_back()

    expect(talk).to_have_title("(1) Shop")
    expect(talk.get_by_role("button", name="Open chat")).to_have_attribute("aria-description", "1 new message")


# --- sound --------------------------------------------------------------------------------------------------------

LISTEN = """
window.tones = 0;
const { start } = OscillatorNode.prototype;
OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
"""


def wait_for_tones(page: Page, count: int) -> None:
    page.wait_for_function("count => window.tones === count", arg=count)


def test_a_message_that_is_not_seen_makes_a_sound_until_the_visitor_mutes_it(page: Page, shop, alice):
    page.add_init_script(LISTEN)
    begin(page, shop, alice)
    answer(alice, "seen as it comes")
    expect(message(page, "seen as it comes")).to_be_visible()
    close_window(page)

    answer(alice, "not seen")
    wait_for_tones(page, 2)

    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("button", name="Turn sound off").click()
    expect(page.get_by_role("button", name="Turn sound on")).to_be_visible()
    reload(page)
    page.get_by_role("heading", name="Shop", exact=True).click()
    expect(page.get_by_role("button", name="Turn sound on")).to_be_visible()
    close_window(page)
    answer(alice, "muted")
    expect(page.get_by_role("button", name="Open chat")).to_have_attribute("aria-description", "1 new message")
    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("button", name="Turn sound on").click()
    page.get_by_role("heading", name="Shop").click()
    close_window(page)
    answer(alice, "heard again")
    wait_for_tones(page, 2)


def test_of_several_tabs_one_sounds(page: Page, context: BrowserContext, shop, alice):
    context.add_init_script(LISTEN)
    begin(page, shop, alice)
    close_window(page)
    other = context.new_page()
    other.goto(shop.url)
    other.get_by_role("heading", name="Shop").click()

    for count in (1, 2, 3):
        answer(alice, f"news {count}")
        for tab in (page, other):
            expect(tab).to_have_title(f"({count}) Shop")

    def tones() -> int:
        return page.evaluate("tones") + other.evaluate("tones")

    wait_for(page, lambda: tones() >= 6)
    page.wait_for_timeout(500)  # that the second sound does not come cannot be waited for
    assert tones() == 6


# --- who, and when ------------------------------------------------------------------------------------------------


def test_agents_have_a_name_and_a_picture_and_days_their_line(talk: Page, alice):
    answer(alice, "It is.")
    answer(alice, "For all cats.")
    expect(message(talk, "For all cats.")).to_be_visible()

    first, second = message(talk, "It is."), message(talk, "For all cats.")
    expect(first.locator(".name")).to_have_text("Alice")
    expect(first.locator(".avatar")).to_have_text("A")
    expect(second.locator(".name, .avatar")).to_have_count(0)
    expect(talk.locator("li.day")).to_have_text(["Today"])


def test_an_agents_picture_stands_for_the_initials(talk: Page, alice):
    def draw(route) -> None:
        route.fulfill(content_type="image/svg+xml", body='<svg xmlns="http://www.w3.org/2000/svg"/>')

    talk.route("**/picture-of-alice", draw)
    talk.route("**/picture-of-nobody", lambda route: route.fulfill(status=404))
    answer(alice, "It is.")
    picture = message(talk, "It is.").locator(".avatar img")
    expect(message(talk, "It is.").locator(".avatar")).to_have_text("A")
    expect(picture).to_have_count(0)

    def learn(path: str) -> None:
        """As with the next ready frame of the server."""
        talk.route_web_socket("**/ws/public/*", lambda socket: connect(socket, path))
        reload(talk)

    def connect(socket, path: str) -> None:
        server = socket.connect_to_server()

        def on_message(text: str) -> None:
            frame = json.loads(text)
            if frame["type"] == "chat.session.ready":
                frame["payload"]["session"]["agent_picture"] = path
            socket.send(json.dumps(frame))

        server.on_message(on_message)
        socket.on_message(server.send)

    learn("/picture-of-alice")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute("alt", "")
    learn("/picture-of-nobody")
    expect(message(talk, "It is.").locator(".avatar")).to_have_text("A")
    expect(picture).to_have_count(0)


def give_picture(agent) -> None:
    painted = io.BytesIO()
    Image.new("RGB", (300, 300), "tomato").save(painted, "PNG")
    agent.picture.save("alice.webp", ContentFile(portrait(painted)))


def expect_picture(avatar: Locator) -> None:
    """It is there, and not only its element."""
    expect(avatar.locator("img")).to_have_count(1)
    avatar.page.wait_for_function("img => img.naturalWidth === 128", arg=avatar.locator("img").element_handle())


def test_the_agents_picture_is_beside_the_agents_words_and_name(page: Page, new_context, shop, alice, bob):
    apart(give_picture, alice)
    desk = is_live(log_in(new_context().new_page()))
    page.goto(shop.url)
    open_chat(page)
    write(page, "Is the fern safe for cats?")
    expect_sent(page, "Is the fern safe for cats?")
    accept(desk, "")
    desk_answer(desk, "It is.")

    expect(page.locator(".bar")).to_contain_text("You are chatting with Alice")
    expect_picture(page.locator(".bar .avatar"))
    expect_picture(message(page, "It is.").locator(".avatar"))

    apart(services.transfer_session, the_session().session_id, actor(alice), to_agent_id=bob.user_id)
    expect(page.locator(".bar")).to_contain_text("You are chatting with Bob")
    expect(page.locator(".bar .avatar")).to_have_text("B")
    expect(page.locator(".bar .avatar img")).to_have_count(0)
    expect_picture(message(page, "It is.").locator(".avatar"))
    apart(services.end_session, the_session().session_id, actor(bob))
    expect(page.locator(".bar .avatar")).to_have_count(0)


def test_the_picture_is_learned_by_a_part_that_comes_late(page: Page, shop, alice):
    apart(give_picture, alice)
    begin(page, shop, alice)
    answer(alice, "It is.")
    expect_picture(message(page, "It is.").locator(".avatar"))
    late = []
    page.route("**/chat-widget/talking-*.js", lambda route: late.append(route))
    reload(page)
    page.wait_for_function("CallCenterChat.getState().agentName === 'Alice'")
    for route in late:
        route.continue_()
    expect_picture(message(page, "It is.").locator(".avatar"))
    expect_picture(page.locator(".bar .avatar"))


def test_the_time_stands_once_below_what_was_said_together(talk: Page, alice):
    for text in ("It is.", "For all cats.", "And for dogs."):
        answer(alice, text)
    expect(message(talk, "And for dogs.").locator(".meta")).to_have_text(re.compile(r"^\d+:\d\d.[AP]M$"))
    heights = [message(talk, text).locator(".meta").bounding_box()["height"] for text in ("It is.", "And for dogs.")]
    assert heights[0] <= 1 < heights[1]
    expect(message(talk, "It is.").locator(".meta")).to_have_text(re.compile(r"\d+:\d\d"))  # for who listens


def test_what_was_said_on_another_day_stands_under_that_day(talk: Page, alice):
    apart(lambda: Message.objects.filter(seq=1).update(created_at=Now() - timedelta(days=1)))
    talk.evaluate(
        """() => {
            const record = JSON.parse(localStorage.cc_chat_session);
            localStorage.cc_chat_session = JSON.stringify({...record, messages: []});
        }"""
    )
    reload(talk)
    write(talk, "And today?")
    expect_sent(talk, "And today?")

    expect(talk.locator("li.day")).to_have_text(["Yesterday", "Today"])


def test_the_visitor_reads_of_what_the_visitor_did(talk: Page, alice):
    expect(talk.locator("li.system")).to_have_text(["Alice joined the chat"])

    end_chat(talk)

    expect(talk.get_by_text(re.compile("You ended th(e|is) chat"))).to_have_text(["You ended this chat. Thank you!"])
    expect(talk.locator("li.system")).to_have_text(["Alice joined the chat"])
    assert "You ended the chat" in download(talk)[1]
    assert Message.objects.filter(body="The visitor ended the chat").exists(), "agents read it as it is for them"


@pytest.mark.parametrize("width", [1280, 360])
def test_long_words_and_other_directions_stay_within_their_bubble(page: Page, shop, alice, width):
    page.set_viewport_size({"width": width, "height": 700})
    begin(page, shop, alice)
    arabic = "مرحبا، هل السرخس آمن للقطط؟"
    for text in ("https://shop.example/" + "a" * 300, "W" * 400, arabic, f"{arabic} {'b' * 200}"):
        write(page, text)
        answer(alice, text)
    expect(page.locator("li.message.agent", has_text="bbbb")).to_be_visible()

    list_box = messages(page).bounding_box()
    assert messages(page).evaluate("list => list.scrollWidth <= list.clientWidth")
    for bubble in page.locator("li.message:not([hidden]) .bubble").all():
        box_of = bubble.bounding_box()
        assert list_box["x"] <= box_of["x"]
        assert box_of["x"] + box_of["width"] <= list_box["x"] + list_box["width"]
    of_arabic = page.locator("li.message .bubble", has_text=re.compile(f"^{arabic}$")).first
    assert of_arabic.evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_pr19_only_what_is_an_address_becomes_a_link(talk: Page, alice):
    answer(alice, '[x](java\tscript:alert(1)) javascript:alert(1) data:text/html,x "https://a.example/?x"onclick=1')
    answer(alice, "Write to help@shop.example")
    expect(message(talk, "Write to")).to_be_visible()

    links = talk.locator("li.message a")
    expect(links).to_have_count(2)
    assert [link.get_attribute("href") for link in links.all()] == ["https://a.example/?x", "mailto:help@shop.example"]
    for link in links.all():
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(link).to_have_attribute("target", "_blank")


# --- emoji --------------------------------------------------------------------------------------------------------


def test_an_emoji_comes_where_the_caret_stands(talk: Page):
    box(talk).fill("Thank you!")
    box(talk).evaluate("node => node.setSelectionRange(9, 9)")
    talk.get_by_role("button", name="Emoji").click()
    picker = talk.get_by_role("dialog", name="Emoji")
    expect(picker.get_by_role("button", name="😀")).to_be_focused()

    talk.keyboard.press("ArrowRight")
    talk.keyboard.press("ArrowDown")
    talk.keyboard.press("ArrowUp")
    expect(picker.get_by_role("button", name="😃")).to_be_focused()
    talk.keyboard.press("Enter")

    expect(box(talk)).to_have_value("Thank you😃!")
    expect(box(talk)).to_be_focused()
    expect(picker).to_have_count(0)
    assert box(talk).evaluate("node => node.selectionStart") == len("Thank you") + 2, "after the emoji"
    talk.keyboard.press("Enter")
    expect_sent(talk, "Thank you😃!")


def test_escape_closes_the_picker_alone(talk: Page):
    talk.get_by_role("button", name="Emoji").click()
    expect(talk.get_by_role("dialog", name="Emoji")).to_be_visible()
    talk.keyboard.press("Escape")

    expect(talk.get_by_role("dialog", name="Emoji")).to_have_count(0)
    expect(box(talk)).to_be_focused()
    talk.keyboard.press("Escape")
    expect(talk.get_by_role("dialog")).to_have_count(0)


# --- what is being written --------------------------------------------------------------------------------------


@pytest.fixture
def desk(talk: Page, new_context) -> Page:
    """alice's console, in which vera's chat is open."""
    desk = is_live(log_in(new_context().new_page()))
    mine(desk).get_by_role("link").click()
    expect(transcript(desk)).to_contain_text("Is the fern safe for cats?")
    return desk


def typing(desk: Page) -> Locator:
    return desk.locator("#typing")


@pytest.mark.parametrize("is_previewed", [True, False])
def test_what_is_unsent_is_shown_to_the_agent_only_where_the_tenant_wants_that(
    tenant, request, page: Page, is_previewed
):
    tenant.typing_preview = is_previewed
    apart(tenant.save)
    desk = request.getfixturevalue("desk")
    frames = []
    desk.on("websocket", lambda socket: socket.on("framereceived", lambda text: frames.append(text)))
    desk.reload()
    expect(transcript(desk)).to_contain_text("Is the fern safe for cats?")
    is_live(desk)

    box(page).press_sequentially("And for do")
    expect(typing(desk)).to_contain_text("The visitor is typing")
    if is_previewed:
        expect(typing(desk).locator(".preview")).to_have_text("And for do")
    box(page).fill("")
    expect(typing(desk)).to_be_hidden()

    box(page).press_sequentially("And for dogs?")
    expect(typing(desk)).to_be_visible()
    box(page).press("Enter")
    expect_sent(page, "And for dogs?")
    expect(typing(desk)).to_be_hidden()
    expect(transcript(desk).get_by_text("And for do")).to_have_count(1)
    told = [frame for frame in frames if '"chat.typing"' in frame]
    assert told
    assert any("And for do" in frame for frame in told) == is_previewed, "what is not shown is not sent either"


# --- before it is closed for nobody writes ------------------------------------------------------------------------


def idle_for(page: Page, **past: float) -> None:
    """Vera has not used the page for a while: her chat is idle, and her next heartbeat does not deny it."""
    ChatSession.objects.update(last_activity_at=Now() - timedelta(**past))


def wake(page: Page) -> None:
    """A tab that is looked at again says hello to the server at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_an_idle_chat_counts_down_and_is_kept_by_one_click(page: Page, shop, tenant):
    page.goto(shop.url)
    open_chat(page)
    write(page, "Is anybody there?")
    expect_sent(page, "Is anybody there?")
    expect(page.get_by_text("You are next in line")).to_be_visible()
    written_at = fresh(the_session()).last_activity_at
    wake(page)  # what the visitor has done so far is told
    wait_for(page, lambda: fresh(the_session()).last_activity_at > written_at)
    idle_for(page, minutes=28, seconds=30)
    wake(page)

    expect(page.get_by_text(re.compile(r"will be closed in 1:[012]\d"))).to_be_visible()
    first = page.get_by_text("will be closed in").inner_text()
    expect(page.get_by_text(first)).to_have_count(0)  # it counts
    page.get_by_role("button", name="I'm still here").click()

    expect(page.get_by_text("will be closed in")).to_be_hidden()
    expect(box(page)).to_be_focused()
    wait_for(page, lambda: fresh(the_session()).last_activity_at > fresh(the_session()).created_at)
    assert not fresh(the_session()).is_expiring(fresh(the_session()).last_seen_at)


def test_it_counts_down_for_as_long_as_the_tenant_says(page: Page, shop, tenant):
    tenant.expiry_warning_seconds = 600
    apart(tenant.save)
    page.goto(shop.url)
    open_chat(page)
    write(page, "Is anybody there?")
    expect_sent(page, "Is anybody there?")
    page.reload()  # by then nothing has been used
    page.wait_for_function("CallCenterChat.getState().isOnline")
    idle_for(page, minutes=20, seconds=30)
    wake(page)

    expect(page.get_by_text(re.compile(r"will be closed in 9:[012]\d"))).to_be_visible()


def test_beside_the_bubble_it_counts_down_too(talk: Page, tenant, alice):
    tenant.idle_rule_for_active = True
    apart(tenant.save)
    talk.get_by_role("button", name="Close chat").last.click()
    hint = talk.locator(".hint")
    talk.reload()  # by then nothing has been used
    talk.wait_for_function("CallCenterChat.getState().isOnline")
    idle_for(talk, minutes=28, seconds=30)
    wake(talk)

    expect(hint.get_by_text(re.compile(r"will be closed in 1:[012]\d"))).to_be_visible()
    hint.get_by_role("button", name="I'm still here").focus()
    talk.keyboard.press("Enter")
    expect(hint).to_be_hidden()
    expect(talk.get_by_role("button", name="Open chat")).to_be_focused()


def away(page: Page, **past) -> None:
    """The laptop was closed for so long, and the sweep has run meanwhile."""
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    apart(age, the_session(), **past)
    apart(services.sweep)
    assert the_session().status == "abandoned"


def back(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('pageshow'))")


WORDS = "Nobody was there? Write to help@shop.example <img src=x onerror=\"document.title='run'\">"


@pytest.mark.parametrize(
    ("own_words", "locale", "read"),
    [
        (WORDS, "en", WORDS),
        ("", "en", "This chat was closed because nobody wrote for a while."),
        ("", "de", "Dieser Chat wurde geschlossen, weil"),
    ],
    ids=["own", "english", "german"],
)
def test_who_comes_back_too_late_reads_the_tenants_words_or_the_widgets(
    page: Page, shop, tenant, own_words, locale, read
):
    tenant.abandonment_message, tenant.locale = own_words, locale
    apart(tenant.save)
    page.goto(shop.url)
    page.evaluate("CallCenterChat.open()")
    page.locator("textarea").fill("Is anybody there?")
    page.keyboard.press("Enter")
    wait_until_stored(page, "Is anybody there?")
    expect(page.locator(".dot.ready")).to_be_visible()

    away(page, only=("last_activity_at",), minutes=31)
    back(page)

    expect(page.locator(".notice p")).to_contain_text(read)
    assert page.locator(".notice img, .messages img").count() == 0
    expect(page).to_have_title("Shop")
    assert page.evaluate("localStorage.length") == 0


def test_what_is_for_agents_alone_is_nowhere_in_the_widget(talk: Page, shop, alice):
    note = {"client_message_id": uuid4(), "body": "She has complained before"}
    apart(services.add_note, the_session().session_id, actor(alice), **note)
    talk.evaluate("history.pushState({}, '', '/secret-page'); document.title = 'Trail'")
    away(talk, minutes=12)
    reload(talk)
    expect(talk.get_by_text("Your chat has been restored")).to_be_visible()
    answer(alice, "There you are.")
    expect(message(talk, "There you are.")).to_be_visible()
    lines = Message.objects.filter(message_type="system").values_list("body", flat=True)
    assert "The visitor came back after 12 minutes" in lines

    in_widget = talk.evaluate("document.querySelector('#cc-chat-widget').shadowRoot.innerHTML")
    assert "There you are." in in_widget
    for unsaid in ("came back", "12 minutes", "connection was lost", "complained", "secret-page", "Trail"):
        assert unsaid not in in_widget


# --- after the end ------------------------------------------------------------------------------------------------


def rate(page: Page, stars: int, comment: str = "") -> None:
    page.get_by_role("radio", name=re.compile(f"^{stars} star")).check(force=True)
    if comment:
        page.get_by_role("textbox", name="Anything to add?").fill(comment)
    page.get_by_role("button", name="Send rating").click()


def test_after_the_agents_end_the_visitor_is_asked_how_it_was(talk: Page, alice):
    answer(alice, "It is.")
    apart(services.mark_read, the_session().session_id, Party.AGENT, the_session().last_seq)
    expect(message(talk, "Is the fern safe")).to_contain_text("Seen")
    apart(services.end_session, the_session().session_id, actor(alice))
    expect(talk.get_by_text("The agent has ended this chat.")).to_be_visible()

    rate(talk, 4, "Quick and kind")

    expect(talk.get_by_text("Thank you for your rating!")).to_be_visible()
    expect(message(talk, "Is the fern safe")).to_contain_text("Seen")
    session = the_session()
    assert (session.rating_score, session.rating_comment) == (4, "Quick and kind")
    talk.get_by_role("button", name="Start a new chat").click()
    expect(box(talk)).to_be_focused()
    expect(talk.get_by_role("radio")).to_have_count(0)
    expect(talk.get_by_text("Thank you for your rating!")).to_have_count(0)


def test_while_a_rating_waits_to_be_sent_its_button_alone_stands_out(talk: Page, alice):
    answer(alice, "It is.")
    apart(services.end_session, the_session().session_id, actor(alice))
    blue = ("background-color", "rgb(37, 99, 235)")
    start, send = (talk.get_by_role("button", name=name) for name in ("Start a new chat", "Send rating"))
    expect(talk.get_by_role("radio", name="4 stars")).to_be_visible()
    expect(start).to_have_css(*blue)

    talk.get_by_role("radio", name="4 stars").check(force=True)

    expect(send).to_have_css(*blue)
    expect(start).to_have_css("background-color", "rgb(255, 255, 255)")
    send.click()
    expect(talk.get_by_text("Thank you for your rating!")).to_be_visible()
    expect(start).to_have_css(*blue)


def test_the_window_waits_until_the_own_end_is_rated_or_it_is_closed_by_hand(talk: Page, alice):
    answer(alice, "It is.")
    expect(message(talk, "It is.")).to_be_visible()
    end_chat(talk)
    expect(talk.get_by_role("radio", name="5 stars")).to_be_visible()
    talk.wait_for_timeout(2500)  # longer than a window stays open after an end

    rate(talk, 5)

    expect(talk.get_by_text("Thank you for your rating!")).to_be_visible()
    assert the_session().rating_score == 5
    close_window(talk)


def test_without_an_answer_there_is_nothing_to_rate(page: Page, shop, tenant):
    page.goto(shop.url)
    open_chat(page)
    write(page, "Is anybody there?")
    expect_sent(page, "Is anybody there?")
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    end_chat(page, closes=True)

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert not [url for url in asked if "/rating-" in url]


def test_a_rating_that_did_not_arrive_says_so_and_is_sent_again(talk: Page, alice):
    answer(alice, "It is.")
    apart(services.end_session, the_session().session_id, actor(alice))
    talk.route("**/rating", lambda route: route.abort())
    rate(talk, 2, "Slow")
    expect(talk.get_by_text("Your rating could not be sent. Please try again.")).to_be_visible()

    talk.unroute("**/rating")
    talk.get_by_role("button", name="Send rating").click()

    expect(talk.get_by_text("Thank you for your rating!")).to_be_visible()
    assert (the_session().rating_score, the_session().rating_comment) == (2, "Slow")


def hold_back(page: Page, text: str) -> list[str]:
    """Frames that tell of `text` do not reach the page; they are gathered in the list."""
    held = []

    def connect(socket) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda frame: held.append(frame) if text in frame else socket.send(frame))
        socket.on_message(server.send)

    page.route_web_socket("**/ws/public/*", connect)
    return held


def wait_until_stored(page: Page, text: str) -> None:
    wait_for(page, Message.objects.filter(body=text).exists)


def test_SM11_what_arrived_before_the_own_end_is_sent_though_its_acknowledgement_is_late(page: Page, shop, alice):
    held = hold_back(page, "And for dogs?")
    begin(page, shop, alice)
    write(page, "And for dogs?")
    wait_until_stored(page, "And for dogs?")
    page.evaluate("CallCenterChat.end()")

    expect(page.get_by_text("You ended this chat.")).to_be_visible()
    expect_sent(page, "And for dogs?")
    expect(message(page, "And for dogs?")).not_to_contain_text("Not sent")
    assert held
    assert ChatSession.objects.count() == 1
    assert apart(bodies, the_session()) == ["Is the fern safe for cats?", "And for dogs?"]


def test_SM11_what_arrived_before_the_end_is_not_called_unsent_after_a_reload(page: Page, shop, alice):
    held = hold_back(page, "And for dogs?")
    begin(page, shop, alice)
    write(page, "And for dogs?")
    wait_until_stored(page, "And for dogs?")
    write(page, "And for birds?")  # waits for its turn
    expect(message(page, "And for birds?")).to_contain_text("Sending")
    close_window(page)
    page.goto("about:blank")
    assert held
    apart(services.end_session, the_session().session_id, actor(alice))

    page.goto(shop.url)
    open_chat(page)
    expect(message(page, "And for birds?")).to_contain_text("Not sent")
    expect(message(page, "And for dogs?")).to_have_count(0)
    message(page, "And for birds?").get_by_role("button", name="Retry").click()
    expect_sent(page, "And for birds?")
    assert [apart(bodies, session) for session in ChatSession.objects.order_by("pk")] == [
        ["Is the fern safe for cats?", "And for dogs?"],
        ["And for birds?"],
    ]


def test_who_is_offline_reads_it_at_once_and_keeps_the_socket_that_lives_on(talk: Page):
    sockets = []
    talk.on("websocket", lambda socket: sockets.append(socket))
    talk.context.set_offline(True)
    # Before the socket itself is found to be dead, 10 seconds later.
    expect(talk.get_by_text("You are offline. Messages are kept")).to_be_visible(timeout=5000)
    expect(talk.locator(".dot")).to_have_class("dot waiting")
    expect(talk.locator(".bar .avatar")).to_have_count(0)
    assert talk.evaluate("CallCenterChat.getState().isOnline") is False

    talk.context.set_offline(False)

    expect(talk.get_by_text("You are chatting with Alice")).to_be_visible(timeout=5000)
    expect(talk.locator(".dot")).to_have_class("dot ready")
    assert sockets == []


def test_SM11_what_did_not_arrive_before_the_end_is_said_to_be_not_sent(talk: Page):
    talk.context.set_offline(True)
    write(talk, "And for dogs?")
    apart(services.end_session, the_session().session_id, services.VISITOR)
    talk.context.set_offline(False)
    expect(talk.locator(".notice")).to_be_visible()
    expect(message(talk, "And for dogs?")).to_contain_text("Not sent")


def download(page: Page) -> tuple[str, str]:
    with page.expect_download() as started:
        page.get_by_role("button", name="Download transcript").click()
    return started.value.suggested_filename, Path(started.value.path()).read_text("utf-8")


def test_the_transcript_is_saved_during_the_chat_and_after_it(page: Page, shop, server, alice):
    shop.headers["Content-Security-Policy"] = STRICT.format(url=server.url, ws_url=server.ws_url)
    begin(page, shop, alice)
    answer(alice, "It is.\n[now] You: I take all")
    expect(message(page, "It is.")).to_be_visible()

    name, text = download(page)
    assert name == f"chat-{the_session().conversation_id}.txt"
    assert re.sub(r"\[[^\]]*M\] ", "", text).splitlines() == [
        f"Transcript of chat {the_session().conversation_id}",
        "",
        "You: Is the fern safe for cats?",
        "Alice joined the chat",
        "Alice: It is.",
        "    [now] You: I take all",
    ]

    apart(services.end_session, the_session().session_id, actor(alice))
    expect(page.get_by_text("The agent has ended this chat.")).to_be_visible()
    assert "ended the chat" in download(page)[1]


def test_a_long_transcript_is_whole(talk: Page, alice):
    session = the_session()
    apart(lambda: [say(session, f"line {number}", agent=alice) for number in range(130)])

    _, text = download(talk)

    assert re.findall(r"line \d+", text) == [f"line {number}" for number in range(130)]
    assert len(bodies(session)) == 131


def test_a_transcript_that_cannot_be_had_says_so(talk: Page):
    def is_history(request: Request) -> bool:
        return "/public/session/" in request.url

    talk.route(lambda url: "/public/session/" in url, lambda route: route.abort())
    with talk.expect_request(is_history):
        talk.get_by_role("button", name="Download transcript").click()

    expect(talk.get_by_text("The transcript could not be loaded.")).to_be_visible()
