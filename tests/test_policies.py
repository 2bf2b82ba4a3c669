"""What a tenant decides about abandonment: what fits together, what holds a chat open, who is warned and told."""

import re
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from sessions_app import events, presence, retention, selectors, services
from sessions_app.errors import SessionOver, Taken
from sessions_app.models import Message, Tenant
from sessions_app.serializers import timestamp
from tests.factories import actor, age, fresh, make_agent, make_session, make_tenant, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def publications(django_capture_on_commit_callbacks, monkeypatch):
    """``with publications() as published``: the events that the block's verbs tell."""

    @contextmanager
    def gather():
        published = []
        with monkeypatch.context() as patch:
            patch.setattr(events, "publish", published.extend)
            with django_capture_on_commit_callbacks(execute=True):
                yield published

    return gather


TOGETHER = {
    "disconnect_timeout_seconds": (149, 150, "report only once a minute"),
    "heartbeat_interval_seconds": (76, 75, "Between 10 and 75 seconds"),
    "session_expiry_seconds": (299, 300, "cannot be shorter than the disconnect timeout"),
    "expiry_warning_seconds": (1800, 1799, "shorter than the session expiry"),
    "retention_days": (0, 1, "greater than or equal to 1"),
}


@pytest.mark.parametrize("field", TOGETHER)
def test_policies_that_cannot_work_together_are_refused_in_the_form_and_by_the_database(tenant, field):
    bad, good, words = TOGETHER[field]
    setattr(tenant, field, bad)
    with pytest.raises(ValidationError, match=words):
        tenant.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        tenant.save()

    setattr(tenant, field, good)
    tenant.full_clean()
    tenant.save()


def test_the_admin_says_it_in_a_sentence_beside_the_field(tenant, admin_client):
    url = f"/admin/sessions_app/tenant/{tenant.pk}/change/"
    form = admin_client.get(url).context["adminform"].form
    data = {name: form.initial.get(name) or "" for name in form.fields}
    data |= {"allowed_origins": "", "disconnect_timeout_seconds": "90"}
    answer = admin_client.post(url, {name: value for name, value in data.items() if value is not False})

    [sentence] = answer.context["adminform"].form.errors["disconnect_timeout_seconds"]
    assert "hidden tab" in sentence


def test_widget_and_console_are_told_the_warning_time():
    tenant = make_tenant(expiry_warning_seconds=300)
    answer = Client().get(f"/api/v1/chat/public/config/{tenant.slug}").json()
    assert answer["data"]["policy"]["expiry_warning_ms"] == 300_000


# --- the warning --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("warning", "expiry", "announced_after"),
    [(120, 1800, 1800 - 120 - 45), (600, 1800, 1800 - 600 - 45), (30, 1800, 1800 - 30 - 45), (299, 300, 150)],
)
def test_the_warning_comes_as_early_as_the_tenant_says_but_not_before_half_the_expiry(
    publications, warning, expiry, announced_after
):
    tenant = make_tenant(expiry_warning_seconds=warning, session_expiry_seconds=expiry)
    for seconds, is_expiring in ((announced_after - 20, False), (announced_after + 1, True)):
        session = make_session(tenant, says="Hello")
        age(session, only=("last_activity_at",), seconds=seconds)
        assert fresh(session).is_expiring(selectors.database_now()) == is_expiring
        with publications() as published:
            presence.stamp({session.session.session_id: (True, False)})
        assert [event.type for event in published].count("chat.session.expiring") == is_expiring


# --- a hold -------------------------------------------------------------------------------------------------------


def test_a_hold_ends_the_countdown_of_both_sides(tenant, alice, publications):
    session = make_session(tenant, says="Hello")
    age(session, only=("last_activity_at",), minutes=29)
    with publications() as published:
        hold(session, alice)
    [moved] = [event for event in published if event.type == "chat.session.expiring"]
    assert moved.payload["at"] == timestamp(fresh(session).held_until)
    assert events.visitor_group(session.session.session_id) in moved.groups


def test_both_sides_count_down_at_once_where_a_hold_was_all_that_kept_the_chat(tenant, alice, publications):
    session = make_session(tenant, says="Hello")
    hold(session, alice)
    age(session, only=("last_activity_at",), minutes=29)
    with publications() as published:
        hold(session, alice, minutes=0)
    [told] = [event for event in published if event.type == "chat.session.expiring"]
    assert told.payload["at"] == timestamp(fresh(session).expires_at)
    assert events.visitor_group(session.session.session_id) in told.groups


def hold(session, agent, minutes=60):
    return services.hold_session(session.session.session_id, actor(agent), minutes=minutes)


@pytest.mark.parametrize("clocks", [("last_seen_at",), ("last_activity_at",), ("last_seen_at", "last_activity_at")])
@pytest.mark.parametrize("is_accepted", [True, False])
def test_no_rule_takes_a_chat_that_an_agent_holds(alice, tenant, clocks, is_accepted):
    Tenant.objects.update(idle_rule_for_active=True)
    session = make_session(tenant, says="Hello", agent=alice if is_accepted else None)
    hold(session, alice)
    age(session, only=clocks, minutes=59)

    assert services.sweep() == {}
    assert services.abandon_if_lost(session.session.session_id).is_open
    assert services.restore_session(session.session.session_id, is_page_load=False).session.is_open
    age(session, only=clocks, minutes=59)
    answers, _ = presence.stamp({session.session.session_id: (True, False)})
    assert [answer.status for answer in answers.values()] == ["active" if is_accepted else "queued"]


@pytest.mark.parametrize(("clock", "reason"), [("last_seen_at", "disconnected"), ("last_activity_at", "idle")])
def test_the_rules_hold_again_when_the_hour_is_over(tenant, alice, clock, reason):
    session = make_session(tenant, says="Hello")
    hold(session, alice)
    age(session, only=(clock,), hours=2)

    row = fresh(session)
    assert row.due_reason(row.held_until - timedelta(microseconds=1)) is None
    assert row.due_reason(row.held_until) is not None
    age(session, only=("held_until",), minutes=59)
    assert services.sweep() == {}
    age(session, only=("held_until",), minutes=1)
    assert services.sweep() == {reason: 1}


def test_a_hold_that_is_taken_back_leaves_the_chat_to_the_rules(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    hold(session, alice)
    hold(session, alice, minutes=0)
    age(session, only=("last_seen_at",), minutes=5)

    assert fresh(session).held_until is None
    assert services.sweep() == {"disconnected": 1}


def test_it_is_recorded_who_held_a_chat_until_when_and_who_let_it_go(tenant, alice, bob, publications):
    session = make_session(tenant, says="Hello", agent=alice)
    with publications() as published:
        hold(session, alice, minutes=20)
        hold(session, alice)
        until = fresh(session).held_until
        services.hold_session(session.session.session_id, actor(bob)._replace(is_supervisor=True), minutes=0)

    held = selectors.holds(fresh(session))
    assert [(one["agent_name"], one["agent_id"]) for one in held] == [
        *[("Alice", alice.user_id)] * 2,
        ("Bob", bob.user_id),
    ]
    first, second, let_go = held
    assert datetime.fromisoformat(first["held_until"]) - datetime.fromisoformat(first["at"]) == timedelta(minutes=20)
    assert second["held_until"] == timestamp(until)
    assert let_go["held_until"] is None
    assert first["at"] < second["at"] < let_go["at"]
    assert {one["after_seq"] for one in held} == {fresh(session).last_seq}
    assert [event.payload["hold"] for event in published if event.type == "hold.new"] == held


def test_to_let_a_chat_go_that_nobody_holds_is_nothing_to_record(tenant, alice, publications):
    session = make_session(tenant, says="Hello", agent=alice)
    with publications() as published:
        assert hold(session, alice, minutes=0).held_until is None
    assert (published, selectors.holds(fresh(session))) == ([], [])


def test_a_hold_that_was_refused_is_not_recorded(tenant, alice, bob):
    session = make_session(tenant, says="Hello", agent=alice)
    with pytest.raises(Taken):
        hold(session, bob)
    assert selectors.holds(fresh(session)) == []


def test_the_admin_sees_who_held_a_chat(admin_client, tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    hold(session, alice)
    page = admin_client.get(f"/admin/sessions_app/chatsession/{session.session.pk}/change/").content.decode()
    assert re.search(r'class="field-agent_name">\s*<p>Alice</p>', page)
    assert not re.search(r'name="holds-\d+-(?!id|session)', page)


def test_agents_find_the_holds_beside_the_trail(client, tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    hold(session, alice)
    client.force_login(alice.user)
    visitor = client.get(f"/api/v1/chat/sessions/{session.session.session_id}/visitor").json()["data"]
    assert visitor["holds"] == selectors.holds(fresh(session))
    assert visitor["trail"] == []


def test_who_has_the_chat_or_supervises_holds_it_and_nobody_else(tenant, alice, bob):
    session = make_session(tenant, says="Hello", agent=alice)
    with pytest.raises(Taken):
        hold(session, bob)
    supervisor = actor(bob)._replace(is_supervisor=True)
    assert services.hold_session(session.session.session_id, supervisor, minutes=5).held_until


def test_a_closed_chat_cannot_be_held(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    services.end_session(session.session.session_id, actor(alice))
    with pytest.raises(SessionOver):
        hold(session, alice)


def test_agents_see_the_hold_and_the_visitor_hears_nothing_of_it(tenant, alice, publications):
    session = make_session(tenant, says="Hello", agent=alice)
    before = fresh(session).last_seq
    with publications() as published:
        hold(session, alice)
    assert [event.type for event in published] == ["hold.new", "session.changed"]
    assert published[1].payload["session"]["held_until"]
    assert not any(group.startswith("visitor.") for event in published for group in event.groups)
    assert fresh(session).last_seq == before
    [summary] = selectors.summaries([fresh(session)])
    assert summary["held_until"] is not None
    age(session, only=("held_until",), hours=1)
    [summary] = selectors.summaries([fresh(session)])
    assert summary["held_until"] is None


def call(client, session, body):
    url = f"/api/v1/chat/sessions/{session.session.session_id}/hold"
    return client.post(url, body, content_type="application/json")


def test_the_agents_api_holds_and_releases(client, tenant, alice, charlie):
    session = make_session(tenant, says="Hello", agent=alice)
    client.force_login(alice.user)
    assert call(client, session, {"minutes": 60}).json()["data"]["held_until"]
    assert call(client, session, {"minutes": 0}).json()["data"]["held_until"] is None
    for wrong in ({}, {"minutes": 61}, {"minutes": -1}, {"minutes": "60"}, {"minutes": True}):
        assert call(client, session, wrong).status_code == 400
    client.force_login(charlie.user)
    assert call(client, session, {"minutes": 60}).status_code == 404


# --- what the visitor reads ---------------------------------------------------------------------------------------


def test_the_tenants_own_words_go_with_every_way_to_learn_of_the_abandonment():
    tenant = make_tenant(abandonment_message="Write to help@shop.example")
    session = make_session(tenant, says="Hello")
    age(session, only=("last_activity_at",), minutes=30)
    services.sweep()

    line = Message.objects.get(session=session.session, message_type="system")
    assert line.event == {"reason": "idle", "text": "Write to help@shop.example"}
    assert line.body == "The chat was closed: nobody wrote for 30 minutes"
    with pytest.raises(SessionOver) as refusal:
        services.restore_session(session.session.session_id, is_page_load=True)
    assert refusal.value.payload()["text"] == "Write to help@shop.example"
    assert events.status_changed(fresh(session)).payload["text"] == "Write to help@shop.example"


def test_who_ends_a_chat_is_not_told_of_abandonment():
    tenant = make_tenant(abandonment_message="Write to help@shop.example")
    session = make_session(tenant, says="Hello")
    services.end_session(session.session.session_id, services.VISITOR)
    assert "text" not in events.status_changed(fresh(session)).payload


# --- coming back --------------------------------------------------------------------------------------------------


def summary_of(session) -> dict:
    [summary] = selectors.summaries([fresh(session)])
    return summary


def test_a_summary_tells_until_when_an_abandoned_chat_can_come_back(tenant):
    session = make_session(tenant, says="Hello")
    assert summary_of(session)["restorable_until"] is None
    age(session, minutes=6)
    services.sweep()
    assert summary_of(session)["restorable_until"] == timestamp(fresh(session).expires_at)
    age(session, minutes=24)
    assert summary_of(session)["restorable_until"] is None


@pytest.mark.parametrize("how", ["idle", "ended", "no reopening", "erased"])
def test_what_is_over_for_good_has_no_time_by_which_it_comes_back(how):
    tenant = make_tenant(reopen_enabled=how != "no reopening")
    session = make_session(tenant, says="Hello")
    if how == "ended":
        services.end_session(session.session.session_id, services.VISITOR)
    else:
        age(session, minutes=30, only=("last_activity_at" if how == "idle" else "last_seen_at",))
        services.sweep()
    if how == "erased":
        retention.erase_visitor(fresh(session), make_agent("root", [tenant]).user)
    assert not fresh(session).is_open
    assert summary_of(session)["restorable_until"] is None


def test_agents_read_how_long_the_visitor_was_away(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    age(session, minutes=12)
    services.sweep()
    services.restore_session(session.session.session_id, is_page_load=True)
    line = Message.objects.filter(session=session.session).latest("seq")
    assert line.body == "The visitor came back after 12 minutes"


def test_a_reopened_chat_goes_to_the_queue_when_its_agent_has_no_room(tenant, alice):
    session = make_session(tenant, says="I was first", agent=alice)
    age(session, minutes=10)
    services.sweep()
    make_session(tenant, says="Hello", agent=alice)
    alice.capacity = 1
    alice.save()
    say(make_session(tenant), "I came later")
    services.restore_session(session.session.session_id, is_page_load=True)
    assert (fresh(session).status, selectors.queue_position(fresh(session))) == ("queued", 1)


def test_another_agents_capacity_does_not_matter(tenant, alice):
    session = make_session(tenant, says="Hello", agent=alice)
    make_agent("full", [tenant])
    age(session, minutes=10)
    services.sweep()
    services.restore_session(session.session.session_id, is_page_load=True)
    assert fresh(session).assigned_to_id == alice.user_id
