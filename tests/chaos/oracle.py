"""Judges a run after everything is quiet: the database against what the clients were promised and have seen."""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.links import Outbox, View
from tests.chaos.swarm import Swarm

MESSAGES = """
SELECT session.session_id::text, message.seq, message.client_message_id::text, message.body, message.sender_type
FROM sessions_app_message AS message JOIN sessions_app_chatsession AS session ON session.id = message.session_id
ORDER BY 1, 2
"""
SESSIONS = "SELECT session_id::text, status, last_seq FROM sessions_app_chatsession"
EVENTS = """
SELECT session.session_id::text, event.from_status, event.to_status, event.reason, event.at
FROM sessions_app_sessionevent AS event JOIN sessions_app_chatsession AS session ON session.id = event.session_id
ORDER BY event.id
"""
CLOSED = ("ended", "abandoned")


@dataclass
class Verdict:
    """Sentences by what they are about, each with the ids that it takes to look further."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    wrong_transitions: list[str] = field(default_factory=list)
    abandoned_early: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    misbehaved: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not any(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {len(found)}" for name, found in vars(self).items())

    def sentences(self) -> list[str]:
        return [f"{name.replace('_', ' ')}: {one}" for name, found in vars(self).items() for one in found]


class Oracle:
    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.verdict = Verdict(misbehaved=list(swarm.accusations))
        self.rows: dict[str, dict[int, tuple]] = {}
        for session_id, *row in swarm.world.query(MESSAGES):
            self.rows.setdefault(session_id, {})[row[0]] = tuple(row)

    def judge(self) -> Verdict:
        for session_id, chat in self.swarm.chats.items():
            self._delivery(session_id, chat.visitor, chat.outbox)
            for tab in chat.tabs:
                self._view(tab.name, session_id, tab.view, is_whole=not chat.is_over)
        for console in self.swarm.consoles:
            for session_id, outbox in console.outboxes.items():
                self._delivery(session_id, console.name, outbox)
            for session_id, view in console.views.items():
                self._view(console.name, session_id, view, is_whole=session_id in console.own)
        self._sessions()
        return self.verdict

    def _delivery(self, session_id: str, sender: str, outbox: Outbox) -> None:
        """(a), (b), and the sender's own order."""
        by_id: dict[str, list[int]] = {}
        for seq, id, *_ in self.rows.get(session_id, {}).values():
            if id in outbox.sent:
                by_id.setdefault(id, []).append(seq)
        for id, seq in outbox.acknowledged.items():
            if seq not in by_id.get(id, []):
                self.verdict.lost.append(
                    f"{sender}: {id}, acknowledged as {seq} in {session_id}, is in {by_id.get(id)}"
                )
        for id, seqs in by_id.items():
            if len(seqs) > 1:
                self.verdict.duplicated.append(f"{sender}: {id} in {session_id} has {seqs}")
            body = self.rows[session_id][seqs[0]][2]
            if body != outbox.sent[id]:
                self.verdict.lost.append(f"{sender}: {id} in {session_id} was {outbox.sent[id]!r} and is {body!r}")
        order = [seq for id in outbox.sent for seq in by_id.get(id, [])]
        if order != sorted(order):
            self.verdict.out_of_order.append(f"{sender}: what was sent in order has {order} in {session_id}")

    def _view(self, viewer: str, session_id: str, view: View, *, is_whole: bool) -> None:
        """(c). Of a session that is over a client need not have the end."""
        rows = self.rows.get(session_id, {})
        self.verdict.out_of_order += [f"{viewer} in {session_id}: {sentence}" for sentence in view.disagreements]
        for seq, message in view.messages.items():
            seen = (seq, message["client_message_id"], message["body"], message["sender_type"])
            if rows.get(seq) != seen:
                self.verdict.out_of_order.append(f"{viewer} saw {seen} in {session_id}, stored is {rows.get(seq)}")
        if is_whole and (missing := rows.keys() - view.messages.keys()):
            self.verdict.lost.append(f"{viewer} lacks {sorted(missing)} of {session_id}")

    def _sessions(self) -> None:
        """Numbers without holes, (d), (e), and the audit that tells the same story as the row."""
        events: dict[str, list[tuple]] = {}
        for session_id, *event in self.swarm.world.query(EVENTS):
            events.setdefault(session_id, []).append(tuple(event))
        sent = {id for chat in self.swarm.chats.values() for id in chat.outbox.sent}
        sent |= {id for console in self.swarm.consoles for box in console.outboxes.values() for id in box.sent}
        for session_id, status, last_seq in self.swarm.world.query(SESSIONS):
            if session_id not in self.swarm.chats:
                continue  # a start whose answer was lost
            rows = self.rows.get(session_id, {})
            if list(rows) != list(range(1, last_seq + 1)):
                self.verdict.out_of_order.append(f"{session_id} has {list(rows)}, and its last_seq is {last_seq}")
            strangers = [seq for seq, id, *_ in rows.values() if id is not None and id not in sent]
            if strangers:
                self.verdict.duplicated.append(f"nobody sent {strangers} of {session_id}")
            self._history(session_id, status, events[session_id], rows)

    def _history(self, session_id: str, status: str, events: list[tuple], rows: dict[int, tuple]) -> None:
        wrong = self.verdict.wrong_transitions
        came_from = ""
        for before, after, reason, at in events:
            if before != came_from:
                wrong.append(f"{session_id} went from {came_from!r} by {before!r} -> {after!r} ({reason}) at {at}")
            came_from = after
            if after == "abandoned":
                sleeps = self.swarm.chats[session_id].sleeps
                if reason != "disconnected" or not any(began <= at <= ended for began, ended in sleeps):
                    self.verdict.abandoned_early.append(f"{session_id} at {at} ({reason}), asleep in {sleeps}")
        if came_from != status:
            wrong.append(f"{session_id} is {status}, its last event says {came_from}")
        kinds = Counter("closing" if after in CLOSED else reason for _, after, reason, _ in events)
        if kinds["closing"] > kinds["reopened"] + 1:
            wrong.append(f"{session_id} was closed {kinds['closing']} times and reopened {kinds['reopened']} times")
        system = sum(sender == "system" for *_, sender in rows.values())
        if system != len(events) - 1:  # all but the start
            wrong.append(f"{session_id} has {system} system messages and {len(events) - 1} transitions")
