"""The open chat in a real browser: notes, transcript, the visitor panel; with visitors and colleagues."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from sessions_app import services
from sessions_app.models import ChatSession, Message, Note, TrailEntry
from tests.browser.apart import apart
from tests.browser.desk import (
    Cuttable,
    Held,
    Visitor,
    accept,
    answer,
    begin,
    decision,
    dialog,
    drop,
    is_live,
    log_in,
    message_box,
    mine,
    note_box,
    notes,
    panel,
    queue,
    session_of,
    transcript,
    unread,
    write_note,
)
from tests.browser.test_axe import found
from tests.factories import actor, age

# Notes


def test_a_note_is_for_colleagues_in_its_place_and_the_visitor_never_hears_of_it(
    page, new_context, desk_of, alice, bob, server
):
    visitor = new_context().new_page()
    visitor.goto("/widget-demo.html")
    visitor.get_by_role("button", name="Open chat").click()
    visitor.get_by_role("textbox", name="Message").fill("Is it in stock?")
    visitor.get_by_role("button", name="Send").click()
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    page.get_by_role("button", name="Accept").click()
    expect(message_box(page)).to_be_focused()
    bobs = desk_of("bob", path=page.url)
    expect(transcript(bobs)).to_contain_text("Is it in stock?")

    write_note(page, "She bought two last week")
    for desk in (page, bobs):
        expect(notes(desk)).to_have_count(1)
        expect(notes(desk)).to_contain_text("Note · Alice")
        expect(notes(desk)).to_contain_text("She bought two last week")
    page.get_by_role("radio", name="Reply").check()
    answer(page, "Yes, two of them.")
    expect(visitor.get_by_text("Yes, two of them.")).to_be_visible()
    assert "last week" not in visitor.locator("#cc-chat-widget").evaluate("host => host.shadowRoot.textContent")

    bobs.reload()
    expect(transcript(bobs)).to_contain_text("Yes, two of them.")
    order = transcript(bobs).locator(".message, .note").all_inner_texts()
    places = [next(i for i, line in enumerate(order) if text in line) for text in ("stock", "week", "Yes")]
    assert places == sorted(places)
    assert Note.objects.get().after_seq == 2


def test_a_note_can_be_left_in_a_colleagues_chat_and_in_one_that_is_over(page, desk_of, alice, bob, server):
    vera = begin(page, server)
    bobs = desk_of("bob", path=page.url)
    bobs.get_by_role("button", name="Add a note").click()
    expect(note_box(bobs)).to_be_focused()
    note_box(bobs).fill("I know her")
    note_box(bobs).press("Enter")
    expect(notes(page)).to_contain_text("Note · Bob")
    vera.ends()
    expect(decision(page)).to_have_text("The visitor ended this chat.")
    page.get_by_role("button", name="Add a note").click()
    note_box(page).fill("To be billed")
    note_box(page).press("Enter")
    expect(notes(bobs)).to_have_count(2)
    expect(notes(bobs).last).to_contain_text("To be billed")


def test_reply_and_note_have_each_a_draft_that_survives_a_reload(page, alice, server):
    begin(page, server)
    message_box(page).fill("Dear Vera")
    page.get_by_role("radio", name="Note").check()
    expect(note_box(page)).to_have_value("")
    note_box(page).fill("She is angry")
    page.reload()
    expect(message_box(page)).to_have_value("Dear Vera")
    page.get_by_role("radio", name="Note (draft)").check()
    expect(note_box(page)).to_have_value("She is angry")


def test_a_note_that_does_not_arrive_is_kept_over_a_reload_and_arrives_once(page, alice, server):
    begin(page, server)
    page.route("**/messages", lambda route: route.abort())
    write_note(page, "do not lose me")
    expect(notes(page)).to_contain_text("Not sent. The server cannot be reached.")
    page.reload()
    expect(notes(page)).to_contain_text("do not lose me")
    page.unroute("**/messages")
    notes(page).get_by_role("button", name="Retry").click()
    expect(notes(page)).not_to_contain_text("Not sent")
    expect(notes(page)).not_to_contain_text("Sending")
    assert Note.objects.get().body == "do not lose me"


# Transcript


def test_a_chat_of_2000_messages_opens_at_its_end_and_pages_back_without_a_jump(page, alice, server):
    vera = Visitor(server).says("message 1")
    session = session_of(vera)
    apart(services.accept_session, session.session_id, actor(alice))
    first = session_of(vera).last_seq
    rows = [
        Message(
            session=session,
            seq=seq,
            client_message_id=UUID(int=seq),
            sender_type="visitor",
            sender_name="Vera",
            body=f"message {seq}" + " and more words" * (seq % 40),
        )
        for seq in range(first + 1, 2001)
    ]
    Message.objects.bulk_create(rows)
    ChatSession.objects.filter(pk=session.pk).update(last_seq=2000)
    is_live(log_in(page, path=f"/agent/chats/{vera.id}/"))
    last = transcript(page).get_by_text("message 2000", exact=False)
    expect(last).to_be_in_viewport()
    assert page.locator("#messages .message").count() == 100

    place = "node => node.getBoundingClientRect().top - document.querySelector('#scroller').getBoundingClientRect().top"
    anchor = page.locator("#messages .message").first
    words = anchor.locator("[data-part=body]").inner_text()
    anchor.evaluate("node => node.scrollIntoView()")
    expect(page.locator("#messages .message")).to_have_count(200)
    same = page.locator("#messages .message").nth(100)
    expect(same.locator("[data-part=body]")).to_have_text(words)
    assert abs(same.evaluate(place)) < 3

    for _ in range(25):
        if page.locator("#older").is_hidden():
            break
        count = page.locator("#messages .message").count()
        page.locator("#scroller").evaluate("node => node.scrollTo(0, 0)")
        page.wait_for_function("count => document.querySelectorAll('#messages .message').length > count", arg=count)
    shown = page.locator("#messages [data-part=body]").all_inner_texts()
    numbers = [int(re.match(r"message (\d+)", text)[1]) for text in shown if text.startswith("message")]
    assert numbers == [1, *range(first + 1, 2001)]

    vera.says("and one more")
    expect(page.get_by_role("button", name="New messages")).to_be_visible()
    page.get_by_role("button", name="New messages").click()
    expect(transcript(page).get_by_text("and one more")).to_be_in_viewport()


def test_a_group_of_messages_has_one_time_to_be_seen_and_the_others_to_be_heard(page, alice, server):
    vera = begin(page, server)
    vera.says("Is it").says("still there?")
    messages = page.locator("#messages .message")
    expect(messages).to_have_count(3)
    seen = "times => times.map(time => time.offsetHeight > 2)"
    assert messages.locator("time").evaluate_all(seen) == [True, False, True], "before the agent came, and after"
    assert all(re.search(r"\d:\d\d", text) for text in messages.locator("time").all_text_contents())
    expect(messages.nth(1).locator(".bubble")).to_have_attribute("title", re.compile(r"\d:\d\d"))


def test_leaving_and_coming_back_stand_in_the_transcript(page, new_context, alice, server):
    context = new_context()
    visitor = context.new_page()
    visitor.goto("/widget-demo.html")
    visitor.get_by_role("button", name="Open chat").click()
    visitor.get_by_role("textbox", name="Message").fill("Hello")
    visitor.get_by_role("button", name="Send").click()
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    page.get_by_role("button", name="Accept").click()
    visitor.close()
    left = transcript(page).locator("[data-aside=left]")
    expect(left).to_contain_text("The visitor left")
    context.new_page().goto("/widget-demo.html")
    expect(transcript(page).locator("[data-aside=back]")).to_contain_text("The visitor came back after")
    page.reload()
    expect(left).to_have_count(1)
    expect(panel(page)).to_contain_text("The visitor came back after")


def test_addresses_are_links_where_they_are_safe(page, alice, server):
    vera = begin(page, server)
    vera.says("see https://shop.example/a?b=1). or javascript:alert(1) or https://bank.example@evil.example/")
    bubble = transcript(page).locator(".bubble").last
    expect(bubble.get_by_role("link")).to_have_count(1)
    link = bubble.get_by_role("link", name="https://shop.example/a?b=1")
    expect(link).to_have_attribute("href", "https://shop.example/a?b=1")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_what_is_hostile_in_notes_tags_and_pages_is_inert(page, alice, server):
    """PR19"""
    hostile = '<img src=x onerror="window.hacked=1">\u202e' + "W" * 200
    vera = begin(page, server, referrer="javascript:window.hacked=1", page_url="https://x.example/", page_title=hostile)
    TrailEntry.objects.create(
        session=session_of(vera), kind="page", after_seq=0, url="javascript:window.hacked=1", title=hostile
    )
    write_note(page, hostile)
    expect(notes(page)).to_contain_text(hostile)
    panel(page).get_by_label("New tag").fill(hostile[:39])
    panel(page).get_by_label("New tag").press("Enter")
    expect(panel(page).locator("#tags")).to_contain_text("onerror")
    page.reload()
    expect(panel(page).locator("#trail")).to_contain_text(hostile)
    assert page.evaluate("window.hacked") is None
    expect(page.locator("#chat .bubble img, #visitor img, #visitor a[href^=javascript]")).to_have_count(0)
    for selector in ("html", "#scroller", "#visitor"):
        assert page.locator(selector).evaluate("node => node.scrollWidth <= node.clientWidth"), selector


# The visitor


@pytest.mark.browser_context_args(timezone_id="Europe/Vienna")
def test_the_panel_tells_who_the_visitor_is_and_where_they_have_been(page, new_context, alice, server):
    context = new_context(locale="de-AT", user_agent=FIREFOX)
    visitor = context.new_page()
    visitor.goto("/widget-demo.html")
    visitor.get_by_role("button", name="Open chat").click()
    visitor.get_by_role("textbox").last.fill("Hello")
    visitor.keyboard.press("Enter")
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    expect(panel(page)).to_contain_text("Firefox 128 on Windows")
    expect(panel(page)).to_contain_text("Austrian German (de-AT)")
    expect(panel(page)).to_contain_text(re.compile(r"\d?\d:\d\d.*, Europe/Vienna"))
    visitor.goto("/widget-demo.html?page=2")
    expect(panel(page).locator("#trail .step").first.get_by_role("link")).to_have_attribute(
        "href", f"{server.url}/widget-demo.html?page=2"
    )


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


def test_an_abandoned_chat_explains_itself(page, alice, server):
    vera = Visitor(server, page_url="https://shop.example/cart", page_title="Cart").says("Hello?")
    age(session_of(vera), minutes=40)
    apart(services.sweep)
    log_in(page, path=f"/agent/chats/{vera.id}/")
    for words in ("The visitor was never answered.", "40:0", "1 in the queue"):
        expect(panel(page)).to_contain_text(words)
    last_page = panel(page).locator("[data-fact=last-page]")
    expect(last_page).to_contain_text("Last page")
    expect(last_page.get_by_role("link", name="Cart")).to_have_attribute("href", "https://shop.example/cart")


def test_other_chats_of_the_visitor_are_links(page, alice, server):
    first = Visitor(server).says("The first time")
    second = Visitor(server).says("The second time")
    for session in (session_of(first), session_of(second)):
        ChatSession.objects.filter(pk=session.pk).update(customer_email="vera@shop.example")
    first.ends()
    is_live(log_in(page, path=f"/agent/chats/{second.id}/"))
    other = panel(page).get_by_role("region", name="Other chats of this visitor")
    expect(other).to_contain_text("Same e-mail")
    other.get_by_role("link").click()
    expect(transcript(page)).to_contain_text("The first time")
    page.wait_for_url(f"**/agent/chats/{first.id}/")
    page.go_back()
    expect(transcript(page)).to_contain_text("The second time")


def test_tags_are_put_on_and_taken_off_for_everybody(page, desk_of, alice, bob, server):
    begin(page, server)
    bobs = desk_of("bob", path=page.url)
    tag = panel(page).get_by_label("New tag")
    for name in ("VIP", "late  parcel", "vip"):
        tag.fill(name)
        tag.press("Enter")
        expect(tag).to_have_value("")
    for desk in (page, bobs):
        expect(panel(desk).locator("#tags").get_by_role("listitem")).to_have_text(["VIP×", "late parcel×"])
    panel(bobs).get_by_role("button", name="Remove the tag VIP").click()
    expect(panel(page).locator("#tags").get_by_role("listitem")).to_have_text(["late parcel×"])
    tag.fill("x" * 41)
    tag.press("Enter")
    expect(panel(page)).to_contain_text("A tag has at most 40 characters.")
    expect(tag).to_have_value("x" * 41)


def test_tags_are_saved_however_fast_they_come_and_take_no_focus(page, alice, server):
    begin(page, server)
    answers = Held(page, "**/tags", "PUT")
    tag = panel(page).get_by_label("New tag")
    tag.press_sequentially("billing\nvip\n")
    expect(tag).to_have_value("")
    message_box(page).click()
    message_box(page).press_sequentially("Dear ")
    with page.expect_request("**/tags"):  # the second waits for the first
        answers.let_go()
    with page.expect_response("**/tags"):
        answers.let_go()
    page.keyboard.type("Vera")
    expect(message_box(page)).to_have_value("Dear Vera")
    page.reload()
    expect(panel(page).locator("#tags").get_by_role("listitem")).to_have_text(["billing×", "vip×"])


def test_a_tag_that_could_not_be_saved_stands_in_the_box_again(page, alice, server):
    begin(page, server)
    page.route("**/tags", lambda route: route.abort())
    tag = panel(page).get_by_label("New tag")
    tag.fill("billing")
    tag.press("Enter")
    expect(panel(page)).to_contain_text("“billing” was not added. The server cannot be reached.")
    expect(tag).to_have_value("billing")
    expect(panel(page).locator("#tags").get_by_role("listitem")).to_have_count(0)


# Rows and notices


def test_rows_tell_what_was_said_and_not_what_the_system_noted(page, alice, server):
    vera = begin(page, server)
    Visitor(server, "Grace").says("Hi")
    accept(page, "Grace")
    row = mine(page).filter(has_text="Vera")
    expect(row.locator("[data-part=line]")).to_have_text("Hello")
    expect(unread(row)).to_be_hidden()
    vera.ends()
    page.get_by_role("link", name="History").click()
    row = page.locator("#found-rows li")
    expect(row.locator("[data-part=line]")).to_have_text("Hello")
    expect(row).to_contain_text("Ended by the visitor")


def test_rows_tell_of_drafts_of_what_was_not_sent_and_of_colleagues_notes(page, alice, bob, server):
    socket = Cuttable(page)
    vera = begin(page, server)
    message_box(page).fill("Half an answer")
    Visitor(server, "Grace").says("Hi")
    accept(page, "Grace")
    row = mine(page).filter(has_text="Vera")
    line = row.locator("[data-part=line]")
    expect(line).to_have_text("Draft: Half an answer")
    note = {"client_message_id": UUID(int=7), "body": "She is a friend"}
    apart(services.add_note, session_of(vera).session_id, apart(actor, bob), **note)
    expect(row.get_by_text("note", exact=True)).to_be_visible()
    row.get_by_role("link").click()
    expect(row.get_by_text("note", exact=True)).to_be_hidden()
    expect(line).to_have_text("Hello")
    socket.is_refusing = True
    message_box(page).press("Enter")
    expect(line).to_have_text("Not sent")


def test_a_note_stays_unseen_over_a_reload_until_one_of_the_agents_tabs_shows_it(page, context, alice, bob, server):
    vera = begin(page, server)
    page.goto("/agent/")
    is_live(page)
    note = {"client_message_id": UUID(int=7), "body": "She is a friend"}
    apart(services.add_note, session_of(vera).session_id, apart(actor, bob), **note)
    mark = mine(page).get_by_text("note", exact=True)
    expect(mark).to_be_visible()
    page.reload()
    expect(mark).to_be_visible()
    second_tab = context.new_page()
    second_tab.goto("/agent/")
    marked = mine(second_tab).get_by_text("note", exact=True)
    expect(marked).to_be_visible()
    mine(second_tab).get_by_role("link").click()
    expect(notes(second_tab)).to_contain_text("She is a friend")
    expect(marked).to_be_hidden()
    expect(mark).to_be_hidden()
    page.reload()
    expect(mine(page)).to_have_count(1)
    expect(mark).to_be_hidden()


def test_a_message_in_a_console_that_is_not_in_front_is_not_read(page, alice, server):
    vera = begin(page, server)
    page.evaluate("document.hasFocus = () => false")
    vera.says("Are you there?")
    expect(transcript(page)).to_contain_text("Are you there?")
    expect(unread(mine(page))).to_have_text("1 unread")
    page.evaluate("document.hasFocus = () => true; dispatchEvent(new Event('focus'))")
    expect(unread(mine(page))).to_be_hidden()


def test_a_refusal_is_forgotten_when_the_server_is_back_or_the_chat_has_moved_on(page, alice, bob, server):
    socket = Cuttable(page)
    vera = Visitor(server).says("Hello")
    is_live(log_in(page, path=f"/agent/chats/{vera.id}/"))
    notice = page.locator("#notice")

    def accept_in_vain() -> None:
        page.get_by_role("button", name="Accept").click()
        expect(notice).to_contain_text("The server cannot be reached.")

    page.route("**/assign", lambda route: route.abort())
    accept_in_vain()
    socket.cut()
    expect(page.locator("#connection")).not_to_be_empty()
    socket.mend()
    expect(notice).to_be_hidden()
    accept_in_vain()
    apart(services.accept_session, session_of(vera).session_id, apart(actor, bob))
    expect(decision(page)).to_have_text("Bob has this chat.")
    expect(notice).to_be_hidden()


# Live and right


def shown(page: Page) -> dict[str, list[str]]:
    parts = {
        "lines": "#messages [data-part=body], #messages [data-part=sender]",
        "tags": "#tags [data-part=name]",
        "pages": "#trail [data-part=page]",
        "decision": "#decision-text",
    }
    return {name: page.locator(selector).all_inner_texts() for name, selector in parts.items()}


def test_after_a_cut_the_chat_equals_a_fresh_fetch(page, desk_of, alice, bob, server):
    cut = Cuttable(page)
    vera = begin(page, server)
    cut.cut()
    expect(page.locator("#connection")).not_to_be_empty()
    session = session_of(vera)
    bobs = apart(actor, bob)
    apart(
        services.add_note,
        session.session_id,
        bobs,
        client_message_id=UUID(int=7),
        body="written while you were away",
    )
    apart(services.tag_session, session.session_id, bobs, ["vip"])
    apart(services.record_page, session.session_id, url="https://shop.example/pay", title="Pay")
    vera.says("Are you there?")
    cut.mend()
    expect(notes(page)).to_contain_text("written while you were away")
    expect(panel(page).locator("#tags")).to_contain_text("vip")
    expect(panel(page).locator("#trail")).to_contain_text("Pay")
    fresh = desk_of("alice", path=page.url)
    expect(panel(fresh).locator("#trail")).to_contain_text("Pay")
    expect(notes(fresh)).to_have_count(1)
    assert shown(page) == shown(fresh)


# Everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_open_chat(page, canned, alice, bob, server, scheme):
    page.emulate_media(color_scheme=scheme)
    begin(page, server, page_url="https://shop.example/", page_title="Shop")
    write_note(page, "a note with https://shop.example/ in it")
    expect(notes(page)).not_to_contain_text("Sending")
    drop(page, "#chat", [("setup.exe", "application/x-msdownload", 9)])
    panel(page).get_by_label("New tag").fill("vip")
    panel(page).get_by_label("New tag").press("Enter")
    expect(panel(page).locator("#tags")).to_contain_text("vip")
    note_box(page).fill("and another")
    assert found(page) == []
    page.get_by_role("radio", name="Reply").check()
    message_box(page).press_sequentially("/")
    expect(page.get_by_role("option").first).to_be_visible()
    assert found(page) == []
    message_box(page).press("Escape")
    page.get_by_role("button", name="Transfer…").click()
    expect(dialog(page).get_by_role("radio", name="Bob")).to_be_visible()
    assert found(page) == []


@pytest.mark.parametrize("width", [320, 640, 1000])
def test_nothing_is_cut_off_in_a_narrow_or_enlarged_window(page, canned, alice, bob, server, width):
    begin(page, server, name="V" * 120)
    write_note(page, "N" * 200)
    drop(page, "#chat", [("W" * 200 + ".exe", "", 9)])
    page.get_by_role("radio", name="Reply").check()
    message_box(page).press_sequentially("/")
    expect(page.get_by_role("option").first).to_be_visible()
    page.set_viewport_size({"width": width, "height": 480})
    for selector in ("html", "#chat", "#scroller", ".chat-header", "#composer"):
        assert page.locator(selector).evaluate("node => node.scrollWidth <= node.clientWidth"), selector
    message_box(page).press("Escape")
    page.get_by_role("button", name="Transfer…").click()
    expect(dialog(page).get_by_role("button", name="Transfer")).to_be_in_viewport()
    assert dialog(page).evaluate("node => node.scrollWidth <= node.clientWidth")
