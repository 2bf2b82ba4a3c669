"""This process's sockets by group, and its one connection to the other processes.

One layer channel for the whole process: it joins a group while a local socket is in it. What arrives is handed to
the local sockets by a dictionary look-up, in order, serialised once. What this process publishes reaches its own
sockets at once and the other processes through Redis; a Redis that fails costs a doorbell, never a socket.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import uuid4

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from sessions_app.loops import PerLoop

logger = logging.getLogger(__name__)

LAYER_TYPE = "hub.frames"
SEND_TIMEOUT_SECONDS = 2.0
REPAIR_SECONDS = 1.0


class Frame(NamedTuple):
    """One event on its way: ``text`` is the finished JSON frame, ``name`` its type."""

    groups: tuple[str, ...]
    name: str
    text: str


class Socket(Protocol):
    def deliver(self, name: str, text: str) -> None:
        """Takes one event. Must not block and must not raise."""


class Hub:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._id = uuid4().hex
        self._layer = get_channel_layer()
        self._channel: asyncio.Task[str] | None = None
        self._receiver: asyncio.Task | None = None
        # Values are used as ordered sets: the oldest socket of a group comes first.
        self._members: defaultdict[str, dict[Socket, None]] = defaultdict(dict)
        self._subscriptions: dict[str, asyncio.Task] = {}
        self._outbox: deque[Frame] = deque()
        self._sender: asyncio.Task | None = None
        self._leaving: set[asyncio.Task] = set()

    def members(self, group: str) -> list[Socket]:
        """This process's sockets in ``group``, the oldest first."""
        return list(self._members.get(group, ()))

    async def join(self, socket: Socket, *groups: str) -> None:
        """From the return on, ``socket`` gets the groups' events: local ones always, those of other processes as
        long as Redis answers. Subscribing is repeated in the background until it does."""
        for group in groups:
            self._members[group][socket] = None
            if group not in self._subscriptions:
                self._subscriptions[group] = asyncio.create_task(self._subscribe(group))
        if groups:
            # A later socket of a group must not take its snapshot before the subscription stands, either.
            subscriptions = [self._subscriptions[group] for group in groups]
            await asyncio.wait(subscriptions, timeout=SEND_TIMEOUT_SECONDS)

    def leave(self, socket: Socket, group: str) -> None:
        members = self._members.get(group)
        if members is None or socket not in members:
            return
        del members[socket]
        if not members:
            del self._members[group]
            task = asyncio.create_task(self._unsubscribe(group, self._subscriptions.pop(group)))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def publish(self, frames: Sequence[Frame]) -> None:
        """On the hub's own loop."""
        for frame in frames:
            self._deliver(frame.groups, frame.name, frame.text)
        self._outbox.extend(frames)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    def _deliver(self, groups: tuple[str, ...], name: str, text: str) -> None:
        if len(groups) == 1:
            sockets = self._members.get(groups[0], ())
        else:
            sockets = {socket: None for group in groups for socket in self._members.get(group, ())}
        for socket in list(sockets):
            socket.deliver(name, text)

    async def _send(self) -> None:
        while self._outbox:
            frames = list(self._outbox)
            self._outbox.clear()
            if not await send(frames, origin=self._id):
                # The others learn of it by their next heartbeats. What has piled up meanwhile is as stale.
                self._outbox.clear()

    async def _subscribe(self, group: str) -> None:
        while True:
            try:
                await self._layer.group_add(group, await self._own_channel())
                return
            except Exception:  # noqa: BLE001 - whatever Redis or its client raises, the socket lives on
                logger.warning("subscribing failed, trying again", exc_info=True)
                await asyncio.sleep(REPAIR_SECONDS)

    async def _own_channel(self) -> str:
        """The layer channel of this process. Many sockets may ask for it at once: it is made once."""
        if self._channel is None or (self._channel.done() and self._channel.exception()):
            self._channel = asyncio.create_task(self._make_channel())
        return await asyncio.shield(self._channel)

    async def _make_channel(self) -> str:
        channel = await self._layer.new_channel("hub.")
        self._receiver = asyncio.create_task(self._receive(channel))
        return channel

    async def _unsubscribe(self, group: str, subscription: asyncio.Task) -> None:
        if not subscription.done():
            subscription.cancel()
            await asyncio.wait([subscription])
        # Somebody may have joined again meanwhile: its subscription stands on the same channel.
        while group not in self._subscriptions:
            try:
                channel = await self._own_channel()
                # The layer takes back only what it believes in: after a failure it has to be made to believe again.
                await self._layer.group_add(group, channel)
                if group not in self._subscriptions:
                    await self._layer.group_discard(group, channel)
                return
            except Exception:  # noqa: BLE001 - else every leaving during an outage costs a subscription for good
                logger.warning("unsubscribing failed, trying again", exc_info=True)
                await asyncio.sleep(REPAIR_SECONDS)

    async def _receive(self, channel: str) -> None:
        while True:
            try:
                self._take(await self._layer.receive(channel))
            except Exception:  # noqa: BLE001 - the one receiver of the process must not die
                logger.warning("receiving failed, trying again", exc_info=True)
                await asyncio.sleep(REPAIR_SECONDS)

    def _take(self, message: dict) -> None:
        # Another release may run beside this one during a deploy: what we do not know, we leave alone.
        if message.get("type") == LAYER_TYPE and message.get("origin") != self._id:
            for name, text in message["frames"]:
                self._deliver((message["group"],), name, text)


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
    """Publishes to the other processes, one message a group. Tries twice; False when it failed."""
    by_group: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for frame in frames:
        for group in frame.groups:
            by_group[group].append((frame.name, frame.text))
    layer = get_channel_layer()
    for group, group_frames in by_group.items():
        message = {"type": LAYER_TYPE, "origin": origin, "group": group, "frames": group_frames}
        for attempt in (1, 2):
            try:
                await asyncio.wait_for(layer.group_send(group, message), SEND_TIMEOUT_SECONDS)
                break
            except Exception:  # noqa: BLE001 - a doorbell must not fail its door
                if attempt == 2:
                    logger.warning("publishing failed, %d events lost; heartbeats repair it", len(frames))
                    return False
    return True
