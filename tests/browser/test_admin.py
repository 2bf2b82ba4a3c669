"""The admin's lists on a usual screen: every column is in sight, and a row is no higher than it must be."""

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page

from sessions_app import services
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
