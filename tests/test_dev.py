"""bin/dev, as a person starts it, in a copy of the clone that nothing else uses."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from chatcenter import embedded

ROOT = embedded.BASE_DIR
NOT_COPIED = shutil.ignore_patterns(".venv", ".data", ".git", "node_modules", "__pycache__", ".*_cache")


@pytest.fixture
def clone(tmp_path) -> Path:
    """pytest's folders may be entered by their owner alone: for root, the hard case for PostgreSQL."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**variables) -> dict:
    """A new terminal's: nothing of what bin/test tells the tests."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables


@contextmanager
def running(clone: Path, port: int, *options: str):
    """bin/dev once it says that it runs: (process, what it printed)."""
    command = [clone / "bin" / "dev", *options]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(PORT=str(port)), text=True, **pipes) as process:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "Ctrl-C stops everything" in line:
                break
        else:
            pytest.fail("bin/dev ended:\n" + "".join(printed))
        try:
            yield process, "".join(printed)
        finally:
            process.kill()
            process.stdout.close()


def refused(clone: Path, *options: str, **variables: str) -> str:
    """The one sentence of a bin/dev that does not start."""
    command = [clone / "bin" / "dev", *options]
    done = subprocess.run(
        command, env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def end(process: subprocess.Popen, signum: signal.Signals) -> int:
    process.send_signal(signum)
    process.stdout.read()  # until nobody holds the other end any more
    return process.wait()


def belongs_to(clone: Path, process: psutil.Process) -> bool:
    try:
        words = [process.cwd(), *process.cmdline()]
    except psutil.Error:
        return False
    return any(str(clone) in word for word in words)


def living(clone: Path) -> list[psutil.Process]:
    mine = [process for process in psutil.process_iter() if belongs_to(clone, process)]
    return [process for process in mine if not embedded._is_gone(process, seconds=0)]


def password(printed: str) -> str:
    return re.search(r"alice / (\S+)", printed)[1]


def test_from_nothing_to_a_login_and_back_to_nothing(clone, port):
    site = f"http://localhost:{port}"
    with running(clone, port) as (process, printed):
        assert f"{site}/widget-demo.html" in printed
        with httpx.Client(base_url=site, trust_env=False, follow_redirects=True, timeout=60) as browser:
            assert browser.get("/widget-demo.html").is_success
            for page, name in (("/agent/", "alice"), ("/admin/", "admin")):
                login = browser.get(page)
                form = {"username": name, "password": password(printed)}
                token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
                entered = browser.post(login.url, data=form | token, headers={"Referer": str(login.url)})
                assert (entered.status_code, entered.url.path) == (200, page)
                browser.cookies.delete("sessionid")

        beside = [clone / ".venv" / "bin" / "python", "manage.py", "preflight"]
        assert subprocess.run(beside, cwd=clone, env=environment()).returncode == 0
        assert "in this clone already" in refused(clone, PORT=str(port))
        assert "in this clone already" in refused(clone, "--reset")

        assert end(process, signal.SIGINT) == 128 + signal.SIGINT
    assert living(clone) == []


def test_a_killed_run_leaves_no_process_and_does_not_spoil_the_next(clone, port):
    with running(clone, port) as (process, printed):
        processes = living(clone)
        commands = " ".join(word for each in processes for word in each.cmdline())
        assert all(part in commands for part in ("postgres", "redis-server", "chatcenter.asgi", "worker", "beat"))
        process.kill()
        assert all(embedded._is_gone(each, seconds=30) for each in processes)
    with running(clone, port) as (process, again):
        assert password(again) == password(printed)
        assert end(process, signal.SIGTERM) == 128 + signal.SIGTERM
    with running(clone, port, "--reset") as (process, afresh):
        assert password(afresh) != password(printed)
        assert end(process, signal.SIGHUP) == 128 + signal.SIGHUP
    assert living(clone) == []


# The signal is another thread's, so it does not wake the one that waits: as if it had come just before.
UNHEARD = """
import _children, os, signal, threading
_children.interrupt_on_signals()
threading.Timer(0.5, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()
_children.run(["sleep", "600"], os.environ)
"""


def test_a_signal_that_comes_just_before_the_waiting_is_heard():
    command, path = [sys.executable, "-c", UNHEARD], os.pathsep.join([str(ROOT / "bin"), str(ROOT)])
    done = subprocess.run(command, env=environment(PYTHONPATH=path), stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://us:sesame@127.0.0.1:1/chat"}, "PostgreSQL (127.0.0.1 port 1, database chat)"),
        ({"REDIS_URL": "redis://:sesame@127.0.0.1:1/0"}, "Redis (127.0.0.1 port 1) does not answer"),
        ({"PORT": "many"}, "PORT must be a number"),
        ({"CHAT_START_RATES": "often"}, "CHAT_START_RATES must look like"),
    ],
)
def test_what_cannot_work_is_one_sentence(clone, port, variables, sentence):
    said = refused(clone, **{"PORT": str(port)} | variables)
    assert said.startswith(sentence)
    assert "sesame" not in said
    assert living(clone) == []


def test_a_taken_port_is_one_sentence(clone):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(clone, PORT=str(taken.getsockname()[1]))
    assert "set PORT to a free one" in said
