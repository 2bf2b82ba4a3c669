import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatcenter import embedded
from chatcenter.env import Env, celery_url
from chatcenter.logs import OneLineFormatter

DATABASE = {"ENGINE": "django.db.backends.postgresql", "USER": "", "PASSWORD": "", "HOST": "", "PORT": ""}


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda env: env.text("X"), " text ", "text"),
        (lambda env: env.text("X", "default"), "", "default"),
        (lambda env: env.flag("X", False), "on", True),
        (lambda env: env.flag("X", True), "0", False),
        (lambda env: env.flag("X", True), "", True),
        (lambda env: env.number("X", 5), "7", 7),
        (lambda env: env.number("X", 5), "", 5),
        (lambda env: env.choice("X", "a", ("a", "b")), "b", "b"),
        (lambda env: env.items("X"), "a.example, b.example,", ["a.example", "b.example"]),
        (lambda env: env.items("X"), "", []),
        (lambda env: env.rates("X", ""), "10/10s, 60/60s", ((10, 10), (60, 60))),
        (lambda env: env.redis_url("X"), "unix:///run/r.sock?db=0", "unix:///run/r.sock?db=0"),
        (
            lambda env: env.database("X"),
            "postgresql://ann:p%40ss@db.example:5433/chat?sslmode=require",
            DATABASE
            | {"NAME": "chat", "USER": "ann", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "5433"}
            | {"OPTIONS": {"sslmode": "require"}},
        ),
        (
            lambda env: env.database("X"),
            "postgresql://ann@/chat?host=%2Frun%2Fpg",
            DATABASE | {"NAME": "chat", "USER": "ann", "HOST": "/run/pg", "OPTIONS": {}},
        ),
    ],
)
def test_variables_become_typed_values(read, value, expected):
    assert read(Env({"X": value})) == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda env: env.text("X"), ""),
        (lambda env: env.flag("X", False), "maybe"),
        (lambda env: env.number("X", 5), "7.5"),
        (lambda env: env.number("X", 5), "-1"),
        (lambda env: env.number("X", 5, minimum=1), "0"),
        (lambda env: env.choice("X", "a", ("a", "b")), "c"),
        (lambda env: env.rates("X", ""), "10"),
        (lambda env: env.rates("X", ""), "10/s"),
        (lambda env: env.rates("X", ""), "10/10"),
        (lambda env: env.rates("X", ""), "0/10s"),
        (lambda env: env.rates("X", ""), "10/10s,"),
        (lambda env: env.redis_url("X"), "localhost:6379"),
        (lambda env: env.redis_url("X"), "unix://"),
        (lambda env: env.redis_url("X"), "http://localhost"),
        (lambda env: env.database("X"), "sqlite:///db.sqlite3"),
        (lambda env: env.database("X"), "postgresql://localhost"),
        (lambda env: env.database("X"), "postgresql://localhost:port/chat"),
    ],
)
def test_nonsense_is_refused_by_the_variables_name(read, value):
    with pytest.raises(ImproperlyConfigured, match=r"^X "):
        read(Env({"X": value}))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:secret@host:6379/2", "redis://:secret@host:6379/2"),
        ("unix:///run/my%20redis.sock?db=3", "redis+socket:///run/my redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
    ],
)
def test_celery_gets_the_same_redis(url, expected):
    assert celery_url(url) == expected


@pytest.fixture
def running_dev(tmp_path, monkeypatch):
    file = tmp_path / "environment.json"
    file.write_text(json.dumps({"DATABASE_URL": "postgresql://dev", "DEBUG": "on"}))
    monkeypatch.setattr(embedded, "ENVIRONMENT_FILE", file)


def test_commands_beside_a_running_bin_dev_find_its_servers(running_dev):
    assert embedded.with_running_servers({"HOME": "/"}) == {
        "DATABASE_URL": "postgresql://dev",
        "DEBUG": "on",
        "HOME": "/",
    }


@pytest.mark.parametrize("variable", embedded.SERVER_VARIABLES)
def test_an_incomplete_production_environment_gets_no_development_server(running_dev, variable):
    assert embedded.with_running_servers({variable: "own"}) == {variable: "own"}


def test_without_a_running_bin_dev_the_environment_is_all(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "ENVIRONMENT_FILE", tmp_path / "nothing.json")
    assert embedded.with_running_servers({"HOME": "/"}) == {"HOME": "/"}


def test_a_log_record_is_one_line_whatever_it_holds():
    record = logging.makeLogRecord({"msg": "name: %s", "args": ("ann\nERROR forged\x1b[2J\r",)})
    assert OneLineFormatter().format(record) == r"name: ann\nERROR forged\x1b[2J\r"
