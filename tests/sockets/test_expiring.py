"""Before the idle rule closes a chat, both sides are told when that will be, and when it has been put off."""

from datetime import datetime

import pytest
import pytest_asyncio

from sessions_app import services
from sessions_app.serializers import timestamp
from tests.factories import age, fresh, make_agent, make_session, make_tenant
from tests.sockets.conftest import in_db, until

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

EXPIRING = "chat.session.expiring"


@pytest_asyncio.fixture
async def shop():
    return await in_db(make_tenant)


async def idle_for(session, **past) -> None:
    await in_db(age, session, only=("last_activity_at",), **past)


def seconds_left(payload: dict) -> float:
    at, now = (datetime.fromisoformat(payload[name]) for name in ("at", "server_time"))
    return (at - now).total_seconds()


async def test_both_sides_are_warned_of_the_moment(sockets, shop):
    alice = await in_db(make_agent, "alice", [shop])
    vera = await in_db(make_session, shop, says="Hello")
    console, _ = await sockets.console(alice)
    await idle_for(vera, minutes=28)
    visitor = sockets.visitor(vera)
    await visitor.hello(vera)

    for socket in (visitor, console):
        warning = await socket.expect(EXPIRING)
        assert warning["session_id"] == str(vera.session.session_id)
        assert 110 <= seconds_left(warning) <= 120


async def test_a_console_that_comes_later_knows_the_moment(sockets, shop):
    alice = await in_db(make_agent, "alice", [shop])
    idle, busy = [await in_db(make_session, shop, says="Hello") for _ in range(2)]
    await idle_for(idle, minutes=28)
    _, ready = await sockets.console(alice)

    told = {summary["session_id"]: summary["expires_at"] for summary in ready["sessions"]}
    until = (await in_db(fresh, idle)).expires_at
    assert told == {str(idle.session.session_id): timestamp(until), str(busy.session.session_id): None}


async def test_who_is_still_here_puts_it_off_for_everybody(sockets, shop):
    alice = await in_db(make_agent, "alice", [shop])
    vera = await in_db(make_session, shop, says="Hello")
    console, _ = await sockets.console(alice)
    await idle_for(vera, minutes=29)
    tab, other = sockets.visitor(vera), sockets.visitor(vera)
    await tab.hello(vera)
    await other.hello(vera)
    for socket in (tab, other, console):
        await socket.expect(EXPIRING)

    await tab.send("chat.still_here")

    for socket in (tab, other, console):
        while seconds_left(await socket.expect(EXPIRING)) < 1000:
            pass
    assert (await in_db(fresh, vera)).status == "queued"


async def test_a_page_load_puts_it_off_too(sockets, shop):
    vera = await in_db(make_session, shop, says="Hello")
    await idle_for(vera, minutes=29)
    tab = sockets.visitor(vera)
    await tab.hello(vera)
    await tab.expect(EXPIRING)

    await sockets.visitor(vera).hello(vera, restored=True)

    while seconds_left(await tab.expect(EXPIRING)) < 1000:
        pass


async def test_nobody_is_warned_whom_the_rule_does_not_take_soon(sockets, shop):
    alice = await in_db(make_agent, "alice", [shop])
    early = await in_db(make_session, shop, says="Hello")
    answered = await in_db(make_session, shop, says="Hello", agent=alice)
    await idle_for(early, minutes=27)
    await idle_for(answered, minutes=29)
    for session in (early, answered):
        tab = sockets.visitor(session)
        await tab.hello(session)
        await tab.send("ping", visible=True, active=False)
        await tab.expect("pong")
        assert await tab.is_silent()
        assert EXPIRING not in dict(tab.kept)


async def test_an_active_chat_is_warned_where_the_rule_takes_it(sockets):
    strict = await in_db(make_tenant, "strict", idle_rule_for_active=True)
    alice = await in_db(make_agent, "alice", [strict])
    vera = await in_db(make_session, strict, says="Hello", agent=alice)
    await idle_for(vera, minutes=29)
    tab = sockets.visitor(vera)
    await tab.hello(vera)

    assert 50 <= seconds_left(await tab.expect(EXPIRING)) <= 60


async def test_a_short_expiry_is_announced_for_its_second_half(sockets):
    hasty = await in_db(make_tenant, "hasty", session_expiry_seconds=200, disconnect_timeout_seconds=150)
    vera = await in_db(make_session, hasty, says="Hello")
    await idle_for(vera, seconds=90)
    tab = sockets.visitor(vera)
    await tab.hello(vera)
    await tab.send("ping", visible=True, active=False)
    await tab.expect("pong")
    assert await tab.is_silent()
    assert EXPIRING not in dict(tab.kept)

    await idle_for(vera, seconds=20)
    await tab.send("ping", visible=True, active=False)

    assert 60 <= seconds_left(await tab.expect(EXPIRING)) <= 100


async def test_the_moment_that_was_announced_is_when_it_is_closed(sockets, shop):
    vera = await in_db(make_session, shop, says="Hello")
    await idle_for(vera, minutes=29)
    tab = sockets.visitor(vera)
    await tab.hello(vera)
    left = seconds_left(await tab.expect(EXPIRING))

    await idle_for(vera, seconds=left)
    await in_db(services.sweep)

    await until(lambda: fresh(vera).closed_reason == "idle")
