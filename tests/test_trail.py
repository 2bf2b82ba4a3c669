"""The visitor's trail: pages, leavings and returns, for agents alone."""

import pytest
from django.db import connection

from sessions_app import models, presence, selectors, services, work
from sessions_app.models import ChatSession, TrailEntry
from sessions_app.services import VISITOR
from tests.factories import age, fresh, make_session, say
from tests.test_abandonment import updates

pytestmark = pytest.mark.django_db

CART, PAY = "https://shop.example/cart", "https://shop.example/pay"
AT_CART = {"page_url": CART, "page_title": "Cart", "referrer": "https://search.example/"}


@pytest.fixture
def vera(tenant):
    return make_session(tenant, says="Hello", metadata=AT_CART)


def trail(session):
    return [(entry["kind"], entry["url"]) for entry in selectors.trail(fresh(session))]


def visit(session, url, title="", referrer=""):
    services.record_page(session.session.session_id, url=url, title=title, referrer=referrer)


def load(session, url=""):
    """A page load of the visitor's."""
    return services.restore_session(session.session.session_id, is_page_load=True, page_url=url, page_title="Title")


def beat(session):
    presence.stamp({session.session.session_id: (True, False)})


def leave(session):
    """The last socket is gone, and nobody has stamped since."""
    age(session, only=("last_seen_at",), seconds=5)
    presence.mark_left({session.session.session_id: 2})


# --- pages --------------------------------------------------------------------------------------------------------


def test_the_trail_begins_where_the_chat_began(vera):
    [entry] = selectors.trail(fresh(vera))
    assert entry == {
        "kind": "page",
        "at": entry["at"],
        "after_seq": 0,
        "url": CART,
        "title": "Cart",
        "referrer": "https://search.example/",
        "gone_since": None,
    }
    assert selectors.first_page(fresh(vera)) == {"url": CART, "title": "Cart"}


def test_every_page_is_a_step_with_its_place_in_the_transcript(vera):
    visit(vera, PAY, "Pay", referrer=CART)
    say(vera, "I cannot pay")
    load(vera, CART)

    steps = [(entry["url"], entry["after_seq"], entry["referrer"]) for entry in selectors.trail(fresh(vera))]
    assert steps == [(CART, 0, "https://search.example/"), (PAY, 1, CART), (CART, 2, "")]


def test_a_reload_a_reconnect_and_a_new_title_are_no_steps(vera):
    load(vera, CART)
    load(vera)
    visit(vera, CART, "Cart (2)")

    assert trail(vera) == [("page", CART)]
    assert fresh(vera).page_title == "Cart (2)"


def test_a_session_that_started_nowhere_has_no_first_page(tenant):
    session = make_session(tenant)
    assert trail(session) == []
    assert selectors.first_page(fresh(session)) == {"url": "", "title": ""}


# --- leaving and coming back --------------------------------------------------------------------------------------


def test_a_leaving_is_a_line_and_so_is_the_return(vera):
    seen = fresh(vera).last_seen_at
    leave(vera)
    beat(vera)

    _, left, back = TrailEntry.objects.filter(session=vera.session)
    assert (left.kind, back.kind) == ("left", "back")
    assert (seen - back.gone_since).total_seconds() == 5
    assert left.at < back.at == fresh(vera).last_seen_at
    assert (left.after_seq, back.after_seq) == (1, 1)


@pytest.mark.parametrize("how", ["message", "page load", "page", "beat"])
def test_whoever_was_gone_is_back_by_whatever_is_heard_first(vera, how):
    leave(vera)
    {
        "message": lambda: say(vera, "I am back"),
        "page load": lambda: load(vera),
        "page": lambda: visit(vera, CART),
        "beat": lambda: beat(vera),
    }[how]()
    beat(vera)

    assert [kind for kind, _ in trail(vera)] == ["page", "left", "back"]
    assert selectors.trail(fresh(vera))[-1]["after_seq"] == 1  # before what was said


def test_a_visitor_who_was_silent_for_too_long_is_back_without_having_left(vera):
    """A process was killed: nobody saw the socket go."""
    age(vera, only=("last_seen_at",), seconds=151)
    beat(vera)
    age(vera, only=("last_seen_at",), seconds=149)
    beat(vera)

    assert [kind for kind, _ in trail(vera)] == ["page", "back"]


def test_two_processes_that_find_out_together_see_one_leaving(vera):
    leave(vera)
    presence.mark_left({vera.session.session_id: 2})
    assert [kind for kind, _ in trail(vera)] == ["page", "left"]


def test_whoever_was_seen_a_moment_ago_has_not_left(vera):
    presence.mark_left({vera.session.session_id: 2})
    assert [kind for kind, _ in trail(vera)] == ["page"]


def test_a_closed_chat_has_no_steps_any_more(vera):
    services.end_session(vera.session.session_id, VISITOR)
    leave(vera)
    beat(vera)
    assert [kind for kind, _ in trail(vera)] == ["page"]


def test_a_reopening_is_told_by_its_system_line_alone(vera):
    leave(vera)
    age(vera, minutes=6)
    services.sweep()
    load(vera)

    assert fresh(vera).is_open
    assert [kind for kind, _ in trail(vera)] == ["page", "left"]


# --- limits -------------------------------------------------------------------------------------------------------


def test_the_trail_ends_at_its_limit_and_the_page_is_known_nevertheless(vera, monkeypatch):
    for module in (models, work):
        monkeypatch.setattr(module, "MAX_TRAIL", 3)
    monkeypatch.setattr(presence, "_LEAVE", presence._LEAVE.replace(" < 500", " < 3"))
    monkeypatch.setattr(presence, "_STAMP", presence._STAMP.replace(" < 500", " < 3"))
    assert " < 3" in presence._LEAVE
    assert " < 3" in presence._STAMP
    for number in range(4):
        visit(vera, f"{PAY}/{number}")
    leave(vera)
    beat(vera)

    assert trail(vera) == [("page", CART), ("page", f"{PAY}/0"), ("page", f"{PAY}/1")]
    assert fresh(vera).page_url == f"{PAY}/3"
    assert fresh(vera).left_at is None

    # But for what a policy could have acted on.
    age(vera, only=("last_seen_at",), seconds=151)
    beat(vera)
    age(vera, only=("last_seen_at",), seconds=151)
    say(vera, "I am back")
    assert [kind for kind, _ in trail(vera)[3:]] == ["back", "back"]


def test_agents_are_shown_the_newest_and_the_transcript_no_pages(vera, monkeypatch):
    monkeypatch.setattr(selectors, "SHOWN_TRAIL", 2)
    for number in range(3):
        visit(vera, f"{PAY}/{number}")
    leave(vera)
    visit(vera, CART)

    assert trail(vera) == [("back", ""), ("page", CART)]
    assert [entry["kind"] for entry in selectors.trail(fresh(vera), has_pages=False)] == ["left", "back"]


# --- what it costs ------------------------------------------------------------------------------------------------


def test_leaving_and_coming_back_are_one_statement_each_and_stay_hot(tenant, django_assert_num_queries):
    sessions = [make_session(tenant, says="Hello") for _ in range(5)]
    for session in sessions:
        age(session, only=("last_seen_at",), seconds=5)
    ids = [session.session.session_id for session in sessions]
    all_before, hot_before = updates()
    with django_assert_num_queries(2):
        presence.mark_left(dict.fromkeys(ids, 2))
        presence.stamp(dict.fromkeys(ids, (True, True)))
    all_after, hot_after = updates()

    assert (all_after - all_before, hot_after - hot_before) == (10, 10)
    assert TrailEntry.objects.filter(kind="back").count() == 5


def test_an_erased_session_takes_its_trail_along(vera):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sessions_app_trailentry")
        assert cursor.fetchone() == (1,)
    ChatSession.objects.all().delete()
    assert not TrailEntry.objects.exists()
