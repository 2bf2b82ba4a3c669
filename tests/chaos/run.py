"""One run: clients chat, the nemesis breaks things, the oracle judges."""

import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from tests.chaos.nemesis import WAYS, Nemesis
from tests.chaos.oracle import Oracle, Verdict
from tests.chaos.swarm import Swarm
from tests.chaos.world import Web, World

VISITORS = 8
POOL = 20  # database connections of a web process, by default
EMPTY_SECONDS = 30
# What a process may weigh more than a fresh one that has served nobody: pools, threads, imports at first use.
MORE_BYTES = 100_000_000
MORE_FILES = 80


def run(folder: Path, *, seconds: float, seed: int, ways: Sequence[str], logs: Path) -> bool:
    """Whether nothing was lost, doubled or disordered. On a violation the processes' logs are kept in `logs`."""
    started = time.monotonic()

    def say(sentence: str) -> None:
        elapsed = int(time.monotonic() - started)
        print(f"{elapsed // 60}:{elapsed % 60:02} {sentence}", flush=True)

    say(f"seed {seed}, {seconds:.0f} s, {VISITORS} visitors, 2 agents")
    with World(folder) as world:
        webs = [world.web("web-1-daphne"), world.web("web-2-uvicorn", ASGI_SERVER="uvicorn")]
        worker, beat = world.worker(), world.beat()
        for process in (*webs, worker, beat):
            process.start()
        for web in webs:
            web.wait_until_ready()
        fresh = [weight(web) for web in webs]
        say("chatting")
        with Swarm(world, webs, visitors=VISITORS, seed=seed) as swarm:
            nemesis = Nemesis(world, swarm, worker, rng=random.Random(seed), ways=ways, say=say)
            strikes = nemesis.run(seconds)
            for web in webs:
                web.wait_until_ready()
            say("quiet")
            late = swarm.settle()
            verdict = Oracle(swarm).judge()
            verdict.lost += late
            verdict.left_behind += lasting(lambda: deaf(world, webs))
            say("everybody leaves")
            swarm.disconnect()
            verdict.left_behind += lasting(lambda: left_behind(world, webs, fresh))
            report(swarm, world, strikes, verdict, say)
        if not verdict.is_clean:
            shutil.rmtree(logs, ignore_errors=True)
            logs.mkdir(parents=True)
            for log in folder.glob("*.log"):
                shutil.copy(log, logs)
            only = "" if len(ways) == len(WAYS) else f" --only {','.join(ways)}"
            print(f"the logs: {logs}\nagain: bin/chaos --seed {seed} --minutes {seconds / 60:g}{only}", flush=True)
    return verdict.is_clean


def weight(web: Web) -> tuple[int, int]:
    """(resident bytes, open files)."""
    process = psutil.Process(web.pid)
    return process.memory_info().rss, process.num_fds()


def lasting(look: Callable[[], list[str]]) -> list[str]:
    """The problems that do not go away by themselves."""
    end = time.monotonic() + EMPTY_SECONDS
    while (problems := look()) and time.monotonic() < end:
        time.sleep(0.5)
    return problems


def deaf(world: World, webs: list[Web]) -> list[str]:
    """Whether a process whose clients rely on it does not hear the others any more: heartbeats would hide that."""
    busy = sum(web.clients() > 0 for web in webs)
    listening = sum(world.listeners().values())
    return [f"Of {busy} web processes with clients {listening} listen to the others"] if listening < busy else []


def left_behind(world: World, webs: list[Web], fresh: list[tuple[int, int]]) -> list[str]:
    """(f): what is still there of clients that have gone."""
    problems = []
    for web, (bytes_before, files_before) in zip(webs, fresh, strict=True):
        bytes_now, files_now = weight(web)
        if clients := web.clients():
            problems.append(f"{web.name} has {clients} connections of clients")
        if bytes_now > bytes_before + MORE_BYTES or files_now > files_before + MORE_FILES:
            was = f"{bytes_before >> 20} MB and {files_before} files"
            problems.append(f"{web.name} has {bytes_now >> 20} MB and {files_now} files, fresh it had {was}")
    # A process is in one group, whoever its clients are, over one connection.
    if len(listeners := world.listeners()) > 1 or sum(listeners.values()) > len(webs):
        problems.append(f"Redis has subscriptions: {listeners}")
    [(connections, stuck)] = world.query(
        "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%') FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    if stuck:
        problems.append(f"PostgreSQL has {stuck} transactions that nobody ends")
    if connections > POOL * (len(webs) + 1):
        problems.append(f"PostgreSQL has {connections} connections")
    return problems


def report(swarm: Swarm, world: World, strikes: int, verdict: Verdict, say) -> None:
    outboxes = [chat.outbox for chat in swarm.chats.values()]
    outboxes += [outbox for console in swarm.consoles for outbox in console.outboxes.values()]
    links = [*swarm.tabs, *swarm.consoles]
    [(abandoned,)] = world.query("SELECT count(*) FROM sessions_app_sessionevent WHERE to_status = 'abandoned'")
    say(
        f"{strikes} faults; {len(swarm.chats)} chats, {sum(len(box.sent) for box in outboxes)} messages sent,"
        f" {sum(len(box.acknowledged) for box in outboxes)} acknowledged,"
        f" {sum(len(box.refused) for box in outboxes)} refused because the chat was over,"
        f" {sum(link.connections for link in links)} connections, {abandoned} abandoned while asleep,"
        f" {sum(chat.reopened for chat in swarm.chats.values())} reopened"
    )
    for sentence in verdict.sentences():
        print(f"  {sentence}")
    print(verdict, flush=True)
