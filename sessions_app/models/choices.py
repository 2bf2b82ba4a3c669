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
    """Why a transition happened; the five closing ones are also what a closed session answers with."""

    STARTED = "started"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    TRANSFERRED = "transferred"
    AGENT_GONE = "agent_gone"
    REOPENED = "reopened"
    VISITOR = "visitor"
    AGENT = "agent"
    ADMIN = "admin"
    IDLE = "idle"
    DISCONNECTED = "disconnected"


CLOSING_REASONS = (Reason.VISITOR, Reason.AGENT, Reason.ADMIN, Reason.IDLE, Reason.DISCONNECTED)


class Stage(models.TextChoices):
    """How far an abandoned chat had come."""

    NEVER_ENGAGED = "never_engaged", "never wrote"
    MISSED = "missed", "wrote and nobody answered"
    WAITING_FOR_AGENT = "waiting_for_agent", "was waiting for the next answer"
    ANSWERED = "answered", "had been answered"


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
