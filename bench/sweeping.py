"""What the sweep costs beside a long history, and what agents notice of it; bench/sweep runs this."""

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import _children

from bench.figures import fill, say, set_up
from chatcenter import embedded

ROUNDS = 7
OPEN = 5000
WRITTEN = 200  # chats of the agents who write meanwhile
PAUSE_SECONDS = 0.02
CALM_SECONDS = 30


def main(chats: int, stale: int) -> None:
    _children.interrupt_on_signals()
    _children.adopt_orphans()
    folder = embedded.DATA_DIR / f"bench-{os.getpid()}"
    try:
        with embedded.Servers(folder, keep=False) as servers:
            try:
                set_up(servers)
                make_tenant()
                say("| Closed chats | Open, none stale | A sweep |\n|---:|---:|---:|")
                empty_sweep(0, 0)
                empty_sweep(0, OPEN)
                fill(chats)
                empty_sweep(chats, OPEN)
                explain()
                stale_sweep(stale)
            finally:
                _children.stop_all(servers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_tenant() -> None:
    from sessions_app.models import Tenant

    Tenant.objects.create(slug="open", name="Open")


def empty_sweep(closed: int, number: int) -> None:
    """A run that finds nothing, which is what most runs find."""
    from sessions_app import services
    from sessions_app.models import ChatSession

    insert(number - ChatSession.objects.open().count(), seconds_gone=0)
    times = []
    for _ in range(ROUNDS):
        # Seen just now, as heartbeats would have it.
        sql(
            "UPDATE sessions_app_chatsession SET last_seen_at = now(), last_activity_at = now() WHERE closed_at IS NULL"
        )
        began = time.perf_counter()
        assert not services.sweep()
        times.append(time.perf_counter() - began)
    say(f"| {closed:,} | {number:,} | {statistics.median(times) * 1000:.0f} ms |")


def explain() -> None:
    from sessions_app.models import ChatSession

    due = ChatSession.objects.due().filter(pk__gt=0).order_by("pk").values_list("pk", "session_id")[:500]
    say("\n" + due.explain(analyze=True, buffers=True))


def stale_sweep(number: int) -> None:
    """So many at once, after a missed night, while agents write."""
    from sessions_app.models import ChatSession, SweepRun

    insert(number, seconds_gone=8 * 3600)
    sql("VACUUM ANALYZE")
    with writer() as calm:
        time.sleep(CALM_SECONDS)
    with writer() as busy, longest_transaction() as longest:
        subprocess.run([sys.executable, "manage.py", "sweep"], check=True, cwd=embedded.BASE_DIR)
    run = SweepRun.objects.latest("pk")
    took = (run.finished_at - run.started_at).total_seconds()
    say(f"\n{number:,} stale: {took:.0f} s, {number / took:,.0f}/s, longest transaction {max(longest) * 1000:.0f} ms,")
    say(f"  {run.disconnected:,} abandoned, {run.skipped_locks} found locked, latest {run.lag_ms / 3.6e6:.1f} h late")
    assert not ChatSession.objects.due().exists()
    for name, times in (("without", calm), ("beside", busy)):
        cuts = statistics.quantiles(times, n=100)
        say(f"  an agent's message {name} it: p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, most {max(times):.0f} ms")
    say(f"  p95 ratio {statistics.quantiles(busy, n=20)[18] / statistics.quantiles(calm, n=20)[18]:.2f}")


def insert(number: int, *, seconds_gone: int) -> None:
    # Counted, since of so many random ones two are the same now and then.
    sql("CREATE SEQUENCE IF NOT EXISTS references_of_open_chats")
    sql(
        """
        INSERT INTO sessions_app_chatsession (session_id, tenant_id, session_key_hash, conversation_id, channel, status,
          closed_reason, stage, customer_name, customer_email, metadata, page_url, page_title, previous_outcome,
          last_seq, visitor_read_seq, agent_read_seq, last_seen_at, last_activity_at, is_visible, waiting_since)
        SELECT gen_random_uuid(), (SELECT id FROM sessions_app_tenant WHERE slug = 'open'), '',
          lpad(nextval('references_of_open_chats')::text, 9, '0'), 'web_widget', 'queued', '', '', 'Vera', '', '{}',
          'https://shop.example/cart', 'Cart', '', 0, 0, 0, now() - %s * interval '1 second', now(), true, now()
        FROM generate_series(1, %s)
        """,
        [seconds_gone, number],
    )


@contextmanager
def writer():
    """An agent's messages, one after the other, to chats that are alive; yields their times in ms."""
    from django.contrib.auth.models import User
    from django.db import connections

    from agents_app.models import Agent
    from agents_app.selectors import rights
    from sessions_app import services
    from sessions_app.models import Tenant

    tenant = Tenant.objects.get(slug="open")
    user, _ = User.objects.get_or_create(username="alice")
    Agent.objects.get_or_create(user=user)[0].tenants.set([tenant])
    alice = rights(user.pk).actor
    chats = []
    for _ in range(WRITTEN):
        session = services.start_session(tenant).session
        services.accept_session(session.session_id, alice)
        chats.append(session.session_id)
    times, is_over = [], threading.Event()

    def write():
        turn = 0
        while not is_over.wait(PAUSE_SECONDS):
            post = services.Post(chats[turn % WRITTEN], uuid4(), "Hello", alice)
            began = time.perf_counter()
            [outcome] = services.post_messages([post])
            times.append((time.perf_counter() - began) * 1000)
            assert isinstance(outcome, services.Posted), outcome
            turn += 1
        connections.close_all()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield times
    finally:
        is_over.set()
        thread.join()


@contextmanager
def longest_transaction():
    """How long each look found the oldest transaction of others to be, in s: so long a lock was held at least."""
    from django.db import connection, connections

    ages, is_over = [0.0], threading.Event()

    def watch():
        with connection.cursor() as cursor:
            while not is_over.wait(0.01):
                cursor.execute(
                    "SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
                ages.append(float(cursor.fetchone()[0] or 0))
        connections.close_all()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield ages
    finally:
        is_over.set()
        thread.join()


def sql(statement: str, parameters: list | None = None) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
