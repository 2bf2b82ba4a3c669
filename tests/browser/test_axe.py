"""axe-core finds nothing: the widget in its main states, and every page of the console."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from sessions_app import presence, services
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.browser.shop import Shop, box, expect_sent, message, open_chat, write
from tests.factories import PASSWORD, actor, age, make_agent, make_session, say

AXE = Path(__file__).resolve().parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"
AUDIT = """
    async (within) => {
        const { violations, passes } = await axe.run(within ?? document, { resultTypes: ["violations", "passes"] });
        if (!passes.length) throw new Error("axe saw nothing");
        return violations.map(({ id, nodes }) =>
            `${id}: ${nodes.map(({ target, failureSummary }) => `${target.flat()} ${failureSummary}`).join(" | ")}`);
    }
"""


@pytest.fixture
def shop(server, tenant):
    with Shop(server.url) as shop:
        yield shop


def found(page: Page, within: str | None = None) -> list[str]:
    # What is on its way in is half transparent, and so is its contrast.
    page.evaluate(
        """() => {
            const { shadowRoot } = document.querySelector("#cc-chat-widget") ?? {};
            const moving = [...document.getAnimations(), ...(shadowRoot?.getAnimations() ?? [])];
            for (const animation of moving) {
                if (animation.effect.getComputedTiming().iterations !== Infinity) animation.finish();
            }
        }"""
    )
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    return page.evaluate(AUDIT, within)


def found_in_widget(page: Page) -> list[str]:
    return found(page, "#cc-chat-widget")


def test_axe_sees_into_the_widget(page: Page, shop, tenant):
    shop.start(page, tenant)
    open_chat(page)
    page.locator(".window").evaluate("node => node.append(new Image(9, 9))")
    assert [line.split(":")[0] for line in found_in_widget(page)] == ["image-alt"]


@pytest.mark.parametrize(
    "options",
    [
        "{}",
        "{theme: 'dark'}",
        "{locale: 'ar'}",
        "{primaryColor: '#ffe14d'}",
        "{position: 'bottom-left', theme: 'dark'}",
    ],
)
def test_a_chat_from_the_closed_bubble_to_the_end(page: Page, shop, tenant, alice, options):
    shop.start(page, tenant, options)
    assert found_in_widget(page) == []

    page.locator(".launcher").click()
    expect(page.locator(".dot.ready")).to_be_visible()
    assert found_in_widget(page) == []

    page.locator("textarea").fill("Where is my parcel? https://shop.example/parcel")
    page.locator("textarea").press("Enter")
    expect(page.locator(".visitor .meta")).to_contain_text("·")
    session = ChatSession.objects.get()
    apart(services.accept_session, session.session_id, actor(alice))
    apart(say, session, "It is on its way.", agent=alice)
    expect(message(page, "It is on its way.")).to_be_visible()
    assert found_in_widget(page) == []

    page.locator(".end").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    assert found_in_widget(page) == []
    page.get_by_role("alertdialog").locator(".danger").click()
    expect(page.locator(".notice")).to_be_visible()
    assert found_in_widget(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chat_in_trouble(page: Page, shop, tenant, theme):
    """Failed, too long, offline, and one that the agent has ended."""
    shop.start(page, tenant, f"{{theme: '{theme}'}}")
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    box(page).fill("x" * 4001)
    expect(page.locator(".counter.over")).to_be_visible()
    assert found_in_widget(page) == []
    box(page).fill("")

    page.context.set_offline(True)
    expect(page.get_by_text("You are offline")).to_be_visible()
    write(page, "still here?")
    assert found_in_widget(page) == []
    page.context.set_offline(False)
    expect_sent(page, "still here?")

    page.context.set_offline(True)
    write(page, "never arrives")
    apart(services.end_session, ChatSession.objects.get().session_id, services.VISITOR)
    page.context.set_offline(False)
    expect(page.locator(".notice")).to_be_visible()
    expect(message(page, "never arrives")).to_contain_text("Not sent")
    assert found_in_widget(page) == []


@pytest.mark.parametrize("options", ["{}", "{theme: 'dark'}", "{locale: 'ar'}"])
def test_the_forms_before_and_instead_of_a_chat(page: Page, shop, tenant, options):
    """With what they complain of, too."""
    tenant.prechat_form, tenant.offline_form = "required", True
    tenant.save()
    shop.start(page, tenant, options)
    page.locator(".launcher").click()
    expect(page.locator(".leave")).to_be_visible()
    assert found_in_widget(page) == []
    page.locator(".leave .main").click()
    expect(page.locator(".leave .problem")).to_be_visible()
    assert found_in_widget(page) == []
    page.locator(".leave [type=email]").fill("vera@shop.example")
    page.locator(".leave textarea").fill("Is the fern safe for cats?")
    page.locator(".leave .main").click()
    expect(page.locator(".leave .thanks")).to_be_visible()
    assert found_in_widget(page) == []

    page.locator(".launcher").click()
    apart(make_agent, "alice", tenants=[tenant])
    page.locator(".launcher").click()
    expect(page.locator(".prechat")).to_be_visible()
    assert found_in_widget(page) == []
    page.locator(".prechat .main").click()
    expect(page.locator(".prechat .problem")).to_be_visible()
    assert found_in_widget(page) == []


@pytest.mark.parametrize("options", ["{}", "{theme: 'dark'}", "{locale: 'ar'}"])
def test_files_the_countdown_and_the_rating(page: Page, shop, tenant, alice, options):
    shop.start(page, tenant, options)
    page.locator(".launcher").click()
    expect(page.locator(".dot.ready")).to_be_visible()
    page.locator("input[type=file]").set_input_files(
        [
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"fern"},
            {"name": "notes.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"},
        ]
    )
    expect(page.locator("a.file")).to_be_visible()
    expect(page.get_by_text("notes.exe")).to_be_visible()
    assert found_in_widget(page) == []

    session = ChatSession.objects.get()
    ChatSession.objects.update(last_activity_at=Now() - timedelta(minutes=28, seconds=40))
    apart(lambda: presence.stamp({session.session_id: (True, False)}))
    expect(page.locator(".expiring").locator("visible=true")).to_be_visible()
    assert found_in_widget(page) == []
    page.locator(".launcher").click()
    expect(page.locator(".hint")).to_be_visible()
    assert found_in_widget(page) == []
    page.locator(".launcher").click()

    apart(services.accept_session, session.session_id, actor(alice))
    apart(say, session, "It is safe.", agent=alice)
    apart(services.end_session, session.session_id, actor(alice))
    expect(page.locator(".rating")).to_be_visible()
    assert found_in_widget(page) == []
    page.locator(".rating [type=radio]").nth(3).check(force=True)
    expect(page.locator(".rating .main")).to_be_visible()
    assert found_in_widget(page) == []
    page.route("**/public/rating", lambda route: route.abort())
    page.locator(".rating .main").click()
    expect(page.locator(".rating .problem")).to_be_visible()
    assert found_in_widget(page) == []
    page.unroute("**/public/rating")
    page.locator(".rating .main").click()
    expect(page.locator(".rating .thanks")).to_be_visible()
    assert found_in_widget(page) == []


def test_on_a_phone_with_an_unread_message(page: Page, shop, tenant, alice):
    page.set_viewport_size({"width": 390, "height": 800})
    shop.start(page, tenant)
    open_chat(page)
    write(page, "good day")
    expect_sent(page, "good day")
    session = ChatSession.objects.get()
    apart(services.accept_session, session.session_id, actor(alice))
    assert found_in_widget(page) == []
    page.get_by_role("button", name="Close chat").click()
    apart(say, session, "Hi Vera", agent=alice)
    expect(page.locator(".badge")).to_be_visible()
    assert found_in_widget(page) == []


def test_the_demo_page(page: Page, tenant):
    page.goto("/widget-demo.html")
    expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    assert found(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_console(page: Page, tenant, alice, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto("/agent/")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert found(page) == []
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert found(page) == []

    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state("networkidle")
    assert found(page) == []

    waiting = apart(make_session, tenant, says="Do you deliver to islands?", customer_name="Walter")
    mine = apart(make_session, tenant, says="Where is my parcel?", agent=alice)
    apart(say, mine, "It is on its way.", agent=alice)
    ended = apart(make_session, tenant, says="Bye", agent=alice)
    apart(services.end_session, ended.session.session_id, services.VISITOR)
    gone = apart(make_session, tenant, says="Hello?")
    age(gone, minutes=40)
    apart(services.sweep)
    for started in (waiting, mine, ended, gone):
        page.goto(f"/agent/chats/{started.session.session_id}/")
        expect(page.locator("#transcript, .transcript, [role=log], main").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert found(page) == [], started.session.status

    page.goto(f"/agent/chats/{mine.session.session_id}/")
    page.set_viewport_size({"width": 640, "height": 700})
    page.wait_for_load_state("networkidle")
    assert found(page) == []
