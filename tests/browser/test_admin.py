"""The admin's lists on a usual screen: every column is in sight, and a row is no higher than it must be."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from sessions_app import services
from sessions_app.models import ChatSession, OfflineMessage
from tests.browser.apart import apart
from tests.browser.desk import log_in
from tests.factories import PASSWORD, actor, age, make_agent, make_session, make_tenant, say

LINES = 2


def make_chats() -> None:
    tenant = make_tenant("green-fern", name="Green Fern Gardens")
    alice = make_agent("alexandra", [tenant, make_tenant("other", name="Northern Lights")])
    alice.user.last_name = "Featherstone"
    alice.user.save()
    names = ("Vera", "Wilhelmina Featherstonehaugh-Cholmondeley", "", "Vera")
    never, missed, waiting, rated = (make_session(tenant, customer_name=name) for name in names)
    say(missed, "Is anybody there?")
    for chat in (waiting, rated):
        say(chat, "Hello")
        services.accept_session(chat.session.session_id, actor(alice))
    say(rated, "Hi", agent=alice)
    services.end_session(rated.session.session_id, actor(alice))
    services.rate_session(rated.session.session_id, score=5)
    for chat in (never, missed, waiting):
        age(chat, minutes=40)
    services.sweep()
    get_user_model().objects.create_superuser("admin", password=PASSWORD)


def leave_long_words() -> None:
    """A message, a note and a message that was left while nobody was there, of words without an end."""
    tenant = make_tenant("green-fern", name="Green Fern Gardens and Nurseries of the North")
    alice = make_agent("alexandra", [tenant])
    chat = make_session(tenant, customer_name="V" * 60, says="w" * 300, agent=alice)
    services.add_note(chat.session.session_id, actor(alice), client_message_id=uuid4(), body="n" * 300)
    OfflineMessage.objects.create(
        tenant=tenant, message_id=uuid4(), name="V" * 60, email=f"{'v' * 60}@example.com", body="w" * 300
    )
    get_user_model().objects.create_superuser("admin", password=PASSWORD)


def test_long_words_push_no_column_out_of_sight(page: Page, server):
    apart(leave_long_words)
    page.set_viewport_size({"width": 1280, "height": 800})
    chat = apart(lambda: ChatSession.objects.get().pk)
    log_in(page, "admin", path="/admin/")
    for path in ("message", "offlinemessage", f"chatsession/{chat}/change"):
        page.goto(f"/admin/sessions_app/{path}/")
        for selector in ("html", ".results"):
            fits = "nodes => nodes.every((node) => node.scrollWidth <= node.clientWidth)"
            assert page.locator(selector).evaluate_all(fits), (path, selector)


def test_another_language_is_written_down_where_none_of_the_widgets_is_chosen(page: Page, server):
    tenant = apart(make_tenant)
    apart(get_user_model().objects.create_superuser, "admin", password=PASSWORD)
    log_in(page, "admin", path=f"/admin/sessions_app/tenant/{tenant.pk}/change/")
    expect(page.get_by_label("Another language")).to_be_hidden()
    page.get_by_label("Locale").select_option("another one:")
    page.get_by_label("Another language").fill("it")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("does not speak “it”")).to_be_visible()
    expect(page.get_by_label("Another language")).to_have_value("it")


@pytest.mark.parametrize("path", ["sessions_app/chatsession", "agents_app/agent"])
def test_a_list_fits_on_a_screen_of_1280_pixels(page: Page, server, path):
    apart(make_chats)
    page.set_viewport_size({"width": 1280, "height": 800})
    log_in(page, "admin", path=f"/admin/{path}/")
    table = page.locator("#result_list")
    table.wait_for()
    hidden = "table => table.scrollWidth - table.closest('.results').clientWidth"
    assert table.evaluate(hidden) <= 0
    rows = "table => [...table.tBodies[0].rows].map(row => row.offsetHeight)"
    line = "table => parseFloat(getComputedStyle(table.tBodies[0].rows[0].cells[1]).lineHeight)"
    heights = table.evaluate(rows)
    assert heights
    assert max(heights) < (LINES + 1.5) * table.evaluate(line)  # and the space around them
