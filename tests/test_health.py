import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection, connections
from django.db.models.functions import Now

from chatcenter import celery, health
from sessions_app import services
from sessions_app.models import SweepRun
from tests.factories import age, make_session, make_tenant

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


@pytest.mark.django_db(transaction=True)
def test_ready_when_both_servers_answer(client):
    services.sweep()
    response = client.get("/readyz")
    assert response.status_code == 200
    answer = response.json()
    assert answer.pop("sweep") is not None
    assert answer == {"status": "ok", "postgresql": "ok", "redis": "ok"}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_the_last_sweep_is_told_with_what_it_did(client):
    session = make_session(make_tenant(), says="Hello")
    age(session, only=("last_seen_at",), minutes=7)
    services.sweep()
    SweepRun.objects.create()  # one that still runs

    sweep = client.get("/readyz").json()["sweep"]
    assert {"started_at", "finished_at"} < set(sweep)
    assert (sweep["examined"], sweep["idle"], sweep["disconnected"], sweep["skipped_locks"]) == (1, 0, 1, 0)
    assert sweep["lag_ms"] >= 120_000
    assert sweep["took_ms"] >= 0


def last_sweep_was(minutes):
    services.sweep()
    SweepRun.objects.update(finished_at=Now() - timedelta(minutes=minutes))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("minutes", "is_late"), [(14, False), (15, True), (20, True)])
def test_SW09_a_late_sweep_is_degraded_and_takes_no_process_out_of_service(client, minutes, is_late):
    last_sweep_was(minutes)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert ("degraded" in response.json()) == is_late
    assert (health.sweep_problem() is not None) == is_late
    if is_late:
        assert f"for {minutes} minutes" in response.json()["degraded"]


@pytest.mark.django_db(transaction=True)
def test_where_no_sweep_has_ever_finished_it_is_late_once_the_tables_are_old(client):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, applied FROM django_migrations WHERE app = 'sessions_app'")
        applied = cursor.fetchall()
        try:
            for minutes, is_late in ((1, False), (16, True)):
                cursor.execute("UPDATE django_migrations SET applied = now() - %s", [timedelta(minutes=minutes)])
                answer = client.get("/readyz").json()
                assert (answer["sweep"], "degraded" in answer) == (None, is_late)
        finally:
            cursor.executemany(
                "UPDATE django_migrations SET applied = %s WHERE id = %s", [(at, id) for id, at in applied]
            )


@pytest.mark.django_db(transaction=True)
def test_only_a_check_of_the_database_asks_for_the_sweep():
    last_sweep_was(20)
    assert [message.id for message in run_checks(tags=["database"], databases=["default"])] == ["chatcenter.W001"]
    assert not [message for message in run_checks() if message.id == "chatcenter.W001"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_says_so_and_sweeps_at_once(monkeypatch, caplog):
    last_sweep_was(20)
    sent = []
    monkeypatch.setattr(celery.app, "send_task", lambda name, **options: sent.append(name))
    celery.sweep_at_start()
    assert sent == ["sessions_app.tasks.sweep_sessions"]
    assert "No sweep has finished for 20 minutes" in caplog.text


@pytest.mark.django_db
def test_not_ready_without_redis(client, settings):
    settings.REDIS_URL = NOWHERE
    response = client.get("/readyz")
    assert response.status_code == 503
    answer = response.json()
    assert (answer["status"], answer["postgresql"], answer["redis"]) == ("unavailable", "ok", "unreachable")


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
