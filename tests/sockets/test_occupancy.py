"""At most so many sockets for an address and for a session, however many web processes share them."""

import asyncio
import math
import threading
from collections import Counter
from uuid import uuid4

import pytest
import pytest_asyncio

from sessions_app import occupancy, throttles
from sessions_app.occupancy import PREFIX, Ledger
from tests.factories import make_session

ADDRESS = "192.0.2.7"
OTHER_ADDRESS = "192.0.2.8"


class Tab:
    """What a ledger knows of a socket."""

    def __init__(self):
        self.codes = []

    def close(self, code):
        self.codes.append(code)


class Process(Ledger):
    """What a web process knows, without the rest of it."""

    @property
    def declarations(self):
        return self._version

    async def enter_tabs(self, session_id, count, *, seconds_ago=0):
        tabs = []
        for _ in range(count):
            tabs.append(Tab())
            self.enter(session_id, tabs[-1])
            self._sessions[str(session_id)][tabs[-1]] -= seconds_ago
            await asyncio.sleep(0.002)  # ages are told in milliseconds
        return tabs

    async def declares(self, times=2):
        """Until so many more declarations are on their way: all but the last have been answered then."""
        until = self.declarations + times
        await eventually(lambda: self.declarations >= until)

    async def all_is_answered(self):
        """Nothing is on its way, until the loop goes on."""
        await eventually(lambda: self._known == self._version)

    async def kill(self):
        """It says nothing any more, and what it had said has arrived."""
        self._keeper.cancel()
        await asyncio.to_thread(self._executor.submit(lambda: None).result)

    def is_long_silent(self):
        """As if it had last been heard of more than TTL_SECONDS ago."""
        redis = throttles._client()
        assert 0 < redis.pttl(f"{PREFIX}{self._id}") <= 1000 * occupancy.TTL_SECONDS
        redis.delete(f"{PREFIX}{self._id}")
        redis.zadd(f"{PREFIX}processes", {self._id: 0})


async def eventually(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _soon(monkeypatch, settings):
    """What is to come comes soon; nobody is taken for dead, or let in, because this machine is slow."""
    monkeypatch.setattr(occupancy, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(occupancy, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(occupancy, "TTL_SECONDS", 60.0)
    monkeypatch.setattr(occupancy, "ADMIT_SECONDS", 60.0)
    monkeypatch.setattr(throttles, "_failed_at", -math.inf)
    settings.CHAT_MAX_SOCKETS_PER_ADDRESS = 3


@pytest.fixture
def unhurried(monkeypatch):
    """A session may have too many for longer than it takes this machine to tell who has gone."""
    monkeypatch.setattr(occupancy, "SETTLE_SECONDS", 50.0)


async def nobody_has_too_many():
    await eventually(lambda: not throttles._client().exists(f"{PREFIX}crowded"))


async def run_process():
    process = Process()
    yield process
    if process._keeper is not None:
        process._keeper.cancel()
    # What is on its way must not arrive in the next test's Redis.
    await asyncio.to_thread(process._executor.shutdown)


here = pytest_asyncio.fixture(run_process, name="here")
there = pytest_asyncio.fixture(run_process, name="there")


@pytest.fixture
def session_id():
    return uuid4()


@pytest.fixture
def hold(monkeypatch):
    """``release = hold(which)``: keeps back the declarations of whose arguments it is true, or their answers."""

    class Held:
        def __init__(self, which, is_answer):
            self.which, self.is_answer, self.is_held = which, is_answer, False
            self.gate = threading.Event()

        def keep(self, *about):
            if not self.gate.is_set() and self.which(*about):
                self.is_held = True
                assert self.gate.wait(60)

        def __call__(self):
            self.gate.set()

    held = []
    works = throttles.evaluate

    def evaluate(script, keys, args):
        for one in held:
            if not one.is_answer:
                one.keep(args)
        answer = works(script, keys, args)
        for one in held:
            if one.is_answer:
                one.keep(args, answer)
        return answer

    def hold(which, *, is_answer=False):
        held.append(Held(which, is_answer))
        return held[-1]

    monkeypatch.setattr(throttles, "evaluate", evaluate)
    yield hold
    for one in held:
        one()


async def admitted(process, count, address=ADDRESS):
    """How many of ``count`` who come at once."""
    return sum(await asyncio.gather(*(process.admit(address) for _ in range(count))))


# --- an address ---------------------------------------------------------------------------------------------------


async def test_all_processes_count_the_sockets_of_an_address_together(here, there):
    assert await admitted(here, 2) == 2
    assert await admitted(there, 1) == 1

    assert await admitted(here, 1) == 0
    assert await admitted(there, 1) == 0
    assert await admitted(there, 1, OTHER_ADDRESS) == 1


async def test_of_those_who_come_at_once_the_first_get_in(here):
    assert await asyncio.gather(*(here.admit(ADDRESS) for _ in range(5))) == [True] * 3 + [False] * 2


async def test_at_two_processes_at_once_no_more_get_in_than_there_is_room_for(here, there):
    assert sum(await asyncio.gather(admitted(here, 10), admitted(there, 10))) <= 3


async def test_who_goes_makes_room_in_every_process(here, there):
    await admitted(here, 3)
    here.discharge(ADDRESS)
    await here.declares()

    assert await admitted(there, 2) == 1


async def test_the_last_one_to_go_makes_room_at_once(here, there, monkeypatch):
    """Its process may be on its way out: nobody else would tell."""
    monkeypatch.setattr(occupancy, "RENEW_SECONDS", 60)
    await admitted(here, 3)
    for _ in range(3):
        here.discharge(ADDRESS)
    await eventually(lambda: here._keeper.done())

    assert await admitted(there, 3) == 3


async def test_the_sockets_of_a_killed_process_stop_counting(here, there):
    await admitted(here, 3)
    await here.kill()
    assert await admitted(there, 1) == 0
    here.is_long_silent()

    assert await admitted(there, 4) == 3
    assert throttles._client().zrange(f"{PREFIX}processes", 0, -1) == [there._id.encode()]


async def test_a_process_that_was_taken_for_dead_counts_again(here, there):
    await admitted(here, 2)
    await admitted(there, 1)
    await here.kill()
    here.is_long_silent()
    await there.declares()
    here._change(f"a:{ADDRESS}")  # it goes on, and learns of it first
    await here.declares(3)

    assert await admitted(there, 2) == 0


# --- a session ----------------------------------------------------------------------------------------------------


async def test_beyond_five_sockets_of_a_session_the_oldest_of_any_process_goes(here, there, session_id):
    old = await here.enter_tabs(session_id, 3, seconds_ago=600)
    new = await there.enter_tabs(session_id, 4)
    await eventually(lambda: old[1].codes)

    assert [set(tab.codes) for tab in old] == [{4409}, {4409}, set()]
    assert [tab.codes for tab in new] == [[]] * 4


async def test_a_tab_that_is_here_again_before_its_old_socket_is_gone_costs_nobody_a_socket(
    here, session_id, unhurried
):
    tabs = await here.enter_tabs(session_id, 5)
    tabs += await here.enter_tabs(session_id, 1)
    await eventually(lambda: throttles._client().exists(f"{PREFIX}crowded"))
    here.leave(session_id, tabs.pop(3))
    await nobody_has_too_many()
    await here.declares(2)

    assert not any(tab.codes for tab in tabs)


async def test_beyond_ten_those_of_one_process_are_closed_without_asking(here, session_id):
    tabs = await here.enter_tabs(session_id, 12)
    assert [bool(tab.codes) for tab in tabs] == [True] * 2 + [False] * 10
    await eventually(lambda: tabs[6].codes)
    await here.declares(2)

    assert [bool(tab.codes) for tab in tabs] == [True] * 7 + [False] * 5


async def test_without_redis_no_process_keeps_more_than_ten(here, session_id, monkeypatch):
    monkeypatch.setattr(throttles, "evaluate", lambda *_: None)
    tabs = await here.enter_tabs(session_id, 11)

    assert [tab.codes for tab in tabs] == [[4409]] + [[]] * 10


async def test_a_tab_that_moves_between_processes_costs_nobody_a_socket(here, there, session_id, unhurried):
    tabs = await here.enter_tabs(session_id, 3) + await there.enter_tabs(session_id, 2)
    for _ in range(10):
        here.leave(session_id, tabs[0])
        tabs[0] = (await there.enter_tabs(session_id, 1))[0]
        there.leave(session_id, tabs[0])
        tabs[0] = (await here.enter_tabs(session_id, 1))[0]
        await there.declares(1)
    await here.declares(3)
    await nobody_has_too_many()

    assert not any(tab.codes for tab in tabs)


async def test_a_declaration_that_was_on_its_way_when_a_tab_moved_costs_nobody_a_socket(
    here, there, session_id, hold, unhurried
):
    tabs = await there.enter_tabs(session_id, 2) + await here.enter_tabs(session_id, 3)
    await here.declares()
    await there.declares()
    arrive = hold(lambda args: args[0] == here._id)
    await eventually(lambda: arrive.is_held)
    late = here.declarations
    here.leave(session_id, tabs[-1])
    tabs[-1] = (await there.enter_tabs(session_id, 1))[0]
    await admitted(there, 1)
    arrive()
    await eventually(lambda: here._known >= late)
    await admitted(there, 1)
    await here.declares()
    await there.declares()
    await nobody_has_too_many()

    assert not any(tab.codes for tab in tabs)


async def test_a_process_that_has_not_told_all_yet_costs_nobody_a_socket(here, there, session_id, hold, monkeypatch):
    """It has more to tell than goes into one batch, the tab that went comes last."""
    monkeypatch.setattr(occupancy, "BATCH", 1)
    tabs = await there.enter_tabs(session_id, 2) + await here.enter_tabs(session_id, 3)
    await here.declares(4)
    await there.declares(4)
    await here.all_is_answered()
    arrive = hold(lambda args: args[0] == here._id)
    arrive_last = hold(lambda args: args[0] == here._id and args[7:8] == [f"s:{session_id}"])
    here.enter(uuid4(), Tab())
    here.leave(session_id, tabs[-1])
    tabs[-1] = (await there.enter_tabs(session_id, 1))[0]
    await there.declares(4)
    arrive()
    await there.declares(4)
    assert not any(tab.codes for tab in tabs)
    arrive_last()
    await here.declares(4)
    await there.declares(4)

    assert not any(tab.codes for tab in tabs)


async def test_who_went_while_the_verdict_was_on_its_way_is_not_replaced_by_another(here, there, session_id, hold):
    tabs = await here.enter_tabs(session_id, 3, seconds_ago=600) + await there.enter_tabs(session_id, 3)
    verdict = hold(lambda args, answer: answer[1] and args[0] == here._id, is_answer=True)
    await eventually(lambda: verdict.is_held)
    here.leave(session_id, tabs[0])
    verdict()
    await here.declares()
    await there.declares()

    assert not any(tab.codes for tab in tabs)


async def test_when_a_process_is_killed_the_sockets_that_live_stay(here, there, session_id):
    """Its three tabs come to the other process, which has the two oldest, while they still count."""
    tabs = await there.enter_tabs(session_id, 2)
    await here.enter_tabs(session_id, 3)
    await here.declares()
    await here.kill()
    tabs += await there.enter_tabs(session_id, 3)
    await there.declares(8)  # longer than SETTLE_SECONDS
    here.is_long_silent()
    await there.declares(3)

    assert not any(tab.codes for tab in tabs)
    assert throttles._client().zrange(f"{PREFIX}processes", 0, -1) == [there._id.encode()]
    assert not throttles._client().exists(f"{PREFIX}crowded")


# --- Redis --------------------------------------------------------------------------------------------------------


async def test_what_redis_forgot_is_declared_anew_and_nobody_closed(here, there, session_id, redis_client):
    await admitted(here, 2)
    tabs = await here.enter_tabs(session_id, 3) + await there.enter_tabs(session_id, 2)
    await here.declares()
    redis_client.flushdb()
    await here.declares(4)

    assert await admitted(there, 2) == 1
    assert not any(tab.codes for tab in tabs)


async def test_an_older_state_that_redis_restored_is_replaced(here, there, session_id, redis_client):
    """As after a crash: what lies on the disk is some seconds old, and knows of sockets that have gone."""
    await admitted(here, 3)
    await admitted(here, 3, OTHER_ADDRESS)
    tabs = await here.enter_tabs(session_id, 5)
    await here.declares()
    saved = redis_client.dump(f"{PREFIX}{here._id}")
    for address in (ADDRESS, ADDRESS, OTHER_ADDRESS, OTHER_ADDRESS, OTHER_ADDRESS):
        here.discharge(address)
    for tab in tabs[2:]:
        here.leave(session_id, tab)
    await here.declares()
    redis_client.restore(f"{PREFIX}{here._id}", 1000, saved, replace=True)
    tabs = tabs[:2] + await there.enter_tabs(session_id, 3)
    await here.declares(4)

    assert await admitted(there, 3) == 2
    assert await admitted(there, 3, OTHER_ADDRESS) == 3
    assert not any(tab.codes for tab in tabs)


async def test_while_redis_fails_nobody_is_refused_and_afterwards_the_counts_are_right(here, there, monkeypatch):
    works = throttles.evaluate
    monkeypatch.setattr(throttles, "evaluate", lambda *args: None)
    assert await admitted(here, 5) == 5
    assert await admitted(there, 1) == 1
    for _ in range(4):
        here.discharge(ADDRESS)
    monkeypatch.setattr(throttles, "evaluate", works)
    await here.declares()

    assert await admitted(there, 2) == 1


async def test_a_call_that_hangs_keeps_nobody_out(here, hold, monkeypatch):
    monkeypatch.setattr(occupancy, "ADMIT_SECONDS", 0.1)
    hold(lambda args: True)
    assert await admitted(here, 5) == 5


async def test_a_bug_keeps_nobody_out(here, monkeypatch):
    monkeypatch.setattr(throttles, "evaluate", lambda *args: 1 / 0)
    assert await admitted(here, 5) == 5


async def test_a_declaration_whose_answer_was_lost_does_no_harm(here, there, monkeypatch):
    works = throttles.evaluate

    def lose_answer(*args):
        works(*args)

    monkeypatch.setattr(throttles, "evaluate", lose_answer)
    assert await admitted(here, 2) == 2
    monkeypatch.setattr(throttles, "evaluate", works)
    await here.declares(3)

    assert await admitted(there, 2) == 1


async def test_thousands_are_declared_anew_in_batches(here, there, redis_client, monkeypatch):
    sessions = [uuid4() for _ in range(1200)]
    for number, session_id in enumerate(sessions):
        here.enter(session_id, Tab())
        here._addresses[f"198.51.100.{number}"] = 1
    await admitted(here, 2)
    batches = Counter()
    works = throttles.evaluate

    def count(script, keys, args):
        batches[(len(args) - 7) // 2] += 1
        return works(script, keys, args)

    monkeypatch.setattr(throttles, "evaluate", count)
    redis_client.flushdb()
    await here.declares(7)

    assert redis_client.hlen(f"{PREFIX}{here._id}") == 1200 + 1200 + 1 + 1  # and the address, and the version
    assert max(batches) == 500
    assert await admitted(there, 2) == 1


async def test_sockets_that_idle_cost_one_short_call_for_all(here, monkeypatch):
    for _ in range(100):
        here.enter(uuid4(), Tab())
    await admitted(here, 3)
    calls = []
    works = throttles.evaluate

    def record(script, keys, args):
        calls.append(args[7:])
        return works(script, keys, args)

    monkeypatch.setattr(throttles, "evaluate", record)
    await here.declares(5)
    assert not any(calls)


async def test_when_all_have_gone_nothing_is_left(here, session_id, redis_client):
    await admitted(here, 1)
    [tab] = await here.enter_tabs(session_id, 1)
    here.discharge(ADDRESS)
    here.leave(session_id, tab)
    await eventually(lambda: here._keeper.done())

    assert redis_client.hkeys(f"{PREFIX}{here._id}") == [b"version"]
    assert 0 < redis_client.pttl(f"{PREFIX}{here._id}") <= 60_000
    assert 0 < redis_client.pttl(f"{PREFIX}processes") <= 60_000


# --- the visitors' socket -----------------------------------------------------------------------------------------


@pytest.fixture
def vera(transactional_db, tenant):
    return make_session(tenant, says="Hello")


async def is_refused(socket):
    assert await socket.connect()
    name, payload = await socket.receive()
    assert (name, payload["code"], payload["retry_after_ms"]) == ("error", "rate_limited", 10_000)
    return await socket.expect_close() == 4429


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"address": "203.0.113.7"}, {"address": "203.0.113.7"}),
        ({"address": "203.0.113.7"}, {"address": "::ffff:203.0.113.7"}),
        ({"address": "2001:db8:1:2::1"}, {"address": "2001:db8:1:2:ffff::2"}),
        ({"address": "203.0.113.7"}, {"address": "203.0.113.7", "forwarded_for": ("198.51.100.1",)}),
    ],
)
async def test_one_socket_too_many_from_an_address_is_told_when_to_come_back(sockets, vera, settings, first, second):
    settings.CHAT_MAX_SOCKETS_PER_ADDRESS = 1
    tab = sockets.visitor(vera, **first)
    await tab.hello(vera)
    assert await is_refused(sockets.visitor(vera, **second))
    await tab.say("I am still here")

    await tab.disconnect()
    assert (await sockets.visitor(vera, **second).hello(vera))["last_seq"] == 2


@pytest.mark.parametrize(
    ("proxies", "first", "second"),
    [
        (0, {"address": "203.0.113.7"}, {"address": "203.0.113.8"}),
        (0, {"address": "2001:db8:1:2::1"}, {"address": "2001:db8:1:3::1"}),
        (1, {"forwarded_for": ("198.51.100.1",)}, {"forwarded_for": ("198.51.100.2",)}),
        # The proxy has added a line of its own to what the visitor claims.
        (1, {"forwarded_for": ("9.9.9.9", "198.51.100.1")}, {"forwarded_for": ("9.9.9.9", "198.51.100.2")}),
        (2, {"forwarded_for": ("198.51.100.1, 10.0.0.1",)}, {"forwarded_for": ("198.51.100.2, 10.0.0.1",)}),
    ],
)
async def test_another_address_has_places_of_its_own(sockets, vera, settings, proxies, first, second):
    settings.CHAT_MAX_SOCKETS_PER_ADDRESS = 1
    settings.TRUSTED_PROXIES = proxies
    await sockets.visitor(vera, **first).hello(vera)
    await sockets.visitor(vera, **second).hello(vera)
    assert await is_refused(sockets.visitor(vera, **first))


async def test_an_office_full_of_agents_may_share_an_address(sockets, vera, alice, bob, settings):
    settings.CHAT_MAX_SOCKETS_PER_ADDRESS = 1
    for agent in (alice, bob):
        await sockets.console(agent)
    await sockets.visitor(vera).hello(vera)
