"""Typed values out of environment variables; nonsense is refused with a sentence that names the variable."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off"}
_REQUIRED = object()


class Env:
    """Reads variables from `environ`. An empty variable counts as absent. `read` lists what was asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.read: dict[str, object] = {}  # name -> default

    def text(self, name: str, default: object = _REQUIRED) -> str:
        self.read[name] = None if default is _REQUIRED else default
        value = self._environ.get(name, "").strip()
        if value:
            return value
        if default is _REQUIRED:
            raise ImproperlyConfigured(f"{name} is not set: start bin/dev, or set it as in .env.example.")
        return default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = str(self.text(name, default)).lower()
        if value not in YES | NO:
            raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")
        return value in YES

    def number(self, name: str, default: int, minimum: int = 0) -> int:
        value = self.text(name, default)
        try:
            number = int(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
        if number < minimum:
            raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {number}.")
        return number

    def items(self, name: str) -> list[str]:
        """Comma-separated values."""
        return [part.strip() for part in self.text(name, "").split(",") if part.strip()]

    def rates(self, name: str, default: str) -> tuple[tuple[int, int], ...]:
        """`"10/10s,60/60s"` -> `((10, 10), (60, 60))`: at most so many in so many seconds; all of them hold."""
        value = self.text(name, default)
        rates = []
        for part in value.split(","):
            count, slash, period = part.strip().partition("/")
            if not (slash and count.isdecimal() and period.endswith("s") and period[:-1].isdecimal()):
                raise ImproperlyConfigured(f'{name} must look like "10/10s,60/60s", not {value!r}.')
            if not (int(count) and int(period[:-1])):
                raise ImproperlyConfigured(f"{name} must not hold a zero, but is {value!r}.")
            rates.append((int(count), int(period[:-1])))
        return tuple(rates)

    def redis_url(self, name: str) -> str:
        value = self.text(name)
        parts = urlsplit(value)
        is_tcp = parts.scheme in ("redis", "rediss") and parts.hostname
        if not (is_tcp or (parts.scheme == "unix" and parts.path)):
            raise ImproperlyConfigured(f"{name} must look like redis://host:6379/0 or unix:///socket?db=0.")
        return value

    def database(self, name: str) -> dict:
        """A libpq URL as Django's NAME, USER, PASSWORD, HOST, PORT and OPTIONS (everything else in the URL)."""
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        value = self.text(name)
        try:
            parts = conninfo_to_dict(value)
        except ProgrammingError:
            parts = {}
        is_url = value.startswith(("postgresql://", "postgres://"))
        if not (is_url and parts.get("dbname") and parts.get("port", "1").isdecimal()):
            raise ImproperlyConfigured(f"{name} must look like postgresql://user:password@host:5432/database.")
        known = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
        return {
            "ENGINE": "django.db.backends.postgresql",
            **{key: parts.pop(part, "") for key, part in known.items()},
            "OPTIONS": parts,
        }


def celery_url(redis_url: str) -> str:
    """The same Redis in Celery's words: it spells a Unix socket differently from redis-py."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair).get("db", "0")
    return f"redis+socket://{unquote(parts.path)}?virtual_host={database}"
