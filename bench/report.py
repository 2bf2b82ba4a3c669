"""From figures to the page that people read: ratios and goals first."""

import json
import math
import statistics
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.contestants import SOCKETIO
from bench.measure import CALM_RATE, Beating, Plan, Turn

PATH = Path(__file__).resolve().parent / "results.md"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
OBVIOUS, SOCKET_IO, RELAY = "obvious Django chat", "Socket.IO", "bare relay"
DAPHNE, UVICORN = "Chat Center, daphne", "Chat Center, uvicorn"
CPUS = ("web", "PostgreSQL", "Redis", "generator")


@dataclass
class Results:
    plan: Plan
    machine: dict[str, str]
    started_at: float
    load: list[tuple[float, float, float]]
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    beating: dict[str, Beating] = field(default_factory=dict)

    def problems(self) -> list[str]:
        found = [
            f"{name}: {problem}" for name, turns in self.turns.items() for turn in turns for problem in turn.problems
        ]
        for name, beating in self.beating.items():
            if beating.problems or beating.pongs < beating.beats * 0.95:
                found.append(f"{name}: {beating.beats} beats, {beating.pongs} answered {beating.problems or ''}")
        return found

    def figures(self, name: str, of) -> list[float]:
        return [of(turn) for turn in self.turns.get(name, ())]

    def median(self, name: str, of) -> float:
        figures = self.figures(name, of)
        return statistics.median(figures) if figures else math.nan


def max_rate(turn: Turn) -> float:
    return turn.max_rate


def calm_p50(turn: Turn) -> float:
    return turn.calm.p50_ms


def calm_p99(turn: Turn) -> float:
    return turn.calm.p99_ms


def web_cpu(turn: Turn) -> float:
    return turn.cpu_calm["web"]


def web_cpu_at_max(turn: Turn) -> float:
    return turn.cpu_max.get("web", math.nan)


def python_versions() -> str:
    names = ("Django", "channels", "channels-redis", "daphne", "uvicorn", "uvloop", "psycopg", "redis", "msgspec")
    return ", ".join(f"{name} {version(name)}" for name in names)


def node_versions() -> str:
    packages = json.loads((SOCKETIO / "package-lock.json").read_text())["packages"]
    names = ("socket.io", "@socket.io/redis-streams-adapter", "pg", "redis", "ws")
    return ", ".join(f"{name} {packages[f'node_modules/{name}']['version']}" for name in names)


def one_line(turn: Turn) -> str:
    text = f"p50 {turn.calm.p50_ms:.1f} ms at {turn.calm.rate:.0f}/s"
    if turn.steps:
        text += f", up to {turn.max_rate:.0f}/s"
    return text + "".join(f"; {problem}" for problem in turn.problems)


def beating_line(beating: Beating) -> str:
    return (
        f"{beating.sockets} sockets, {beating.beats_per_second:.0f} beats/s, {beating.statements_per_second:.2f}"
        f" statements/s {beating.statements}, web {beating.web_cpu_percent:.1f} % of a core"
    )


def render(results: Results) -> str:
    plan = results.plan
    loads = [load[0] for load in results.load]
    lines = [
        "# What the benchmark measured",
        "",
        f"`bench/run`, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(results.started_at))}, {plan.rounds} round(s)"
        f" by turns, {plan.chats} chats. Medians; in brackets the lowest and the highest. [README.md](README.md) says"
        " what each figure is, and what limits it.",
        "",
        "## Goals",
        "",
        *goals(results),
        "",
        "## Messages",
        "",
        *messages(results),
        "",
        f"CPU of a delivered message in µs, at {CALM_RATE:.0f} messages/s and at the highest rate:",
        "",
        *cpu(results),
        "",
        "## Idle sockets",
        "",
        *memory(results),
        "",
        "## Heartbeats",
        "",
        *beating(results),
        "",
        "## Checked",
        "",
        *checked(results),
        "",
        "## Where",
        "",
        *(f"- {name}: {value}" for name, value in results.machine.items()),
        f"- Load average of the machine (1 minute): {loads[0]:.1f} before; {min(loads):.1f} to {max(loads):.1f} while"
        " it ran, its own load included",
    ]
    return "\n".join(lines) + "\n"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def spread(figures: list[float], digits: int = 0) -> str:
    figures = [figure for figure in figures if not math.isnan(figure)]
    if not figures:
        return "–"
    text = f"{statistics.median(figures):,.{digits}f}"
    return text if len(figures) == 1 else f"{text} ({min(figures):,.{digits}f}–{max(figures):,.{digits}f})"


def goals(results: Results) -> list[str]:
    rows = []

    def at_least(what: str, goal: float, found: float) -> None:
        rows.append([what, f"≥ {goal:g} ×", f"{found:.1f} ×", "yes" if found >= goal else "**no**"])

    def at_most(what: str, goal: float, found: float, unit: str, digits: int = 2) -> None:
        rows.append([what, f"≤ {goal:g} {unit}", f"{found:.{digits}f} {unit}", "yes" if found <= goal else "**no**"])

    for name, server, obvious, socketio in ((DAPHNE, "daphne", 10, 1), (UVICORN, "uvicorn", 20, 2)):
        rate = results.median(name, max_rate)
        at_least(f"messages/s, {server} : {OBVIOUS}", obvious, rate / (results.median(OBVIOUS, max_rate) or math.nan))
        at_least(
            f"messages/s, {server} : {SOCKET_IO}", socketio, rate / (results.median(SOCKET_IO, max_rate) or math.nan)
        )
    for name, server in ((DAPHNE, "daphne"), (UVICORN, "uvicorn")):
        at_most(f"p50 at {CALM_RATE:.0f} messages/s, {server}", 3, results.median(name, calm_p50), "ms")
    for name, server in ((DAPHNE, "daphne"), (UVICORN, "uvicorn")):
        for when, of in ((f"at {CALM_RATE:.0f} messages/s", web_cpu), ("at its highest rate", web_cpu_at_max)):
            what = f"CPU of a message {when}, {server} : {OBVIOUS}"
            at_most(what, 0.2, results.median(name, of) / results.median(OBVIOUS, of), "×")
    for server in ("daphne", "uvicorn"):
        if f"bare {server}" in results.memory:
            ratio = results.memory[server] / results.memory[f"bare {server}"]
            at_most(f"memory of an idle visitor : bare socket, {server}", 1.3, ratio, "×")
    for server, found in results.beating.items():
        what = f"heartbeats of {found.sockets:,} sockets, {server}"
        at_most(f"{what}: statements", 1, found.statements_per_second, "a second")
        at_most(f"{what}: web process", 5, found.web_cpu_percent, "% of a core", 1)
    return table(["", "Goal", "Measured", "Met"], rows)


def messages(results: Results) -> list[str]:
    rows = [
        [
            f"{name} (the generator's own ceiling)" if name == RELAY else name,
            spread(results.figures(name, max_rate)),
            spread(results.figures(name, calm_p50), 2),
            spread(results.figures(name, calm_p99), 1),
        ]
        for name in results.turns
    ]
    calm = f"{CALM_RATE:.0f} messages/s"
    return table(["", "messages/s at p99 < 200 ms", f"p50 at {calm}, ms", f"p99 at {calm}, ms"], rows)


def cpu(results: Results) -> list[str]:
    rows = [
        [name]
        + [spread([turn.cpu_calm[part] for turn in turns]) for part in CPUS]
        + [spread([turn.cpu_max.get(part, math.nan) for turn in turns]) for part in CPUS]
        for name, turns in results.turns.items()
    ]
    return table(["", *(f"{part}, calm" for part in CPUS), *(f"{part}, highest" for part in CPUS)], rows)


def memory(results: Results) -> list[str]:
    rows = [[name, f"{used / 1024:.1f}"] for name, used in results.memory.items()]
    return table([f"{results.plan.idle_sockets:,} sockets", "KB each"], rows)


def beating(results: Results) -> list[str]:
    rows = [
        [
            name,
            f"{found.sockets:,}",
            f"{found.beats_per_second:.0f}",
            f"{found.statements_per_second:.2f} ({', '.join(f'{n} {verb}' for verb, n in found.statements.items())})",
            f"{found.web_cpu_percent:.1f}",
            f"{found.idle_cpu_percent:.1f}",
            f"{found.postgresql_cpu_percent:.1f}",
            f"{found.sockets / found.connect_seconds:.0f}",
        ]
        for name, found in results.beating.items()
    ]
    head = ["", "Sockets", "Beats/s", "Statements/s", "Web, % of a core", "the same without beats", "PostgreSQL, %"]
    return table([*head, "Hellos/s before"], rows)


def checked(results: Results) -> list[str]:
    problems = results.problems()
    total = sum(turn.messages for turns in results.turns.values() for turn in turns)
    disorder = {name: sum(turn.out_of_order for turn in turns) for name, turns in results.turns.items()}
    disorder = ", ".join(f"{name} {count}" for name, count in disorder.items() if count)
    return [
        f"- {total:,} messages, those of the overloaded steps included.",
        *(
            [f"- {problem}" for problem in problems]
            or ["- None lost, none stored or delivered twice, no hole in any seq."]
        ),
        f"- Delivered in another order than sent: {disorder or 'none'}.",
    ]
