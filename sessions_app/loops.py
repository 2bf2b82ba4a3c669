"""Event loops: one instance of a thing for each (a web process has one loop, a test run has many), and coroutines that
seldom wait."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    def __init__(self, factory: Callable[[], T]) -> None:
        self._factory = factory
        self._instances: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()
        self._latest: tuple[asyncio.AbstractEventLoop | None, T | None] = (None, None)

    def current(self) -> T:
        """The running loop's instance, made at the first call."""
        loop = asyncio.get_running_loop()
        latest, instance = self._latest  # the only one, in a web process that is asked for each message
        if latest is not loop:
            if loop not in self._instances:
                self._instances[loop] = self._factory()
            instance = self._instances[loop]
            self._latest = loop, instance
        return instance

    def running(self) -> list[T]:
        """The instances of all loops that run now; may be called from any thread."""
        return [instance for loop, instance in list(self._instances.items()) if loop.is_running()]


def start_eagerly(work: Coroutine[Any, None, None]) -> None:
    """Runs ``work`` here and now until it first has to wait; only then does it become a task. For a coroutine that
    hardly ever waits this saves the greater part of its cost. (Python 3.12 has eager tasks.)

    ``work`` must catch its own exceptions, and must not ask for the current task.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return
    task = asyncio.get_running_loop().create_task(_go_on(work, awaited))
    _going_on.add(task)  # the loop itself does not keep its tasks alive
    task.add_done_callback(_going_on.discard)


_going_on: set[asyncio.Task[None]] = set()


@coroutine
def _go_on(work: Coroutine[Any, None, None], awaited: object) -> Generator[object, object, None]:
    while True:
        try:
            result, step = (yield awaited), work.send
        except BaseException as error:  # noqa: BLE001 - a cancellation, above all, is for the coroutine to handle
            result, step = error, work.throw
        try:
            awaited = step(result)
        except StopIteration:
            return
