"""The widget's files as websites load them, and the snippet that says how."""

import base64
import gzip
import hashlib
from io import StringIO

import brotli
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from sessions_app import widget
from tests.factories import make_tenant

A_YEAR = "public, max-age=31536000, immutable"


@pytest.fixture
def get():
    return lambda path, **headers: Client().get(path, headers=headers)


def part() -> str:
    return next((widget.FOLDER / "parts").glob("*.js")).name


def test_the_script_is_cached_for_minutes_and_asked_for_again_by_its_etag(get):
    response = get("/chat-widget.js")
    assert response.content == widget.SCRIPT.read_bytes()
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert response["Cache-Control"] == "public, max-age=300"
    again = get("/chat-widget.js", if_none_match=response["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(("accepts", "decode"), [("gzip, br;q=1.0", brotli.decompress), ("gzip", gzip.decompress)])
def test_it_is_compressed_as_the_browser_likes_and_has_an_etag_for_each(get, accepts, decode):
    response = get("/chat-widget.js", accept_encoding=accepts)
    assert decode(response.content) == widget.SCRIPT.read_bytes()
    assert response["Vary"] == "Accept-Encoding"
    assert response["ETag"] != get("/chat-widget.js")["ETag"]


def test_the_script_by_its_version_and_the_parts_are_kept_for_ever_by_every_website(get):
    files = {f"{widget.version()}.js": widget.SCRIPT, part(): widget.FOLDER / "parts" / part()}
    for name, path in files.items():
        response = get(f"/chat-widget/{name}", accept_encoding="br")
        assert brotli.decompress(response.content) == path.read_bytes()
        assert response["Cache-Control"] == A_YEAR
        assert response["Access-Control-Allow-Origin"] == "*"
        assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert f'"{widget.version()}"' in widget.SCRIPT.read_text()


def test_earlier_releases_are_still_there(get, tmp_path, monkeypatch):
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "0.0.9-0123456789ab.js").write_text("earlier")
    (tmp_path / "manifest.json").write_text('{"version": "0.1.0-ba9876543210"}')
    monkeypatch.setattr(widget, "FOLDER", tmp_path)
    response = get("/chat-widget/0.0.9-0123456789ab.js")
    assert (response.content, response["Cache-Control"]) == (b"earlier", A_YEAR)


@pytest.mark.parametrize(
    "name", ["nothing.js", "0.0.0-000000000000.js", "..js", "..%2Fmanifest.json", "manifest.json", "%00.js", "talking"]
)
def test_what_is_not_there_is_not_remembered(get, name):
    response = get(f"/chat-widget/{name}")
    assert response.status_code == 404
    if not name.startswith("..%2F"):
        assert response["Cache-Control"] == "no-store"


def snippet(*args: str) -> str:
    output = StringIO()
    call_command("widget_snippet", *args, stdout=output)
    return output.getvalue()


def test_the_snippets_of_a_tenant(db):
    make_tenant("demo-tenant")
    text = snippet("demo-tenant", "--url", "https://chat.example/")
    digest = base64.b64encode(hashlib.sha384(widget.SCRIPT.read_bytes()).digest()).decode()
    assert '<script async src="https://chat.example/chat-widget.js" data-tenant-id="demo-tenant"></script>' in text
    assert f'src="https://chat.example/chat-widget/{widget.version()}.js" data-tenant-id="demo-tenant"' in text
    assert f'integrity="sha384-{digest}" crossorigin="anonymous"' in text


def test_by_itself_a_snippet_names_the_first_host(db, settings):
    make_tenant("demo-tenant")
    settings.ALLOWED_HOSTS = ["*", ".chat.example", "other.example"]
    assert 'src="https://chat.example/chat-widget.js"' in snippet("demo-tenant")


def test_there_is_no_snippet_for_a_tenant_that_does_not_exist(db):
    with pytest.raises(CommandError, match='There is no tenant "nobody"'):
        snippet("nobody")


def test_the_snippets_name_a_language_that_is_not_english(db):
    make_tenant("demo-tenant", locale="es")
    text = snippet("demo-tenant")
    assert text.count('data-tenant-id="demo-tenant" data-locale="es"') == 2
