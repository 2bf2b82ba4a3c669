"""The form before the first message: off, optional, required."""

import re

import pytest
from playwright.sync_api import Page, expect

from sessions_app.models import ChatSession
from tests.browser.shop import Shop, box, end_chat, expect_sent, write
from tests.factories import make_tenant

pytestmark = pytest.mark.usefixtures("host_errors")


def visit(page: Page, shop: Shop, prechat_form: str, options: str = "{}") -> None:
    shop.start(page, make_tenant(prechat_form=prechat_form, welcome_message=""), options)
    page.get_by_role("button", name="Open chat").click()


def field(page: Page, name: str):
    return page.get_by_role("textbox", name=name, exact=True)


def start(page: Page) -> None:
    page.get_by_role("button", name="Start chatting").click()


def visitors() -> list[tuple[str, str]]:
    return list(ChatSession.objects.order_by("pk").values_list("customer_name", "customer_email"))


def test_a_tenant_that_does_not_ask_has_no_form(page: Page, shop):
    visit(page, shop, "off")
    write(page, "hi there")
    expect_sent(page, "hi there")
    expect(field(page, "Name")).to_have_count(0)


def test_a_required_form_stands_before_the_first_message_and_tells_who_it_is(page: Page, shop):
    visit(page, shop, "required")
    expect(field(page, "Name")).to_be_visible()
    expect(box(page)).to_be_hidden()
    expect(page.get_by_role("button", name="Skip")).to_have_count(0)

    start(page)
    expect(page.get_by_role("alert").filter(has_text="Please tell us your name")).to_be_visible()
    expect(field(page, "Name")).to_be_focused()
    expect(field(page, "Name")).to_have_accessible_description("Please tell us your name.")
    field(page, "Name").fill("Vera")
    field(page, "E-mail").fill("vera at shop")
    start(page)
    expect(page.get_by_role("alert").filter(has_text="Please write an e-mail address")).to_be_visible()
    expect(field(page, "E-mail")).to_be_focused()
    expect(field(page, "E-mail")).to_have_accessible_description(re.compile("Please write an e-mail address"))
    expect(field(page, "Name")).to_have_accessible_description("")
    field(page, "E-mail").fill(" vera@shop.example ")
    field(page, "E-mail").press("Enter")

    expect(box(page)).to_be_focused()
    write(page, "hi there")
    expect_sent(page, "hi there")
    assert visitors() == [("Vera", "vera@shop.example")]


def test_before_the_form_is_answered_nothing_is_connected_and_nothing_can_be_ended(page: Page, shop):
    visit(page, shop, "required")
    expect(field(page, "Name")).to_be_visible()
    expect(page.get_by_text("Connected", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="End Chat")).to_be_hidden()
    field(page, "Name").fill("Vera")
    field(page, "E-mail").fill("vera@shop.example")
    start(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="End Chat")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(568, 320), (320, 480)], ids=["lying", "standing"])
def test_on_a_small_phone_the_forms_buttons_are_in_sight(page: Page, shop, width, height):
    page.set_viewport_size({"width": width, "height": height})
    visit(page, shop, "optional")
    for name in ("Skip", "Start chatting"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    # With a problem above them, too, or a scroll away.
    field(page, "E-mail").fill("vera")
    start(page)
    expect(page.get_by_role("alert").filter(has_text="Please write an e-mail")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Start chatting").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Start chatting")).to_be_in_viewport(ratio=1)


def test_what_is_half_written_in_the_form_outlives_a_reload_and_goes_with_the_answer(page: Page, shop):
    visit(page, shop, "required")
    field(page, "Name").fill("Vera")
    field(page, "E-mail").fill("vera@")
    expect(page.locator(".dot")).to_have_class("dot ready")  # of a chat there is the window opens again
    page.reload()
    expect(field(page, "Name")).to_have_value("Vera")
    expect(field(page, "E-mail")).to_have_value("vera@")
    field(page, "E-mail").fill("vera@shop.example")
    start(page)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert "vera" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_without_persist_messages_nothing_of_the_form_is_kept(page: Page, shop):
    visit(page, shop, "optional", "{persistMessages: false}")
    field(page, "Name").fill("Vera")
    expect(page.locator(".dot")).to_have_class("dot ready")
    page.reload()
    expect(field(page, "Name")).to_have_value("")


def test_an_optional_form_may_be_skipped_and_is_not_shown_again(page: Page, shop):
    visit(page, shop, "optional")
    page.get_by_role("button", name="Skip").click()
    expect(box(page)).to_be_focused()
    write(page, "hi there")
    expect_sent(page, "hi there")
    page.reload()
    expect(page.get_by_text("hi there")).to_be_attached()
    expect(field(page, "Name")).to_have_count(0)
    assert visitors() == [("", "")]


def test_an_optional_form_takes_a_name_alone(page: Page, shop):
    visit(page, shop, "optional")
    field(page, "Name").fill("Vera")
    start(page)
    write(page, "hi there")
    expect_sent(page, "hi there")
    assert visitors() == [("Vera", "")]


def test_whom_the_site_knows_is_not_asked(page: Page, shop):
    shop.scripts["/who.js"] = "CallCenterChat.identify({name: 'Vera', email: 'vera@shop.example'})"
    shop.body += '<script src="/who.js"></script>'
    visit(page, shop, "required")
    expect(page.get_by_role("button", name="Attach files")).to_be_visible()  # the tenant's settings are there
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    expect(field(page, "Name")).to_have_count(0)
    write(page, "hi there")
    expect_sent(page, "hi there")
    assert visitors() == [("Vera", "vera@shop.example")]


def test_the_next_chat_of_the_page_knows_the_answer(page: Page, shop):
    visit(page, shop, "required")
    field(page, "Name").fill("Vera")
    field(page, "E-mail").fill("vera@shop.example")
    start(page)
    write(page, "hi there")
    expect_sent(page, "hi there")
    end_chat(page)
    page.get_by_role("button", name="Start a new chat").click()
    write(page, "once more")
    expect_sent(page, "once more")
    assert visitors() == [("Vera", "vera@shop.example")] * 2
