"""Both kinds of server, one of each for the whole run, with the frame limit that production has."""

import pytest

from tests.conftest import run_server


@pytest.fixture(scope="session", params=["daphne", "uvicorn"])
def _either_server(request, django_db_setup):
    with run_server(ASGI_SERVER=request.param, CHAT_FRAME_RATES="100/10s") as server:
        yield server


@pytest.fixture
def either_server(_either_server, transactional_db):
    return _either_server
