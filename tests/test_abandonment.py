"""Who is gone, who may come back, and when: boundaries, reopening, the sweep. Clocks are moved, nobody waits."""

from functools import partial
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from sessions_app import presence, services
from sessions_app.errors import SessionOver, Taken
from sessions_app.models import ChatSession, SessionEvent, Status
from sessions_app.services import VISITOR
from tests.factories import (
    actor,
    age,
    bodies,
    fresh,
    make_agent,
    make_session,
    make_tenant,
    post,
    say,
    transitions,
)
from tests.racing import in_thread, racers

pytestmark = pytest.mark.django_db


def restore(session, **options):
    return services.restore_session(session.session.session_id, **{"is_page_load": True, **options})


# --- the rules, at their boundaries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "seconds", "reason"),
    [
        ("last_seen_at", 4 * 60 + 59, None),
        ("last_seen_at", 5 * 60, "disconnected"),
        ("last_seen_at", 5 * 60 + 1, "disconnected"),
        ("last_activity_at", 29 * 60 + 59, None),
        ("last_activity_at", 30 * 60, "idle"),
        ("last_activity_at", 30 * 60 + 1, "idle"),
    ],
)
def test_SW01_a_queued_session_is_abandoned_at_its_boundaries(tenant, clock, seconds, reason):
    session = make_session(tenant, says="Hello")
    age(session, only=(clock,), seconds=seconds)
    services.sweep()

    assert fresh(session).status == ("abandoned" if reason else "queued")
    assert fresh(session).closed_reason == (reason or "")


@pytest.mark.parametrize(
    ("clock", "seconds", "expected"),
    [
        ("last_seen_at", 4 * 60 + 59, "active"),
        ("last_seen_at", 5 * 60, "abandoned"),
        ("last_activity_at", 3 * 3600, "active"),
    ],
)
def test_SW01_an_active_session_only_goes_with_its_visitor(tenant, alice, clock, seconds, expected):
    session = make_session(tenant, says="Hello", agent=alice)
    age(session, only=(clock,), seconds=seconds)
    services.sweep()

    assert fresh(session).status == expected


def test_a_tenant_can_let_the_idle_rule_take_active_sessions(alice, tenant):
    tenant.idle_rule_for_active = True
    tenant.save()
    session = make_session(tenant, says="Hello", agent=alice)
    age(session, only=("last_activity_at",), minutes=30)
    services.sweep()

    assert (fresh(session).status, fresh(session).closed_reason) == ("abandoned", "idle")


def test_SW01_ended_sessions_are_left_alone(tenant):
    session = make_session(tenant)
    services.end_session(session.session.session_id, VISITOR)
    age(session, hours=9)
    services.sweep()

    assert transitions(session) == [("queued", "ended", "visitor")]


def test_the_rule_whose_time_ran_out_first_is_the_reason(tenant):
    """Gone for 31 minutes: it was the leaving that ended it, 26 minutes ago, even if no sweep ran since."""
    session = make_session(tenant, says="Hello")
    age(session, minutes=31)
    services.sweep()

    assert fresh(session).closed_reason == "disconnected"


@pytest.mark.parametrize(
    ("says", "is_accepted", "answer", "again", "stage"),
    [
        (None, False, None, None, "never_engaged"),
        ("Hello", False, None, None, "missed"),
        ("Hello", True, None, None, "missed"),
        ("Hello", True, "Hi", None, "answered"),
        ("Hello", True, "Hi", "One more thing", "waiting_for_agent"),
    ],
)
def test_every_abandonment_is_explained(tenant, alice, says, is_accepted, answer, again, stage):
    first = make_session(tenant, says="I was first")
    age(first, only=("waiting_since",), minutes=10)
    session = make_session(
        tenant, says=says, agent=alice if is_accepted else None, metadata={"page_url": "https://shop.example/cart"}
    )
    if answer:
        say(session, answer, agent=alice)
    if again:
        say(session, again)
    age(session, minutes=5)
    services.sweep()

    event = SessionEvent.objects.get(session=session.session, to_status="abandoned")
    is_waiting = bool(says) and stage != "answered"
    assert (event.reason, event.stage, fresh(session).stage) == ("disconnected", stage, stage)
    assert event.page_url == "https://shop.example/cart"
    assert event.queue_position == (2 if says and not is_accepted else None)
    assert (event.waited_ms is not None) == is_waiting
    if is_waiting:
        assert event.waited_ms >= 300_000


# --- coming back --------------------------------------------------------------------------------------------------


def test_a_visitor_back_within_the_hour_half_has_everything_and_the_same_agent(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    age(session, minutes=10)
    services.sweep()
    assert fresh(session).status == Status.ABANDONED

    restored = restore(session)

    row = fresh(session)
    assert restored.is_reopened
    assert (row.status, row.assigned_to_id, row.closed_at, row.closed_reason) == ("active", alice.user_id, None, "")
    assert bodies(session) == ["Hello"]
    assert transitions(session)[-1] == ("abandoned", "active", "reopened")


def test_it_goes_back_to_its_old_place_in_the_queue_when_the_agent_is_not_there(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    age(session, minutes=10)
    services.sweep()
    say(make_session(tenant), "I came later")
    alice.last_seen_at = None
    alice.save()
    restore(session)

    assert fresh(session).status == Status.QUEUED
    assert ChatSession.objects.waiting().first() == fresh(session)


def test_a_message_alone_reopens_as_well(tenant):
    session = make_session(tenant, says="Hello")
    age(session, minutes=6)
    services.sweep()

    assert say(session, "I am back").is_new
    assert fresh(session).status == Status.QUEUED


@pytest.mark.parametrize("has_swept", [True, False])
@pytest.mark.parametrize(("seconds", "is_back"), [(29 * 60 + 59, True), (30 * 60, False), (30 * 60 + 1, False)])
def test_SM05_time_decides_whether_a_sweep_has_run_or_not(tenant, seconds, is_back, has_swept):
    session = make_session(tenant, says="Hello")
    age(session, seconds=seconds)
    if has_swept:
        services.sweep()

    if is_back:
        assert restore(session).session.is_open
    else:
        with pytest.raises(SessionOver):
            restore(session)
        assert isinstance(post(session, "Hello?"), SessionOver)
        assert fresh(session).status == Status.ABANDONED
        assert len(transitions(session)) == 1


def test_idle_sessions_are_over_for_good(tenant):
    session = make_session(tenant, says="Hello")
    age(session, only=("last_activity_at",), minutes=30)
    services.sweep()

    with pytest.raises(SessionOver) as refusal:
        restore(session)
    assert refusal.value.details == {"status": "abandoned", "reason": "idle"}


def test_a_tenant_can_switch_reopening_off(tenant):
    tenant.reopen_enabled = False
    tenant.save()
    session = make_session(tenant, says="Hello")
    age(session, minutes=5)

    with pytest.raises(SessionOver):
        restore(session)


def test_a_page_load_is_activity_and_a_mere_reconnect_is_not(tenant):
    session = make_session(tenant, says="Hello")
    age(session, minutes=20)
    restore(session, is_page_load=False)
    row = fresh(session)
    assert (row.last_seen_at - row.last_activity_at).total_seconds() >= 20 * 60

    restore(session, is_page_load=True)
    assert fresh(session).last_activity_at == fresh(session).last_seen_at


# --- heartbeats ---------------------------------------------------------------------------------------------------


def test_a_heartbeat_says_seen_and_says_active_only_when_the_page_was_used(tenant):
    session = make_session(tenant, says="Hello")
    id = session.session.session_id
    age(session, minutes=4)
    presence.stamp({id: (True, False)})
    row = fresh(session)
    assert (row.last_seen_at - row.last_activity_at).total_seconds() >= 240

    answer = presence.stamp({id: (True, True)})[0][id]
    assert fresh(session).last_activity_at == fresh(session).last_seen_at
    assert (answer.last_seq, answer.status) == (1, "queued")


def test_heartbeats_of_many_are_one_statement(tenant, django_assert_num_queries):
    ids = [make_session(tenant).session.session_id for _ in range(30)]
    with django_assert_num_queries(1):
        answers, held = presence.stamp(dict.fromkeys(ids, (True, True)))

    assert set(answers) == set(ids)
    assert not held


@pytest.mark.parametrize("clocks", [("last_activity_at",), ("last_activity_at", "last_seen_at")])
def test_a_heartbeat_brings_nothing_back_whose_time_is_over(tenant, clocks):
    session = make_session(tenant, says="Hello")
    age(session, only=clocks, minutes=30)
    answers, held = presence.stamp({session.session.session_id: (True, True)})

    assert not held
    [answer] = answers.values()

    assert answer.status == "abandoned"
    assert fresh(session).status == Status.ABANDONED


def updates():
    """(all, HOT) updates of sessions in the transaction of this test."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = %s",
            [ChatSession._meta.db_table],
        )
        return cursor.fetchone()


def test_heartbeats_stay_hot(tenant):
    ids = [make_session(tenant, says="Hello").session.session_id for _ in range(3)]
    all_before, hot_before = updates()
    for visible in (True, False, True):
        presence.stamp(dict.fromkeys(ids, (visible, True)))
    all_after, hot_after = updates()

    assert (all_after - all_before, hot_after - hot_before) == (9, 9)


def test_messages_stay_hot_while_the_wait_does_not_change(tenant):
    session = make_session(tenant, says="Hello")
    all_before, hot_before = updates()
    for number in range(5):
        say(session, f"Line {number}")
    all_after, hot_after = updates()

    assert (all_after - all_before, hot_after - hot_before) == (5, 5)


# --- the sweep ----------------------------------------------------------------------------------------------------


def test_a_sweep_goes_through_all_batches_and_counts_by_reason(tenant):
    gone = [make_session(tenant, says="Hello") for _ in range(7)]
    silent = make_session(tenant, says="Hello")
    here = make_session(tenant, says="Hello")
    for session in gone:
        age(session, only=("last_seen_at",), minutes=6)
    age(silent, only=("last_activity_at",), minutes=30)

    assert services.sweep(batch_size=3) == {"disconnected": 7, "idle": 1}
    assert services.sweep(batch_size=3) == {}
    assert fresh(here).status == Status.QUEUED
    assert SessionEvent.objects.filter(to_status="abandoned").count() == 8


def test_the_command_says_what_it_would_do_and_does_nothing_then(tenant, capsys):
    session = make_session(tenant, says="Hello")
    age(session, minutes=6)

    call_command("sweep", "--dry-run")
    assert capsys.readouterr().out == "1 would be abandoned: 1 disconnected\n"
    assert fresh(session).is_open

    call_command("sweep")
    assert capsys.readouterr().out == "1 abandoned: 1 disconnected\n"
    call_command("sweep")
    assert capsys.readouterr().out == "0 abandoned\n"


@pytest.mark.django_db(transaction=True)
def test_SM03_a_session_whose_message_is_being_committed_is_not_swept():
    session = make_session(make_tenant(), says="Hello")
    age(session, only=("last_seen_at",), minutes=6)

    with transaction.atomic():
        say(session, "I am still here")
        thread, results = in_thread(services.sweep)
        thread.join()
    assert results == [{}]
    assert services.sweep() == {}
    assert fresh(session).is_open
    assert bodies(session) == ["Hello", "I am still here"]


@pytest.mark.django_db(transaction=True)
def test_SM03_a_message_that_waited_for_the_sweep_reopens_the_session():
    session = make_session(make_tenant(), says="Hello")
    age(session, only=("last_seen_at",), minutes=6)
    id = uuid4()

    with transaction.atomic():
        services.sweep()
        thread, results = in_thread(lambda: post(session, "I am still here", id=id))
        thread.join(0.3)
        assert thread.is_alive()
    thread.join()

    assert results[0].is_new
    assert fresh(session).is_open
    assert [move[1:] for move in transitions(session)] == [("abandoned", "disconnected"), ("queued", "reopened")]


@pytest.mark.django_db(transaction=True)
def test_SM04_two_agents_accept_and_exactly_one_has_it():
    tenant = make_tenant()
    agents = [make_agent("alice", [tenant]), make_agent("bob", [tenant])]
    with racers(2) as race:
        for _ in range(20):
            session = make_session(tenant, says="Hello")
            outcomes = race(*[partial(services.accept_session, session.session.session_id, actor(a)) for a in agents])
            [refusal] = [outcome for outcome in outcomes if isinstance(outcome, Taken)]
            assert refusal.details["agent_name"] == fresh(session).assigned_to.first_name
            assert transitions(session) == [("queued", "active", "accepted")]


@pytest.mark.django_db(transaction=True)
def test_SM01_SM02_ends_and_messages_at_once_leave_one_end_and_nothing_after_it():
    tenant = make_tenant()
    with racers(3) as race:
        for _ in range(20):
            session = make_session(tenant, says="Hello")
            end = partial(services.end_session, session.session.session_id, VISITOR)
            *ended, outcome = race(end, end, partial(post, session, "One more"))

            assert [row.status for row in ended] == ["ended", "ended"]
            assert transitions(session) == [("queued", "ended", "visitor")]
            row = fresh(session)
            last = row.messages.order_by("-seq").first()
            assert (last.seq, last.body) == (row.last_seq, "The visitor ended the chat")
            assert isinstance(outcome, SessionOver) or bodies(session) == ["Hello", "One more"]


@pytest.mark.django_db(transaction=True)
def test_SM06_the_same_start_at_the_same_moment_is_one_session():
    tenant = make_tenant()
    with racers(4) as race:
        for _ in range(10):
            started = race(*[partial(make_session, tenant, start_id=uuid4())] * 4)
            assert len({(one.session.pk, one.session_key) for one in started}) == 1
