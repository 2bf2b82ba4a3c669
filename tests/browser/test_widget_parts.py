"""What the widget loads, and when: the core with the page, one part with the chat, each other one when it is needed."""

import re
from collections.abc import Callable

import brotli
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Page, Route, expect

from sessions_app import attachments, services
from sessions_app.models import ChatSession
from sessions_app.widget import FOLDER
from tests.browser.apart import apart
from tests.browser.shop import Shop, box, end_chat, expect_sent, message, open_chat, write
from tests.browser.test_widget_attachments import PDF, choose, give, picture, row, sent_names
from tests.browser.test_widget_guest import POLICY, REPORT_VIOLATIONS
from tests.browser.test_widget_talking import idle_for, wake
from tests.browser.waiting import wait_for
from tests.factories import actor, bodies, make_tenant, say

MOST_BYTES_OF_A_CHAT = 21_760
PARTS = "**/chat-widget/*-*.js*"

pytestmark = pytest.mark.usefixtures("host_errors")


@pytest.fixture
def tenant(server):
    return make_tenant(welcome_message="")


@pytest.fixture
def shop(server, tenant):
    with Shop(server.url) as shop:
        shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
        yield shop


@pytest.fixture
def loaded(page: Page) -> list[str]:
    """The names of the widget's files that the page has asked for, in this order."""
    names = []

    def note(request) -> None:
        if found := re.search(r"/chat-widget(?:/(\w+)-\w+)?\.js", request.url):
            names.append(found[1] or "core")

    page.on("request", note)
    return names


def the_session() -> ChatSession:
    return ChatSession.objects.get()


def begin(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    open_chat(page)
    write(page, "Is the fern safe for cats?")
    expect_sent(page, "Is the fern safe for cats?")
    expect(page.get_by_role("button", name="Emoji")).to_be_visible()


def answered(page: Page, agent, text: str = "It is.") -> None:
    apart(services.accept_session, the_session().session_id, actor(agent))
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    apart(say, the_session(), text, agent=agent)
    expect(message(page, text)).to_be_visible()


def close_window(page: Page) -> None:
    page.get_by_role("button", name="Close chat").last.click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_plain_chat_loads_two_files(page: Page, shop, alice, loaded):
    begin(page, shop)
    answered(page, alice)
    write(page, "Thank you")
    expect_sent(page, "Thank you")
    close_window(page)
    page.reload()
    open_chat(page)
    expect(message(page, "Thank you")).to_be_visible()
    expect(page.get_by_text("Your chat has been restored")).to_be_visible()
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert loaded == ["core", "talking"] * 2
    [talking] = (FOLDER / "parts").glob("talking-*.js")
    size = sum(len(brotli.compress(path.read_bytes())) for path in (FOLDER / "chat-widget.js", talking))
    assert size <= MOST_BYTES_OF_A_CHAT


def expect_part(page: Page, loaded: list[str], name: str, act: Callable, effect: Callable) -> None:
    """`name` is loaded by what `act` does, and not before; and it has its `effect`."""
    page.wait_for_load_state("networkidle")
    assert name not in loaded
    act()
    effect()
    assert loaded.count(name) == 1


def test_an_address_loads_links(page: Page, shop, alice, loaded):
    begin(page, shop)
    link = page.get_by_role("link", name="https://shop.example/fern")
    expect_part(
        page,
        loaded,
        "links",
        lambda: answered(page, alice, "See https://shop.example/fern."),
        lambda: expect(link).to_have_attribute("href", "https://shop.example/fern"),
    )


def test_the_first_message_that_is_not_seen_loads_what_calls_the_visitor(page: Page, shop, alice, loaded):
    begin(page, shop)
    answered(page, alice)
    close_window(page)
    expect_part(
        page,
        loaded,
        "unread",
        lambda: apart(say, the_session(), "For all cats.", agent=alice),
        lambda: expect(page).to_have_title("(1) Shop"),
    )


def test_a_text_near_the_limit_loads_the_counter(page: Page, shop, loaded):
    begin(page, shop)
    expect_part(
        page,
        loaded,
        "unsent",
        lambda: box(page).fill("x" * 3995),
        lambda: expect(page.get_by_text("5 characters left")).to_be_visible(),
    )


def test_a_text_that_fails_loads_its_retry(page: Page, shop, alice, loaded):
    begin(page, shop)

    def fail() -> None:
        page.context.set_offline(True)
        write(page, "And for dogs?")
        apart(services.end_session, the_session().session_id, services.VISITOR)
        page.context.set_offline(False)

    # Not red before the part is there, but said all the same.
    failed = message(page, "And for dogs?")
    expect_part(
        page,
        loaded,
        "unsent",
        fail,
        lambda: expect(failed.locator(".meta")).to_have_css("color", "rgb(185, 28, 36)"),
    )
    expect(failed).to_contain_text("Not sent")


def test_an_end_that_is_near_loads_the_countdown(page: Page, shop, loaded):
    begin(page, shop)

    def idle() -> None:
        page.reload()  # by then nothing has been used
        page.wait_for_function("CallCenterChat.getState().isOnline")
        idle_for(page, minutes=28, seconds=30)
        wake(page)

    warning = page.get_by_text("will be closed in")
    expect_part(page, loaded, "expiry", idle, lambda: expect(warning.first).to_be_visible())


def test_an_end_loads_the_rating(page: Page, shop, alice, loaded):
    begin(page, shop)
    answered(page, alice)
    expect_part(
        page,
        loaded,
        "rating",
        lambda: apart(services.end_session, the_session().session_id, actor(alice)),
        lambda: expect(page.get_by_role("radio", name="5 stars")).to_be_visible(),
    )


def test_an_agents_file_loads_files_and_has_its_place_at_once(page: Page, shop, alice, loaded):
    begin(page, shop)
    answered(page, alice)
    held: list[Route] = []
    page.route("**/chat-widget/files-*", lambda route: held.append(route))

    def send() -> None:
        upload = SimpleUploadedFile("fern.png", picture())
        attachments.post_attachment(the_session(), "0b0c4ab0-9a44-4b33-9f0f-1b0e7cf0a6f1", upload, actor(alice))

    def effect() -> None:
        bubble = message(page, "fern.png").locator(".bubble")
        expect(bubble).to_be_visible()
        before = bubble.bounding_box()
        wait_for(page, lambda: held)
        held.pop().continue_()
        image = page.get_by_role("img", name="fern.png")
        expect(image).to_have_js_property("naturalWidth", 480)
        after = page.locator(".bubble.picture").bounding_box()
        assert [round(after[side]) for side in ("width", "height")] == [
            round(before[side]) for side in ("width", "height")
        ]

    expect_part(page, loaded, "files", lambda: apart(send), effect)


@pytest.mark.parametrize("order", [("files", "links"), ("links", "files")])
def test_what_comes_first_does_not_change_the_look(page: Page, shop, loaded, order):
    begin(page, shop)
    for part in order:
        if part == "files":
            give(page, "drop", ("one.pdf", "application/pdf", PDF))
            expect_sent(page, "one.pdf")
        else:
            write(page, "See https://shop.example/fern")
            expect(page.get_by_role("link", name="https://shop.example/fern")).to_be_visible()
    assert tuple(part for part in loaded if part in order) == order
    expect(page.get_by_role("link", name="one.pdf")).to_have_css("text-decoration-line", "none")
    expect(page.get_by_role("link", name="https://")).to_have_css("text-decoration-line", "underline")


def test_where_nobody_is_or_a_name_is_wanted_the_form_is_loaded(page: Page, server, loaded):
    for tenant, part, form in (
        (make_tenant("closed", offline_form=True), "offline", page.get_by_role("form", name="Leave a message")),
        (make_tenant("curious", prechat_form="optional"), "prechat", page.get_by_role("textbox", name="Name")),
    ):
        with Shop(server.url) as shop:
            shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
            page.goto(shop.url)
            expect_part(
                page,
                loaded,
                part,
                page.get_by_role("button", name="Open chat").click,
                lambda form=form: expect(form).to_be_visible(),
            )


@pytest.mark.parametrize("part", ["emoji", "transcript_download", "end_dialog"])
def test_what_is_clicked_while_its_part_is_slow_is_done_once(page: Page, shop, loaded, part):
    begin(page, shop)
    held: list[Route] = []
    page.route(f"**/chat-widget/{part}-*", lambda route: held.append(route))
    name = {"emoji": "Emoji", "transcript_download": "Download transcript", "end_dialog": "End Chat"}[part]
    downloads = []
    page.on("download", lambda download: downloads.append(download))
    for _ in range(3):
        page.get_by_role("button", name=name).click()
    wait_for(page, lambda: held)
    held.pop().continue_()
    if part == "emoji":
        expect(page.get_by_role("dialog", name="Emoji")).to_have_count(1)
    elif part == "end_dialog":
        expect(page.get_by_role("alertdialog")).to_have_count(1)
    else:
        wait_for(page, lambda: downloads)
    page.wait_for_load_state("networkidle")
    assert (len(downloads), loaded.count(part)) == (part == "transcript_download", 1)


@pytest.mark.parametrize("how", ["drop", "paste", "button"])
def test_a_file_that_is_given_while_its_part_is_slow_is_sent(page: Page, shop, loaded, how):
    begin(page, shop)
    held: list[Route] = []
    page.route("**/chat-widget/files-*", lambda route: held.append(route))
    names = ["one.pdf", "two.pdf"]
    for name in names:
        if how == "button":
            choose(page, (name, PDF))
        else:
            assert give(page, how, (name, "application/pdf", PDF))
    wait_for(page, lambda: held)
    held.pop().continue_()
    for name in names:
        expect(page.get_by_role("link", name=name)).to_be_visible()
    assert sent_names() == names
    assert loaded.count("files") == 1
    expect(row(page, "one.pdf")).to_have_count(1)


def test_a_part_that_fails_once_comes_with_the_next_need_or_connection(page: Page, shop, alice, loaded):
    begin(page, shop)
    answered(page, alice)
    page.route("**/chat-widget/*", lambda route: route.abort())
    close_window(page)
    apart(say, the_session(), "See https://shop.example/fern", agent=alice)
    expect(page.get_by_role("button", name="Open chat")).to_have_attribute("aria-description", "1 new message")
    open_chat(page)
    expect(message(page, "See https://")).to_be_visible()
    wait_for(page, lambda: {"unread", "links"} <= set(loaded))
    page.unroute("**/chat-widget/*")
    expect(page.get_by_role("link")).to_have_count(0)

    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. Messages are kept")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("link", name="https://shop.example/fern")).to_be_visible()
    close_window(page)
    apart(say, the_session(), "For all cats.", agent=alice)
    expect(page).to_have_title("(1) Shop")


def test_under_a_strict_policy_every_part_comes_and_nothing_is_violated(page: Page, shop, server, alice, loaded):
    shop.headers["Content-Security-Policy"] = POLICY.format(url=server.url, ws_url=server.ws_url)
    page.add_init_script(REPORT_VIOLATIONS)
    begin(page, shop)
    answered(page, alice, "See https://shop.example/fern")
    box(page).fill("x" * 3995)
    expect(page.get_by_text("5 characters left")).to_be_visible()
    box(page).fill("")
    give(page, "drop", ("one.pdf", "application/pdf", PDF))
    expect(page.get_by_role("link", name="one.pdf")).to_be_visible()
    page.get_by_role("button", name="Emoji").click()
    expect(page.get_by_role("dialog", name="Emoji")).to_be_visible()
    close_window(page)
    apart(say, the_session(), "For all cats.", agent=alice)
    expect(page).to_have_title("(1) Shop")
    open_chat(page)
    end_chat(page)
    expect(page.get_by_role("radio", name="5 stars")).to_be_visible()
    assert {"links", "unsent", "files", "emoji", "unread", "end_dialog", "rating"} <= set(loaded)
    assert page.evaluate("violations") == []


def test_with_every_part_blocked_the_core_alone_carries_a_whole_chat(page: Page, shop, alice, loaded):
    page.route(PARTS, lambda route: route.abort())
    page.goto(shop.url)
    page.get_by_role("button", name="Open chat").click()
    expect(box(page)).to_be_focused()
    for text in ("Is the fern safe for cats?", "And for dogs?"):
        write(page, text)
        expect_sent(page, text)
    answered(page, alice, "For both, see https://shop.example/fern")

    page.reload()
    if page.locator(".launcher").get_attribute("aria-expanded") == "false":
        page.get_by_role("button", name="Open chat").click()
    expect(message(page, "For both")).to_be_visible()
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()

    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. Messages are kept")).to_be_visible()
    for text in ("Thank you", "I take two"):
        write(page, text)
        expect(message(page, text)).to_contain_text("Sending…")
    page.context.set_offline(False)
    for text in ("Thank you", "I take two"):
        expect_sent(page, text)
    expect(page.locator("li.message .bubble")).to_have_text(
        [
            "Is the fern safe for cats?",
            "And for dogs?",
            "For both, see https://shop.example/fern",
            "Thank you",
            "I take two",
        ]
    )
    first = the_session()
    assert apart(bodies, first)[-2:] == ["Thank you", "I take two"]

    page.get_by_role("button", name="End Chat").click()
    expect(page.get_by_role("alert")).to_have_text("This could not be loaded. Please try again.")
    apart(services.end_session, first.session_id, actor(alice))
    expect(page.get_by_text("This chat has ended.")).to_be_visible()
    page.get_by_role("button", name="Start a new chat").click()
    write(page, "One more thing")
    expect_sent(page, "One more thing")
    assert ChatSession.objects.count() == 2
    assert "talking" in loaded
