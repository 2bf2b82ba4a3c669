"""A chat center of one's own, to be broken: PostgreSQL, Redis, web processes, worker and beat, in one folder.

Nothing of it is shared with anybody else, and what is asked of its database here is plain SQL: the judge does not
use the product's own code.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import psycopg
import redis

from chatcenter.embedded import Servers, die_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.prefix) / "bin"
TENANT = "demo-tenant"
AGENTS = ("alice", "bob")
START_SECONDS = 60
STOP_SECONDS = 20


class Process:
    """One process of ours over the world's servers; `start()` may be called again after it has ended."""

    def __init__(self, name: str, command: list[str | Path], environment: dict[str, str], log: Path) -> None:
        self.name, self.log = name, log
        self._command, self._environment = command, environment
        self._popen: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.log, "ab") as output:
            self._popen = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def send(self, signum: signal.Signals) -> None:
        self._popen.send_signal(signum)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        return self._popen.wait(seconds)

    def kill(self) -> None:
        """As the kernel does when memory runs out: no last word."""
        if self.is_running:
            self.send(signal.SIGKILL)
            self.wait()

    def stop(self) -> None:
        if self.is_running:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.kill()


class Web(Process):
    """A web process; it keeps its port over restarts."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = {"HOST": "127.0.0.1", "PORT": str(self.port)}
        super().__init__(name, [ROOT / "bin" / "web"], environment | own, log)
        self.url = f"http://localhost:{self.port}"
        self.ws_url = f"ws://localhost:{self.port}"

    def wait_until_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False, timeout=10).is_success:
                    return
            except httpx.TransportError:
                pass
            if not self.is_running:
                break
            time.sleep(0.05)
        raise AssertionError(f"{self.name} does not become ready:\n{self.log.read_text()[-4000:]}")

    def clients(self) -> int:
        """TCP connections to it that are open."""
        connections = psutil.Process(self.pid).net_connections("tcp")
        return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == self.port for one in connections)


class World:
    """A context manager. Entering starts the servers and migrates; processes are started by whoever wants them."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.servers = Servers(folder, keep=False, durable=True)
        self.password = secrets.token_urlsafe(9)
        self._settings = settings
        self._processes: list[Process] = []

    def __enter__(self) -> "World":
        self.servers.__enter__()
        try:
            self.database_url = self.servers.start_postgresql()
            self.redis_url = self.servers.start_redis()
            self.environment = os.environ | {
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "PYTHONUNBUFFERED": "1",
                "SECRET_KEY": secrets.token_urlsafe(50),
                "DEBUG": "off",
                "SECURE_COOKIES": "off",
                "ALLOWED_HOSTS": "localhost,127.0.0.1",
                "DATABASE_URL": self.database_url,
                "REDIS_URL": self.redis_url,
                "DEMO_PASSWORD": self.password,
                # Clients are faster than people; the limits have tests of their own.
                "CHAT_MESSAGE_RATES": "100000/1s",
                "CHAT_START_RATES": "100000/1s",
                "CHAT_FRAME_RATES": "100000/1s",
                "CHAT_MAX_SOCKETS_PER_ADDRESS": "100000",
                **self._settings,
            }
            self.manage("migrate", "--no-input", "--verbosity=0")
            self.manage("seed_demo")
        except BaseException:
            self.servers.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        for process in self._processes:
            process.stop()
        self.servers.__exit__(*exc_info)

    def command(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )

    def manage(self, *arguments: str) -> str:
        with self.command(*arguments) as process:
            output = process.communicate()[0]
        assert process.returncode == 0, f"manage.py {' '.join(arguments)}: {output}"
        return output

    def web(self, name: str, **environment: str) -> Web:
        """Not started yet. `ASGI_SERVER="uvicorn"` for the other server."""
        return self._add(Web(name, self.environment | environment, self.folder / f"{name}.log"))

    def celery(self, name: str, *arguments: str) -> Process:
        command = [BIN / "celery", "-A", "chatcenter", *arguments, "--loglevel", "INFO"]
        return self._add(Process(name, command, self.environment, self.folder / f"{name}.log"))

    def worker(self) -> Process:
        return self.celery("worker", "worker", "--pool", "solo", "--without-gossip", "--without-mingle")

    def beat(self) -> Process:
        return self.celery("beat", "beat", "--schedule", str(self.folder / "beat"), "--pidfile=")

    def _add(self, process):
        self._processes.append(process)
        return process

    # --- the servers ----------------------------------------------------------------------------------------------

    def start_postgresql(self) -> None:
        self.servers.start_postgresql()

    def start_redis(self) -> None:
        self.servers.start_redis()

    def query(self, statement: str, arguments: object = None) -> list[tuple]:
        """One statement, on a connection of its own."""
        with psycopg.connect(self.database_url, autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.database_url, connect_timeout=10)

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=5, socket_connect_timeout=5)

    def kill_backends(self) -> int:
        """Ends every connection that somebody has to the database."""
        rows = self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(rows)

    def listeners(self) -> dict[str, int]:
        """The groups that processes are subscribed to, each with how many are."""
        with self.redis() as client:
            names = client.pubsub_channels("*__group__*")
            return {name.decode(): count for name, count in client.pubsub_numsub(*names)}
