"""How long each report takes over many chats; bench/reports runs this."""

import os
import secrets
import shutil
import statistics
import time
from datetime import timedelta

import _children

from chatcenter import embedded

DAYS = 90
ROUNDS = 7
# The small tenant must not pay for the big one's chats.
SMALL = 1000


def main(chats: int) -> None:
    _children.interrupt_on_signals()
    _children.adopt_orphans()
    folder = embedded.DATA_DIR / f"bench-{os.getpid()}"
    try:
        with embedded.Servers(folder, keep=False) as servers:
            try:
                set_up(servers)
                fill(chats)
                measure()
            finally:
                _children.stop_all(servers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def set_up(servers: embedded.Servers) -> None:
    os.environ |= {
        "DATABASE_URL": servers.start_postgresql(),
        "REDIS_URL": servers.start_redis(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DEBUG": "off",
        "ALLOWED_HOSTS": "localhost",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "chatcenter.settings",
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def fill(chats: int) -> None:
    """A tenant with that many chats of the last 90 days, and a small one beside it."""
    from django.contrib.auth.models import User
    from django.db import connection

    from sessions_app.demo import Person, write_history
    from sessions_app.models import Tenant

    agents = [Person(User.objects.create(username=f"agent-{number}").pk, f"Agent {number}") for number in range(20)]
    for slug, sessions in (("big", chats), ("small", SMALL)):
        tenant = Tenant.objects.create(slug=slug, name=slug)
        began = time.perf_counter()
        written = write_history(tenant, agents, days=DAYS, sessions=sessions, with_texts=False)
        say(f"{written:,} chats of {DAYS} days, without their messages, in {time.perf_counter() - began:.0f} s")
    with connection.cursor() as cursor:
        # As autovacuum leaves it.
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        say(f"{cursor.fetchone()[0]} in all")


def measure() -> None:
    from sessions_app.models import Tenant
    from sessions_app.reports import REPORTS, Period, Reporter, today

    end = today("Europe/Berlin")
    scopes = {
        "all": ("big", DAYS),
        "30 days": ("big", 30),
        "7 days": ("big", 7),
        "small tenant": ("small", DAYS),
    }
    say(f"\n| Report | {' | '.join(scopes)} |\n|---|{'---:|' * len(scopes)}")
    for name in REPORTS:
        cells = []
        for slug, days in scopes.values():
            period = Period(end - timedelta(days=days - 1), end, "Europe/Berlin")
            reporter = Reporter([Tenant.objects.get(slug=slug).pk], period)
            cells.append(f"{statistics.median(seconds(name, reporter) for _ in range(ROUNDS)) * 1000:.0f} ms")
        say(f"| {name} | {' | '.join(cells)} |")


def seconds(name: str, reporter) -> float:
    began = time.perf_counter()
    reporter.report(name)
    return time.perf_counter() - began


def say(text: str) -> None:
    print(text, flush=True)
