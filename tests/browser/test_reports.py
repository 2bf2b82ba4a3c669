"""The reports' page in a browser: charts from its tables, the viewer's time zone, every look."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from playwright.sync_api import Browser, Page, expect

from agents_app.models import Agent
from agents_app.services import release_chats_of_absent_agents
from sessions_app.demo import Person, write_history
from tests.browser.apart import apart
from tests.browser.conftest import NOON_ZONE
from tests.browser.desk import Visitor, answer, begin, log_in, mine, session_of, supervise
from tests.browser.test_axe import found
from tests.factories import PASSWORD, make_session

# Where somebody wants to look at them.
SHOTS = os.environ.get("REPORT_SHOTS")
DRAWN = "figure.has-chart canvas"
# Whether something was painted on each canvas.
PAINTED = """nodes => nodes.every((canvas) =>
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean))"""


@pytest.fixture
def supervisor(alice):
    supervise(alice)
    return alice


@pytest.fixture
def history(tenant, supervisor, bob):
    agents = [Person(agent.user_id, agent.user.first_name) for agent in (supervisor, bob)]
    apart(write_history, tenant, agents, days=60, sessions=900, seed=1)


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def wait_for(page: Page, condition: Callable[[], bool]) -> None:
    """Until the charts are drawn, or the server's side is so; the page's events are handled meanwhile."""
    for _ in range(400):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not become so")


def open_reports(page: Page, query: str = urlencode({"timezone": NOON_ZONE})) -> Page:
    log_in(page, path=f"/agent/reports/?{query}")
    expect(page.get_by_role("heading", name="Reports", exact=True)).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_from_the_table_beside_it(page: Page, history, scheme):
    page.emulate_media(color_scheme=scheme)
    open_reports(page)
    charts = page.locator(DRAWN)
    expect(charts).to_have_count(9)
    wait_for(page, lambda: charts.evaluate_all(PAINTED))
    for title in ("Chats by day", "Attempts by day", "By hour of the day"):
        expect(page.get_by_role("table", name=title)).to_be_visible()
    assert found(page) == []
    shot(page, f"reports-{scheme}")


def test_the_latest_day_stands_first_in_the_table_and_last_in_the_chart(page: Page, tenant, supervisor):
    apart(make_session, tenant, says="Hello")
    open_reports(page)
    rows = page.get_by_role("table", name="Chats by day").locator("tbody tr")
    expect(rows).to_have_count(30)
    days = rows.locator("th").evaluate_all("cells => cells.map((cell) => cell.dataset.value)")
    assert days == sorted(days, reverse=True)
    expect(rows.first).to_be_in_viewport()
    expect(rows.first.locator("td").first).to_have_text("1")
    wait_for(page, lambda: page.locator(DRAWN).evaluate_all(PAINTED))
    data = page.locator(DRAWN).first.evaluate("canvas => Chart.getChart(canvas).data.datasets[0].data")
    assert data == [*[0] * 29, 1]


def test_days_without_chats_say_so(page: Page, supervisor):
    open_reports(page)
    expect(page.get_by_text("Nothing happened in these days.").first).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
    assert found(page) == []
    shot(page, "reports-empty")


def test_one_chat_on_one_day_is_a_report(page: Page, tenant, supervisor):
    apart(make_session, tenant, says="Hello")
    page.goto("/agent/reports/")
    open_reports(page)
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("table", name="Chats by day")).to_be_visible()
    expect(page.locator(DRAWN)).to_have_count(1)
    shot(page, "reports-one")


def test_the_page_goes_by_the_viewers_time_zone_unless_told(browser: Browser, server, supervisor):
    context = browser.new_context(base_url=server.url, timezone_id="Asia/Tokyo")
    page = log_in(context.new_page(), path="/agent/reports/")
    page.wait_for_url("**/agent/reports/?timezone=Asia%2FTokyo")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.goto("/agent/reports/?timezone=Europe/Berlin")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    context.close()


def test_another_policy_is_worked_out_on_the_page(page: Page, history):
    open_reports(page, "timezone=UTC&start=2000-01-01&end=2000-01-02")
    page.get_by_role("link", name="90 days").click()
    page.get_by_label("Session expiry, minutes").fill("20")
    page.get_by_label("Disconnect timeout, minutes").fill("3")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_text("With 20 min and 3 min you would have abandoned")).to_be_visible()
    assert found(page) == []
    shot(page, "reports-policy")

    page.get_by_label("Disconnect timeout, minutes").fill("1")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_role("alert")).to_contain_text("2.5 minutes or more")


def test_dates_the_wrong_way_round_are_told_in_words(page: Page, supervisor):
    open_reports(page)
    page.get_by_label("From").fill("2026-03-05")
    page.get_by_label("To", exact=True).fill("2026-03-04")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_have_text("The first day is after the last.")
    expect(page.get_by_label("From")).to_have_value("2026-03-05")
    assert found(page) == []
    shot(page, "reports-refused")


def test_a_table_comes_as_a_file(page: Page, history):
    open_reports(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of By stage").click()
    assert download.value.suggested_filename.startswith("abandonment-by-stage_")
    assert Path(download.value.path()).read_text("utf-8-sig").splitlines()[0] == '"stage","chats","share"'


def test_on_a_phone_nothing_is_cut_off(page: Page, history):
    page.set_viewport_size({"width": 390, "height": 800})
    open_reports(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert found(page) == []
    shot(page, "reports-phone")


def test_on_paper_every_row_is_there(page: Page, history):
    open_reports(page)
    page.emulate_media(media="print")
    rows = page.locator(".rows.is-long")
    assert all(rows.evaluate_all("nodes => nodes.map((node) => node.scrollHeight <= node.clientHeight)"))
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    shot(page, "reports-print")


def test_the_page_runs_under_a_strict_policy(page: Page, history):
    """As a proxy in front may set it: nothing inline, nothing from elsewhere."""
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    policy += "form-action 'self'"
    problems = []
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)

    def strictly(route):
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    open_reports(page)
    page.route("**/agent/reports/**", strictly)
    page.reload()
    expect(page.locator(DRAWN)).to_have_count(9)
    wait_for(page, lambda: page.locator(DRAWN).evaluate_all(PAINTED))
    expect(page.locator("#connection")).to_be_empty()
    assert problems == []


# Whoever reads is there


def pass_minutes(agent: Agent, minutes: int) -> None:
    past = {name: F(name) - timedelta(minutes=minutes) for name in ("last_seen_at", "last_active_at")}
    Agent.objects.filter(pk=agent.pk).update(**past)


def test_who_reads_the_reports_keeps_her_chats_and_who_closes_them_does_not(page: Page, server, supervisor):
    vera = begin(page, server)
    vera.says("Are you there?")
    page.get_by_role("link", name="Reports").click()
    expect(page.get_by_role("heading", name="Reports", exact=True)).to_be_visible()
    expect(page.locator("#connection")).to_be_empty()
    for _ in range(3):
        pass_minutes(supervisor, 3)
        assert not Agent.objects.present().exists()
        page.evaluate("dispatchEvent(new Event('online'))")  # her next beat
        wait_for(page, Agent.objects.present().exists)
        assert apart(release_chats_of_absent_agents) == 0
    assert session_of(vera).assigned_to_id == supervisor.user_id

    page.goto("about:blank")
    wait_for(page, lambda: pass_minutes(supervisor, 3) or apart(release_chats_of_absent_agents) == 1)
    assert session_of(vera).assigned_to_id is None


def test_what_needs_an_answer_meanwhile_is_told_on_the_reports_and_leads_back(page: Page, server, supervisor):
    vera = begin(page, server)
    answer(page, "How can I help?")
    page.get_by_role("link", name="Reports").click()
    calls = page.get_by_role("complementary", name="Your chats")
    expect(page.locator("#connection")).to_be_empty()
    expect(calls).to_be_hidden()
    expect(page).to_have_title("Reports · Chat Center")

    vera.says("My order is late")
    expect(calls).to_contain_text("1 chat needs an answer")
    expect(page).to_have_title("(1) Reports · Chat Center")
    Visitor(server, "Grace").says("Hello")
    expect(calls).to_contain_text("2 chats need an answer")
    page.get_by_role("heading", name="Another policy").scroll_into_view_if_needed()
    expect(calls).to_be_in_viewport()
    assert found(page) == []
    shot(page, "reports-calls")
    calls.get_by_role("link", name="Back to the chats").click()
    expect(mine(page)).to_contain_text("My order is late")


def test_without_a_network_the_reports_say_so_and_promise_nothing(page: Page, supervisor):
    open_reports(page)
    expect(page.locator("#connection")).to_be_empty()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("You are offline.")
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_empty()


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_the_reports_are_as_wide_as_the_screen(page: Page, history, width):
    page.set_viewport_size({"width": width, "height": 700})
    open_reports(page)
    wait_for(page, lambda: page.locator(DRAWN).evaluate_all(PAINTED))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_admin_who_is_no_agent_has_no_chats_to_be_there_for(page: Page, tenant):
    apart(User.objects.create_superuser, "root", password=PASSWORD)
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))
    log_in(page, "root", path="/agent/reports/?timezone=UTC")
    expect(page.get_by_role("heading", name="Reports", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Admin")).to_be_visible()
    expect(page.locator("#connection")).to_have_count(0)
    assert sockets == []


@pytest.mark.parametrize("how", ["logged out", "supervises no more"])
def test_whoever_may_not_read_the_reports_any_more_is_led_away(page: Page, supervisor, how):
    open_reports(page)
    expect(page.locator("#connection")).to_be_empty()
    if how == "logged out":
        other = page.context.new_page()
        other.goto("/agent/")
        other.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
    else:
        apart(supervisor.user.user_permissions.clear)
        expect(page.get_by_role("heading", name="Reports are for supervisors")).to_be_visible()
