"""The visitor's socket: the contract of docs/protocol.md, and what it survives."""

import asyncio
import json
import threading
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, OperationalError, transaction

from sessions_app import consumers, events, occupancy, presence, selectors, services
from sessions_app.consumers import VisitorConsumer
from sessions_app.models import ChatSession, Message, Party
from sessions_app.services import VISITOR
from tests.factories import actor, age, bodies, fresh, make_session, make_tenant, say, transitions
from tests.sockets.conftest import in_db, until
from tests.sockets.test_agent import VERBS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello")


# --- hello --------------------------------------------------------------------------------------------------------


async def test_hello_is_answered_with_everything(sockets, vera):
    ready = await sockets.visitor(vera).hello(vera, page={"url": "https://shop.example/cart", "title": "Cart"})

    assert set(ready) == {"session", "messages", "last_seq", "has_more", "resume", "server_time", "policy"}
    assert [message["body"] for message in ready["messages"]] == ["Hello"]
    assert (ready["last_seq"], ready["has_more"], ready["resume"]) == (1, False, "new")
    assert ready["session"]["queue_position"] == 1
    assert (await in_db(fresh, vera)).page_url == "https://shop.example/cart"


@pytest.mark.parametrize("minutes", [31, -31])
async def test_SW07_no_time_that_a_client_sends_reaches_the_servers_clocks(sockets, vera, minutes):
    await in_db(age, vera, minutes=2)
    before = await in_db(selectors.database_now)
    moment = before + timedelta(minutes=minutes)
    clocks = ("created_at", "last_activity_at", "last_seen_at", "updated_at", "left_at", "held_until", "at")
    wrong = dict.fromkeys(clocks, moment.isoformat()) | dict.fromkeys(("timestamp", "time"), moment.timestamp() * 1000)

    async def is_current(*columns):
        row = await in_db(fresh, vera)
        after = await in_db(selectors.database_now)
        assert all(before <= getattr(row, column) <= after for column in columns)
        assert (row.left_at, row.held_until) == (None, None)

    socket = sockets.visitor(vera)
    page = {"url": "https://shop.example/cart", "title": "Cart"}
    ready = await socket.hello(vera, restored=True, page=page | wrong, **wrong)
    assert datetime.fromisoformat(ready["server_time"]) >= before
    await is_current("last_seen_at", "last_activity_at")
    await in_db(age, vera, minutes=2)
    await socket.send("ping", visible=True, active=True, last_seq=1, **wrong)
    assert datetime.fromisoformat((await socket.expect("pong"))["server_time"]) >= before
    await is_current("last_seen_at", "last_activity_at")
    await in_db(age, vera, minutes=2)
    assert datetime.fromisoformat((await socket.say("Hello again", **wrong))["created_at"]) >= before
    await is_current("last_seen_at", "last_activity_at", "updated_at")
    await in_db(age, vera, minutes=2)
    await socket.send("page.view", url="https://shop.example/pay", title="Pay", referrer="", **wrong)
    await until(lambda: fresh(vera).page_title == "Pay")
    await is_current("last_seen_at", "last_activity_at")


@pytest.mark.parametrize(
    ("payload", "resume", "count"),
    [
        ({"after_seq": 0}, "new", 3),
        ({"after_seq": 0, "restored": True}, "resumed", 3),
        ({"after_seq": 2, "restored": True}, "resumed", 1),
        ({"after_seq": 3}, "resumed", 0),
        ({"after_seq": 4}, "resync", 3),
        ({"after_seq": -1}, "resync", 3),
        ({"after_seq": 2**63}, "resync", 3),
        ({"after_seq": None}, "resync", 3),
    ],
)
async def test_PR18_the_answer_says_how_the_clients_position_was_met(sockets, vera, payload, resume, count):
    for line in ("Two", "Three"):
        await in_db(say, vera, line)
    ready = await sockets.visitor(vera).hello(vera, **payload)

    assert (ready["resume"], len(ready["messages"]), ready["last_seq"]) == (resume, count, 3)


async def test_what_is_said_while_the_snapshot_is_read_comes_after_it(sockets, vera, monkeypatch):
    read = VisitorConsumer._open

    def read_and_hear(self, *args):
        ready = read(self, *args)
        say(vera, "Meanwhile")
        return ready

    monkeypatch.setattr(VisitorConsumer, "_open", read_and_hear)
    socket = sockets.visitor(vera)
    ready = await socket.hello(vera)
    assert [message["body"] for message in ready["messages"]] == ["Hello"]
    assert not socket.kept
    assert (await socket.expect("chat.message.new"))["message"]["body"] == "Meanwhile"


async def test_a_long_history_comes_in_pages(sockets, vera):
    for number in range(2, 131):
        await in_db(say, vera, f"Line {number}")
    socket = sockets.visitor(vera)
    ready = await socket.hello(vera, restored=True)
    assert (len(ready["messages"]), ready["has_more"], ready["last_seq"]) == (100, True, 130)

    await socket.send("chat.history", after_seq=100, limit=100)
    rest = await socket.expect("chat.history")
    assert [message["seq"] for message in rest["messages"]] == list(range(101, 131))
    assert not rest["has_more"]

    await socket.send("chat.history", before_seq=11, limit=5)
    earlier = await socket.expect("chat.history")
    assert [message["seq"] for message in earlier["messages"]] == [6, 7, 8, 9, 10]
    assert earlier["has_more"]


async def test_a_disconnected_session_is_reopened_and_says_so(sockets, vera):
    await in_db(age, vera, minutes=10)
    await in_db(services.sweep)
    ready = await sockets.visitor(vera).hello(vera, restored=True)

    assert ready["resume"] == "reopened"
    assert ready["session"]["status"] == "queued"


@pytest.mark.parametrize("how", ["wrong key", "unknown id", "no id", "another session's key"])
async def test_AT01_whoever_does_not_prove_the_key_learns_nothing(sockets, tenant, vera, how):
    other = await in_db(make_session, tenant)
    path = {"unknown id": str(uuid4()), "no id": "1;drop"}.get(how, str(vera.session.session_id))
    key = {"wrong key": "wrong", "another session's key": other.session_key}.get(how, vera.session_key)
    socket = sockets.at(f"/ws/public/{path}")
    assert await socket.connect()
    await socket.send("hello", session_key=key, after_seq=0)

    assert await socket.receive() == (
        "error",
        {"code": "session_not_found", "message": "There is no such chat session."},
    )
    assert await socket.expect_close() == 4401


async def test_AT08_guesses_of_an_address_are_limited_at_hello_and_by_HTTP_together(sockets, vera, settings, client):
    settings.CHAT_PROOF_RATES = ((4, 60),)

    async def guess(path: str, key: str, **options) -> tuple[str, int]:
        socket = sockets.at(f"/ws/public/{path}", **options)
        assert await socket.connect()
        await socket.send("hello", session_key=key, after_seq=0)
        error = await socket.expect("error")
        assert ("retry_after_ms" in error) == (error["code"] == "rate_limited")
        return error["code"], await socket.expect_close()

    here, id = "198.51.100.4", str(vera.session.session_id)
    refused, too_fast = ("session_not_found", 4401), ("rate_limited", 4429)
    assert [await guess(id, "wrong", address=here) for _ in range(2)] == [refused] * 2
    assert await guess(str(uuid4()), "wrong", address=here) == refused
    url = f"/api/v1/chat/public/session/{id}"
    assert (await in_db(client.get, url, REMOTE_ADDR=here)).status_code == 404
    assert await guess(id, "wrong", address=here) == too_fast
    # Nor does the address learn whether a key is right.
    assert await guess(id, vera.session_key, address=here) == too_fast
    assert (await sockets.visitor(vera, address="198.51.100.5").hello(vera))["resume"] == "new"


@pytest.mark.parametrize(
    "origin", ["https://other.example", "null", None, "http://shop.example", "https://shop.example.evil.example"]
)
async def test_AT02_other_websites_are_closed_with_4403(sockets, origin):
    tenant = await in_db(make_tenant, "strict", allowed_origins=["https://shop.example"])
    vera = await in_db(make_session, tenant)
    socket = sockets.visitor(vera, origin=origin)
    assert await socket.connect()
    await socket.send("hello", session_key=vera.session_key, after_seq=0)
    assert (await socket.expect("error"))["code"] == "origin_not_allowed"
    assert await socket.expect_close() == 4403

    allowed = sockets.visitor(vera, origin="https://shop.example")
    assert (await allowed.hello(vera))["resume"] == "new"


async def test_a_switched_off_tenant_is_closed_with_4403(sockets, tenant, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    tenant.is_active = False
    await in_db(tenant.save)
    await socket.send("ping")
    assert await socket.expect_close() == 4403

    again = sockets.visitor(vera)
    assert await again.connect()
    await again.send("hello", session_key=vera.session_key, after_seq=0)
    assert await again.expect_close() == 4403


async def test_a_session_that_is_over_is_closed_with_4410_and_the_reason(sockets, vera):
    await in_db(services.end_session, vera.session.session_id, VISITOR)
    socket = sockets.visitor(vera)
    assert await socket.connect()
    await socket.send("hello", session_key=vera.session_key, after_seq=0)
    refusal = await socket.expect("error")

    assert (refusal["code"], refusal["status"], refusal["reason"]) == ("session_over", "ended", "visitor")
    assert await socket.expect_close() == 4410


async def test_without_hello_the_socket_closes_with_4408(sockets, vera, settings):
    settings.CHAT_HELLO_TIMEOUT_SECONDS = 0.05
    socket = sockets.visitor(vera)
    assert await socket.connect()
    assert await socket.expect_close() == 4408


@pytest.mark.parametrize("failure", [OperationalError, RuntimeError])
async def test_a_hello_that_fails_on_our_side_closes_so_that_the_client_tries_again(
    sockets, vera, monkeypatch, failure
):
    def fail(*args, **kwargs):
        raise failure("secret detail")

    monkeypatch.setattr(services, "restore_session", fail)
    socket = sockets.visitor(vera)
    assert await socket.connect()
    await socket.send("hello", session_key=vera.session_key, after_seq=0)
    refusal = await socket.expect("error")
    assert refusal["code"] == "unavailable"
    assert "secret" not in refusal["message"]
    assert await socket.expect_close() == 1013


async def test_PR16_nothing_works_before_hello_and_identity_never_switches(sockets, tenant, vera):
    other = await in_db(make_session, tenant)
    socket = sockets.visitor(vera)
    assert await socket.connect()
    for name, payload in (
        ("ping", {}),
        ("chat.end", {}),
        ("chat.message.send", {"client_message_id": str(uuid4()), "body": "x"}),
    ):
        await socket.send(name, **payload)
        assert (await socket.expect("error"))["code"] == "invalid"
    await socket.send("hello", session_key=vera.session_key, after_seq=0)
    await socket.expect("chat.session.ready")

    await socket.send("hello", session_key=other.session_key, after_seq=0)
    assert (await socket.expect("error"))["code"] == "invalid"
    assert (await socket.say("Still me"))["session_id"] == str(vera.session.session_id)
    assert await in_db(bodies, vera) == ["Hello", "Still me"]


# --- talking ------------------------------------------------------------------------------------------------------


async def test_a_message_is_acknowledged_and_reaches_every_tab(sockets, vera):
    one, two = sockets.visitor(vera), sockets.visitor(vera)
    await one.hello(vera)
    await two.hello(vera)
    message = await one.say("My parcel is late")

    assert (message["seq"], message["body"]) == (2, "My parcel is late")
    assert (await two.expect("chat.message.new"))["message"] == message


async def test_the_socket_that_is_acknowledged_gets_no_second_copy(sockets, vera):
    sender, other_tab = sockets.visitor(vera), sockets.visitor(vera)
    await sender.hello(vera)
    await other_tab.hello(vera)
    sent = [await sender.say(f"Number {number}") for number in range(3)]

    assert [(await other_tab.expect("chat.message.new"))["message"] for _ in sent] == sent
    assert await sender.is_silent()
    assert not [name for name, _ in sender.kept if name == "chat.message.new"]


async def test_PR17_a_repeat_from_two_sockets_at_once_is_one_row(sockets, vera):
    one, two = sockets.visitor(vera), sockets.visitor(vera)
    await one.hello(vera)
    await two.hello(vera)
    id = str(uuid4())
    for socket in (one, two):
        await socket.send("chat.message.send", client_message_id=id, body="Once")
    acks = [await socket.expect("chat.message.ack") for socket in (one, two)]

    assert acks[0] == acks[1]
    assert await in_db(bodies, vera) == ["Hello", "Once"]
    await one.send("chat.message.send", client_message_id=id, body="Twice")
    refusal = await one.expect("error")
    assert (refusal["code"], refusal["client_message_id"]) == ("conflict", id)


async def test_what_an_agent_does_arrives_without_asking(sockets, vera, alice):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    assert await socket.expect("chat.session.assigned") == {"agent_name": "Alice", "agent_picture": None}

    await in_db(say, vera, "Hi Vera", agent=alice)
    lines = [(await socket.expect("chat.message.new"))["message"] for _ in range(2)]
    assert [(line["sender_type"], line["sender_name"], line["body"]) for line in lines] == [
        ("system", "", "Alice joined the chat"),
        ("agent", "Alice", "Hi Vera"),
    ]

    await in_db(say, vera, "Thanks")
    await in_db(type(alice).objects.update, last_seen_at=None)
    await in_db(services.return_to_queue, vera.session.session_id, agent_id=alice.user_id)
    await socket.expect("chat.session.unassigned")


class View:
    """What a widget believes: as talk.js."""

    def __init__(self, ready):
        session = ready["session"]
        self.told = {name: session[name] for name in ("agent_name", "queue_position", "agent_read_seq")}
        self.messages = {message["seq"]: message for message in ready["messages"]}
        self.ended = None

    def hear(self, name, payload):
        if name == "chat.message.new":
            self.messages[payload["message"]["seq"]] = payload["message"]
        elif name == "chat.session.assigned":
            self.told |= {"agent_name": payload["agent_name"], "queue_position": None}
        elif name == "chat.session.unassigned":
            self.told |= {"agent_name": None, "queue_position": None}
        elif name == "chat.session.queue":
            self.told["queue_position"] = payload["position"]
        elif name == "chat.read" and payload["by"] == "agent":
            self.told["agent_read_seq"] = payload["seq"]
        elif name == "chat.session.ended":
            self.ended = {part: payload[part] for part in ("status", "reason")}


# What takes a visitor who has no socket: its next one begins with a fresh fetch.
GONE = {"abandon", "reopen", "reopen to the agent"}
VISITORS_VERBS = {name: verb for name, verb in VERBS.items() if name not in GONE} | {
    "read": lambda s, a: (VERBS["accept"](s, a), services.mark_read(s.session.session_id, Party.AGENT, 1)),
    "idle": lambda s, a: (age(s, minutes=30, only=("last_activity_at",)), services.sweep()),
}


@pytest.mark.parametrize("verb", VISITORS_VERBS)
async def test_stale_view_and_events_equal_a_fresh_fetch(sockets, alice, vera, verb):
    socket = sockets.visitor(vera)
    view = View(await socket.hello(vera))
    await in_db(VISITORS_VERBS[verb], vera, alice)
    last = (await in_db(fresh, vera)).last_seq
    while view.messages.keys() < set(range(1, last + 1)):
        view.hear(*await socket.receive())
    if (await in_db(fresh, vera)).is_open:
        # Everything that came before its answer has been heard.
        await socket.send("chat.history", after_seq=last)
        while (frame := await socket.receive())[0] != "chat.history":
            view.hear(*frame)
        fresh_view = View(await sockets.visitor(vera).hello(vera))
        assert (view.messages, view.told) == (fresh_view.messages, fresh_view.told)
        return
    while view.ended is None:
        view.hear(*await socket.receive())
    again = sockets.visitor(vera)
    assert await again.connect()
    await again.send("hello", session_key=vera.session_key, after_seq=0)
    refusal = await again.receive()
    assert view.ended == {part: refusal[1][part] for part in ("status", "reason")}


async def test_everybody_in_the_queue_hears_the_new_position(sockets, tenant, vera, alice):
    second = await in_db(make_session, tenant)
    socket = sockets.visitor(second)
    assert (await socket.hello(second))["session"]["queue_position"] is None
    await socket.say("Me too")
    assert await socket.expect("chat.session.queue") == {"position": 2}

    await in_db(services.end_session, vera.session.session_id, VISITOR)
    assert await socket.expect("chat.session.queue") == {"position": 1}


async def test_ending_tells_every_tab_why_and_closes_it(sockets, vera):
    one, two = sockets.visitor(vera), sockets.visitor(vera)
    await one.hello(vera)
    await two.hello(vera)
    await one.send("chat.end")

    for socket in (one, two):
        assert await socket.expect("chat.session.ended") == {
            "status": "ended",
            "reason": "visitor",
            "ended_by": "visitor",
        }
        assert await socket.expect_close() == 4410
    assert await in_db(transitions, vera) == [("queued", "ended", "visitor")]


async def test_a_sweep_is_told_at_once(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await in_db(age, vera, minutes=30, only=("last_activity_at",))
    await in_db(services.sweep)

    assert (await socket.expect("chat.session.ended"))["reason"] == "idle"
    assert await socket.expect_close() == 4410


@pytest.mark.parametrize("is_told_of_the_end_first", [False, True])
async def test_a_message_to_a_session_whose_time_is_over_is_refused(
    sockets, vera, monkeypatch, is_told_of_the_end_first
):
    monkeypatch.setattr(presence, "FLUSH_SECONDS", 60)  # it is the message that finds out
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await in_db(age, vera, minutes=30, only=("last_activity_at",))
    if is_told_of_the_end_first:
        loop, is_told = asyncio.get_running_loop(), threading.Event()
        post_messages, end = services.post_messages, VisitorConsumer._end_if_over

        def post_late(*args, **kwargs):
            outcomes = post_messages(*args, **kwargs)
            assert is_told.wait(10)
            return outcomes

        async def end_before(self, text):
            loop.call_later(0.2, is_told.set)  # by then it would have ended
            await end(self, text)

        monkeypatch.setattr(services, "post_messages", post_late)
        monkeypatch.setattr(VisitorConsumer, "_end_if_over", end_before)
    id = str(uuid4())
    await socket.send("chat.message.send", client_message_id=id, body="Too late")
    refusal = await socket.expect("error")
    assert (refusal["code"], refusal["reason"], refusal["client_message_id"]) == ("session_over", "idle", id)

    assert await socket.expect_close() == 4410
    assert await in_db(bodies, vera) == ["Hello"]


async def test_pong_carries_what_a_lost_doorbell_would_have_told(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("ping", visible=True, active=True, last_seq=1)
    pong = await socket.expect("pong")

    assert (pong["last_seq"], pong["status"], set(pong)) == (1, "queued", {"last_seq", "status", "server_time"})


async def test_a_sweeps_bell_that_rings_late_does_not_end_a_reopened_chat(sockets, vera, monkeypatch):
    rung = []
    monkeypatch.setattr(events, "publish", rung.extend)
    await in_db(age, vera, minutes=6)
    await in_db(services.sweep)
    monkeypatch.undo()
    socket = sockets.visitor(vera)
    assert (await socket.hello(vera, restored=True))["resume"] == "reopened"
    await in_db(events.publish, rung)

    assert (await socket.say("I am here"))["seq"] == 4
    assert (await in_db(fresh, vera)).is_open


async def test_one_locked_session_holds_up_nobody_else(sockets, tenant, vera):
    other = await in_db(make_session, tenant)
    held, free = sockets.visitor(vera), sockets.visitor(other)
    await held.hello(vera)
    await free.hello(other)
    locked, release = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            ChatSession.objects.select_for_update().get(pk=vera.session.pk)
            locked.set()
            release.wait(10)

    holding = asyncio.create_task(in_db(hold))
    await asyncio.to_thread(locked.wait)
    await held.send("chat.message.send", client_message_id=str(uuid4()), body="Wait for it")
    await held.send("ping")
    assert (await free.say("I need not wait"))["seq"] == 1
    await free.send("ping")
    await free.expect("pong")
    assert not release.is_set()
    release.set()
    await holding
    assert (await held.expect("chat.message.ack"))["message"]["body"] == "Wait for it"
    await held.expect("pong")


async def test_AT14_a_website_taken_off_the_list_is_closed_at_its_next_beat(sockets, tenant, vera):
    socket = sockets.visitor(vera, origin="https://shop.example")
    await socket.hello(vera)
    tenant.allowed_origins = ["https://other.example"]
    await in_db(tenant.save)
    await socket.send("ping")

    assert (await socket.expect("error"))["code"] == "origin_not_allowed"
    assert await socket.expect_close() == 4403


async def test_a_page_that_changes_all_the_time_is_stored_now_and_then_and_at_last(sockets, vera, monkeypatch):
    monkeypatch.setattr(consumers, "PAGE_SECONDS", 0.1)
    stored = []
    record = services.record_page
    monkeypatch.setattr(services, "record_page", lambda id, **page: (stored.append(page["url"]), record(id, **page)))
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    began = asyncio.get_running_loop().time()
    for number in range(60):
        await socket.send("page.view", url=f"https://shop.example/{number}", title="")

    await until(lambda: fresh(vera).page_url == "https://shop.example/59")
    assert len(stored) <= 2 + (asyncio.get_running_loop().time() - began) / consumers.PAGE_SECONDS


async def test_a_page_view_brings_nothing_back_whose_time_is_over(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await in_db(age, vera, minutes=31, only=("last_activity_at",))
    await socket.send("page.view", url="https://shop.example/late", title="")

    assert await socket.expect_close() == 4410
    assert (await in_db(fresh, vera)).closed_reason == "idle"


async def test_a_second_tab_in_the_background_does_not_make_the_visitor_away(sockets, vera):
    await sockets.visitor(vera).hello(vera, visible=True)
    two = sockets.visitor(vera)
    await two.hello(vera, visible=False)
    await two.send("ping", visible=False)
    await two.expect("pong")
    assert (await in_db(fresh, vera)).is_visible


async def test_a_page_view_moves_the_visitor(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("page.view", url="https://shop.example/pay", title="Pay", referrer="")

    await until(lambda: fresh(vera).page_url == "https://shop.example/pay")


async def test_reading_is_told_to_both_sides(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("chat.read", seq=1)

    assert await socket.expect("chat.read") == {"session_id": str(vera.session.session_id), "by": "visitor", "seq": 1}
    await socket.send("chat.read", seq=1)
    await socket.send("chat.read", seq=99)
    assert await socket.is_silent()


async def test_a_visitor_never_hears_of_another_session(sockets, tenant, vera):
    other = await in_db(make_session, tenant)
    socket = sockets.visitor(other)
    await socket.hello(other)
    await in_db(say, vera, "Private")
    await in_db(services.end_session, vera.session.session_id, VISITOR)

    assert await socket.is_silent()


# --- coming and going ---------------------------------------------------------------------------------------------


async def test_the_oldest_of_too_many_sockets_goes(sockets, vera, settings, monkeypatch):
    monkeypatch.setattr(occupancy, "SETTLE_SECONDS", 0.1)
    settings.CHAT_MAX_SOCKETS_PER_SESSION = 2
    tabs = [sockets.visitor(vera) for _ in range(3)]
    for tab in tabs:
        await tab.hello(vera)

    assert await tabs[0].expect_close() == 4409
    await tabs[2].say("We are still here")
    assert (await tabs[1].expect("chat.message.new"))["message"]["body"] == "We are still here"


async def test_leaving_is_seen_and_closing_one_of_two_tabs_is_not_leaving(sockets, vera, monkeypatch):
    monkeypatch.setattr(presence, "LEAVE_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(presence, "ANSWER_SECONDS", 0.05)
    one, two = sockets.visitor(vera), sockets.visitor(vera)
    await one.hello(vera)
    await two.hello(vera)
    await in_db(age, vera, seconds=3)
    await one.disconnect()
    await two.send("ping")
    await two.expect("pong")
    assert (await in_db(fresh, vera)).left_at is None

    await in_db(age, vera, seconds=3)
    await two.disconnect()
    await until(lambda: fresh(vera).left_at is not None)


async def test_an_open_socket_is_seen_without_a_beat_and_that_is_no_use_of_the_page(sockets, vera, monkeypatch):
    monkeypatch.setattr(presence, "OPEN_SOCKET_SECONDS", 0.2)
    monkeypatch.setattr(presence, "FLUSH_SECONDS", 0.05)
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("ping")
    await socket.expect("pong")
    await in_db(age, vera, minutes=4)
    before = await in_db(fresh, vera)
    await until(lambda: fresh(vera).last_seen_at - before.last_seen_at > timedelta(minutes=3))
    assert (await in_db(fresh, vera)).last_activity_at == before.last_activity_at


async def test_the_last_beat_of_who_leaves_is_no_answer_of_another_tab(sockets, vera, monkeypatch):
    monkeypatch.setattr(presence, "LEAVE_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(presence, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(presence, "FLUSH_SECONDS", 0.5)
    socket = sockets.visitor(vera)
    await socket.hello(vera)  # will be stamped after the others could have been asked
    await socket.disconnect()
    await until(lambda: fresh(vera).left_at is not None)


async def test_a_leaving_while_somebody_holds_the_row_is_seen_when_it_is_free(sockets, vera, monkeypatch):
    for name in ("LEAVE_GRACE_SECONDS", "ANSWER_SECONDS", "FLUSH_SECONDS"):
        monkeypatch.setattr(presence, name, 0.05)
    mark_left, tried = presence.mark_left, asyncio.Event()
    loop = asyncio.get_running_loop()

    def mark(unseen):
        held = mark_left(unseen)
        loop.call_soon_threadsafe(tried.set)
        return held

    monkeypatch.setattr(presence, "mark_left", mark)
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("ping")
    await socket.expect("pong")
    await in_db(age, vera, seconds=3)
    locked, release = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            ChatSession.objects.select_for_update().get(pk=vera.session.pk)
            locked.set()
            release.wait(60)

    holding = asyncio.create_task(in_db(hold))
    await asyncio.to_thread(locked.wait)
    await socket.disconnect()
    async with asyncio.timeout(60):
        await tried.wait()
    assert (await in_db(fresh, vera)).left_at is None
    release.set()
    await holding
    await until(lambda: fresh(vera).left_at is not None)


# --- bad input ----------------------------------------------------------------------------------------------------

BAD_FRAMES = [
    "",
    "   ",
    "not json",
    "\ufeff{}",
    '{"type": "ping"',
    "[]",
    "5",
    "true",
    "null",
    '"x"',
    "[" * 3000,
    '{"type": "ping", "payload": ' + "[" * 3000 + "]" * 3000 + "}",
    '{"type": "chat.read", "payload": {"seq": ' + "9" * 5000 + "}}",
    '{"type": "chat.read", "payload": {"seq": 1e999}}',
    '{"type": "chat.read", "payload": {"seq": NaN}}',
    '{"type": "chat.read", "payload": {"seq": true}}',
    '{"type": "chat.read", "payload": {"seq": "1"}}',
    '{"type": "chat.read", "payload": {"seq": {"$ne": 1}}}',
    '{"type": "chat.read", "payload": {"seq": -1}}',
    '{"type": "chat.read", "payload": {}}',
    '{"type": "chat.read", "payload": null}',
    '{"type": "chat.typing", "payload": {"is_typing": 1}}',
    '{"type": "chat.message.send", "payload": {"body": "x"}}',
    '{"type": "chat.message.send", "payload": {"client_message_id": "x", "body": "x"}}',
    '{"type": "page.view", "payload": {"url": 5}}',
    '{"type": "page.view", "payload": {"url": "' + "x" * 2001 + '"}}',
    '{"type": "chat.history", "payload": {"limit": 100000}}',
    '{"type": 1}',
    '{"type": null}',
    '{"type": []}',
    '{"type": "__init__"}',
    '{"type": "disconnect"}',
    '{"type": "websocket.disconnect"}',
    '{"type": "chat_message"}',
    '{"type": "hub.frames"}',
    '{"type": "base"}',
    "{}",
]


@pytest.mark.parametrize("frame", BAD_FRAMES)
async def test_PR01_PR06_PR07_bad_frames_get_one_constant_error_and_the_socket_lives(sockets, vera, frame):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send_raw(frame)
    name, payload = await socket.receive()

    assert name == "error"
    assert (payload["code"], payload["message"]) == ("invalid", "This frame is not valid.")
    assert (await socket.say("Still here"))["seq"] == 2


async def test_PR02_binary_frames_are_bad_frames(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    for data in (b"\x00\x01", b"", json.dumps({"type": "ping"}).encode()):
        await socket.send_raw(data=data)
        assert (await socket.expect("error"))["code"] == "invalid"
    assert (await socket.say("Still here"))["seq"] == 2


async def test_PR05_of_a_key_that_stands_twice_the_last_counts_and_no_rule_is_bypassed(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    id = str(uuid4())
    payload = f'{{"client_message_id": "{id}", "body": "ok", "body": " "}}'
    await socket.send_raw(f'{{"type": "ping", "type": "chat.message.send", "payload": {payload}}}')
    refusal = await socket.expect("error")
    assert (refusal["code"], refusal["client_message_id"]) == ("invalid", id)
    assert await in_db(bodies, vera) == ["Hello"]


@pytest.mark.parametrize("body", ["", "  ", "\u200b", "x" * 4001, "a\x00b"])
async def test_PR08_PR09_bad_text_is_refused_with_a_reason(sockets, vera, body):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    id = str(uuid4())
    await socket.send("chat.message.send", client_message_id=id, body=body)
    refusal = await socket.expect("error")

    assert (refusal["code"], refusal["client_message_id"]) == ("invalid", id)
    assert "message" in refusal["message"].lower()
    assert await in_db(Message.objects.count) == 1


async def test_after_ten_bad_frames_the_socket_closes_with_4400(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    for _ in range(10):
        await socket.send_raw("{}")
    assert await socket.expect_close() == 4400


async def test_PR14_a_frame_over_16_kilobytes_closes_with_4413(sockets, vera):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("chat.message.send", client_message_id=str(uuid4()), body="x" * 17_000)

    assert (await socket.expect("error"))["code"] == "too_large"
    assert await socket.expect_close() == 4413


async def test_TR13_too_many_frames_close_with_4429(sockets, vera, settings):
    settings.CHAT_FRAME_RATES = ((20, 600),)
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    for _ in range(30):
        await socket.send("chat.typing", is_typing=True)
    refusal = await socket.expect("error")

    assert refusal["code"] == "rate_limited"
    assert refusal["retry_after_ms"] > 0
    assert await socket.expect_close() == 4429


async def test_too_many_messages_are_refused_and_the_socket_lives(sockets, vera, settings):
    settings.CHAT_MESSAGE_RATES = ((2, 60),)
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.say("One")
    await socket.say("Two")
    id = str(uuid4())
    await socket.send("chat.message.send", client_message_id=id, body="Three")
    refusal = await socket.expect("error")

    assert (refusal["code"], refusal["client_message_id"]) == ("rate_limited", id)
    assert 0 < refusal["retry_after_ms"] <= 60_000
    await socket.send("ping")
    await socket.expect("pong")


# --- what a page says of itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [{"url": "https://shop.example/\x00"}, {"title": "a\x00b"}])
async def test_PR10_a_page_with_NUL_is_a_bad_frame(sockets, vera, page):
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("page.view", **page)

    assert (await socket.expect("error"))["code"] == "invalid"
    assert (await socket.say("Still here"))["seq"] == 2


async def test_a_page_that_the_database_failed_is_stored_when_it_is_back(sockets, vera, monkeypatch):
    record, failures = services.record_page, []

    def fail_once(*args, **kwargs):
        if not failures:
            failures.append(args)
            raise DatabaseError
        return record(*args, **kwargs)

    monkeypatch.setattr(services, "record_page", fail_once)
    monkeypatch.setattr(consumers, "PAGE_SECONDS", 0.05)
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await socket.send("page.view", url="https://shop.example/pay", title="Pay")
    await until(lambda: fresh(vera).page_url == "https://shop.example/pay")
    assert failures


async def test_still_here_survives_a_database_that_fails(sockets, vera, monkeypatch):
    stamp, failures = presence.stamp, []

    def fail_once(beats):
        if any(is_active for _, is_active in beats.values()) and not failures:
            failures.append(beats)
            raise DatabaseError
        return stamp(beats)

    monkeypatch.setattr(presence, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(presence, "stamp", fail_once)
    socket = sockets.visitor(vera)
    await socket.hello(vera)
    await in_db(age, vera, minutes=10)
    before = (await in_db(fresh, vera)).last_activity_at
    await socket.send("chat.still_here")
    await until(lambda: fresh(vera).last_activity_at > before)
    assert failures
