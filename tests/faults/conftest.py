"""Both kinds of server, one of each for the whole run."""

import os
from pathlib import Path

import pytest

from tests.chaos.world import World
from tests.conftest import run_server
from tests.faults.people import Alice

# The frame limit that production has. Pings that give up sooner: a client that never reads is gone within 10 s.
LIMITS = {"CHAT_FRAME_RATES": "100/10s", "WS_PING_SECONDS": "5", "WS_PONG_SECONDS": "5"}


@pytest.fixture(scope="session", params=["daphne", "uvicorn"])
def _either_server(request, django_db_setup):
    with run_server(ASGI_SERVER=request.param, **LIMITS) as server:
        yield server


@pytest.fixture
def either_server(_either_server, transactional_db):
    return _either_server


@pytest.fixture(scope="session")
def world():
    """PostgreSQL, Redis and a database that nobody else uses: to be broken, and to be left whole again."""
    # A short pool timeout: what waits for a dead database says so sooner.
    with World(Path(os.environ["TEST_RUN"]) / "broken", DATABASE_POOL_TIMEOUT_SECONDS="3") as world:
        yield world


@pytest.fixture(scope="session")
def _webs(world):
    return [world.web("here"), world.web("there", ASGI_SERVER="uvicorn")]


@pytest.fixture
def webs(_webs):
    """Two web processes of that world, daphne and uvicorn; a test may kill them."""
    for web in _webs:
        if not web.is_running:
            web.start()
    for web in _webs:
        web.wait_until_ready()
    return _webs


@pytest.fixture(scope="session")
def _logged_in():
    return {}


@pytest.fixture
def alice(world, webs, _logged_in):
    """Logged in once for the run: hashing a password takes its time."""
    if "alice" not in _logged_in:
        _logged_in["alice"] = Alice(world, webs[0])
    return _logged_in["alice"]
