"""The tests' surroundings: PostgreSQL and Redis that bin/test has started, and the real web server over them."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import redis
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import OperationalError, connections
from django.db.backends.postgresql.operations import DatabaseOperations

from sessions_app import throttles
from tests import factories

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 20

# Tests are faster than people. Those that are about a limit start a server of their own with it.
WIDE_LIMITS = {
    "CHAT_MESSAGE_RATES": "100000/1s",
    "CHAT_START_RATES": "100000/1s",
    "CHAT_FRAME_RATES": "100000/1s",
    "CHAT_PROOF_RATES": "100000/1s",
    "CHAT_MAX_SOCKETS_PER_ADDRESS": "100000",
}


def pytest_configure(config: pytest.Config) -> None:
    # The tests empty a database and a Redis: those of a bin/dev that runs beside them must not be taken for
    # theirs.
    if "TEST_RUN" not in os.environ:
        raise pytest.UsageError("Run bin/test [PATH…]: it starts the servers that the tests need.")
    # A password is hashed for nearly every agent in the tests; such a hash is valid wherever it is checked.
    PBKDF2PasswordHasher.iterations = 1


@pytest.fixture(scope="session", autouse=True)
def _close_pools():
    yield
    for connection in connections.all():
        connection.close()
        connection.close_pool()


@pytest.fixture(scope="session", autouse=True)
def _patient_limits():
    """A Redis that this machine lets answer late would switch the limits off, which tests count on, for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throttles, "TIMEOUT_SECONDS", 60.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_flush():
    """A web process may be stamping heartbeats while a test empties the database, and PostgreSQL may choose the flush
    as the victim of their deadlock: it is tried again."""
    flush = DatabaseOperations.execute_sql_flush

    def flush_again(self, statements) -> None:
        for tries_left in range(4, -1, -1):
            try:
                flush(self, statements)
            except OperationalError:
                if not tries_left:
                    raise
            else:
                return

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_again)
        yield


# The people, see tests/factories.py.


@pytest.fixture
def tenant(db):
    return factories.make_tenant()


@pytest.fixture
def alice(tenant):
    return factories.make_agent("alice", [tenant])


@pytest.fixture
def bob(tenant):
    return factories.make_agent("bob", [tenant])


@pytest.fixture
def charlie(db):
    return factories.make_agent("charlie", [factories.make_tenant("other-tenant")])


@pytest.fixture(scope="session")
def redis_client():
    with redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_redis(redis_client):
    redis_client.flushdb()
    throttles._shut_out.clear()  # what the test before has left of it in this process


class Server:
    """A running web process. `url` is `http://localhost:PORT`, `ws_url` the same for sockets, `log` its output file."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path) -> None:
        self.process = process
        self.url = f"http://localhost:{port}"
        self.ws_url = f"ws://localhost:{port}"
        self.log = log

    def wait_until_ready(self) -> None:
        for _ in range(START_SECONDS * 20):
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            try:
                self.process.wait(0.05)
                break
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"The web process does not become ready:\n{self.log.read_text()}")


@contextmanager
def run_server(**environment: str):
    """The web process of the Procfile over the test database and Redis, with these variables in its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    own = {"DATABASE_URL": database.geturl(), "HOST": "127.0.0.1", "PORT": str(port), "DEMO_PAGE": "on"}
    log = Path(os.environ["TEST_RUN"]) / f"server-{port}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [ROOT / "bin" / "web"],
            cwd=ROOT,
            env=os.environ | own | WIDE_LIMITS | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def _server(django_db_setup):
    with run_server() as server:
        yield server


@pytest.fixture
def server(_server: Server, transactional_db) -> Server:
    """The web process with wide limits, one for the whole run. What the test commits, it sees."""
    return _server


@pytest.fixture
def start_server(transactional_db):
    """`start_server(CHAT_MESSAGE_RATES="3/10s", ASGI_SERVER="uvicorn")`: a web process of the test's own."""
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(run_server(**environment))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A failed test shows what its server wrote last."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if isinstance(server, Server) and report.failed:
        report.sections.append(("server log", "\n".join(server.log.read_text().splitlines()[-30:])))
    return report
