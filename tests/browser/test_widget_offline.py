"""While no agent is there: a message instead of a chat."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from agents_app.models import Agent, Availability
from sessions_app.models import ChatSession, OfflineMessage
from tests.browser.apart import apart
from tests.browser.desk import Held
from tests.browser.shop import Shop, box, expect_sent, message, open_chat, write
from tests.factories import make_agent, make_tenant

pytestmark = pytest.mark.usefixtures("host_errors")

TEXT = "Is the fern safe for cats?"


@pytest.fixture
def tenant(server):
    return make_tenant(offline_form=True, welcome_message="")


@pytest.fixture
def shop(server, tenant):
    with Shop(server.url) as shop:
        shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
        yield shop


def form(page: Page) -> Locator:
    return page.get_by_role("form", name="Leave a message")


def field(page: Page, name: str) -> Locator:
    return form(page).get_by_role("textbox", name=name, exact=True)


def visit(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.get_by_role("button", name="Open chat").click()
    expect(form(page)).to_be_visible()


def fill(page: Page, text: str = TEXT, email: str = "vera@shop.example", name: str = "Vera") -> None:
    field(page, "Name (optional)").fill(name)
    field(page, "E-mail").fill(email)
    field(page, "Message").fill(text)


def send(page: Page) -> None:
    form(page).get_by_role("button", name="Send message").click()


def bottom_of(locator: Locator) -> float:
    place = locator.bounding_box()
    return place["y"] + place["height"]


def left() -> list[tuple[str, str, str]]:
    return list(OfflineMessage.objects.order_by("pk").values_list("name", "email", "body"))


def close(page: Page) -> None:
    page.get_by_role("button", name="Close chat").locator("visible=true").first.click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_message_is_left_and_no_chat_begun(page: Page, shop):
    visit(page, shop)
    expect(page.locator(".status")).to_have_text("Nobody is here right now")
    expect(field(page, "E-mail")).to_be_focused()
    expect(page.get_by_role("list", name="Conversation")).to_have_count(0)
    fill(page)
    send(page)

    thanks = page.get_by_text("Thank you! We will answer to vera@shop.example.")
    expect(thanks.locator("visible=true")).to_be_focused()
    [row] = OfflineMessage.objects.all()
    assert (row.name, row.email, row.body, row.page_title) == ("Vera", "vera@shop.example", TEXT, "Shop")
    assert row.page_url == shop.url
    assert not ChatSession.objects.exists()
    assert page.evaluate("Object.keys(localStorage)") == []

    page.get_by_role("button", name="Write another message").click()
    expect(field(page, "Message")).to_be_focused()
    field(page, "Message").fill("And for dogs?")
    send(page)
    expect(thanks.locator("visible=true")).to_be_visible()
    assert [body for _, _, body in left()] == [TEXT, "And for dogs?"]


def test_after_the_thanks_the_next_opening_begins_anew(page: Page, shop):
    visit(page, shop)
    fill(page)
    send(page)
    expect(page.get_by_role("button", name="Write another message")).to_be_visible()
    close(page)
    page.get_by_role("button", name="Open chat").click()
    expect(field(page, "Message")).to_be_visible()
    expect(field(page, "Message")).to_have_value("")


def test_what_is_missing_is_said_where_it_is(page: Page, shop):
    visit(page, shop)
    alert = page.get_by_role("alert").locator("visible=true")
    for email in ("", "vera at shop"):
        fill(page, email=email)
        send(page)
        expect(alert).to_have_text("Please write an e-mail address such as vera@shop.example.")
        expect(field(page, "E-mail")).to_be_focused()
        expect(field(page, "E-mail")).to_have_attribute("aria-invalid", "true")
        expect(field(page, "E-mail")).to_have_accessible_description(re.compile("Please write an e-mail"))
        expect(field(page, "E-mail")).to_have_css("border-color", "rgb(185, 28, 36)")
        below = alert.bounding_box()["y"] - bottom_of(field(page, "E-mail"))
        assert 0 < below < 20
    fill(page, text="  ")
    send(page)
    expect(alert).to_have_text("Please write a message.")
    assert bottom_of(field(page, "Message")) < alert.bounding_box()["y"]
    expect(field(page, "Message")).to_be_focused()
    expect(field(page, "E-mail")).not_to_have_attribute("aria-invalid", "true")
    fill(page, text="x" * 4002)
    send(page)
    expect(alert).to_have_text("2 characters too many")
    # The server is stricter than the form.
    fill(page, email="vera@shop..example")
    send(page)
    expect(alert).to_have_text("Please write an e-mail address such as vera@shop.example.")
    assert left() == []


def test_what_is_typed_outlives_a_reload_and_a_failure_and_arrives_once(page: Page, shop):
    visit(page, shop)
    fill(page)
    page.reload()
    page.get_by_role("button", name="Open chat").click()
    expect(field(page, "Message")).to_have_value(TEXT)
    expect(field(page, "E-mail")).to_have_value("vera@shop.example")

    def lose(route) -> None:
        route.fetch()
        route.abort()

    page.route("**/public/offline", lose, times=1)
    send(page)
    expect(page.get_by_text("Your message could not be sent.")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Open chat").click()
    expect(field(page, "Message")).to_have_value(TEXT)
    send(page)
    expect(page.get_by_role("button", name="Write another message")).to_be_visible()
    assert left() == [("Vera", "vera@shop.example", TEXT)]
    page.reload()
    page.get_by_role("button", name="Open chat").click()
    expect(field(page, "Message")).to_have_value("")


def test_another_text_after_a_failure_is_another_message(page: Page, shop):
    visit(page, shop)
    fill(page)

    def lose(route) -> None:
        route.fetch()
        route.abort()

    page.route("**/public/offline", lose, times=1)
    send(page)
    expect(page.get_by_text("Your message could not be sent.")).to_be_visible()
    field(page, "Message").fill("And for dogs?")
    send(page)
    expect(page.get_by_role("button", name="Write another message")).to_be_visible()
    assert [body for _, _, body in left()] == [TEXT, "And for dogs?"]


def test_without_persist_messages_nothing_is_kept(page: Page, server, tenant):
    with Shop(server.url) as shop:
        shop.start(page, tenant, "{persistMessages: false}")
        page.get_by_role("button", name="Open chat").click()
        fill(page)
        page.reload()
        page.get_by_role("button", name="Open chat").click()
        expect(field(page, "Message")).to_have_value("")
        assert page.evaluate("Object.keys(sessionStorage)") == []


def test_too_many_are_told_to_wait(page: Page, start_server, tenant):
    server = start_server(CHAT_OFFLINE_RATES="1/60s")
    with Shop(server.url) as shop:
        shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
        visit(page, shop)
        fill(page)
        send(page)
        page.get_by_role("button", name="Write another message").click()
        field(page, "Message").fill("And for dogs?")
        send(page)
        expect(page.get_by_text("That was a lot at once.")).to_be_visible()
        expect(field(page, "Message")).to_have_value("And for dogs?")


def test_when_an_agent_has_come_the_next_opening_is_a_chat_with_what_was_typed(page: Page, shop, tenant):
    visit(page, shop)
    fill(page)
    close(page)
    apart(make_agent, "alice", tenants=[tenant])
    page.get_by_role("button", name="Open chat").click()
    expect(box(page)).to_be_focused()
    expect(form(page)).to_have_count(0)
    expect(box(page)).to_have_value(TEXT)
    box(page).press("Enter")
    expect_sent(page, TEXT)
    assert left() == []


def test_while_everybody_is_away_it_stays_at_the_form_and_takes_the_focus(page: Page, shop, tenant):
    agent = apart(make_agent, "alice", tenants=[tenant])
    Agent.objects.filter(pk=agent.pk).update(availability=Availability.AWAY)
    visit(page, shop)
    fill(page)
    close(page)
    page.get_by_role("button", name="Open chat").click()
    expect(field(page, "Message")).to_be_focused()
    expect(field(page, "Message")).to_have_value(TEXT)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Open chat")).to_be_focused()


def test_a_chat_that_there_is_goes_on_though_the_agents_have_gone(page: Page, shop, tenant):
    agent = apart(make_agent, "alice", tenants=[tenant])
    page.goto(shop.url)
    open_chat(page)
    write(page, TEXT)
    expect_sent(page, TEXT)
    agent.delete()
    page.reload()
    open_chat(page)
    expect(message(page, TEXT)).to_be_visible()
    write(page, "still here")
    expect_sent(page, "still here")


def test_the_next_chat_after_an_end_may_be_a_message(page: Page, shop, tenant):
    agent = apart(make_agent, "alice", tenants=[tenant])
    page.goto(shop.url)
    open_chat(page)
    write(page, TEXT)
    expect_sent(page, TEXT)
    agent.delete()
    page.get_by_role("button", name="End Chat").click()
    page.get_by_role("alertdialog").get_by_role("button", name="End Chat").click()
    page.get_by_role("button", name="Start a new chat").click()
    expect(form(page)).to_be_visible()
    expect(page.get_by_role("list", name="Conversation")).to_have_count(0)


def test_what_is_written_before_the_answer_comes_is_in_the_form(page: Page, shop):
    start = Held(page, "**/public/start", method="POST")
    page.goto(shop.url)
    page.get_by_role("button", name="Open chat").click()
    box(page).fill("hello")
    box(page).press("Enter")
    box(page).fill("half a sen")
    start.let_go()
    expect(field(page, "Message")).to_have_value("hello\nhalf a sen")
    expect(form(page).locator(":focus")).to_have_count(1)


def test_whom_the_site_knows_is_there_already(page: Page, shop, tenant):
    page.goto(shop.url)
    page.evaluate("CallCenterChat.identify({name: 'Vera', email: 'vera@shop.example'}); CallCenterChat.open()")
    expect(field(page, "E-mail")).to_have_value("vera@shop.example")
    expect(field(page, "Message")).to_be_focused()


def test_a_form_that_cannot_be_loaded_leaves_a_way_to_ask_again(page: Page, shop, tenant):
    page.route("**/offline-*.js*", lambda route: route.abort())
    page.goto(shop.url)
    page.get_by_role("button", name="Open chat").click()
    expect(page.get_by_text("Nobody is here right now. Please try again later.")).to_be_visible()
    page.unroute("**/offline-*.js*")
    page.get_by_role("button", name="Try again").click()
    expect(form(page)).to_be_visible()


def test_a_chat_of_another_tab_takes_the_forms_place(page: Page, context, shop, tenant):
    visit(page, shop)
    fill(page)
    apart(make_agent, "alice", tenants=[tenant])
    other = context.new_page()
    other.goto(shop.url)
    open_chat(other)
    write(other, "hello")
    expect_sent(other, "hello")
    expect(message(page, "hello")).to_be_visible()
    expect(box(page)).to_have_value(TEXT)


def test_an_outage_is_no_reason_for_the_form(page: Page, shop, tenant):
    page.goto(shop.url)
    page.route("**/public/start", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("button", name="Open chat").click()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    expect(form(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "title", "direction"),
    [("fr", "Laissez un message", "ltr"), ("ar", "اترك رسالة", "rtl"), ("ja", "メッセージを残す", "ltr")],
)
def test_it_speaks_the_visitors_language(page: Page, server, tenant, locale, title, direction):
    with Shop(server.url) as shop:
        shop.start(page, tenant, f"{{locale: '{locale}'}}")
        page.locator(".launcher").click()
        heading = page.get_by_role("form", name=re.compile(title))
        expect(heading).to_be_visible()
        assert heading.evaluate("node => getComputedStyle(node).direction") == direction
        assert page.locator(".window").evaluate("node => node.scrollWidth <= node.clientWidth")
