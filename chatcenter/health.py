"""Does this process live, and do its servers answer? `/healthz` and `/readyz`, and the words for the start-up check."""

import json
from urllib.parse import unquote, urlsplit

import psycopg
import redis
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sessions_app.models import SweepRun

TIMEOUT_SECONDS = 2
# Three runs of the sweep.
LATE_SWEEP_MINUTES = 15


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if PostgreSQL and Redis answer, else 503; says which one does not, and nothing of why or where.

    ``sweep`` is its last run. A late one is ``degraded``, and still 200: the chats go on, since time decides and not
    the sweep, and taking web processes out of service would help nobody.
    """
    servers = {"postgresql": postgresql_problem() is None, "redis": redis_problem() is None}
    ready = all(servers.values())
    answers: dict[str, object] = {name: "ok" if answered else "unreachable" for name, answered in servers.items()}
    if servers["postgresql"]:
        last, problem = _last_sweep()
        answers["sweep"] = last
        if problem:
            answers["degraded"] = problem
    return JsonResponse({"status": "ok" if ready else "unavailable", **answers}, status=200 if ready else 503)


def postgresql_problem() -> str | None:
    """None if PostgreSQL answers, else a sentence that names the server without its password."""
    try:
        with _connect() as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        database = settings.DATABASES["default"]
        where = f"{database['HOST'] or 'localhost'} port {database['PORT'] or 5432}"
        return f"PostgreSQL ({where}, database {database['NAME']}) does not answer: {_first_line(error)}"
    return None


def _connect() -> psycopg.Connection:
    # A connection of its own: one of the pool's may be waited for longer than a probe has time.
    options = {key: value for key, value in connections["default"].get_connection_params().items() if key != "pool"}
    return psycopg.connect(**options | {"connect_timeout": TIMEOUT_SECONDS}, autocommit=True)


# A new installation's first sweep is late when its tables have been there for that long.
_LAST_SWEEP = f"""
SELECT to_jsonb(last) - 'id'
    || jsonb_build_object('took_ms', floor(extract(epoch FROM finished_at - started_at) * 1000)),
  floor(extract(epoch FROM statement_timestamp() - coalesce(finished_at, installed.at)) / 60)::integer
FROM (SELECT max(applied) AS at FROM django_migrations WHERE app = 'sessions_app') AS installed
LEFT JOIN (
  SELECT * FROM {SweepRun._meta.db_table} WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1
) AS last ON true
"""


def sweep_problem() -> str | None:
    """A sentence if no sweep has finished for 15 minutes; None also when PostgreSQL does not say."""
    return _last_sweep()[1]


def _last_sweep() -> tuple[dict[str, object] | None, str | None]:
    """The last run that has finished, and what is wrong with that."""
    try:
        with _connect() as connection:
            text, minutes = connection.execute(_LAST_SWEEP).fetchone()
    except psycopg.Error:
        return None, None
    last = text and json.loads(text)
    if minutes is None or minutes < LATE_SWEEP_MINUTES:
        return last, None
    return last, f"No sweep has finished for {minutes} minutes: are the worker and beat running?"


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
