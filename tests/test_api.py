"""The visitors' HTTP API: the contract of docs/protocol.md, and what it refuses."""

import json
import time
from collections import Counter
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from sessions_app import selectors, services, throttles, tokens
from sessions_app.models import ChatSession, Message, TrailEntry
from sessions_app.services import VISITOR
from tests.factories import age, bodies, fresh, make_agent, make_session, make_tenant, say

pytestmark = pytest.mark.django_db

PUBLIC = "/api/v1/chat/public"
SHOP = "https://shop.example"
WORDS = ("title", "subtitle", "welcome_message")
CLOCKS = (
    *("created_at", "updated_at", "last_activity_at", "last_seen_at", "waiting_since", "first_visitor_message_at"),
    *("left_at", "held_until", "closed_at"),
)


@pytest.fixture
def session(tenant):
    return make_session(tenant, says="Hello")


class Api:
    """The calls of a browser on ``origin``."""

    def __init__(self, client: Client, origin: str | None = SHOP) -> None:
        self.client = client
        self.headers = {"Origin": origin} if origin else {}

    def post(self, call, data, key=None, **headers):
        body = data if isinstance(data, (str, bytes)) else json.dumps(data)
        headers = {**self.headers, **({"X-Session-Key": key} if key else {}), **headers}
        return self.client.post(f"{PUBLIC}/{call}", body, content_type="application/json", headers=headers)

    def get(self, call, key=None, query=None, **headers):
        headers = {**self.headers, **({"X-Session-Key": key} if key else {}), **headers}
        return self.client.get(f"{PUBLIC}/{call}", query or {}, headers=headers)


@pytest.fixture
def api(client):
    return Api(client)


def ok(response, status=200):
    answer = response.json()
    assert (response.status_code, answer["success"], set(answer)) == (status, True, {"success", "data"}), answer
    return answer["data"]


def error(response, code, status):
    answer = response.json()
    assert (response.status_code, answer["success"], set(answer)) == (status, False, {"success", "error"}), answer
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    return answer["error"]


# --- start --------------------------------------------------------------------------------------------------------


def test_start_answers_with_all_that_a_client_needs(api, tenant):
    data = ok(
        api.post(
            "start",
            {
                "tenant_id": "demo-tenant",
                "channel": "web_widget",
                "customer_name": "Vera",
                "customer_email": "vera@example.com",
                "metadata": {
                    "page_url": f"{SHOP}/cart",
                    "page_title": "Cart",
                    "locale": "es",
                    "timezone": "Europe/Rome",
                },
            },
        ),
        201,
    )

    assert set(data) == {
        "session_id",
        "session_key",
        "conversation_id",
        "status",
        "created_at",
        "server_time",
        "policy",
    }
    assert data["status"] == "queued"
    assert data["policy"] == {
        "session_expiry_ms": 1_800_000,
        "heartbeat_interval_ms": 30_000,
        "disconnect_timeout_ms": 300_000,
        "expiry_warning_ms": 120_000,
    }
    assert datetime.fromisoformat(data["created_at"]).tzinfo is not None
    row = ChatSession.objects.get(session_id=data["session_id"])
    assert (row.customer_name, row.customer_email, row.page_url, row.page_title) == (
        "Vera",
        "vera@example.com",
        f"{SHOP}/cart",
        "Cart",
    )
    assert row.metadata == {"locale": "es", "timezone": "Europe/Rome"}


def test_only_the_tenant_is_required(api, tenant):
    ok(api.post("start", {"tenant_id": "demo-tenant", "customer_name": None, "metadata": None}), 201)


def test_AT11_what_a_client_makes_up_is_ignored(api, tenant):
    mine = {"session_id": str(uuid4()), "session_key": "mine", "status": "active", "created_at": "2099-01-01"}
    data = ok(api.post("start", {"tenant_id": "demo-tenant", **mine}), 201)

    assert data["session_id"] != mine["session_id"]
    assert data["session_key"] != "mine"
    assert data["status"] == "queued"


def test_AT13_another_visitors_email_opens_nothing_of_hers(api, tenant):
    email = "vera@example.com"
    vera = make_session(tenant, says="My card ends in 4242", customer_email=email)
    hers, session_of = str(vera.session.session_id), "session/{}".format
    start = {"tenant_id": tenant.slug, "customer_name": "Vera", "customer_email": email}
    # Nor does it help to know her session's id.
    for previous in ({}, {"previous": {"session_id": hers, "outcome": "storage"}}):
        mallory = ok(api.post("start", {**start, **previous}), 201)
        key = mallory["session_key"]
        assert mallory["session_id"] != hers
        assert mallory["conversation_id"] != vera.session.conversation_id
        assert ok(api.get(session_of(mallory["session_id"]), key=key))["messages"] == []
        poll = {
            "session_id": mallory["session_id"],
            "after_seq": 0,
            "visitor": {"name": "Vera", "email": email.upper()},
        }
        assert ok(api.post("poll", poll, key=key))["messages"] == []
        for answer in (api.get(session_of(hers), key=key), api.post("poll", {**poll, "session_id": hers}, key=key)):
            error(answer, "session_not_found", 404)
    # In a chat that had begun under another name it is the same.
    services.end_session(vera.session.session_id, VISITOR)
    mallory = ok(api.post("start", {"tenant_id": tenant.slug}), 201)
    poll = {"session_id": mallory["session_id"], "after_seq": 0, "visitor": {"email": email}}
    assert ok(api.post("poll", poll, key=mallory["session_key"]))["messages"] == []


def test_SM06_a_repeated_start_is_one_session(api, tenant):
    request = {"tenant_id": "demo-tenant", "start_id": str(uuid4())}
    first, again = ok(api.post("start", request), 201), ok(api.post("start", request), 201)

    assert (first["session_id"], first["session_key"]) == (again["session_id"], again["session_key"])


def test_why_the_last_session_was_not_restored_is_kept(api, tenant):
    previous = {"session_id": str(uuid4()), "outcome": "expired"}
    data = ok(api.post("start", {"tenant_id": "demo-tenant", "previous": previous}), 201)

    row = ChatSession.objects.get(session_id=data["session_id"])
    assert (str(row.previous_session_id), row.previous_outcome) == (previous["session_id"], "expired")


def test_a_stored_session_that_could_not_be_read_is_told_without_its_id(api, tenant):
    previous = {"session_id": None, "outcome": "storage"}
    data = ok(api.post("start", {"tenant_id": "demo-tenant", "previous": previous}), 201)

    row = ChatSession.objects.get(session_id=data["session_id"])
    assert (row.previous_session_id, row.previous_outcome) == (None, "storage")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant_id", None),
        ("tenant_id", ""),
        ("tenant_id", 5),
        ("tenant_id", ["demo-tenant"]),
        ("tenant_id", "x" * 65),
        ("channel", "fax"),
        ("channel", 1),
        ("customer_name", 5),
        ("customer_name", {"$ne": 1}),
        ("customer_name", "x" * 201),
        ("customer_name", "a\x00b"),
        ("customer_email", "not an address"),
        ("customer_email", 1),
        ("metadata", "text"),
        ("metadata", []),
        ("metadata", {"page_url": 5}),
        ("metadata", {"page_url": "x" * 2001}),
        ("start_id", "1;drop"),
        ("start_id", 5),
        ("previous", {"session_id": "x", "outcome": "expired"}),
        ("previous", {"session_id": str(uuid4()), "outcome": "boredom"}),
    ],
)
def test_PR07_wrong_fields_are_named_and_nothing_is_stored(api, tenant, field, value):
    answer = error(api.post("start", {"tenant_id": "demo-tenant", field: value}), "invalid", 400)

    assert list(answer["fields"]) == [field]
    assert not ChatSession.objects.exists()


def test_unknown_and_switched_off_tenants_are_the_same(api):
    make_tenant("closed", is_active=False)
    answers = [error(api.post("start", {"tenant_id": slug}), "tenant_not_found", 404) for slug in ("closed", "none")]

    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "5",
        "true",
        "null",
        '"x"',
        '{"tenant_id": "demo-tenant"',
        "\ufeff{}",
        '{"tenant_id": NaN}',
        '{"tenant_id": 1e999}',
        '{"tenant_id": ' + "9" * 5000 + "}",
        '{"tenant_id": "\\ud800"}',
        "[" * 3000,
        '{"a": {"b": {"c": {"d": {"e": {}}}}}}',
        b'{"tenant_id": "\xff"}',
    ],
)
def test_PR03_PR04_bodies_that_are_no_json_object_are_refused(api, tenant, body):
    error(api.post("start", body), "invalid", 400)
    assert not ChatSession.objects.exists()


def test_too_large_a_body_is_refused(api, tenant):
    error(api.post("start", {"tenant_id": "demo-tenant", "x": "y" * 70_000}), "too_large", 413)


def test_a_form_is_no_json(client, tenant):
    response = client.post(f"{PUBLIC}/start", {"tenant_id": "demo-tenant"})
    error(response, "invalid", 415)


def test_a_wrong_method_gets_the_envelope_too(api, tenant):
    error(api.get("start"), "invalid", 405)


def test_starts_are_limited_by_address(api, tenant, settings):
    settings.CHAT_START_RATES = ((3, 60), (60, 3600))
    for _ in range(3):
        ok(api.post("start", {"tenant_id": "demo-tenant"}), 201)
    response = api.post("start", {"tenant_id": "demo-tenant"})

    wait = error(response, "rate_limited", 429)["retry_after_ms"]
    assert 50_000 < wait <= 60_000
    assert response["Retry-After"] == str(-(-wait // 1000))
    # TR11: the header does not help, unless a proxy of ours has written it.
    for name in ("X-Forwarded-For", "X_Forwarded_For"):
        error(api.post("start", {"tenant_id": "demo-tenant"}, **{name: "203.0.113.9"}), "rate_limited", 429)
    settings.TRUSTED_PROXIES = 1
    ok(api.post("start", {"tenant_id": "demo-tenant"}, **{"X-Forwarded-For": "203.0.113.9"}), 201)


def guess(api, count, *, session_id=None, **headers) -> Counter[tuple[int, str, str]]:
    """The answers to ``count`` wrong keys, by turns at each door, all for one session or each for an unknown one."""
    doors = (
        lambda id, key: api.get(f"status/{id}", key=key, **headers),
        lambda id, key: api.get(f"session/{id}", key=key, **headers),
        lambda id, key: api.post("end", {"session_id": id}, key=key, **headers),
        lambda id, key: api.post("poll", {"session_id": id, "session_key": key}, **headers),
        lambda id, key: api.get(f"status/{id if session_id is None else 'none'}", **headers),
    )
    answers = Counter()
    for number in range(count):
        response = doors[number % len(doors)](session_id or str(uuid4()), tokens.new_key())
        body = response.json()["error"]
        answers[response.status_code, body["code"], body["message"]] += 1
    return answers


NOT_FOUND = (404, "session_not_found", "There is no such chat session.")
TOO_FAST = (429, "rate_limited", "Too fast. Wait a moment.")


@pytest.mark.parametrize("is_known", [True, False], ids=["keys of one id", "ids"])
def test_AT08_of_thousands_of_guesses_a_hundred_a_minute_are_tried(api, session, is_known):
    id = str(session.session.session_id)
    assert guess(api, 1000, session_id=id if is_known else None) == {NOT_FOUND: 100, TOO_FAST: 900}

    # Whoever is over the limit does not learn of a right key either.
    response = api.get(f"session/{id}", key=session.session_key)
    assert 0 < error(response, "rate_limited", 429)["retry_after_ms"] <= 60_000
    assert 0 < int(response["Retry-After"]) <= 60


def test_AT08_processes_count_together_and_addresses_apart(api, session, settings, monkeypatch):
    settings.CHAT_PROOF_RATES, settings.TRUSTED_PROXIES = ((10, 60),), 1
    here, elsewhere = {"X-Forwarded-For": "198.51.100.4, 203.0.113.7"}, {"X-Forwarded-For": "203.0.113.7, 198.51.100.4"}
    assert guess(api, 10, **here) == {NOT_FOUND: 10}
    monkeypatch.setattr(throttles, "_shut_out", {})  # that of another process
    assert guess(api, 5, **here) == {TOO_FAST: 5}
    ok(api.get(f"session/{session.session.session_id}", key=session.session_key, **elsewhere))
    assert guess(api, 10, **elsewhere) == {NOT_FOUND: 10}


def test_AT08_right_keys_ask_Redis_nothing_and_failures_below_the_limit_cost_them_nothing(api, session, monkeypatch):
    """A whole company behind one address, and in each of its browsers a chat that has been deleted since."""
    asked = []
    take = throttles.take
    monkeypatch.setattr(throttles, "take", lambda name, *args: asked.append(name) or take(name, *args))
    for _ in range(99):
        error(api.get(f"status/{uuid4()}", key="of a deleted chat"), "session_not_found", 404)
        ok(api.get(f"session/{session.session.session_id}", key=session.session_key))
    assert asked == ["proof"] * 99


def test_AT08_a_minute_later_keys_are_tried_again(api, session, settings, redis_client, monkeypatch):
    settings.CHAT_PROOF_RATES = ((2, 60),)
    assert guess(api, 4) == {NOT_FOUND: 2, TOO_FAST: 2}
    assert throttles._shut_out
    redis_client.flushdb()
    now = time.monotonic()
    monkeypatch.setattr(throttles.time, "monotonic", lambda: now + 60)
    ok(api.get(f"session/{session.session.session_id}", key=session.session_key))
    assert guess(api, 3, **{"X-Forwarded-For": "ignored"}) == {NOT_FOUND: 2, TOO_FAST: 1}
    assert len(throttles._shut_out) == 1


def test_AT08_a_Redis_that_fails_limits_no_guess(api, session, monkeypatch):
    monkeypatch.setattr(throttles, "evaluate", lambda *args: None)
    assert guess(api, 200) == {NOT_FOUND: 200}


# --- status -------------------------------------------------------------------------------------------------------


def test_status_tells_a_stranger_five_things(api, session):
    data = ok(api.get(f"status/{session.session.session_id}"))

    assert set(data) == {"session_id", "status", "assigned_to_id", "created_at", "updated_at"}
    assert (data["status"], data["assigned_to_id"]) == ("queued", None)


def test_status_tells_the_key_holder_whether_the_chat_can_be_restored(api, session):
    data = ok(api.get(f"status/{session.session.session_id}", key=session.session_key))

    assert (data["last_seq"], data["restorable"], data["reason"]) == (1, True, None)
    assert data["conversation_id"] == session.session.conversation_id
    left = datetime.fromisoformat(data["expires_at"]) - fresh(session).last_activity_at
    assert left.total_seconds() == 1800


def test_status_of_a_chat_abandoned_in_between(api, session):
    age(session, minutes=10)
    services.sweep()
    data = ok(api.get(f"status/{session.session.session_id}", key=session.session_key))
    assert (data["status"], data["restorable"], data["reason"]) == ("abandoned", True, "disconnected")

    age(session, minutes=20)
    data = ok(api.get(f"status/{session.session.session_id}", key=session.session_key))
    assert (data["status"], data["restorable"], data["expires_at"]) == ("abandoned", False, None)


def test_status_with_the_key_decides_by_time_even_if_no_sweep_ran(api, session):
    age(session, minutes=31)
    ok(api.get(f"status/{session.session.session_id}"))
    assert fresh(session).is_open  # a stranger's look changes nothing

    data = ok(api.get(f"status/{session.session.session_id}", key=session.session_key))
    assert (data["status"], data["restorable"]) == ("abandoned", False)


# --- messages and history -----------------------------------------------------------------------------------------


def test_a_message_is_created_once(api, session):
    request = {
        "session_id": str(session.session.session_id),
        "session_key": session.session_key,
        "client_message_id": str(uuid4()),
        "message": "  My parcel is late  ",
    }
    message = ok(api.post("message", request), 201)

    assert set(message) == {
        "session_id",
        "seq",
        "client_message_id",
        "sender_type",
        "sender_name",
        "message_type",
        "body",
        "created_at",
    }
    assert (message["seq"], message["body"], message["sender_type"], message["sender_name"]) == (
        2,
        "My parcel is late",
        "visitor",
        "Vera",
    )
    assert ok(api.post("message", request), 200) == message
    error(api.post("message", {**request, "message": "Other"}), "conflict", 409)
    assert bodies(session) == ["Hello", "My parcel is late"]


@pytest.mark.parametrize("minutes", [31, -31])
def test_SW07_no_time_that_a_client_sends_reaches_the_servers_clocks(api, tenant, minutes):
    before = selectors.database_now()
    moment = before + timedelta(minutes=minutes)
    wrong = dict.fromkeys(CLOCKS, moment.isoformat()) | dict.fromkeys(("timestamp", "time"), moment.timestamp() * 1000)
    page = {"page_url": f"{SHOP}/cart", "page_title": "Cart"}
    started = ok(api.post("start", {"tenant_id": "demo-tenant", "metadata": page | wrong, **wrong}), 201)
    keys = {name: started[name] for name in ("session_id", "session_key")}
    text = {**keys, "client_message_id": str(uuid4()), "message": "Hello"}
    told = [started["created_at"], ok(api.post("message", text | wrong), 201)["created_at"]]
    hello = {"restored": True, "page": {"url": f"{SHOP}/pay", "title": "Pay"} | wrong} | wrong
    polled = ok(api.post("poll", {**keys, "after_seq": 0, "visible": True, "active": True, "hello": hello, **wrong}))
    told += [polled["server_time"], polled["session"]["updated_at"]]
    row = ChatSession.objects.get(session_id=started["session_id"])
    after = selectors.database_now()

    stamps = [getattr(row, column) for column in CLOCKS if getattr(row, column) is not None]
    stamps += [datetime.fromisoformat(text) for text in told]
    stamps += Message.objects.values_list("created_at", flat=True)
    stamps += TrailEntry.objects.values_list("at", flat=True)
    assert len(stamps) == 6 + 4 + 1 + 2
    assert all(before <= stamp <= after for stamp in stamps)
    # And so a sweep takes it when its time is over, not before and not after.
    assert services.sweep() == {}
    age(row, minutes=5)
    assert services.sweep() == {"disconnected": 1}


def test_PR15_a_visitor_cannot_choose_who_speaks_or_when(api, session):
    message = ok(
        api.post(
            "message",
            {
                "session_id": str(session.session.session_id),
                "client_message_id": str(uuid4()),
                "message": "I am the agent",
                "sender_type": "agent",
                "seq": 99,
                "created_at": "2099-01-01T00:00:00Z",
                "message_type": "system",
            },
            key=session.session_key,
        ),
        201,
    )
    assert (message["sender_type"], message["seq"], message["message_type"]) == ("visitor", 2, "text")
    assert message["created_at"] < "2099"


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("x" * 4000, True),
        ("👩‍👩‍👧‍👦" * 571, True),  # 7 code points each
        ("漢" * 4000, True),
        ("x" * 4001, False),
        ("", False),
        ("  \n\t ", False),
        ("\u200b\u200d\ufeff", False),
        ("a\x00b", False),
    ],
)
def test_PR08_PR09_PR10_text_has_one_to_4000_code_points(api, session, text, is_fine):
    request = {
        "session_id": str(session.session.session_id),
        "client_message_id": str(uuid4()),
        "message": text,
    }
    response = api.post("message", request, key=session.session_key)

    if is_fine:
        assert ok(response, 201)["body"] == text
        assert bodies(session)[-1] == text
    else:
        assert "message" in error(response, "invalid", 400)["fields"]
        assert bodies(session) == ["Hello"]


def test_messages_are_limited_by_session(api, session, settings, tenant):
    settings.CHAT_MESSAGE_RATES = ((2, 10), (60, 60))

    def send(to):
        request = {
            "session_id": str(to.session.session_id),
            "client_message_id": str(uuid4()),
            "message": "Hello?",
        }
        return api.post("message", request, key=to.session_key)

    ok(send(session), 201)
    ok(send(session), 201)
    assert 0 < error(send(session), "rate_limited", 429)["retry_after_ms"] <= 10_000
    ok(send(make_session(tenant)), 201)
    assert len(bodies(session)) == 3


def test_a_message_to_a_closed_chat_is_refused_with_the_reason(api, session):
    services.end_session(session.session.session_id, VISITOR)
    request = {
        "session_id": str(session.session.session_id),
        "client_message_id": str(uuid4()),
        "message": "Hello?",
    }

    answer = error(api.post("message", request, key=session.session_key), "session_over", 410)
    assert (answer["status"], answer["reason"]) == ("ended", "visitor")


def test_history_comes_in_pages(api, session):
    for number in range(2, 8):
        say(session, f"Line {number}")
    call = f"session/{session.session.session_id}"
    data = ok(api.get(call, key=session.session_key, query={"limit": 5}))
    assert [message["seq"] for message in data["messages"]] == [1, 2, 3, 4, 5]
    assert (data["last_seq"], data["has_more"]) == (7, True)
    assert data["session"]["status"] == "queued"
    assert data["session"]["queue_position"] == 1

    data = ok(api.get(call, key=session.session_key, query={"after": 5}))
    assert [message["seq"] for message in data["messages"]] == [6, 7]
    assert not data["has_more"]


@pytest.mark.parametrize("query", [{"after": "-1"}, {"after": str(2**63)}, {"after": "1;drop"}, {"limit": "0"}])
def test_PR18_nonsense_positions_are_refused(api, session, query):
    error(api.get(f"session/{session.session.session_id}", key=session.session_key, query=query), "invalid", 400)


def test_a_closed_chat_can_still_be_read_by_its_visitor(api, session):
    services.end_session(session.session.session_id, VISITOR)
    data = ok(api.get(f"session/{session.session.session_id}", key=session.session_key))

    assert [message["body"] for message in data["messages"]] == ["Hello", "The visitor ended the chat"]
    assert (data["session"]["status"], data["session"]["ended_by"]) == ("ended", "visitor")


# --- end ----------------------------------------------------------------------------------------------------------


def test_ending_twice_gets_the_same_answer(api, session):
    request = {"session_id": str(session.session.session_id), "session_key": session.session_key}
    answers = [ok(api.post("end", request)) for _ in range(2)]

    assert answers[0] == answers[1] == {"message": "Chat session ended successfully", "status": "ended"}
    assert fresh(session).closed_reason == "visitor"


# --- who may ------------------------------------------------------------------------------------------------------


def test_AT01_without_the_right_key_every_call_is_the_same_404(api, session, tenant):
    other = make_session(make_tenant("other"), says="Secret")
    ended = make_session(tenant)
    services.end_session(ended.session.session_id, VISITOR)
    id = str(session.session.session_id)
    answers = []
    for session_id, key in [
        (id, ""),
        (id, "wrong"),
        (id, other.session_key),
        (id, ended.session_key),
        (str(uuid4()), session.session_key),
        ("not-an-id", session.session_key),
        ("", session.session_key),
    ]:
        post = {"client_message_id": str(uuid4()), "message": "Let me in", "session_id": session_id or "x"}
        answers += [
            error(api.post(call, post, key=key or None), "session_not_found", 404) for call in ("message", "end")
        ]
        if session_id:
            answers.append(error(api.get(f"session/{session_id}", key=key or None), "session_not_found", 404))
            if key:
                answers.append(error(api.get(f"status/{session_id}", key=key), "session_not_found", 404))
    assert all(answer == answers[0] for answer in answers)
    assert bodies(session) == ["Hello"]
    assert fresh(session).is_open


@pytest.mark.parametrize("key", [5, True, None, ["x"], {"$ne": 1}, "", "\ud83d", "x" * 10_000])
def test_a_key_that_is_none_is_a_wrong_key(api, session, key):
    body = {"session_id": str(session.session.session_id), "session_key": key}
    response = api.post("end", body)
    if key == "\ud83d":
        error(response, "invalid", 400)
    else:
        error(response, "session_not_found", 404)
    assert fresh(session).is_open


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",
        "null",
        None,
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://sub.shop.example",
    ],
)
def test_AT02_only_named_websites_may_use_a_tenant_that_names_them(client, origin):
    tenant = make_tenant(allowed_origins=[SHOP])
    session = make_session(tenant)
    api = Api(client, origin)
    request = {"session_id": str(session.session.session_id), "session_key": session.session_key}
    message = {**request, "client_message_id": str(uuid4()), "message": "Hi"}

    for response in (
        api.post("start", {"tenant_id": tenant.slug}),
        api.post("end", request),
        api.post("message", message),
    ):
        error(response, "origin_not_allowed", 403)
        assert "Access-Control-Allow-Origin" not in response
    if origin is not None:  # a GET of the site's own comes without one
        for response in (
            api.get(f"status/{session.session.session_id}"),
            api.get(f"session/{session.session.session_id}", key=session.session_key),
            api.get(f"config/{tenant.slug}"),
        ):
            error(response, "origin_not_allowed", 403)
            assert "Access-Control-Allow-Origin" not in response
    assert fresh(session).is_open


def test_an_allowed_website_gets_its_cors_answer(client):
    make_tenant(allowed_origins=[SHOP])
    response = Api(client).post("start", {"tenant_id": "demo-tenant"})

    ok(response, 201)
    assert response["Access-Control-Allow-Origin"] == SHOP
    assert response["Vary"] == "Origin"
    preflight = client.options(f"{PUBLIC}/start", headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert "X-Session-Key" in preflight["Access-Control-Allow-Headers"]


# --- config -------------------------------------------------------------------------------------------------------


def test_config_is_what_the_tenant_chose_and_whether_somebody_is_there(api, tenant):
    data = ok(api.get("config/demo-tenant"))
    assert set(data) == {
        "tenant_id",
        "title",
        "subtitle",
        "welcome_message",
        "primary_color",
        "position",
        "locale",
        "online",
        "prechat",
        "offline_form",
        "typing_preview",
        "attachments",
        "policy",
    }
    assert data["online"] is False
    assert data["prechat"] == "off"

    make_agent("alice", [tenant])
    assert ok(api.get("config/demo-tenant"))["online"] is True
    error(api.get("config/nobody"), "tenant_not_found", 404)


def test_what_the_tenant_has_not_written_is_left_to_the_widget_in_the_visitors_language(api):
    make_tenant("new")
    make_tenant("own", title="Fern & Co.", subtitle="", welcome_message="Welcome.")
    words = [[ok(api.get(f"config/{slug}"))[name] for name in WORDS] for slug in ("new", "own")]
    assert words == [[None, None, None], ["Fern & Co.", "", "Welcome."]]


def test_errors_of_ours_tell_nothing_of_themselves(api, tenant, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(services, "start_session", fail)
    response = api.post("start", {"tenant_id": "demo-tenant"})

    assert error(response, "unavailable", 503)["retry_after_ms"] > 0
    assert "secret" not in response.content.decode()


def test_AT12_neither_key_nor_text_is_logged(api, tenant, caplog):
    caplog.set_level("DEBUG")
    data = ok(api.post("start", {"tenant_id": "demo-tenant"}), 201)
    canary = "canary-3f9c"
    request = {"session_id": data["session_id"], "client_message_id": str(uuid4()), "message": canary}
    ok(api.post("message", request, key=data["session_key"]), 201)
    error(api.post("message", {**request, "message": canary + "2"}, key=data["session_key"]), "conflict", 409)

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("django.db")]
    assert not [line for line in ours if canary in line or data["session_key"] in line]
    assert Message.objects.filter(body=canary).exists()
    assert connection.vendor == "postgresql"
