"""The pictures of the README; bin/screenshots runs this. Not part of the tests."""

from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect

from sessions_app import services
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.factories import PASSWORD, actor, age, make_agent, make_session, make_tenant, say

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
SHOP = "https://shop.example"


@pytest.fixture
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1280, "height": 800}, "device_scale_factor": 1}


def others(tenant):
    for name, page, text, minutes in (
        ("Walter", "Delivery", "Do you deliver to islands?", 4),
        ("Yuki", "Returns", "How do I send something back?", 2),
    ):
        session = make_session(
            tenant, says=text, customer_name=name, metadata={"page_url": f"{SHOP}/{page.lower()}", "page_title": page}
        )
        age(session, only=("waiting_since", "created_at"), minutes=minutes)


def test_screenshots(page, server, context):
    tenant = make_tenant(name="Demo shop")
    alice = apart(make_agent, "alice", tenants=[tenant])
    page.goto("/widget-demo.html")
    page.get_by_role("button", name="Open chat").click()
    box = page.get_by_role("textbox", name="Message")

    def write(text):
        box.fill(text)
        box.press("Enter")

    write("Hello, my parcel was due yesterday.")
    expect(page.get_by_text("Sent", exact=False).first).to_be_visible()
    [vera] = ChatSession.objects.all()
    ChatSession.objects.update(customer_name="Vera", customer_email="vera@example.com")
    apart(services.accept_session, UUID(str(vera.session_id)), apart(actor, alice))
    apart(say, vera, "Hi Vera, let me look that up.", agent=alice)
    apart(say, vera, "It left our warehouse this morning and arrives tomorrow before noon.", agent=alice)
    expect(page.get_by_text("It left our warehouse")).to_be_visible()
    write("Wonderful, thank you!")
    expect(page.get_by_text("Wonderful")).to_be_visible()
    apart(others, tenant)
    page.wait_for_load_state("networkidle")

    console = context.new_page()
    console.goto(f"/agent/chats/{vera.session_id}/")
    console.get_by_label("Username").fill("alice")
    console.get_by_label("Password").fill(PASSWORD)
    console.get_by_role("button", name="Log in").click()
    expect(console.get_by_text("Wonderful, thank you!").first).to_be_visible()
    expect(console.get_by_text("How do I send something back?").first).to_be_visible()
    console.screenshot(path=IMAGES / "console.png")
    page.bring_to_front()
    page.screenshot(path=IMAGES / "widget.png")
