"""Which websites may use a tenant's chat.

A browser sends Origin with every socket, every POST and every cross-origin GET; no page can forge or omit it. So
only a GET may come without one, and what comes without one otherwise is no browser: a tenant that named its
websites refuses it.
"""

from urllib.parse import urlsplit

from django.conf import settings

from sessions_app.errors import OriginNotAllowed
from sessions_app.models import Tenant


def header(scope: dict, name: bytes) -> str:
    """A header of an ASGI scope; "" when it is absent."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def require_allowed(tenant: Tenant, origin: str | None, *, may_be_absent: bool = False) -> None:
    """Raises OriginNotAllowed. Exact match: another port, scheme or sub-domain is another website."""
    if not tenant.allowed_origins or origin in tenant.allowed_origins:
        return
    if not (may_be_absent and not origin):
        raise OriginNotAllowed


def is_own(origin: str, host: str) -> bool:
    """Whether a page of this very server opened the connection."""
    return bool(origin) and (urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS)
