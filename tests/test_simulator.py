"""Another policy over the chats that there were: by hand, at the boundaries, and against a sweep that really ran."""

import contextlib
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sessions_app import presence, restorations, services, simulator
from sessions_app.errors import ChatError
from sessions_app.models import ChatSession, Hold, IdlePeriod, Message, Reason, Restoration, SessionEvent, TrailEntry
from sessions_app.reports import Period, today
from sessions_app.restorations import Restored
from sessions_app.services import VISITOR
from sessions_app.simulator import Life, Policy, simulate
from tests.factories import actor, make_agent, make_session, make_tenant, post

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SHORT = Policy(20 * MINUTE, 3 * MINUTE)


def after(*minutes: float) -> list[datetime]:
    return [NOON + minute * MINUTE for minute in minutes]


def life(*, used=(0,), absences=(), queued=((0, 60),), held=(), ended=60, signs=()) -> Life:
    def spans(pairs):
        return [tuple(None if minute is None else NOON + minute * MINUTE for minute in pair) for pair in pairs]

    [(started_at, ended_at)] = spans([(0, ended)])
    return Life(
        started_at,
        ended_at,
        activity=after(*used),
        unused=spans(pairwise([*used, ended])),
        absences=spans(absences),
        held=spans(held),
        queued=spans(queued),
        signs=after(*signs),
    )


# --- the rules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "is_abandoned"), [(179, False), (180, True), (181, True)])
def test_whoever_was_gone_for_the_whole_time_would_have_been_abandoned(seconds, is_abandoned):
    found = life(used=(0, 10, 20, 30, 40, 50), absences=[(5, 5 + seconds / 60)]).abandonment(SHORT)
    assert found == ((NOON + 8 * MINUTE, Reason.DISCONNECTED) if is_abandoned else None)


@pytest.mark.parametrize(("seconds", "is_abandoned"), [(1199, False), (1200, True), (1201, True)])
def test_so_would_a_chat_that_waits_in_the_queue_unused(seconds, is_abandoned):
    chat = life(used=(0, 10, 10 + seconds / 60, 40, 50))
    assert chat.abandonment(SHORT) == ((NOON + 30 * MINUTE, Reason.IDLE) if is_abandoned else None)


def test_the_idle_rule_leaves_chats_alone_that_an_agent_has():
    assert life(used=(0, 1), queued=[(0, 5)]).abandonment(SHORT) is None
    # Not even used for as long, but the agent gave it back in the end: from then on it is due.
    assert life(used=(0, 1), queued=[(0, 5), (40, 60)]).abandonment(SHORT) == (NOON + 40 * MINUTE, Reason.IDLE)


def test_whoever_has_just_been_put_back_in_the_queue_is_not_idle():
    assert life(used=(0, 40, 50), queued=[(0, 5), (40, 60)]).abandonment(SHORT) is None


def test_the_idle_rule_takes_them_where_the_policy_says_so():
    policy = SHORT._replace(idle_rule_for_active=True)
    assert life(used=(0, 1), queued=[(0, 5)]).abandonment(policy) == (NOON + 21 * MINUTE, Reason.IDLE)


def test_the_rule_whose_time_is_over_first_decides():
    chat = life(used=(0,), absences=[(18, None)], ended=None, queued=[(0, None)])
    assert chat.abandonment(SHORT) == (NOON + 20 * MINUTE, Reason.IDLE)
    assert chat.abandonment(SHORT._replace(expiry=30 * MINUTE)) == (NOON + 21 * MINUTE, Reason.DISCONNECTED)


@pytest.mark.parametrize(
    ("held", "found_at", "reason"),
    [
        ([(4, 8)], 8, Reason.DISCONNECTED),  # its time was over at 8
        ([(4, 9)], 9, Reason.DISCONNECTED),
        ([(4, 8.01)], 8.01, Reason.DISCONNECTED),
        ([(8, 30)], 8, Reason.DISCONNECTED),  # too late
        ([(4, 12)], 40, Reason.IDLE),  # until after the visitor had come back
        ([(4, 12), (35, 45)], 45, Reason.IDLE),
        ([(4, 12), (35, 61)], None, None),
    ],
)
def test_no_rule_takes_a_chat_that_an_agent_holds(held, found_at, reason):
    chat = life(used=(0, 11, 20), absences=[(5, 11)], held=held)
    found = chat.abandonment(SHORT)
    assert found == (found_at and (NOON + found_at * MINUTE, reason))


def test_a_held_chat_is_due_in_the_queue_only_if_it_still_stands_there_when_the_hold_is_over():
    chat = life(used=(0,), queued=[(0, 30), (50, 60)], held=[(10, 40)])
    assert chat.abandonment(SHORT) == (NOON + 50 * MINUTE, Reason.IDLE)


@pytest.mark.parametrize(
    ("back", "policy", "is_reopened"),
    [
        (19, SHORT, True),
        (20, SHORT, False),  # the expiry counts from the last activity
        (19, SHORT._replace(reopens=False), False),
    ],
)
def test_who_comes_back_in_time_would_have_had_the_chat_back(back, policy, is_reopened):
    chat = life(used=(0, back, 40, 59), absences=[(1, back)], signs=(0, back))
    found = chat.abandonment(policy)
    assert chat.returned_at(found) == NOON + back * MINUTE
    assert chat.is_reopened(found, policy) == is_reopened


def test_who_never_comes_back_is_no_loss():
    chat = life(used=(0,), absences=[(1, None)], ended=None, signs=(0,))
    assert chat.returned_at(chat.abandonment(SHORT)) is None


# --- what is recorded ---------------------------------------------------------------------------------------------


@pytest.fixture
def tenant(db):
    return make_tenant()


def pass_time(seconds: float) -> None:
    """Everything that has happened is so much longer ago."""
    clocks = {
        ChatSession: [
            *("created_at", "last_activity_at", "last_seen_at", "left_at", "waiting_since", "closed_at"),
            *("accepted_at", "first_visitor_message_at", "first_agent_message_at", "held_until"),
        ],
        Message: ["created_at"],
        SessionEvent: ["at", "last_seen_at"],
        IdlePeriod: ["began_at", "ended_at"],
        Hold: ["at", "held_until"],
        TrailEntry: ["at", "gone_since"],
        Restoration: ["at"],
    }
    with connection.cursor() as cursor:
        for model, columns in clocks.items():
            moved = ", ".join(f"{column} = {column} - %s" for column in columns)
            cursor.execute(f"UPDATE {model._meta.db_table} SET {moved}", [timedelta(seconds=seconds)] * len(columns))


def yesterday_and_today() -> Period:
    end = today("UTC")
    return Period(end - timedelta(days=2), end, "UTC")


def simulated(tenant, expiry=20, disconnect=3):
    return simulate(tenant, Policy(expiry * MINUTE, disconnect * MINUTE), yesterday_and_today())


def beat(session, *, is_used=False):
    presence.stamp({session.session.session_id: (True, is_used)})


def loads_page(session):
    restored = services.restore_session(session.session.session_id, is_page_load=True)
    seq = restored.session.last_seq
    restorations.store([Restored(session.session.session_id, "restored", 50, seq, seq)])


def test_an_absence_is_known_to_the_second_by_the_trail(tenant):
    for seconds in (170, 190):
        session = make_session(tenant, says="Hello")
        pass_time(seconds)
        beat(session)
        services.end_session(session.session.session_id, VISITOR)
    found = simulated(tenant)
    assert (found.chats, found.abandoned, found.today, found.then) == (2, 0, 0, 1)
    assert (found.more, found.more_returned, found.more_reopened, found.fewer) == (1, 1, 1, 0)


def test_a_page_load_and_a_page_view_count_as_use(tenant):
    for use in (loads_page, lambda session: visits(session, "https://shop.example/cart"), lambda session: None):
        session = make_session(tenant, says="Hello")
        for _ in range(5):
            pass_time(130)
            beat(session)
        use(session)
        for _ in range(5):
            pass_time(130)
            beat(session)
        services.end_session(session.session.session_id, VISITOR)
    found = simulated(tenant)
    assert (found.then, found.then_idle, found.more_returned) == (1, 1, 1)


def visits(session, url):
    services.record_page(session.session.session_id, url=url, title="")


def looks_on_for(session, *, minutes, is_used):
    for _ in range(minutes // 2):
        pass_time(120)
        beat(session, is_used=is_used)


def test_whoever_used_the_page_all_the_time_would_have_been_kept(tenant):
    for is_used in (True, False):
        session = make_session(tenant, says="Hello")
        looks_on_for(session, minutes=24, is_used=is_used)
        beat(session, is_used=True)
        services.end_session(session.session.session_id, VISITOR)
    found = simulated(tenant)
    assert (found.then, found.then_idle, found.more_returned, found.uncertain) == (1, 1, 1, 0)
    assert "at most" not in found.verdict


def test_of_a_chat_from_before_that_was_recorded_it_is_said_that_the_number_is_a_limit(admin_client, tenant):
    session = make_session(tenant, says="Hello")
    looks_on_for(session, minutes=24, is_used=True)
    services.end_session(session.session.session_id, VISITOR)
    assert simulated(tenant).verdict == "you would have abandoned the same chats."
    ChatSession.objects.update(has_idle_periods=False)

    found = simulated(tenant)
    assert (found.then_idle, found.uncertain) == (1, 1)
    assert found.verdict == (
        "you would have abandoned at most 1 more, 1 of whom came back (0 of them to the same chat). 1 chat is from"
        " before use of the page was recorded, and would have been kept if there was any."
    )
    # The disconnect rule is as sure as ever.
    assert simulated(tenant, expiry=30).uncertain == 0
    # Nor is there a doubt where nothing came after it.
    silent = make_session(tenant, says="Hello")
    looks_on_for(silent, minutes=24, is_used=False)
    ChatSession.objects.update(has_idle_periods=False)
    assert (simulated(tenant).then_idle, simulated(tenant).uncertain) == (2, 1)
    services.end_session(silent.session.session_id, VISITOR)
    # Where today's policy is in doubt, too, there may be more as well.
    other = make_session(tenant, says="Hello")
    looks_on_for(other, minutes=32, is_used=True)
    services.end_session(other.session.session_id, VISITOR)
    ChatSession.objects.update(has_idle_periods=False)
    found = simulated(tenant)
    assert (found.today, found.then, found.more, found.today_uncertain, found.then_uncertain) == (1, 3, 2, 1, 2)
    assert found.verdict.startswith("you would have abandoned about 2 more, ")
    assert "2 chats are from before use" in found.verdict
    page = admin_client.get("/agent/reports/?tenant=demo-tenant&timezone=UTC&expiry=20&disconnect=3").content.decode()
    assert f"<p>With 20 min and 3 min {found.verdict}</p>" in page


def test_a_hold_of_the_past_holds_by_any_policy_until_it_was_over_or_let_go(tenant):
    alice = make_agent("alice", [tenant])
    for held_for, abandoned in ((10, 0), (2, 1), (None, 1)):
        session = make_session(tenant, says="Hello")
        hold(session, alice, held_for or 10)
        if held_for is None:
            pass_time(60)
            hold(session, alice, 0)
        pass_time(250)
        beat(session)
        services.end_session(session.session.session_id, VISITOR)
        assert simulated(tenant).then == abandoned, held_for
        session.session.delete()


def hold(session, agent, minutes):
    services.hold_session(session.session.session_id, actor(agent), minutes=minutes)


def test_a_hold_from_before_they_were_recorded_may_be_let_go(tenant):
    alice = make_agent("alice", [tenant])
    session = make_session(tenant, says="Hello")
    hold(session, alice, 60)
    Hold.objects.all().delete()
    pass_time(60)
    hold(session, alice, 0)
    pass_time(250)
    beat(session)
    services.end_session(session.session.session_id, VISITOR)
    assert simulated(tenant).then == 1


@pytest.mark.parametrize(("minutes", "then"), [(7, 1), (8, 0)])
def test_who_was_reopened_had_been_gone_since_the_last_sight_however_late_the_sweep_came(tenant, minutes, then):
    session = make_session(tenant, says="Hello")
    pass_time(430)
    services.sweep()
    pass_time(30)
    loads_page(session)
    services.end_session(session.session.session_id, VISITOR)
    assert simulated(tenant, expiry=60, disconnect=minutes).then == then


def test_a_longer_policy_keeps_those_who_came_back_and_no_others(tenant):
    """Abandoned after 5 minutes: one came back after 8 and was reopened, one began another chat after 32, one never."""
    reopened = make_session(tenant, says="Hello")
    anew = make_session(tenant, says="Hello")
    make_session(tenant, says="Hello")
    pass_time(301)
    services.sweep()
    pass_time(180)
    loads_page(reopened)
    services.end_session(reopened.session.session_id, VISITOR)
    pass_time(1440)
    previous = {"previous_session_id": anew.session.session_id, "previous_outcome": "abandoned"}
    services.end_session(make_session(tenant, **previous).session.session_id, VISITOR)

    found = simulated(tenant, expiry=60, disconnect=10)
    assert (found.abandoned, found.today, found.then, found.fewer) == (3, 3, 2, 1)
    assert simulated(tenant, expiry=60, disconnect=40).fewer == 2


def test_the_present_policy_changes_nothing(tenant):
    for seconds in (170, 310):
        make_session(tenant, says="Hello")
        pass_time(seconds)
        services.sweep()
    found = simulate(tenant, Policy.of(tenant), yesterday_and_today())
    assert (found.abandoned, found.today, found.then, found.more, found.fewer) == (2, 2, 2, 0, 0)
    assert found.verdict == "you would have abandoned the same chats."


# What passes between two doings; each is followed by a sweep. No longer than the shortest timeout: only who looks away
# for two of them in a row is gone.
STEPS = [20, 50, 70, 100, 140]
ACTS = {
    "impatient": {"looks_on": 9, "uses_the_page": 3, "leaves": 1, "writes": 2, "reloads": 1, "goes_on": 1, "": 4}
    | {"is_taken": 1, "is_answered": 1, "is_put_back": 1, "is_passed_on": 0.5, "is_held": 1, "is_let_go": 0.5}
    | {"ends": 0.2},
    "patient": {"looks_on": 60, "uses_the_page": 2, "writes": 1, "is_put_back": 1, "is_taken": 0.5, "goes_on": 1}
    | {"is_held": 1, "is_let_go": 1},
    "reading": {"looks_on": 2, "uses_the_page": 40, "is_taken": 0.2, "": 1, "ends": 1},
}
# Odd, while what passes and what is held are tens of seconds: no two times are ever over at the same moment, when the
# milliseconds of the run would decide.
POLICIES = {
    "strict": {"session_expiry_seconds": 1203, "disconnect_timeout_seconds": 187},
    "strictest": {
        "session_expiry_seconds": 157,
        "disconnect_timeout_seconds": 153,
        "expiry_warning_seconds": 30,
        "idle_rule_for_active": True,
    },
    "middling": {"session_expiry_seconds": 407, "disconnect_timeout_seconds": 394, "reopen_enabled": False},
}


class Lives:
    """One visitor's chat, lived several times: with the policy of the record, and with those that are simulated."""

    def __init__(self, tenants, agents, temper: str) -> None:
        self.acts = ACTS[temper]
        self.chats = [make_session(tenant, customer_name=str(uuid4())) for tenant in tenants]
        self.alice, self.bob = agents
        self.page = 0

    def does_something(self, dice: random.Random) -> None:
        self.page += 1
        [name] = dice.choices(list(self.acts), list(self.acts.values()))
        minutes = dice.choice([1, 5, 20])
        for session in self.chats if name else []:
            with contextlib.suppress(ChatError):  # over by the one policy, not yet by the other
                if name == "is_held":
                    hold(session, self.alice, minutes)
                else:
                    getattr(self, name)(session)

    def writes(self, session):
        post(session, "Hello?")

    def is_taken(self, session):
        services.accept_session(session.session.session_id, actor(self.alice))

    def is_answered(self, session):
        self.is_taken(session)
        post(session, "Hello!", sender=actor(self.alice))

    def is_put_back(self, session):
        services.transfer_session(session.session.session_id, actor(self.alice))

    def is_passed_on(self, session):
        services.transfer_session(session.session.session_id, actor(self.alice), to_agent_id=self.bob.user_id)

    def is_let_go(self, session):
        hold(session, self.alice, 0)

    def looks_on(self, session):
        beat(session)

    def uses_the_page(self, session):
        beat(session, is_used=True)

    def leaves(self, session):
        presence.mark_left({session.session.session_id: 2})

    def reloads(self, session):
        loads_page(session)

    def goes_on(self, session):
        visits(session, f"https://shop.example/{self.page}")

    def ends(self, session):
        services.end_session(session.session.session_id, VISITOR)


def first_reasons(tenant) -> list[str | None]:
    """Of each chat of the tenant, why a sweep took it first."""
    moved = SessionEvent.objects.filter(to_status="abandoned", session__tenant=tenant).order_by("-pk")
    reasons = dict(moved.values_list("session_id", "reason"))
    return [
        reasons.get(pk) for pk in ChatSession.objects.filter(tenant=tenant).order_by("pk").values_list("pk", flat=True)
    ]


@pytest.mark.parametrize("seed", range(2))
def test_the_simulator_says_of_each_chat_what_a_real_sweep_with_that_policy_does(db, seed):
    """Four tenants live through the same: nobody is abandoned by the policy of the one, those of the others are
    simulated over its record, and their own sweeps are what has to come out."""
    record = make_tenant(session_expiry_seconds=36_000, disconnect_timeout_seconds=36_000)
    strict = [make_tenant(slug, **policy) for slug, policy in POLICIES.items()]
    agents = [make_agent(name, [record, *strict]) for name in ("alice", "bob")]
    dice = random.Random(seed)
    lived = [Lives([record, *strict], agents, temper) for temper in ACTS for _ in range(4)]
    for _ in range(24):
        pass_time(dice.choice(STEPS))
        services.sweep()
        for life in lived:
            life.does_something(dice)
    pass_time(10)
    services.sweep()

    assert set(first_reasons(record)) == {None}
    outcomes = set()
    for tenant in strict:
        really, policy = first_reasons(tenant), Policy.of(tenant)
        lives_of = simulator.lives(record, yesterday_and_today(), at_least=timedelta())
        found = [life.abandonment(policy) for life in lives_of]
        assert [one and one.reason for one in found] == really, tenant.slug
        found = simulate(record, policy, yesterday_and_today())
        assert (found.then, found.then_idle) == (len(really) - really.count(None), really.count("idle"))
        assert len(set(really)) > 1, tenant.slug
        outcomes |= set(really)
    # Worth something only if both rules had work, and left some alone.
    assert outcomes == {"idle", "disconnected", None}


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_says_it_in_a_sentence(tenant, capsys):
    session = make_session(tenant, says="Hello")
    pass_time(190)
    beat(session)
    day = yesterday_and_today()
    policy = ["--tenant", "demo-tenant", "--expiry", "20m", "--disconnect", "3m"]
    call_command("simulate_policy", *policy, "--from", str(day.start), "--to", str(day.end))
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        f"{day.start} to {day.end}: 1 chats, of which 0 were abandoned; today's 30 min and 5 min make it 0"
        " by this calculation."
    )
    assert second == (
        "With 20 min and 3 min you would have abandoned 1 more, 1 of whom came back (1 of them to the same chat)."
    )
    assert session.session.status == "queued"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tenant", "nobody"],
        ["--tenant", "demo-tenant", "--disconnect", "149s"],
        ["--tenant", "demo-tenant", "--expiry", "4m"],
        ["--tenant", "demo-tenant", "--from", "2026-03-05", "--to", "2026-03-04"],
        ["--tenant", "demo-tenant", "--timezone", "Mars/Olympus"],
        ["--tenant", "demo-tenant", "--expiry", "soon"],
    ],
)
def test_the_command_refuses_what_makes_no_sense(tenant, arguments):
    with pytest.raises(CommandError):
        call_command("simulate_policy", *arguments)
