"""The widget's script and the page that shows it."""

import hashlib
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import condition, require_safe

WIDGET = settings.BASE_DIR / "widget_static" / "chat-widget.js"


@lru_cache(maxsize=1)
def _read(path: Path, changed_at_ns: int) -> tuple[bytes, str]:
    script = path.read_bytes()
    return script, f'"{hashlib.sha256(script).hexdigest()[:32]}"'


def _widget() -> tuple[bytes, str]:
    """The built script and its ETag."""
    return _read(WIDGET, WIDGET.stat().st_mtime_ns)


@require_safe
@condition(etag_func=lambda request: _widget()[1])
def chat_widget(request: HttpRequest) -> HttpResponse:
    """Short-lived in caches: websites name it without a version, and a fix must reach them soon."""
    response = HttpResponse(_widget()[0], content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def widget_demo(request: HttpRequest) -> HttpResponse:
    return render(request, "widget/demo.html", {"tenant_id": "demo-tenant"})
