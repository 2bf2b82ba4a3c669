"""The course of a run: servers, contestants by turns, papers, and everything gone at the end."""

import fcntl
import hashlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import _children
import _setup
import _tools
import redis

from bench import measure, report
from bench.contestants import SOCKETIO, Bare, Obvious, Ours, Relay, SocketIOPeer, Stage
from chatcenter import embedded

SHORT_PLANS = {"--quick": measure.QUICK, "--smoke": measure.SMOKE}


def main(option: str) -> None:
    """``option``: --quick, --smoke, or a number of rounds."""
    plan = SHORT_PLANS.get(option) or replace(measure.FULL, rounds=int(option))
    _children.interrupt_on_signals()
    _children.adopt_orphans()
    # Thousands of sockets, on both sides.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    node_bin = _tools.node()
    install_socketio(node_bin)
    remove_dead_runs()
    folder = embedded.DATA_DIR / f"bench-{os.getpid()}"
    # keep: PostgreSQL is as durable as in production. The folder goes nevertheless.
    try:
        with embedded.Servers(folder, keep=True) as servers:
            try:
                run(Stage(servers, _children, node_bin), plan, option)
            finally:
                _children.stop_all(servers)
    except embedded.EmbeddedError as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install_socketio(node_bin) -> None:
    stamp = SOCKETIO / "node_modules" / ".installed"
    wanted = hashlib.sha256((SOCKETIO / "package-lock.json").read_bytes()).hexdigest()
    with open(_setup.LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        env = os.environ | {"PATH": f"{node_bin}{os.pathsep}{os.environ['PATH']}"}
        command = [*_tools.npm(node_bin), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=SOCKETIO, env=env, stdin=subprocess.DEVNULL).returncode:
            sys.exit("Socket.IO could not be installed; npm says why above.")
        stamp.write_text(wanted)


def remove_dead_runs() -> None:
    for folder in embedded.DATA_DIR.glob("bench-*"):
        try:
            with embedded.Servers(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except embedded.EmbeddedError:
            pass  # a run that lives


def run(stage: Stage, plan: measure.Plan, option: str) -> None:
    # Redis carries doorbells and counters for all of them: none needs it to write to disk.
    redis.Redis(unix_socket_path=stage.redis_socket).config_set("appendonly", "no")
    durable = {name: stage.database.execute(f"SHOW {name}").fetchone()[0] for name in report.DURABLE}
    if set(durable.values()) != {"on"}:
        sys.exit(f"PostgreSQL is not durable: {durable}")
    Ours.set_up(stage)
    results = report.Results(plan=plan, machine=machine(stage, plan), started_at=time.time(), load=[os.getloadavg()])
    try:
        measure_all(stage, plan, option, results)
    finally:
        Ours.close()
        stage.database.close()
    results.load.append(os.getloadavg())
    problems = results.problems()
    if option == "--smoke":
        print("\n".join(problems) or "Everything was acknowledged, delivered to the other side, and stored once.")
    else:
        text = report.render(results)
        print(text)
        if plan not in SHORT_PLANS.values():
            report.PATH.write_text(text)
            print(f"Written to {report.PATH}")
    sys.exit(1 if problems else 0)


def measure_all(stage: Stage, plan: measure.Plan, option: str, results: "report.Results") -> None:
    ours = [Ours(stage, "daphne"), Ours(stage, "uvicorn")]
    contestants = [Obvious(stage), SocketIOPeer(stage), *ours]
    first_rates = {one.name: one.first_rate for one in contestants}

    def take_turn(contestant) -> measure.Turn:
        turn = measure.take_turn(contestant, stage, plan, first_rates.get(contestant.name))
        results.turns.setdefault(contestant.name, []).append(turn)
        results.load.append(os.getloadavg())
        say(f"{contestant.name}: {report.one_line(turn)}")
        return turn

    if option == "--smoke":
        first_rates = {}
    elif option != "--quick":
        first_rates[Relay.name] = Relay.first_rate
        take_turn(Relay(stage))  # the generator's own ceiling: far above all others, so once is enough
    for number in range(plan.rounds):
        # By turns, and in another order each round: a noisy minute must not always hit the same one.
        for contestant in contestants[number % len(contestants) :] + contestants[: number % len(contestants)]:
            turn = take_turn(contestant)
            if turn.max_rate:
                first_rates[contestant.name] = turn.max_rate
    if option == "--smoke":
        return
    for one in ours:
        for name, contestant in ((one.server, one), (f"bare {one.server}", Bare(stage, one.server))):
            results.memory[name] = measure.idle_memory(contestant, plan)
            say(f"an idle socket, {name}: {results.memory[name] / 1024:.1f} KB")
    for one in ours:
        results.beating[one.server] = measure.heartbeats(one, stage, plan)
        say(f"heartbeats, {one.server}: {report.beating_line(results.beating[one.server])}")
        results.load.append(os.getloadavg())


def say(text: str) -> None:
    print(text, flush=True)


def machine(stage: Stage, plan: measure.Plan) -> dict[str, str]:
    node = subprocess.run([stage.node_bin / "node", "--version"], capture_output=True, text=True).stdout.strip()
    postgresql = stage.database.execute("SHOW server_version").fetchone()[0]
    server = redis.Redis(unix_socket_path=stage.redis_socket).info("server")["redis_version"]
    return {
        "CPU": f"{os.cpu_count()} × {cpu_model()}",
        "System": f"Linux {platform.release()}" if sys.platform == "linux" else platform.platform(),
        "Servers": f"PostgreSQL {postgresql} (fsync and synchronous_commit on), Redis {server}, Unix sockets",
        "Python": f"{platform.python_version()}: {report.python_versions()}",
        "Node": f"{node}: {report.node_versions()}",
    }


def cpu_model() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
