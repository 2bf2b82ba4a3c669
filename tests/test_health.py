import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connections

from chatcenter import health

NOWHERE = "redis://:sesame@127.0.0.1:1/0"  # nothing listens on port 1


@pytest.fixture
def no_postgresql(monkeypatch):
    changed = {"HOST": "127.0.0.1", "PORT": "1", "PASSWORD": "sesame"}
    for name, value in changed.items():
        monkeypatch.setitem(connections["default"].settings_dict, name, value)
        monkeypatch.setitem(settings.DATABASES["default"], name, value)


def test_the_process_says_that_it_lives(client):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_when_both_servers_answer(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "postgresql": "ok", "redis": "ok"}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_not_ready_without_redis(client, settings):
    settings.REDIS_URL = NOWHERE
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "postgresql": "ok", "redis": "unreachable"}


@pytest.mark.django_db
def test_not_ready_without_postgresql(client, no_postgresql):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "postgresql": "unreachable", "redis": "ok"}


@pytest.mark.django_db
def test_problems_name_the_server_and_not_its_password(settings, no_postgresql):
    settings.REDIS_URL = NOWHERE
    problems = [health.postgresql_problem(), health.redis_problem()]
    assert problems[0].startswith("PostgreSQL (127.0.0.1 port 1, database test_chatcenter) does not answer: ")
    assert problems[1].startswith("Redis (127.0.0.1 port 1) does not answer: ")
    assert "sesame" not in "".join(problems)


@pytest.mark.parametrize(
    ("variable", "url", "server"),
    [
        ("DATABASE_URL", "postgresql://us:sesame@127.0.0.1:1/chat", "PostgreSQL"),
        ("REDIS_URL", NOWHERE, "Redis"),
    ],
)
def test_preflight_is_one_sentence_and_exit_code_1(variable, url, server):
    done = preflight(**{variable: url})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{server} (127.0.0.1 port 1")
    assert len(done.stderr.splitlines()) == 1
    assert "sesame" not in done.stderr


def test_preflight_says_nothing_when_all_is_well():
    done = preflight()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def preflight(**environment):
    command = [sys.executable, "manage.py", "preflight"]
    env = os.environ | environment
    return subprocess.run(command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True)
