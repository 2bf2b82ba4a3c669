"""How long a chat stays open without its visitor: what the console tells of it, and the hold that agents put on it."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Locator, Page, expect

from sessions_app import presence, services
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.browser.desk import (
    Cuttable,
    Held,
    Visitor,
    begin,
    decision,
    is_live,
    log_in,
    mine,
    panel,
    queue,
    session_of,
    supervise,
    transcript,
)
from tests.browser.test_axe import found
from tests.factories import actor, age

HELD = re.compile(r"held open until \d?\d:\d\d")
MARK = re.compile(r"held until \d?\d:\d\d")


def subtitle(page: Page) -> Locator:
    return page.locator("#chat-subtitle")


def keep(page: Page) -> Locator:
    return page.get_by_role("button", name="Keep open for 1 hour")


def let_go(page: Page) -> Locator:
    return page.get_by_role("button", name="Let go")


def marks(page: Page) -> dict[str, str]:
    """What each row of the queue says of a hold, by its name."""
    rows = queue(page).all()
    return {row.locator(".row-name").text_content(): row.locator(".row-held").text_content() for row in rows}


def is_left_idle(visitor: Visitor, **left: float) -> None:
    """The visitor, who is there, has not used the chat for so long that it will be closed in so much time."""
    session = session_of(visitor)
    idle_since = Now() - session.tenant.session_expiry + timedelta(**left)
    ChatSession.objects.filter(pk=session.pk).update(last_activity_at=idle_since)
    apart(lambda: presence.stamp({session.session_id: (True, False)}))


def test_the_seconds_before_an_idle_chats_end_are_counted_from_the_websites_warning_time_on(
    page, tenant, alice, server
):
    tenant.expiry_warning_seconds = 300
    tenant.save()
    vera = Visitor(server).says("Hello")
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    expect(subtitle(page)).to_have_text("Online")
    is_left_idle(vera, minutes=4)
    expect(subtitle(page)).to_have_text(re.compile(r"^Online, idle: will be closed in (4:00|3:\d\d)$"))
    expect(panel(page)).to_contain_text("idle: will be closed in")
    page.reload()
    expect(subtitle(page)).to_contain_text("idle: will be closed in")


def test_a_chat_that_is_held_outlives_its_visitors_leaving_until_it_is_let_go(page, alice, server):
    vera = begin(page, server)
    session = session_of(vera)
    keep(page).click()
    expect(subtitle(page)).to_have_text(HELD)
    expect(let_go(page)).to_be_focused()
    expect(keep(page)).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text(re.compile(r"^Held open until \d?\d:\d\d"))
    expect(mine(page)).to_contain_text(MARK)

    age(session, minutes=20)
    apart(services.sweep)
    page.reload()
    expect(subtitle(page)).to_have_text(re.compile(r"^Gone for 20:\d\d, held open until \d?\d:\d\d"))
    expect(panel(page)).to_contain_text(re.compile(r"Gone for 20:\d\d, held open until \d?\d:\d\d"))
    session.refresh_from_db()
    assert session.status == "active"

    expect(transcript(page)).to_contain_text("Alice held the chat open for 1 h")

    let_go(page).click()
    expect(subtitle(page)).to_have_text(re.compile("about to be abandoned"))
    expect(transcript(page)).to_contain_text("Alice let the chat go again")
    expect(page.locator("#announcer")).to_have_text("No longer held open.")
    expect(keep(page)).to_be_focused()
    expect(mine(page)).not_to_contain_text("held until")
    apart(services.sweep)
    expect(decision(page)).to_contain_text("The chat comes back if the visitor returns by")
    expect(keep(page)).to_be_hidden()


def test_a_countdown_offers_to_keep_the_chat_and_is_over_with_it(page, alice, server):
    vera = Visitor(server).says("Hello")
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    is_left_idle(vera, seconds=90)
    expect(subtitle(page)).to_contain_text("will be closed in 1:")
    keep(page).click()
    expect(subtitle(page)).to_have_text(HELD)
    expect(subtitle(page)).not_to_contain_text("will be closed")


def test_a_colleague_sees_the_mark_come_and_go_and_after_a_cut_what_a_fresh_fetch_shows(
    page, desk_of, alice, bob, server
):
    Visitor(server, "Vera").says("Hello")
    Visitor(server, "Wim").says("Hi")
    is_live(log_in(page))
    bobs = desk_of("bob")
    cut = Cuttable(bobs)
    bobs.reload()
    is_live(bobs)
    vera, wim = (queue(bobs).filter(has_text=name) for name in ("Vera", "Wim"))
    queue(page).filter(has_text="Vera").get_by_role("link").click()
    keep(page).click()
    expect(vera).to_contain_text(MARK)
    expect(wim).not_to_contain_text("held until")

    cut.cut()
    let_go(page).click()
    expect(keep(page)).to_be_visible()
    queue(page).filter(has_text="Wim").get_by_role("link").click()
    expect(page.locator("#chat-title")).to_have_text("Wim")
    keep(page).click()
    expect(let_go(page)).to_be_visible()
    cut.mend()
    expect(wim).to_contain_text(MARK)
    expect(vera).not_to_contain_text("held until")
    fresh = desk_of("bob")
    assert marks(bobs) == marks(fresh) == {"Vera": "", "Wim": wim.locator(".row-held").text_content()}


def test_the_mark_goes_by_itself_when_the_time_is_over(page, alice, server):
    page.clock.install()
    cut = Cuttable(page)
    begin(page, server)
    keep(page).click()
    expect(mine(page)).to_contain_text(MARK)
    cut.cut()
    page.clock.fast_forward("59:00")
    expect(mine(page)).to_contain_text(MARK)
    page.clock.fast_forward("02:00")
    expect(mine(page)).not_to_contain_text("held until")
    expect(subtitle(page)).not_to_have_text(HELD)
    expect(let_go(page)).to_be_hidden()
    expect(keep(page)).to_be_visible()


def test_a_hold_that_comes_too_late_says_who_has_the_chat_or_why_it_is_over(page, alice, bob, server):
    vera, wim = Visitor(server, "Vera").says("Hello"), Visitor(server, "Wim").says("Hi")
    is_live(log_in(page))
    held = Held(page, "**/hold", method="POST")
    queue(page).filter(has_text="Vera").get_by_role("link").click()
    keep(page).click()
    apart(services.accept_session, session_of(vera).session_id, actor(bob))
    expect(decision(page)).to_have_text("Bob has this chat.")
    held.let_go()
    expect(page.locator("#notice-text")).to_have_text("Bob was faster and has this chat now.")
    expect(keep(page)).to_be_hidden()

    queue(page).filter(has_text="Wim").get_by_role("link").click()
    keep(page).click()
    wim.ends()
    expect(decision(page)).to_have_text("The visitor ended this chat.")
    held.let_go()
    expect(page.locator("#notice-text")).to_have_text("The visitor ended this chat.")


def test_a_present_colleagues_chat_is_held_by_a_supervisor_and_by_nobody_else(page, desk_of, alice, bob, server):
    vera = begin(page, server)
    keep(page).click()
    path = f"/agent/chats/{vera.id}/"
    bobs = desk_of("bob", path=path)
    expect(subtitle(bobs)).to_have_text(HELD)
    expect(let_go(bobs)).to_be_hidden()
    expect(keep(bobs)).to_be_hidden()
    supervise(bob)
    bobs.reload()
    let_go(bobs).click()
    expect(subtitle(page)).not_to_have_text(HELD)
    expect(keep(page)).to_be_visible()


def test_a_chat_is_held_by_keys_and_by_the_palette(page, alice, server):
    begin(page, server)
    page.keyboard.press("Escape")
    expect(transcript(page)).to_be_focused()
    page.keyboard.press("h")
    expect(subtitle(page)).to_have_text(HELD)
    expect(transcript(page)).to_be_focused()

    options = page.get_by_role("dialog", name="Go to or do").get_by_role("option")
    page.keyboard.press("Control+k")
    page.keyboard.type("let the chat go")
    expect(options.first).to_contain_text("Let the chat go again")
    page.keyboard.press("Enter")
    expect(subtitle(page)).not_to_have_text(HELD)
    page.keyboard.press("Control+k")
    page.keyboard.type("keep the chat open")
    expect(options.first).to_contain_text("Keep the chat open for 1 hour")
    page.keyboard.press("Enter")
    expect(subtitle(page)).to_have_text(HELD)
    expect(transcript(page)).to_be_focused()


def test_before_the_end_is_near_the_hold_is_offered_beside_the_visitor(page, alice, server):
    vera = begin(page, server)
    expect(subtitle(page)).to_have_text("Online")
    expect(panel(page)).to_contain_text("Keep open for 1 hour")
    expect(page.locator(".chat-header")).not_to_contain_text("Keep open for 1 hour", use_inner_text=True)
    age(session_of(vera), minutes=3)
    page.reload()
    expect(subtitle(page)).to_contain_text("will be abandoned at 5:00")
    expect(page.locator(".chat-header")).to_contain_text("Keep open for 1 hour", use_inner_text=True)
    expect(keep(page)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_hold_is_among_the_details_and_on_its_key(page, alice, server, scheme):
    page.emulate_media(color_scheme=scheme)
    begin(page, server)
    page.set_viewport_size({"width": 320, "height": 600})
    page.get_by_role("button", name="Details").click()
    expect(keep(page)).to_be_in_viewport(ratio=1)
    details = page.get_by_role("main", name="Visitor")
    assert found(page) == []
    keep(page).click()
    expect(details).to_contain_text(HELD)
    page.set_viewport_size({"width": 1000, "height": 600})
    expect(panel(page)).to_be_visible()
    expect(page.get_by_role("main")).to_have_count(1)
    page.set_viewport_size({"width": 320, "height": 600})
    page.get_by_role("button", name="Details").click()
    expect(details).to_be_visible()
    expect(page.get_by_role("button", name="Back to the chat")).to_be_focused()
    page.keyboard.press("Enter")
    let_go(page).click()
    expect(subtitle(page)).to_have_text("Online")
    page.keyboard.press("h")
    expect(subtitle(page)).to_have_text(HELD)


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (640, "dark"), (1000, "light"), (1280, "dark")])
def test_a_held_chat_has_room_and_axe_finds_nothing(page, alice, server, width, scheme):
    page.emulate_media(color_scheme=scheme)
    age(session_of(begin(page, server, name="V" * 120)), minutes=3)
    page.set_viewport_size({"width": width, "height": 600})
    page.reload()
    for button in (keep(page), let_go(page)):
        expect(button).to_be_in_viewport(ratio=1)
        for selector in ("html", "#chat", ".chat-header"):
            assert page.locator(selector).evaluate("node => node.scrollWidth <= node.clientWidth"), selector
        assert found(page) == []
        button.click()
    keep(page).click()
    expect(let_go(page)).to_be_visible()
    page.goto("/agent/")
    expect(mine(page)).to_contain_text(MARK)
    assert page.locator("#lists").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert found(page) == []
