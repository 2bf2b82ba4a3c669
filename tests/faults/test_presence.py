"""Who is there, by visitors and an agent at two processes, at the times that production has."""

import asyncio
import json

from tests.faults.people import PATIENCE_SECONDS, Vera

TABS = 10
APART_SECONDS = 0.15  # their leavings meet the processes at every point of the second between two flushes


async def gone_until(agent, vera):
    """The sessions whose visitors are reported as gone, up to that one; visitors of earlier tests among them."""
    gone = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while vera.id not in gone:
            frame = json.loads(await agent.socket.recv())
            if frame["type"] == "session.presence" and frame["payload"]["presence"] == "gone":
                gone.append(frame["payload"]["session_id"])
    return gone


async def test_a_tab_at_another_process_and_a_reload_there_are_no_leaving(webs, alice):
    here, there = webs
    *stay, leaves = await Vera.many(here, 2 * TABS + 1)
    agent, _ = await alice.at(there)
    first, second = [], []
    for number, vera in enumerate([*stay, leaves]):
        socket, _ = await vera.at(here)
        await socket.send_until_acknowledged(body="Hello")
        first.append(socket)
        if number < TABS:
            second.append((await vera.at(there))[0])

    for number, socket in enumerate(first):
        await socket.socket.close()
        if TABS <= number < 2 * TABS:
            second.append((await stay[number].at(there))[0])
        await asyncio.sleep(APART_SECONDS)

    # What became of the others had been decided before: this one left last.
    gone = await gone_until(agent, leaves)
    assert not {vera.id for vera in stay} & set(gone)
    for socket in [agent, *second]:
        await socket.socket.close()
