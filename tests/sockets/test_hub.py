"""One hub for each loop stands for one for each process: what they tell each other goes through the real Redis."""

import asyncio
import threading

import pytest

from sessions_app import hub
from sessions_app.hub import Frame, hubs


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def deliver(self, frame: Frame) -> None:
        self.heard.append(frame.text)

    async def until(self, *texts: str) -> None:
        async with asyncio.timeout(60):
            while self.heard[-len(texts) :] != list(texts):
                await asyncio.sleep(0.005)


class OtherProcess:
    """A hub of its own, on a loop of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def join(self, ear: Ear, *groups: str) -> None:
        async def join() -> None:
            await hubs.current().join(ear, *groups)

        self.run(join())

    def publish(self, *frames: Frame) -> None:
        async def publish() -> None:
            hubs.current().publish(frames)

        self.run(publish())

    def stop(self) -> None:
        async def cancel() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture
def other():
    process = OtherProcess()
    yield process
    process.stop()


async def test_a_socket_hears_its_groups_from_every_process_in_order(other):
    here, there = Ear(), Ear()
    await hubs.current().join(here, "visitor.1", "watch.1")
    await asyncio.to_thread(other.join, there, "visitor.1")

    hubs.current().publish([Frame(("visitor.1",), "x", str(number)) for number in range(500)])
    await there.until(*map(str, range(500)))
    await asyncio.to_thread(
        other.publish, Frame(("visitor.1", "watch.1"), "x", "once"), Frame(("visitor.2",), "x", "no")
    )
    await asyncio.to_thread(other.publish, Frame(("watch.1",), "x", "last"))
    await here.until("once", "last")
    assert here.heard == [*map(str, range(500)), "once", "last"]
    assert there.heard == [*map(str, range(500)), "once"]


async def test_what_comes_back_from_redis_is_not_told_twice(other):
    here = Ear()
    await hubs.current().join(here, "visitor.1")
    hubs.current().publish([Frame(("visitor.1",), "x", "mine")])
    await asyncio.to_thread(other.publish, Frame(("visitor.1",), "x", "after it"))
    await here.until("after it")
    assert here.heard == ["mine", "after it"]


async def test_a_publication_that_fails_is_tried_once_more_and_then_given_up_without_a_word(other, monkeypatch):
    here, there = Ear(), Ear()
    await hubs.current().join(here, "visitor.1")
    await asyncio.to_thread(other.join, there, "visitor.1")
    layer = hub.get_channel_layer()
    failures = ["once", "twice", "twice"]
    tries = []

    class Failing:
        async def group_send(self, group: str, message: dict) -> None:
            tries.append(text)
            if text in failures:
                failures.remove(text)
                raise ConnectionError
            await layer.group_send(group, message)

    monkeypatch.setattr(hub, "get_channel_layer", Failing)
    for text in ("once", "twice", "never"):
        hubs.current().publish([Frame(("visitor.1",), "x", text)])
        await hubs.current()._sender
    await there.until("once", "never")
    assert tries == ["once", "once", "twice", "twice", "never"]
    assert here.heard == ["once", "twice", "never"]


async def test_who_has_left_hears_nothing_and_leaves_nothing_behind(other):
    gone, here = Ear(), Ear()
    await hubs.current().join(gone, "visitor.1", "watch.1")
    await hubs.current().join(here, "visitor.1")
    hubs.current().leave(gone, "visitor.1")
    hubs.current().leave(gone, "watch.1")
    hubs.current().leave(gone, "never joined")
    await asyncio.to_thread(other.publish, Frame(("visitor.1", "watch.1"), "x", "text"))
    await here.until("text")
    assert gone.heard == []
    assert hubs.current().members("watch.1") == ()


async def test_another_releases_messages_are_left_alone(other, caplog):
    here = Ear()
    await hubs.current().join(here, "visitor.1")

    async def send_something_else() -> None:
        for message in ({"type": "hub.news", "frames": 5}, {"type": "a.b"}):
            await hub.get_channel_layer().group_send(hub.GROUP, message)

    await asyncio.to_thread(other.run, send_something_else())
    await asyncio.to_thread(other.publish, Frame(("visitor.1",), "x", "text"))
    await here.until("text")
    assert "failed" not in caplog.text
