"""The group commit: each message its own outcome, whatever happens to its neighbours, its row or its connection."""

import asyncio
import threading
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from sessions_app import events, rows, work
from sessions_app import writer as writer_module
from sessions_app.errors import Busy
from sessions_app.models import ChatSession
from sessions_app.services import VISITOR, Post
from sessions_app.writer import Writer
from tests.factories import actor, bodies, make_agent, make_session
from tests.factories import post as post_now
from tests.sockets.conftest import in_db

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello")


def message(started, body="Hi", sender=VISITOR) -> Post:
    return Post(started.session.session_id, uuid4(), body, sender)


def hold(session_id, held: threading.Event, release: threading.Event) -> None:
    with transaction.atomic():
        ChatSession.objects.select_for_update(no_key=True).get(session_id=session_id)
        held.set()
        release.wait(10)


async def test_a_message_that_waited_for_its_row_is_charged_once(vera, settings):
    settings.CHAT_MESSAGE_RATES = ((1, 60),)
    held, release = threading.Event(), threading.Event()
    holder = asyncio.create_task(in_db(hold, vera.session.session_id, held, release))
    await asyncio.to_thread(held.wait, 10)
    asyncio.get_running_loop().call_later(0.2, release.set)

    assert (await Writer().post(message(vera))).is_new
    await holder


async def test_a_message_whose_commit_was_not_answered_is_acknowledged_and_charged_once(vera, settings, monkeypatch):
    settings.CHAT_MESSAGE_RATES = ((2, 60),)
    writer = Writer()
    await writer.post(message(vera, "Warm"))
    killed = []
    write = rows.write

    def write_and_lose_the_answer(*args, **kwargs) -> None:
        write(*args, **kwargs)
        if not killed:
            killed.append(connection.connection.info.backend_pid)
            with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", killed)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")

    monkeypatch.setattr(work.rows, "write", write_and_lose_the_answer)
    assert (await writer.post(message(vera, "Once"))).message["body"] == "Once"
    assert (await in_db(bodies, vera)).count("Once") == 1


async def test_one_message_that_cannot_be_stored_fails_none_of_its_neighbours(tenant, vera, alice, monkeypatch):
    other = await in_db(make_session, tenant, agent=alice)
    spoilt = message(other, "Spoilt", (await in_db(actor, alice))._replace(name="x" * 201))
    writer = Writer()
    outcomes = await asyncio.gather(
        *(writer.post(one) for one in (message(vera, "1"), message(vera, "2"), spoilt)), return_exceptions=True
    )

    assert [outcome.message["body"] for outcome in outcomes[:2]] == ["1", "2"]
    assert outcomes[2].code == "unavailable"


async def test_a_full_queue_says_busy_and_when_to_try_again(vera, monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_WAITING", 2)
    writer, posts = Writer(), [message(vera, str(number)) for number in range(3)]
    *stored, refusal = await asyncio.gather(*map(writer.post, posts), return_exceptions=True)

    assert [posted.message["body"] for posted in stored] == ["0", "1"]
    assert isinstance(refusal, Busy)
    assert refusal.payload()["retry_after_ms"] > 0
    assert (await writer.post(posts[2])).is_new


def test_the_longest_name_that_an_agent_can_have_fits(tenant):
    agent = make_agent("long", [tenant])
    agent.user.first_name, agent.user.last_name = "a" * 150, "b" * 150
    agent.user.save()
    chat = make_session(tenant, agent=agent)
    assert post_now(chat, "Hello", sender=actor(agent)).is_new


async def test_queue_positions_that_fail_cost_no_other_news(tenant, monkeypatch):
    def fail(tenant_id):
        raise DatabaseError

    started = await in_db(make_session, tenant)
    told = []
    monkeypatch.setattr(events.hub, "publish", lambda frames: told.extend(frame.name for frame in frames))
    monkeypatch.setattr(work.selectors, "queue_positions", fail)
    await in_db(post_now, started, "First")
    assert events.MESSAGE_NEW in told


def test_a_column_that_a_migration_changes_fails_nobody(tenant, vera):
    def change(length: int) -> None:
        with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
            table = ChatSession._meta.db_table
            other.execute(f"ALTER TABLE {table} ALTER COLUMN customer_name TYPE varchar({length})")

    for number in range(3):  # by then the statements are prepared
        post_now(vera, str(number))
    try:
        change(300)
        assert post_now(vera, "After").is_new
    finally:
        change(200)


def test_a_message_to_a_long_chat_does_not_read_all_of_it(tenant, vera):
    """Planned as a join, PostgreSQL 18 would: among thousands of sessions it believes its cache."""
    crowd = [ChatSession(tenant=tenant, session_key_hash="x", conversation_id=f"{n:09}") for n in range(2000)]
    ChatSession.objects.bulk_create(crowd)

    def fill(condition: str, count: int) -> None:
        cursor.execute(
            "INSERT INTO sessions_app_message (session_id, seq, client_message_id, sender_type, sender_name,"
            " message_type, body, created_at)"
            " SELECT session.id, seq, gen_random_uuid(), 'visitor', '', 'text', 'x', now()"
            f" FROM sessions_app_chatsession AS session, generate_series(2, %s) AS seq WHERE session.id {condition} %s"
            " ORDER BY seq, random()",
            [count, vera.session.pk],
        )

    def read() -> int:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'sessions_app_message'",
        )
        return cursor.fetchone()[0]

    with connection.cursor() as cursor:
        fill("<>", 41)
        fill("=", 2000)
        cursor.execute("UPDATE sessions_app_chatsession SET last_seq = 2000 WHERE id = %s", [vera.session.pk])
        cursor.execute("ANALYZE")
        before = read()
        for _ in range(5):
            assert post_now(vera, "Hi").is_new
        assert read() - before < 100
