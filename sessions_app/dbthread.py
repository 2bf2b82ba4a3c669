"""A thread with a database connection of its own, for what a process asks all the time.

Taking one from the pool each time means a round trip to ask whether it lives, and Django's set-up of it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

R = TypeVar("R")

KEEP_SECONDS = 5.0


class DatabaseThread:
    """Runs one function at a time. The connection goes back to the pool when nobody has asked for a while."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._used_at = 0.0
        self._keeper: asyncio.Task | None = None

    async def run(self, function: Callable[..., R], *args, **kwargs) -> R:
        """``function`` must be fit to be repeated: a connection that has died since it was last used is noticed only
        by failing, and is replaced by another one."""
        loop = asyncio.get_running_loop()
        self._used_at = loop.time()
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._give_back_when_idle())
        return await loop.run_in_executor(self._executor, lambda: _run(function, *args, **kwargs))

    async def _give_back_when_idle(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (rest := self._used_at + KEEP_SECONDS - loop.time()) > 0:
                await asyncio.sleep(rest)
        finally:  # also when the loop ends
            self._executor.submit(_give_back)


def _run(function: Callable[..., R], *args, **kwargs) -> R:
    kept = connection.connection
    try:
        return function(*args, **kwargs)
    except (InterfaceError, OperationalError):
        if kept is None or not kept.closed:
            raise
    finally:
        if connection.errors_occurred:
            _give_back()
    return function(*args, **kwargs)


def _give_back() -> None:
    """Of the thread that calls it; a broken one is not taken back by the pool, which makes another one."""
    connection.close()
