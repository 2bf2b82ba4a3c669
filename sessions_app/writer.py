"""The group commit: messages that arrive while a commit runs share the next one.

A message alone waits for nobody. Measured on two cores: one row a transaction gives about 1,100 rows/s, one
transaction for many several times that.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from sessions_app import services, throttles
from sessions_app.errors import Busy, ChatError, RateLimited, Unavailable
from sessions_app.loops import PerLoop
from sessions_app.models import Party
from sessions_app.services import Post, Posted

logger = logging.getLogger(__name__)

MAX_BATCH = 500
MAX_WAITING = 5000
KEEP_CONNECTION_SECONDS = 1.0


def write(posts: Sequence[Post], *, skip_locked: bool = False) -> list[Posted | ChatError | None]:
    """Stores the posts that the limits let through, in one transaction; the outcomes in the same order.

    The one path of every message, from sockets and HTTP alike. A database error is the outcome of all: Unavailable.
    For ``skip_locked`` see services.post_messages().
    """
    visitors = [post for post in posts if post.sender.type == Party.VISITOR]
    waits = throttles.take("message", [post.session_id for post in visitors], settings.CHAT_MESSAGE_RATES)
    refused = {id(post): RateLimited(wait) for post, wait in zip(visitors, waits, strict=True) if wait}
    outcomes = iter(_store([post for post in posts if id(post) not in refused], skip_locked=skip_locked))
    return [refused.get(id(post)) or next(outcomes) for post in posts]


def _store(posts: Sequence[Post], *, skip_locked: bool = False) -> Sequence[Posted | ChatError | None]:
    if not posts:
        return []
    try:
        return services.post_messages(posts, skip_locked=skip_locked)
    except DatabaseError:
        logger.exception("a batch of %d messages was not stored", len(posts))
        return [Unavailable()] * len(posts)


def write_one(post: Post) -> Posted:
    """For the doors that have one message and a thread of their own. Raises ChatError."""
    [outcome] = write([post])
    if isinstance(outcome, ChatError):
        raise outcome
    return outcome


def _store_one(post: Post) -> Posted | ChatError:
    """What was skipped, now waiting for its lock: as long as the database's lock_timeout allows."""
    [outcome] = _store([post])
    return outcome


def _write_batch(posts: Sequence[Post]) -> list[Posted | ChatError | None]:
    """On the writer's thread."""
    try:
        return write(posts, skip_locked=True)
    finally:
        if connection.errors_occurred:
            _give_connection_back()  # the pool has another one, that lives


def _give_connection_back() -> None:
    """``connection`` is the one of the thread that looks it up."""
    connection.close()


class Writer:
    """Gathers what the sockets of this process send."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Post, asyncio.Future[Posted]]] = deque()
        self._arrived = asyncio.Event()
        self._is_writing = False
        # One thread, whose database connection is kept while messages come: taking one from the pool costs as much
        # as storing a message.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._task: asyncio.Task | None = None
        self._alone: set[asyncio.Task] = set()

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for a commit."""
        return bool(self._waiting or self._is_writing or self._alone)

    async def post(self, post: Post) -> Posted:
        """Returns after the commit. Raises ChatError; Busy when too many are waiting already."""
        if len(self._waiting) >= MAX_WAITING:
            raise Busy
        outcome: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._waiting.append((post, outcome))
        self._arrived.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await outcome

    async def _run(self) -> None:
        """Until nothing has come for a while, or the loop ends."""
        try:
            while self._waiting:
                await self._write_waiting()
                self._arrived.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), KEEP_CONNECTION_SECONDS)
        finally:
            self._executor.submit(_give_connection_back)

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            self._is_writing = True
            try:
                outcomes = await loop.run_in_executor(self._executor, _write_batch, [post for post, _ in batch])
            except Exception:  # noqa: BLE001 - a bug in one batch must not leave its senders waiting for ever
                logger.exception("a batch of %d messages failed", len(batch))
                outcomes = [Unavailable()] * len(batch)
            finally:
                self._is_writing = False
            for (post, future), outcome in zip(batch, outcomes, strict=True):
                if outcome is None:
                    self._start_alone(post, future)
                else:
                    _resolve(future, outcome)

    def _start_alone(self, post: Post, future: asyncio.Future[Posted]) -> None:
        task = asyncio.create_task(self._run_alone(post, future))
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)

    async def _run_alone(self, post: Post, future: asyncio.Future[Posted]) -> None:
        try:
            _resolve(future, await database_sync_to_async(_store_one, thread_sensitive=False)(post))
        except Exception:  # noqa: BLE001 - as above
            logger.exception("a message failed")
            _resolve(future, Unavailable())


def _resolve(future: asyncio.Future[Posted], outcome: Posted | ChatError) -> None:
    if future.done():  # its socket went away meanwhile; what was stored stays stored
        return
    if isinstance(outcome, ChatError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


writers = PerLoop(Writer)
