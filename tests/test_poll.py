"""POST poll: a chat without a socket, for networks that let none through."""

from uuid import uuid4

import pytest
from django.db import OperationalError

from sessions_app import restorations, services
from sessions_app.models import Restoration, Tenant
from sessions_app.services import VISITOR
from tests.factories import actor, age, fresh, make_session, say, transitions
from tests.test_api import PUBLIC, SHOP, Api, error, ok

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client):
    return Api(client)


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello")


@pytest.fixture
def poll(api, vera):
    def poll(**fields):
        body = {"session_id": str(vera.session.session_id), "session_key": vera.session_key, "after_seq": 0}
        return api.post("poll", {**body, **fields})

    return poll


def bodies_of(data):
    return [message["body"] for message in data["messages"]]


def test_it_answers_as_a_hello_on_the_socket_does(poll, vera, alice):
    services.accept_session(vera.session.session_id, actor(alice))
    say(vera, "Hi Vera", agent=alice)

    data = ok(poll(hello={"restored": False, "page": {"url": f"{SHOP}/cart", "title": "Cart"}}))
    assert bodies_of(data) == ["Hello", "Alice joined the chat", "Hi Vera"]
    assert (data["last_seq"], data["has_more"], data["resume"], data["expiring_at"]) == (3, False, "resumed", None)
    assert (data["session"]["status"], data["session"]["agent_name"]) == ("active", "Alice")
    assert data["policy"]["heartbeat_interval_ms"] == 30_000
    assert data["server_time"]
    session = fresh(vera)
    assert (session.page_url, session.page_title) == (f"{SHOP}/cart", "Cart")


def test_only_what_is_new_comes_and_an_unknown_position_gets_everything(poll, vera):
    assert bodies_of(ok(poll(after_seq=1))) == []
    say(vera, "Anybody?")
    assert bodies_of(ok(poll(after_seq=1))) == ["Anybody?"]
    for unknown in (99, -1, None):
        data = ok(poll(after_seq=unknown))
        assert (data["resume"], bodies_of(data)) == ("resync", ["Hello", "Anybody?"])


def test_a_long_history_comes_in_pages(poll, vera, settings):
    for number in range(120):
        say(vera, f"line {number}")
    data = ok(poll())
    assert (len(data["messages"]), data["has_more"], data["last_seq"]) == (100, True, 121)
    assert len(ok(poll(after_seq=100))["messages"]) == 21


def test_whoever_polls_is_seen_and_whoever_uses_the_page_is_active(poll, vera):
    age(vera, minutes=4)
    before = fresh(vera)
    ok(poll(visible=False))
    seen = fresh(vera)
    assert seen.last_seen_at > before.last_seen_at
    assert seen.last_activity_at == before.last_activity_at
    assert not seen.is_visible
    ok(poll(active=True))
    assert fresh(vera).last_activity_at > before.last_activity_at


def test_an_idle_chat_is_told_when_it_will_be_closed(poll, vera):
    age(vera, minutes=29, only=("last_activity_at",))
    data = ok(poll())
    assert data["expiring_at"] == data["session"]["expires_at"]
    assert ok(poll(active=True))["expiring_at"] is None


def test_a_chat_that_was_given_up_is_had_back_by_a_hello_alone(poll, vera):
    age(vera, minutes=10)
    services.sweep()
    assert ok(poll())["session"]["status"] == "abandoned"
    assert ok(poll(hello={"restored": True}))["session"]["status"] == "queued"
    assert [reason for _, _, reason in transitions(vera)] == ["disconnected", "reopened"]


def test_time_decides_without_a_sweep(poll, vera):
    age(vera, minutes=31)
    for hello in (None, {"restored": True}):
        session = ok(poll(hello=hello))["session"]
        assert (session["status"], session["reason"]) == ("abandoned", "disconnected")


def test_a_chat_that_is_over_says_how(poll, vera):
    services.end_session(vera.session.session_id, VISITOR)
    data = ok(poll(hello={}, visitor={"name": "Other"}, read_seq=1))
    assert (data["session"]["status"], data["session"]["ended_by"]) == ("ended", "visitor")
    assert bodies_of(data)[-1] == "The visitor ended the chat"
    assert fresh(vera).customer_name == "Vera"


def test_an_abandoned_chat_says_it_in_its_tenants_words(poll, vera):
    Tenant.objects.update(abandonment_message="Write to help@shop.example")
    assert "text" not in ok(poll())
    age(vera, minutes=31)
    data = ok(poll())
    assert (data["session"]["status"], data["text"]) == ("abandoned", "Write to help@shop.example")


def test_reading_and_names_are_told_along(poll, vera):
    ok(poll(read_seq=1, visitor={"name": "Vera V.", "email": "vera@shop.example"}))
    session = fresh(vera)
    assert session.visitor_read_seq == 1
    assert (session.customer_name, session.customer_email) == ("Vera V.", "vera@shop.example")
    ok(poll(visitor={"name": None, "email": ""}))
    assert (fresh(vera).customer_name, fresh(vera).customer_email) == ("Vera V.", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("after_seq", "1;drop"),
        ("after_seq", True),
        ("visible", "yes"),
        ("active", 1),
        ("hello", []),
        ("hello", {"restored": "yes"}),
        ("hello", {"page": {"url": "x" * 2001}}),
        ("hello", {"page": {"title": "a\x00b"}}),
        ("read_seq", -1),
        ("read_seq", 2**31),
        ("visitor", {"email": "not an address"}),
    ],
)
def test_PR07_wrong_fields_are_named(poll, field, value):
    assert list(error(poll(**{field: value}), "invalid", 400)["fields"]) == [field]


def test_AT01_unknown_id_and_wrong_key_are_the_same(poll, vera):
    answers = [
        error(poll(**wrong), "session_not_found", 404)
        for wrong in ({"session_id": str(uuid4())}, {"session_key": "x" * 43}, {"session_key": ""})
    ]
    assert answers[0] == answers[1] == answers[2]


def test_another_website_is_refused(client, vera):
    vera.session.tenant.allowed_origins = ["https://other.example"]
    vera.session.tenant.save()
    body = {"session_id": str(vera.session.session_id), "session_key": vera.session_key}
    error(Api(client).post("poll", body), "origin_not_allowed", 403)


def test_polls_are_limited_by_the_session(poll, settings):
    settings.CHAT_POLL_RATES = ((2, 60),)
    ok(poll())
    ok(poll())
    assert error(poll(), "rate_limited", 429)["retry_after_ms"] > 0


def test_older_messages_are_asked_for_by_what_comes_after_them(client, vera):
    for number in range(5):
        say(vera, f"line {number}")
    headers = {"Origin": SHOP, "X-Session-Key": vera.session_key}
    path = f"{PUBLIC}/session/{vera.session.session_id}"
    data = ok(client.get(path, {"before": 4, "limit": 2}, headers=headers))
    assert (bodies_of(data), data["has_more"]) == (["line 0", "line 1"], True)


def test_a_restoration_is_counted_once_a_minute_whatever_a_client_says(poll):
    for _ in range(3):
        ok(poll(hello={"restored": True}))
    assert Restoration.objects.count() == 1


def test_a_report_that_cannot_be_written_costs_no_answer(poll, monkeypatch):
    monkeypatch.setattr(restorations, "store", fail)
    assert bodies_of(ok(poll(hello={"restored": True}))) == ["Hello"]


def fail(noted):
    raise OperationalError
