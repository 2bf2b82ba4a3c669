"""Who is there, who can be given a chat, and what follows for visitors: clocks are moved, nobody waits."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models.functions import Now

from agents_app import selectors, services
from agents_app.models import Agent
from sessions_app import services as chats
from tests.factories import age, fresh, make_agent, make_session, make_tenant, say, transitions

pytestmark = pytest.mark.django_db


def change(agent: Agent, **columns) -> None:
    Agent.objects.filter(pk=agent.pk).update(**columns)


def ago(seconds: float):
    return Now() - timedelta(seconds=seconds)


def state(agent: Agent) -> str:
    return Agent.objects.with_state().get(pk=agent.pk).state


def is_present(agent: Agent) -> bool:
    return Agent.objects.present().filter(pk=agent.pk).exists()


# --- the states, at their boundaries ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("availability", "seen", "used", "expected"),
    [
        ("online", 0, 0, "online"),
        ("online", 119, 0, "online"),
        ("online", 120, 0, "offline"),
        ("online", None, 0, "offline"),
        ("online", 0, 599, "online"),
        ("online", 0, 600, "away"),
        ("online", 0, None, "online"),  # a console of an older release does not say
        ("online", 120, 600, "offline"),
        ("away", 0, 0, "away"),
        ("away", 120, 0, "offline"),
        ("offline", 0, 0, "offline"),
        ("offline", 0, 600, "offline"),
    ],
)
def test_what_choice_console_and_use_come_to(alice, availability, seen, used, expected):
    stamps = {"last_seen_at": seen, "last_active_at": used}
    stamps = {name: None if seconds is None else ago(seconds) for name, seconds in stamps.items()}
    change(alice, availability=availability, **stamps)

    assert state(alice) == expected
    assert is_present(alice) == (seen is not None and seen < 120)


def test_a_deactivated_agent_is_offline_whatever_the_stamps_say(alice):
    alice.user.is_active = False
    alice.user.save()
    assert (state(alice), is_present(alice)) == ("offline", False)


def test_to_open_a_console_is_to_use_it_and_to_reconnect_is_not(alice):
    change(alice, last_seen_at=ago(30), last_active_at=ago(900))
    services.open_console(alice.user_id)
    assert state(alice) == "away"

    change(alice, last_seen_at=ago(120), last_active_at=ago(900))
    services.open_console(alice.user_id)
    assert state(alice) == "online"


def test_a_beat_alone_keeps_an_agent_present_and_use_makes_it_online(alice):
    change(alice, last_seen_at=ago(100), last_active_at=ago(900))
    services.stamp_consoles([alice.user_id])
    assert (state(alice), is_present(alice)) == ("away", True)
    services.stamp_consoles([alice.user_id], are_used=True)
    assert state(alice) == "online"


# --- what it means for visitors -----------------------------------------------------------------------------------


def is_online(client, tenant) -> bool:
    return client.get(f"/api/v1/chat/public/config/{tenant.slug}").json()["data"]["online"]


@pytest.mark.parametrize(
    "columns", [{"availability": "away"}, {"availability": "offline"}, {"last_active_at": ago(600)}]
)
def test_a_widget_is_online_while_somebody_is_not_while_all_are_away(client, tenant, alice, bob, columns):
    change(bob, **columns)
    assert is_online(client, tenant)
    change(alice, **columns)
    assert not is_online(client, tenant)


def test_agents_of_other_tenants_do_not_count(client, tenant, charlie):
    assert not is_online(client, tenant)


@pytest.mark.parametrize(
    "columns", [{"availability": "away"}, {"availability": "offline"}, {"last_active_at": ago(600)}]
)
def test_an_agent_who_is_away_keeps_the_chats_that_wait(tenant, alice, columns):
    session = make_session(tenant, says="Hello", agent=alice)
    change(alice, **columns)
    assert services.release_chats_of_absent_agents() == 0
    assert fresh(session).assigned_to == alice.user


@pytest.mark.parametrize("how", ["gone", "deactivated", "tenant lost"])
def test_an_agent_who_is_not_there_loses_the_chats_that_wait(tenant, alice, how):
    session = make_session(tenant, says="Hello", agent=alice)
    if how == "gone":
        change(alice, last_seen_at=ago(120))
    elif how == "deactivated":
        type(alice.user).objects.update(is_active=False)
    else:
        alice.tenants.clear()
    assert services.release_chats_of_absent_agents() == 1
    assert transitions(session)[-1] == ("active", "queued", "agent_gone")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "active"),
        ({"capacity": 2}, "active"),
        ({"capacity": 1}, "queued"),
        ({"availability": "away"}, "queued"),
        ({"availability": "offline"}, "queued"),
        ({"last_active_at": ago(600)}, "queued"),
        ({"last_seen_at": ago(120)}, "queued"),
    ],
)
def test_a_reopened_chat_goes_to_the_same_agent_who_is_online_with_room(tenant, alice, columns, expected):
    session = make_session(tenant, says="Hello", agent=alice)
    age(session, minutes=6)
    chats.sweep()
    make_session(tenant, says="Another one", agent=alice)
    change(alice, **columns)
    say(session, "I am back")

    assert fresh(session).status == expected
    assert fresh(session).assigned_to == (alice.user if expected == "active" else None)


def test_only_active_chats_are_load(tenant, alice):
    active = make_session(tenant, says="Hello", agent=alice)
    ended = make_session(tenant, says="Hello", agent=alice)
    make_session(tenant, says="Waits")
    chats.end_session(ended.session.session_id, chats.VISITOR)

    assert selectors.workload(alice.user_id)["load"] == 1
    chats.end_session(active.session.session_id, chats.VISITOR)
    assert selectors.workload(alice.user_id)["load"] == 0


@pytest.mark.parametrize(("capacity", "may"), [(None, True), (2, True), (1, False)])
def test_room_is_what_the_capacity_leaves(tenant, alice, capacity, may):
    make_session(tenant, says="Hello", agent=alice)
    change(alice, capacity=capacity)
    with transaction.atomic():
        assert selectors.can_be_given(alice.user_id, tenant.pk) is may
        assert not selectors.can_be_given(alice.user_id, make_tenant("another").pk)
        assert selectors.agent_with_room(tenant.pk) == (alice.user_id if may else None)


# --- supervisors --------------------------------------------------------------------------------------------------


def by_group(user) -> None:
    group = Group.objects.create(name="Supervisors")
    group.permissions.add(supervise())
    user.groups.add(group)


def supervise() -> Permission:
    return Permission.objects.get(codename="supervise", content_type__app_label="agents_app")


GRANTS = {
    "none": lambda user: user.user_permissions.add(Permission.objects.get(codename="change_agent")),
    "user": lambda user: user.user_permissions.add(supervise()),
    "group": by_group,
    "superuser": lambda user: type(user).objects.filter(pk=user.pk).update(is_superuser=True),
}


@pytest.mark.parametrize("grant", GRANTS)
def test_rights_say_supervisor_exactly_where_has_perm_does(alice, bob, grant):
    GRANTS[grant](alice.user)
    user = type(alice.user).objects.get(pk=alice.user_id)

    assert selectors.rights(alice.user_id).is_supervisor is user.has_perm("agents_app.supervise")
    assert selectors.rights(alice.user_id).is_supervisor is (grant != "none")
    assert not selectors.rights(bob.user_id).is_supervisor


@pytest.mark.parametrize("count", [1, 5])
def test_rights_of_any_number_of_logins_are_three_queries(tenant, django_assert_num_queries, count):
    from tests.sockets.conftest import log_in

    agents = [make_agent(f"agent-{number}", [tenant]) for number in range(count)]
    by_group(agents[0].user)
    logins = [log_in(agent.user) for agent in agents]
    with django_assert_num_queries(3):
        rights = selectors.rights_of_logins(logins)
    assert [rights[login].is_supervisor for login in logins] == [True, *[False] * (count - 1)]
    assert {one.tenant_ids for one in rights.values()} == {frozenset([tenant.pk])}
