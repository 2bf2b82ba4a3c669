"""The console's views beside the inbox, in a real browser: all chats, the history, left messages, the team."""

import re
from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from agents_app.models import Agent
from sessions_app import presence, services
from sessions_app.models import ChatSession, OfflineMessage, Tag, Tenant
from tests.browser.apart import apart
from tests.browser.conftest import NOON_ZONE
from tests.browser.desk import Cuttable, Visitor, answer, begin, is_live, log_in, mine, queue, transcript
from tests.browser.test_axe import found as found_by_axe
from tests.factories import PASSWORD, actor, age, make_session, make_tenant, say


def rail(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Views")


def go_to(page: Page, view: str) -> None:
    rail(page).get_by_role("link", name=view).click()


def rows(page: Page) -> Locator:
    return page.locator("#found-rows > li")


def search_box(page: Page) -> Locator:
    return page.get_by_role("searchbox", name="Search chats")


def open_filters(page: Page) -> None:
    page.locator("#filters > summary").click()


def field(page: Page, name: str) -> Locator:
    return page.locator(f"#search [name={name}]")


def make_chats(tenant: Tenant, count: int, **clocks: timedelta) -> None:
    """Visitor 0, Visitor 1 …: the one's clocks stand so much further back than the other's. Those with `closed_at`
    are over."""
    over = {"status": "ended", "closed_reason": "visitor"} if "closed_at" in clocks else {}
    now = timezone.now()
    ChatSession.objects.bulk_create(
        ChatSession(
            tenant=tenant,
            session_key_hash="",
            conversation_id=f"{number:04}-TEST",
            customer_name=f"Visitor {number}",
            **over,
            **{name: now - number * span for name, span in clocks.items()},
        )
        for number in range(count)
    )


def show(page: Page, path: str, username: str = "alice") -> Page:
    """Logs in to this page of the console."""
    log_in(page, username, path=f"/agent/{path}")
    expect(page.locator("#connection")).to_be_empty()
    return page


@pytest.fixture
def ended(tenant, alice):
    """Vera's chat about a parcel with alice, which vera has ended."""
    chat = apart(make_session, tenant, says="Where is my parcel?", agent=alice)
    apart(services.end_session, chat.session.session_id, services.VISITOR)
    return chat.session


@pytest.fixture
def abandoned(tenant):
    """Grace's chat about shoes, which nobody answered."""
    chat = apart(make_session, tenant, says="Do you have red shoes?", customer_name="Grace")
    age(chat, minutes=40)
    apart(services.sweep)
    return chat.session


# The frame


def test_the_rail_leads_to_every_view_and_back(page, alice, server):
    is_live(log_in(page))
    expect(rail(page).get_by_role("link", name="Inbox")).to_have_attribute("aria-current", "page")
    for view, heading, path in (
        ("All", "All open chats", "/agent/all/"),
        ("History", "History", "/agent/history/"),
        ("Left messages", "Left messages", "/agent/messages/"),
        ("Team", "Team", "/agent/team/"),
    ):
        go_to(page, view)
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(rail(page).locator("[aria-current]")).to_have_text(re.compile(view))
        expect(page).to_have_title(re.compile(rf"{view}.* · Chat Center$"))
        assert page.url == server.url + path
        page.reload()
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.get_by_role("main")).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.go_back()  # from the reloaded page
    expect(page.get_by_role("heading", name="Left messages", exact=True)).to_be_visible()
    go_to(page, "Inbox")
    expect(page.get_by_role("region", name="Queue")).to_be_visible()
    expect(page.get_by_role("region", name="All open chats")).to_be_hidden()


def test_the_rail_counts_who_waits(page, alice, server):
    show(page, "team/")
    Visitor(server).says("Hello")
    expect(rail(page).get_by_role("link", name="Inbox 1 waiting")).to_be_visible()


def test_a_queue_longer_than_the_list_is_counted_by_the_database(page, alice, tenant, server):
    make_chats(tenant, 203, waiting_since=timedelta(seconds=1), last_seen_at=timedelta(0))
    is_live(log_in(page))
    expect(queue(page)).to_have_count(200)
    expect(page.locator("#queue-count")).to_have_text("203")
    expect(page.get_by_text("and 3 more behind them")).to_be_visible()
    expect(rail(page).get_by_role("link", name="Inbox 203 waiting")).to_be_visible()


def test_among_twelve_chats_those_that_need_an_answer_stand_first_and_are_counted(page, alice, tenant, server):
    for number in range(12):
        chat = apart(make_session, tenant, says="Hello", agent=alice, customer_name=f"Visitor {number}")
        if number not in (3, 7):
            apart(say, chat, "Good morning", agent=alice)
    is_live(log_in(page))
    expect(mine(page)).to_have_count(12)
    expect(page.get_by_text("2 need an answer", exact=True)).to_be_visible()
    for place, name in ((0, "Visitor 3"), (1, "Visitor 7")):
        expect(mine(page).nth(place)).to_contain_text(name)
        expect(mine(page).nth(place)).to_contain_text(re.compile(r"\d:\d\d"))
    expect(mine(page).nth(2)).not_to_contain_text(re.compile(r"\d:\d\d"))


@pytest.mark.parametrize("width", [1280, 1000, 320])
def test_a_row_says_for_how_long_its_visitor_is_gone_and_grows_by_nothing(page, alice, tenant, server, width):
    gone, _ = (apart(make_session, tenant, says="Hello " * 30, agent=alice) for _ in range(2))
    age(gone.session, minutes=3)
    page.set_viewport_size({"width": width, "height": 700})
    show(page, "")
    row = page.locator(f"#mine [data-key='{gone.session.session_id}']")
    mark = row.locator("[data-part=mark]")
    expect(mark).to_have_text(re.compile(r"^gone 3:\d\d of 5:00$"))
    row.evaluate("node => { node.isTheSame = true }")
    before = mark.text_content()
    expect(mark).not_to_have_text(before)
    assert row.evaluate("node => node.isTheSame")
    assert mark.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert page.locator("#lists").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert len(set(page.locator("#mine > li").evaluate_all("rows => rows.map(row => row.offsetHeight)"))) == 1
    apart(lambda: presence.stamp({gone.session.session_id: (True, False)}))
    expect(mark).to_have_text("back")


def test_a_row_keeps_its_height_when_its_chat_is_answered(page, alice, server):
    vera = begin(page, server)
    row = mine(page)
    page.goto("/agent/")
    vera.says("Are you there?")
    expect(row.locator("[data-part=unread]")).to_be_visible()
    waiting = row.bounding_box()["height"]
    row.get_by_role("link").click()
    answer(page, "Yes")
    expect(row).to_contain_text("Alice: Yes")
    assert row.bounding_box()["height"] == pytest.approx(waiting, abs=0.5)


def test_a_long_queue_leaves_my_chats_in_sight(page, alice, tenant, server):
    make_chats(tenant, 40, waiting_since=timedelta(seconds=1), last_seen_at=timedelta(0))
    apart(make_session, tenant, says="Hello", agent=alice, customer_name="Mine")
    is_live(log_in(page))
    expect(queue(page)).to_have_count(40)
    expect(mine(page).first).to_be_in_viewport()
    queue(page).last.get_by_role("link").focus()
    expect(queue(page).last).to_be_in_viewport()
    expect(page.get_by_role("heading", name="Queue")).to_be_in_viewport()
    expect(mine(page).first).to_be_in_viewport()


def test_a_lost_login_leads_back_to_the_same_search(page, alice, server):
    cut = Cuttable(page)
    show(page, "history/?q=parcel&status=ended")
    page.context.clear_cookies()
    cut.cut()
    page.wait_for_url("**/agent/login/?next=*")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(search_box(page)).to_have_value("parcel")
    assert page.url == f"{server.url}/agent/history/?q=parcel&status=ended"


# All


def test_everybodys_open_chats_are_shown_with_who_has_them(page, alice, bob, tenant, server):
    apart(make_session, tenant, says="Where is my parcel?", agent=bob)
    apart(make_session, tenant, says="Hello", customer_name="Walter")
    charlie = apart(make_tenant, slug="other")
    apart(make_session, charlie, says="Not for alice", customer_name="Mallory")
    show(page, "all/")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).filter(has_text="Vera")).to_contain_text("With Bob")
    expect(rows(page).filter(has_text="Walter")).to_contain_text("Waiting in the queue")
    expect(page.get_by_text("2 chats", exact=True)).to_be_visible()


def test_all_is_live(page, alice, bob, tenant, server):
    show(page, "all/")
    expect(page.get_by_text("No chat is open.")).to_be_visible()
    vera = Visitor(server).says("Hello")
    expect(rows(page)).to_contain_text("Waiting in the queue")
    apart(services.accept_session, ChatSession.objects.get().session_id, apart(actor, bob))
    expect(rows(page)).to_contain_text("With Bob")
    vera.ends()
    expect(rows(page)).to_have_count(0)


def test_a_chat_of_all_is_worked_on_beside_the_list(page, alice, tenant, server):
    Visitor(server).says("Hello")
    show(page, "all/")
    rows(page).get_by_role("link").click()
    page.get_by_role("button", name="Accept").click()
    answer(page, "Good morning")
    expect(transcript(page)).to_contain_text("Good morning")
    expect(rows(page)).to_contain_text("With you")
    assert re.search(r"/agent/all/[0-9a-f-]{36}/$", page.url)


def test_all_is_narrowed_to_one_agent_and_the_address_says_so(page, alice, bob, tenant, server):
    apart(make_session, tenant, says="Where is my parcel?", agent=bob)
    apart(make_session, tenant, says="Hello", agent=alice, customer_name="Walter")
    show(page, "all/")
    expect(rows(page)).to_have_count(2)
    open_filters(page)
    field(page, "agent").select_option("Bob")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Vera")
    assert page.url == f"{server.url}/agent/all/?agent={bob.user_id}"
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Agent: Bob (remove)").click()
    expect(rows(page)).to_have_count(2)
    page.go_back()
    expect(rows(page)).to_have_count(1)
    expect(field(page, "agent")).to_have_value(str(bob.user_id))


# History


def test_the_history_says_why_each_chat_is_over(page, ended, abandoned):
    show(page, "history/")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).filter(has_text="Vera")).to_contain_text("Ended by the visitor")
    expect(rows(page).filter(has_text="Grace")).to_contain_text(re.compile("(Left|Inactive), never answered"))
    rows(page).filter(has_text="Vera").get_by_role("link").click()
    expect(transcript(page)).to_contain_text("Where is my parcel?")
    assert page.url.endswith(f"/agent/history/{ended.session_id}/")


def test_a_search_finds_what_was_said_and_is_in_the_address(page, new_context, ended, abandoned, server):
    show(page, "history/")
    expect(rows(page)).to_have_count(2)
    search_box(page).fill("parcel")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Vera")
    assert page.url == f"{server.url}/agent/history/?q=parcel"
    rows(page).get_by_role("link").click()
    expect(transcript(page)).to_contain_text("parcel")
    address = page.url
    assert address == f"{server.url}/agent/history/{ended.session_id}/?q=parcel"

    colleague = new_context(storage_state=page.context.storage_state()).new_page()
    colleague.goto(address)
    expect(rows(colleague)).to_have_count(1)
    expect(search_box(colleague)).to_have_value("parcel")
    expect(transcript(colleague)).to_contain_text("parcel")


def test_escape_empties_a_search_box_before_it_leaves_the_chat(page, ended, abandoned):
    show(page, "history/?q=parcel")
    rows(page).get_by_role("link").click()
    expect(transcript(page)).to_be_visible()
    search_box(page).focus()
    page.keyboard.press("Escape")
    expect(search_box(page)).to_have_value("")
    expect(rows(page)).to_have_count(2)
    expect(transcript(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(search_box(page)).not_to_be_focused()
    page.keyboard.press("Escape")
    page.wait_for_url("**/agent/history/")


def test_filters_narrow_the_history_together(page, ended, abandoned, tenant, server):
    show(page, "history/")
    expect(rows(page)).to_have_count(2)
    open_filters(page)
    field(page, "status").select_option("Abandoned")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Grace")
    field(page, "stage").select_option("Answered")
    expect(page.get_by_text("Nothing fits.")).to_be_visible()
    expect(rows(page)).to_have_count(0)
    assert page.url == f"{server.url}/agent/history/?status=abandoned&stage=answered"
    page.get_by_role("link", name="Clear search and filters").click()
    expect(rows(page)).to_have_count(2)
    assert page.url == f"{server.url}/agent/history/"


def test_the_history_of_certain_days(page, ended, abandoned, server):
    age(ended, days=10)
    day = timezone.localtime(timezone=ZoneInfo(NOON_ZONE)) - timedelta(days=10)
    show(page, "history/")
    expect(rows(page)).to_have_count(2)
    open_filters(page)
    field(page, "to").fill((day + timedelta(days=2)).strftime("%Y-%m-%d"))
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Vera")
    field(page, "from").fill((day + timedelta(days=1)).strftime("%Y-%m-%d"))
    expect(rows(page)).to_have_count(0)


def test_tags_are_on_the_row_and_narrow_the_history(page, ended, abandoned, tenant):
    tag = Tag.objects.create(tenant=tenant, name="billing")
    ended.tags.add(tag)
    show(page, "history/")
    expect(rows(page).filter(has_text="Vera")).to_contain_text("billing")
    open_filters(page)
    field(page, "tag").select_option("billing")
    expect(rows(page)).to_have_count(1)


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(page, ended, abandoned):
    held: list[Route] = []
    page.route("**/sessions?history=true&q=shoes", lambda route: held.append(route))
    show(page, "history/")
    expect(rows(page)).to_have_count(2)
    with page.expect_request("**/sessions?history=true&q=shoes"):
        search_box(page).fill("shoes")
    search_box(page).fill("parcel")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Vera")
    with page.expect_response("**/sessions?history=true&q=shoes"):
        held[0].continue_()
    expect(rows(page)).to_contain_text("Vera")
    expect(search_box(page)).to_have_value("parcel")


def test_typing_asks_once_it_pauses(page, ended):
    show(page, "history/")
    expect(rows(page)).to_have_count(1)
    page.clock.install()
    page.reload()
    expect(rows(page)).to_have_count(1)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
    page.clock.pause_at(timezone.now() + timedelta(hours=1))
    search_box(page).press_sequentially("parcel")
    page.clock.run_for(200)
    assert asked == []
    page.clock.run_for(100)
    expect(page).to_have_url(re.compile(r"\?q=parcel$"))
    assert [url.rpartition("q=")[2] for url in asked] == ["parcel"]


def test_a_failure_is_told_and_tried_again(page, ended):
    show(page, "team/")
    page.route("**/sessions?history=true*", lambda route: route.abort())
    go_to(page, "History")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(rows(page)).to_have_count(0)
    page.unroute("**/sessions?history=true*")
    page.get_by_role("button", name="Try again").click()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_refused_filter_is_told(page, alice, server):
    show(page, "history/?status=nonsense")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("link", name="Status: nonsense (remove)").click()
    expect(page.get_by_text("No chat has been closed yet.")).to_be_visible()


def test_the_history_is_paged(page, tenant, alice, server):
    make_chats(tenant, 120, closed_at=timedelta(minutes=1))
    show(page, "history/")
    expect(page.get_by_text("120 chats", exact=True)).to_be_visible()
    expect(rows(page)).to_have_count(50)
    expect(rows(page).first).to_contain_text("Visitor 0")
    page.get_by_role("link", name="Older").click()
    expect(rows(page).first).to_contain_text("Visitor 50")
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    assert page.url == f"{server.url}/agent/history/?page=2"
    page.get_by_role("link", name="Older").click()
    expect(rows(page)).to_have_count(20)
    expect(page.get_by_role("link", name="Older")).to_be_hidden()
    page.get_by_role("link", name="Newer").click()
    expect(rows(page).first).to_contain_text("Visitor 50")


def test_more_than_the_server_counts_is_told_as_more(page, tenant, alice):
    make_chats(tenant, 1001, closed_at=timedelta(minutes=1))
    show(page, "history/")
    expect(page.get_by_text("1,000+ chats")).to_be_visible()


# Left messages


def left_message(tenant: Tenant, **fields) -> OfflineMessage:
    message = {"name": "Vera", "email": "vera@example.com", "body": "Where is\nmy parcel?", "message_id": uuid4()}
    return OfflineMessage.objects.create(tenant=tenant, **message | fields)


def left_messages(page: Page) -> Locator:
    return page.locator("#left-messages > li")


def test_a_left_message_is_answered_by_email_and_marked_as_done(page, tenant, alice, server):
    left_message(tenant, page_url="https://shop.example/cart", page_title="Your cart")
    is_live(log_in(page))
    rail(page).get_by_role("link", name="Left messages 1 open").click()
    message = left_messages(page)
    expect(message).to_contain_text("Vera")
    expect(message).to_contain_text("vera@example.com")
    expect(message.get_by_role("link", name="Your cart")).to_have_attribute("href", "https://shop.example/cart")
    mailto = message.get_by_role("link", name="Answer by e-mail").get_attribute("href")
    assert mailto.startswith("mailto:vera@example.com?subject=")
    message.get_by_role("button", name="Done").click()
    expect(left_messages(page)).to_have_count(0)
    expect(page.get_by_text("Nobody has left a message.")).to_be_visible()
    expect(rail(page).get_by_role("link", name="Left messages", exact=True)).to_be_visible()

    page.get_by_role("link", name="Done", exact=True).click()
    expect(left_messages(page)).to_contain_text("by Alice")
    left_messages(page).get_by_role("button", name="Reopen").click()
    expect(left_messages(page)).to_have_count(0)
    expect(rail(page).get_by_role("link", name="Left messages 1 open")).to_be_visible()


def test_left_messages_and_their_count_are_live(page, new_context, tenant, alice, bob, server):
    message = left_message(tenant)
    pages = {name: new_context().new_page() for name in ("alice", "bob")}
    for name, console in pages.items():
        show(console, "messages/", name)
        expect(left_messages(console)).to_have_count(1)
        expect(rail(console).get_by_role("link", name="Left messages 1 open")).to_be_visible()
    left_messages(pages["alice"]).get_by_role("button", name="Done").click()
    expect(left_messages(pages["bob"])).to_have_count(0)
    expect(rail(pages["bob"]).get_by_role("link", name="Left messages", exact=True)).to_be_visible()
    message.refresh_from_db()
    assert message.done_by_id == alice.user_id


def test_marking_one_of_many_leads_to_the_next_without_a_jump(page, tenant, alice, server):
    for number in range(20):
        left_message(tenant, name=f"Visitor {number}")
    show(page, "messages/")
    message = left_messages(page).filter(has=page.get_by_role("heading", name="Visitor 4", exact=True))
    message.get_by_role("button", name="Done").click()
    expect(left_messages(page)).to_have_count(19)
    onward = left_messages(page).filter(has=page.get_by_role("heading", name="Visitor 3", exact=True))
    expect(onward.get_by_role("button", name="Done")).to_be_focused()
    assert page.locator("#left").evaluate("page => page.scrollTop") > 500
    page.keyboard.press("Enter")
    expect(left_messages(page)).to_have_count(18)
    onward = left_messages(page).filter(has=page.get_by_role("heading", name="Visitor 2", exact=True))
    expect(onward.get_by_role("button", name="Done")).to_be_focused()


def test_after_the_last_left_message_the_heading_has_the_focus(page, tenant, alice, server):
    left_message(tenant)
    show(page, "messages/")
    left_messages(page).get_by_role("button", name="Done").click()
    expect(left_messages(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="Left messages")).to_be_focused()


def test_a_change_that_fails_is_told_and_the_message_stays(page, tenant, alice, server):
    left_message(tenant)
    show(page, "messages/")
    page.route("**/offline-messages/*", lambda route: route.abort())
    left_messages(page).get_by_role("button", name="Done").click()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(left_messages(page).get_by_role("button", name="Done")).to_be_focused()


# Team

TEXT_HEIGHTS = """cells => cells.map((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect().height;
})"""


def team_row(page: Page, name: str) -> Locator:
    return page.get_by_role("main").get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def test_the_team_shows_who_is_there_with_what_and_who_waits(page, tenant, alice, bob, server):
    Agent.objects.filter(pk=bob.pk).update(availability="away", capacity=3)
    vera = apart(make_session, tenant, says="Where is my parcel?", agent=bob)
    age(vera, only=("waiting_since",), minutes=4)
    show(page, "team/")
    expect(team_row(page, "Alice")).to_contain_text("Online")
    expect(team_row(page, "Alice")).to_contain_text("0 chats")
    expect(team_row(page, "Bob")).to_contain_text("Away")
    expect(team_row(page, "Bob")).to_contain_text("1 of 3 chats")
    expect(team_row(page, "Vera")).to_contain_text("With Bob")
    expect(team_row(page, "Vera")).to_contain_text(re.compile(r"4:\d\d"))

    team_row(page, "Bob").get_by_role("link").click()
    expect(page.get_by_role("heading", name="All open chats")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.go_back()
    team_row(page, "Vera").get_by_role("link").click()
    expect(transcript(page)).to_contain_text("Where is my parcel?")


def test_the_team_is_live(page, tenant, alice, bob, server):
    show(page, "team/")
    expect(page.get_by_text("Nobody waits for an answer.")).to_be_visible()
    Visitor(server).says("Hello")
    expect(team_row(page, "Vera").get_by_role("cell", name="Queue", exact=True)).to_be_visible()
    apart(services.accept_session, ChatSession.objects.get().session_id, apart(actor, bob))
    expect(team_row(page, "Bob")).to_contain_text("1 chat")


def test_the_team_says_how_many_more_wait_and_breaks_no_short_word(page, tenant, alice, server):
    make_tenant("other", name="Other shop").agents.add(alice)
    make_chats(tenant, 53, waiting_since=timedelta(seconds=1), last_seen_at=timedelta(0))
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, "team/")
    expect(page.locator("#waits tr")).to_have_count(50)
    expect(page.get_by_text("and 3 more in the queue")).to_be_visible()
    assert max(page.locator("#waits td").evaluate_all(TEXT_HEIGHTS)) < 30


@pytest.mark.parametrize("width", [1280, 375, 320])
def test_who_has_a_waiting_chat_is_told_in_one_line_beside_long_names(page, tenant, alice, server, width):
    make_tenant("other", name="Other shop").agents.add(alice)
    name = "Maximiliane Wolkenstein-Trostburg zu Rodenegg und Katzenzungen"
    apart(make_session, tenant, says="Hello", customer_name=name, agent=alice)
    apart(make_session, tenant, says="Hello", customer_name=name.replace(" ", ""))
    page.set_viewport_size({"width": width, "height": 800})
    show(page, "team/")
    who = page.locator("#waits [data-part=who]")
    expect(who).to_have_text(["With you", "Queue"])
    assert max(who.evaluate_all(TEXT_HEIGHTS)) < 30
    assert page.locator("#team").evaluate("node => node.scrollWidth <= node.clientWidth")


def test_supervisors_are_told_that_they_can_give_a_chat_to_somebody_else(page, new_context, tenant, alice, bob, server):
    apart(alice.user.user_permissions.add, Permission.objects.get(codename="supervise"))
    Visitor(server).says("Hello")
    for name, is_told in (("alice", True), ("bob", False)):
        console = new_context().new_page()
        show(console, "team/", name)
        expect(team_row(console, "Vera")).to_be_visible()
        hint = console.get_by_text("Open a chat to give it to somebody else.")
        expect(hint).to_be_visible() if is_told else expect(hint).to_be_hidden()


# Everybody


def test_a_narrow_window_has_the_views_below_and_leads_back_to_the_search(page, ended, abandoned):
    page.set_viewport_size({"width": 640, "height": 700})
    show(page, "history/?q=parcel")
    bar, screen = rail(page).bounding_box(), page.viewport_size
    assert bar["x"] == 0
    assert bar["width"] == screen["width"]
    assert bar["y"] + bar["height"] == screen["height"]
    rows(page).get_by_role("link").click()
    expect(transcript(page)).to_be_visible()
    expect(search_box(page)).to_be_hidden()
    page.get_by_role("link", name="All chats").click()
    expect(search_box(page)).to_have_value("parcel")
    expect(rows(page).get_by_role("link")).to_be_focused()


HOSTILE = '<img src=x onerror="window.hacked=1">\u202e' + "W" * 150


@pytest.mark.parametrize("width", [1280, 320])
def test_hostile_names_are_text_and_stay_in_their_place(page, tenant, alice, server, width):
    """PR13, PR19"""
    page.set_viewport_size({"width": width, "height": 700})
    tag = Tag.objects.create(tenant=tenant, name="W" * 40)
    for is_open in (True, False):
        chat = apart(make_session, tenant, says=HOSTILE, customer_name=HOSTILE)
        chat.session.tags.add(tag)
        if not is_open:
            apart(services.end_session, chat.session.session_id, services.VISITOR)
    left_message(tenant, name=HOSTILE, body=HOSTILE, page_url="javascript:window.hacked=1", page_title=HOSTILE)
    show(page, "")
    for path, shown in (
        ("all/", "#found-rows"),
        ("history/", "#found-rows"),
        ("messages/", "#left-messages"),
        ("team/", "#waits"),
    ):
        page.goto(f"/agent/{path}")
        expect(page.locator(shown)).to_contain_text(HOSTILE)
        for selector in ("html", "#lists", ".page:visible"):
            fits = "elements => elements.every(element => element.scrollWidth <= element.clientWidth)"
            assert page.locator(selector).evaluate_all(fits), (path, selector)
    assert page.locator("a[href^='javascript:']").count() == 0
    assert page.evaluate("window.hacked") is None


def test_on_a_narrow_screen_what_is_wrong_with_the_connection_has_room(page, alice, server):
    page.set_viewport_size({"width": 320, "height": 700})
    cut = Cuttable(page)
    is_live(log_in(page))
    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_a_connection_nobody_is_shown_as_there(page, alice, server):
    cut = Cuttable(page)
    begin(page, server)
    dots = page.locator("#mine .dot, #visitor .dot, #availability .dot")
    expect(dots).to_have_count(3)
    colours = "dots => dots.map(dot => getComputedStyle(dot).backgroundColor)"
    online = dots.evaluate_all(colours)
    assert len(set(online)) == 1
    words = [
        mine(page).locator("[data-part=presence]"),
        page.locator("#chat-subtitle"),
        page.locator("#visitor-presence"),
    ]
    for heard in words:
        expect(heard).to_have_text(re.compile(r"^\s*online\s*$", re.IGNORECASE))
    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    assert set(dots.evaluate_all(colours)).isdisjoint(online)
    for heard, told in zip(words, ("", "Was online", "Was online"), strict=True):
        expect(heard).to_have_text(told)
    cut.mend()
    expect(page.locator("#connection")).to_be_empty()
    assert dots.evaluate_all(colours) == online


VIEWS = ("", "all/", "history/", "history/?status=abandoned&q=nothing", "messages/", "messages/?done=true", "team/")


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}])
def test_axe_finds_nothing(page, tenant, alice, bob, ended, abandoned, look):
    apart(make_session, tenant, says="Hello", agent=bob)
    apart(make_session, tenant, says="Hello", customer_name="Walter")
    ended.tags.add(Tag.objects.create(tenant=tenant, name="billing"))
    left_message(tenant)
    page.emulate_media(**look)
    show(page, "")
    for path in VIEWS:
        for size in ({"width": 1280, "height": 800}, {"width": 640, "height": 400}):
            page.set_viewport_size(size)
            page.goto(f"/agent/{path}")
            expect(page.locator("#connection")).to_be_empty()
            page.wait_for_load_state("networkidle")
            if path.startswith(("all", "history")):
                open_filters(page)
            assert found_by_axe(page) == [], (path, size)
