"""TR09: a network that lets no socket through. The chat goes by plain requests; nobody else notices."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from sessions_app import services
from sessions_app.models import ChatSession
from tests.browser.apart import apart
from tests.browser.shop import Shop, box, end_chat, expect_sent, message, open_chat, write
from tests.browser.waiting import wait_for
from tests.factories import actor, age, bodies, make_agent, make_tenant, say
from tests.faults.relay import InThread, NoSockets

pytestmark = pytest.mark.usefixtures("host_errors")

FOREVER_MS = 60_000


@pytest.fixture
def tenant(server):
    return make_tenant(welcome_message="")


@pytest.fixture(params=[403, 200, None], ids=["refused", "answered", "swallowed"])
def proxy(request, server):
    with InThread(NoSockets(urlsplit(server.url).port, request.param)) as relay:
        yield relay


@pytest.fixture
def refusing(server):
    with InThread(NoSockets(urlsplit(server.url).port, 403)) as relay:
        yield relay


def visit(page: Page, proxy: NoSockets, tenant) -> None:
    with Shop(f"http://localhost:{proxy.port}") as shop:
        shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
        page.goto(shop.url)
    open_chat(page)


def connected(page: Page) -> None:
    expect(page.locator(".dot.ready")).to_be_visible()


def the_session() -> ChatSession:
    return ChatSession.objects.get()


def shown(page: Page) -> list[str]:
    return page.locator("li.message:has(.meta) .bubble").all_inner_texts()


def test_TR09_what_is_written_arrives_once_and_in_order_and_is_answered(page: Page, proxy, tenant, alice):
    visit(page, proxy, tenant)
    page.route("**/public/poll", lambda route: route.abort())  # not before all is written
    texts = [f"line {number}" for number in range(5)]
    for text in texts:
        write(page, text)
    expect(message(page, texts[0])).to_contain_text("Sending")
    page.unroute("**/public/poll")
    for text in texts:
        expect_sent(page, text)
    assert apart(bodies, the_session()) == texts
    expect(page.get_by_text("You are next in line")).to_be_visible()

    session = the_session()
    apart(services.accept_session, session.session_id, actor(alice))
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    for text in ("Hi Vera", "What can I do?"):
        apart(say, session, text, agent=alice)
    expect(message(page, "What can I do?")).to_be_visible()
    assert shown(page) == [*texts, "Hi Vera", "What can I do?"]
    assert page.evaluate("CallCenterChat.getState().isOnline")


def test_TR09_the_socket_is_tried_again_and_never_in_a_tight_loop(page: Page, refusing, tenant):
    visit(page, refusing, tenant)
    connected(page)
    write(page, "hello")
    expect_sent(page, "hello")
    # After 1, 2, 4, 8 … s, times a random share.
    assert 2 <= len(refusing.upgrades) <= 12

    refusing.is_blocking = False
    # The next try, which may be half a minute away, comes at once.
    with page.expect_websocket(timeout=FOREVER_MS) as opened:
        page.evaluate("dispatchEvent(new Event('online'))")
    with opened.value.expect_event("framesent", lambda frame: "by socket" in frame, timeout=FOREVER_MS):
        write(page, "by socket")
    expect_sent(page, "by socket")
    assert apart(bodies, the_session()) == ["hello", "by socket"]


def test_TR09_a_reload_has_the_chat_back(page: Page, refusing, tenant, alice):
    visit(page, refusing, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    session = the_session()
    apart(services.accept_session, session.session_id, actor(alice))
    apart(say, session, "Hi Vera", agent=alice)
    expect(message(page, "Hi Vera")).to_be_visible()

    with Shop(f"http://localhost:{refusing.port}") as shop:
        shop.body = shop.tag(f'data-tenant-id="{tenant.slug}"')
        # The storage is the origin's: the same page of another port would be another website's.
        page.evaluate("window.kept = JSON.stringify(localStorage)")
        kept = page.evaluate("kept")
        page.goto(shop.url)
        page.evaluate("kept => Object.assign(localStorage, JSON.parse(kept))", kept)
        page.reload()
    open_chat(page)
    expect(page.get_by_text("Your chat has been restored")).to_be_visible()
    assert shown(page) == ["hello", "Hi Vera"]


def test_TR09_a_server_that_goes_away_is_told_and_nothing_is_lost(page: Page, refusing, tenant):
    visit(page, refusing, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    page.route("**/api/**", lambda route: route.abort())
    write(page, "anybody?")
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    expect(message(page, "anybody?")).to_contain_text("Sending")

    page.unroute("**/api/**")
    expect_sent(page, "anybody?")
    assert apart(bodies, the_session()) == ["hello", "anybody?"]


def test_TR09_an_answer_that_is_lost_makes_no_second_message(page: Page, refusing, tenant):
    visit(page, refusing, tenant)
    connected(page)
    lost = []

    def lose(route) -> None:
        route.fetch()
        lost.append(route)
        route.abort()

    page.route("**/public/message", lose, times=1)
    write(page, "once")
    expect_sent(page, "once")
    assert len(lost) == 1
    assert apart(bodies, the_session()) == ["once"]


def test_TR09_both_ends_arrive(page: Page, refusing, tenant, alice):
    visit(page, refusing, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    apart(services.accept_session, the_session().session_id, actor(alice))
    expect(page.get_by_text("You are chatting with Alice")).to_be_visible()
    apart(services.end_session, the_session().session_id, actor(alice))
    expect(page.get_by_text("The agent has ended this chat.")).to_be_visible()
    page.get_by_role("button", name="Start a new chat").click()
    write(page, "once more")
    expect_sent(page, "once more")
    end_chat(page)
    expect(page.get_by_text("You ended this chat. Thank you!")).to_be_visible()
    assert list(ChatSession.objects.values_list("closed_reason", flat=True).order_by("pk")) == ["agent", "visitor"]


def test_TR09_an_abandoned_chat_says_so_in_its_tenants_words(page: Page, refusing, tenant):
    tenant.abandonment_message = "Write to help@shop.example"
    apart(tenant.save)
    visit(page, refusing, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    apart(age, the_session(), minutes=31)
    expect(page.locator(".notice").get_by_text("Write to help@shop.example")).to_be_visible()
    assert the_session().status == "abandoned"


def test_TR09_an_idle_chat_is_warned_of_and_kept(page: Page, refusing, tenant):
    visit(page, refusing, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    with page.expect_request(lambda request: "/poll" in request.url and not request.post_data_json["active"]):
        pass  # by then it has been told what the visitor has done so far
    ChatSession.objects.update(last_activity_at=Now() - timedelta(minutes=28, seconds=30))
    expect(page.get_by_text("will be closed in")).to_be_visible()
    page.get_by_role("button", name="I'm still here").click()
    expect(page.get_by_text("will be closed in")).to_have_count(0)
    expect(box(page)).to_be_focused()


def test_what_is_read_and_who_it_is_are_told(page: Page, refusing, tenant):
    alice = apart(make_agent, "alice", tenants=[tenant])
    visit(page, refusing, tenant)
    page.evaluate("CallCenterChat.identify({name: 'Vera', email: 'vera@shop.example'})")
    write(page, "hello")
    expect_sent(page, "hello")
    apart(services.accept_session, the_session().session_id, actor(alice))
    apart(say, the_session(), "Hi Vera", agent=alice)
    expect(message(page, "Hi Vera")).to_be_visible()
    seq = the_session().last_seq
    wait_for(page, lambda: (the_session().visitor_read_seq, the_session().customer_name) == (seq, "Vera"))
    assert the_session().customer_email == "vera@shop.example"
