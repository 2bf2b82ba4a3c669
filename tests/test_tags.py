"""Tags: words that a tenant's agents put on chats to find them again."""

import json
from uuid import uuid4

import pytest
from django.db import connection

from sessions_app import services
from sessions_app.models import Tag
from sessions_app.services import VISITOR
from tests.factories import PASSWORD, actor, fresh, make_session, make_tenant, transitions
from tests.racing import racers

pytestmark = pytest.mark.django_db

API = "/api/v1/chat"


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello")


@pytest.fixture
def put(client, alice, vera):
    """Tags vera's chat as alice: (status, tags or the fields that are wrong)."""
    client.login(username="alice", password=PASSWORD)

    def put(tags):
        url = f"{API}/sessions/{vera.session.session_id}/tags"
        response = client.put(url, json.dumps({"tags": tags}), content_type="application/json")
        answer = response.json()
        return response.status_code, answer["data"]["tags"] if answer["success"] else list(answer["error"]["fields"])

    return put


def tag(session, agent, *names):
    return services.tag_session(session.session.session_id, actor(agent), names)


def test_a_chat_has_the_tags_that_it_was_given_and_no_others(put):
    assert put(["refund", " VIP \t customer "]) == (200, ["VIP customer", "refund"])
    assert put(["refund"]) == (200, ["refund"])
    assert put([]) == (200, [])


def test_case_makes_no_other_tag(put, tenant):
    put(["Refund", "Äpfel"])
    assert put(["REFUND", "refund", "äpfel"]) == (200, ["Refund", "Äpfel"])
    assert Tag.objects.filter(tenant=tenant).count() == 2


def test_a_tag_belongs_to_its_tenant(client, charlie, put):
    put(["refund"])
    other = make_session(charlie.tenants.get(), says="Hello")
    tag(other, charlie, "Refund")
    assert Tag.objects.count() == 2
    assert client.get(f"{API}/tags").json()["data"] == {"tags": [{"name": "refund", "tenant": "demo-tenant"}]}
    assert client.get(f"{API}/tags", {"tenant": "other-tenant"}).json()["data"] == {"tags": []}


def test_tags_of_one_of_several_tenants_are_asked_for_by_its_name(client, alice, put):
    second = make_tenant("second")
    alice.tenants.add(second)
    put(["refund"])
    tag(make_session(second, says="Hello"), alice, "urgent")

    assert client.get(f"{API}/tags").json()["data"]["tags"] == [
        {"name": "refund", "tenant": "demo-tenant"},
        {"name": "urgent", "tenant": "second"},
    ]
    answer = client.get(f"{API}/tags", {"tenant": "second"}).json()["data"]
    assert answer == {"tags": [{"name": "urgent", "tenant": "second"}]}


def test_closed_chats_are_tagged_too_and_nothing_else_of_them_changes(put, vera):
    services.end_session(vera.session.session_id, VISITOR)
    before = fresh(vera)
    assert put(["fraud"]) == (200, ["fraud"])

    after = fresh(vera)
    assert (after.updated_at, after.last_seq, after.status) == (before.updated_at, before.last_seq, "ended")
    assert len(transitions(vera)) == 1


@pytest.mark.parametrize(
    "tags",
    [
        None,
        "refund",
        [""],
        ["  "],
        ["\u200b"],
        ["x" * 41],
        ["a\x00b"],
        [5],
        [None],
        [["refund"]],
        [f"tag {number}" for number in range(21)],
    ],
)
def test_bad_tags_are_refused(put, tags):
    assert put(tags) == (400, ["tags"])
    assert not Tag.objects.exists()


def test_as_many_and_as_long_as_allowed(put):
    tags = sorted(f"{number:02} {'🙂' * 37}" for number in range(20))
    assert put(tags) == (200, tags)


def test_AT04_another_tenants_agent_tags_nothing(client, charlie, vera):
    client.login(username="charlie", password=PASSWORD)
    url = f"{API}/sessions/{vera.session.session_id}/tags"
    assert client.put(url, json.dumps({"tags": ["x"]}), content_type="application/json").status_code == 404
    assert not Tag.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_make_the_same_tags_at_once_make_them_once(alice, bob, tenant):
    with racers(2) as race:
        for number in range(20):
            one, two = make_session(tenant, says="Hello"), make_session(tenant, says="Hello")
            names = [f"first {number}", f"second {number}"]
            outcomes = race(
                lambda one=one, names=names: tag(one, alice, *names),
                lambda two=two, names=names: tag(two, bob, *reversed(names)),
            )
            assert [sorted(found.tags.values_list("name", flat=True)) for found in outcomes] == [names, names]
    assert Tag.objects.count() == 40


def test_first_messages_of_many_ask_for_their_tags_together(tenant, alice):
    sessions = [make_session(tenant) for _ in range(5)]
    tag(sessions[0], alice, "vip")
    statements = []

    def note_down(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note_down):
        services.post_messages([services.Post(one.session.session_id, uuid4(), "Hello", VISITOR) for one in sessions])
    assert sum("sessions_app_tag" in sql for sql in statements) == 1
