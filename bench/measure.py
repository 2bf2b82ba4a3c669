"""The measurements. Each takes a running contestant and returns plain figures."""

import asyncio
import re
import time
from dataclasses import dataclass, field

import psutil
import uvloop

from bench.contestants import Bare, Ours, Stage
from bench.load import VISITOR, Crowd, Step

CHATS = 200
CALM_RATE = 200.0
BEAT_SECONDS = 30.0
# One of several lines goes on with a tab; one without a word is the pool's question whether the connection lives.
STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]+): *(?:\n\t\s*)?([A-Za-z]*)")


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of a process and its descendants, those that have ended included."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if one.pid == process.pid:
            total += times.children_user + times.children_system
    return total


class CpuWatch:
    """CPU seconds of web process, PostgreSQL, Redis, and of this load generator, from start() to stop()."""

    def __init__(self, stage: Stage, web: psutil.Process) -> None:
        self._processes = {
            "web": web,
            "PostgreSQL": psutil.Process(stage.postgresql_pid),
            "Redis": psutil.Process(stage.redis_pid),
        }
        self.used: dict[str, float] = {}

    def _read(self) -> dict[str, float]:
        own = psutil.Process().cpu_times()
        used = {name: cpu_seconds(process) for name, process in self._processes.items()}
        return used | {"generator": own.user + own.system}

    def start(self) -> None:
        self._at, self._before = time.monotonic(), self._read()

    def stop(self) -> None:
        after = self._read()
        self.seconds = time.monotonic() - self._at
        self.used = {name: after[name] - self._before[name] for name in after}


@dataclass
class Turn:
    """What one contestant did in one round."""

    max_rate: float = 0.0
    calm: Step | None = None
    cpu_calm: dict[str, float] = field(default_factory=dict)  # microseconds a delivered message
    cpu_max: dict[str, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    out_of_order: int = 0
    messages: int = 0


@dataclass(frozen=True)
class Plan:
    """How long things take. ``growth`` and ``precision``: of the search for the highest rate."""

    rounds: int
    step_seconds: float
    calm_seconds: float
    growth: float
    precision: float
    idle_sockets: int
    beating_sockets: int
    beating_seconds: float
    settle_seconds: float
    chats: int = CHATS


FULL = Plan(3, 4, 10, 1.5, 1.1, 2000, 10_000, 60, 3)
QUICK = Plan(1, 1, 3, 2.0, 1.5, 300, 300, 6, 0.5)
SMOKE = Plan(1, 0, 1, 0, 0, 0, 0, 0, 0, chats=5)


def take_turn(contestant, stage: Stage, plan: Plan, first_rate: float | None) -> Turn:
    """Calm traffic, then the search for the highest rate, then the check of the database. Without ``first_rate``
    there is no search."""
    turn = Turn()
    with contestant.web() as (port, process):
        dialects = contestant.prepare(plan.chats)
        stage.database.execute("CHECKPOINT")  # nobody pays for what another one wrote

        async def traffic() -> None:
            crowd = Crowd(port, dialects)
            await crowd.connect()
            turn.messages = 0
            watch = CpuWatch(stage, process)
            rate = CALM_RATE if first_rate else 50.0
            turn.calm = await crowd.run(rate, plan.calm_seconds, watch=watch)
            turn.cpu_calm = per_message(watch, turn.calm)
            if not turn.calm.is_complete:
                turn.problems.append(f"{rate:.0f} messages/s: not all acknowledged and delivered")
            if first_rate:
                await search(crowd, turn, first_rate)
            turn.out_of_order, turn.messages = crowd.tally.out_of_order, len(crowd.tally.sent_at)
            turn.problems += [f"{count} × {why}" for why, count in crowd.tally.failures.items()]
            crowd.leave()
            await asyncio.sleep(0)
            turn.problems += contestant.problems(crowd.tally)

        async def search(crowd: Crowd, turn: Turn, rate: float) -> None:
            """Up while it goes well, down while it does not, then between the two until they are close."""
            good, bad = 0.0, 0.0
            while not (good and bad and bad / good <= plan.precision):
                # A rate is too high when it fails twice: once may have been the machine's other work.
                for _ in range(2):
                    watch = CpuWatch(stage, process)
                    step = await crowd.run(rate, plan.step_seconds, watch=watch)
                    turn.steps.append(step)
                    if step.is_good:
                        good = rate
                        turn.max_rate, turn.cpu_max = rate, per_message(watch, step)
                        break
                    if not await crowd.settle():
                        return
                else:
                    bad = rate
                if rate < 20:
                    break
                between = (good * bad) ** 0.5
                rate = between or (rate * plan.growth if good else rate / plan.growth)

        uvloop.run(traffic())
    return turn


def per_message(watch: CpuWatch, step: Step) -> dict[str, float]:
    delivered = max(1.0, step.delivered_per_second * step.seconds)
    return {name: seconds / delivered * 1e6 for name, seconds in watch.used.items()}


def idle_memory(contestant: Ours | Bare, plan: Plan) -> float:
    """Bytes of the web process for one idle visitor socket, over those for the first 100."""
    with contestant.web() as (port, process):
        first, rest = contestant.visitors(100), contestant.visitors(plan.idle_sockets)

        async def measure() -> float:
            few = Crowd(port, first, (VISITOR,))
            await few.connect()
            await asyncio.sleep(plan.settle_seconds)
            before = process.memory_info().rss
            many = Crowd(port, rest, (VISITOR,))
            await many.connect()
            await asyncio.sleep(plan.settle_seconds)
            used = process.memory_info().rss - before
            problems = few.tally.failures | many.tally.failures
            if problems:
                raise SystemExit(f"Idle sockets were lost: {problems}")
            few.leave()
            many.leave()
            return used / plan.idle_sockets

        return uvloop.run(measure())


@dataclass
class Beating:
    """Heartbeats of many sockets, every BEAT_SECONDS each. ``beats`` and ``pongs`` are all of them."""

    sockets: int
    connect_seconds: float
    beats_per_second: float
    pongs: int
    beats: int
    statements_per_second: float
    statements: dict[str, int]
    web_cpu_percent: float
    idle_cpu_percent: float
    postgresql_cpu_percent: float
    problems: dict[str, int]


def heartbeats(contestant: Ours, stage: Stage, plan: Plan) -> Beating:
    """Statements are counted in PostgreSQL's log."""
    with contestant.web() as (port, process):
        dialects = contestant.visitors(plan.beating_sockets)
        log = stage.folder / "postgresql.log"

        async def measure() -> Beating:
            crowd = Crowd(port, dialects, (VISITOR,))
            began = time.monotonic()
            await crowd.connect()
            took = time.monotonic() - began
            # Open sockets without beats: the server's own pings, and the stamps that it makes for them.
            idle = CpuWatch(stage, process)
            idle.start()
            await asyncio.sleep(plan.beating_seconds / 2)
            idle.stop()
            # Once round, so that the silence of those 30 s is over: who is silent is pinged.
            warm_up = await crowd.beat(BEAT_SECONDS, BEAT_SECONDS)
            set_logging(stage, "all")
            watch = CpuWatch(stage, process)
            at = log.stat().st_size
            watch.start()
            beats = await crowd.beat(BEAT_SECONDS, plan.beating_seconds)
            watch.stop()
            await asyncio.sleep(2)
            set_logging(stage, "none")
            with open(log, "rb") as file:
                file.seek(at)
                verbs = [verb or "(ping)" for verb in STATEMENT.findall(file.read().decode(errors="replace"))]
            crowd.leave()
            return Beating(
                sockets=plan.beating_sockets,
                connect_seconds=took,
                beats_per_second=beats / watch.seconds,
                pongs=sum(dialect.pongs for dialect in dialects),
                beats=warm_up + beats,
                statements_per_second=len(verbs) / (watch.seconds + 2),
                statements={verb: verbs.count(verb) for verb in sorted(set(verbs))},
                web_cpu_percent=watch.used["web"] / watch.seconds * 100,
                idle_cpu_percent=idle.used["web"] / idle.seconds * 100,
                postgresql_cpu_percent=watch.used["PostgreSQL"] / watch.seconds * 100,
                problems=crowd.tally.failures,
            )

        return uvloop.run(measure())


def set_logging(stage: Stage, what: str) -> None:
    stage.database.execute("SET log_statement = 'none'")
    stage.database.execute(f"ALTER SYSTEM SET log_statement = '{what}'")
    stage.database.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)
