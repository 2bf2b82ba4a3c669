"""The console's socket: who may have one, what it hears, and that its view equals a fresh fetch."""

import asyncio
from uuid import uuid4

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session

from agents_app import consoles, selectors
from agents_app.consumers import AgentConsumer
from agents_app.services import release_chats_of_absent_agents
from sessions_app import events, hub, presence, services
from sessions_app import selectors as chats
from sessions_app.errors import SessionNotFound
from sessions_app.serializers import timestamp
from sessions_app.services import VISITOR
from tests.factories import actor, age, bodies, fresh, make_agent, make_session, make_tenant, say
from tests.sockets.conftest import in_db

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello", metadata={"page_url": "https://shop.example/cart"})


def id_of(started) -> str:
    return str(started.session.session_id)


# --- who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", None, "http://testserver.evil.example", "http://[", "http://testserver:81"],
)
async def test_AT03_a_foreign_page_is_refused_before_the_handshake(sockets, alice, origin):
    assert not await (await sockets.agent(alice, origin=origin)).connect()


async def test_without_a_login_or_a_profile_the_handshake_is_refused(sockets, alice):
    assert not await sockets.at("/ws/agent/").connect()
    assert not await (await sockets.agent(alice, cookie="forged")).connect()
    socket = await sockets.agent(alice)
    await in_db(alice.delete)
    assert not await socket.connect()


async def test_AT05_a_deactivated_agent_is_out_at_once(sockets, alice):
    socket, _ = await sockets.console(alice)
    alice.user.is_active = False
    await in_db(alice.user.save)

    assert await socket.expect_close() == 4401


async def test_AT05_a_deactivated_agent_is_out_even_if_nobody_rings(sockets, alice, monkeypatch):
    monkeypatch.setattr(consoles, "RIGHTS_SECONDS", 0.05)
    socket, _ = await sockets.console(alice)
    await in_db(type(alice.user).objects.filter(pk=alice.user_id).update, is_active=False)

    assert await socket.expect_close() == 4401


async def test_a_tenant_taken_away_takes_its_chats_along(sockets, alice, tenant, vera):
    socket, ready = await sockets.console(alice)
    assert len(ready["sessions"]) == 1
    await in_db(alice.tenants.remove, tenant)

    assert (await socket.expect("agent.ready"))["sessions"] == []
    await in_db(say, vera, "Do not tell Alice")
    assert await socket.is_silent()


@pytest.mark.parametrize("how", ["opened", "mine"])
async def test_a_tenant_taken_away_takes_open_and_own_chats_along(sockets, alice, tenant, vera, how):
    if how == "mine":
        await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    socket, _ = await sockets.console(alice)
    if how == "opened":
        await socket.send("chat.open", session_id=id_of(vera), after_seq=0)
        await socket.expect("chat.session.ready")
    await in_db(alice.tenants.remove, tenant)
    assert (await socket.expect("agent.ready"))["sessions"] == []

    await in_db(say, vera, "Do not tell Alice")
    assert await socket.is_silent()
    # Whoever cannot see a chat cannot answer it: it is given to those who can.
    await in_db(release_chats_of_absent_agents)
    assert (await in_db(fresh, vera)).status == "queued"


def log_out(agent):
    Session.objects.all().delete()
    user_logged_out.send(type(agent.user), request=None, user=agent.user)


def change_password(agent):
    agent.user.set_password("another one entirely")
    agent.user.save(update_fields=["password"])


@pytest.mark.parametrize("end_login", [log_out, change_password])
async def test_a_logout_or_a_new_password_ends_the_socket_at_once(sockets, alice, end_login):
    socket, _ = await sockets.console(alice)
    await in_db(end_login, alice)

    assert await socket.expect_close() == 4401


async def test_IN01_a_Redis_that_is_down_keeps_nobody_out(sockets, alice, tenant, vera, monkeypatch):
    async def refuse(*args):
        raise ConnectionError

    for name in ("second", "third"):
        await in_db(alice.tenants.add, await in_db(make_tenant, name))
    monkeypatch.setattr(RedisPubSubChannelLayer, "group_add", refuse, raising=False)
    monkeypatch.setattr(RedisPubSubChannelLayer, "group_send", refuse, raising=False)
    monkeypatch.setattr(hub, "SEND_TIMEOUT_SECONDS", 0.2)
    _, ready = await sockets.console(alice)
    assert len(ready["sessions"]) == 1
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    assert (await widget.say("Still works"))["seq"] == 2


async def test_a_long_queue_is_shown_from_its_head(sockets, alice, tenant, monkeypatch):
    monkeypatch.setattr(selectors, "CONSOLE_QUEUE", 3)
    waiting = [id_of(await in_db(make_session, tenant, says="x" * 4000)) for _ in range(5)]
    console, ready = await sockets.console(alice)
    assert [session["session_id"] for session in ready["sessions"]] == waiting[:3]
    assert len(ready["sessions"][0]["last_message"]["body"]) == 160
    await console.send("ping")
    assert len((await console.expect("pong"))["sessions"]) == 3


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        ("chat.open", {"after_seq": 0}),
        ("chat.message.send", {"body": "x", "client_message_id": str(uuid4())}),
        ("chat.typing", {"is_typing": True}),
        ("chat.read", {"seq": 1}),
        ("chat.history", {"after_seq": 0}),
    ],
)
async def test_AT04_another_tenants_session_is_unknown_to_every_frame(sockets, charlie, vera, frame, payload):
    socket, ready = await sockets.console(charlie)
    assert ready["sessions"] == []
    await socket.send(frame, session_id=id_of(vera), **payload)
    refusal = await socket.expect("error")

    assert (refusal["code"], refusal["session_id"]) == ("session_not_found", id_of(vera))
    assert await in_db(bodies, vera) == ["Hello"]


async def test_a_cookie_of_nonsense_is_refused(sockets):
    socket = sockets.at("/ws/agent/", cookie='"\\000\\012"')
    assert not await socket.connect()


async def test_two_snapshots_at_once_hold_what_comes_until_both_are_sent():
    class Console(AgentConsumer):
        def __init__(self) -> None:
            self._held, self._holds, self._posting, self._is_closing = None, 0, "", False
            self.heard = []

        def handle_event(self, frame) -> None:
            self.heard.append(frame.text)

    console = Console()
    console.hold_events()
    console.deliver(hub.Frame(("g",), "x", "one"))
    console.hold_events()
    console.deliver(hub.Frame(("g",), "x", "two"))
    console.release_events()
    assert console.heard == []
    console.release_events()
    assert console.heard == ["one", "two"]


async def test_a_console_that_fails_holds_up_no_other(sockets, alice, bob, monkeypatch):
    monkeypatch.setattr(consoles, "RIGHTS_SECONDS", 3600)
    first, _ = await sockets.console(alice)
    second, _ = await sockets.console(bob)
    renew, failed = AgentConsumer.renew, []

    async def fail_once(self, rights):
        if not failed:
            failed.append(self)
            raise RuntimeError
        await renew(self, rights)

    monkeypatch.setattr(AgentConsumer, "renew", fail_once)
    for agent in (alice, bob):
        agent.user.is_active = False
    await in_db(User.objects.bulk_update, [alice.user, bob.user], ["is_active"])
    await in_db(alice.user.save)  # rings

    closed = {asyncio.create_task(socket.expect_close()) for socket in (first, second)}
    done, pending = await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [4401]
    for task in pending:
        task.cancel()


# --- what it shows ------------------------------------------------------------------------------------------------


async def test_ready_shows_who_waits_and_what_is_mine(sockets, alice, bob, tenant, vera):
    await in_db(make_session, tenant)  # has not written
    mine = await in_db(make_session, tenant, says="Mine", agent=alice)
    await in_db(make_session, tenant, says="Bob's", agent=bob)
    gone = await in_db(make_session, tenant, says="Gone")
    await in_db(age, gone, seconds=151, only=("last_seen_at",))
    _, ready = await sockets.console(alice)

    assert [session["session_id"] for session in ready["sessions"]] == [id_of(vera), id_of(mine)]
    waiting = ready["sessions"][0]
    assert (waiting["presence"], waiting["page_url"]) == ("online", "https://shop.example/cart")
    assert waiting["last_message"]["body"] == "Hello"
    assert (ready["agent"]["id"], ready["agent"]["name"]) == (alice.user_id, "Alice")


async def test_a_visitor_who_writes_appears_and_one_who_only_looks_does_not(sockets, alice, tenant):
    socket, _ = await sockets.console(alice)
    session = await in_db(make_session, tenant)
    assert await socket.is_silent()
    await in_db(say, session, "Hello")

    changed = await socket.expect("session.changed")
    assert changed["session"]["session_id"] == id_of(session)
    assert changed["session"]["waiting_since"]
    assert (await socket.expect("chat.message.new"))["message"]["body"] == "Hello"


async def test_visitor_and_agent_talk(sockets, alice, vera):
    console, _ = await sockets.console(alice)
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    assert (await console.expect("session.changed"))["session"]["assigned_to_id"] == alice.user_id
    await widget.expect("chat.session.assigned")

    await console.send("chat.typing", session_id=id_of(vera), is_typing=True)
    typing = await widget.expect("chat.typing")
    assert (typing["sender_type"], typing["sender_name"], typing["is_typing"]) == ("agent", "Alice", True)
    answer = await console.say("Hi Vera", session_id=id_of(vera))
    seen = [(await widget.expect("chat.message.new"))["message"] for _ in range(2)]
    assert seen[-1] == answer

    await widget.send("chat.typing", is_typing=True)
    assert (await console.expect("chat.typing"))["sender_type"] == "visitor"
    question = await widget.say("Where is my parcel?")
    heard = await console.expect("chat.message.new")
    while heard["message"] != question:
        heard = await console.expect("chat.message.new")
    await console.send("chat.read", session_id=id_of(vera), seq=question["seq"])
    assert (await widget.expect("chat.read"))["by"] == "agent"


async def test_an_agent_cannot_speak_before_accepting_nor_for_a_colleague(sockets, alice, bob, vera):
    console, _ = await sockets.console(bob)
    id = str(uuid4())
    await console.send("chat.message.send", session_id=id_of(vera), client_message_id=id, body="Hi")
    refusal = await console.expect("error")
    assert (refusal["code"], refusal["client_message_id"], refusal["session_id"]) == ("invalid", id, id_of(vera))

    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    await console.send("chat.message.send", session_id=id_of(vera), client_message_id=id, body="Hi")
    refusal = await console.expect("error")
    assert (refusal["code"], refusal["agent_name"]) == ("taken", "Alice")
    assert await in_db(bodies, vera) == ["Hello"]


async def test_opening_a_chat_shows_its_transcript_and_follows_it(sockets, alice, bob, vera):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    console, _ = await sockets.console(bob)
    await console.send("chat.open", session_id=id_of(vera), after_seq=0)
    opened = await console.expect("chat.session.ready")
    assert [message["seq"] for message in opened["messages"]] == [1, 2]
    assert opened["session"]["agent_name"] == "Alice"

    await in_db(say, vera, "Are you there?")
    assert (await console.expect("chat.message.new"))["message"]["seq"] == 3


async def test_a_chat_opened_for_the_first_time_shows_its_end(sockets, alice, vera):
    for number in range(2, 121):
        await in_db(say, vera, f"Line {number}")
    console, _ = await sockets.console(alice)
    for position in ({}, {"after_seq": None}, {"after_seq": 121}, {"after_seq": -1}):
        await console.send("chat.open", session_id=id_of(vera), **position)
        opened = await console.expect("chat.session.ready")
        assert [message["seq"] for message in opened["messages"]] == list(range(21, 121))
        assert (opened["has_more"], opened["resume"], opened["last_seq"]) == (True, "resync", 120)

    await console.send("chat.history", session_id=id_of(vera), before_seq=21, limit=100)
    older = await console.expect("chat.history")
    assert [message["seq"] for message in older["messages"]] == list(range(1, 21))
    assert not older["has_more"]


async def test_a_note_reaches_every_agent_of_the_tenant_once_and_nobody_else(
    sockets, alice, bob, charlie, tenant, vera
):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    hers, _ = await sockets.console(alice)
    his, _ = await sockets.console(bob)
    others, _ = await sockets.console(charlie)
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await hers.send("chat.open", session_id=id_of(vera), after_seq=0)
    await hers.expect("chat.session.ready")
    await in_db(take_note, vera, alice)

    for console in (hers, his):
        note = (await console.expect("note.new"))["note"]
        assert (note["author_name"], note["body"], note["session_id"]) == ("Alice", "Between ourselves", id_of(vera))
    for socket in (hers, his, others, widget):
        assert await socket.is_silent()
    assert "note.new" not in [name for socket in (hers, his, others, widget) for name, _ in socket.kept]


async def test_a_hold_reaches_those_who_follow_the_chat_and_its_mark_everybody(sockets, alice, bob, vera):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    hers, _ = await sockets.console(alice)
    his, _ = await sockets.console(bob)
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await in_db(services.hold_session, vera.session.session_id, await in_db(actor, alice), minutes=60)

    told = await hers.expect("hold.new")
    assert told["session_id"] == id_of(vera)
    assert told["hold"] == (await in_db(chats.holds, vera.session))[0]
    assert (await his.expect("session.changed"))["session"]["held_until"] == told["hold"]["held_until"]
    assert "hold.new" not in [name for name, _ in his.kept + widget.kept]


async def test_steps_of_the_trail_reach_those_who_follow_the_chat(sockets, alice, bob, vera):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    hers, _ = await sockets.console(alice)
    his, _ = await sockets.console(bob)
    widget = sockets.visitor(vera)
    await widget.hello(vera, page={"url": "https://shop.example/cart", "title": "Cart"})
    await widget.send("page.view", url="https://shop.example/pay", title="Pay", referrer="https://shop.example/cart")

    step = await hers.expect("trail.new")
    assert (step["session_id"], step["entry"].pop("at") is not None) == (id_of(vera), True)
    assert step["entry"] == {
        "kind": "page",
        "after_seq": 2,
        "url": "https://shop.example/pay",
        "title": "Pay",
        "referrer": "https://shop.example/cart",
        "gone_since": None,
    }
    titles = [(await his.expect("session.changed"))["session"]["page_title"] for _ in range(2)]
    assert titles == ["Cart", "Pay"]
    assert "trail.new" not in [name for name, _ in his.kept + widget.kept]


async def test_a_transfer_is_told_to_visitor_and_agents(sockets, alice, bob, vera):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    hers, _ = await sockets.console(alice)
    his, _ = await sockets.console(bob)
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await in_db(transfer, vera, alice, bob)

    assert (await widget.expect("chat.session.assigned"))["agent_name"] == "Bob"
    assert "note.new" not in [name for name, _ in widget.kept]
    for console in (hers, his):
        changed = (await console.expect("session.changed"))["session"]
        assert (changed["assigned_to_id"], changed["status"]) == (bob.user_id, "active")
        # Whoever had it until now hears the end of it, too.
        assert (await console.expect("chat.message.new"))["message"]["body"] == "Alice transferred the chat to Bob"
    await hers.send("chat.message.send", session_id=id_of(vera), client_message_id=str(uuid4()), body="One more thing")
    assert (await hers.expect("error"))["agent_name"] == "Bob"

    await in_db(transfer, vera, bob)
    await widget.expect("chat.session.unassigned")
    assert (await widget.expect("chat.session.queue"))["position"] == 1
    assert (await hers.expect("session.changed"))["session"]["status"] == "queued"


async def test_agents_who_have_a_chat_open_hear_who_else_writes_there_and_the_visitor_only_who_answers(
    sockets, alice, bob, vera
):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    alices, _ = await sockets.console(alice)
    second, _ = await sockets.console(alice)
    bobs, _ = await sockets.console(bob)
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    for console in (alices, second, bobs):
        await console.send("chat.open", session_id=id_of(vera))
        await console.expect("chat.session.ready")

    async def typed(console, **payload):
        await console.send("chat.typing", session_id=id_of(vera), is_typing=True, **payload)

    await typed(alices)
    assert (await bobs.expect("chat.typing"))["sender_name"] == "Alice"
    assert (await widget.expect("chat.typing"))["sender_name"] == "Alice"
    # A note, and what is written in a colleague's chat, is no visitor's business.
    await typed(alices, note=True)
    assert (await bobs.expect("chat.typing"))["sender_name"] == "Alice"
    await typed(bobs)
    for console in (alices, second):
        typing = await console.expect("chat.typing")
        assert (typing["sender_type"], typing["sender_name"], typing["is_typing"]) == ("agent", "Bob", True)
    await alices.say("Hi Vera", session_id=id_of(vera))
    await widget.expect("chat.message.new")
    await bobs.expect("chat.message.new")
    for socket in (alices, second, bobs, widget):
        assert "chat.typing" not in [name for name, _ in socket.kept]


@pytest.mark.parametrize("is_allowed", [True, False])
async def test_what_a_visitor_is_writing_is_shown_where_the_tenant_allows_it(sockets, alice, tenant, vera, is_allowed):
    await in_db(type(tenant).objects.update, typing_preview=is_allowed)
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    console, _ = await sockets.console(alice)
    widget, second_tab = sockets.visitor(vera), sockets.visitor(vera)
    await widget.hello(vera)
    await second_tab.hello(vera)
    for text in ("Where is my", "x" * 4001, ""):
        await widget.send("chat.typing", is_typing=True, text=text)
        typing = await console.expect("chat.typing")
        assert typing.get("text") == (text[:4000] if is_allowed else None)
    await widget.send("chat.typing", is_typing=True)
    assert "text" not in await console.expect("chat.typing")
    # An agent's is nobody's business.
    await console.send("chat.typing", session_id=id_of(vera), is_typing=True, text="Secret")
    assert "text" not in await widget.expect("chat.typing")
    assert "chat.typing" not in [name for name, _ in widget.kept + second_tab.kept]


@pytest.mark.parametrize(("read", "answer"), [("_snapshot", "agent.ready"), ("_open", "chat.session.ready")])
async def test_what_is_said_while_a_snapshot_is_read_comes_after_it(
    sockets, alice, bob, vera, monkeypatch, read, answer
):
    if answer == "chat.session.ready":  # of a chat that the console does not follow anyway
        await in_db(services.accept_session, vera.session.session_id, await in_db(actor, bob))
    snapshot = getattr(AgentConsumer, read)

    def read_and_hear(self, *args):
        found = snapshot(self, *args)
        say(vera, "Meanwhile")
        return found

    monkeypatch.setattr(AgentConsumer, read, read_and_hear)
    console = await sockets.agent(alice)
    assert await console.connect()
    await console.send("hello")
    if answer == "chat.session.ready":
        await console.send("chat.open", session_id=id_of(vera), after_seq=0)
    assert "Meanwhile" not in str(await console.expect(answer))
    assert "chat.message.new" not in [name for name, _ in console.kept]
    assert (await console.expect("chat.message.new"))["message"]["body"] == "Meanwhile"


async def test_pong_tells_of_what_a_lost_doorbell_did_not(sockets, alice, vera):
    console, _ = await sockets.console(alice)
    await console.send("ping")
    [pulse] = (await console.expect("pong"))["sessions"]
    assert pulse.pop("last_seen_at")
    assert pulse == {
        "session_id": id_of(vera),
        "status": "queued",
        "assigned_to_id": None,
        "last_seq": 1,
        "presence": "online",
        "held_until": None,
    }


async def test_pong_tells_of_a_hold_even_if_nobody_rang(sockets, alice, vera):
    held = await in_db(services.hold_session, vera.session.session_id, await in_db(actor, alice), minutes=60)
    console, _ = await sockets.console(alice)
    await console.send("ping")
    [pulse] = (await console.expect("pong"))["sessions"]
    assert pulse["held_until"] == timestamp(held.held_until)


async def test_pong_tells_that_a_visitor_is_gone_even_if_nobody_rang(sockets, alice, vera):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    console, _ = await sockets.console(alice)
    await in_db(age, vera, seconds=151, only=("last_seen_at",))
    await console.send("ping")

    [pulse] = (await console.expect("pong"))["sessions"]
    assert pulse["presence"] == "gone"


async def test_a_closed_chat_leaves_the_list_and_says_why(sockets, alice, vera):
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    console, _ = await sockets.console(alice)
    await in_db(age, vera, minutes=5)
    await in_db(services.sweep)

    session = (await console.expect("session.changed"))["session"]
    assert (session["status"], session["reason"], session["stage"]) == ("abandoned", "disconnected", "missed")
    line = (await console.expect("chat.message.new"))["message"]["body"]
    assert line == "The chat was abandoned: the visitor had been gone for 5 minutes"
    await console.send("hello")
    assert (await console.expect("agent.ready"))["sessions"] == []


def give_back(started, agent):
    type(agent).objects.update(last_seen_at=None)
    say(started, "Hello?")
    assert services.return_to_queue(started.session.session_id, agent_id=agent.user_id)


def colleague_of(agent):
    return make_agent("dave", agent.tenants.all())


def transfer(started, agent, to=None):
    services.transfer_session(
        started.session.session_id, actor(agent), to_agent_id=to and to.user_id, note="She has called before"
    )


def take_over(started, agent):
    dave = colleague_of(agent)
    services.accept_session(started.session.session_id, actor(dave))
    type(dave).objects.filter(pk=dave.pk).update(last_seen_at=None)
    services.accept_session(started.session.session_id, actor(agent))


def supervise(started, agent):
    dave, supervisor = colleague_of(agent), actor(agent)._replace(is_supervisor=True)
    services.give_session(started.session.session_id, supervisor, dave.user_id)
    services.give_session(started.session.session_id, supervisor, agent.user_id)


def take_note(started, agent):
    services.add_note(started.session.session_id, actor(agent), client_message_id=uuid4(), body="Between ourselves")


def go_away(started):
    age(started, only=("last_seen_at",), seconds=5)
    presence.mark_left({started.session.session_id: 2})


VERBS = {
    "a message": lambda s, a: say(s, "One more"),
    "accept": lambda s, a: services.accept_session(s.session.session_id, actor(a)),
    "answer": lambda s, a: (VERBS["accept"](s, a), say(s, "Hi", agent=a)),
    "return to queue": lambda s, a: (VERBS["accept"](s, a), give_back(s, a)),
    "end": lambda s, a: services.end_session(s.session.session_id, VISITOR),
    "abandon": lambda s, a: (age(s, minutes=6), services.sweep()),
    "reopen": lambda s, a: (VERBS["abandon"](s, a), services.restore_session(s.session.session_id, is_page_load=True)),
    "reopen to the agent": lambda s, a: (VERBS["accept"](s, a), VERBS["reopen"](s, a)),
    "page": lambda s, a: services.record_page(s.session.session_id, url="https://shop.example/pay", title="Pay"),
    "transfer to a colleague": lambda s, a: (VERBS["accept"](s, a), transfer(s, a, colleague_of(a))),
    "transfer to me": lambda s, a: (
        services.accept_session(s.session.session_id, actor(dave := colleague_of(a))),
        transfer(s, dave, a),
    ),
    "transfer to the queue": lambda s, a: (VERBS["answer"](s, a), transfer(s, a)),
    "take over": take_over,
    "supervise": supervise,
    "note": take_note,
    "note on a closed chat": lambda s, a: (VERBS["end"](s, a), take_note(s, a)),
    "hold": lambda s, a: services.hold_session(s.session.session_id, actor(a), minutes=60),
    "hold and let go": lambda s, a: (
        VERBS["hold"](s, a),
        services.hold_session(s.session.session_id, actor(a), minutes=0),
    ),
    "tags": lambda s, a: services.tag_session(s.session.session_id, actor(a), ["refund", "VIP"]),
    "leave": lambda s, a: go_away(s),
    "leave and come back": lambda s, a: (go_away(s), presence.stamp({s.session.session_id: (True, True)})),
    "leave and write": lambda s, a: (VERBS["accept"](s, a), go_away(s), say(s, "I am back")),
}


async def test_AT04_a_right_lost_while_a_chat_is_opened_leaves_nothing_behind(sockets, alice, vera, monkeypatch):
    console, _ = await sockets.console(alice)

    def lost(*args):
        raise SessionNotFound

    monkeypatch.setattr(AgentConsumer, "_open", lost)
    await console.send("chat.open", session_id=id_of(vera))
    assert (await console.expect("error"))["code"] == "session_not_found"
    assert hub.hubs.current().members(events.watch_group(id_of(vera))) == ()


async def test_SM10_a_console_that_was_cut_off_for_a_while_shows_what_a_fresh_one_does(sockets, tenant, alice, vera):
    taken, given, gone, closed = [await in_db(make_session, tenant, says="Hello") for _ in range(4)]
    await in_db(services.accept_session, vera.session.session_id, await in_db(actor, alice))
    console, _ = await sockets.console(alice)
    await console.send("chat.open", session_id=id_of(vera), after_seq=0)
    seen = (await console.expect("chat.session.ready"))["messages"]
    await console.disconnect()

    def five_minutes():
        dave = colleague_of(alice)
        services.accept_session(taken.session.session_id, actor(dave))
        services.accept_session(given.session.session_id, actor(dave))
        transfer(given, dave, alice)
        for line in ("Are you there?", "It is about my parcel"):
            say(vera, line)
        say(taken, "Hi", agent=dave)
        services.tag_session(vera.session.session_id, actor(dave), ["parcel"])
        services.add_note(vera.session.session_id, actor(dave), client_message_id=uuid4(), body="Knows us")
        services.end_session(closed.session.session_id, VISITOR)
        age(gone, minutes=5)
        services.sweep()
        say(make_session(tenant, customer_name="New"), "I am new")

    await in_db(five_minutes)
    resumed, view = await sockets.console(alice)
    await resumed.send("chat.open", session_id=id_of(vera), after_seq=seen[-1]["seq"])
    missed = await resumed.expect("chat.session.ready")
    other, fresh_view = await sockets.console(alice)
    await other.send("chat.open", session_id=id_of(vera), after_seq=0)
    whole = await other.expect("chat.session.ready")

    assert missed["resume"] == "resumed"
    assert seen + missed["messages"] == whole["messages"]
    assert [message["body"] for message in missed["messages"]] == ["Are you there?", "It is about my parcel"]
    for part in ("session", "notes", "trail", "holds", "last_seq"):
        assert missed[part] == whole[part], part
    for part in ("sessions", "counts", "agent"):
        assert view[part] == fresh_view[part], part
    assert view["counts"] == {"queue": 1, "mine": 2, "open": 4, "offline": 0}
    statuses = {session["session_id"]: (session["status"], session["agent_name"]) for session in view["sessions"]}
    assert id_of(taken) not in statuses
    assert statuses[id_of(given)] == ("active", "Alice")
    assert {id_of(gone), id_of(closed)}.isdisjoint(statuses)


@pytest.mark.parametrize("verb", VERBS)
async def test_stale_view_and_events_equal_a_fresh_fetch(sockets, alice, vera, verb):
    console, stale = await sockets.console(alice)
    view = {session["session_id"]: session for session in stale["sessions"]}
    await console.send("chat.open", session_id=id_of(vera), after_seq=0)
    opened = await console.expect("chat.session.ready")
    seqs = {message["seq"]: message for message in opened["messages"]}
    notes, trail, holds = opened["notes"], opened["trail"], opened["holds"]
    await in_db(VERBS[verb], vera, alice)
    await console.send("chat.open", session_id=id_of(vera), after_seq=0)  # everything before it has been heard
    fresh_chat = await console.expect("chat.session.ready")
    for name, payload in console.kept:
        if name == "session.changed":
            view[payload["session"]["session_id"]] = payload["session"]
        elif name == "chat.message.new":
            seqs[payload["message"]["seq"]] = payload["message"]
        elif name == "note.new":
            notes.append(payload["note"])
        elif name == "trail.new" and payload["entry"]["kind"] != "page":
            trail.append(payload["entry"])
        elif name == "hold.new":
            holds.append(payload["hold"])
        elif name == "session.presence":
            view[payload["session_id"]] |= payload
    await console.send("hello")
    fresh_view = {session["session_id"]: session for session in (await console.expect("agent.ready"))["sessions"]}

    def essence(session):
        fields = ("status", "assigned_to_id", "agent_name", "reason", "stage", "page_url", "tags", "presence")
        fields += ("held_until",)
        return {name: session[name] for name in fields}

    assert (notes, trail, holds) == (fresh_chat["notes"], fresh_chat["trail"], fresh_chat["holds"])
    assert [seqs[seq] for seq in sorted(seqs)] == fresh_chat["messages"]
    assert essence(view[id_of(vera)]) == essence(fresh_chat["session"])
    for session_id, session in fresh_view.items():
        assert essence(view[session_id]) == essence(session)
    assert (await in_db(fresh, vera)).last_seq == max(seqs)
