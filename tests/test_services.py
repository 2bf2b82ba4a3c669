"""The verbs, on the real database."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from agents_app import tasks
from agents_app.models import Agent
from sessions_app import services
from sessions_app.errors import Conflict, Invalid, SessionNotFound, SessionOver, Taken
from sessions_app.models import TRANSITIONS, ChatSession, Message, Party, Reason, SessionEvent, Status
from sessions_app.services import VISITOR, Actor
from sessions_app.work import Work
from tests.factories import actor, age, bodies, fresh, make_session, make_tenant, post, say, transitions

pytestmark = pytest.mark.django_db


def end_as_agent(session, agent):
    return services.end_session(session.session.session_id, actor(agent))


# --- starting -----------------------------------------------------------------------------------------------------


def test_opening_a_chat_makes_no_work_for_anybody(tenant):
    started = make_session(tenant)

    assert started.session.status == Status.QUEUED
    assert started.session.waiting_since is None
    assert not ChatSession.objects.waiting().exists()


def test_a_session_waits_from_its_first_message_on(tenant):
    session = make_session(tenant, says="Hello")
    since = session.session.waiting_since
    say(session, "Anybody there?")

    assert since is not None
    assert fresh(session).waiting_since == since


def test_the_key_is_stored_only_as_a_hash(tenant):
    started = make_session(tenant, start_id=uuid4())

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text FROM sessions_app_chatsession s")
        [[row]] = cursor.fetchall()
    assert started.session_key not in row
    assert len(started.session_key) >= 43  # 256 bits


def test_a_repeated_start_is_one_session_with_one_key(tenant):
    start_id = uuid4()
    first = make_session(tenant, start_id=start_id)
    again = make_session(tenant, start_id=start_id, customer_name="Somebody else")

    assert (again.session.pk, again.session_key) == (first.session.pk, first.session_key)
    assert again.session.customer_name == "Vera"
    assert ChatSession.objects.count() == 1


def test_the_same_start_id_at_another_tenant_is_another_session_with_another_key(tenant):
    start_id = uuid4()
    first = make_session(tenant, start_id=start_id)
    other = make_session(make_tenant("other"), start_id=start_id)

    assert other.session.pk != first.session.pk
    assert other.session_key != first.session_key


def test_a_start_repeated_after_the_end_is_told_so(tenant):
    start_id = uuid4()
    started = make_session(tenant, start_id=start_id)
    services.end_session(started.session.session_id, VISITOR)

    with pytest.raises(SessionOver) as refusal:
        make_session(tenant, start_id=start_id)
    assert refusal.value.details == {"status": "ended", "reason": "visitor"}


# --- messages -----------------------------------------------------------------------------------------------------


def test_messages_are_numbered_from_one_without_holes(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    say(session, "Hi Vera", agent=alice)
    say(session, "My parcel is late")

    lines = Message.objects.filter(session=session.session).values_list("seq", "sender_type", "body")
    assert list(lines) == [
        (1, "visitor", "Hello"),
        (2, "system", "Alice joined the chat"),
        (3, "agent", "Hi Vera"),
        (4, "visitor", "My parcel is late"),
    ]
    assert fresh(session).last_seq == 4


def test_PR17_a_repeat_gets_the_original_and_another_body_a_conflict(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    id = uuid4()
    first = post(session, "My parcel is late", id=id)

    again = post(session, "My parcel is late", id=id)
    assert (again.message, again.is_new) == (first.message, False)
    assert isinstance(post(session, "Something else", id=id), Conflict)
    assert isinstance(post(session, "My parcel is late", id=id, sender=actor(alice)), Conflict)
    assert bodies(session) == ["Hello", "My parcel is late"]


def test_a_repeat_is_acknowledged_even_after_the_end(tenant):
    session = make_session(tenant)
    id = uuid4()
    first = post(session, "Bye", id=id)
    services.end_session(session.session.session_id, VISITOR)

    assert post(session, "Bye", id=id).message == first.message
    assert isinstance(post(session, "One more"), SessionOver)


def test_one_batch_gives_each_message_its_own_outcome(tenant, alice):
    open_one, ended, mine = make_session(tenant), make_session(tenant), make_session(tenant, agent=alice)
    services.end_session(ended.session.session_id, VISITOR)
    id = uuid4()
    posts = [
        services.Post(open_one.session.session_id, id, "one", VISITOR),
        services.Post(ended.session.session_id, uuid4(), "two", VISITOR),
        services.Post(uuid4(), uuid4(), "three", VISITOR),
        services.Post(open_one.session.session_id, id, "one", VISITOR),
        services.Post(open_one.session.session_id, id, "changed", VISITOR),
        services.Post(mine.session.session_id, uuid4(), "four", actor(alice)),
        services.Post(open_one.session.session_id, uuid4(), "five", actor(alice)),
    ]

    stored, over, unknown, repeat, conflict, answer, not_accepted = services.post_messages(posts)

    assert stored.is_new
    assert not repeat.is_new
    assert repeat.message == stored.message
    assert [type(outcome) for outcome in (over, unknown, conflict, not_accepted)] == [
        SessionOver,
        SessionNotFound,
        Conflict,
        Invalid,
    ]
    assert answer.message["seq"] == 2
    assert bodies(open_one) == ["one"]


def test_an_agent_answers_only_in_chats_that_the_agent_has(tenant, alice, bob, charlie):
    session = make_session(tenant, says="Hello", agent=alice)

    assert isinstance(post(session, "Me too", sender=actor(bob)), Taken)
    assert isinstance(post(session, "And me", sender=actor(charlie)), SessionNotFound)
    assert bodies(session) == ["Hello"]


def test_an_answer_clears_the_wait_and_the_next_message_starts_it_again(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    say(session, "Hi", agent=alice)
    assert fresh(session).waiting_since is None

    say(session, "A question")
    assert fresh(session).waiting_since is not None


# --- transitions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", Status)
@pytest.mark.parametrize("target", Status)
def test_only_the_transitions_of_the_table_happen(tenant, alice, origin, target):
    session = make_session(tenant, says="Hello", agent=alice if origin == Status.ACTIVE else None)
    if origin == Status.ENDED:
        services.end_session(session.session.session_id, VISITOR)
    if origin == Status.ABANDONED:
        age(session, minutes=31)
        services.sweep()
    row = fresh(session)
    work = Work()
    row = work.lock(row.session_id)
    if target in TRANSITIONS[origin]:
        row.assigned_to_id = alice.user_id if target == Status.ACTIVE else None
        reason = {"ended": "visitor", "abandoned": "idle"}.get(target, "accepted")
        stage = {"stage": "missed"} if target == Status.ABANDONED else {}
        work.move(row, target, Reason(reason), VISITOR, "moved", **stage)
        work.save()
        assert fresh(session).status == target
        assert transitions(session)[-1][:2] == (origin, target)
    else:
        with pytest.raises(AssertionError, match="no transition"):
            work.move(row, target, Reason.ACCEPTED, VISITOR, "moved")


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "active", "assigned_to": None},
        {"status": "ended"},
        {"status": "abandoned", "closed_reason": "idle"},
        {"closed_reason": "visitor"},
        {"status": "something"},
    ],
)
def test_the_database_itself_refuses_a_session_in_no_state(tenant, broken):
    session = make_session(tenant)

    with pytest.raises(IntegrityError), transaction.atomic():
        ChatSession.objects.filter(pk=session.session.pk).update(**broken)


def test_accepting_is_told_to_the_transcript_and_to_the_audit(tenant, alice):
    session = make_session(tenant, says="Hello")
    services.accept_session(session.session.session_id, actor(alice))

    event = SessionEvent.objects.get(session=session.session, to_status="active")
    assert (event.reason, event.actor_type, event.actor_id) == ("accepted", "agent", alice.user_id)
    assert fresh(session).assigned_to_id == alice.user_id


def test_whoever_accepts_second_hears_the_winners_name(tenant, alice, bob):
    session = make_session(tenant, says="Hello", agent=alice)

    with pytest.raises(Taken) as refusal:
        services.accept_session(session.session.session_id, actor(bob))
    assert refusal.value.details == {"agent_name": "Alice"}
    services.accept_session(session.session.session_id, actor(alice))  # again: fine, and nothing happens
    assert transitions(session) == [("queued", "active", "accepted")]


def test_AT04_another_tenants_session_is_unknown(tenant, charlie):
    session = make_session(tenant, says="Hello")

    for verb in (services.accept_session, services.end_session):
        with pytest.raises(SessionNotFound):
            verb(session.session.session_id, actor(charlie))
    assert transitions(session) == []


def test_ending_twice_is_one_ending(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)

    for actor_ in (VISITOR, actor(alice), Actor(Party.ADMIN, "Root", alice.user_id)):
        assert services.end_session(session.session.session_id, actor_).status == Status.ENDED
    assert transitions(session) == [("queued", "active", "accepted"), ("active", "ended", "visitor")]
    assert fresh(session).last_seq == 3


def test_an_agent_does_not_end_a_colleagues_chat(tenant, alice, bob):
    session = make_session(tenant, says="Hello", agent=alice)

    with pytest.raises(Taken):
        end_as_agent(session, bob)
    assert fresh(session).status == Status.ACTIVE


# --- an agent who is gone ------------------------------------------------------------------------------------------


def leave(agent, **ago):
    Agent.objects.filter(pk=agent.pk).update(last_seen_at=Now() - timedelta(**ago))


@pytest.mark.parametrize(("seconds", "is_returned"), [(119, False), (120, True)])
def test_a_chat_that_waits_for_an_agent_who_is_gone_returns_to_its_old_place(tenant, alice, seconds, is_returned):
    session = make_session(tenant, says="Hello", agent=alice)
    since = session.session.waiting_since
    say(make_session(tenant), "I came later")
    leave(alice, seconds=seconds)
    tasks.release_chats_of_absent_agents()

    row = fresh(session)
    if is_returned:
        assert (row.status, row.assigned_to, row.waiting_since) == (Status.QUEUED, None, since)
        assert ChatSession.objects.waiting().first() == row
        assert transitions(session)[-1] == ("active", "queued", "agent_gone")
        assert row.messages.last().body == "Alice left the chat"
    else:
        assert row.status == Status.ACTIVE


def test_a_chat_that_was_answered_stays_with_its_agent(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    say(session, "Hi", agent=alice)
    leave(alice, hours=1)
    tasks.release_chats_of_absent_agents()
    assert fresh(session).assigned_to_id == alice.user_id

    say(session, "And now?")
    tasks.release_chats_of_absent_agents()
    assert fresh(session).status == Status.QUEUED


def test_an_answer_at_the_last_moment_keeps_the_chat(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    say(session, "Hi", agent=alice)

    assert not services.return_to_queue(session.session.session_id, agent_id=alice.user_id)
    assert fresh(session).status == Status.ACTIVE


def test_reading_never_goes_backwards_nor_beyond_what_there_is(tenant):
    session = make_session(tenant, says="Hello")
    id = session.session.session_id

    for seq, expected in ((0, 0), (99, 1), (1, 1)):
        services.mark_read(id, Party.VISITOR, seq)
        assert fresh(session).visitor_read_seq == expected
    assert fresh(session).agent_read_seq == 0
