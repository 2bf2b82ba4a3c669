"""AT10, as the person sees it whose address somebody else has blocked."""

from playwright.sync_api import Page, expect

from tests.browser.desk import is_live, log_in
from tests.browser.test_axe import found
from tests.factories import PASSWORD


def test_a_blocked_address_gets_a_sentence_and_a_way_back(page: Page, alice, redis_client):
    for _ in range(20):
        log_in(page, password="wrong")
        expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    log_in(page)
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong passwords have come from your network address.")
    expect(page.get_by_role("alert")).to_contain_text("Try again in 10 minutes.")
    assert found(page) == []

    redis_client.flushdb()  # ten minutes later
    page.get_by_role("link", name="Back to the login").click()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    is_live(page)
