"""This process's sockets by group, and its one line to the other processes.

What this process publishes reaches its own sockets at once, by a dictionary look-up, and the other processes through
Redis: whatever has piled up since the last sending goes out as one message, to a group that every process is in. Each
takes from it what its own sockets have joined. (A subscription for each session costs three publications a message,
most of which come back to their sender: docs/adr/0004.) A Redis that fails costs a doorbell, never a socket.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol
from uuid import uuid4

import msgspec
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from sessions_app.loops import PerLoop

logger = logging.getLogger(__name__)

# The layer's group of all hubs. Its name changes with the shape of what is sent there: during a deploy an older
# release runs beside this one, and must not try to read it.
GROUP = "hub.1"
LAYER_TYPE = "hub.frames"
SEND_TIMEOUT_SECONDS = 2.0
REPAIR_SECONDS = 1.0


class Frame(NamedTuple):
    """One event on its way: ``text`` is the finished JSON frame, ``name`` its type; ``message_key`` says which message
    it tells of, if it has been posted (events.message_key)."""

    groups: tuple[str, ...]
    name: str
    text: str
    message_key: str = ""


class Socket(Protocol):
    def deliver(self, frame: Frame) -> None:
        """Takes one event. Must not block and must not raise."""


_decode = msgspec.msgpack.Decoder(list[Frame]).decode


class Hub:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._id = uuid4().hex
        self._layer = get_channel_layer()
        self._listener: asyncio.Task | None = None
        self._is_listening = asyncio.Event()
        # The oldest first. Tuples: nearly all have one member, and who is told may leave meanwhile.
        self._members: dict[str, tuple[Socket, ...]] = {}
        self._outbox: deque[Frame] = deque()
        self._sender: asyncio.Task | None = None

    def members(self, group: str) -> tuple[Socket, ...]:
        """This process's sockets in ``group``, the oldest first."""
        return self._members.get(group, ())

    async def join(self, socket: Socket, *groups: str) -> None:
        """From the return on, ``socket`` gets the groups' events: local ones always, those of other processes as
        long as Redis answers. Subscribing is repeated in the background until it does."""
        for group in groups:
            if socket not in self.members(group):
                self._members[group] = (*self.members(group), socket)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        if not self._is_listening.is_set():
            # Nobody may take a snapshot before the subscription stands: what comes in between would be missing.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_listening.wait(), SEND_TIMEOUT_SECONDS)

    def leave(self, socket: Socket, group: str) -> None:
        others = tuple(member for member in self.members(group) if member is not socket)
        if others:
            self._members[group] = others
        else:
            self._members.pop(group, None)

    def publish(self, frames: Sequence[Frame]) -> None:
        """On the hub's own loop."""
        self._deliver(frames)
        self._outbox.extend(frames)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    def _deliver(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            for socket in self._listeners(frame.groups):
                socket.deliver(frame)

    def _listeners(self, groups: tuple[str, ...]) -> Collection[Socket]:
        """Each once."""
        found = [members for group in groups if (members := self.members(group))]
        if len(found) == 1:
            return found[0]
        return {socket: None for members in found for socket in members}

    async def _send(self) -> None:
        while self._outbox:
            frames = list(self._outbox)
            self._outbox.clear()
            if not await send(frames, origin=self._id):
                # The others learn of it by their next heartbeats. What has piled up meanwhile is as stale.
                self._outbox.clear()

    async def _listen(self) -> None:
        channel = None
        while True:
            try:
                if channel is None:
                    channel = await self._layer.new_channel("hub.")
                if not self._is_listening.is_set():
                    await self._layer.group_add(GROUP, channel)
                    self._is_listening.set()
                self._take(await self._layer.receive(channel))
            except Exception:  # noqa: BLE001 - whatever Redis or its client raises, the one listener of a process lives
                logger.warning("listening to the other processes failed, trying again", exc_info=True)
                await asyncio.sleep(REPAIR_SECONDS)

    def _take(self, message: dict) -> None:
        # Another release may run beside this one during a deploy: what we do not know, we leave alone.
        if message.get("type") == LAYER_TYPE and message.get("origin") != self._id:
            self._deliver(_decode(message["frames"]))


hubs = PerLoop(Hub)


def publish(frames: Sequence[Frame]) -> None:
    """From any thread: hands the frames to the hub of this process, or, in a process without sockets, to Redis."""
    running = hubs.running()
    try:
        if running:
            # Redis reaches every other loop; one of them has to ring it.
            running[-1].loop.call_soon_threadsafe(running[-1].publish, frames)
        else:
            async_to_sync(send)(frames, origin="")
    except Exception:  # noqa: BLE001 - a loop that is just closing, or one that occupies this thread
        logger.warning("publishing failed, %d events lost; heartbeats repair it", len(frames), exc_info=True)


async def send(frames: Sequence[Frame], *, origin: str) -> bool:
    """Publishes to the other processes, in one message. Tries twice; False when it failed."""
    message = {"type": LAYER_TYPE, "origin": origin, "frames": msgspec.msgpack.encode(frames)}
    for attempt in (1, 2):
        try:
            await asyncio.wait_for(get_channel_layer().group_send(GROUP, message), SEND_TIMEOUT_SECONDS)
        except Exception:  # noqa: BLE001 - a doorbell must not fail its door
            if attempt == 2:
                logger.warning("publishing failed, %d events lost; heartbeats repair it", len(frames))
        else:
            return True
    return False
