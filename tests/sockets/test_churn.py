"""Who has gone leaves nothing behind in the process."""

import asyncio
import contextlib
from collections.abc import Sized

import pytest

from agents_app.consoles import consoles
from sessions_app import presence
from sessions_app.hub import hubs
from sessions_app.occupancy import ledgers
from sessions_app.presence import boards
from sessions_app.shutdown import drains
from sessions_app.writer import writers
from tests.factories import make_session
from tests.sockets.conftest import PATIENCE_SECONDS, in_db

pytestmark = pytest.mark.django_db(transaction=True)

VISITORS, TABS = 10, 3


def sizes() -> dict[str, int]:
    """Of everything that this loop's parts collect, by its name; what is empty is left out."""
    parts = [each.current() for each in (hubs, boards, consoles, ledgers, drains, writers)]
    return {
        f"{type(part).__name__}.{name}": len(value)
        for part in parts
        for name, value in vars(part).items()
        if isinstance(value, Sized) and not isinstance(value, str) and len(value)
    }


async def test_IN11_sockets_that_have_gone_are_in_no_dictionary_any_more(sockets, tenant, alice, monkeypatch):
    monkeypatch.setattr(presence, "LEAVE_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(presence, "ANSWER_SECONDS", 0.1)
    assert sizes() == {}
    visitors = [await in_db(make_session, tenant) for _ in range(VISITORS)]
    open_sockets = []
    for vera in visitors:
        tabs = [sockets.visitor(vera) for _ in range(TABS)]
        for tab in tabs:
            await tab.hello(vera)
        await tabs[0].say("Hello")
        await tabs[1].send("page.view", url="https://shop.example/", title="Shop")
        await tabs[2].send("ping", visible=True, active=True)
        open_sockets += tabs
    console, _ = await sockets.console(alice)
    await console.send("chat.open", session_id=str(visitors[0].session.session_id))
    await console.expect("chat.session.ready")
    assert sizes()["Drain.sockets"] == VISITORS * TABS + 1

    for socket in [*open_sockets, console]:
        await socket.disconnect()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sizes():
                await asyncio.sleep(0.02)
    assert sizes() == {}
