"""The agent's console in a real browser against the real server: what agents see and do, live."""

import re
from uuid import uuid4

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from sessions_app import services
from sessions_app.models import ChatSession, Message
from tests.browser.apart import apart
from tests.browser.desk import (
    Cuttable,
    Visitor,
    accept,
    answer,
    decision,
    is_live,
    log_in,
    message_box,
    mine,
    queue,
    transcript,
    unread,
)
from tests.factories import PASSWORD, age, make_agent, make_tenant

# Coming in


def test_a_wrong_password_is_told_and_a_right_one_leads_to_where_one_wanted(page, alice, server):
    visitor = Visitor(server).says("Hello")
    path = f"/agent/chats/{visitor.id}/"
    log_in(page, password="wrong", path=path)
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    expect(page.get_by_label("Username")).to_have_value("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{path}")
    expect(transcript(page)).to_contain_text("Hello")


def test_a_user_who_is_no_agent_is_told_so_and_can_change_the_login(page, server):
    apart(User.objects.create_user, "carol", password=PASSWORD)
    log_in(page, "carol")
    expect(page.get_by_role("heading", name="You are not an agent")).to_be_visible()
    expect(page.get_by_text("carol")).to_be_visible()
    page.get_by_role("button", name="Log in as somebody else").click()
    expect(page.get_by_label("Username")).to_be_visible()


def test_logging_out_ends_it(page, alice):
    is_live(log_in(page))
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Username")).to_be_visible()
    page.goto("/agent/")
    expect(page.get_by_label("Username")).to_be_visible()


def test_a_login_that_is_over_leads_back_to_the_login_page(page, alice):
    cut = Cuttable(page)
    is_live(log_in(page))
    page.context.clear_cookies()
    cut.cut()
    page.wait_for_url("**/agent/login/?next=*")


def test_whoever_is_no_agent_any_more_is_shown_out(page, alice):
    is_live(log_in(page))
    apart(alice.delete)
    expect(page.get_by_role("heading", name="You are not an agent")).to_be_visible()


def test_a_deactivated_agent_is_shown_out(page, alice):
    """AT05"""
    is_live(log_in(page))
    alice.user.is_active = False
    apart(alice.user.save)
    expect(page.get_by_label("Username")).to_be_visible()


# Conversation


def test_a_visitor_and_an_agent_talk_without_a_reload(page, new_context, alice, server):
    is_live(log_in(page))
    expect(page.get_by_text("Nobody is waiting").first).to_be_visible()

    visitor = new_context().new_page()
    visitor.goto("/widget-demo.html")
    visitor.get_by_role("button", name="Open chat").click()
    visitor.get_by_role("textbox", name="Message").fill("Is the blue one in stock?")
    visitor.get_by_role("button", name="Send").click()

    row = queue(page)
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Is the blue one in stock?")
    expect(row).to_contain_text("online")
    expect(page).to_have_title("(1) Chat Center")

    row.get_by_role("link").click()
    page.get_by_role("button", name="Accept").click()
    expect(queue(page)).to_have_count(0)
    expect(mine(page)).to_have_count(1)
    expect(page).to_have_title("Chat Center")

    answer(page, "Yes, two of them.")
    expect(visitor.get_by_text("Yes, two of them.")).to_be_visible()
    expect(transcript(page).get_by_text("Seen")).to_be_visible()

    visitor.get_by_role("textbox", name="Message").press_sequentially("Gr")
    expect(transcript(page)).to_contain_text("The visitor is typing…")
    visitor.get_by_role("textbox", name="Message").fill("Great!")
    visitor.get_by_role("button", name="Send").click()
    expect(transcript(page)).to_contain_text("Great!")
    expect(transcript(page)).not_to_contain_text("typing")

    page.get_by_role("button", name="End chat").click()
    page.get_by_role("button", name="Keep chatting").click()
    expect(message_box(page)).to_be_visible()
    page.get_by_role("button", name="End chat").click()
    page.get_by_role("dialog").get_by_role("button", name="End chat").click()
    expect(mine(page)).to_have_count(0)
    expect(message_box(page)).to_be_hidden()
    expect(decision(page)).to_contain_text("ended this chat")
    assert ChatSession.objects.get().status == "ended"


def test_who_has_not_written_makes_no_work(page, alice, server):
    is_live(log_in(page))
    silent = Visitor(server, "Silent")
    Visitor(server, "Vera").says("Hello")
    expect(queue(page)).to_have_count(1)
    expect(queue(page)).to_contain_text("Vera")
    silent.says("Here I am")
    expect(queue(page).nth(1)).to_contain_text("Silent")


def test_the_queue_shows_the_longest_wait_first_and_counts_it(page, alice, server):
    first = Visitor(server, "First").says("one")
    Visitor(server, "Second").says("two")
    age(ChatSession.objects.get(session_id=first.id), minutes=2)
    is_live(log_in(page))
    expect(queue(page).first).to_contain_text("First")
    expect(queue(page).first).to_contain_text(re.compile(r"2:\d\d"))
    expect(queue(page).last).to_contain_text(re.compile(r"0:\d\d"))
    shown = queue(page).first.locator("[data-part=wait]").inner_text()
    expect(queue(page).first.locator("[data-part=wait]")).not_to_have_text(shown)


def test_unread_messages_are_counted_until_the_chat_is_opened(page, alice, server):
    vera, grace = Visitor(server, "Vera").says("Hello"), Visitor(server, "Grace").says("Hi")
    is_live(log_in(page))
    accept(page, "Vera")
    accept(page, "Grace")
    vera.says("Are you there?").says("Hello?")
    row = mine(page).filter(has_text="Vera")
    expect(unread(row)).to_have_text("2 unread")
    row.get_by_role("link").click()
    expect(unread(row)).to_be_hidden()
    expect(transcript(page)).to_contain_text("Hello?")
    grace.says("Me too")
    expect(unread(mine(page).filter(has_text="Grace"))).to_have_text("1 unread")


def test_enter_sends_shift_enter_starts_a_line_and_composing_does_neither(page, alice, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    accept(page)
    box = message_box(page)
    box.press_sequentially("one")
    box.press("Shift+Enter")
    box.press_sequentially("two")
    box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True})
    expect(box).to_have_value("one\ntwo")
    box.press("Enter")
    expect(box).to_have_value("")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    assert Message.objects.filter(sender_type="agent").get().body == "one\ntwo"


def test_the_limit_is_told_and_the_text_kept(page, alice, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    accept(page)
    answer(page, "😀" * 4001)
    expect(page.get_by_text("1 character too many")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(message_box(page)).to_have_value("😀" * 4001)
    answer(page, "😀" * 4000)
    expect(message_box(page)).to_have_value("")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    assert Message.objects.filter(sender_type="agent").get().body == "😀" * 4000


def test_each_chat_keeps_its_draft_over_a_reload(page, alice, server):
    for name in ("Vera", "Grace"):
        Visitor(server, name).says("Hello")
    is_live(log_in(page))
    accept(page, "Vera")
    message_box(page).fill("for Vera")
    accept(page, "Grace")
    expect(message_box(page)).to_have_value("")
    message_box(page).fill("for Grace")
    page.reload()
    expect(message_box(page)).to_have_value("for Grace")
    mine(page).filter(has_text="Vera").get_by_role("link").click()
    expect(message_box(page)).to_have_value("for Vera")


def test_a_reload_shows_the_same_chat(page, alice, server):
    visitor = Visitor(server).says("Hello")
    is_live(log_in(page))
    accept(page)
    answer(page, "Good morning")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    assert page.url.endswith(f"/agent/chats/{visitor.id}/")
    before = view(page)
    page.reload()
    expect(message_box(page)).to_be_visible()
    expect(transcript(page)).to_contain_text("Good morning")
    assert view(page) == before


def test_back_and_forward_walk_through_the_chats(page, alice, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    expect(transcript(page)).to_contain_text("Hello")
    page.go_back()
    expect(page.get_by_role("heading", name="Choose a chat")).to_be_visible()
    page.go_forward()
    expect(transcript(page)).to_contain_text("Hello")


def test_an_unknown_chat_is_told(page, alice):
    log_in(page, path=f"/agent/chats/{uuid4()}/")
    expect(page.get_by_role("heading", name="No such chat")).to_be_visible()


def test_another_tenants_chat_is_as_unknown_as_none(page, server, tenant):
    visitor = Visitor(server).says("Hello")
    apart(make_agent, "charlie", tenants=[make_tenant(slug="other")])
    log_in(page, "charlie", path=f"/agent/chats/{visitor.id}/")
    expect(page.get_by_role("heading", name="No such chat")).to_be_visible()
    expect(queue(page)).to_have_count(0)


def test_a_tenants_chats_go_with_the_right_to_see_them(page, alice, tenant, server):
    Visitor(server).says("Hello")
    is_live(log_in(page))
    accept(page)
    apart(alice.tenants.remove, tenant)
    expect(page.get_by_role("heading", name="No access any more")).to_be_visible()
    expect(page.locator("#placeholder-text")).to_have_text("You no longer have access to this website's chats.")
    expect(mine(page)).to_have_count(0)
    expect(page.get_by_role("complementary", name="Visitor")).to_be_hidden()


# Colleagues, ends and abandonment


def test_two_agents_accept_at_once_and_the_other_reads_who_has_it(new_context, alice, bob, server):
    Visitor(server).says("Hello")
    pages = {name: new_context().new_page() for name in ("alice", "bob")}
    held = []
    for name, page in pages.items():
        page.route("**/assign", lambda route: held.append(route))
        is_live(log_in(page, name))
        queue(page).get_by_role("link").click()
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("button", name="Accept")).to_be_disabled()
    for route in held:
        route.continue_()

    expect(pages["alice"].get_by_role("button", name="Accept")).to_be_hidden()
    winner = ChatSession.objects.get().assigned_to
    loser = pages["bob" if winner.username == "alice" else "alice"]
    expect(mine(pages[winner.username])).to_have_count(1)
    expect(loser.get_by_text(f"{winner.first_name} was faster")).to_be_visible()
    expect(decision(loser)).to_have_text(f"{winner.first_name} has this chat.")
    expect(queue(loser)).to_have_count(0)
    expect(mine(loser)).to_have_count(0)
    assert ChatSession.objects.get().last_seq == 2


def test_accepting_what_has_ended_meanwhile_says_why(page, alice, server):
    visitor = Visitor(server).says("Hello")
    deaf = Cuttable(page, deaf_to={"session.changed", "chat.message.new", "pong"})
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    expect(transcript(page)).to_contain_text("Hello")
    deaf.is_deaf = True
    visitor.ends()
    page.get_by_role("button", name="Accept").click()
    expect(page.locator("#notice")).to_contain_text("The visitor ended this chat.")
    expect(queue(page)).to_have_count(0)


def test_a_chat_that_ends_while_one_types_locks_with_the_reason_and_keeps_the_draft(page, alice, server):
    visitor = Visitor(server).says("Hello")
    is_live(log_in(page))
    accept(page)
    message_box(page).fill("Half an answer")
    visitor.ends()
    expect(decision(page)).to_have_text("The visitor ended this chat.")
    expect(message_box(page)).to_have_value("Half an answer")
    expect(message_box(page)).not_to_be_editable()


def test_a_disconnected_visitor_leaves_the_list_and_the_chat_explains_itself(page, alice, server):
    visitor = Visitor(server).says("Hello")
    is_live(log_in(page))
    accept(page)
    answer(page, "Hi, what is it about?")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    visitor.says("My order")
    expect(transcript(page)).to_contain_text("My order")
    age(ChatSession.objects.get(session_id=visitor.id), minutes=6)
    apart(services.sweep)
    expect(mine(page)).to_have_count(0)
    panel = page.get_by_role("complementary", name="Visitor")
    may_come_back = re.compile(
        r"Abandoned at \d?\d:\d\d.*: the visitor has been gone since \d?\d:\d\d.*\."
        r" The chat comes back if the visitor returns by \d?\d:\d\d"
    )
    expect(panel).to_contain_text(may_come_back)
    expect(decision(page)).to_have_text(may_come_back)
    expect(transcript(page)).to_contain_text("The chat was abandoned: the visitor had been gone for 6 minutes")
    expect(panel).to_contain_text("The visitor was waiting for an answer.")
    expect(message_box(page)).to_be_hidden()

    visitor.says("I am back")
    expect(mine(page)).to_have_count(1)
    expect(transcript(page)).to_contain_text("I am back")
    expect(message_box(page)).to_be_visible()


def test_presence_is_told_in_words(page, alice, server):
    session = ChatSession.objects.get(session_id=Visitor(server).says("Hello").id)
    is_live(log_in(page))
    accept(page)
    panel = page.get_by_role("complementary", name="Visitor")
    expect(panel).to_contain_text("Online")
    age(session, minutes=3)
    page.reload()
    expect(panel).to_contain_text(re.compile(r"Gone for 3:\d\d, will be abandoned at 5:00"))


# The network


def view(page: Page) -> dict[str, list[str]]:
    """What the console shows, without what the clock changes."""
    parts = {
        "queue": "#queue [data-part=name], #queue [data-part=line]",
        "mine": "#mine [data-part=name], #mine [data-part=line]",
        "transcript": "#messages [data-part=body], #messages [data-part=state]",
        "decision": "#decision-text",
    }
    return {name: page.locator(selector).all_inner_texts() for name, selector in parts.items()}


def test_after_a_cut_the_view_equals_a_fresh_fetch(page, new_context, alice, server):
    visitors = {name: Visitor(server, name).says(f"I am {name}") for name in ("Vera", "Grace", "Ada")}
    cut = Cuttable(page)
    is_live(log_in(page))
    accept(page, "Grace")
    accept(page, "Vera")

    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    answer(page, "written offline")
    expect(transcript(page)).to_contain_text("Sending…")
    visitors["Vera"].says("one").says("two")
    visitors["Grace"].ends()
    visitors["Ada"].says("still waiting")
    Visitor(server, "Linus").says("new here")

    cut.mend()
    expect(page.get_by_text("Reconnecting…")).to_be_hidden()
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    expect(queue(page)).to_have_count(2)
    assert Message.objects.filter(body="written offline").count() == 1

    fresh = new_context(storage_state=page.context.storage_state()).new_page()
    fresh.goto(page.url)
    expect(transcript(fresh)).to_contain_text("written offline")
    assert view(page) == view(fresh)


def test_an_answer_that_is_not_sent_survives_a_reload_and_arrives_once(page, alice, server):
    Visitor(server).says("Hello")
    cut = Cuttable(page)
    is_live(log_in(page))
    accept(page)
    cut.cut()
    answer(page, "do not lose me")
    expect(transcript(page)).to_contain_text("Sending…")
    page.reload()
    expect(page.get_by_text("Connecting…")).to_be_visible()
    cut.mend()
    expect(transcript(page)).to_contain_text("do not lose me")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    assert Message.objects.filter(body="do not lose me").count() == 1


def test_lost_doorbells_are_noticed_by_the_next_heartbeat(page, alice, server):
    cut = Cuttable(page, deaf_to={"session.changed", "chat.message.new"})
    is_live(log_in(page))
    cut.is_deaf = True
    visitor = Visitor(server).says("Hello")
    page.evaluate("dispatchEvent(new Event('online'))")  # a beat at once
    expect(queue(page)).to_contain_text("Hello")
    queue(page).get_by_role("link").click()
    expect(transcript(page)).to_contain_text("Hello")
    visitor.says("Is anybody there?")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(transcript(page)).to_contain_text("Is anybody there?")


def test_a_refused_message_is_kept_with_the_reason_and_sent_by_retry(page, alice, server):
    Visitor(server).says("Hello")
    cut = Cuttable(page)
    is_live(log_in(page))
    accept(page)
    cut.is_refusing = True
    answer(page, "Good morning")
    expect(transcript(page)).to_contain_text("Not sent. The server is busy.")
    assert not Message.objects.filter(body="Good morning").exists()
    cut.is_refusing = False
    page.get_by_role("button", name="Retry").click()
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    expect(transcript(page)).not_to_contain_text("Not sent.")
    assert Message.objects.filter(body="Good morning").count() == 1


# Hostile input


HOSTILE = '<img src=x onerror="window.hacked=1">\u202e{{7*7}}<script>window.hacked=1</script>'


def test_a_hostile_name_message_and_page_are_inert(page, alice, server):
    """PR13, PR19"""
    visitor = Visitor(server, HOSTILE, page_url="javascript:window.hacked=1", page_title=HOSTILE)
    visitor.says(HOSTILE + "W" * 3000)
    is_live(log_in(page))
    expect(queue(page)).to_contain_text(HOSTILE)
    queue(page).get_by_role("link").click()
    expect(transcript(page)).to_contain_text(HOSTILE)
    panel = page.get_by_role("complementary", name="Visitor")
    expect(panel).to_contain_text(HOSTILE)
    expect(panel.get_by_role("link")).to_have_count(0)
    expect(page.locator("#chat img, #visitor img, #lists img")).to_have_count(0)
    assert page.evaluate("window.hacked") is None
    for selector in ("html", "#lists", "#scroller", "#messages [data-part=body]", "#visitor"):
        is_contained = "element => element.scrollWidth <= element.clientWidth"
        assert page.locator(selector).evaluate(is_contained), selector


def test_the_visitors_page_is_a_link_that_tells_nothing_of_the_console(page, alice, server):
    Visitor(server, page_url="https://shop.example/cart?x=1", page_title="Your cart").says("Hello")
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    link = page.get_by_role("complementary", name="Visitor").get_by_role("link", name="Your cart")
    expect(link).to_have_attribute("href", "https://shop.example/cart?x=1")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_the_console_needs_nothing_inline(page, alice, server):
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    policy += "form-action 'self'; require-trusted-types-for 'script'"
    violations = []
    page.on("console", lambda message: violations.append(message.text) if "Policy" in message.text else None)
    page.on("pageerror", lambda error: violations.append(str(error)))

    def with_policy(route):
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

    # Chromium does not know where a page comes from that a test has answered, and guards this machine from it.
    page.context.grant_permissions(["local-network-access"])
    is_live(log_in(page))
    page.route("**/agent/", with_policy)
    page.reload()
    Visitor(server).says("Hello")
    is_live(page)
    accept(page)
    answer(page, "Good morning\nto you")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    page.get_by_role("button", name="End chat").click()
    page.get_by_role("dialog").get_by_role("button", name="End chat").click()
    expect(mine(page)).to_have_count(0)
    assert violations == []


# Narrow


def test_a_narrow_window_shows_one_pane_with_a_way_back(page, alice, server):
    Visitor(server).says("Hello")
    page.set_viewport_size({"width": 640, "height": 700})
    is_live(log_in(page))
    expect(page.locator("#lists")).to_have_css("width", "640px")
    queue(page).get_by_role("link").click()
    expect(transcript(page)).to_be_visible()
    expect(page.locator("#lists")).to_be_hidden()
    page.get_by_role("button", name="Details").click()
    expect(page.get_by_role("main", name="Visitor")).to_be_visible()
    page.get_by_role("button", name="Back to the chat").click()
    expect(transcript(page)).to_be_visible()
    page.get_by_role("link", name="All chats").click()
    expect(queue(page).get_by_role("link")).to_be_focused()


def test_in_a_chat_on_a_phone_the_height_is_the_chats_and_who_waits_is_counted(page, alice, server):
    vera = Visitor(server).says("Hello")
    page.set_viewport_size({"width": 390, "height": 700})
    cut = Cuttable(page)
    is_live(log_in(page))
    accept(page)
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    for name in ("Walter", "Xenia"):
        Visitor(server, name).says("Hello")
    expect(page.get_by_role("link", name="All chats (2)")).to_be_visible()
    parts = [page.get_by_role("heading", level=1, name="Vera")]
    parts += [page.get_by_role("button", name=name) for name in ("Details", "Transfer…", "End chat")]
    middles = [box["y"] + box["height"] / 2 for box in (part.bounding_box() for part in parts)]
    assert max(middles) - min(middles) < 20
    cut.cut()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    cut.mend()
    expect(page.locator("#connection")).to_be_empty()
    vera.ends()
    expect(page.get_by_role("button", name="Details")).to_be_visible()
