"""The kept connection of a thread: kept while it is used, given back after, replaced when it has died."""

import asyncio

import pytest
from django.db import OperationalError, ProgrammingError, connection

from sessions_app import dbthread
from sessions_app.dbthread import DatabaseThread
from tests.sockets.conftest import in_db

pytestmark = pytest.mark.django_db(transaction=True)


def backend() -> int:
    """The PostgreSQL process that serves the calling thread."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def kill(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


async def test_the_connection_is_kept_from_call_to_call():
    thread = DatabaseThread("test")
    assert await thread.run(backend) == await thread.run(backend)


async def test_a_connection_that_died_between_two_calls_is_replaced_unnoticed():
    thread = DatabaseThread("test")
    before = await thread.run(backend)
    await in_db(kill, before)
    assert await thread.run(backend) != before


async def test_a_connection_that_dies_twice_fails_the_call():
    thread = DatabaseThread("test")
    calls = []

    def die() -> None:
        calls.append(backend())
        kill(calls[-1])

    await thread.run(backend)
    with pytest.raises(OperationalError):
        await thread.run(die)
    assert len(set(calls)) == 2


async def test_an_error_of_the_statement_is_not_repeated():
    thread = DatabaseThread("test")
    calls = []

    def fail() -> None:
        calls.append(None)
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing")

    await thread.run(backend)
    with pytest.raises(ProgrammingError):
        await thread.run(fail)
    assert len(calls) == 1
    assert await thread.run(backend)


async def test_the_connection_goes_back_to_the_pool_when_nobody_asks_any_more(monkeypatch):
    monkeypatch.setattr(dbthread, "KEEP_SECONDS", 0.05)
    idle = []
    await DatabaseThread("test").run(lambda: idle.append(backend() and connection.pool.get_stats()["pool_available"]))
    async with asyncio.timeout(60):
        while connection.pool.get_stats()["pool_available"] <= idle[0]:
            await asyncio.sleep(0.01)
