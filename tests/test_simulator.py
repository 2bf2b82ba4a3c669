"""Another policy over the chats that there were: by hand, at the boundaries, and against a sweep that really ran."""

import contextlib
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sessions_app import presence, restorations, services
from sessions_app.errors import ChatError
from sessions_app.models import ChatSession, Message, Reason, Restoration, SessionEvent, TrailEntry
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


def life(*, used=(0,), absences=(), queued=((0, 60),), ended=60, signs=()) -> Life:
    def spans(pairs):
        return [tuple(None if minute is None else NOON + minute * MINUTE for minute in pair) for pair in pairs]

    [(started_at, ended_at)] = spans([(0, ended)])
    return Life(
        started_at, ended_at, activity=after(*used), absences=spans(absences), queued=spans(queued), signs=after(*signs)
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


def test_the_idle_rule_takes_them_where_the_policy_says_so():
    policy = SHORT._replace(idle_rule_for_active=True)
    assert life(used=(0, 1), queued=[(0, 5)]).abandonment(policy) == (NOON + 21 * MINUTE, Reason.IDLE)


def test_the_rule_whose_time_is_over_first_decides():
    chat = life(used=(0,), absences=[(18, None)], ended=None, queued=[(0, None)])
    assert chat.abandonment(SHORT) == (NOON + 20 * MINUTE, Reason.IDLE)
    assert chat.abandonment(SHORT._replace(expiry=30 * MINUTE)) == (NOON + 21 * MINUTE, Reason.DISCONNECTED)


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
            *("accepted_at", "first_visitor_message_at", "first_agent_message_at"),
        ],
        Message: ["created_at"],
        SessionEvent: ["at"],
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


# No longer than the shorter timeout: only who looks away for two of them in a row is gone.
STEPS = [20, 70, 130, 160, 170]


class Twin:
    """One visitor's chat, lived twice: with the policy of the record, and with the one that is simulated."""

    def __init__(self, tenants, agent, *, is_patient: bool) -> None:
        self.is_patient = is_patient
        self.chats = [make_session(tenant, customer_name=str(uuid4())) for tenant in tenants]
        self.agent = agent

    def does(self, name: str) -> None:
        for session in self.chats:
            with contextlib.suppress(ChatError):  # over by the one policy, not yet by the other
                getattr(self, name)(session)

    def writes(self, session):
        post(session, "Hello?")

    def is_answered(self, session):
        services.accept_session(session.session.session_id, actor(self.agent))
        post(session, "Hello!", sender=actor(self.agent))

    def is_taken(self, session):
        services.accept_session(session.session.session_id, actor(self.agent))

    def is_put_back(self, session):
        services.transfer_session(session.session.session_id, actor(self.agent))

    def looks_on(self, session):
        beat(session)

    def leaves(self, session):
        presence.mark_left([session.session.session_id])

    def reloads(self, session):
        loads_page(session)

    def goes_on(self, session):
        visits(session, f"https://shop.example/{self.page}")

    page = 0

    def ends(self, session):
        services.end_session(session.session.session_id, VISITOR)

    def acts(self, dice: random.Random) -> None:
        self.page += 1
        acts = {"looks_on": 9, "leaves": 1, "writes": 2, "reloads": 1, "goes_on": 1, "is_taken": 1, "is_answered": 1}
        acts |= {"is_put_back": 1, "ends": 0.2, "": 4}
        if self.is_patient:
            acts = {"looks_on": 60, "writes": 1, "is_put_back": 1, "is_taken": 0.5, "goes_on": 1}
        [name] = dice.choices(list(acts), list(acts.values()))
        if name:
            self.does(name)


@pytest.mark.parametrize("seed", range(2))
def test_the_count_is_that_of_a_real_sweep_with_that_policy(tenant, seed):
    """Two tenants live through the same; the sweep of one follows the policy that is simulated for the other."""
    strict = make_tenant("strict", session_expiry_seconds=1200, disconnect_timeout_seconds=180)
    agent = make_agent("alice", [tenant, strict])
    dice = random.Random(seed)
    twins = [Twin((tenant, strict), agent, is_patient=number % 2 == 0) for number in range(16)]
    for _ in range(24):
        pass_time(dice.choice(STEPS))
        services.sweep()
        for twin in twins:
            twin.acts(dice)
    pass_time(10)
    services.sweep()

    moved = SessionEvent.objects.filter(to_status="abandoned", session__tenant=strict).order_by("-pk")
    first_reason = dict(moved.values_list("session_id", "reason"))
    reasons = Counter(first_reason.values())
    found = simulate(tenant, Policy.of(strict), yesterday_and_today())
    assert (found.chats, found.then, found.then_idle) == (16, reasons.total(), reasons["idle"])
    # Worth something only if both rules had work, and left some alone.
    assert reasons["idle"]
    assert reasons["disconnected"]
    assert reasons.total() < 16


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
