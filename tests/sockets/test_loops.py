"""One thing for each loop, and coroutines that are started eagerly: done at once if they need not wait, tasks from the
first wait on."""

import asyncio
import gc

from sessions_app.loops import PerLoop, start_eagerly


def test_each_loop_has_its_own():
    things = PerLoop(object)

    async def current() -> object:
        assert things.current() is things.current()
        return things.current()

    one, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        first, second = one.run_until_complete(current()), other.run_until_complete(current())
        assert first is not second
        assert one.run_until_complete(current()) is first
        assert other.run_until_complete(current()) is second
    finally:
        one.close()
        other.close()


async def test_what_need_not_wait_is_done_at_once():
    done = []

    async def work() -> None:
        done.append(True)

    start_eagerly(work())
    assert done


async def test_what_has_to_wait_goes_on_beside_the_others():
    gate = asyncio.get_running_loop().create_future()
    steps = []

    async def work() -> None:
        steps.append("began")
        steps.append(await gate)
        await asyncio.sleep(0)
        steps.append("ended")

    start_eagerly(work())
    assert steps == ["began"]
    gate.set_result("went on")
    async with asyncio.timeout(60):
        while len(steps) < 3:
            await asyncio.sleep(0)
    assert steps == ["began", "went on", "ended"]


async def test_an_exception_and_a_cancellation_reach_the_coroutine():
    loop = asyncio.get_running_loop()
    gates = [loop.create_future(), loop.create_future()]
    caught = []

    async def work() -> None:
        for gate in gates:
            try:
                await gate
            except (ConnectionError, asyncio.CancelledError) as error:
                caught.append(type(error))

    start_eagerly(work())
    gates[0].set_exception(ConnectionError())
    gates[1].cancel()
    async with asyncio.timeout(60):
        while len(caught) < 2:
            await asyncio.sleep(0)
    assert caught == [ConnectionError, asyncio.CancelledError]


async def test_an_exception_of_its_own_is_reported_as_it_is():
    gate = asyncio.get_running_loop().create_future()
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))

    async def work() -> None:
        await gate
        raise ValueError

    start_eagerly(work())
    gate.set_result(None)
    async with asyncio.timeout(60):
        while not reported:
            await asyncio.sleep(0)
            gc.collect()
    assert [type(error) for error in reported] == [ValueError]
