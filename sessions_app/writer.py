"""The group commit: messages that arrive while a commit runs share the next one.

A message alone waits for nobody. Measured on two cores: one row a transaction gives about 1,100 rows/s, one
transaction for many several times that.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from sessions_app import services, throttles
from sessions_app.dbthread import DatabaseThread
from sessions_app.errors import Busy, ChatError, RateLimited, Unavailable
from sessions_app.loops import PerLoop
from sessions_app.models import Party
from sessions_app.services import Post, Posted

logger = logging.getLogger(__name__)

MAX_BATCH = 500
MAX_WAITING = 5000


class Batch:
    """Messages on their way, of sockets and HTTP alike. The limits are asked once, however often it is tried."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self._posts = posts
        self._refused: dict[int, RateLimited] | None = None

    def write(self, *, skip_locked: bool = False) -> list[Posted | ChatError | None]:
        """Stores the posts that the limits let through, in one transaction; the outcomes in the same order.

        Raises what the database raises: then nothing was stored, or the answer got lost; all of it may be repeated.
        For ``skip_locked`` see services.post_messages().
        """
        if self._refused is None:
            self._refused = self._ask_limits()
        allowed = [post for post in self._posts if id(post) not in self._refused]
        outcomes = iter(services.post_messages(allowed, skip_locked=skip_locked) if allowed else ())
        return [self._refused.get(id(post)) or next(outcomes) for post in self._posts]

    def _ask_limits(self) -> dict[int, RateLimited]:
        visitors = [post for post in self._posts if post.sender.type == Party.VISITOR]
        waits = throttles.take("message", [post.session_id for post in visitors], settings.CHAT_MESSAGE_RATES)
        return {id(post): RateLimited(wait) for post, wait in zip(visitors, waits, strict=True) if wait}


def write_one(post: Post) -> Posted:
    """For the doors that have one message and a thread of their own. Raises ChatError."""
    return _only(Batch([post]).write)


def _write_alone(post: Post) -> Posted:
    """What the limits have let through, waiting for its lock as long as the database's lock_timeout allows."""
    return _only(lambda: services.post_messages([post]))


def _only(write: Callable[[], list[Posted | ChatError | None]]) -> Posted:
    try:
        [outcome] = write()
    except DatabaseError as error:
        logger.exception("a message was not stored")
        raise Unavailable from error
    if isinstance(outcome, ChatError):
        raise outcome
    return outcome


class Writer:
    """Gathers what the sockets of this process send."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Post, asyncio.Future[Posted]]] = deque()
        self._thread = DatabaseThread("writer")
        self._task: asyncio.Task | None = None
        self._alone: set[asyncio.Task] = set()

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for a commit."""
        return self._is_running or bool(self._alone)

    @property
    def _is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def post(self, post: Post) -> Posted:
        """Returns after the commit. Raises ChatError; Busy when too many are waiting already."""
        if len(self._waiting) >= MAX_WAITING:
            raise Busy
        outcome: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._waiting.append((post, outcome))
        if not self._is_running:
            self._task = asyncio.create_task(self._run())
        return await outcome

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            write = Batch([post for post, _ in batch]).write
            try:
                outcomes = await self._thread.run(write, skip_locked=True)
            except (InterfaceError, OperationalError):
                logger.exception("a batch of %d messages was not stored", len(batch))
                outcomes = [Unavailable()] * len(batch)
            except Exception:  # noqa: BLE001 - it is one of them, most likely: each by itself
                logger.exception("a batch of %d messages was not stored", len(batch))
                outcomes = [None] * len(batch)
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
            _resolve(future, await database_sync_to_async(_write_alone, thread_sensitive=False)(post))
        except ChatError as error:
            _resolve(future, error)
        except Exception:  # noqa: BLE001 - no sender may wait for ever
            logger.exception("a message was not stored")
            _resolve(future, Unavailable())


def _resolve(future: asyncio.Future[Posted], outcome: Posted | ChatError) -> None:
    if future.done():  # its socket went away meanwhile; what was stored stays stored
        return
    if isinstance(outcome, ChatError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


writers = PerLoop(Writer)
