"""The widget's files, the page that shows it, and what people have attached."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import condition, require_safe

from sessions_app import filetypes, widget
from sessions_app.models import Attachment

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
def attachment(request: HttpRequest, token: str) -> HttpResponse:
    """Pictures, which have been looked into, may be shown; everything else is to be saved."""
    found = _sent(token)
    is_picture = found.content_type in filetypes.IMAGES.values()
    return serve_file(found.file.name, found.content_type, content_disposition_header(not is_picture, found.name))


@require_safe
def thumbnail(request: HttpRequest, token: str) -> HttpResponse:
    found = _sent(token)
    if not found.thumbnail:
        raise Http404
    return serve_file(found.thumbnail.name, filetypes.THUMBNAIL_TYPE, "inline")


def _sent(token: str) -> Attachment:
    return get_object_or_404(Attachment, token=token, seq__isnull=False, session__tenant__is_active=True)


def serve_file(
    name: str, content_type: str, disposition: str, *, cache_control: str = "private, max-age=86400, immutable"
) -> HttpResponse:
    """Whoever knows the address may have it: pages show pictures without a key or a cookie. Whatever it holds, a
    browser runs nothing of it as ours."""
    try:
        # At most CHAT_MAX_ATTACHMENT_BYTES; Django would gather a stream in memory all the same, for ASGI.
        with default_storage.open(name) as file:
            content = file.read()
    except FileNotFoundError as error:
        raise Http404 from error
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = disposition
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = cache_control
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def widget_demo(request: HttpRequest) -> HttpResponse:
    if not settings.DEMO_PAGE:
        raise Http404
    return render(request, "widget/demo.html", {"tenant_id": "demo-tenant"})
