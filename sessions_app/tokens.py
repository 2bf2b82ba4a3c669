"""Session keys and the short reference that a visitor can read out."""

import hashlib
import hmac
import secrets

from django.conf import settings
from django.utils.encoding import force_bytes

# Without 0 O 1 I L U: what is read out over the phone must not be misheard.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_key() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def key_for_start(tenant_id: int, start_id: str) -> str:
    """The key of the session that ``start_id`` began: a repeated start must answer with the same one.

    Derived, because the key itself is stored nowhere. Whoever has both the database and SECRET_KEY still lacks
    the start id, of which only a hash is stored.
    """
    message = f"session-key:{tenant_id}:{start_id}"
    digest = hmac.new(force_bytes(settings.SECRET_KEY), message.encode(), hashlib.sha256)
    return digest.hexdigest()


def digest(secret: str) -> str:
    """SHA-256 in hex: the only form in which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_key(key: str, key_hash: str) -> bool:
    return hmac.compare_digest(digest(key), key_hash)


def new_conversation_id() -> str:
    """Like ``K7Q2-9FXM``; about 39 bits, unique by the database's constraint."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
