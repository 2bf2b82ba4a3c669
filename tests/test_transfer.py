"""Chats that go from one agent to another: transferred, taken over from who is not there, given by a supervisor."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models.functions import Now

from agents_app.models import Agent
from sessions_app import rows, selectors, services
from sessions_app.errors import Invalid, NotAllowed, SessionNotFound, SessionOver, Taken
from sessions_app.models import ChatSession, Message, Note, SessionEvent, Status
from sessions_app.services import VISITOR
from tests.factories import PASSWORD, actor, age, fresh, make_agent, make_session, make_tenant, post, say, transitions
from tests.racing import racers

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(tenant):
    """A supervisor."""
    agent = make_agent("carol", [tenant])
    agent.user.user_permissions.add(Permission.objects.get(codename="supervise"))
    return agent


@pytest.fixture
def vera(tenant, alice):
    return make_session(tenant, says="Hello", agent=alice)


def transfer(session, by, to=None, note=""):
    to_agent_id = to.user_id if to else None
    return services.transfer_session(session.session.session_id, actor(by), to_agent_id=to_agent_id, note=note)


def accept(session, by):
    return services.accept_session(session.session.session_id, actor(by))


def give(session, by, to):
    return services.give_session(session.session.session_id, actor(by), to.user_id)


def end(session, by):
    return services.end_session(session.session.session_id, actor(by))


def leave(agent):
    Agent.objects.filter(pk=agent.pk).update(last_seen_at=Now() - timedelta(minutes=2))


def last_line(session):
    return Message.objects.filter(session=session.session).last()


# --- to a colleague -----------------------------------------------------------------------------------------------


def test_a_chat_goes_to_a_colleague_with_a_note_and_everybody_is_told(alice, bob, vera):
    say(vera, "Hi Vera", agent=alice)
    transfer(vera, alice, bob, note="She has called before")

    row = fresh(vera)
    assert (row.status, row.assigned_to_id, row.waiting_since) == (Status.ACTIVE, bob.user_id, None)
    assert transitions(vera)[-1] == ("active", "active", "transferred")
    event = SessionEvent.objects.filter(session=row).last()
    assert event.actor_id == alice.user_id
    assert last_line(vera).body == "Alice transferred the chat to Bob"
    # What concerns the visitor, in words that every widget knows.
    assert last_line(vera).event == {"reason": "accepted", "agent_name": "Bob"}
    [note] = Note.objects.filter(session=row)
    assert (note.author_id, note.body, note.after_seq) == (alice.user_id, "She has called before", row.last_seq - 1)
    assert say(vera, "Here I am", agent=bob).is_new
    assert isinstance(post(vera, "Me again", sender=actor(alice)), Taken)


def test_a_visitor_who_waits_keeps_the_time_since_when(alice, bob, vera):
    since = fresh(vera).waiting_since
    transfer(vera, alice, bob)

    assert fresh(vera).waiting_since == since


@pytest.mark.parametrize("who", ["absent", "another tenant's", "nobody"])
def test_nobody_is_given_a_chat_who_is_not_there(alice, bob, charlie, vera, who):
    to_agent_id = {"absent": bob.user_id, "another tenant's": charlie.user_id, "nobody": 2**62}[who]
    leave(bob)
    with pytest.raises(Invalid) as refusal:
        services.transfer_session(vera.session.session_id, actor(alice), to_agent_id=to_agent_id, note="Yours")

    assert refusal.value.details == {"fields": {"to_agent_id": ["This agent is not there."]}}
    assert fresh(vera).assigned_to_id == alice.user_id
    assert not Note.objects.exists()


def test_whoever_no_longer_has_it_hears_who_has(alice, bob, vera, tenant):
    dave = make_agent("dave", [tenant])
    transfer(vera, alice, bob, note="Yours")
    for to in (dave, bob, None):
        with pytest.raises(Taken) as refusal:
            transfer(vera, alice, to, note="Once more")
        assert refusal.value.details == {"agent_name": "Bob"}

    assert Note.objects.count() == 1
    assert fresh(vera).assigned_to_id == bob.user_id


def test_to_oneself_is_no_transfer(alice, vera):
    with pytest.raises(Taken):
        transfer(vera, alice, alice)
    assert len(transitions(vera)) == 1


def test_what_nobody_has_is_not_transferred(tenant, alice, bob):
    session = make_session(tenant, says="Hello")
    with pytest.raises(Invalid):
        transfer(session, alice, bob)
    assert transitions(session) == []


def test_what_is_over_is_not_transferred(alice, bob, vera):
    end(vera, alice)
    with pytest.raises(SessionOver):
        transfer(vera, alice, bob)


# --- to the queue -------------------------------------------------------------------------------------------------


def test_back_to_the_queue_it_keeps_its_place_there(tenant, alice, bob, vera):
    since = fresh(vera).waiting_since
    say(make_session(tenant), "I came later")
    transfer(vera, alice, note="Who knows about parcels?")

    row = fresh(vera)
    assert (row.status, row.assigned_to, row.waiting_since) == (Status.QUEUED, None, since)
    assert ChatSession.objects.waiting().first() == row
    assert transitions(vera)[-1] == ("active", "queued", "transferred")
    assert last_line(vera).body == "Alice put the chat back in the queue"
    assert last_line(vera).event == {"reason": "agent_gone", "agent_name": "Alice"}
    assert accept(vera, bob).assigned_to_id == bob.user_id


def test_back_in_the_queue_it_shows_even_if_the_visitor_has_been_answered(alice, vera):
    say(vera, "Hi Vera", agent=alice)
    transfer(vera, alice)

    assert fresh(vera).waiting_since is not None
    assert ChatSession.objects.waiting().get() == fresh(vera)


def test_back_in_the_queue_the_time_of_the_idle_rule_begins_anew(alice, vera):
    age(vera, only=("last_activity_at",), hours=3)
    transfer(vera, alice)

    assert services.sweep() == {}
    assert fresh(vera).status == Status.QUEUED


# --- from who is not there ----------------------------------------------------------------------------------------


def test_what_an_absent_colleague_left_is_taken_back(alice, bob, vera):
    with pytest.raises(Taken):
        accept(vera, bob)
    leave(alice)
    accept(vera, bob)

    assert fresh(vera).assigned_to_id == bob.user_id
    assert transitions(vera)[-1] == ("active", "active", "transferred")
    assert last_line(vera).body == "Bob took over the chat from Alice"
    assert last_line(vera).event == {"reason": "accepted", "agent_name": "Bob"}


@pytest.mark.parametrize("how", ["deactivated", "tenant taken away"])
def test_an_agent_who_may_not_see_it_any_more_is_not_there(tenant, alice, bob, vera, how):
    if how == "deactivated":
        type(alice.user).objects.filter(pk=alice.user_id).update(is_active=False)
    else:
        alice.tenants.remove(tenant)
    assert accept(vera, bob).assigned_to_id == bob.user_id


def test_an_absent_colleagues_chat_is_transferred_and_ended_by_anybody(tenant, alice, bob, vera):
    other = make_session(tenant, says="Hello", agent=alice)
    for verb in (lambda: transfer(vera, bob), lambda: end(other, bob)):
        with pytest.raises(Taken):
            verb()
    leave(alice)
    transfer(vera, bob)
    end(other, bob)

    assert fresh(vera).status == Status.QUEUED
    assert last_line(vera).event == {"reason": "agent_gone", "agent_name": "Alice"}
    assert (fresh(other).status, fresh(other).ended_by) == (Status.ENDED, "agent")


# --- supervisors --------------------------------------------------------------------------------------------------


def test_a_supervisor_gives_a_waiting_chat_to_who_is_there(tenant, alice, carol):
    session = make_session(tenant, says="Hello")
    give(session, carol, alice)

    assert fresh(session).assigned_to_id == alice.user_id
    event = SessionEvent.objects.filter(session=session.session).last()
    assert (event.reason, event.actor_id) == ("assigned", carol.user_id)
    assert last_line(session).body == "Alice joined the chat"
    assert last_line(session).event == {"reason": "accepted", "agent_name": "Alice"}


def test_a_supervisor_disposes_of_chats_that_colleagues_have(tenant, alice, bob, carol, vera):
    give(vera, carol, bob)
    assert last_line(vera).body == "Carol transferred the chat to Bob"
    transfer(vera, carol, alice, note="Please")
    assert fresh(vera).assigned_to_id == alice.user_id
    with pytest.raises(Taken):
        accept(vera, carol)  # being slower is no decision to take it away
    give(vera, carol, carol)
    assert fresh(vera).assigned_to_id == carol.user_id
    transfer(vera, carol)
    accept(vera, bob)
    end(vera, carol)
    assert fresh(vera).status == Status.ENDED


def test_a_supervisor_gives_it_to_nobody_who_is_not_there(bob, carol, vera):
    leave(bob)
    with pytest.raises(Invalid) as refusal:
        give(vera, carol, bob)
    assert list(refusal.value.details["fields"]) == ["agent_id"]


def test_who_has_it_already_keeps_it(alice, carol, vera):
    give(vera, carol, alice)
    assert len(transitions(vera)) == 1


def test_only_supervisors_give_chats_to_others(alice, bob, vera):
    with pytest.raises(NotAllowed):
        give(vera, alice, bob)
    assert fresh(vera).assigned_to_id == alice.user_id


def test_AT04_a_supervisor_of_another_tenant_is_nobody_here(alice, bob, charlie, vera):
    charlie.user.user_permissions.add(Permission.objects.get(codename="supervise"))
    for verb in (
        lambda: give(vera, charlie, bob),
        lambda: transfer(vera, charlie, bob),
        lambda: accept(vera, charlie),
        lambda: end(vera, charlie),
    ):
        with pytest.raises(SessionNotFound):
            verb()
    assert len(transitions(vera)) == 1


# --- at once ------------------------------------------------------------------------------------------------------

ROUNDS = 60


@pytest.fixture
def race(transactional_db):
    with racers(7) as race:
        yield race


@pytest.fixture
def office(transactional_db):
    """Its agents by name: alice, bob, dave, and carol, who supervises."""
    tenant = make_tenant()
    agents = {name: make_agent(name, [tenant]) for name in ("alice", "bob", "dave", "carol")}
    agents["carol"].user.user_permissions.add(Permission.objects.get(codename="supervise"))
    return tenant, agents


@pytest.mark.django_db(transaction=True)
def test_SM08_of_two_transfers_at_once_one_happens_and_the_other_hears_of_it(office, race):
    tenant, people = office
    alice, bob, dave = people["alice"], people["bob"], people["dave"]
    for _ in range(ROUNDS):
        session = make_session(tenant, says="Hello", agent=alice)
        outcomes = race(
            lambda session=session: transfer(session, alice, bob, note="Yours"),
            lambda session=session: transfer(session, alice, dave, note="Yours"),
        )
        winner = fresh(session).assigned_to
        assert winner in (bob.user, dave.user)
        [refusal] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert isinstance(refusal, Taken)
        assert refusal.details["agent_name"] == winner.first_name
        assert transitions(session) == [("queued", "active", "accepted"), ("active", "active", "transferred")]
        assert Note.objects.filter(session=session.session).count() == 1


@pytest.mark.django_db(transaction=True)
def test_SM08_whatever_happens_at_once_to_a_chat_has_an_order_and_clear_answers(office, race):
    tenant, people = office
    alice, bob, dave, carol = people.values()
    for number in range(ROUNDS):
        session = make_session(tenant, says="Hello", agent=alice)
        other = make_session(tenant, says="Me, too", agent=bob)
        if number % 2:
            age(session, minutes=6)
            age(other, minutes=6)
        outcomes = race(
            lambda session=session: transfer(session, alice, bob),
            lambda session=session: transfer(session, carol, note="Anybody?"),
            lambda session=session: accept(session, dave),
            lambda session=session: end(session, alice),
            lambda other=other: transfer(other, bob, alice),
            services.sweep,
            lambda session=session: post(session, "One more", id=uuid4()),
        )
        for outcome in outcomes:
            assert not isinstance(outcome, Exception) or isinstance(outcome, Taken | SessionOver | Invalid), outcome
        for started in (session, other):
            moves = transitions(started)
            # Each begins where the one before ended.
            assert [move[0] for move in moves] == ["queued", *(move[1] for move in moves[:-1])]
            row = fresh(started)
            assert moves[-1][1] == row.status
            lines = list(Message.objects.filter(session=row))
            assert [line.seq for line in lines] == list(range(1, row.last_seq + 1))
            assert sum(line.message_type == "system" for line in lines) == len(moves)
        if number % 2 == 0:
            assert fresh(session).status != Status.ABANDONED


@pytest.mark.parametrize("sqlstate", ["40P01", "40001"])
def test_SM08_whom_the_database_chooses_as_a_victim_tries_again(office, monkeypatch, sqlstate):
    tenant, people = office
    session = make_session(tenant, says="Hello", agent=people["alice"])
    lock, victims = rows.lock, []

    def fail_once(*args, **kwargs):
        locked = lock(*args, **kwargs)
        if not victims:
            victims.append(sqlstate)
            with connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'you' USING ERRCODE = '{sqlstate}'; END $$")
        return locked

    monkeypatch.setattr(rows, "lock", fail_once)
    transfer(session, people["alice"], people["bob"], note="Yours")
    assert victims
    assert transitions(session) == [("queued", "active", "accepted"), ("active", "active", "transferred")]
    assert Note.objects.filter(session=session.session).count() == 1


@pytest.mark.django_db(transaction=True)
def test_SM04_of_two_who_take_over_at_once_one_has_it(office, race):
    tenant, people = office
    for _ in range(ROUNDS):
        session = make_session(tenant, says="Hello", agent=people["alice"])
        leave(people["alice"])
        outcomes = race(
            lambda session=session: accept(session, people["bob"]),
            lambda session=session: accept(session, people["dave"]),
        )
        Agent.objects.update(last_seen_at=Now())
        [refusal] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert refusal.details == {"agent_name": fresh(session).assigned_to.first_name}
        assert len(transitions(session)) == 2


def test_the_line_of_a_transfer_is_the_newest_of_the_summary(alice, bob, vera):
    transfer(vera, alice, bob)
    [summary] = selectors.summaries([fresh(vera)])
    assert summary["last_message"]["body"] == "Alice transferred the chat to Bob"
    assert summary["agent_name"] == "Bob"


def test_a_visitor_ends_whoever_has_it(alice, bob, vera):
    transfer(vera, alice, bob)
    assert services.end_session(vera.session.session_id, VISITOR).status == Status.ENDED


# --- over HTTP ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(client, vera):
    """``ask(agent, "transfer", {…})``: (status, the summary or the error)."""

    def ask(agent, call, data):
        client.login(username=agent.user.username, password=PASSWORD)
        url = f"/api/v1/chat/sessions/{vera.session.session_id}/{call}"
        response = client.post(url, json.dumps(data), content_type="application/json")
        return response.status_code, response.json().get("data") or response.json()["error"]

    return ask


def test_an_agent_transfers_over_http(alice, bob, ask, vera):
    status, summary = ask(alice, "transfer", {"to_agent_id": bob.user_id, "note": " Yours \n"})
    assert (status, summary["agent_name"], summary["status"]) == (200, "Bob", "active")
    assert Note.objects.get().body == "Yours"

    status, error = ask(alice, "transfer", {"to_agent_id": bob.user_id, "note": "Yours"})
    assert (status, error["code"], error["agent_name"]) == (409, "taken", "Bob")

    status, summary = ask(bob, "transfer", {"to_queue": True, "note": " "})
    assert (status, summary["agent_name"], summary["status"]) == (200, None, "queued")
    status, error = ask(bob, "transfer", {"to_queue": True})
    assert (status, error["code"]) == (400, "invalid")
    assert Note.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "to_agent_id"),
        ({"to_queue": False}, "to_agent_id"),
        ({"to_agent_id": None}, "to_agent_id"),
        ({"to_agent_id": 1, "to_queue": True}, "to_agent_id"),
        ({"to_agent_id": "1"}, "to_agent_id"),
        ({"to_agent_id": True}, "to_agent_id"),
        ({"to_agent_id": 0}, "to_agent_id"),
        ({"to_agent_id": 2**63}, "to_agent_id"),
        ({"to_queue": "true"}, "to_queue"),
        ({"to_queue": 1}, "to_queue"),
        ({"to_queue": True, "note": 5}, "note"),
        ({"to_queue": True, "note": "x" * 4001}, "note"),
        ({"to_queue": True, "note": "a\x00b"}, "note"),
    ],
)
def test_PR07_a_transfer_that_says_nothing_clear_is_refused(alice, ask, vera, data, field):
    status, error = ask(alice, "transfer", data)
    assert (status, list(error["fields"])) == (400, [field])
    assert fresh(vera).assigned_to_id == alice.user_id


def test_a_supervisor_assigns_over_http_and_others_are_told_that_they_may_not(alice, bob, carol, ask, vera):
    status, error = ask(bob, "assign", {"agent_id": alice.user_id})
    assert (status, error["code"]) == (403, "invalid")
    status, error = ask(bob, "assign", {"agent_id": bob.user_id})  # that is me
    assert (status, error["code"], error["agent_name"]) == (409, "taken", "Alice")
    status, summary = ask(carol, "assign", {"agent_id": bob.user_id})
    assert (status, summary["agent_name"]) == (200, "Bob")
    status, error = ask(carol, "assign", {"agent_id": 2**62})
    assert (status, list(error["fields"])) == (400, ["agent_id"])
    status, error = ask(carol, "assign", {})
    assert (status, error["code"], error["agent_name"]) == (409, "taken", "Bob")
    status, summary = ask(carol, "assign", {"agent_id": carol.user_id})
    assert (status, summary["agent_name"]) == (200, "Carol")
    status, summary = ask(carol, "end", {})
    assert (status, summary["status"]) == (200, "ended")


def test_a_right_taken_away_is_gone_with_the_next_call(alice, bob, carol, ask):
    carol.user.user_permissions.clear()
    assert ask(carol, "assign", {"agent_id": bob.user_id})[0] == 403
    assert ask(carol, "assign", {})[0] == 409
    assert ask(carol, "end", {})[0] == 409
