"""Which websites may use a tenant's chat.

A browser sends Origin with every socket, every POST and every cross-origin GET; no page can forge or omit it. So
only a GET may come without one, and what comes without one otherwise is no browser: a tenant that named its
websites refuses it.
"""

from django.conf import settings
from django.http import parse_cookie

from sessions_app.errors import OriginNotAllowed


def header(scope: dict, name: bytes) -> str:
    """A header of an ASGI scope; "" when it is absent."""
    return next(iter(headers(scope, name)), "")


def headers(scope: dict, name: bytes) -> list[str]:
    """A header of which there may be several."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def cookie(scope: dict, name: str) -> str:
    """A cookie of an ASGI scope; "" when it is absent."""
    return parse_cookie(header(scope, b"cookie")).get(name, "")


def require_allowed(allowed: list[str], origin: str | None, *, may_be_absent: bool = False) -> None:
    """Raises OriginNotAllowed. Exact match: another port, scheme or sub-domain is another website. ``allowed`` is a
    tenant's list; an empty one allows all."""
    if not allowed or origin in allowed:
        return
    if not (may_be_absent and not origin):
        raise OriginNotAllowed


def is_own(origin: str, host: str) -> bool:
    """Whether a page of this very server opened the connection."""
    schemes = ("https",) if settings.SECURE_COOKIES else ("https", "http")
    return origin in [f"{scheme}://{host}" for scheme in schemes] or origin in settings.CSRF_TRUSTED_ORIGINS
