"""Files in the widget: sent by button, paste and drop, shown to both sides, never lost in silence."""

import io
import re
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from playwright.sync_api import Page, Route, expect

from sessions_app import attachments, services
from sessions_app.models import Attachment, ChatSession, Message
from tests.browser.apart import apart
from tests.browser.shop import Shop, end_chat, expect_sent, message, open_chat, write
from tests.browser.test_console import log_in
from tests.browser.test_widget_guest import POLICY, REPORT_VIOLATIONS
from tests.factories import actor, make_agent, make_tenant

UPLOAD = "**/api/v1/chat/public/attachment"
PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\n"

# What a browser does when files are dropped or pasted; `makeEvent` gets a DataTransfer that holds them.
GIVE = """([files, type]) => {
    const data = new DataTransfer();
    for (const [name, kind, text] of files) data.items.add(new File([Uint8Array.from(text)], name, { type: kind }));
    const root = document.querySelector("#cc-chat-widget").shadowRoot;
    const target = root.querySelector(type === "paste" ? "textarea" : ".messages");
    const given = type === "paste" ? { clipboardData: data } : { dataTransfer: data };
    const make = type === "paste" ? ClipboardEvent : DragEvent;
    const options = { bubbles: true, cancelable: true, composed: true, ...given };
    if (type === "drop") target.dispatchEvent(new DragEvent("dragover", options));
    return !target.dispatchEvent(new make(type, options));
}"""


pytestmark = pytest.mark.usefixtures("host_errors")


@pytest.fixture
def tenant(server):
    return make_tenant(welcome_message="")


def picture(size=(900, 600)) -> bytes:
    output = io.BytesIO()
    Image.radial_gradient("L").resize(size).save(output, "PNG")
    return output.getvalue()


def visit(page: Page, shop: Shop, tenant) -> None:
    shop.start(page, tenant)
    open_chat(page)
    expect(page.get_by_role("button", name="Attach files")).to_be_visible()


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    given = [{"name": name, "mimeType": "", "buffer": content} for name, content in files]
    chooser.value.set_files(given)


def give(page: Page, how: str, *files: tuple[str, str, bytes]) -> bool:
    """Whether the widget took them (`drop` or `paste`)."""
    return page.evaluate(GIVE, [[[name, kind, list(content)] for name, kind, content in files], how])


def row(page: Page, name: str):
    return page.locator("li.message").filter(has_text=name)


def sent_names() -> list[str]:
    return list(Message.objects.filter(message_type="file").order_by("seq").values_list("body", flat=True))


def test_a_document_is_sent_and_shown_with_its_name_and_size(page: Page, shop, tenant):
    visit(page, shop, tenant)
    choose(page, ("bill.pdf", PDF * 1000))
    link = page.get_by_role("link", name="bill.pdf")
    expect(link).to_contain_text("43 kB")
    expect_sent(page, "bill.pdf")
    assert sent_names() == ["bill.pdf"]
    answer = page.request.get(link.get_attribute("href"))
    assert answer.headers["content-disposition"] == 'attachment; filename="bill.pdf"'
    assert answer.body() == PDF * 1000


def test_a_picture_is_shown_small_and_leads_to_itself_under_a_strict_policy(page: Page, shop, tenant, server):
    policy = POLICY.format(url=server.url, ws_url=server.ws_url)
    shop.headers["Content-Security-Policy"] = policy.replace("script-src", f"script-src {shop.url}")
    page.add_init_script(REPORT_VIOLATIONS)
    visit(page, shop, tenant)
    choose(page, ("garden.png", picture()))
    image = page.get_by_role("img", name="garden.png")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 480)
    url = page.get_by_role("link", name="garden.png").get_attribute("href")
    assert url == f"{server.url}/api/v1/chat/public/attachment/{Attachment.objects.get().token}"
    page.reload()
    open_chat(page)
    expect(page.get_by_role("img", name="garden.png")).to_be_visible()
    assert page.evaluate("violations") == []


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_five_files_at_once_arrive_in_order(page: Page, shop, tenant, how):
    visit(page, shop, tenant)
    names = [f"page {number}.pdf" for number in range(1, 6)]
    assert give(page, how, *((name, "application/pdf", PDF) for name in names))
    for name in names:
        expect(page.get_by_role("link", name=name)).to_be_visible()
    assert sent_names() == names
    expect(page.locator("li.upload-row")).to_have_count(0)


def test_what_is_no_file_is_pasted_and_dropped_as_ever(page: Page, shop, tenant):
    visit(page, shop, tenant)
    assert not give(page, "paste")
    assert not give(page, "drop")


def test_what_cannot_be_sent_says_why_and_asks_nobody(page: Page, shop, tenant):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "public/attachment" in request.url else None)
    visit(page, shop, tenant)
    svg = ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    choose(page, svg, ("large.pdf", PDF * 300_000), ("empty.pdf", b""))
    expect(row(page, "logo.svg")).to_contain_text("This kind of file cannot be sent")
    expect(row(page, "empty.pdf")).to_contain_text("This file could not be read")
    expect(row(page, "large.pdf")).to_contain_text("too large. At most 10.5 MB")
    assert asked == []
    for name in ("logo.svg", "large.pdf", "empty.pdf"):
        expect(row(page, name).get_by_role("button", name="Retry")).to_have_count(0)
        row(page, name).get_by_role("button", name="Remove").click()
        expect(row(page, name)).to_have_count(0)


def test_what_the_server_refuses_says_why(page: Page, shop, tenant):
    visit(page, shop, tenant)
    choose(page, ("broken.png", b"\x89PNG\r\n\x1a\n"), ("bill.pdf", b"no PDF"), ("good.pdf", PDF))
    for name in ("broken.png", "bill.pdf"):
        expect(row(page, name)).to_contain_text("This file could not be read. It may be damaged, or not what")
        expect(row(page, name).get_by_role("button", name="Retry")).to_have_count(0)
    expect_sent(page, "good.pdf")
    assert sent_names() == ["good.pdf"]


def test_a_file_that_fails_offline_is_sent_once_by_a_retry(page: Page, shop, tenant, context):
    visit(page, shop, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    choose(page, ("before.pdf", PDF))
    expect_sent(page, "before.pdf")
    context.set_offline(True)
    choose(page, ("bill.pdf", PDF))
    expect(row(page, "bill.pdf")).to_contain_text("Please check your connection")
    context.set_offline(False)
    row(page, "bill.pdf").get_by_role("button", name="Retry").click()
    expect(page.get_by_role("link", name="bill.pdf")).to_be_visible()
    assert sent_names() == ["before.pdf", "bill.pdf"]


def test_a_file_chosen_before_its_part_can_be_loaded_is_sent_with_the_connection(page: Page, shop, tenant, context):
    visit(page, shop, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    context.set_offline(True)
    choose(page, ("bill.pdf", PDF))
    expect(page.get_by_text("This could not be loaded")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_role("link", name="bill.pdf")).to_be_visible()
    expect(page.get_by_text("This could not be loaded")).to_be_hidden()
    assert sent_names() == ["bill.pdf"]


def test_PR17_a_lost_answer_and_a_retry_make_one_message(page: Page, shop, tenant):
    visit(page, shop, tenant)
    write(page, "hello")
    expect_sent(page, "hello")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(UPLOAD, lose, times=1)
    choose(page, ("bill.pdf", PDF))
    # The message itself says that it has arrived.
    expect(page.get_by_role("link", name="bill.pdf")).to_be_visible()
    expect(page.locator("li.upload-row")).to_have_count(0)
    assert sent_names() == ["bill.pdf"]


def test_a_reload_that_loses_a_file_says_so(page: Page, shop, tenant):
    visit(page, shop, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    page.route(UPLOAD, lambda route: None)
    choose(page, ("bill.pdf", PDF))
    expect(row(page, "bill.pdf")).to_contain_text("Sending…")
    page.route("**/public/config/*", lambda route: None)  # whatever the tenant takes
    page.reload()
    open_chat(page)
    expect(row(page, "bill.pdf")).to_contain_text("Please choose it again")
    row(page, "bill.pdf").get_by_role("button", name="Remove").click()
    page.reload()
    expect(message(page, "hello").or_(page.get_by_role("button", name="Open chat")).first).to_be_visible()
    page.wait_for_function("sessionStorage.getItem('cc_chat_files') === null")
    assert sent_names() == []


def test_a_reload_asks_for_no_file_that_cannot_be_sent_anyway(page: Page, shop, tenant):
    visit(page, shop, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    choose(page, ("tool.exe", b"MZ"))
    expect(row(page, "tool.exe")).to_contain_text("This kind of file cannot be sent")
    page.wait_for_function("sessionStorage.getItem('cc_chat_files') === null")
    page.reload()
    open_chat(page)
    expect(message(page, "hello")).to_be_visible()
    expect(row(page, "tool.exe")).to_have_count(0)


def test_a_file_that_is_removed_while_it_is_sent_makes_way_for_the_next(page: Page, shop, tenant):
    visit(page, shop, tenant)
    page.route(UPLOAD, lambda route: None, times=1)
    choose(page, ("first.pdf", PDF), ("second.pdf", PDF))
    expect(row(page, "first.pdf")).to_contain_text("Sending…")
    expect(row(page, "second.pdf")).to_contain_text("Waiting…")
    row(page, "first.pdf").get_by_role("button", name="Remove").click()
    expect_sent(page, "second.pdf")
    assert sent_names() == ["second.pdf"]


def test_a_chat_that_ends_meanwhile_says_that_the_file_was_not_sent(page: Page, shop, tenant):
    alice = apart(make_agent, tenants=[tenant])
    visit(page, shop, tenant)
    write(page, "hello")
    expect_sent(page, "hello")
    page.route(UPLOAD, lambda route: None)
    choose(page, ("bill.pdf", PDF))
    expect(row(page, "bill.pdf")).to_contain_text("Sending…")
    apart(services.end_session, ChatSession.objects.get().session_id, apart(actor, alice))
    expect(row(page, "bill.pdf")).to_contain_text("The chat ended before this file was sent")
    expect(row(page, "bill.pdf").get_by_role("button", name="Retry")).to_have_count(0)
    page.unroute(UPLOAD)
    page.get_by_role("button", name="Start a new chat").click()
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    expect(row(page, "bill.pdf")).to_have_count(0)


def test_PR19_names_are_text_and_do_not_turn(page: Page, shop, tenant):
    visit(page, shop, tenant)
    hostile = ["<img src=x onerror=alert(1)>.pdf", "{{7*7}}.pdf", "gnp.\u202eexe.pdf", "[x](javascript:alert(1)).pdf"]
    give(page, "drop", *((name, "application/pdf", PDF) for name in hostile))
    for name in ("<img src=x onerror=alert(1)>.pdf", "{{7*7}}.pdf", "gnp.exe.pdf", "[x](javascript:alert(1)).pdf"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    assert page.evaluate("document.querySelector('#cc-chat-widget').shadowRoot.querySelector('img') === null")


def test_what_the_agent_sends_is_shown_and_announced(page: Page, shop, tenant):
    alice = apart(make_agent, tenants=[tenant])
    visit(page, shop, tenant)
    write(page, "Do you have a picture of it?")
    expect_sent(page, "Do you have a picture of it?")
    session = ChatSession.objects.get()
    apart(services.accept_session, session.session_id, apart(actor, alice))

    def send() -> None:
        upload = SimpleUploadedFile("fern.png", picture())
        attachments.post_attachment(session, uuid4(), upload, actor(alice))

    apart(send)
    expect(page.get_by_role("img", name="fern.png")).to_be_visible()


def test_the_agent_sees_what_the_visitor_has_sent(page: Page, shop, tenant, browser, server):
    apart(make_agent, tenants=[tenant])
    visit(page, shop, tenant)
    choose(page, ("<b>bill.pdf", PDF), ("garden.png", picture()))
    expect(page.get_by_role("img", name="garden.png")).to_be_visible()
    console = browser.new_page(base_url=server.url)
    log_in(console, path=f"/agent/chats/{ChatSession.objects.get().session_id}/")
    link = console.get_by_role("link", name="<b>bill.pdf (1 kB)")
    expect(link).to_be_visible()
    assert console.request.get(link.get_attribute("href")).body() == PDF
    expect(console.get_by_role("img", name="garden.png")).to_have_js_property("naturalWidth", 480)
    console.close()


def test_where_files_are_switched_off_there_is_no_button(page: Page, start_server):
    server = start_server(CHAT_MAX_ATTACHMENT_BYTES="0")
    tenant = make_tenant(welcome_message="")
    with Shop(server.url) as shop:
        shop.start(page, tenant)
        open_chat(page)
        write(page, "hello")
        expect_sent(page, "hello")
        expect(page.get_by_role("button", name="Attach files")).to_have_count(0)
        assert not give(page, "drop", ("bill.pdf", "application/pdf", PDF))


def test_nothing_is_left_in_storage_when_all_is_sent(page: Page, shop, tenant):
    visit(page, shop, tenant)
    choose(page, ("bill.pdf", PDF))
    expect_sent(page, "bill.pdf")
    expect(page.get_by_role("link", name="bill.pdf")).to_be_visible()
    page.wait_for_function("sessionStorage.getItem('cc_chat_files') === null")
    end_chat(page, closes=True)
    expect(page.get_by_role("button", name=re.compile("Open chat"))).to_be_visible()
