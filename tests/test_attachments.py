"""Files that people send: what is taken, what is refused, who gets them, and what is left of them."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.db.models import F
from PIL import Image

from sessions_app import attachments, events, selectors, services, tasks
from sessions_app.errors import Invalid
from sessions_app.filetypes import MAX_NAME_CHARS, MAX_PIXELS, clean_name, inspect
from sessions_app.models import Attachment, Message
from sessions_app.services import VISITOR
from tests.factories import PASSWORD, fresh, make_session, make_tenant, say

PUBLIC = "/api/v1/chat/public"
SHOP = "https://shop.example"
XML = "<?xml version='1.0'?>"


def picture(kind="PNG", size=(900, 600), mode="RGB", **options) -> bytes:
    output = io.BytesIO()
    Image.new(mode, size, "tomato").save(output, kind, **options)
    return output.getvalue()


def archive(*names: str, first: tuple[str, str] | None = None) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as file:
        if first:
            file.writestr(*first)
        for name in names:
            file.writestr(name, XML)
    return output.getvalue()


PNG = picture()
PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\n"
DOCX = archive("[Content_Types].xml", "word/document.xml")


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)


def stored_files(settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.fixture
def vera(tenant, db):
    return make_session(tenant, says="Hello")


@pytest.fixture
def send(client, vera, django_capture_on_commit_callbacks):
    """`send(content, name)`: the answer to vera's upload."""

    def send(content=PNG, name="photo.png", *, id=None, to=vera, key=None, origin=SHOP, **fields):
        data = {
            "session_id": str(to.session.session_id),
            "session_key": to.session_key if key is None else key,
            "client_message_id": str(id or uuid4()),
            "file": SimpleUploadedFile(name, content, "application/x-anything"),
        }
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(f"{PUBLIC}/attachment", {**data, **fields}, headers={"Origin": origin})

    return send


def ok(response, status=201):
    answer = response.json()
    assert (response.status_code, answer["success"]) == (status, True), answer
    return answer["data"]


def refused(response, code, status):
    answer = response.json()
    assert (response.status_code, answer["success"]) == (status, False), answer
    assert answer["error"]["code"] == code
    return answer["error"]


# --- sending ------------------------------------------------------------------------------------------------------


def test_a_picture_becomes_a_numbered_message_that_names_it(send, vera):
    message = ok(send(PNG, "garden.png"))
    attachment = Attachment.objects.get()
    url = f"{PUBLIC}/attachment/{attachment.token}"
    assert message["attachment"] == {
        "name": "garden.png",
        "size": len(PNG),
        "content_type": "image/png",
        "url": url,
        "thumbnail": {"url": f"{url}/thumbnail", "width": 480, "height": 320},
    }
    assert (message["seq"], message["message_type"], message["body"]) == (2, "file", "garden.png")
    assert (message["sender_type"], message["sender_name"]) == ("visitor", "Vera")
    assert (attachment.session_id, attachment.seq) == (vera.session.pk, 2)


def test_history_and_summaries_and_the_news_have_it(send, vera, client, monkeypatch):
    rung = []
    monkeypatch.setattr(events, "publish", rung.extend)
    message = ok(send())
    [news] = [event for event in rung if event.type == events.MESSAGE_NEW]
    assert news.payload == {"message": message}
    [summary] = selectors.summaries([fresh(vera)])
    assert summary["last_message"] == message
    history = client.get(
        f"{PUBLIC}/session/{vera.session.session_id}", headers={"X-Session-Key": vera.session_key}
    ).json()["data"]
    assert history["messages"][-1] == message
    assert "attachment" not in history["messages"][0]


def test_a_transcript_without_files_costs_no_query_more(vera, django_assert_num_queries):
    session = fresh(vera)
    with django_assert_num_queries(1):
        selectors.transcript(session, limit=50)


@pytest.mark.parametrize(
    ("content", "name", "content_type"),
    [
        (picture("JPEG"), "a.jpg", "image/jpeg"),
        (picture("GIF", mode="P"), "a.gif", "image/gif"),
        (picture("WEBP"), "a.webp", "image/webp"),
        (picture("PNG", mode="RGBA"), "a.png", "image/png"),
        (PDF, "a.pdf", "application/pdf"),
        (DOCX, "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (archive("xl/workbook.xml"), "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            archive("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.text")),
            "a.odt",
            "application/vnd.oasis.opendocument.text",
        ),
        ("Grüße\n".encode(), "a.txt", "text/plain"),
        ("a;b\n=1;é".encode("latin-1"), "a.csv", "text/csv"),
    ],
)
def test_these_kinds_are_taken_by_what_they_hold(send, content, name, content_type):
    found = ok(send(content, name))["attachment"]
    assert (found["name"], found["content_type"]) == (name, content_type)
    assert ("thumbnail" in found) == content_type.startswith("image/")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.svg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png"),
        (b"<!doctype html><script>alert(1)</script>", "a.html"),
        (b"<!doctype html>", "a.jpg"),
        (b"MZ\x90\x00 a programme", "a.exe"),
        (b"MZ\x90\x00 a programme", "a.txt"),
        (PNG[:200], "half.png"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "none.png"),
        (archive("readme.txt"), "a.zip"),
        (archive("word/document.xml", "word/vbaProject.bin"), "macros.docx"),
        (b"PK\x03\x04 broken", "a.docx"),
        (b"Hello", "without-ending"),
    ],
)
def test_other_kinds_are_refused_and_leave_nothing(send, settings, content, name):
    error = refused(send(content, name), "invalid", 400)
    assert error["fields"]["file"]
    assert not stored_files(settings)
    assert not Attachment.objects.exists()
    assert not Message.objects.filter(message_type="file").exists()


DAMAGED = "This file is damaged or not what its name says."
NOT_TAKEN = "Files of this kind cannot be sent."


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"\x00\x01PDF without its head", "bill.pdf", DAMAGED),
        (b"<!doctype html>", "photo.JPG", DAMAGED),
        (b"MZ\x90\x00 a programme", "notes.txt", DAMAGED),
        (archive("readme.txt"), "letter.docx", DAMAGED),
        (b"PK\x03\x04 broken", "letter.docx", DAMAGED),
        (b"PK\x03\x04 broken", "archive.zip", NOT_TAKEN),
        (archive("readme.txt"), "archive.zip", NOT_TAKEN),
        (archive("word/document.xml", "word/vbaProject.bin"), "macros.docm", NOT_TAKEN),
        (b"MZ\x90\x00 a programme", "setup.exe", NOT_TAKEN),
        (b"Hello", "without-ending", NOT_TAKEN),
    ],
)
def test_what_contradicts_its_name_is_told_from_what_is_never_taken(send, content, name, says):
    error = refused(send(content, name), "invalid", 400)
    assert (error["message"], error["fields"]["file"]) == (says, [says])


def test_an_image_bomb_is_refused_before_it_is_unpacked(send, monkeypatch):
    side = int(MAX_PIXELS**0.5) + 1
    bomb = picture("PNG", (side, side), "1")
    assert len(bomb) < 100_000
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was unpacked"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was unpacked"))
    assert "pixels" in refused(send(bomb), "invalid", 400)["message"]


def test_a_thumbnail_stands_as_the_camera_was_held_and_says_nothing_of_the_place():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "at home"
    look = inspect(io.BytesIO(picture("JPEG", exif=exif)), "a.jpg")
    assert (look.width, look.height) == (320, 480)
    with Image.open(io.BytesIO(look.thumbnail)) as small:
        assert (small.size, dict(small.getexif())) == ((320, 480), {})


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("photo.png", "photo.png"),
        ("photo.PNG", "photo.PNG"),
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\vera\\photo.png", "photo.png"),
        ("photo", "photo.png"),
        ("setup.exe", "setup.exe.png"),
        ("gnp.\u202eexe", "gnp.exe.png"),
        ("a\x00b\r\nSet-Cookie: x.png", "abSet-Cookie: x.png"),
        ("...", "file.png"),
        ("", "file.png"),
        (".png", "file.png"),
        ("\u200b.png", "file.png"),
        ("x" * 300 + ".png", "x" * (MAX_NAME_CHARS - 4) + ".png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
    ],
)
def test_names_are_cleaned(name, cleaned):
    assert clean_name(name, "image/png") == cleaned


def test_PR17_a_repeated_upload_is_the_same_message_and_keeps_one_file(send, settings):
    id = uuid4()
    first = ok(send(PDF, "bill.pdf", id=id))
    assert ok(send(PDF, "bill.pdf", id=id), 200) == first
    assert len(stored_files(settings)) == 1
    assert Attachment.objects.count() == 1


def test_PR17_the_same_id_with_another_file_or_as_a_text_is_a_conflict(send, vera, settings):
    id = uuid4()
    ok(send(PDF, "bill.pdf", id=id))
    refused(send(PDF + b" ", "bill.pdf", id=id), "conflict", 409)
    [outcome] = services.post_messages([services.Post(vera.session.session_id, id, "bill.pdf", VISITOR)])
    assert outcome.code == "conflict"
    text_id = say(vera, "bill.pdf").message["client_message_id"]
    refused(send(PDF, "bill.pdf", id=text_id), "conflict", 409)
    assert len(stored_files(settings)) == 1


def test_a_closed_session_takes_none(send, vera, settings):
    services.end_session(vera.session.session_id, VISITOR)
    assert refused(send(), "session_over", 410)["status"] == "ended"
    assert not stored_files(settings)


def test_AT01_only_the_holder_of_the_key_may_send(send, vera, tenant):
    other = make_session(tenant)
    refused(send(key="wrong"), "session_not_found", 404)
    refused(send(key=other.session_key), "session_not_found", 404)
    refused(send(session_id="nonsense"), "session_not_found", 404)
    assert not Attachment.objects.exists()


def test_AT02_another_website_may_not(send, tenant):
    tenant.allowed_origins = [SHOP]
    tenant.save()
    refused(send(origin="https://evil.example"), "origin_not_allowed", 403)
    ok(send())


@pytest.mark.parametrize("missing", ["session_id", "client_message_id", "file"])
def test_each_field_is_required(send, missing):
    assert missing in refused(send(**{missing: ""}), "invalid", 400)["fields"]


def test_one_file_at_a_time(send):
    two = [SimpleUploadedFile(name, PDF) for name in ("a.pdf", "b.pdf")]
    assert "file" in refused(send(file=two), "invalid", 400)["fields"]


def test_what_is_too_large_is_refused(send, settings):
    settings.CHAT_MAX_ATTACHMENT_BYTES = len(PDF)
    ok(send(PDF, "a.pdf"))
    refused(send(PDF + b"\n", "a.pdf"), "too_large", 413)


def test_what_says_that_it_is_too_large_is_not_even_read(client, settings):
    class Unread(io.BytesIO):
        def read(self, *args):
            pytest.fail("it was read")

    headers = {"CONTENT_LENGTH": str(settings.CHAT_MAX_REQUEST_BYTES + 1), "wsgi.input": Unread()}
    response = client.generic("POST", f"{PUBLIC}/attachment", content_type="multipart/form-data; boundary=x", **headers)
    refused(response, "too_large", 413)


def test_fields_beside_the_file_have_the_limit_of_every_body(send, settings):
    refused(send(session_id="x" * settings.CHAT_MAX_BODY_BYTES), "too_large", 413)


def test_uploads_of_a_session_are_limited(send, vera, tenant, settings):
    settings.CHAT_UPLOAD_RATES = ((2, 60),)
    ok(send())
    ok(send())
    assert refused(send(), "rate_limited", 429)["retry_after_ms"] > 0
    ok(send(to=make_session(tenant)))


def test_attachments_can_be_switched_off(send, client, settings):
    assert client.get(f"{PUBLIC}/config/demo-tenant").json()["data"]["attachments"]["max_bytes"] == 10 * 1024 * 1024
    settings.CHAT_MAX_ATTACHMENT_BYTES = 0
    refused(send(), "invalid", 400)
    assert client.get(f"{PUBLIC}/config/demo-tenant").json()["data"]["attachments"] is None


# --- getting them -------------------------------------------------------------------------------------------------


def test_whoever_has_the_address_gets_a_picture_shown_and_a_document_to_save(send, client):
    shown = client.get(ok(send(PNG, "gärten.png"))["attachment"]["url"])
    assert (shown.status_code, shown.content, shown["Content-Type"]) == (200, PNG, "image/png")
    assert shown["Content-Disposition"].startswith("inline;")
    saved = client.get(ok(send(PDF, 'my "bill".pdf'))["attachment"]["url"])
    assert (saved.content, saved["Content-Type"]) == (PDF, "application/pdf")
    assert saved["Content-Disposition"] == 'attachment; filename="my \\"bill\\".pdf"'
    for response in (shown, saved):
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "private" in response["Cache-Control"]


def test_a_thumbnail_is_small_and_ours(send, client):
    found = ok(send())["attachment"]
    response = client.get(found["thumbnail"]["url"])
    assert response["Content-Type"] == "image/webp"
    with Image.open(io.BytesIO(response.content)) as small:
        assert small.size == (480, 320)


def test_nothing_else_is_given_away(send, client, tenant, vera):
    found = ok(send(PDF, "a.pdf"))["attachment"]
    assert client.get(f"{found['url']}/thumbnail").status_code == 404
    assert client.get(f"{PUBLIC}/attachment/{'x' * 43}").status_code == 404
    unsent = attachments._store(vera.session, SimpleUploadedFile("a.pdf", PDF))
    assert client.get(f"{PUBLIC}/attachment/{unsent.token}").status_code == 404
    tenant.is_active = False
    tenant.save()
    assert client.get(found["url"]).status_code == 404


def test_a_file_that_the_storage_has_lost_is_not_found(send, client, settings):
    found = ok(send())["attachment"]
    for path in stored_files(settings):
        path.unlink()
    assert client.get(found["url"]).status_code == 404


# --- what is left -------------------------------------------------------------------------------------------------


def test_files_go_with_their_session(send, vera, settings, django_capture_on_commit_callbacks):
    ok(send())
    assert len(stored_files(settings)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        vera.session.delete()
    assert not stored_files(settings)


def test_files_without_a_message_are_deleted_after_an_hour(
    vera, settings, monkeypatch, django_capture_on_commit_callbacks
):
    def fail(*args, **kwargs):
        raise DatabaseError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(services, "post_messages", fail)
        with pytest.raises(attachments.Unavailable):
            attachments.post_attachment(vera.session, uuid4(), SimpleUploadedFile("a.pdf", PDF), VISITOR)
    kept = attachments.post_attachment(vera.session, uuid4(), SimpleUploadedFile("b.pdf", PDF), VISITOR)

    def clean_up():
        with django_capture_on_commit_callbacks(execute=True):
            tasks.delete_orphaned_attachments()
        return len(stored_files(settings))

    assert clean_up() == 2
    Attachment.objects.update(created_at=F("created_at") - timedelta(minutes=61))
    assert clean_up() == 1
    assert Attachment.objects.get().seq == kept.message["seq"]


def test_a_storage_that_fails_leaves_no_message_and_a_row_to_clean_up(send, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(default_storage, "save", fail)
    refused(send(), "unavailable", 503)
    assert not Message.objects.filter(message_type="file").exists()
    assert Attachment.objects.get().seq is None


# --- agents -------------------------------------------------------------------------------------------------------


def upload(client, started, **fields):
    data = {"client_message_id": str(uuid4()), "file": SimpleUploadedFile("offer.pdf", PDF), **fields}
    return client.post(f"/api/v1/chat/sessions/{started.session.session_id}/attachments", data)


def test_an_agent_sends_in_the_chats_that_the_agent_has(client, vera, alice, bob):
    services.accept_session(
        vera.session.session_id, services.Actor("agent", "Alice", alice.user_id, frozenset([vera.session.tenant_id]))
    )
    client.login(username="alice", password=PASSWORD)
    message = ok(upload(client, vera))
    assert (message["sender_type"], message["sender_name"], message["body"]) == ("agent", "Alice", "offer.pdf")
    assert message["attachment"]["content_type"] == "application/pdf"
    client.login(username="bob", password=PASSWORD)
    assert refused(upload(client, vera), "taken", 409)["agent_name"] == "Alice"


def test_the_admin_shows_the_files_of_a_chat_and_PR19_their_names_as_text(send, vera, admin_client):
    url = ok(send(PDF, "<img src=x onerror=alert(1)>.pdf"))["attachment"]["url"]
    page = admin_client.get(f"/admin/sessions_app/chatsession/{vera.session.pk}/change/").content.decode()
    assert f'href="{url}"' in page
    assert "&lt;img src=x onerror=alert(1)&gt;.pdf" in page
    assert "<img src=x" not in page


def test_AT04_an_agent_of_another_tenant_finds_no_such_chat(client, vera, charlie):
    client.login(username="charlie", password=PASSWORD)
    refused(upload(client, vera), "session_not_found", 404)


def test_an_agents_upload_has_the_same_limits(client, vera, alice, settings):
    client.login(username="alice", password=PASSWORD)
    settings.CHAT_MAX_ATTACHMENT_BYTES = 10
    refused(upload(client, vera), "too_large", 413)


# --- over the real server -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asgi_server", ["daphne", "uvicorn"])
def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(start_server, asgi_server):
    server = start_server(ASGI_SERVER=asgi_server, CHAT_MAX_ATTACHMENT_BYTES="100000")
    vera = make_session(make_tenant())

    def endless():
        fields = {
            "session_id": str(vera.session.session_id),
            "session_key": vera.session_key,
            "client_message_id": str(uuid4()),
        }
        for name, value in fields.items():
            yield f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(40):
            yield b"a" * 10_000
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x", "Origin": SHOP}
    with httpx.Client(base_url=server.url, trust_env=False, headers=headers, timeout=60) as http:
        declared = http.post(f"{PUBLIC}/attachment", content=b"".join(endless()))
        assert (declared.status_code, declared.json()["error"]["code"]) == (413, "too_large")
        assert declared.headers["Access-Control-Allow-Origin"] == SHOP
        # Without a length nothing of a body is looked at.
        chunked = http.post(f"{PUBLIC}/attachment", content=endless())
        assert (chunked.status_code, chunked.json()["error"]["code"]) == (400, "invalid")
    assert not Attachment.objects.exists()


def test_broken_pictures_raise_nothing_but_invalid():
    for length in range(1, len(PNG), 97):
        with pytest.raises(Invalid):
            inspect(io.BytesIO(PNG[:length]), "a.png")
