"""All clients of a run, on an event loop in a thread of its own: the main thread breaks things meanwhile."""

import asyncio
import random
import threading
import time
from concurrent.futures import Future

import httpx

from tests.chaos.clients import HTTP_SECONDS, Chat, Console, Tab, Visitor
from tests.chaos.world import AGENTS, Web, World

SETTLE_SECONDS = 60


class Swarm:
    """Read its fields once `settle()` has returned."""

    def __init__(self, world: World, webs: list[Web], *, visitors: int, seed: int) -> None:
        self.world, self.webs, self.seed = world, webs, seed
        self.chats: dict[str, Chat] = {}
        self.accusations: list[str] = []
        self.is_quiet = False
        self.visitors = [Visitor(self, f"visitor-{number + 1}") for number in range(visitors)]
        self.consoles = [Console(self, username) for username in AGENTS]
        self._lives: list[asyncio.Task] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clients", daemon=True)

    def rng_for(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def accuse(self, sentence: str) -> None:
        """Something that must not happen was seen by a client."""
        self.accusations.append(sentence)

    @property
    def tabs(self) -> list[Tab]:
        return [tab for chat in self.chats.values() for tab in chat.tabs]

    def __enter__(self) -> "Swarm":
        self._thread.start()
        self._call(self._start()).result()
        return self

    def __exit__(self, *exc_info) -> None:
        self._call(self._stop()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self, share: float, rng: random.Random) -> int:
        """Breaks that share of all connections."""
        links = [link for link in [*self.tabs, *self.consoles] if link.socket is not None]
        chosen = [link for link in links if rng.random() < share]
        for link in chosen:
            self._loop.call_soon_threadsafe(link.cut)
        return len(chosen)

    def settle(self) -> list[str]:
        """Nothing new is written; waits until everybody has everything. What has not come by then, in sentences."""
        self.is_quiet = True
        return self._call(self._settle()).result()

    def disconnect(self) -> None:
        self._call(self._disconnect()).result()

    def _call(self, work) -> Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> None:
        self.http = httpx.AsyncClient(trust_env=False, timeout=HTTP_SECONDS)
        await asyncio.gather(*(console.log_in() for console in self.consoles))
        for console in self.consoles:
            console.open()
        self._lives = [asyncio.create_task(visitor.live()) for visitor in self.visitors]

    async def _stop(self) -> None:
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self._disconnect()

    async def _disconnect(self) -> None:
        await asyncio.gather(*(link.close() for link in [*self.tabs, *self.consoles]))
        await self.http.aclose()

    async def _settle(self) -> list[str]:
        end = time.monotonic() + SETTLE_SECONDS
        while late := await self._late():
            if time.monotonic() > end:
                return late
            await asyncio.sleep(0.2)
        return []

    async def _late(self) -> list[str]:
        rows = await asyncio.to_thread(
            self.world.query, "SELECT session_id::text, last_seq FROM sessions_app_chatsession"
        )
        last_seqs = dict(rows)
        late = []
        for visitor, life in zip(self.visitors, self._lives, strict=True):
            if not life.done():
                late.append(f"{visitor.name} still {visitor.doing}")
            elif life.exception():
                late.append(f"{visitor.name} gave up: {life.exception()!r}")
        for session_id, chat in self.chats.items():
            late += [
                f"{chat.visitor}: {id} in session {session_id} is not acknowledged" for id, _ in chat.outbox.waiting
            ]
            for tab in chat.tabs:
                if chat.is_over and tab.is_wanted:
                    late.append(f"{tab.name} does not know that session {session_id} is over")
                elif not chat.is_over and not (tab.is_ready and tab.view.last_seq == last_seqs[session_id]):
                    late.append(f"{tab.name} has {tab.view.last_seq} of {last_seqs[session_id]} in {session_id}")
        for console in self.consoles:
            for session_id in console.own:
                if console.view(session_id).last_seq != last_seqs[session_id]:
                    has = console.view(session_id).last_seq
                    late.append(f"{console.name} has {has} of {last_seqs[session_id]} in {session_id}")
            if not console.is_settled:
                late.append(f"{console.name} is not settled")
        return late
