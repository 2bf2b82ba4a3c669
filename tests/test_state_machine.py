"""SM09: thousands of random steps against a model of what must be true, on the real database.

The model knows the rules by their words in the design, not by the code: who was seen when, who wrote when, and what
follows from it when time passes. Time passes in tens of seconds, by moving the clocks of every session, so that the
seconds which a run itself takes change nothing.

A run takes 2,000 steps; for the 10,000 of the case, which take some two minutes more:
`RANDOM_STEPS=10000 bin/test tests/test_state_machine.py`.
"""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents_app.models import Agent
from agents_app.services import release_chats_of_absent_agents
from sessions_app import presence, selectors, services
from sessions_app.errors import ChatError, Conflict, Invalid, SessionOver, Taken
from sessions_app.models import ChatSession, Hold, Message, Note, SearchText, SessionEvent
from sessions_app.services import VISITOR, Posted
from tests.factories import actor, make_agent, make_session, make_tenant, post

pytestmark = pytest.mark.django_db

# Odd, while all else are tens of seconds: no two rules' times are ever over at the same moment, when the milliseconds
# that a run takes would decide.
EXPIRY, DISCONNECT, CONSOLE = 1803, 307, 120
TIMES = st.sampled_from([20, 70, 130, 250, 370, 1210, 1870])
CHATS = st.integers(0, 2)  # of the newest
AGENTS = ("alice", "bob")
NAMES = st.sampled_from(AGENTS)
STEPS = int(os.environ.get("RANDOM_STEPS", 2000))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Cf", "Zl", "Zp"]), min_size=1)


@dataclass
class Chat:
    """What the model believes of one session; times are seconds of the model's clock."""

    id: UUID
    seen: int
    active_at: int
    status: str = "queued"
    reason: str = ""
    agent: str | None = None
    waiting: int | None = None
    held_until: int | None = None
    holds: list[tuple[str, int | None]] = field(default_factory=list)  # by whom, until when
    put_back_by: str | None = None  # by whose transfer it stands in the queue
    said: list[str] = field(default_factory=list)
    ids: dict[UUID, tuple[str, str]] = field(default_factory=dict)  # to (body, who)
    notes: int = 0
    closings: int = 0
    reopenings: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in ("queued", "active")

    def due(self, now: int) -> str | None:
        deadlines = [(self.unless_held(self.seen + DISCONNECT), "disconnected")]
        if self.status == "queued":
            deadlines.append((self.unless_held(self.active_at + EXPIRY), "idle"))
        deadline, reason = min(deadlines)
        return reason if self.is_open and deadline <= now else None

    def unless_held(self, deadline: int) -> int:
        return deadline if self.held_until is None else max(deadline, self.held_until)

    def close(self, status: str, reason: str) -> None:
        self.status, self.reason = status, reason
        self.closings += 1

    def may_return(self, now: int) -> bool:
        reason = self.due(now) if self.is_open else self.reason
        if self.is_open and reason is None:
            return True
        return self.status != "ended" and reason == "disconnected" and now < self.unless_held(self.active_at + EXPIRY)

    def settle(self, now: int) -> None:
        """Time decides, not the sweep."""
        if self.is_open and not self.may_return(now):
            self.close("abandoned", self.due(now))


class Center(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = 0
        self.tenant = make_tenant(
            f"tenant-{uuid4().hex[:12]}", session_expiry_seconds=EXPIRY, disconnect_timeout_seconds=DISCONNECT
        )
        self.agents = {name: make_agent(f"{name}-{uuid4().hex[:12]}", [self.tenant]) for name in AGENTS}
        self.console_seen = dict.fromkeys(self.agents, 0)
        self.model: dict[UUID, Chat] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def pick(self, which: int) -> Chat:
        newest = list(self.model.values())[-3:]
        return newest[which % len(newest)]

    def is_there(self, name: str | None) -> bool:
        return name is not None and self.now - self.console_seen[name] < CONSOLE

    def name_of(self, user_id: int | None) -> str | None:
        return next((name for name, agent in self.agents.items() if agent.user_id == user_id), None)

    def attempt(self, verb, *args, **kwargs):
        try:
            return verb(*args, **kwargs)
        except ChatError as refusal:
            return refusal

    def come_back(self, chat: Chat) -> None:
        """What the return of a visitor who may return does."""
        if chat.is_open:
            return
        chat.reopenings += 1
        chat.status, chat.reason = ("active", "") if self.is_there(chat.agent) else ("queued", "")
        if chat.status == "queued":
            chat.agent = chat.put_back_by = None
        chat.active_at = self.now

    @initialize()
    def start_first(self):
        self.start()

    # Few chats, each with a long life: most of what can go wrong takes several turns of one.
    @precondition(lambda self: sum(chat.status != "ended" for chat in self.model.values()) < 3)
    @rule()
    def start_another(self):
        self.start()

    def start(self):
        chat = Chat(make_session(self.tenant).session.session_id, self.now, self.now)
        self.model[chat.id] = chat

    @rule(which=CHATS, text=TEXTS, repeat=st.booleans())
    def visitor_writes(self, which, text, repeat):
        chat = self.pick(which)
        id = uuid4()
        chat.settle(self.now)
        outcome = post(self.row(chat), text, id=id)
        if not chat.may_return(self.now):
            assert isinstance(outcome, SessionOver)
            return
        assert isinstance(outcome, Posted), outcome
        self.come_back(chat)
        chat.seen = chat.active_at = self.now
        chat.waiting = self.now if chat.waiting is None else chat.waiting
        chat.said.append(text)
        chat.ids[id] = (text, "visitor")
        if repeat:
            assert post(self.row(chat), text, id=id) == outcome._replace(is_new=False)
            assert isinstance(post(self.row(chat), text + "!", id=id), Conflict)

    @rule(which=CHATS, name=NAMES, text=TEXTS)
    def agent_writes(self, which, name, text):
        chat = self.pick(which)
        chat.settle(self.now)
        outcome = post(self.row(chat), text, sender=actor(self.agents[name]))
        if not chat.is_open:
            assert isinstance(outcome, SessionOver)
        elif chat.status == "queued":
            assert isinstance(outcome, Invalid)
        elif chat.agent != name:
            assert isinstance(outcome, Taken)
        else:
            assert isinstance(outcome, Posted), outcome
            chat.active_at, chat.waiting = self.now, None
            chat.said.append(text)

    @rule(which=CHATS, name=NAMES)
    def accept(self, which, name):
        chat = self.pick(which)
        chat.settle(self.now)
        outcome = self.attempt(services.accept_session, chat.id, actor(self.agents[name]))
        if not chat.is_open:
            assert isinstance(outcome, SessionOver)
        elif not self.may_dispose(name, chat):
            assert isinstance(outcome, Taken)
        else:
            assert isinstance(outcome, ChatSession), outcome
            chat.status, chat.agent = "active", name

    @rule(which=CHATS, name=NAMES, to=st.sampled_from([*AGENTS, None]), supervises=st.booleans(), note=st.booleans())
    def transfer(self, which, name, to, supervises, note):
        chat = self.pick(which)
        chat.settle(self.now)
        outcome = self.attempt(
            services.transfer_session,
            chat.id,
            actor(self.agents[name])._replace(is_supervisor=supervises),
            to_agent_id=to and self.agents[to].user_id,
            note="Yours" if note else "",
        )
        if not chat.is_open:
            assert isinstance(outcome, SessionOver)
        elif chat.status == "queued":
            assert isinstance(outcome, Invalid)
        elif to == chat.agent or not (supervises or self.may_dispose(name, chat)):
            assert isinstance(outcome, Taken)
        elif to and not self.is_there(to):
            assert isinstance(outcome, Invalid)
        else:
            assert isinstance(outcome, ChatSession), outcome
            chat.notes += note
            chat.agent = to
            if to is None:
                chat.status, chat.active_at, chat.put_back_by = "queued", self.now, name
                chat.waiting = self.now if chat.waiting is None else chat.waiting

    @rule(which=CHATS, to=NAMES)
    def a_supervisor_gives(self, which, to):
        chat = self.pick(which)
        chat.settle(self.now)
        supervisor = actor(self.agents["alice"])._replace(is_supervisor=True)
        outcome = self.attempt(services.give_session, chat.id, supervisor, self.agents[to].user_id)
        if not chat.is_open:
            assert isinstance(outcome, SessionOver)
        elif chat.agent != to and not self.is_there(to):
            assert isinstance(outcome, Invalid)
        else:
            assert isinstance(outcome, ChatSession), outcome
            chat.status, chat.agent = "active", to

    @rule(which=CHATS)
    def assign(self, which):
        chat = self.pick(which)
        chat.settle(self.now)
        load = Counter(other.agent for other in self.model.values() if other.status == "active")
        free = [name for name in AGENTS if self.is_there(name) and name != chat.put_back_by]
        row = services.assign_session(chat.id)
        if chat.status == "queued" and chat.waiting is not None and free:
            chat.status, chat.agent = "active", self.name_of(row.assigned_to_id)
            assert chat.agent in free
            assert load[chat.agent] == min(load[name] for name in free)

    @rule(which=CHATS, name=NAMES, minutes=st.sampled_from([0, 1, 5, 20, 60]), supervises=st.booleans())
    def hold(self, which, name, minutes, supervises):
        chat = self.pick(which)
        chat.settle(self.now)
        agent = actor(self.agents[name])._replace(is_supervisor=supervises)
        outcome = self.attempt(services.hold_session, chat.id, agent, minutes=minutes)
        if not chat.is_open:
            assert isinstance(outcome, SessionOver)
        elif not (supervises or self.may_dispose(name, chat)):
            assert isinstance(outcome, Taken)
        else:
            assert isinstance(outcome, ChatSession), outcome
            was_held = chat.held_until is not None and chat.held_until > self.now
            if minutes or was_held:
                chat.held_until = self.now + minutes * 60 if minutes else None
                chat.holds.append((name, chat.held_until))

    @rule(which=CHATS, name=NAMES)
    def note(self, which, name):
        chat = self.pick(which)
        chat.notes += 1
        services.add_note(chat.id, actor(self.agents[name]), client_message_id=uuid4(), body="Between ourselves")

    def may_dispose(self, name: str, chat: Chat) -> bool:
        return chat.agent in (None, name) or not self.is_there(chat.agent)

    @rule(which=CHATS, is_active=st.booleans())
    def beat(self, which, is_active):
        chat = self.pick(which)
        chat.settle(self.now)
        answers, _ = presence.stamp({chat.id: (True, is_active)})
        assert answers[chat.id].status == chat.status
        if chat.is_open:
            chat.seen = self.now
            if is_active:
                chat.active_at = self.now

    @rule(which=CHATS, is_page_load=st.booleans())
    def restore(self, which, is_page_load):
        chat = self.pick(which)
        chat.settle(self.now)
        outcome = self.attempt(services.restore_session, chat.id, is_page_load=is_page_load)
        if not chat.may_return(self.now):
            assert isinstance(outcome, SessionOver)
            return
        assert outcome.is_reopened == (not chat.is_open)
        self.come_back(chat)
        chat.seen = self.now
        if is_page_load:
            chat.active_at = self.now

    @rule(which=CHATS)
    def leave(self, which):
        chat = self.pick(which)
        presence.mark_left({chat.id: 2})

    # Rarely: an ended chat has no further life to test.
    @precondition(lambda self: self.now > 3000)
    @rule(which=CHATS, who=st.sampled_from(["visitor", *AGENTS]))
    def end(self, which, who):
        chat = self.pick(which)
        chat.settle(self.now)
        outcome = self.attempt(services.end_session, chat.id, VISITOR if who == "visitor" else actor(self.agents[who]))
        if chat.status == "abandoned":
            assert isinstance(outcome, SessionOver)
        elif chat.is_open and who != "visitor" and not self.may_dispose(who, chat):
            assert isinstance(outcome, Taken)
        else:
            assert outcome.status == "ended"
            if chat.is_open:
                chat.close("ended", "visitor" if who == "visitor" else "agent")

    @rule(seconds=st.sampled_from([310, 370, 1210]))
    def everybody_is_gone_for_a_while(self, seconds):
        self.pass_time(seconds)
        self.sweep()

    @rule()
    def sweep_now(self):
        self.sweep()

    def sweep(self):
        services.sweep(batch_size=3)
        for chat in self.model.values():
            if reason := chat.due(self.now):
                chat.close("abandoned", reason)

    @rule(name=NAMES)
    def console_opens(self, name):
        self.console_beats(name)

    def console_beats(self, name):
        Agent.objects.filter(pk=self.agents[name].pk).update(last_seen_at=self.database_now())
        self.console_seen[name] = self.now

    @rule()
    def release_absent(self):
        release_chats_of_absent_agents()
        for chat in self.model.values():
            if chat.status == "active" and chat.waiting is not None and not self.is_there(chat.agent):
                chat.status, chat.agent, chat.active_at, chat.put_back_by = "queued", None, self.now, None

    @rule(which=CHATS, seconds=st.sampled_from([310, 1870]), text=TEXTS, writes=st.booleans())
    def comes_back_before_any_sweep(self, which, seconds, text, writes):
        self.pass_time(seconds)
        if writes:
            self.visitor_writes(which, text, repeat=False)
        else:
            self.restore(which, is_page_load=True)

    @rule(seconds=TIMES)
    def time_passes(self, seconds):
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([370, 1210]))
    def alice_waits_for_those_who_are_gone(self, seconds):
        self.pass_time(seconds)
        self.console_beats("alice")
        self.sweep()

    @rule(seconds=TIMES)
    def time_passes_while_alice_is_there(self, seconds):
        self.pass_time(seconds)
        self.console_beats("alice")

    def pass_time(self, seconds):
        self.now += seconds
        past = timedelta(seconds=seconds)
        with connection.cursor() as cursor:
            for table, columns in (
                (ChatSession, ("last_activity_at", "last_seen_at", "left_at", "waiting_since", "closed_at")),
                (ChatSession, ("held_until",)),
                (Hold, ("at", "held_until")),
                (Agent, ("last_seen_at",)),
            ):
                moved = ", ".join(f"{column} = {column} - %s" for column in columns)
                cursor.execute(f"UPDATE {table._meta.db_table} SET {moved}", [past] * len(columns))

    def row(self, chat: Chat) -> ChatSession:
        return ChatSession.objects.get(session_id=chat.id)

    @staticmethod
    def database_now():
        return selectors.database_now()

    @invariant()
    def the_database_says_what_the_model_says(self):
        rows = list(ChatSession.objects.filter(tenant=self.tenant).order_by("pk"))
        lines, moves = defaultdict(list), defaultdict(list)
        for line in Message.objects.filter(session__in=rows).order_by("seq"):
            lines[line.session_id].append(line)
        for event in SessionEvent.objects.filter(session__in=rows).order_by("pk"):
            moves[event.session_id].append(event)
        notes = Counter(Note.objects.filter(session__in=rows).values_list("session", flat=True))
        held = defaultdict(list)
        for hold in Hold.objects.filter(session__in=rows).order_by("pk"):
            held[hold.session_id].append(hold)
        now = self.database_now()
        findable = set(SearchText.objects.filter(session__in=rows).values_list("session", flat=True))
        for row in rows:
            chat = self.model[row.session_id]
            assert (row.status, row.closed_reason) == (chat.status, chat.reason)
            assert (row.waiting_since is None) == (chat.waiting is None)
            if row.is_open:
                assert self.name_of(row.assigned_to_id) == chat.agent
            # Nothing is lost, doubled or out of order; every closing has one event, and is one more than reopenings.
            assert [line.seq for line in lines[row.pk]] == list(range(1, row.last_seq + 1))
            assert [line.body for line in lines[row.pk] if line.message_type == "text"] == chat.said
            assert notes[row.pk] == chat.notes
            assert [self.name_of(hold.agent_id) for hold in held[row.pk]] == [name for name, _ in chat.holds]
            if held[row.pk]:
                assert held[row.pk][-1].held_until == row.held_until
            assert row.is_held(now) == (chat.is_open and (chat.held_until or 0) > self.now)
            assert row.is_open or row.pk in findable
            # Each begins where the one before ended.
            assert [move.from_status for move in moves[row.pk]] == [
                "",
                *(move.to_status for move in moves[row.pk][:-1]),
            ]
            assert moves[row.pk][-1].to_status == row.status
            closings = sum(move.to_status in ("ended", "abandoned") for move in moves[row.pk])
            reopenings = sum(move.reason == "reopened" for move in moves[row.pk])
            assert (closings, reopenings) == (chat.closings, chat.reopenings)
            assert closings - reopenings == (0 if row.is_open else 1)


def test_SM09_random_lives_of_chats_follow_the_rules():
    run_state_machine_as_test(
        Center,
        settings=settings(
            max_examples=STEPS // 40,  # a few end sooner than after 50
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
