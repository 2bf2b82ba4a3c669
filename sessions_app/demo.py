"""Months of made-up chats, for screenshots, benchmarks and a first look at the reports: the same for the same seed, but
for their ids. Written by COPY, with no verb run and nobody told; only into tenants whose chats are not anybody's.
"""

import math
import random
import secrets
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection, models, transaction
from django.db.models import Model
from psycopg.types.json import Jsonb

from sessions_app.models import (
    PRESENCE_TTL,
    ChatSession,
    IdlePeriod,
    Message,
    Party,
    Reason,
    Restoration,
    SessionEvent,
    Status,
    Tenant,
    TrailEntry,
)
from sessions_app.tokens import ALPHABET

CHUNK = 2000
SWEEP = timedelta(minutes=5)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# Nothing is open: whatever began later than this would not be over yet.
YOUNGEST = timedelta(hours=3)

BY_WEEKDAY = (1.1, 1.05, 1.0, 1.0, 0.95, 0.45, 0.35)
BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 9, 22, 34, 40, 38, 30, 32, 38, 36, 30, 26, 24, 26, 24, 16, 8, 3)
OFFICE = range(8, 20)
GROWTH = 0.3  # from the first day to the last

FIRST_NAMES = [
    "Vera",
    "Walter",
    "Yuki",
    "Amara",
    "Jonas",
    "Leila",
    "Mateo",
    "Ingrid",
    "Kofi",
    "Nadia",
    "Pavel",
    "Rosa",
    "Samir",
    "Thea",
    "Ulla",
    "Viktor",
]
LAST_NAMES = [
    "Berg",
    "Costa",
    "Diallo",
    "Evans",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jensen",
    "Kovacs",
    "Lindt",
    "Moreau",
    "Novak",
    "Okafor",
]
PAGES = (
    ("/", "Welcome", 20),
    ("/cart", "Your cart", 18),
    ("/delivery", "Delivery", 15),
    ("/returns", "Returns", 12),
    ("/account/orders", "Your orders", 12),
    ("/checkout", "Checkout", 10),
    ("/products/teapot", "Teapot", 7),
    ("/products/kettle", "Kettle", 6),
)
TALK = (
    (
        ("Where is my parcel?", "It left our warehouse this morning and arrives tomorrow."),
        ("Can it go to a neighbour?", "Yes, the courier tries next door first."),
    ),
    (
        ("How do I send something back?", "I have mailed you a label: print it and drop the parcel off."),
        ("When do I get my money?", "Within five days after it has arrived."),
    ),
    (
        ("Does the teapot fit on an induction stove?", "It does not, but the kettle does."),
        ("Which size holds a litre?", "The medium one."),
    ),
    (
        ("My discount code does not work.", "It was for last week; I have made you a new one."),
        ("Thank you! Does it work for gifts, too?", "For everything in the shop."),
    ),
    (("I cannot log in.", "I have sent you a link for a new password."), ("It worked.", "Glad to hear that!")),
)
COMMENTS = ("Quick and friendly", "Took a while", "Solved at once", "I had to ask twice", "Thank you!")
FAILURES = (("expired", 50), ("ended", 22), ("abandoned", 15), ("network", 7), ("not_found", 4), ("storage", 2))
SCORES = ((5, 58), (4, 22), (3, 9), (2, 4), (1, 7))


class Person(NamedTuple):
    user_id: int
    name: str


def write_history(
    tenant: Tenant, agents: Sequence[Person], *, days: int, sessions: int, seed: int = 0, with_texts: bool = True
) -> int:
    """About ``sessions`` chats of the last ``days`` days, all over by now; returns how many there are. Without texts
    there are no messages, which benchmarks of the reports do not read.

    In one transaction: a run that is broken off leaves nothing.
    """
    history = _History(tenant, agents, random.Random(seed), with_texts)
    written = 0
    with transaction.atomic():
        starts = history.starts(_database_now() - YOUNGEST, days, sessions)
        for first in range(0, len(starts), CHUNK):
            chunk = starts[first : first + CHUNK]
            history.write(chunk)
            written += len(chunk)
    return written


class _History:
    def __init__(self, tenant: Tenant, agents: Sequence[Person], dice: random.Random, with_texts: bool) -> None:
        self.tenant, self.agents, self.dice, self.with_texts = tenant, agents, dice, with_texts
        self.references = _references()
        # For visitors who come back to a chat that is no more: some of the last ones to close, by how.
        self.closed: dict[str, deque[tuple[datetime, UUID]]] = defaultdict(lambda: deque(maxlen=50))

    def starts(self, until: datetime, days: int, sessions: int) -> list[datetime]:
        weights = []
        midnight = datetime.combine(until.date() - timedelta(days=days - 1), time.min, UTC)
        for number in range(days):
            day = midnight + timedelta(days=number)
            busy = BY_WEEKDAY[day.weekday()] * (1 + GROWTH * number / days) * self.dice.uniform(0.85, 1.15)
            weights += [(day + timedelta(hours=hour), busy * share) for hour, share in enumerate(BY_HOUR)]
        weights = [(hour, weight) for hour, weight in weights if hour < until]
        hours, shares = zip(*weights, strict=True)
        drawn = (hour + timedelta(hours=self.dice.random()) for hour in self.dice.choices(hours, shares, k=sessions))
        return sorted(moment for moment in drawn if moment < until)

    def closed_before(self, outcome: str, moment: datetime) -> UUID:
        """The last one, if there was one: chats overlap."""
        ids = (session_id for closed_at, session_id in reversed(self.closed[outcome]) if closed_at < moment)
        return next(ids, None) or uuid4()

    def write(self, starts: Sequence[datetime]) -> None:
        chats = [_Chat(self, pk, start) for pk, start in zip(_new_pks(len(starts)), starts, strict=True)]
        _copy([chat.session for chat in chats])
        for kind in ("events", "messages", "trail", "idle_periods", "restorations"):
            _copy([row for chat in chats for row in getattr(chat, kind)])


class _Chat:
    """One chat, lived through from its start to its end."""

    def __init__(self, history: _History, pk: int, start: datetime) -> None:
        self.history, self.dice, self.tenant, self.now = history, history.dice, history.tenant, start
        self.events: list[SessionEvent] = []
        self.messages: list[Message] = []
        self.trail: list[TrailEntry] = []
        self.idle_periods: list[IdlePeriod] = []
        self.restorations: list[Restoration] = []
        self.session = self._begin(pk, start)
        self._move(Status.QUEUED, Reason.STARTED, Party.VISITOR)
        self._live()
        self.session.updated_at = self.session.closed_at

    def _begin(self, pk: int, start: datetime) -> ChatSession:
        dice = self.dice
        page, title = self._pick_page()
        session = ChatSession(
            pk=pk,
            tenant=self.tenant,
            session_id=uuid4(),
            session_key_hash=secrets.token_hex(32),
            conversation_id=next(self.history.references),
            page_url=page,
            page_title=title,
            metadata={"locale": dice.choice(("en", "de", "fr")), "timezone": "Europe/Berlin"},
            user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
            created_at=start,
            last_activity_at=start,
            last_seen_at=start,
        )
        if dice.random() < 0.4:
            first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
            session.customer_name, session.customer_email = f"{first} {last}", f"{first}.{last}@example.com".lower()
        if dice.random() < 0.06:
            outcome = _draw(dice, FAILURES)
            session.previous_outcome = outcome
            session.previous_session_id = self.history.closed_before(outcome, start)
        return session

    def _live(self) -> None:
        dice, session = self.dice, self.session
        if dice.random() < 0.1:
            self._pass(dice.uniform(5, 90))
            self._leave_for_good() if dice.random() < 0.8 else self._end(Party.VISITOR)
            return
        talk = list(dice.choice(TALK))
        self._pass(dice.uniform(8, 70))
        self._say(Party.VISITOR, talk[0][0])
        busy = session.created_at.hour in OFFICE
        wait = dice.lognormvariate(math.log(35 if busy else 900), 0.9)
        patience = dice.expovariate(1 / 420)
        position = 1 + int(dice.expovariate(0.6 if busy else 0.25))
        if patience < wait or not self.history.agents:
            self._pass(patience)
            if dice.random() < 0.18:
                self._end(Party.VISITOR)
            elif not self._gone(position):
                return
            else:
                self._pass(dice.uniform(5, 60))
        else:
            self._pass(wait)
        if session.closed_at is None:
            self._talk(talk)

    def _talk(self, talk: list[tuple[str, str]]) -> None:
        dice, session = self.dice, self.session
        if session.assigned_to_id is None:
            agent = dice.choice(self.history.agents)
            session.assigned_to_id = agent.user_id
            session.accepted_at = self.now
            self._move(Status.ACTIVE, Reason.ACCEPTED, Party.AGENT, f"{agent.name} joined the chat", agent.user_id)
            self.agent = agent
        turns = talk * dice.choice((1, 1, 2))
        for number, (question, answer) in enumerate(turns):
            if number:
                self._pass(dice.lognormvariate(math.log(40), 0.6))
                self._say(Party.VISITOR, question)
            self._wander()
            if number and dice.random() < 0.02 and not self._gone(None):
                return
            self._pass(dice.lognormvariate(math.log(28), 0.6))
            self._say(Party.AGENT, answer)
            if dice.random() < 0.02 and not self._gone(None):
                return
        self._pass(dice.uniform(10, 120))
        if dice.random() < 0.07:
            self._leave_for_good()
        else:
            self._end(Party.AGENT if dice.random() < 0.62 else Party.VISITOR)
            if dice.random() < 0.28:
                session.rating_score = _draw(dice, SCORES)
                session.rating_comment = dice.choice(COMMENTS) if dice.random() < 0.4 else ""
                session.rated_at = self.now + timedelta(seconds=dice.uniform(4, 60))

    def _wander(self) -> None:
        """To another page, which has the chat again when it has loaded; or away for some minutes and back."""
        dice, session = self.dice, self.session
        chance = dice.random()
        if chance < 0.3:
            self._pass(dice.uniform(2, 15))
            session.page_url, session.page_title = self._pick_page()
            self._step(TrailEntry.Kind.PAGE, url=session.page_url, title=session.page_title)
            self._see(is_used=True)
            self._restore(Restoration.Outcome.RESTORED)
        elif chance < 0.33:
            gone_since = self.now
            self._step(TrailEntry.Kind.LEFT)
            self._pass(dice.uniform(20, 290))
            self._step(TrailEntry.Kind.BACK, gone_since=gone_since)
            self._see(is_used=True)
            self._restore(Restoration.Outcome.RESTORED)

    def _gone(self, position: int | None) -> bool:
        """Away for so long that the sweep takes the chat; True when the visitor came back in time."""
        dice, tenant = self.dice, self.tenant
        gone_since = self._seen()
        self._step(TrailEntry.Kind.LEFT)
        self._abandon(Reason.DISCONNECTED, tenant.disconnect_timeout, position)
        away = timedelta(seconds=dice.expovariate(1 / 4000))
        in_time = tenant.session_expiry - (self.now - self.session.last_activity_at)
        if not tenant.reopen_enabled or not timedelta(seconds=5) < away < in_time:
            return False
        self.now += away
        self._step(TrailEntry.Kind.BACK, gone_since=gone_since)
        self._see(is_used=True)
        to = Status.ACTIVE if self.session.assigned_to_id else Status.QUEUED
        self._move(to, Reason.REOPENED, Party.VISITOR, "The visitor came back")
        self._restore(Restoration.Outcome.REOPENED)
        return True

    def _leave_for_good(self) -> None:
        """By closing the page, mostly; some leave it open until the idle rule takes the chat."""
        if self.dice.random() < 0.88 or self.session.status == Status.ACTIVE:
            self._step(TrailEntry.Kind.LEFT)
            self._abandon(Reason.DISCONNECTED, self.tenant.disconnect_timeout, None)
        else:
            self._abandon(Reason.IDLE, self.tenant.session_expiry, None)

    # --- what becomes of the rows ---

    def _pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _see(self, *, is_used: bool) -> None:
        self.session.last_seen_at = self.now
        if is_used:
            self._use()

    def _use(self) -> None:
        since, self.session.last_activity_at = self.session.last_activity_at, self.now
        if self.now - since >= PRESENCE_TTL:
            self.idle_periods.append(IdlePeriod(session_id=self.session.pk, began_at=since, ended_at=self.now))

    def _seen(self) -> datetime:
        self.session.last_seen_at = self.session.left_at = self.now
        return self.now

    def _say(self, who: Party, text: str) -> None:
        session = self.session
        if who == Party.VISITOR:
            self._see(is_used=True)
            session.waiting_since = session.waiting_since or self.now
            session.first_visitor_message_at = session.first_visitor_message_at or self.now
        else:
            self._see(is_used=True)
            session.waiting_since = None
            session.first_agent_message_at = session.first_agent_message_at or self.now
        self._write(who, text)

    def _write(self, who: Party, text: str, event: dict[str, str] | None = None) -> None:
        session = self.session
        if not self.history.with_texts:
            return
        session.last_seq += 1
        is_agent, is_system = who == Party.AGENT, who == Party.SYSTEM
        self.messages.append(
            Message(
                session_id=session.pk,
                seq=session.last_seq,
                client_message_id=None if is_system else uuid4(),
                sender_type=who,
                sender_id=session.assigned_to_id if is_agent else None,
                sender_name="" if is_system else self.agent.name if is_agent else session.customer_name or "Visitor",
                message_type=Message.Type.SYSTEM if is_system else Message.Type.TEXT,
                body=text,
                event=event,
                created_at=self.now,
            )
        )

    def _step(self, kind: TrailEntry.Kind, **fields) -> None:
        fields = {"url": "", "title": "", "referrer": "", **fields}
        self.trail.append(
            TrailEntry(session_id=self.session.pk, kind=kind, at=self.now, after_seq=self.session.last_seq, **fields)
        )

    def _restore(self, outcome: Restoration.Outcome) -> None:
        self.restorations.append(
            Restoration(
                tenant=self.tenant,
                session_id=self.session.pk,
                at=self.now,
                outcome=outcome,
                took_ms=round(self.dice.lognormvariate(math.log(90), 0.7)),
                recovered=int(self.dice.expovariate(1.5)),
            )
        )

    def _move(
        self, to: Status, reason: Reason, who: Party, text: str = "", actor_id: int | None = None, **explanation
    ) -> None:
        session = self.session
        came_from = "" if reason == Reason.STARTED else session.status
        session.status = to
        is_over = to in (Status.ENDED, Status.ABANDONED)
        session.closed_at = self.now if is_over else None
        session.closed_reason = reason if is_over else ""
        session.stage = explanation.get("stage", "")
        self.events.append(
            SessionEvent(
                session_id=session.pk,
                from_status=came_from,
                to_status=to,
                reason=reason,
                actor_type=who,
                actor_id=actor_id,
                at=self.now,
                page_url=session.page_url,
                **explanation,
            )
        )
        if text:
            self._write(Party.SYSTEM, text, {"reason": str(reason)})

    def _end(self, who: Party) -> None:
        actor = self.session.assigned_to_id if who == Party.AGENT else None
        name = self.agent.name if who == Party.AGENT else "The visitor"
        self.session.last_seen_at = self.now
        self._move(Status.ENDED, Reason(who), who, f"{name} ended the chat", actor)
        self._remember("ended")

    def _abandon(self, reason: Reason, after: timedelta, position: int | None) -> None:
        session = self.session
        since = session.last_activity_at if reason == Reason.IDLE else self._seen()
        due = since + after
        # Not before the next sweep.
        self.now = due + (EPOCH - due) % SWEEP
        minutes = (self.now - since) // timedelta(minutes=1)
        if reason == Reason.IDLE:
            session.last_seen_at = self.now
        waited = session.waiting_since and (self.now - session.waiting_since) // timedelta(milliseconds=1)
        in_queue = session.status == Status.QUEUED and session.waiting_since is not None
        self._move(
            Status.ABANDONED,
            reason,
            Party.SYSTEM,
            f"The chat was abandoned: the visitor had been gone for {minutes} minutes"
            if reason == Reason.DISCONNECTED
            else f"The chat was closed: nobody wrote for {minutes} minutes",
            stage=session.stage_now(),
            waited_ms=waited,
            queue_position=(position or 1) if in_queue else None,
        )
        self._remember("abandoned")

    def _remember(self, outcome: str) -> None:
        for name in (outcome, "expired"):
            self.history.closed[name].append((self.now, self.session.session_id))

    def _pick_page(self) -> tuple[str, str]:
        path, title, _ = self.dice.choices(PAGES, [weight for *_, weight in PAGES])[0]
        return f"https://shop.example{path}", title


def _draw(dice: random.Random, weighted: Sequence[tuple]) -> object:
    return dice.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]


def _references() -> Iterator[str]:
    """References that never repeat: all there are, by a stride that has no factor in common with their number."""
    size = len(ALPHABET) ** 8
    number = secrets.randbelow(size)
    while True:
        number = (number + 405_492_288_347) % size
        letters, rest = "", number
        for _ in range(8):
            rest, letter = divmod(rest, len(ALPHABET))
            letters += ALPHABET[letter]
        yield f"{letters[:4]}-{letters[4:]}"


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


def _new_pks(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [ChatSession._meta.db_table, count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _copy(rows: Sequence[Model]) -> None:
    """The rows of one model, with their own id if they have one."""
    if not rows:
        return
    table = rows[0]._meta
    fields = [field for field in table.concrete_fields if field is not table.pk or rows[0].pk is not None]
    columns = ", ".join(field.column for field in fields)
    getters = [(field.attname, isinstance(field, models.JSONField)) for field in fields]
    with connection.cursor() as cursor, cursor.copy(f"COPY {table.db_table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([_value(getattr(row, name), is_json) for name, is_json in getters])


def _value(value: object, is_json: bool) -> object:
    return Jsonb(value) if is_json and value is not None else value
