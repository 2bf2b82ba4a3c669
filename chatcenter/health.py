"""Does this process live, and do its servers answer? `/healthz` and `/readyz`, and the words for the start-up check."""

from urllib.parse import unquote, urlsplit

import psycopg
import redis
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

TIMEOUT_SECONDS = 2


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if PostgreSQL and Redis answer, else 503; says which one does not, and nothing of why or where."""
    servers = {"postgresql": postgresql_problem() is None, "redis": redis_problem() is None}
    ready = all(servers.values())
    answers = {name: "ok" if answered else "unreachable" for name, answered in servers.items()}
    return JsonResponse({"status": "ok" if ready else "unavailable", **answers}, status=200 if ready else 503)


def postgresql_problem() -> str | None:
    """None if PostgreSQL answers, else a sentence that names the server without its password."""
    # A connection of its own: one of the pool's may be waited for longer than a probe has time.
    options = {key: value for key, value in connections["default"].get_connection_params().items() if key != "pool"}
    try:
        with psycopg.connect(**options | {"connect_timeout": TIMEOUT_SECONDS}, autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        database = settings.DATABASES["default"]
        where = f"{database['HOST'] or 'localhost'} port {database['PORT'] or 5432}"
        return f"PostgreSQL ({where}, database {database['NAME']}) does not answer: {_first_line(error)}"
    return None


def redis_problem() -> str | None:
    """None if Redis answers, else a sentence that names the server without its password."""
    timeouts = {"socket_connect_timeout": TIMEOUT_SECONDS, "socket_timeout": TIMEOUT_SECONDS}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **timeouts) as client:
            client.ping()
    except redis.RedisError as error:
        url = urlsplit(settings.REDIS_URL)
        where = unquote(url.path) if url.scheme == "unix" else f"{url.hostname} port {url.port or 6379}"
        return f"Redis ({where}) does not answer: {_first_line(error)}"
    return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
