"""The words of a session: its statuses, why they change, how far it had come, and who is who."""

from django.db import models


class Status(models.TextChoices):
    QUEUED = "queued"
    ACTIVE = "active"
    ENDED = "ended"
    ABANDONED = "abandoned"


OPEN = (Status.QUEUED, Status.ACTIVE)
CLOSED = (Status.ENDED, Status.ABANDONED)
# Every status change that exists. Whatever is not here is refused, whoever asks for it.
TRANSITIONS = {
    Status.QUEUED: {Status.ACTIVE, Status.ENDED, Status.ABANDONED},
    # To itself: another agent has it from then on.
    Status.ACTIVE: {Status.ACTIVE, Status.QUEUED, Status.ENDED, Status.ABANDONED},
    Status.ABANDONED: {Status.QUEUED, Status.ACTIVE},
    Status.ENDED: set(),
}


class Reason(models.TextChoices):
    """Why a transition happened; the five closing ones are also what a closed session answers with.

    These words and those of Stage are what admins, reports and filters say; the console says the same in its rows
    (format.js).
    """

    STARTED = "started"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    TRANSFERRED = "transferred"
    AGENT_GONE = "agent_gone"
    REOPENED = "reopened"
    VISITOR = "visitor", "Ended by the visitor"
    AGENT = "agent", "Ended by an agent"
    ADMIN = "admin", "Ended by an admin"
    IDLE = "idle", "Inactive"
    DISCONNECTED = "disconnected", "Left"


CLOSING = (Reason.VISITOR, Reason.AGENT, Reason.ADMIN, Reason.IDLE, Reason.DISCONNECTED)


class Stage(models.TextChoices):
    """How far an abandoned chat had come."""

    NEVER_ENGAGED = "never_engaged", "Never wrote"
    MISSED = "missed", "Never answered"
    WAITING_FOR_AGENT = "waiting_for_agent", "Waiting for an answer"
    ANSWERED = "answered", "Answered"


class Party(models.TextChoices):
    """Who did it."""

    VISITOR = "visitor"
    AGENT = "agent"
    ADMIN = "admin"
    SYSTEM = "system"


class Presence(models.TextChoices):
    ONLINE = "online"
    AWAY = "away"
    GONE = "gone"
