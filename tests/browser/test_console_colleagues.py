"""Chats between colleagues, in real browsers: transfers, taking over, assigning, writing side by side."""

import re

from playwright.sync_api import expect

from agents_app.models import Agent
from sessions_app import services
from sessions_app.models import Note
from tests.browser.apart import apart
from tests.browser.desk import (
    Visitor,
    accept,
    answer,
    begin,
    decision,
    dialog,
    is_live,
    log_in,
    message_box,
    mine,
    note_box,
    notes,
    queue,
    session_of,
    supervise,
    transcript,
    write_note,
)
from tests.browser.test_axe import found
from tests.factories import actor


def leave(agent: Agent) -> None:
    """The agent's console has been closed for five minutes."""
    Agent.objects.filter(pk=agent.pk).update(last_seen_at=None)


def test_a_transfer_brings_the_chat_its_note_and_the_visitor_to_a_colleague(page, desk_of, alice, bob, server):
    bobs = desk_of("bob")
    vera = begin(page, server)
    page.get_by_role("button", name="Transfer…").press("Enter")
    expect(dialog(page).get_by_role("radio", name="Bob")).to_be_visible()
    dialog(page).get_by_role("radio", name="Back to the queue").press("ArrowDown")
    expect(dialog(page).get_by_role("radio", name="Bob")).to_be_checked()
    expect(dialog(page)).to_contain_text("Online, 0 chats")
    dialog(page).get_by_label("Note for whoever takes it").fill("She speaks German")
    dialog(page).get_by_role("button", name="Transfer").click()
    expect(dialog(page)).to_be_hidden()
    expect(decision(page)).to_have_text("Bob has this chat.")
    expect(page.get_by_role("heading", level=1, name="Vera")).to_be_focused()
    expect(mine(page)).to_have_count(0)

    expect(mine(bobs)).to_have_count(1)
    marks = [mine(bobs).get_by_text(mark, exact=True) for mark in ("new", "note")]
    for mark in marks:
        expect(mark).to_be_visible()
    expect(bobs).to_have_title(re.compile(r"^\(1\) "))
    mine(bobs).get_by_role("link").click()
    for mark in marks:
        expect(mark).to_be_hidden()
    expect(notes(bobs)).to_contain_text("Note · Alice")
    expect(notes(bobs)).to_contain_text("She speaks German")
    answer(bobs, "Guten Tag")
    expect(transcript(page)).to_contain_text("Guten Tag")
    assert session_of(vera).assigned_to_id == bob.user_id


def test_a_chat_that_is_given_back_stands_in_the_queue(page, desk_of, alice, bob, server):
    bobs = desk_of("bob")
    begin(page, server)
    answer(page, "One moment")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    page.get_by_role("button", name="Transfer…").click()
    dialog(page).get_by_role("radio", name="Back to the queue").check()
    dialog(page).get_by_role("button", name="Transfer").click()
    expect(queue(bobs)).to_have_count(1)
    expect(queue(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Accept")).to_be_visible()


def test_a_transfer_to_somebody_who_has_just_gone_says_so_and_keeps_the_note(page, alice, bob, server):
    begin(page, server)
    page.get_by_role("button", name="Transfer…").click()
    dialog(page).get_by_role("radio", name="Bob").check()
    dialog(page).get_by_label("Note for whoever takes it").fill("keep me")
    leave(bob)
    dialog(page).get_by_role("button", name="Transfer").click()
    expect(dialog(page).get_by_role("alert")).to_have_text("Bob has left. Choose somebody else.")
    expect(dialog(page).get_by_role("button", name="Transfer")).to_be_disabled()
    expect(dialog(page)).to_contain_text("No colleague of this website has the console open.")
    expect(dialog(page).get_by_label("Note for whoever takes it")).to_have_value("keep me")
    dialog(page).get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Transfer…").click()
    expect(dialog(page).get_by_label("Note for whoever takes it")).to_have_value("keep me")
    assert not Note.objects.exists()


def test_a_transfer_goes_nowhere_until_somebody_is_chosen(page, desk_of, alice, bob, server):
    desk_of("bob")
    Visitor(server, "Walter").says("Hello")
    vera = begin(page, server)
    held = []
    page.route("**/api/v1/chat/agents", lambda route: held.append(route))
    page.locator("#chat-title").focus()
    with page.expect_request("**/api/v1/chat/agents"):
        page.keyboard.press("t")
    send = dialog(page).get_by_role("button", name="Transfer")
    expect(dialog(page).get_by_role("radio")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(send).to_be_disabled()
    expect(dialog(page).get_by_role("radio", checked=True)).to_have_count(0)
    held.pop().continue_()
    dialog(page).get_by_role("radio", name="Bob").check()
    expect(send).to_be_enabled()
    dialog(page).get_by_role("button", name="Cancel").click()

    page.unroute_all()
    accept(page, "Walter")
    page.get_by_role("button", name="Transfer…").click()
    expect(dialog(page).get_by_role("radio", name="Bob")).to_be_visible()
    expect(dialog(page).get_by_role("radio", checked=True)).to_have_count(0)
    expect(send).to_be_disabled()
    assert session_of(vera).assigned_to_id == alice.user_id


def test_whoever_was_chosen_and_leaves_is_replaced_by_nobody(page, alice, bob, server):
    begin(page, server)
    page.get_by_role("button", name="Transfer…").click()
    dialog(page).get_by_role("radio", name="Bob").check()
    leave(bob)
    # By the console's clock, what it knows of its colleagues is old.
    page.evaluate("Date.now = (now => () => now() + 60_000)(Date.now)")
    expect(dialog(page).get_by_role("alert")).to_have_text("Bob has left. Choose somebody else.")
    expect(dialog(page).get_by_role("radio", checked=True)).to_have_count(0)
    expect(dialog(page).get_by_role("radio", name="Back to the queue")).to_be_focused()
    expect(dialog(page).get_by_role("button", name="Transfer")).to_be_disabled()


def test_who_answers_after_a_transfer_keeps_the_text_and_can_copy_it(page, desk_of, alice, bob, server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    apart(supervise, bob)
    bobs = desk_of("bob")
    vera = begin(page, server)
    message_box(page).fill("Half an answer")
    bobs.goto(f"/agent/chats/{vera.id}/")
    bobs.get_by_role("button", name="Take over").click()
    expect(message_box(bobs)).to_be_focused()
    expect(decision(page)).to_have_text("Bob has this chat.")
    expect(message_box(page)).to_have_value("Half an answer")
    expect(message_box(page)).not_to_be_editable()
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator("#problem")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "Half an answer"
    page.get_by_role("button", name="Discard").click()
    expect(message_box(page)).to_be_hidden()


def test_a_colleagues_answer_to_what_one_is_answering_is_told_before_it_is_sent(page, desk_of, alice, bob, server):
    bobs = desk_of("bob")
    vera = begin(page, server)
    message_box(page).fill("It costs 12")
    session_id = session_of(vera).session_id
    apart(services.transfer_session, session_id, apart(actor, alice), to_agent_id=bob.user_id)
    mine(bobs).get_by_role("link").click()
    answer(bobs, "It costs 9 today")
    expect(transcript(page)).to_contain_text("It costs 9 today")
    apart(services.transfer_session, session_id, apart(actor, bob), to_agent_id=alice.user_id)
    warning = page.locator("#meanwhile")
    expect(warning).to_contain_text("Bob has answered meanwhile: “It costs 9 today”")
    expect(message_box(page)).to_have_value("It costs 12")
    warning.get_by_role("button", name="Dismiss").click()
    expect(warning).to_be_hidden()
    page.reload()
    expect(message_box(page)).to_have_value("It costs 12")
    expect(warning).to_be_hidden()


# That somebody is typing is forgotten after 8 s, which a busy machine may need for the next look.
NO_TIME_PASSES = "Date.now = (at => () => at)(Date.now())"


def test_two_agents_who_write_in_the_same_chat_know_of_each_other(page, desk_of, alice, bob, server):
    page.add_init_script(NO_TIME_PASSES)
    vera = begin(page, server)
    bobs = desk_of("bob", path=f"/agent/chats/{vera.id}/", script=NO_TIME_PASSES)
    second = desk_of("alice", path=f"/agent/chats/{vera.id}/", script=NO_TIME_PASSES)
    others = "#others-typing"
    message_box(page).press_sequentially("It is")
    expect(bobs.locator(others)).to_have_text("Alice is typing in this chat.")
    bobs.get_by_role("button", name="Add a note").click()
    note_box(bobs).press_sequentially("She is")
    expect(bobs.locator(others)).to_have_text("Alice is typing in this chat, too.")
    expect(page.locator(others)).to_have_text("Bob is typing in this chat, too.")
    expect(second.locator(others)).to_have_text("Bob is typing in this chat.")
    note_box(bobs).press("Enter")
    expect(page.locator(others)).to_be_empty()
    expect(notes(page)).to_contain_text("She is")
    message_box(page).press("Enter")
    expect(bobs.locator(others)).to_be_empty()
    assert found(bobs) == []


def test_what_an_absent_colleague_has_left_can_be_taken_over(page, alice, bob, server):
    vera = Visitor(server).says("Hello")
    apart(services.accept_session, session_of(vera).session_id, apart(actor, bob))
    log_in(page, path=f"/agent/chats/{vera.id}/")
    expect(decision(page)).to_have_text("Bob has this chat.")
    expect(page.get_by_role("button", name="Take over")).to_be_hidden()
    leave(bob)
    page.reload()
    expect(decision(page)).to_have_text("Bob has this chat, but has never opened the console.")
    page.get_by_role("button", name="Take over").click()
    expect(message_box(page)).to_be_focused()
    expect(transcript(page)).to_contain_text("Alice took over the chat from Bob")
    assert session_of(vera).assigned_to_id == alice.user_id


def test_a_supervisor_assigns_what_waits(page, desk_of, alice, bob, server):
    apart(supervise, alice)
    bobs = desk_of("bob")
    Visitor(server).says("Hello")
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    page.get_by_role("button", name="Assign…").click()
    expect(dialog(page).get_by_role("radio")).to_have_count(1)
    dialog(page).get_by_role("radio", name="Bob").check()
    dialog(page).get_by_role("button", name="Assign").click()
    expect(decision(page)).to_have_text("Bob has this chat.")
    expect(mine(bobs)).to_have_count(1)


def test_who_is_no_supervisor_cannot_touch_a_present_colleagues_chat(page, desk_of, alice, bob, server):
    bobs = desk_of("bob")
    vera = Visitor(server).says("Hello")
    apart(services.accept_session, session_of(vera).session_id, apart(actor, bob))
    log_in(page, path=f"/agent/chats/{vera.id}/")
    expect(decision(page)).to_have_text("Bob has this chat.")
    for name in ("Take over", "Transfer…", "Assign…", "End chat", "Accept"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    expect(mine(bobs)).to_have_count(1)


def test_two_consoles_of_one_agent_show_the_same(page, desk_of, alice, server):
    begin(page, server)
    other = desk_of("alice", path=page.url)
    expect(message_box(other)).to_be_visible()
    answer(page, "from here")
    write_note(other, "from there")
    other.get_by_role("radio", name="Reply").check()
    message_box(other).fill("from there")
    answer(page, "again from here")
    expect(other.locator("#meanwhile")).to_contain_text("You have answered in another window: “again from here”")
    for desk in (page, other):
        expect(transcript(desk)).to_contain_text("from here")
        expect(notes(desk)).to_have_count(1)
        expect(notes(desk)).not_to_contain_text("Sending")


def test_a_chat_that_i_accept_in_one_console_is_new_in_none(page, desk_of, alice, server):
    other = desk_of("alice")
    begin(page, server)
    for desk in (other, page):
        expect(mine(desk)).to_have_count(1)
        expect(mine(desk).get_by_text("new", exact=True)).to_be_hidden()


def test_a_right_that_is_taken_away_takes_no_text_along(page, tenant, alice, server):
    begin(page, server)
    message_box(page).fill("Half an answer")
    apart(alice.tenants.remove, tenant)
    expect(page.get_by_role("heading", name="No access any more")).to_be_visible()
    expect(page.get_by_label("What you wrote here was not sent")).to_have_value("Half an answer")
    expect(page.get_by_role("button", name="Copy text")).to_be_visible()
