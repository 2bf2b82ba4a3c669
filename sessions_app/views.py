"""The widget's files and the page that shows it."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import condition, require_safe

from sessions_app import widget

FOR_MINUTES = "public, max-age=300"
FOR_EVER = "public, max-age=31536000, immutable"


def _etag(request: HttpRequest) -> str:
    return widget.encoded(widget.SCRIPT, request.headers.get("Accept-Encoding", "")).etag


@require_safe
@condition(etag_func=_etag)
def chat_widget(request: HttpRequest) -> HttpResponse:
    """Short-lived in caches: websites name it without a version, and a fix must reach them soon."""
    return _script(request, widget.SCRIPT, FOR_MINUTES)


@require_safe
def chat_widget_file(request: HttpRequest, name: str) -> HttpResponse:
    """The script of one version, or one of its parts: what has this name never changes."""
    path = widget.lasting(name)
    if path is None:
        # A process of the next release may have it in a moment.
        return _open(HttpResponse("Not found", status=404, content_type="text/plain"), "no-store")
    return _script(request, path, FOR_EVER)


def _script(request: HttpRequest, path: Path, cache_control: str) -> HttpResponse:
    script = widget.encoded(path, request.headers.get("Accept-Encoding", ""))
    response = HttpResponse(script.content, content_type="text/javascript; charset=utf-8")
    if script.encoding:
        response["Content-Encoding"] = script.encoding
    response["Vary"] = "Accept-Encoding"
    return _open(response, cache_control)


def _open(response: HttpResponse, cache_control: str) -> HttpResponse:
    """For every website: parts are modules, which browsers load by the rules of CORS."""
    response["Cache-Control"] = cache_control
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def widget_demo(request: HttpRequest) -> HttpResponse:
    return render(request, "widget/demo.html", {"tenant_id": "demo-tenant"})
