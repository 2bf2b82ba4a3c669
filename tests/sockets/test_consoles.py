"""What consoles are told of their own agent, and what they do for all: present, in step, and work that finds them."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from agents_app import consoles, services
from sessions_app import events, hub
from sessions_app import services as chats
from sessions_app.models import Tenant
from tests.factories import fresh, make_session
from tests.sockets.conftest import in_db, until
from tests.test_availability import ago, change, is_present, state

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello")


async def beat(console, **payload) -> dict:
    await console.send("ping", **payload)
    return await console.expect("pong")


# --- who I am -----------------------------------------------------------------------------------------------------


async def test_ready_tells_who_i_am_and_the_counts(sockets, alice, tenant, vera):
    _, ready = await sockets.console(alice)
    assert ready["agent"] == {
        "id": alice.user_id,
        "name": "Alice",
        "availability": "online",
        "state": "online",
        "capacity": None,
        "load": 0,
        "is_supervisor": False,
        "tenants": [{"slug": "demo-tenant", "name": "Demo tenant", "typing_preview": False}],
        "picture": None,
    }
    assert (ready["counts"]["queue"], ready["counts"]["mine"]) == (1, 0)


async def test_pong_tells_what_has_changed_unheard(sockets, alice, tenant, vera):
    console, _ = await sockets.console(alice)
    await in_db(make_session, tenant, says="Mine", agent=alice)
    await in_db(change, alice, availability="away", capacity=4)
    pong = await beat(console)
    assert pong["agent"] == {"availability": "away", "state": "away", "load": 1, "capacity": 4}
    assert (pong["counts"]["queue"], pong["counts"]["mine"]) == (1, 1)


async def test_two_consoles_of_one_agent_stay_in_step_and_nobody_elses_hears(sockets, alice, bob):
    first, _ = await sockets.console(alice)
    second, _ = await sockets.console(alice)
    bobs, _ = await sockets.console(bob)

    def put():
        client = Client()
        client.force_login(alice.user)
        answer = client.put("/api/v1/chat/agents/me", {"availability": "away"}, content_type="application/json")
        return answer.json()["data"]

    answer = await in_db(put)
    assert answer["state"] == "away"
    for console in (first, second):
        assert await console.expect("agent.changed") == {"agent": answer}
    assert await bobs.is_silent()


async def test_who_becomes_a_supervisor_is_greeted_as_one(sockets, alice, monkeypatch):
    monkeypatch.setattr(consoles, "RIGHTS_SECONDS", 0.05)
    console, ready = await sockets.console(alice)
    assert not ready["agent"]["is_supervisor"]
    await in_db(lambda: alice.user.user_permissions.add(Permission.objects.get(codename="supervise")))
    assert (await console.expect("agent.ready"))["agent"]["is_supervisor"]


# --- there, and at work -------------------------------------------------------------------------------------------


async def test_a_console_that_nobody_uses_is_present_and_away(sockets, alice):
    console, _ = await sockets.console(alice)
    await in_db(change, alice, last_seen_at=ago(100), last_active_at=ago(600))
    assert (await beat(console, active=False))["agent"]["state"] == "away"
    assert await in_db(is_present, alice)
    assert (await beat(console, active=True))["agent"]["state"] == "online"


@pytest.mark.parametrize("frame", [("chat.typing", {"is_typing": True}), ("chat.message.send", {"body": "Hi"})])
async def test_to_write_is_to_use_the_console(sockets, alice, tenant, frame):
    session = await in_db(make_session, tenant, says="Hello", agent=alice)
    console, _ = await sockets.console(alice)
    await in_db(change, alice, last_active_at=ago(600))
    name, payload = frame
    id = str(session.session.session_id)
    await console.send(name, session_id=id, **payload, **({"client_message_id": id} if "body" in payload else {}))
    assert (await beat(console, active=False))["agent"]["state"] == "online"


@pytest.mark.parametrize("frame", ["hello", "chat.open", "chat.read", "chat.history"])
async def test_what_a_page_sends_by_itself_is_no_use(sockets, alice, tenant, frame):
    session = await in_db(make_session, tenant, says="Hello", agent=alice)
    console, _ = await sockets.console(alice)
    await in_db(change, alice, last_active_at=ago(600))
    more = {"chat.read": {"seq": 1}, "chat.open": {"after_seq": 0}, "chat.history": {"after_seq": 0}}.get(frame, {})
    await console.send(frame, **({"session_id": str(session.session.session_id)} if more else {}), **more)
    assert (await beat(console, active=False))["agent"]["state"] == "away"


async def test_to_answer_over_http_is_to_be_there_and_to_read_is_not(alice, vera):
    await in_db(change, alice, last_seen_at=None)
    client = Client()
    await in_db(client.force_login, alice.user)
    await in_db(client.get, "/api/v1/chat/sessions")
    assert await in_db(state, alice) == "offline"
    await in_db(client.post, f"/api/v1/chat/sessions/{vera.session.session_id}/assign", {}, "application/json")
    assert await in_db(state, alice) == "online"


# --- chats that find their agent ----------------------------------------------------------------------------------


@pytest.fixture
def shop(tenant):
    Tenant.objects.update(auto_assign=True)
    tenant.refresh_from_db()
    return tenant


def is_alices(session) -> bool:
    agent = fresh(session).assigned_to
    return agent is not None and agent.username == "alice"


async def test_a_first_message_finds_its_agent_at_once(sockets, alice, shop):
    console, _ = await sockets.console(alice)
    session = await in_db(make_session, shop)
    widget = sockets.visitor(session)
    await widget.hello(session)
    await widget.say("Hello")

    assert await widget.expect("chat.session.assigned") == {"agent_name": "Alice", "agent_picture": None}
    changed = await console.expect("session.changed")
    while changed["session"]["status"] != "active":
        changed = await console.expect("session.changed")
    assert changed["session"]["assigned_to_id"] == alice.user_id


@pytest.mark.parametrize(
    "how", ["opens a console", "comes online", "takes on more", "comes back to the desk", "has room"]
)
async def test_who_waits_gets_the_agent_who(sockets, alice, shop, how):
    busy = await in_db(make_session, shop, says="Busy", agent=alice)
    columns = {
        "opens a console": {"last_seen_at": None},
        "comes online": {"availability": "away"},
        "takes on more": {"capacity": 1},
        "comes back to the desk": {},
        "has room": {"capacity": 1},
    }[how]
    if how == "opens a console":
        await in_db(change, alice, **columns)
        session = await in_db(make_session, shop, says="Hello")
        await sockets.console(alice)
    else:
        console, _ = await sockets.console(alice)
        await in_db(change, alice, **columns)
        if how == "comes back to the desk":
            await in_db(change, alice, last_active_at=ago(600))
            await beat(console, active=False)
        session = await in_db(make_session, shop, says="Hello")
        assert not await in_db(is_alices, session)
        if how == "comes online":
            await in_db(services.change_availability, alice.user_id, availability="online")
        elif how == "takes on more":
            await in_db(services.change_availability, alice.user_id, capacity=2)
        elif how == "comes back to the desk":
            await beat(console, active=True)
        else:
            await in_db(chats.end_session, busy.session.session_id, chats.VISITOR)
    await until(is_alices, session)


async def test_a_bell_that_nobody_heard_costs_one_pass(sockets, alice, shop, monkeypatch):
    monkeypatch.setattr(consoles, "RIGHTS_SECONDS", 0.05)
    await sockets.console(alice)
    monkeypatch.setattr(hub, "publish", lambda frames: None)
    session = await in_db(make_session, shop, says="Hello")
    await until(is_alices, session)


async def test_the_bell_is_for_processes_and_no_client_hears_it(sockets, alice, shop):
    console, _ = await sockets.console(alice)
    await in_db(change, alice, availability="away")
    await in_db(events.publish, [events.queue_grew(shop.pk)])
    await beat(console)
    assert [name for name, _ in console.kept] == []
    assert await console.is_silent()


async def test_a_pass_that_fails_is_not_the_last(sockets, alice, shop, monkeypatch):
    monkeypatch.setattr(consoles, "RIGHTS_SECONDS", 0.05)
    failed = []
    look = services.selectors.chats_to_assign

    def fail_once():
        if not failed:
            failed.append(True)
            raise RuntimeError
        return look()

    monkeypatch.setattr(services.selectors, "chats_to_assign", fail_once)
    await sockets.console(alice)
    session = await in_db(make_session, shop, says="Hello")
    await until(is_alices, session)
    assert failed
