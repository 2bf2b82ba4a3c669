"""A network between a client and a web process that can break without telling either."""

import asyncio
import re
import time
from threading import Event, Thread


class Relay:
    """Forwards TCP to ``port``, by a port of its own. Use as an asynchronous context manager."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._pipes: set[asyncio.Task] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info) -> None:
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    def drop(self) -> None:
        """From here on nothing comes through the connections that there are, neither way, not even their end. New ones
        work."""
        for pipe in self._pipes:
            pipe.cancel()
        self._pipes.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._pass_on(reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes = b"") -> None:
        """``head`` has been read already."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        far_writer.write(head)
        self._writers |= {writer, far_writer}
        for source, target in ((reader, far_writer), (far_reader, writer)):
            pipe = asyncio.create_task(self._forward(source, target))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    @staticmethod
    async def _forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
        target.close()


class NoSockets(Relay):
    """A proxy that lets requests through, and no WebSocket: it answers each upgrade with the status ``answer``; where
    that is None, never. ``upgrades`` are the times of those that it has seen."""

    def __init__(self, port: int, answer: int | None) -> None:
        super().__init__(port)
        self.answer = answer
        self.upgrades: list[float] = []
        self.is_blocking = True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        # A browser makes a connection of its own for each socket: the first request of one tells.
        if self.is_blocking and re.search(rb"(?i)\r\nupgrade: *websocket", head):
            self.upgrades.append(time.monotonic())
            self._writers.add(writer)
            if self.answer is not None:
                writer.write(b"HTTP/1.1 %d Blocked\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno" % self.answer)
                writer.close()
            return
        await self._pass_on(reader, writer, head)


class InThread:
    """A relay for tests that have no loop of their own. Use as a context manager, which gives the relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._is_ready = Event()

    def __enter__(self) -> Relay:
        self._thread = Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        self._is_ready.wait()
        return self._relay

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        async with self._relay:
            self._is_ready.set()
            await self._is_over.wait()
