"""The pictures of the documentation; bin/screenshots runs this. Not part of the tests."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from sessions_app import services
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.browser.shop import message
from tests.factories import PASSWORD, actor, age, make_agent, make_session, make_tenant, say

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
SHOP = "https://shop.example"
DESK = {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 1}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
ENGLISH = [
    "Hello, my parcel was due yesterday.",
    "Hi Vera, let me look that up.",
    "It left our warehouse this morning and arrives tomorrow before noon.",
    "Wonderful, thank you!",
]
ARABIC = [
    "مرحبًا، كان من المفترض أن يصل طردي أمس.",
    "مرحبًا فيرا، سأتحقق من ذلك حالًا.",
    "غادر الطرد مستودعنا هذا الصباح وسيصل غدًا قبل الظهر.",
    "رائع، شكرًا لك!",
]
ARABIC_LOOK = {"locale": "ar", "title": "تحدث معنا", "subtitle": "نرد عادةً خلال بضع دقائق"}
ARABIC_LOOK |= {"welcome_message": "مرحبًا! كيف يمكننا مساعدتك؟"}


@pytest.fixture
def visit(browser: Browser, server):
    """A visitor's page with the widget open, in a browser with these options."""
    contexts = []

    def visit(**options) -> Page:
        context = browser.new_context(base_url=server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto("/widget-demo.html")
        page.locator(".launcher").click()
        expect(page.locator(".dot.ready")).to_be_visible()
        return page

    yield visit
    for context in contexts:
        context.close()


def write(page: Page, text: str) -> None:
    page.locator("textarea").fill(text)
    page.locator("textarea").press("Enter")
    expect(message(page, text)).to_have_class(re.compile("sent|read"))


def talk(page: Page, alice, texts: list[str]) -> ChatSession:
    """Vera asks, alice answers twice, vera thanks."""
    write(page, texts[0])
    ChatSession.objects.update(customer_name="Vera", customer_email="vera@example.com")
    vera = ChatSession.objects.get()
    apart(services.accept_session, UUID(str(vera.session_id)), apart(actor, alice))
    for text in texts[1:3]:
        apart(say, vera, text, agent=alice)
        expect(message(page, text)).to_be_visible()
    write(page, texts[3])
    page.wait_for_load_state("networkidle")
    return vera


def take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


def others(tenant) -> None:
    for name, page, text, minutes in (
        ("Walter", "Delivery", "Do you deliver to islands?", 4),
        ("Yuki", "Returns", "How do I send something back?", 2),
    ):
        session = make_session(
            tenant, says=text, customer_name=name, metadata={"page_url": f"{SHOP}/{page.lower()}", "page_title": page}
        )
        age(session, only=("waiting_since", "created_at"), minutes=minutes)


def test_widget_and_console(visit):
    tenant = make_tenant(name="Demo shop")
    alice = apart(make_agent, "alice", tenants=[tenant])
    page = visit(**DESK)
    vera = talk(page, alice, ENGLISH)
    apart(others, tenant)

    console = page.context.new_page()
    console.goto(f"/agent/chats/{vera.session_id}/")
    console.get_by_label("Username").fill("alice")
    console.get_by_label("Password").fill(PASSWORD)
    console.get_by_role("button", name="Log in").click()
    expect(console.get_by_text("Wonderful, thank you!").first).to_be_visible()
    expect(console.get_by_text("How do I send something back?").first).to_be_visible()
    take(console, "console")
    page.bring_to_front()
    take(page, "widget")


@pytest.mark.parametrize(
    ("name", "options", "look", "texts"),
    [
        ("widget-dark", DESK | {"color_scheme": "dark"}, {}, ENGLISH),
        ("widget-phone", PHONE, {}, ENGLISH),
        ("widget-rtl", DESK, ARABIC_LOOK, ARABIC),
    ],
)
def test_widget_in_other_looks(visit, name, options, look, texts):
    tenant = make_tenant(**look)
    alice = apart(make_agent, "alice", tenants=[tenant])
    page = visit(**options)
    talk(page, alice, texts)
    take(page, name)


def test_widget_before_the_first_word_and_at_the_end(visit):
    make_tenant()
    page = visit(**DESK)
    take(page, "widget-new")
    page.locator(".end").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    take(page, "widget-end")
