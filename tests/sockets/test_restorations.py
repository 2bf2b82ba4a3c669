"""What the reports are told of visitors who come back: after their answer, and without making them wait."""

import pytest
from django.db import OperationalError

from sessions_app import restorations, services
from sessions_app.models import Restoration
from tests.factories import age, make_session, say
from tests.sockets.conftest import in_db, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(restorations, "FLUSH_SECONDS", 0.05)


@pytest.fixture
def vera(tenant):
    vera = make_session(tenant, says="Hello")
    for line in ("Two", "Three"):
        say(vera, line)
    return vera


def noted() -> list[tuple]:
    columns = ("session__conversation_id", "tenant__slug", "outcome", "recovered")
    return list(Restoration.objects.order_by("pk").values_list(*columns))


@pytest.mark.parametrize(("after_seq", "recovered"), [(3, 0), (1, 2), (0, 3), (None, 3), (99, 3)])
async def test_a_restored_page_is_noted_with_what_it_did_not_have(sockets, vera, after_seq, recovered):
    await sockets.visitor(vera).hello(vera, restored=True, after_seq=after_seq)
    await until(noted)
    assert await in_db(noted) == [(vera.session.conversation_id, "demo-tenant", "restored", recovered)]
    took_ms = (await in_db(Restoration.objects.get)).took_ms
    assert 0 <= took_ms < 10_000


async def test_a_reopening_is_noted_without_the_systems_own_lines(sockets, vera):
    await in_db(age, vera, minutes=10)
    await in_db(services.sweep)
    # Without a page load: the page stood there all the time.
    ready = await sockets.visitor(vera).hello(vera, after_seq=3)
    assert (ready["resume"], ready["last_seq"]) == ("reopened", 5)
    await until(noted)
    assert await in_db(noted) == [(vera.session.conversation_id, "demo-tenant", "reopened", 0)]


async def test_a_first_hello_and_a_reconnect_restore_nothing(sockets, vera):
    await sockets.visitor(vera).hello(vera, after_seq=0)
    await sockets.visitor(vera).hello(vera, after_seq=2)
    # Whatever was noted before this one would have come first.
    await sockets.visitor(vera).hello(vera, restored=True, after_seq=3)
    await until(noted)
    assert len(await in_db(noted)) == 1


async def test_one_who_is_refused_is_no_restoration(sockets, tenant, vera):
    await in_db(services.end_session, vera.session.session_id, services.VISITOR)
    socket = sockets.visitor(vera)
    await socket.connect()
    await socket.send("hello", session_key=vera.session_key, restored=True)
    assert (await socket.expect("error"))["code"] == "session_over"
    other = await in_db(make_session, tenant)
    await sockets.visitor(other).hello(other, restored=True)
    await until(noted)
    assert [row[0] for row in await in_db(noted)] == [other.session.conversation_id]


async def test_what_the_database_failed_is_stored_when_it_is_back(sockets, vera, monkeypatch):
    store, tries = restorations.store, []

    def fail_once(rows):
        tries.append(rows)
        if len(tries) == 1:
            raise OperationalError("the server closed the connection unexpectedly")
        store(rows)

    monkeypatch.setattr(restorations, "store", fail_once)
    ready = await sockets.visitor(vera).hello(vera, restored=True, after_seq=3)
    assert ready["resume"] == "resumed"
    await until(noted)
    assert len(tries) == 2
    assert len(await in_db(noted)) == 1
