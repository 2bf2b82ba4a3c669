"""Chats that find their agent by themselves: who gets which, who gets none, and two processes at once."""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.functions import Now

from agents_app import selectors, services
from agents_app.models import Agent
from sessions_app import events
from sessions_app import services as chats
from sessions_app.models import ChatSession, Message, SessionEvent
from sessions_app.services import VISITOR
from tests.factories import actor, age, fresh, make_agent, make_session, make_tenant, say, transitions
from tests.racing import Lead, in_thread, racers

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(db):
    return make_tenant(auto_assign=True)


def change(agent: Agent, **columns) -> None:
    Agent.objects.filter(pk=agent.pk).update(**columns)


def holder(session) -> str | None:
    agent = fresh(session).assigned_to
    return agent and agent.username


# --- who gets which -----------------------------------------------------------------------------------------------


def test_a_waiting_chat_is_given_with_an_event_and_a_line_as_if_it_had_been_accepted(tenant, alice):
    session = make_session(tenant, says="Hello")
    services.assign_waiting_chats()

    assert holder(session) == "alice"
    assert transitions(session) == [("queued", "active", "assigned")]
    line = Message.objects.get(session=session.session, message_type="system")
    # Visitors are told what they are told of an acceptance.
    assert (line.body, line.event) == ("Alice joined the chat", {"reason": "accepted", "agent_name": "Alice"})
    assert SessionEvent.objects.get(session=session.session, reason="assigned").actor_type == "system"


def test_the_least_busy_gets_the_longest_wait_first(tenant, alice, bob):
    make_session(tenant, says="Has an agent", agent=alice)
    change(alice, capacity=2)
    waiting = [make_session(tenant, says=f"Number {number}") for number in range(4)]
    age(waiting[3], only=("waiting_since",), minutes=5)
    change(bob, capacity=2)
    services.assign_waiting_chats()

    assert holder(waiting[3]) == "bob"
    assert Counter(map(holder, waiting[:2])) == {"alice": 1, "bob": 1}
    assert holder(waiting[2]) is None


def test_chats_are_spread_evenly(tenant):
    agents = [make_agent(name, [tenant]) for name in ("alice", "bob", "carol")]
    sessions = [make_session(tenant, says="Hello") for _ in range(9)]
    services.assign_waiting_chats()
    assert Counter(map(holder, sessions)) == {agent.user.username: 3 for agent in agents}


@pytest.mark.parametrize(
    "columns",
    [
        {"availability": "away"},
        {"availability": "offline"},
        {"last_active_at": Now() - timedelta(minutes=10)},
        {"last_seen_at": Now() - timedelta(minutes=2)},
        {"capacity": 1},
    ],
    ids=str,
)
def test_nobody_is_given_more_than_can_be_taken_on(tenant, alice, columns):
    make_session(tenant, says="Mine", agent=alice)
    change(alice, **columns)
    session = make_session(tenant, says="Hello")
    services.assign_waiting_chats()
    assert transitions(session) == []


def test_who_has_not_written_or_has_gone_is_not_given_away(tenant, alice):
    silent, left, unseen, over, here = (make_session(tenant, says=text) for text in (None, *"abcd"))
    ChatSession.objects.filter(pk=left.session.pk).update(left_at=Now())
    age(unseen, seconds=151, only=("last_seen_at",))
    chats.end_session(over.session.session_id, VISITOR)
    services.assign_waiting_chats()

    assert [holder(one) for one in (silent, left, unseen, over, here)] == [None, None, None, None, "alice"]


def test_only_tenants_that_want_it_and_only_their_agents(tenant, charlie):
    plain = make_session(charlie.tenants.get(), says="Hello")
    foreign = make_session(tenant, says="Hello")
    closed = make_tenant("closed", auto_assign=True, is_active=False)
    charlie.tenants.add(closed)
    dead = make_session(closed)
    ChatSession.objects.filter(pk=dead.session.pk).update(waiting_since=Now())
    services.assign_waiting_chats()
    assert [transitions(one) for one in (plain, foreign, dead)] == [[], [], []]


def test_a_tenant_without_room_holds_up_no_other(tenant, alice, charlie):
    other = charlie.tenants.get()
    type(other).objects.update(auto_assign=True)
    change(alice, capacity=1)
    first, second, third = make_session(tenant, says="1"), make_session(tenant, says="2"), make_session(other, says="3")
    services.assign_waiting_chats()
    assert [holder(one) for one in (first, second, third)] == ["alice", None, "charlie"]


def test_a_chat_that_an_agent_has_put_back_goes_to_somebody_else(tenant, alice):
    back = make_session(tenant, says="Hello", agent=alice)
    chats.transfer_session(back.session.session_id, actor(alice))
    later = make_session(tenant, says="Hello")
    services.assign_waiting_chats()
    assert [holder(one) for one in (back, later)] == [None, "alice"]

    make_agent("bob", [tenant])
    services.assign_waiting_chats()
    assert holder(back) == "bob"


def test_a_chat_that_fails_keeps_no_other_waiting(tenant, alice, monkeypatch):
    bad, good = make_session(tenant, says="1"), make_session(tenant, says="2")
    assign = chats.assign_session

    def fail(session_id):
        if session_id == bad.session.session_id:
            raise RuntimeError
        return assign(session_id)

    monkeypatch.setattr(chats, "assign_session", fail)
    services.assign_waiting_chats()
    assert [holder(one) for one in (bad, good)] == [None, "alice"]


def test_a_pass_in_which_nobody_waits_is_one_query(tenant, alice, django_assert_num_queries):
    make_session(tenant, says="Has one", agent=alice)
    with django_assert_num_queries(1):
        services.assign_waiting_chats()


# --- who is called ------------------------------------------------------------------------------------------------


@pytest.fixture
def called(monkeypatch, django_capture_on_commit_callbacks):
    """`called(function, …)`: the groups whose consoles are told to look at once."""

    def call(function, *args, **kwargs) -> list[str]:
        rung = []
        with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
            patch.setattr(events, "publish", rung.extend)
            function(*args, **kwargs)
        return [group for event in rung if event.type == events.QUEUE_GREW for group in event.groups]

    return call


def test_the_first_message_calls_and_the_next_does_not(tenant, called):
    session = make_session(tenant)
    assert called(say, session, "Hello") == [events.tenant_group(tenant.pk)]
    assert called(say, session, "Anybody there?") == []


def test_who_gets_room_and_who_comes_back_to_the_queue_calls(tenant, alice, called):
    session = make_session(tenant, says="Hello", agent=alice)
    assert called(chats.end_session, session.session.session_id, actor(alice)) == [events.tenant_group(tenant.pk)]
    session = make_session(tenant, says="Hello", agent=alice)
    change(alice, last_seen_at=None)
    assert called(services.release_chats_of_absent_agents) == [events.tenant_group(tenant.pk)]


@pytest.mark.parametrize("choice", [{"availability": "online"}, {"capacity": 9}])
def test_an_agent_who_comes_online_or_takes_on_more_calls(tenant, alice, called, choice):
    alice.tenants.add(make_tenant("by-hand"))
    assert called(services.change_availability, alice.user_id, **choice) == [events.tenant_group(tenant.pk)]


def test_a_tenant_that_assigns_by_hand_costs_no_call(alice, called):
    tenant = make_tenant("by-hand")
    alice.tenants.add(tenant)
    session = make_session(tenant)
    assert called(say, session, "Hello") == []
    chats.accept_session(session.session.session_id, actor(alice))
    assert called(chats.end_session, session.session.session_id, actor(alice)) == []


# --- two at once (each 200 times) ---------------------------------------------------------------------------------

RACES = 200


@pytest.fixture
def race(transactional_db):
    with racers(2) as race:
        yield race


@pytest.fixture
def shop(transactional_db):
    """A tenant that assigns by itself; alice and bob have room for one chat each."""
    tenant = make_tenant("shop", auto_assign=True)
    for name in ("alice", "bob"):
        change(make_agent(name, [tenant]), capacity=1)
    return tenant


def wait_again(*sessions) -> None:
    """Back to where a race began: they wait in the queue and nothing has happened yet. The consoles have beaten."""
    pks = [session.session.pk for session in sessions]
    with transaction.atomic():
        SessionEvent.objects.filter(session__in=pks).exclude(from_status="").delete()
        start = {"status": "queued", "assigned_to": None, "closed_reason": "", "closed_at": None, "stage": ""}
        clocks = dict.fromkeys(("last_seen_at", "last_activity_at"), Now())
        ChatSession.objects.filter(pk__in=pks).update(**start, **clocks)
        Agent.objects.update(last_seen_at=Now())


def loads() -> dict[str, int]:
    return Counter(ChatSession.objects.filter(status="active").values_list("assigned_to__username", flat=True))


def test_SM04_two_processes_assign_once_and_beyond_nobodys_capacity(shop, race):
    waiting = [make_session(shop, says="Hello") for _ in range(3)]
    for _ in range(RACES):
        race(services.assign_waiting_chats, services.assign_waiting_chats)
        assert loads() == {"alice": 1, "bob": 1}
        assert [len(transitions(session)) for session in waiting] == [1, 1, 0]
        wait_again(*waiting)


def test_SM04_two_chats_at_once_do_not_get_the_same_free_place(shop, race):
    change(Agent.objects.get(user__username="alice"), availability="away")
    waiting = [make_session(shop, says="Hello") for _ in range(2)]
    first, second = (partial(chats.assign_session, session.session.session_id) for session in waiting)
    for _ in range(RACES):
        race(first, second)
        assert loads() == {"bob": 1}
        wait_again(*waiting)


def test_SM04_an_assignment_racing_an_acceptance_has_one_winner(shop, race):
    bob = Agent.objects.get(user__username="bob")
    change(bob, availability="away")
    bobs = actor(bob)
    session = make_session(shop, says="Hello")
    accept = partial(chats.accept_session, session.session.session_id, bobs)
    winners, lead = set(), Lead()
    for _ in range(RACES):
        answer, _ = race(accept, services.assign_waiting_chats, lead=lead)
        [(_, _, reason)] = transitions(session)
        if reason == "accepted":
            assert answer.assigned_to_id == bob.user_id
        else:
            assert answer.details["agent_name"] == "Alice"
        assert loads() == {"bob" if reason == "accepted" else "alice": 1}
        winners.add(reason)
        lead.follow(reason == "accepted")
        wait_again(session)
    assert winners == {"accepted", "assigned"}


@pytest.mark.django_db(transaction=True)
def test_who_comes_back_waits_for_nobody_who_holds_the_agents_room():
    """The messages of a whole batch would wait along."""
    tenant = make_tenant()
    alice = make_agent("alice", [tenant])
    vera = make_session(tenant, says="Hello", agent=alice)
    age(vera, minutes=6)
    chats.sweep()
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            get_user_model().objects.select_for_update().get(pk=alice.user_id)
            held.set()
            done.wait(20)

    thread, _ = in_thread(hold)
    held.wait(20)
    try:
        chats.restore_session(vera.session.session_id, is_page_load=True)  # would fail after lock_timeout
    finally:
        done.set()
        thread.join()
    assert (fresh(vera).status, holder(vera)) == ("queued", None)


def test_a_reopening_racing_an_assignment_never_exceeds_the_capacity(shop, race):
    change(Agent.objects.get(user__username="alice"), availability="away")
    bob = Agent.objects.get(user__username="bob")
    back, new = make_session(shop, says="Hello"), make_session(shop, says="Hello")
    lost = ChatSession.objects.filter(pk=back.session.pk)
    outcomes, lead = set(), Lead()
    for _ in range(RACES):
        closed = {"status": "abandoned", "closed_reason": "disconnected", "stage": "missed", "closed_at": Now()}
        lost.update(assigned_to=bob.user, last_seen_at=Now() - timedelta(minutes=6), **closed)
        race(lambda: say(back, "I am back"), services.assign_waiting_chats, lead=lead)
        assert loads() == {"bob": 1}
        assert sorted([fresh(back).status, fresh(new).status]) == ["active", "queued"]
        outcomes.add(holder(back))
        lead.follow(holder(back) == "bob")
        wait_again(back, new)
    assert outcomes == {"bob", None}


def test_who_has_gone_offline_is_given_nothing_after_the_answer(shop, race):
    bob = Agent.objects.get(user__username="bob")
    change(Agent.objects.get(user__username="alice"), availability="away")
    session = make_session(shop, says="Hello")
    answers, lead = set(), Lead()

    def go_offline():
        services.change_availability(bob.user_id, availability="offline")
        return loads()

    for _ in range(RACES):
        at_the_answer, _ = race(go_offline, services.assign_waiting_chats, lead=lead)
        assert loads() == at_the_answer
        was_before = not at_the_answer
        answers.add(was_before)
        lead.follow(was_before)
        wait_again(session)
        change(bob, availability="online")
    assert answers == {True, False}


def test_heartbeats_wait_for_no_assignment(shop, race):
    """The locks that guard the capacity must not be those that stamps need."""
    alice = Agent.objects.get(user__username="alice")
    with transaction.atomic():
        assert selectors.agent_with_room(shop.pk)
        [stamped] = race(lambda: services.stamp_consoles([alice.user_id], are_used=True) or "stamped")
    assert stamped == "stamped"
