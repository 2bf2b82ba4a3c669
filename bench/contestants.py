"""Who is measured: how each one's server is started, how its chats are made, and what must stand in its database."""

import os
import secrets
import signal
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
import psycopg

from bench.load import ChatCenter, ObviousDjango, SocketIO, Tally, number_in

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
SOCKETIO = PEERS / "socketio"
START_SECONDS = 60
# Far beyond what is measured, with two windows as in production, so that counting costs what it costs there.
LIMITS = {
    "CHAT_MESSAGE_RATES": "100000/10s,100000/60s",
    "CHAT_FRAME_RATES": "1000000/10s",
    "CHAT_MAX_SOCKETS_PER_ADDRESS": "1000000",
    "CHAT_START_RATES": "1000000/1s",
}


class Stage:
    """What all contestants share: one PostgreSQL, one Redis, and where to write logs."""

    def __init__(self, servers, children, node_bin: Path) -> None:
        self.children, self.node_bin, self.folder = children, node_bin, servers.folder
        database_url, redis_url = servers.start_postgresql(), servers.start_redis()
        self.redis_socket = unquote(urlsplit(redis_url).path)
        self.database = psycopg.connect(database_url, autocommit=True)
        self.postgresql_pid, self.redis_pid = servers.pids()
        self.env = (
            os.environ
            | LIMITS
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(PEERS),
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "REDIS_SOCKET": self.redis_socket,
                "SECRET_KEY": secrets.token_urlsafe(50),
                "DEBUG": "off",
                "SECURE_COOKIES": "off",
                "ALLOWED_HOSTS": "localhost,127.0.0.1",
                "HOST": "127.0.0.1",
                "LOG_LEVEL": "WARNING",
                "NODE_ENV": "production",
            }
        )

    def run(self, command: list[str], **env: str) -> None:
        if self.children.run(command, self.env | env):
            sys.exit(f"{' '.join(command)} failed.")

    @contextmanager
    def web(self, command: list[str | Path], **env: str):
        """A web process that takes connections at the port that it is started with; yields (port, its process)."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(part).replace("@PORT@", str(port)) for part in command]
        log = self.folder / "web.log"
        with open(log, "ab") as output:
            process = self.children.start(
                command, self.env | {"PORT": str(port)} | env, cwd=ROOT, stdout=output, stderr=output
            )
        try:
            self._wait(process, port, log)
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGKILL)  # nothing of it is needed, and a proper farewell takes seconds
            process.wait()

    @staticmethod
    def _wait(process, port: int, log: Path) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        sys.exit(f"A web process did not start:\n{log.read_text()[-2000:]}")


def problems_of(tally: Tally, stored: list[int]) -> list[str]:
    """What the database says against what the clients were told."""
    problems = []
    once = set(stored)
    if len(once) != len(stored):
        problems.append(f"{len(stored) - len(once)} messages stored twice")
    lost = sum(1 for number, acks in enumerate(tally.acks) if acks and number not in once)
    if lost:
        problems.append(f"{lost} acknowledged messages not stored")
    return problems


class Peer:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def prepare(self, chats: int) -> list:
        self.rooms = [f"{secrets.token_hex(4)}-{chat}" for chat in range(chats)]
        return [self.dialect(room) for room in self.rooms]

    def problems(self, tally: Tally) -> list[str]:
        rows = self.stage.database.execute(f"SELECT body FROM {self.table} WHERE room = ANY(%s)", [self.rooms])
        return problems_of(tally, [number_in(body.encode()) for (body,) in rows])


class Obvious(Peer):
    name = "obvious Django chat"
    dialect, table = ObviousDjango, "obvious_django_message"
    settings = {"DJANGO_SETTINGS_MODULE": "obvious_django.settings"}
    first_rate = 150.0

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        stage.run([sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"], **self.settings)

    def web(self):
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", "@PORT@", "-v", "0"]
        return self.stage.web([*command, "obvious_django.asgi:application"], **self.settings)


class SocketIOPeer(Peer):
    name = "Socket.IO"
    dialect, table = SocketIO, "socketio_message"
    first_rate = 1500.0

    def web(self):
        return self.stage.web([self.stage.node_bin / "node", SOCKETIO / "server.js"])


class Relay(Peer):
    name = "bare relay"
    dialect = ObviousDjango
    first_rate = 6000.0

    def web(self):
        return self.stage.web([sys.executable, PEERS / "bare" / "relay.py", "@PORT@"])

    def problems(self, tally: Tally) -> list[str]:
        return []


class Ours:
    """Chat Center. Its chats are started and accepted by its services, its agents have logged in."""

    first_rate = 500.0

    def __init__(self, stage: Stage, server: str) -> None:
        self.stage, self.server = stage, server
        self.name = f"Chat Center, {server}"

    def web(self):
        return self.stage.web([ROOT / "bin" / "web"], ASGI_SERVER=self.server)

    @staticmethod
    def set_up(stage: Stage) -> None:
        """The tables, and Django in this process."""
        stage.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"])
        os.environ.update({name: stage.env[name] for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", *LIMITS)})
        os.environ |= {"DEBUG": "off", "SECURE_COOKIES": "off", "ALLOWED_HOSTS": stage.env["ALLOWED_HOSTS"]}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "chatcenter.settings", "LOG_LEVEL": "WARNING"}
        import django

        django.setup()
        from sessions_app.models import Tenant

        Tenant.objects.create(slug="bench", name="Bench")

    @staticmethod
    def close() -> None:
        from django.db import connection

        connection.close()
        connection.close_pool()

    def prepare(self, chats: int) -> list[ChatCenter]:
        from agents_app import selectors as agents
        from sessions_app import services
        from sessions_app.models import Tenant

        tenant = Tenant.objects.get(slug="bench")
        dialects = []
        self.session_ids = []
        for user, cookie in self._agents(tenant, chats):
            started = services.start_session(tenant, customer_name="Vera")
            services.accept_session(started.session.session_id, agents.rights(user.pk).actor)
            self.session_ids.append(started.session.session_id)
            dialects.append(ChatCenter(str(started.session.session_id), started.session_key, cookie))
        return dialects

    @staticmethod
    def _agents(tenant, count: int) -> list:
        """(user, login cookie) of so many new agents: a console shows all open chats of its agent, so every turn
        has its own."""
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
        from django.contrib.sessions.backends.db import SessionStore
        from django.db.models.functions import Now

        from agents_app.models import Agent

        User = get_user_model()
        users = User.objects.bulk_create(User(username=secrets.token_hex(8)) for _ in range(count))
        profiles = Agent.objects.bulk_create(Agent(user=user, last_seen_at=Now()) for user in users)
        tenant.agents.add(*profiles)
        cookies = []
        for user in users:
            login = SessionStore()
            login[SESSION_KEY] = str(user.pk)
            login[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            login[HASH_SESSION_KEY] = user.get_session_auth_hash()
            login.save()
            cookies.append(f"sessionid={login.session_key}")
        return list(zip(users, cookies, strict=True))

    def problems(self, tally: Tally) -> list[str]:
        """Also: seq is 1, 2, 3 … without holes, and the session knows the last one."""
        messages = self.stage.database.execute(
            "SELECT s.session_id, s.last_seq, array_agg(m.seq ORDER BY m.seq),"
            " array_agg(m.body) FILTER (WHERE m.message_type = 'text')"
            " FROM sessions_app_chatsession s JOIN sessions_app_message m ON m.session_id = s.id"
            " WHERE s.session_id = ANY(%s) GROUP BY s.id",
            [self.session_ids],
        ).fetchall()
        problems = []
        for session_id, last_seq, seqs, _ in messages:
            if seqs != list(range(1, last_seq + 1)):
                problems.append(f"holes in {session_id}")
        stored = [number_in(body.encode()) for *_, bodies in messages for body in bodies or ()]
        return problems + problems_of(tally, stored)

    @staticmethod
    def visitors(count: int) -> list[ChatCenter]:
        """Visitors who have opened a chat and have not written. Made in bulk: how is not measured."""
        from sessions_app import tokens
        from sessions_app.models import ChatSession, Tenant

        tenant, key = Tenant.objects.get(slug="bench"), tokens.new_key()
        sessions = ChatSession.objects.bulk_create(
            [
                ChatSession(
                    tenant=tenant,
                    session_key_hash=tokens.digest(key),
                    conversation_id=tokens.new_conversation_id(),
                )
                for _ in range(count)
            ],
            batch_size=1000,
        )
        return [ChatCenter(str(session.session_id), key) for session in sessions]


class Bare:
    """A socket that does nothing, on the server of one of ours, started with the same options."""

    def __init__(self, stage: Stage, server: str) -> None:
        self.stage, self.server = stage, server

    def web(self):
        # bin/web names the application last; a path of its own shadows the product's.
        script = (ROOT / "bin" / "web").read_text().replace("chatcenter.asgi:application", "bare.app:application")
        return self.stage.web(["sh", "-c", script], ASGI_SERVER=self.server)

    @staticmethod
    def visitors(count: int) -> list[ObviousDjango]:
        return [ObviousDjango(str(number)) for number in range(count)]
