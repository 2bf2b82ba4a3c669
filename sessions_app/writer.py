"""The group commit: messages that arrive while a commit runs share the next one.

A message alone waits for nobody. Measured on two cores: one row a transaction gives about 1,100 rows/s, one
transaction for many several times that.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from channels.db import DatabaseSyncToAsync
from django.conf import settings
from django.db import Error as DatabaseError

from sessions_app import services, throttles
from sessions_app.errors import Busy, ChatError, RateLimited, Unavailable
from sessions_app.loops import PerLoop
from sessions_app.models import Party
from sessions_app.services import Post, Posted

logger = logging.getLogger(__name__)

MAX_BATCH = 500
MAX_WAITING = 5000


def write(posts: Sequence[Post]) -> list[Posted | ChatError]:
    """Stores the posts that the limits let through, in one transaction; the outcomes in the same order.

    The one path of every message, from sockets and HTTP alike. A database error is the outcome of all: Unavailable.
    """
    visitors = [post for post in posts if post.sender.type == Party.VISITOR]
    waits = throttles.take("message", [post.session_id for post in visitors], settings.CHAT_MESSAGE_RATES)
    refused = {id(post): RateLimited(wait) for post, wait in zip(visitors, waits, strict=True) if wait}
    admitted = [post for post in posts if id(post) not in refused]
    try:
        outcomes = iter(services.post_messages(admitted) if admitted else ())
    except DatabaseError:
        logger.exception("a batch of %d messages was not stored", len(admitted))
        outcomes = iter([Unavailable()] * len(admitted))
    return [refused.get(id(post)) or next(outcomes) for post in posts]


def write_one(post: Post) -> Posted:
    """For the doors that have one message and a thread of their own. Raises ChatError."""
    [outcome] = write([post])
    if isinstance(outcome, ChatError):
        raise outcome
    return outcome


class Writer:
    """Gathers what the sockets of this process send."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Post, asyncio.Future[Posted]]] = deque()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._write = DatabaseSyncToAsync(write, thread_sensitive=False, executor=self._executor)
        self._task: asyncio.Task | None = None

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for a commit."""
        return self._task is not None and not self._task.done()

    async def post(self, post: Post) -> Posted:
        """Returns after the commit. Raises ChatError; Busy when too many are waiting already."""
        if len(self._waiting) >= MAX_WAITING:
            raise Busy
        outcome: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._waiting.append((post, outcome))
        if not self.is_busy:
            self._task = asyncio.create_task(self._run())
        return await outcome

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            try:
                outcomes = await self._write([post for post, _ in batch])
            except Exception:  # noqa: BLE001 - a bug in one batch must not leave its senders waiting for ever
                logger.exception("a batch of %d messages failed", len(batch))
                outcomes = [Unavailable()] * len(batch)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.done():  # its socket went away meanwhile; what was stored stays stored
                    continue
                if isinstance(outcome, ChatError):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)


writers = PerLoop(Writer)
