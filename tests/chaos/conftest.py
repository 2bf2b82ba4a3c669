"""The minute of chaos begins with the first test of the run and is asked about after the last one: it mostly waits."""

import os
import random
import signal
import subprocess

import pytest

from chatcenter.embedded import die_with_parent
from tests.conftest import ROOT

MINUTE = pytest.StashKey[subprocess.Popen]()
STOP_SECONDS = 30
# Nothing of this run's own servers may reach it; nor may it take their folder for its own.
OF_THIS_RUN = ("DATABASE_URL", "REDIS_URL", "TEST_RUN")


def needs_chaos(item: pytest.Item) -> bool:
    return "minute_of_chaos" in getattr(item, "fixturenames", ())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=needs_chaos)


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any(map(needs_chaos, session.items)):
        environment = {name: value for name, value in os.environ.items() if name not in OF_THIS_RUN}
        seed = str(random.SystemRandom().randrange(10_000))
        session.config.stash[MINUTE] = subprocess.Popen(
            [ROOT / "bin" / "chaos", "--minutes", "1", "--seed", seed],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    chaos = session.config.stash.get(MINUTE, None)
    if chaos is not None and chaos.poll() is None:  # the run was broken off
        chaos.terminate()
        try:
            chaos.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            chaos.kill()
            chaos.communicate()


@pytest.fixture(scope="session")
def minute_of_chaos(request: pytest.FixtureRequest) -> tuple[int, str]:
    """The exit code of `bin/chaos --minutes 1`, and what it printed."""
    chaos = request.config.stash[MINUTE]
    output, _ = chaos.communicate()
    return chaos.returncode, output
