"""A website tells who its visitor is while the chat goes on."""

import pytest

from tests.factories import fresh, make_agent, make_session, make_tenant
from tests.sockets.conftest import in_db

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant(transactional_db):
    return make_tenant()


@pytest.fixture
def alice(tenant):
    return make_agent("alice", [tenant])


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello", customer_name="", customer_email="")


def known_as(vera) -> tuple[str, str]:
    session = fresh(vera)
    return session.customer_name, session.customer_email


async def test_who_the_visitor_is_is_kept_shown_to_the_agents_and_stands_with_what_follows(sockets, alice, vera):
    console, _ = await sockets.console(alice)
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await widget.send("chat.identify", name="Vera", email="vera@shop.example")
    shown = (await console.expect("session.changed"))["session"]
    assert (shown["customer_name"], shown["customer_email"]) == ("Vera", "vera@shop.example")
    assert (await widget.say("It is me"))["sender_name"] == "Vera"
    assert await in_db(known_as, vera) == ("Vera", "vera@shop.example")


async def test_what_is_left_out_stays_and_an_empty_text_takes_it_back(sockets, vera):
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await widget.send("chat.identify", name="Vera", email="vera@shop.example")
    await widget.send("chat.identify", email="")
    await widget.send("chat.identify")
    await widget.say("done")
    assert await in_db(known_as, vera) == ("Vera", "")


async def test_what_is_known_already_is_no_news(sockets, alice, vera):
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await widget.send("chat.identify", name="Vera")
    await widget.say("done")
    console, _ = await sockets.console(alice)
    await widget.send("chat.identify", name="Vera")
    await widget.say("again")
    await console.expect("chat.message.new")
    assert [name for name, _ in console.kept] == []


@pytest.mark.parametrize(
    "payload",
    [{"email": "nobody"}, {"email": "a@b@c.d"}, {"name": "x" * 201}, {"name": "nul\0"}, {"name": 5}],
    ids=str,
)
async def test_what_cannot_be_is_refused_and_the_chat_goes_on(sockets, vera, payload):
    widget = sockets.visitor(vera)
    await widget.hello(vera)
    await widget.send("chat.identify", **payload)
    assert (await widget.expect("error"))["code"] == "invalid"
    await widget.say("still here")
    assert await in_db(known_as, vera) == ("", "")
