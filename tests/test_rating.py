"""What a visitor thought of the chat: said once, after the end, with the key; shown to agents and admins."""

import pytest
from django.db import IntegrityError, transaction

from sessions_app import services
from sessions_app.models import ChatSession
from sessions_app.services import VISITOR
from tests.factories import actor, age, fresh, make_session, say
from tests.test_api import Api, error, ok

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client):
    return Api(client)


@pytest.fixture
def ended(tenant, alice):
    vera = make_session(tenant, says="Hello", agent=alice)
    say(vera, "Hi Vera", agent=alice)
    services.end_session(vera.session.session_id, VISITOR)
    return vera


def rate(api, started, key=None, **rating):
    return api.post("rating", {"session_id": str(started.session.session_id), **rating}, key or started.session_key)


def test_a_closed_chat_is_rated_with_its_key(api, ended):
    answer = ok(rate(api, ended, score=4, comment="  Quick and kind  "), 201)

    session = fresh(ended)
    assert (session.rating_score, session.rating_comment) == (4, "Quick and kind")
    assert answer["score"] == 4
    assert answer["comment"] == "Quick and kind"
    assert answer["rated_at"].endswith("Z")


def test_an_abandoned_chat_is_rated_too(api, tenant):
    vera = make_session(tenant, says="Is anybody there?")
    age(vera, minutes=40)  # its time is over, whether a sweep has run or not

    ok(rate(api, vera, score=1), 201)

    assert (fresh(vera).status, fresh(vera).rating_comment) == ("abandoned", "")


def test_the_same_rating_again_is_a_repeat_and_another_one_a_conflict(api, ended):
    first = ok(rate(api, ended, score=5, comment="Great"), 201)

    assert ok(rate(api, ended, score=5, comment="Great")) == first
    error(rate(api, ended, score=1, comment="Great"), "conflict", 409)
    error(rate(api, ended, score=5), "conflict", 409)
    assert fresh(ended).rating_score == 5


def test_an_open_chat_cannot_be_rated(api, tenant):
    vera = make_session(tenant, says="Hello")

    answer = rate(api, vera, score=5)

    error(answer, "invalid", 400)
    assert set(answer.json()["error"]["fields"]) == {"session_id"}
    assert fresh(vera).rating_score is None


@pytest.mark.parametrize(
    ("rating", "field"),
    [
        ({}, "score"),
        ({"score": 0}, "score"),
        ({"score": 6}, "score"),
        ({"score": "5"}, "score"),
        ({"score": 4.5}, "score"),
        ({"score": True}, "score"),
        ({"score": None}, "score"),
        ({"score": 5, "comment": 5}, "comment"),
        ({"score": 5, "comment": "x" * 1001}, "comment"),
        ({"score": 5, "comment": "nul \0"}, "comment"),
    ],
)
def test_a_rating_has_a_score_from_1_to_5_and_a_text_of_up_to_1000(api, ended, rating, field):
    answer = rate(api, ended, **rating)

    error(answer, "invalid", 400)
    assert set(answer.json()["error"]["fields"]) == {field}


def test_nobody_rates_a_chat_without_its_key(api, ended, tenant):
    other = make_session(tenant)

    error(rate(api, ended, "wrong", score=5), "session_not_found", 404)
    error(rate(api, ended, other.session_key, score=5), "session_not_found", 404)
    error(api.post("rating", {"session_id": "1;drop", "score": 5}, ended.session_key), "session_not_found", 404)
    assert fresh(ended).rating_score is None


def test_only_the_tenants_websites_rate(api, ended, tenant):
    tenant.allowed_origins = ["https://other.example"]
    tenant.save()

    error(rate(api, ended, score=5), "origin_not_allowed", 403)


def test_the_key_still_opens_the_transcript(api, ended):
    page = ok(api.get(f"session/{ended.session.session_id}", ended.session_key))

    assert [message["body"] for message in page["messages"] if message["message_type"] == "text"] == [
        "Hello",
        "Hi Vera",
    ]


def test_agents_see_the_rating(client, ended, alice):
    services.rate_session(ended.session.session_id, score=2, comment="Too slow")
    client.force_login(alice.user)

    summary = ok(client.get(f"/api/v1/chat/sessions/{ended.session.session_id}"))

    rating = summary["rating"]
    assert (rating["score"], rating["comment"]) == (2, "Too slow")


def test_an_agents_console_hears_of_it(ended, alice, django_capture_on_commit_callbacks, monkeypatch):
    told = []
    monkeypatch.setattr("sessions_app.events.publish", lambda events: told.extend(events))
    with django_capture_on_commit_callbacks(execute=True):
        services.rate_session(ended.session.session_id, score=2)

    assert [(event.type, event.payload["session"]["rating"]["score"]) for event in told] == [("session.changed", 2)]


def test_admins_see_the_rating(admin_client, ended):
    services.rate_session(ended.session.session_id, score=3, comment="<b>Fine</b>")
    url = "/admin/sessions_app/chatsession/"

    page = admin_client.get(f"{url}{ended.session.pk}/change/").content.decode()
    listed = admin_client.get(f"{url}?rating_score=3").content.decode()

    assert "&lt;b&gt;Fine&lt;/b&gt;" in page
    assert ended.session.conversation_id in listed


@pytest.mark.parametrize("columns", [{"rating_score": 6}, {"rating_score": 0}, {"rating_score": 3}])
def test_the_database_holds_whole_ratings_only(ended, columns):
    with pytest.raises(IntegrityError, match="session_rating_is_whole"), transaction.atomic():
        ChatSession.objects.filter(pk=ended.session.pk).update(**columns)


def test_a_reopened_chat_keeps_its_rating(tenant, alice):
    vera = make_session(tenant, says="Hello", agent=alice)
    age(vera, minutes=6)
    services.sweep()
    services.rate_session(vera.session.session_id, score=4)

    services.restore_session(vera.session.session_id, is_page_load=True)

    assert (fresh(vera).status, fresh(vera).rating_score) == ("active", 4)
    assert actor(alice).user_id == fresh(vera).assigned_to_id
