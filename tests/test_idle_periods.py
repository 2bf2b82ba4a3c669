"""When nothing happened in a chat: recorded by whatever ends it, for the simulator alone."""

import pytest
from django.db import connection

from sessions_app import presence, selectors, services
from sessions_app.models import ChatSession, IdlePeriod
from sessions_app.services import VISITOR
from tests.factories import actor, age, fresh, make_session, post, say
from tests.test_abandonment import updates

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(tenant, alice):
    return make_session(tenant, says="Hello", agent=alice)


def periods(session) -> list[tuple]:
    return list(IdlePeriod.objects.filter(session=session.session).values_list("began_at", "ended_at"))


def unused(session, seconds=150):
    age(session, only=("last_activity_at",), seconds=seconds)


def beat(session, *, is_active):
    presence.stamp({session.session.session_id: (True, is_active)})


def abandoned_and_reopened(session):
    age(session, only=("last_seen_at",), minutes=5)
    services.sweep()
    services.restore_session(session.session.session_id, is_page_load=False)


ENDINGS = {
    "the visitor's message": lambda vera, alice: say(vera, "Still there?"),
    "the agent's message": lambda vera, alice: say(vera, "Yes", agent=alice),
    "use of the page": lambda vera, alice: beat(vera, is_active=True),
    "a page load": lambda vera, alice: services.restore_session(vera.session.session_id, is_page_load=True),
    "another page": lambda vera, alice: services.record_page(
        vera.session.session_id, url="https://a.example", title=""
    ),
    "the return to the queue": lambda vera, alice: services.transfer_session(vera.session.session_id, actor(alice)),
    "a reopening": lambda vera, alice: abandoned_and_reopened(vera),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_ends_an_idle_period_records_it(vera, alice, ending):
    unused(vera)
    began_at = fresh(vera).last_activity_at
    ENDINGS[ending](vera, alice)
    assert periods(vera) == [(began_at, fresh(vera).last_activity_at)]
    beat(vera, is_active=True)
    assert len(periods(vera)) == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_policy_could_act_on_a_shorter_one(vera, alice, ending):
    unused(vera, seconds=145)
    ENDINGS[ending](vera, alice)
    assert periods(vera) == []


def test_a_heartbeat_without_use_a_reconnect_and_an_agents_doings_end_none(vera, alice):
    unused(vera)
    beat(vera, is_active=False)
    services.restore_session(vera.session.session_id, is_page_load=False)
    services.hold_session(vera.session.session_id, actor(alice), minutes=5)
    assert periods(vera) == []
    beat(vera, is_active=True)
    assert len(periods(vera)) == 1


def test_the_end_of_a_chat_is_none(vera):
    """It is known by the chat itself."""
    unused(vera)
    services.end_session(vera.session.session_id, VISITOR)
    assert periods(vera) == []


def test_it_is_recorded_by_the_one_statement_of_the_heartbeats_and_they_stay_hot(tenant, django_assert_num_queries):
    sessions = [make_session(tenant, says="Hello") for _ in range(3)]
    for session in sessions[:2]:
        unused(session)
    all_before, hot_before = updates()
    with django_assert_num_queries(1):
        presence.stamp({session.session.session_id: (True, True) for session in sessions})
    all_after, hot_after = updates()
    assert (all_after - all_before, hot_after - hot_before) == (3, 3)
    assert [len(periods(session)) for session in sessions] == [1, 1, 0]


def test_neither_agents_nor_visitors_see_them(vera, alice):
    unused(vera)
    say(vera, "Still there?")
    assert len(periods(vera)) == 1
    assert selectors.trail(fresh(vera)) == []


def test_a_chat_that_a_release_before_this_one_begins_has_not_all_of_them(vera):
    """Its INSERT does not name the column."""
    own = {"id", "session_id", "conversation_id", "start_id_hash", "has_idle_periods"}
    columns = ", ".join(field.column for field in ChatSession._meta.concrete_fields if field.column not in own)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {ChatSession._meta.db_table} (session_id, conversation_id, {columns})"
            f" SELECT gen_random_uuid(), 'AAAA-AAAA', {columns} FROM {ChatSession._meta.db_table}"
        )
    assert fresh(vera).has_idle_periods
    assert not ChatSession.objects.get(conversation_id="AAAA-AAAA").has_idle_periods


def test_a_refused_message_records_nothing(vera):
    unused(vera, seconds=200)
    services.end_session(vera.session.session_id, VISITOR)
    post(vera, "Too late")
    assert periods(vera) == []
