"""What is written in the open chat, in a real browser: canned replies, files, limits, what the visitor is typing."""

from playwright.sync_api import expect

from sessions_app.models import Message, Note
from tests.browser.desk import (
    Held,
    begin,
    decision,
    drop,
    is_live,
    log_in,
    message_box,
    notes,
    queue,
    transcript,
    write_note,
)

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)


def test_a_canned_reply_is_found_by_a_slash_and_filled_in(page, canned, alice, server):
    begin(page, server)
    box = message_box(page)
    box.press_sequentially("/")
    options = page.get_by_role("option")
    expect(options).to_have_count(3)
    box.press("Escape")
    expect(options).to_have_count(0)
    box.press_sequentially("he")
    expect(options).to_have_count(1)
    box.press("Enter")
    expect(box).to_have_value("Hello Vera, this is Alice.")
    box.fill("")
    box.press_sequentially("/30")
    expect(page.get_by_role("option")).to_contain_text("/return")
    page.get_by_role("option").click()
    expect(box).to_have_value("You may send it back for 30 days.")
    expect(box).to_be_focused()
    box.press("Enter")
    expect(transcript(page).get_by_text("Sent")).to_be_visible()
    assert Message.objects.filter(sender_type="agent").get().body == "You may send it back for 30 days."


def test_a_placeholder_without_a_value_is_selected_and_not_sent_in_silence(page, canned, alice, server):
    begin(page, server)
    box = message_box(page)
    page.get_by_role("button", name="Canned replies").click()
    box.press_sequentially("mail")
    expect(page.get_by_role("option")).to_have_count(1)
    box.press("Tab")
    expect(box).to_have_value("I write to {{visitor.email}} today.")
    selected = "box => box.value.slice(box.selectionStart, box.selectionEnd)"
    assert box.evaluate(selected) == "{{visitor.email}}"
    box.press("End")
    box.press("Enter")
    expect(page.locator("#problem")).to_contain_text("{{visitor.email}} is not filled in.")
    assert box.evaluate(selected) == "{{visitor.email}}"
    assert not Message.objects.filter(sender_type="agent").exists()
    box.press_sequentially("vera@shop.example")
    box.press("Enter")
    expect(transcript(page)).to_contain_text("I write to vera@shop.example today.")


def test_a_shortcut_that_is_typed_before_the_replies_are_here_waits_for_them(page, canned, alice, server):
    replies = Held(page, "**/canned-replies")
    begin(page, server)
    box = message_box(page)
    box.press_sequentially("/hello")
    expect(page.get_by_text("Loading the canned replies…")).to_be_visible()
    box.press("Enter")
    expect(box).to_have_value("/hello")
    assert len(replies.routes) == 1
    replies.let_go()
    expect(box).to_have_value("Hello Vera, this is Alice.")
    assert not Message.objects.filter(sender_type="agent").exists()


def test_that_no_canned_reply_fits_or_none_could_be_loaded_is_told_in_sight(page, canned, alice, server):
    begin(page, server)
    box = message_box(page)
    box.press_sequentially("/zzz")
    status = page.locator("#canned-status")
    expect(status).to_have_text("No canned reply fits.")
    assert status.bounding_box()["height"] > 20  # beside an open list it is for screen readers only
    box.press("Escape")
    expect(status).to_be_empty()
    page.route("**/canned-replies", lambda route: route.abort())
    page.reload()
    box.fill("")
    box.press_sequentially("/")
    expect(status).to_contain_text("The canned replies could not be loaded.")
    assert status.bounding_box()["height"] > 20


def test_the_canned_replies_close_when_the_chat_ends_under_them(page, canned, alice, server):
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    vera = begin(page, server)
    message_box(page).press_sequentially("/")
    expect(page.get_by_role("option")).to_have_count(3)
    vera.ends()
    expect(decision(page)).to_have_text("The visitor ended this chat.")
    expect(page.get_by_role("option")).to_have_count(0)
    message_box(page).press("Enter")
    expect(message_box(page)).to_have_value("/")
    assert errors == []


def test_files_are_sent_by_button_paste_and_drop(page, alice, server):
    begin(page, server)
    message_box(page).fill("half an answer")
    page.locator("#files").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": PNG})
    expect(transcript(page).get_by_role("img", name="a.png")).to_be_visible()
    drop(page, "#body", [("notes.txt", "text/plain", 0)], "paste")
    expect(page.locator(".upload")).to_contain_text("This file is empty")
    page.locator(".upload").get_by_role("button", name="Remove").click()
    expect(page.locator(".upload")).to_have_count(0)
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["dropped"], "b.txt", { type: "text/plain" }));
            const init = { dataTransfer: data, bubbles: true, cancelable: true };
            document.querySelector("#scroller").dispatchEvent(new DragEvent("drop", init));
        }"""
    )
    expect(transcript(page).get_by_role("link", name="b.txt")).to_be_visible()
    expect(message_box(page)).to_have_value("half an answer")
    assert Message.objects.filter(message_type="file").count() == 2


def test_a_pasted_file_of_20_mb_is_refused_in_a_sentence_and_the_draft_stays(page, alice, server):
    begin(page, server)
    message_box(page).fill("half an answer")
    drop(page, "#body", [("film.png", "image/png", 20_000_000)], "paste")
    expect(page.locator(".upload")).to_contain_text("Not sent. This file has 20.0 MB; at most")
    drop(page, "#chat", [("setup.exe", "application/x-msdownload", 9)])
    expect(page.locator(".upload").last).to_contain_text("Files of this kind cannot be sent, only .png")
    expect(page.locator(".upload").get_by_role("button", name="Retry")).to_have_count(0)
    expect(message_box(page)).to_have_value("half an answer")


def test_a_file_that_the_network_loses_is_sent_by_retry_once(page, alice, server):
    begin(page, server)
    page.route("**/attachments", lambda route: route.abort())
    page.locator("#files").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": PNG})
    expect(page.locator(".upload")).to_contain_text("Not sent. The server cannot be reached.")
    page.unroute("**/attachments")
    page.locator(".upload").get_by_role("button", name="Retry").click()
    expect(transcript(page).get_by_role("img", name="a.png")).to_be_visible()
    expect(page.locator(".upload")).to_have_count(0)
    assert Message.objects.filter(message_type="file").count() == 1


def test_a_note_that_is_too_long_is_told_and_kept(page, alice, server):
    begin(page, server)
    write_note(page, "😀" * 4001)
    expect(page.get_by_text("1 character too many")).to_be_visible()
    expect(page.get_by_role("button", name="Add note")).to_be_disabled()
    write_note(page, "😀" * 4000)
    expect(notes(page)).to_have_count(1)
    expect(notes(page)).not_to_contain_text("Sending")
    assert Note.objects.get().body == "😀" * 4000


def test_what_the_visitor_is_writing_is_shown_where_the_website_says_so(page, new_context, tenant, alice, server):
    tenant.typing_preview = True
    tenant.save()
    visitor = new_context().new_page()
    visitor.goto("/widget-demo.html")
    visitor.get_by_role("button", name="Open chat").click()
    box = visitor.get_by_role("textbox", name="Message")
    box.fill("Hello")
    visitor.get_by_role("button", name="Send").click()
    is_live(log_in(page))
    queue(page).get_by_role("link").click()
    page.get_by_role("button", name="Accept").click()
    box.press_sequentially("My parcel is")
    expect(page.locator("#typing .preview")).to_contain_text("My p")
    box.fill("My parcel is lost")
    visitor.get_by_role("button", name="Send").click()
    expect(transcript(page).locator(".bubble").last).to_have_text("My parcel is lost")
    expect(page.locator("#typing")).to_be_hidden()
