"""One instance of a thing for each event loop. A web process has one loop; a test run has many."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    def __init__(self, factory: Callable[[], T]) -> None:
        self._factory = factory
        self._instances: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def current(self) -> T:
        """The running loop's instance, made at the first call."""
        loop = asyncio.get_running_loop()
        if loop not in self._instances:
            self._instances[loop] = self._factory()
        return self._instances[loop]

    def running(self) -> list[T]:
        """The instances of all loops that run now; may be called from any thread."""
        return [instance for loop, instance in list(self._instances.items()) if loop.is_running()]
