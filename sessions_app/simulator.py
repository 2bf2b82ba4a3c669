"""What another policy would have done to the chats that there were.

What is known of them: when the visitor was gone and came back (TrailEntry), when nothing happened in the chat
(IdlePeriod), when an agent took it, gave it up or held it, and when it was last used and seen. That is all that the
rules ask. Chats from before idle periods were recorded have only what was written, looked at and loaded: a visitor who
merely used the page in between has left no trace, and for these the idle rule's number is an upper bound. A chat that
was abandoned, and whose visitor never came back, counts as abandoned by any policy.

A chat counts as abandoned at the moment when its time is over, as if a sweep ran all the time; the real one comes every
five minutes and misses some who return in between. So policies are compared by the same calculation, today's too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from django.db import connection

from sessions_app.models import (
    PRESENCE_TTL,
    ChatSession,
    Hold,
    IdlePeriod,
    Message,
    Reason,
    Restoration,
    SessionEvent,
    Status,
    Tenant,
    TrailEntry,
)
from sessions_app.reports import IN_PERIOD, Period

CHUNK = 2000

Span = tuple[datetime, datetime | None]


class Policy(NamedTuple):
    expiry: timedelta
    disconnect: timedelta
    idle_rule_for_active: bool = False
    reopens: bool = True

    @classmethod
    def of(cls, tenant: Tenant) -> "Policy":
        return cls(tenant.session_expiry, tenant.disconnect_timeout, tenant.idle_rule_for_active, tenant.reopen_enabled)

    @property
    def is_possible(self) -> bool:
        """By the rules for a Tenant's."""
        return PRESENCE_TTL <= self.disconnect <= self.expiry


class Abandonment(NamedTuple):
    at: datetime
    reason: Reason


@dataclass(slots=True)
class Life:
    """What is recorded of one chat; the end of a span is None where none is known."""

    started_at: datetime
    ended_at: datetime | None
    was_abandoned: bool = False
    activity: list[datetime] = field(default_factory=list)  # as far as it is known
    unused: list[Span] = field(default_factory=list)
    # Whether these are certain, or the page may have been used meanwhile; the last one always is.
    is_whole: bool = True
    absences: list[Span] = field(default_factory=list)
    held: list[Span] = field(default_factory=list)
    queued: list[Span] = field(default_factory=list)
    # Of the visitor.
    signs: list[datetime] = field(default_factory=list)

    def abandonment(self, policy: Policy) -> Abandonment | None:
        """The first one by this policy."""
        found = [self._gone(policy), self._idle(policy)]
        return min((one for one in found if one), key=lambda one: one.at, default=None)

    def _gone(self, policy: Policy) -> Abandonment | None:
        for since, until in self.absences:
            at = self._unless_held(since + policy.disconnect)
            if _reaches(until, at):
                return Abandonment(at, Reason.DISCONNECTED)
        return None

    def _idle(self, policy: Policy) -> Abandonment | None:
        ruled = [(self.started_at, self.ended_at)] if policy.idle_rule_for_active else self.queued
        for last, following in self.unused:
            for since, until in ruled:
                at = self._unless_held(max(last + policy.expiry, since))
                # Being put back in the queue is activity itself.
                was_ruled = following is None or since < following
                if was_ruled and _reaches(following, at) and _reaches(until, at):
                    return Abandonment(at, Reason.IDLE)
        return None

    def _unless_held(self, moment: datetime) -> datetime:
        return next((until for since, until in self.held if since < moment < until), moment)

    def is_sure_of(self, abandonment: Abandonment) -> bool:
        return self.is_whole or abandonment.reason != Reason.IDLE or abandonment.at > self.activity[-1]

    def returned_at(self, abandonment: Abandonment) -> datetime | None:
        return next((sign for sign in self.signs if sign >= abandonment.at), None)

    def is_reopened(self, abandonment: Abandonment, policy: Policy) -> bool:
        """Whether the visitor who returned had the same chat back."""
        if not policy.reopens or abandonment.reason != Reason.DISCONNECTED:
            return False
        last = max(moment for moment in self.activity if moment <= abandonment.at)
        return self.returned_at(abandonment) < last + policy.expiry


def _reaches(until: datetime | None, moment: datetime) -> bool:
    """Whether a span is that long; the sweep of that very moment comes before whatever ends it."""
    return until is None or moment <= until


class Simulation(NamedTuple):
    """Numbers of chats. ``today`` and ``then`` by the same calculation, with the tenant's policy and with the other.
    ``today_uncertain``, ``then_uncertain`` and, by either, ``uncertain`` are chats that the idle rule takes only if
    nobody used the page meanwhile."""

    chats: int
    abandoned: int  # in fact
    today: int
    then: int
    then_idle: int
    more: int
    more_returned: int
    more_reopened: int  # of those
    fewer: int
    today_uncertain: int
    then_uncertain: int
    uncertain: int

    @property
    def verdict(self) -> str:
        """In words, after "With 20 min and 3 min "."""
        if not self.more and not self.fewer:
            return f"you would have abandoned the same chats.{self._doubt}"
        parts = []
        if self.more:
            returned = f"{self.more_returned:,} of whom came back ({self.more_reopened:,} of them to the same chat)"
            bound = _bound(over=self.then_uncertain, under=self.today_uncertain)
            parts.append(f"{bound}{self.more:,} more, {returned}")
        if self.fewer:
            bound = _bound(over=self.today_uncertain, under=self.then_uncertain)
            parts.append(f"{bound}{self.fewer:,} fewer")
        return f"you would have abandoned {', and '.join(parts)}.{self._doubt}"

    @property
    def _doubt(self) -> str:
        if not self.uncertain:
            return ""
        chats = "1 chat is" if self.uncertain == 1 else f"{self.uncertain:,} chats are"
        return f" {chats} from before use of the page was recorded, and would have been kept if there was any."


def _bound(*, over: int, under: int) -> str:
    """Before a number that may be so many too large or too small."""
    return "about " if under else "at most " if over else ""


def in_words(time: timedelta) -> str:
    """As "90 s", "20 min", "1 h"."""
    seconds = round(time.total_seconds())
    return next(
        f"{seconds // size} {unit}" for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if not seconds % size
    )


def simulate(tenant: Tenant, policy: Policy, period: Period) -> Simulation:
    """Over the chats of the tenant that started in the period."""
    present = Policy.of(tenant)
    abandoned = today = then = idle = more = returned = reopened = fewer = 0
    today_uncertain = then_uncertain = uncertain = 0
    for life in lives(tenant, period, at_least=min(policy.disconnect, present.disconnect)):
        before, after = life.abandonment(present), life.abandonment(policy)
        abandoned += life.was_abandoned
        today += before is not None
        then += after is not None
        idle += after is not None and after.reason == Reason.IDLE
        fewer += before is not None and after is None
        unsure = [one is not None and not life.is_sure_of(one) for one in (before, after)]
        today_uncertain += unsure[0]
        then_uncertain += unsure[1]
        uncertain += any(unsure)
        if before is None and after is not None:
            more += 1
            if life.returned_at(after):
                returned += 1
                reopened += life.is_reopened(after, policy)
    chats = chats_in(tenant, period)
    doubts = (today_uncertain, then_uncertain, uncertain)
    return Simulation(chats, abandoned, today, then, idle, more, returned, reopened, fewer, *doubts)


# --- what is recorded ---------------------------------------------------------------------------------------------

_SESSION, _MESSAGE, _EVENT, _TRAIL, _IDLE, _HOLD, _RESTORATION = (
    model._meta.db_table for model in (ChatSession, Message, SessionEvent, TrailEntry, IdlePeriod, Hold, Restoration)
)
_STARTED = f"{_SESSION} WHERE tenant_id = %(tenant)s AND {IN_PERIOD.format('created_at')}"
# Nobody can be abandoned sooner.
_LONG_ENOUGH = (
    f"SELECT id FROM {_STARTED} AND (status = 'abandoned'"
    " OR COALESCE(closed_at, statement_timestamp()) - created_at >= %(at_least)s) ORDER BY id"
)
_RECORDS = {
    "sessions": f"""
        SELECT id, session_id, status, created_at, closed_at, last_seen_at, last_activity_at, has_idle_periods,
          statement_timestamp()
        FROM {_SESSION} WHERE id = ANY(%(ids)s)""",
    "messages": f"""
        SELECT session_id, created_at, sender_type = 'visitor'
        FROM {_MESSAGE} WHERE session_id = ANY(%(ids)s) AND message_type <> 'system'""",
    "events": f"""
        SELECT session_id, at, from_status, to_status, reason, last_seen_at
        FROM {_EVENT} WHERE session_id = ANY(%(ids)s) ORDER BY id""",
    "steps": f"SELECT session_id, at, kind, gone_since FROM {_TRAIL} WHERE session_id = ANY(%(ids)s) ORDER BY id",
    "idle_periods": f"SELECT session_id, began_at, ended_at FROM {_IDLE} WHERE session_id = ANY(%(ids)s) ORDER BY id",
    "holds": f"SELECT session_id, at, held_until FROM {_HOLD} WHERE session_id = ANY(%(ids)s) ORDER BY id",
    "restorations": f"SELECT session_id, at FROM {_RESTORATION} WHERE session_id = ANY(%(ids)s)",
    # To another chat that names this one.
    "returns": f"""
        SELECT chat.id, min(later.created_at)
        FROM (
          SELECT created_at, previous_session_id FROM {_SESSION}
          WHERE tenant_id = %(tenant)s AND previous_outcome <> ''
        ) AS later
        JOIN {_SESSION} AS chat ON chat.session_id = later.previous_session_id
        WHERE chat.id = ANY(%(ids)s) AND later.created_at >= chat.closed_at GROUP BY 1""",
}


def chats_in(tenant: Tenant, period: Period) -> int:
    [(count,)] = _query(f"SELECT count(*) FROM {_STARTED}", tenant=tenant.pk, **period.parameters)
    return count


def lives(tenant: Tenant, period: Period, *, at_least: timedelta) -> Iterator[Life]:
    """Of the chats that started in the period, and lasted ``at_least`` that long or were abandoned."""
    rows = _query(_LONG_ENOUGH, tenant=tenant.pk, at_least=at_least, **period.parameters)
    ids = [pk for (pk,) in rows]
    for first in range(0, len(ids), CHUNK):
        chunk = ids[first : first + CHUNK]
        records = {name: _query(sql, tenant=tenant.pk, ids=chunk) for name, sql in _RECORDS.items()}
        of_chat = {name: _by_chat(rows) for name, rows in records.items()}
        for pk in chunk:
            own = {name: rows[pk] for name, rows in of_chat.items()}
            if own["sessions"]:  # else deleted meanwhile
                yield _life(tenant, **own)


def _query(statement: str, **parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _by_chat(rows: Iterable[tuple]) -> dict[int, list[tuple]]:
    chats = defaultdict(list)
    for pk, *rest in rows:
        chats[pk].append(rest)
    return chats


def _life(
    tenant: Tenant,
    sessions: Sequence,
    messages: Sequence,
    events: Sequence,
    steps: Sequence,
    idle_periods: Sequence,
    holds: Sequence,
    restorations: Sequence,
    returns: Sequence,
) -> Life:
    [(_, status, started_at, closed_at, last_seen_at, last_activity_at, is_whole, now)] = sessions
    [returned_at] = returns[0] if returns else [None]
    is_open = status not in (Status.ENDED, Status.ABANDONED)
    life = Life(started_at, now if is_open else closed_at if status == Status.ENDED else returned_at)

    pages = [at for at, kind, _ in steps if kind == TrailEntry.Kind.PAGE]
    loads = [at for (at,) in restorations]
    reopened = [at for at, _, _, reason, _ in events if reason == Reason.REOPENED]
    requeued = [at for at, came_from, to, *_ in events if (came_from, to) == (Status.ACTIVE, Status.QUEUED)]
    used = [started_at, *pages, *loads, *reopened]
    activity = {*used, *requeued, *(at for at, _ in messages)}
    # What else there was is use of the page.
    used += {last_activity_at, *(at for period in idle_periods for at in period)} - activity
    life.activity = sorted(activity.union(used))
    life.signs = [*used, *(at for at, is_visitor in messages if is_visitor)]
    life.signs += [at for at, _, to, reason, _ in events if (to, reason) == (Status.ENDED, Reason.VISITOR)]
    life.is_whole = is_whole
    if is_whole:
        life.unused = [(began_at, ended_at) for began_at, ended_at in idle_periods]
        life.unused.append((last_activity_at, life.ended_at))
    else:
        life.unused = list(pairwise([*life.activity, life.ended_at]))

    backs = [(gone_since, at) for at, kind, gone_since in steps if kind == TrailEntry.Kind.BACK]
    life.absences = sorted([*backs, *_undone(tenant, events)], key=lambda span: span[0])
    life.absences.append((last_seen_at, life.ended_at))
    life.signs += [at for _, at in backs]
    if returned_at:
        life.signs.append(returned_at)
    life.signs.sort()

    life.held = list(_held(holds))
    life.was_abandoned = any(to == Status.ABANDONED for _, _, to, *_ in events)
    life.queued = list(_queued(events, life.ended_at))
    return life


def _undone(tenant: Tenant, events: Sequence) -> Iterator[Span]:
    """The absences that ended in a reopening. Where it was not recorded since when the visitor was gone, the policy
    that noticed has to tell."""
    for (abandoned_at, _, to, _, last_seen_at), (at, _, _, reason, _) in pairwise(events):
        if to == Status.ABANDONED and reason == Reason.REOPENED:
            yield last_seen_at or abandoned_at - tenant.disconnect_timeout, at


def _held(holds: Sequence) -> Iterator[Span]:
    """When an agent held it, without a gap where a hold was made longer."""
    since = until = None
    for at, held_until in holds:
        if since is not None and at < until:
            until = held_until or at
            continue
        if since is not None:
            yield since, until
        # Let go what a release before this one had held: it was, nobody knows since when.
        since, until = at, held_until or at
    if since is not None:
        yield since, until


def _queued(events: Sequence, ended_at: datetime | None) -> Iterator[Span]:
    """When the chat stood in the queue, or would have, had nobody abandoned it."""
    since = None
    for at, _, to, *_ in events:
        if to == Status.QUEUED and since is None:
            since = at
        elif to in (Status.ACTIVE, Status.ENDED) and since is not None:
            yield since, at
            since = None
    if since is not None:
        yield since, ended_at
