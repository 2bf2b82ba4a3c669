"""The sweep: its rules at their boundaries, its races, what becomes of it when it is killed, doubled or late."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from itertools import accumulate
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from sessions_app import presence, services
from sessions_app.errors import SessionOver
from sessions_app.models import ChatSession, Message, SessionEvent, Status, SweepRun
from sessions_app.services import VISITOR, Posted, batches
from tests.factories import actor, age, bodies, fresh, make_agent, make_session, make_tenant, post, transitions
from tests.racing import Lead, racers

ROUNDS = 200

pytestmark = pytest.mark.django_db


# --- the rules at their boundaries --------------------------------------------------------------------------------

SILENT = {"last_activity_at": 30 * 60, "last_seen_at": 5 * 60}


def in_status(status, tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice if status == Status.ACTIVE else None)
    if status == Status.ENDED:
        services.end_session(session.session.session_id, VISITOR)
    elif status == Status.ABANDONED:
        age(session, only=("last_seen_at",), minutes=6)
        services.sweep()
    return session


@pytest.mark.parametrize("seconds", [-1, 0, 1])
@pytest.mark.parametrize("clock", SILENT)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("takes_active", [False, True])
def test_SW01_a_second_before_its_time_a_chat_is_left_alone_and_then_it_is_not(
    alice, tenant, status, clock, seconds, takes_active
):
    tenant.idle_rule_for_active = takes_active
    tenant.save()
    session = in_status(status, tenant, alice)
    before = transitions(session)
    age(session, only=(clock,), seconds=SILENT[clock] + seconds)
    services.sweep()

    is_ruled = status == Status.QUEUED or (status == Status.ACTIVE and (takes_active or clock == "last_seen_at"))
    if is_ruled and seconds >= 0:
        reason = "idle" if clock == "last_activity_at" else "disconnected"
        assert transitions(session) == [*before, (status, "abandoned", reason)]
    else:
        assert (fresh(session).status, transitions(session)) == (status, before)


# --- races --------------------------------------------------------------------------------------------------------


GONE = [("queued", "abandoned", "disconnected")]


@pytest.mark.django_db(transaction=True)
def test_SM03_a_visitors_message_and_the_sweep_at_once_leave_an_open_chat_with_the_message():
    tenant = make_tenant()
    orders, lead = set(), Lead()
    with racers(2) as race:
        for _ in range(ROUNDS):
            session = make_session(tenant, says="Hello")
            age(session, only=("last_seen_at",), minutes=6)
            outcome, _ = race(lambda s=session: post(s, "I am here"), services.sweep, lead=lead)

            assert isinstance(outcome, Posted)
            assert fresh(session).is_open
            assert bodies(session) == ["Hello", "I am here"]
            moves = transitions(session)
            assert moves in ([], [*GONE, ("abandoned", "queued", "reopened")])
            was_before = not moves
            orders.add(was_before)
            lead.follow(was_before)
    assert orders == {True, False}


@pytest.mark.django_db(transaction=True)
def test_SM03_an_agents_reply_and_the_sweep_at_once_store_it_before_the_end_or_refuse_it():
    tenant = make_tenant()
    alice = make_agent("alice", [tenant])
    sender = actor(alice)
    orders, lead = set(), Lead()
    with racers(2) as race:
        for _ in range(ROUNDS):
            session = make_session(tenant, says="Hello", agent=alice)
            age(session, only=("last_seen_at",), minutes=6)
            outcome, _ = race(lambda s=session: post(s, "Are you there?", sender=sender), services.sweep, lead=lead)
            services.sweep()  # the first may have found the row locked

            assert transitions(session)[1:] == [("active", "abandoned", "disconnected")]
            last = Message.objects.filter(session=session.session).latest("seq")
            assert last.event == {"reason": "disconnected"}
            assert isinstance(outcome, (Posted, SessionOver))
            assert ("Are you there?" in bodies(session)) == isinstance(outcome, Posted)
            orders.add(type(outcome))
            lead.follow(isinstance(outcome, Posted))
    assert orders == {Posted, SessionOver}


@pytest.mark.django_db(transaction=True)
def test_SM03_a_heartbeat_and_the_sweep_at_once_agree_on_what_the_visitor_is_told():
    tenant = make_tenant()
    orders, lead = set(), Lead()
    with racers(2) as race:
        for _ in range(ROUNDS):
            session = make_session(tenant, says="Hello")
            id = session.session.session_id
            age(session, only=("last_seen_at",), minutes=6)
            (answers, held), _ = race(lambda id=id: presence.stamp({id: (True, False)}), services.sweep, lead=lead)
            if held:  # it joins the next flush
                answers, held = presence.stamp({id: (True, False)})

            assert not held
            assert answers[id].status == fresh(session).status
            assert transitions(session) == ([] if fresh(session).is_open else GONE)
            orders.add(answers[id].status)
            lead.follow(answers[id].status == "queued")
    assert orders == {"queued", "abandoned"}


@pytest.mark.django_db(transaction=True)
def test_SM05_a_return_in_the_last_tenth_of_a_second_is_a_return_or_none():
    tenant = make_tenant()
    outcomes, lead = set(), Lead()
    with racers(2) as race:
        for _ in range(ROUNDS):
            session = make_session(tenant, says="Hello")
            age(session, seconds=1800 + lead.seconds)
            id = session.session.session_id
            outcome, _ = race(lambda id=id: services.restore_session(id, is_page_load=True), services.sweep)

            moves = transitions(session)
            if isinstance(outcome, SessionOver):
                assert (fresh(session).status, moves) == ("abandoned", GONE)
            else:
                assert fresh(session).is_open
                assert fresh(session).due_reason(outcome.at) is None
                assert moves in ([], [*GONE, ("abandoned", "queued", "reopened")])
                assert outcome.is_reopened == bool(moves)
            assert [line.seq for line in session.session.messages.order_by("seq")] == list(range(1, len(moves) + 2))
            outcomes.add(type(outcome))
            lead.follow(isinstance(outcome, SessionOver))
    assert outcomes == {SessionOver, services.Restored}


@pytest.mark.django_db(transaction=True)
def test_SW02_sweeps_at_once_make_one_transition_a_session():
    tenant = make_tenant()
    fill(tenant, ROUNDS)
    with racers(3) as race:
        counts = race(*[lambda: services.sweep(batch_size=7)] * 3)

    assert sum(count["disconnected"] for count in counts) == ROUNDS
    assert_each_is_explained(ROUNDS)


# --- many ---------------------------------------------------------------------------------------------------------


def fill(tenant, number, *, gone="6 minutes"):
    """So many sessions that a sweep would abandon; written by SQL, since making them one by one takes longer."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {ChatSession._meta.db_table} (session_id, tenant_id, session_key_hash, conversation_id, channel,
              status, closed_reason, stage, customer_name, customer_email, metadata, page_url, page_title,
              previous_outcome, last_seq, visitor_read_seq, agent_read_seq, last_seen_at, is_visible, waiting_since)
            SELECT gen_random_uuid(), %s, '', 'T' || n, 'web_widget',
              'queued', '', '', '', '', '{{}}', '', '',
              '', 0, 0, 0, statement_timestamp() - %s::interval, true, statement_timestamp()
            FROM generate_series(1, %s) AS n
            """,
            [tenant.pk, gone, number],
        )


def assert_each_is_explained(number):
    """Abandoned once, with one event and one system message, at one moment."""
    sessions = ChatSession.objects.filter(status="abandoned").annotate(
        moves=Count("events", Q(events__to_status="abandoned"), distinct=True),
        lines=Count("messages", Q(messages__event__reason="disconnected"), distinct=True),
    )
    assert sessions.count() == number
    assert not sessions.exclude(moves=1, lines=1, last_seq=1).exists()
    assert SessionEvent.objects.filter(to_status="abandoned").count() == number


WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"


@pytest.fixture
def stuck():
    """`stuck(session)`: whoever explains the end of that one, waits in the midst of its transaction."""

    def stuck(session):
        cursor.execute(
            "CREATE FUNCTION get_stuck() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER get_stuck AFTER INSERT ON {SessionEvent._meta.db_table} FOR EACH ROW"
            f" WHEN (NEW.session_id = {session.pk}) EXECUTE FUNCTION get_stuck()"
        )
        cursor.execute("SELECT pg_advisory_lock(7)")

    with connection.cursor() as cursor:
        yield stuck
        cursor.execute("SELECT pg_advisory_unlock_all()")
        cursor.execute("DROP FUNCTION IF EXISTS get_stuck CASCADE")


@pytest.mark.django_db(transaction=True)
def test_SW03_a_sweep_that_is_killed_in_the_middle_loses_nothing_and_the_next_one_finishes(stuck):
    number = 10_000
    fill(make_tenant(), number)
    stuck(ChatSession.objects.order_by("pk")[number // 2])
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    command = [sys.executable, "manage.py", "sweep"]
    with (
        subprocess.Popen(command, env=os.environ | {"DATABASE_URL": database.geturl()}, cwd=settings.BASE_DIR) as run,
        connection.cursor() as cursor,
    ):
        while run.poll() is None and not cursor.execute(WAITING).fetchone()[0]:
            pass
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        done = ChatSession.objects.filter(status="abandoned").count()

        assert done == number // 2
        assert_each_is_explained(done)
        assert SweepRun.objects.get().finished_at is None
        cursor.execute("SELECT pg_advisory_unlock(7)")
    # What the killed one held is free once PostgreSQL has noticed.
    while ChatSession.objects.open().exists():
        done += services.sweep()["disconnected"]
    assert_each_is_explained(number)


def test_a_sweep_after_a_long_outage_takes_all_and_says_how_late_it_is(tenant):
    fill(tenant, 1200, gone="9 hours")
    here = make_session(tenant, says="Hello")
    assert services.sweep(batch_size=500) == {"disconnected": 1200}

    run = SweepRun.objects.get()
    assert (run.examined, run.disconnected, run.idle, run.skipped_locks) == (1200, 1200, 0, 0)
    assert run.lag_ms == pytest.approx((9 * 60 - 5) * 60_000, abs=60_000)
    assert run.started_at <= SweepRun.objects.values_list("finished_at", flat=True).get()
    assert fresh(here).is_open


@pytest.mark.django_db(transaction=True)
def test_SW08_after_a_missed_night_no_batch_locks_many_and_others_write_in_between(monkeypatch):
    """The speed of it, over 100,000, is what bench/sweep measures."""
    tenant = make_tenant()
    vera = make_session(tenant)
    fill(tenant, 2000, gone="9 hours")
    sizes, heard = [], []
    sweep_batch = batches._sweep_batch

    def then_somebody_writes(session_ids, positions):
        sizes.append(len(session_ids))
        batch = sweep_batch(session_ids, positions)
        # Another connection: what the batch has locked is free, and what it has done is to be seen.
        heard.extend(race(lambda: (post(vera, "Hello?"), ChatSession.objects.filter(status="abandoned").count())))
        return batch

    monkeypatch.setattr(batches, "_sweep_batch", then_somebody_writes)
    with racers(1) as race:
        assert services.sweep() == {"disconnected": 2000}

    assert max(sizes) == batches.BATCH
    assert [done for _, done in heard] == list(accumulate(sizes))
    assert all(isinstance(posted, Posted) for posted, _ in heard)
    assert_each_is_explained(2000)


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_has_locked_is_counted_and_left_to_the_next_run():
    tenant = make_tenant()
    fill(tenant, 3)
    locked = ChatSession.objects.first()
    with racers(1) as race, transaction.atomic():
        ChatSession.objects.select_for_update().get(pk=locked.pk)
        [abandoned] = race(services.sweep)

    run = SweepRun.objects.get()
    assert (abandoned["disconnected"], run.examined, run.skipped_locks) == (2, 3, 1)
    assert services.sweep() == {"disconnected": 1}


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Europe/Berlin"])
def test_SW06_the_workers_clock_and_time_zone_decide_nothing(tenant, monkeypatch, settings, hours, zone):
    in_time, late = make_session(tenant, says="Hello"), make_session(tenant, says="Hello")
    age(in_time, only=("last_seen_at",), seconds=290)
    age(late, only=("last_seen_at",), seconds=301)
    wrong = timezone.now() + timedelta(hours=hours)
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    monkeypatch.setattr("time.time", wrong.timestamp)
    settings.TIME_ZONE = zone
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE %s", [zone])

    assert services.sweep() == {"disconnected": 1}
    assert (fresh(in_time).status, fresh(late).status) == ("queued", "abandoned")


def test_what_is_known_of_runs_is_forgotten_after_a_month(tenant):
    services.sweep()
    services.sweep()
    first = SweepRun.objects.earliest("pk")
    SweepRun.objects.filter(pk=first.pk).update(started_at=first.started_at - timedelta(days=31))
    services.sweep()
    assert SweepRun.objects.count() == 2
    assert not SweepRun.objects.filter(pk=first.pk).exists()


def test_the_admin_lists_the_runs(tenant, admin_client):
    fill(tenant, 2, gone="1 hour")
    services.sweep()
    SweepRun.objects.create()
    page = admin_client.get("/admin/sessions_app/sweeprun/").content.decode()
    assert "0:55:0" in page
    assert "not finished" in page
    assert admin_client.get("/admin/sessions_app/sweeprun/add/").status_code == 403
