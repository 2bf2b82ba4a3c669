"""Private notes: for agents alone, in open chats and closed ones; nothing that a visitor receives changes by one."""

import json
from uuid import uuid4

import pytest

from sessions_app import selectors, services
from sessions_app.errors import Conflict, SessionNotFound
from sessions_app.models import ChatSession, Note
from sessions_app.serializers import owner_status_payload
from sessions_app.services import VISITOR
from tests.factories import PASSWORD, actor, bodies, fresh, make_session, say, transitions

pytestmark = pytest.mark.django_db

API = "/api/v1/chat"


@pytest.fixture
def vera(tenant, alice):
    return make_session(tenant, says="Hello", agent=alice)


@pytest.fixture
def write(client, vera):
    """A note by REST: ``write(agent, "body", id=…)`` answers (status, data or error)."""

    def post(agent, body, id=None):
        client.login(username=agent.user.username, password=PASSWORD)
        data = {"client_message_id": str(id or uuid4()), "body": body, "note": True}
        url = f"{API}/sessions/{vera.session.session_id}/messages"
        response = client.post(url, json.dumps(data), content_type="application/json")
        return response.status_code, response.json().get("data") or response.json()["error"]

    return post


def note(session, agent, body="She has called before", id=None):
    id = id or uuid4()
    return services.add_note(session.session.session_id, actor(agent), client_message_id=id, body=body)


def everything_of_the_visitor(session):
    row = fresh(session)
    now = selectors.database_now()
    return (
        ChatSession.objects.filter(pk=row.pk).values().get(),
        selectors.transcript(row, limit=100),
        selectors.visitor_view(row),
        owner_status_payload(row, now),
    )


def test_a_note_is_stored_with_its_place_and_is_no_message(alice, bob, vera, write):
    status, data = write(bob, "  She has called before\n")

    assert status == 201
    stored = Note.objects.get()
    assert data == {
        "session_id": str(vera.session.session_id),
        "client_message_id": str(stored.client_message_id),
        "author_id": bob.user_id,
        "author_name": "Bob",
        "body": "She has called before",
        "after_seq": 2,
        "created_at": data["created_at"],
    }
    say(vera, "Hi", agent=alice)
    assert write(alice, "Refunded")[1]["after_seq"] == 3
    assert [line["body"] for line in selectors.notes(fresh(vera))] == ["She has called before", "Refunded"]
    assert bodies(vera) == ["Hello", "Hi"]


def test_nothing_of_the_visitors_changes_by_a_note(alice, vera):
    before = everything_of_the_visitor(vera)
    note(vera, alice)
    assert everything_of_the_visitor(vera) == before


def test_the_visitors_api_knows_of_no_note(client, alice, vera):
    note(vera, alice, "Between ourselves")
    headers = {"X-Session-Key": vera.session_key}
    for path in (f"session/{vera.session.session_id}", f"status/{vera.session.session_id}"):
        answer = client.get(f"{API}/public/{path}", headers=headers)
        assert answer.status_code == 200
        assert "ourselves" not in answer.content.decode()
        assert "note" not in answer.content.decode()


def test_a_repeat_is_one_note_and_another_body_a_conflict(alice, bob, vera, write):
    id = uuid4()
    first = write(alice, "Refunded", id)

    assert write(alice, "Refunded", id) == (200, first[1])
    assert write(alice, "Not refunded", id)[0] == 409
    assert write(bob, "Refunded", id)[0] == 409
    assert Note.objects.count() == 1


def test_a_note_and_a_message_may_have_the_same_id(alice, vera):
    id = uuid4()
    note(vera, alice, id=id)
    [posted] = services.post_messages([services.Post(vera.session.session_id, id, "Hi", actor(alice))])
    assert posted.is_new


def test_a_closed_chat_takes_notes_and_stays_closed(alice, bob, vera, write):
    services.end_session(vera.session.session_id, VISITOR)
    before = everything_of_the_visitor(vera)

    assert write(bob, "Was a fake order")[0] == 201
    assert everything_of_the_visitor(vera) == before
    assert len(transitions(vera)) == 2


def test_AT04_another_tenants_agent_notes_nothing(charlie, vera, write):
    assert write(charlie, "x")[0] == 404
    with pytest.raises(SessionNotFound):
        note(vera, charlie)
    assert not Note.objects.exists()


@pytest.mark.parametrize("body", ["", " \n", "x" * 4001, "a\x00b", 5, None])
def test_bad_notes_are_refused(alice, write, body):
    status, error = write(alice, body)
    assert (status, list(error["fields"])) == (400, ["body"])
    assert not Note.objects.exists()


def test_whether_it_is_a_note_is_said_clearly(client, alice, vera):
    """A private word must never become a message because somebody wrote "note": "true"."""
    client.login(username="alice", password=PASSWORD)
    data = {"client_message_id": str(uuid4()), "body": "Between ourselves", "note": "true"}
    url = f"{API}/sessions/{vera.session.session_id}/messages"
    assert client.post(url, json.dumps(data), content_type="application/json").status_code == 400
    assert bodies(vera) == ["Hello"]


def test_the_same_note_at_the_same_place_twice_is_a_conflict_of_ids_alone(alice, vera):
    for _ in range(2):
        note(vera, alice)
    with pytest.raises(Conflict):
        note(vera, alice, "Other", id=Note.objects.first().client_message_id)
    assert Note.objects.count() == 2
