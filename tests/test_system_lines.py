"""System messages say what happened twice: in English, and as an `event` that a client puts into its own language."""

import pytest

from sessions_app import selectors, services
from sessions_app.models import Party
from sessions_app.work import Actor
from tests.factories import actor, age, fresh, make_agent, make_session, make_tenant, say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def alice(tenant):
    return make_agent("alice", tenants=[tenant])


def lines(session) -> list[tuple[str, object]]:
    messages = selectors.transcript(fresh(session), limit=100)["messages"]
    return [(message["body"], message.get("event")) for message in messages]


def test_a_text_of_either_side_has_no_event(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    say(session, "Hi Vera", agent=alice)
    messages = selectors.transcript(fresh(session), limit=100)["messages"]
    assert [message["message_type"] for message in messages if "event" in message] == ["system"]


def test_who_comes_and_who_goes_is_told_with_the_agents_name(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    type(alice).objects.update(last_seen_at=None)
    services.return_to_queue(session.session.session_id, agent_id=alice.user_id)
    assert lines(session)[1:] == [
        ("Alice joined the chat", {"reason": "accepted", "agent_name": "Alice"}),
        ("Alice left the chat", {"reason": "agent_gone", "agent_name": "Alice"}),
    ]


def test_an_end_tells_who_ended_it_and_no_administrators_name(tenant, alice):
    ends = {
        Actor(Party.VISITOR): {"reason": "visitor"},
        actor(alice): {"reason": "agent", "agent_name": "Alice"},
        Actor(Party.ADMIN, "root"): {"reason": "admin"},
    }
    for who, event in ends.items():
        session = make_session(tenant, says="Hello", agent=alice)
        services.end_session(session.session.session_id, who)
        assert lines(session)[-1][1] == event


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (150, "2 minutes and 30 seconds"),
        (181, "3 minutes and 1 second"),
        (1200, "20 minutes"),
        (5400, "90 minutes"),
    ],
)
def test_how_long_nobody_wrote_is_said_to_the_second(seconds, words):
    tenant = make_tenant(session_expiry_seconds=seconds, disconnect_timeout_seconds=150)
    session = make_session(tenant, says="Hello")
    age(session, only=("last_activity_at",), seconds=seconds)
    services.sweep()
    assert lines(session)[-1][0] == f"The chat was closed: nobody wrote for {words}"


def test_an_abandonment_and_the_return_tell_why(tenant):
    idle = make_session(tenant, says="Hello")
    gone = make_session(tenant, says="Hello")
    age(idle, only=("last_activity_at",), minutes=31)
    age(gone, only=("last_seen_at",), minutes=6)
    services.sweep()
    gone_for = "The chat was abandoned: the visitor had been gone for 6 minutes"
    assert lines(idle)[-1] == ("The chat was closed: nobody wrote for 30 minutes", {"reason": "idle"})
    assert lines(gone)[-1] == (gone_for, {"reason": "disconnected"})
    services.restore_session(gone.session.session_id, is_page_load=True)
    assert lines(gone)[-1][1] == {"reason": "reopened"}
