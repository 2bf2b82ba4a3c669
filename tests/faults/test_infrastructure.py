"""What stands below and beside the web processes breaks: Redis, PostgreSQL, a process, worker and beat.

The servers are this file's own (``world``); two web processes, ``here`` (daphne) and ``there`` (uvicorn), use them.
"""

import asyncio
import contextlib
import random
import signal
import sys
from uuid import uuid4

import httpx
import psutil
import pytest
import websockets

from tests.chaos.nemesis import stopped
from tests.faults.people import (
    PATIENCE_SECONDS,
    Vera,
    history,
    pass_time,
    status,
    until,
    waiting_for_locks,
)

MESSAGE = "SELECT count(*) FROM sessions_app_message WHERE client_message_id = %s"
CUTS = 100


@contextlib.asynccontextmanager
async def chat(vera, here, alice, there):
    """Vera here and alice there, in one chat: (vera's socket, alice's socket)."""
    visitor, _ = await vera.at(here)
    await visitor.send_until_acknowledged(body="Hello")
    alice.accept(there, vera)
    agent, ready = await alice.at(there)
    assert vera.id in {summary["session_id"] for summary in ready["sessions"]}
    yield visitor, agent
    for socket in (visitor, agent):
        await socket.socket.close()


async def repaired(socket, seq, missed=1, **of_session):
    """What a client does about a bell that it has not heard: the pong tells, the history brings."""
    await socket.send("ping")
    pong = await socket.expect("pong")
    pulses = {one["session_id"]: one for one in pong.get("sessions", [])}
    assert pulses.get(of_session.get("session_id"), pong)["last_seq"] == seq
    await socket.send("chat.history", after_seq=seq - missed, **of_session)
    history = await socket.expect("chat.history")
    return [message["body"] for message in history["messages"]]


async def bells_ring_between(visitor, agent, session_id):
    """From process to process, both ways, without asking: repeated until the subscriptions stand again."""
    for sender, other, payload in ((visitor, agent, {}), (agent, visitor, {"session_id": session_id})):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                sent = await sender.send_until_acknowledged(body="Do you hear me?", **payload)
                with contextlib.suppress(TimeoutError):
                    await other.expect("chat.message.new", where=at_least(sent["seq"]), seconds=1)
                    break


def at_least(seq):
    return lambda payload: payload["message"]["seq"] >= seq


# --- Redis --------------------------------------------------------------------------------------------------------


async def test_IN01_TR04_redis_restarts_and_nothing_is_lost_but_a_bell(world, webs, alice):
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        world.servers.stop("redis")
        try:
            asked = await visitor.send_until_acknowledged(body="Do you have it in blue?")
            answered = await agent.send_until_acknowledged(body="Yes", session_id=vera.id)
            assert answered["seq"] == asked["seq"] + 1
            # The bells are lost. Both learn of the other's message by their heartbeats, while Redis is still down.
            assert await repaired(visitor, answered["seq"]) == ["Yes"]
            both = ["Do you have it in blue?", "Yes"]
            assert await repaired(agent, answered["seq"], missed=2, session_id=vera.id) == both
        finally:
            world.start_redis()
        await bells_ring_between(visitor, agent, vera.id)


async def test_IN01_however_often_redis_breaks_each_process_listens_by_one_subscription(world, webs, alice):
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        await bells_ring_between(visitor, agent, vera.id)
        listeners = world.listeners()
        for web in (here, there, here):
            tab, _ = await vera.at(web)
            with world.redis() as redis:
                redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            tab.cut()  # leaves while nobody knows yet that the connection is gone
            tab, _ = await vera.at(web)
            world.servers.stop("redis", signal.SIGKILL)
            tab.cut()  # leaves while there is no Redis
            world.start_redis()
        await bells_ring_between(visitor, agent, vera.id)
        await until(lambda: world.listeners() == listeners)


async def test_IN03_a_paused_redis_holds_up_no_send(world, webs, alice):
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        threads = [psutil.Process(web.pid).num_threads() for web in webs]
        with stopped(world, "redis"):
            for number in range(30):
                await visitor.send_until_acknowledged(body=f"Line {number}")
                last = await agent.send_until_acknowledged(body=f"Answer {number}", session_id=vera.id)
            assert await repaired(visitor, last["seq"]) == ["Answer 29"]
            newcomer, ready = await vera.at(there)
            assert ready["last_seq"] == last["seq"]
            await newcomer.socket.close()
            ready = await asyncio.to_thread(httpx.get, f"{here.url}/readyz", trust_env=False, timeout=PATIENCE_SECONDS)
            assert (ready.status_code, ready.json()["redis"]) == (503, "unreachable")
            for web, before in zip(webs, threads, strict=True):
                assert psutil.Process(web.pid).num_threads() < before + 15
        await bells_ring_between(visitor, agent, vera.id)


async def test_IN03_a_full_redis_holds_up_no_send(world, webs, alice):
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        with world.redis() as redis:
            redis.config_set("maxmemory", 1)
            try:
                sent = await visitor.send_until_acknowledged(body="No room for limits")
                answer = await asyncio.to_thread(vera.post, there, "Nor here")
                assert answer.status_code == 201
                assert answer.json()["data"]["seq"] == sent["seq"] + 1
            finally:
                redis.config_set("maxmemory", 0)
        await bells_ring_between(visitor, agent, vera.id)


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
async def test_IN04_postgresql_restarts_under_open_sockets(world, webs, alice, signum):
    here, there = webs
    vera = Vera(here)
    id = str(uuid4())
    async with chat(vera, here, alice, there) as (visitor, agent):
        world.servers.stop("postgresql", signum)
        try:
            await visitor.send("chat.message.send", client_message_id=id, body="Is anybody there?")
            refusal = await visitor.expect("error", "chat.message.ack")
            assert (refusal["code"], refusal["client_message_id"]) == ("unavailable", id)
            assert refusal["retry_after_ms"] > 0
            await agent.send("chat.message.send", session_id=vera.id, client_message_id=str(uuid4()), body="Yes")
            assert (await agent.expect("error", "chat.message.ack"))["code"] == "unavailable"
            answer = await asyncio.to_thread(vera.post, there, "By another door")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        finally:
            world.start_postgresql()
        message = await visitor.send_until_acknowledged(client_message_id=id, body="Is anybody there?")
        assert world.query(MESSAGE, [id]) == [(1,)]
        answer = await agent.send_until_acknowledged(session_id=vera.id, body="Now I am")
        assert answer["seq"] == message["seq"] + 1
        await bells_ring_between(visitor, agent, vera.id)
        await every_door_answers(vera, webs, alice)


async def every_door_answers(vera, webs, alice):
    """No connection of any pool is a dead one: more are asked for at once than were used before."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        for web in webs:
            url = f"{web.url}/api/v1/chat/public/message"
            posts = [client.post(url, **vera.message(f"Afterwards {number}")) for number in range(20)]
            assert {answer.status_code for answer in await asyncio.gather(*posts)} == {201}
            assert (await asyncio.to_thread(alice.summary, web, vera))["session_id"] == vera.id


async def test_IN04_all_backends_are_killed_and_the_next_message_is_stored(world, webs, alice):
    """However many connections idle in the pool: no sender has to try them one after the other."""
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        for web in webs:
            await fill_pool(world, web)
        for number in range(3):
            assert world.kill_backends()
            await visitor.send("chat.message.send", client_message_id=str(uuid4()), body=f"Line {number}")
            answer = await visitor.expect("chat.message.ack", "error")
            assert "code" not in answer, answer
            await agent.send_until_acknowledged(session_id=vera.id, body=f"Answer {number}")
        await every_door_answers(vera, webs, alice)


async def fill_pool(world, web, connections=8):
    """So many visitors wait for one row at the same time that each has a connection of its own."""
    held = Vera(web)
    async with httpx.AsyncClient(base_url=web.url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        with world.connect() as connection:
            connection.execute("SELECT 1 FROM sessions_app_chatsession WHERE session_id = %s FOR UPDATE", [held.id])
            calls = (client.post("/api/v1/chat/public/message", **held.message("Held")) for _ in range(connections))
            waiting = [asyncio.create_task(call) for call in calls]
            await until(lambda: waiting_for_locks(world) == connections)
            connection.rollback()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {201}


async def test_IN04_the_pool_is_exhausted(world, webs):
    """By visitors of a session whose row somebody holds: another session's visitor asks in vain, for as long."""
    narrow = world.web("narrow", DATABASE_POOL_MAX="3", DATABASE_POOL_TIMEOUT_SECONDS="1")
    narrow.start()
    narrow.wait_until_ready()
    try:
        held, vera = Vera(narrow), Vera(narrow)
        visitor, _ = await vera.at(narrow)
        await visitor.send("ping")
        await visitor.expect("pong")  # heartbeats keep one of the three for a while
        id = str(uuid4())
        with world.connect() as connection:
            connection.execute("SELECT 1 FROM sessions_app_chatsession WHERE session_id = %s FOR UPDATE", [held.id])
            waiting = [asyncio.create_task(asyncio.to_thread(held.post, narrow, "Held")) for _ in range(2)]
            await until(lambda: waiting_for_locks(world) == 2)
            await visitor.send("chat.message.send", client_message_id=id, body="And I?")
            assert (await visitor.expect("error", "chat.message.ack"))["code"] == "unavailable"
            connection.rollback()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [201, 201]
        assert (await visitor.send_until_acknowledged(client_message_id=id, body="And I?"))["seq"] == 1
        await visitor.socket.close()
    finally:
        narrow.stop()


# --- a web process ------------------------------------------------------------------------------------------------


async def test_IN06_a_killed_process_takes_nothing_along(webs, alice):
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        last = await visitor.send_until_acknowledged(body="Before")
        await visitor.send("chat.message.send", client_message_id=(id := str(uuid4())), body="In between")
        here.kill()
        with pytest.raises(websockets.ConnectionClosed):
            await visitor.expect("nothing")
        missed = await agent.send_until_acknowledged(session_id=vera.id, body="Are you still there?")

        again, ready = await vera.at(there, after_seq=last["seq"])
        assert ready["resume"] == "resumed"
        assert missed["seq"] in [message["seq"] for message in ready["messages"]]
        message = await again.send_until_acknowledged(client_message_id=id, body="In between")
        stored = (await asyncio.to_thread(history, there, vera))["messages"]
        assert [one["client_message_id"] for one in stored].count(id) == 1
        assert [one["seq"] for one in stored] == list(range(1, len(stored) + 1))
        assert message in stored
        assert (await asyncio.to_thread(alice.summary, there, vera))["presence"] == "online"
        await again.socket.close()


async def test_IN06_what_a_stopped_process_had_received_is_not_stored_twice(world, webs, alice):
    here, there = webs
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        id = str(uuid4())
        here.send(signal.SIGSTOP)
        try:
            await visitor.send("chat.message.send", client_message_id=id, body="Hello?")
            again, _ = await vera.at(there)
            message = await again.send_until_acknowledged(client_message_id=id, body="Hello?")
            after = await again.send_until_acknowledged(body="Good")
        finally:
            here.send(signal.SIGCONT)
        # It wakes up, works off what it had received, and answers with what the other one has stored.
        late = await visitor.expect("chat.message.ack")
        assert (late["client_message_id"], late["message"]) == (id, message)
        assert world.query(MESSAGE, [id]) == [(1,)]
        assert after["seq"] == message["seq"] + 1
        await again.socket.close()


async def test_IN06_PR_presence_after_a_kill_is_right_within_its_time(world, webs, alice):
    """Nobody says goodbye for the visitors of a killed process: their stamps age."""
    here, there = webs
    stays, goes = Vera(here), Vera(here)
    sockets = [(await vera.at(here))[0] for vera in (stays, goes)]
    for socket in sockets:
        await socket.send_until_acknowledged(body="Hello")
    agent, _ = await alice.at(there)
    here.kill()
    back, _ = await stays.at(there, after_seq=1)
    for vera in (stays, goes):
        assert (await asyncio.to_thread(alice.summary, there, vera))["presence"] == "online"

    pass_time(world, 151, stays, goes)
    await back.send("ping", visible=True, active=False)
    await back.expect("pong")

    assert (await asyncio.to_thread(alice.summary, there, stays))["presence"] == "online"
    assert (await asyncio.to_thread(alice.summary, there, goes))["presence"] == "gone"
    await agent.send("ping")
    shown = {pulse["session_id"]: pulse["presence"] for pulse in (await agent.expect("pong"))["sessions"]}
    assert shown.get(stays.id) == "online"
    assert goes.id not in shown  # who is gone takes no agent's time

    pass_time(world, 150, goes)
    world.manage("sweep")
    assert status(world, stays) == "queued"
    assert status(world, goes) == "abandoned"
    for socket in (back, agent):
        await socket.socket.close()


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "rolled back"])
async def test_SM07_a_process_killed_between_insert_and_commit_stores_all_or_nothing(world, webs, is_committed):
    """PostgreSQL has received the COMMIT together with the INSERT: it carries it out unless the backend dies, too."""
    here, there = webs
    vera = Vera(here)
    visitor, _ = await vera.at(here)
    id = str(uuid4())
    with world.connect() as connection:
        # The message is inserted; writing the session, which comes next, waits for this.
        connection.execute("LOCK TABLE sessions_app_chatsession IN SHARE MODE")
        await visitor.send("chat.message.send", client_message_id=id, body="Half")
        [pid] = await until(lambda: backends_waiting(world))
        here.kill()
        if not is_committed:
            world.query("SELECT pg_terminate_backend(%s)", [pid])
            await until(lambda: pid not in backends(world))
        connection.rollback()
    await until(lambda: pid not in backends(world))
    assert world.query(MESSAGE, [id]) == [(int(is_committed),)]

    again, _ = await vera.at(there)
    assert (await again.send_until_acknowledged(client_message_id=id, body="Half"))["seq"] == 1
    assert world.query(MESSAGE, [id]) == [(1,)]
    await again.socket.close()


def backends_waiting(world) -> list[int]:
    rows = world.query("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE%'")
    return [pid for (pid,) in rows]


def backends(world) -> list[int]:
    return [pid for (pid,) in world.query("SELECT pid FROM pg_stat_activity")]


COMMIT_WAITS = """
CREATE FUNCTION wait_in_commit() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_in_commit AFTER INSERT ON sessions_app_message
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_in_commit()
"""


@pytest.fixture
def slow_commit(world):
    """Who inserts a message waits in COMMIT for as long as this connection has its lock."""
    world.query(COMMIT_WAITS)
    with world.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        connection.commit()
        yield connection
    world.query("DROP FUNCTION wait_in_commit CASCADE")


async def test_SM07_TR04_a_process_killed_between_commit_and_acknowledgement(world, webs, alice, slow_commit):
    """It had told nobody: the sender repeats, and the agent learns by the next heartbeat."""
    here, there = webs
    vera = Vera(here)
    agent, _ = await alice.at(there)
    visitor, _ = await vera.at(here)
    id = str(uuid4())
    await visitor.send("chat.message.send", client_message_id=id, body="Committed")
    await until(
        lambda: world.query(
            "SELECT 1 FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event IS NOT NULL"
            " AND wait_event_type = 'Lock'"
        )
    )
    here.kill()
    slow_commit.execute("SELECT pg_advisory_unlock(7)")
    slow_commit.commit()
    await until(lambda: world.query(MESSAGE, [id]) == [(1,)])

    await agent.send("ping")
    pulses = {pulse["session_id"]: pulse["last_seq"] for pulse in (await agent.expect("pong"))["sessions"]}
    assert pulses[vera.id] == 1
    await agent.send("chat.history", session_id=vera.id, after_seq=0)
    [missed] = (await agent.expect("chat.history"))["messages"]
    again, ready = await vera.at(there)
    assert ready["messages"] == [missed]
    assert await again.send_until_acknowledged(client_message_id=id, body="Committed") == missed
    assert world.query(MESSAGE, [id]) == [(1,)]
    for socket in (again, agent):
        await socket.socket.close()


# --- the network --------------------------------------------------------------------------------------------------


async def test_TR03_a_hundred_cuts_right_after_sending_cost_no_message(world, webs):
    vera = Vera(webs[0])
    rng = random.Random(3)
    seqs = []
    for number in range(CUTS):
        id = str(uuid4())
        socket, _ = await vera.at(rng.choice(webs), after_seq=len(seqs))
        await socket.send("chat.message.send", client_message_id=id, body=f"Line {number}")
        # A random point between the frame's leaving and its acknowledgement's arrival.
        for _ in range(rng.choice([0, 1, 2, 5, 20, 100])):
            await asyncio.sleep(0)
        socket.cut()
        socket, _ = await vera.at(rng.choice(webs), after_seq=len(seqs))
        message = await socket.send_until_acknowledged(client_message_id=id, body=f"Line {number}")
        seqs.append(message["seq"])
        socket.cut()

    assert seqs == list(range(1, CUTS + 1))
    stored = world.query(
        "SELECT body FROM sessions_app_message AS message JOIN sessions_app_chatsession AS session"
        " ON session.id = message.session_id WHERE session.session_id = %s ORDER BY seq",
        [vera.id],
    )
    assert [body for (body,) in stored] == [f"Line {number}" for number in range(CUTS)]


# --- worker and beat ----------------------------------------------------------------------------------------------

MISSED_SWEEPS = """
import django; django.setup()
from sessions_app.tasks import sweep_sessions
from agents_app.tasks import release_chats_of_absent_agents
for _ in range(3):
    sweep_sessions.delay()
    release_chats_of_absent_agents.delay()
"""


async def test_IN09_without_worker_and_beat_the_chat_goes_on_and_is_caught_up_once(world, webs, alice):
    """In this world neither runs, so every test here is about the first half."""
    here, there = webs
    lost = [Vera(here) for _ in range(5)]
    vera = Vera(here)
    async with chat(vera, here, alice, there) as (visitor, agent):
        pass_time(world, 310, *lost)
        with world.redis() as redis:
            redis.flushdb()  # what beat had queued
        assert {status(world, one) for one in lost} == {"queued"}
        environment = world.environment | {"DJANGO_SETTINGS_MODULE": "chatcenter.settings"}
        sender = await asyncio.create_subprocess_exec(sys.executable, "-c", MISSED_SWEEPS, env=environment)
        assert await sender.wait() == 0
        worker = world.worker()
        worker.start()
        try:
            await until(lambda: {status(world, one) for one in lost} == {"abandoned"})
            await until(lambda: worker.log.read_text().count("sweep_sessions") >= 6)  # 3 received, 3 succeeded
        finally:
            worker.stop()
        closings = world.query(
            "SELECT count(*) FROM sessions_app_sessionevent AS event JOIN sessions_app_chatsession AS session"
            " ON session.id = event.session_id WHERE session.session_id = ANY(%s::uuid[]) AND to_status = 'abandoned'",
            [[one.id for one in lost]],
        )
        assert closings == [(len(lost),)]
        assert status(world, vera) == "active"
        await bells_ring_between(visitor, agent, vera.id)
