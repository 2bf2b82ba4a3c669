"""The widget's script and the page that shows it."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import brotli
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import condition, require_safe

WIDGET = settings.BASE_DIR / "widget_static" / "chat-widget.js"
COMPRESS = {"br": brotli.compress, "gzip": gzip.compress, "": bytes}


class Script(NamedTuple):
    content: bytes
    encoding: str
    etag: str


@lru_cache(maxsize=len(COMPRESS))
def _read(path: Path, changed_at_ns: int, encoding: str) -> Script:
    content = COMPRESS[encoding](path.read_bytes())
    return Script(content, encoding, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _widget(request: HttpRequest) -> Script:
    """The built script in the best encoding that the browser takes."""
    accepted = request.headers.get("Accept-Encoding", "")
    names = {part.split(";")[0].strip() for part in accepted.split(",") if "q=0" not in part.replace("q=0.", "")}
    encoding = next((name for name in COMPRESS if name in names), "")
    return _read(WIDGET, WIDGET.stat().st_mtime_ns, encoding)


@require_safe
@condition(etag_func=lambda request: _widget(request).etag)
def chat_widget(request: HttpRequest) -> HttpResponse:
    """Short-lived in caches: websites name it without a version, and a fix must reach them soon."""
    script = _widget(request)
    response = HttpResponse(script.content, content_type="text/javascript; charset=utf-8")
    if script.encoding:
        response["Content-Encoding"] = script.encoding
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = "public, max-age=300"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def widget_demo(request: HttpRequest) -> HttpResponse:
    return render(request, "widget/demo.html", {"tenant_id": "demo-tenant"})
