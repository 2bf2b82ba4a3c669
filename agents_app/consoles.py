"""The consoles of this process: whether their agents may still have them, that they are open, and which waiting chats
go to their agents by themselves.

Done for all of them together, so that the price does not grow with their number.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from channels.db import database_sync_to_async

from agents_app import selectors, services
from agents_app.selectors import Rights
from sessions_app.loops import PerLoop

logger = logging.getLogger(__name__)

# Rights are asked for again this often, whether anybody rang or not: a deactivated agent is out within 30 s. As often
# the queues are looked at.
RIGHTS_SECONDS = 15.0


class Console(Protocol):
    login: str

    async def renew(self, rights: Rights | None) -> None:
        """Takes what the agent may do from now on; None: nothing."""


class Duty:
    """Something to be done whenever somebody rings, and every RIGHTS_SECONDS, as long as it is needed."""

    def __init__(self, work: Callable[[], Awaitable[None]], is_needed: Callable[[], bool]) -> None:
        self._work = work
        self._is_needed = is_needed
        self._bell = asyncio.Event()
        self._task: asyncio.Task | None = None

    def ring(self) -> None:
        self._bell.set()

    def begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go_on())

    async def _go_on(self) -> None:
        while self._is_needed():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), RIGHTS_SECONDS)
            self._bell.clear()
            try:
                await self._work()
            except Exception:  # noqa: BLE001 - a database that fails now is asked again in a moment
                logger.warning("the consoles were not looked after", exc_info=True)


class Consoles:
    def __init__(self) -> None:
        self._open: set[Console] = set()
        self._rights = Duty(self._renew, self._is_any_open)
        # Where an agent is online there is a console, so this process or another one does it for every chat.
        self._queue = Duty(_assign_waiting_chats, self._is_any_open)

    def _is_any_open(self) -> bool:
        return bool(self._open)

    def enter(self, console: Console) -> None:
        self._open.add(console)
        self._rights.begin()
        self._queue.begin()
        self._queue.ring()

    def leave(self, console: Console) -> None:
        self._open.discard(console)

    def ring_for_rights(self) -> None:
        """Somebody's rights may have changed."""
        self._rights.ring()

    def ring_for_queue(self) -> None:
        """Somebody waits, or somebody has room."""
        self._queue.ring()

    async def _renew(self) -> None:
        consoles = list(self._open)
        rights = await _ask_for_rights({console.login for console in consoles})
        for console in consoles:
            if console in self._open:
                try:
                    await console.renew(rights.get(console.login))
                except Exception:  # noqa: BLE001 - it must not hold up the consoles behind it
                    logger.warning("a console was not renewed", exc_info=True)


def _rights_of_open_consoles(logins: Iterable[str]) -> dict[str, Rights]:
    rights = selectors.rights_of_logins(logins)
    # An open socket is an open console, even when a throttled tab sends no beat.
    services.stamp_consoles(one.user_id for one in rights.values())
    return rights


_ask_for_rights = database_sync_to_async(_rights_of_open_consoles, thread_sensitive=False)
_assign_waiting_chats = database_sync_to_async(services.assign_waiting_chats, thread_sensitive=False)
consoles = PerLoop(Consoles)
