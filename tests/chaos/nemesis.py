"""Breaks something every few seconds: each of its ways once, in an order that the seed decides, then again."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

from tests.chaos.swarm import Swarm
from tests.chaos.world import Process, Web, World

CALM_SECONDS = (1.0, 3.0)
EXIT_SECONDS = 10  # what a web process has after SIGTERM (issue: "exit within 10 s")
SLOW_MACHINE_SECONDS = 10


WAYS = (
    "kill_web",
    "terminate_web",
    "stop_web",
    "restart_redis",
    "stop_redis",
    "restart_postgresql",
    "crash_postgresql",
    "kill_backends",
    "hold_rows",
    "cut_sockets",
    "sweep_twice",
    "kill_worker",
)


class Nemesis:
    """`say` is told what it does, `accuse` what must not happen. `ways` are those of WAYS that it knows."""

    def __init__(
        self, world: World, swarm: Swarm, worker: Process, *, rng: random.Random, ways: Sequence[str], say: Callable
    ) -> None:
        self.world, self.swarm, self.worker, self.rng, self.ways, self.say = world, swarm, worker, rng, ways, say
        self._bag: list[str] = []

    def run(self, seconds: float) -> int:
        """Returns how many times it struck: for so long, and in each of its ways once, however slow the machine is."""
        end = time.monotonic() + seconds
        count = 0
        self._calm()
        while time.monotonic() < end or count < len(self.ways):
            self._bag = self._bag or self.rng.sample(self.ways, len(self.ways))
            getattr(self, self._bag.pop())()
            self._check_processes()
            count += 1
            self._calm()
        return count

    def _calm(self) -> None:
        time.sleep(self.rng.uniform(*CALM_SECONDS))

    def _check_processes(self) -> None:
        for process in [*self.swarm.webs, self.worker]:
            if not process.is_running:
                self.swarm.accuse(f"{process.name} ended by itself")
                process.start()

    def _web(self) -> Web:
        return self.rng.choice(self.swarm.webs)

    def kill_web(self) -> None:
        web, down = self._web(), self.rng.uniform(0, 2)
        self.say(f"{web.name}: kill -9, back after {down:.1f} s")
        web.kill()
        time.sleep(down)
        web.start()

    def terminate_web(self) -> None:
        web = self._web()
        self.say(f"{web.name}: SIGTERM")
        web.send(signal.SIGTERM)
        try:
            web.wait(EXIT_SECONDS + SLOW_MACHINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.swarm.accuse(f"{web.name} has not ended {EXIT_SECONDS} s after SIGTERM")
            web.kill()
        web.start()

    def stop_web(self) -> None:
        web, seconds = self._web(), self.rng.uniform(2, 8)
        self.say(f"{web.name}: SIGSTOP for {seconds:.1f} s")
        web.send(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            web.send(signal.SIGCONT)

    def kill_worker(self) -> None:
        self.say("worker: kill -9")
        self.worker.kill()
        self.worker.start()

    def restart_redis(self) -> None:
        down = self.rng.uniform(0, 5)
        self.say(f"Redis: restarted empty, down for {down:.1f} s")
        self.world.servers.stop("redis")
        time.sleep(down)
        self.world.start_redis()

    def stop_redis(self) -> None:
        seconds = self.rng.uniform(2, 8)
        self.say(f"Redis: SIGSTOP for {seconds:.1f} s")
        with stopped(self.world, "redis"):
            time.sleep(seconds)

    def restart_postgresql(self) -> None:
        self._restart_postgresql("restarted (fast)", signal.SIGINT)

    def crash_postgresql(self) -> None:
        self._restart_postgresql("crashed (immediate)", signal.SIGQUIT)

    def _restart_postgresql(self, how: str, signum: signal.Signals) -> None:
        down = self.rng.uniform(0, 3)
        self.say(f"PostgreSQL: {how}, down for {down:.1f} s")
        self.world.servers.stop("postgresql", signum)
        time.sleep(down)
        self.world.start_postgresql()

    def kill_backends(self) -> None:
        self.say(f"PostgreSQL: {self.world.kill_backends()} backends terminated")

    def hold_rows(self) -> None:
        seconds = self.rng.uniform(1, 4)
        self.say(f"PostgreSQL: all sessions' rows locked for {seconds:.1f} s")
        with self.world.connect() as connection:
            connection.execute("SELECT 1 FROM sessions_app_chatsession FOR UPDATE")
            time.sleep(seconds)

    def cut_sockets(self) -> None:
        share = self.rng.uniform(0.3, 1)
        self.say(f"{self.swarm.cut(share, self.rng)} sockets cut")

    def sweep_twice(self) -> None:
        sweeps = [self.world.command("sweep") for _ in range(2)]
        answers = [sweep.communicate()[0].strip() for sweep in sweeps]
        self.say(f"two sweeps at once: {' | '.join(answers)}")
        if any(sweep.returncode for sweep in sweeps):
            self.swarm.accuse(f"a sweep failed: {answers}")


@contextlib.contextmanager
def stopped(world: World, server: str) -> Iterator[None]:
    """SIGSTOP for one of the world's servers."""
    pid = world.servers.pid(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
