"""One chat of one visitor, and the rules by which it is kept or abandoned."""

from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from sessions_app.models.choices import OPEN, Party, Presence, Reason, Stage, Status
from sessions_app.models.tenants import PRESENCE_TTL, Tenant

# What passes between two looks at a quiet socket: so much before its time both sides are told when a chat is closed.
WARNING_SLACK = timedelta(seconds=45)
MAX_HOLD_MINUTES = 60
LOWEST_SCORE, HIGHEST_SCORE = 1, 5
MAX_RATING_COMMENT = 1000


class ChatSessionQuerySet(models.QuerySet):
    def open(self) -> "ChatSessionQuerySet":
        return self.filter(status__in=OPEN)

    def waiting(self) -> "ChatSessionQuerySet":
        """The queue, first come first: only who has written and has no agent yet."""
        return self.filter(status=Status.QUEUED, waiting_since__isnull=False).order_by("waiting_since", "pk")

    def due(self) -> "ChatSessionQuerySet":
        """Open sessions whose time is over by the database's clock; the twin of ChatSession.due_reason()."""
        second = timedelta(seconds=1)
        is_idle = Q(last_activity_at__lte=Now() - F("tenant__session_expiry_seconds") * second) & (
            Q(status=Status.QUEUED) | Q(tenant__idle_rule_for_active=True)
        )
        is_disconnected = Q(last_seen_at__lte=Now() - F("tenant__disconnect_timeout_seconds") * second)
        is_held = Q(held_until__gt=Now())
        return self.open().filter(is_idle | is_disconnected).exclude(is_held)


class ChatSession(models.Model):
    """One chat of one visitor.

    Heartbeats write ``last_seen_at``, ``last_activity_at``, ``left_at`` and ``is_visible`` all the time:
    no index may ever name them, so that these updates stay HOT.
    """

    class Channel(models.TextChoices):
        WEB_WIDGET = "web_widget"

    class Outcome(models.TextChoices):
        """Why a widget did not restore the session that it had stored before this one."""

        EXPIRED = "expired"
        ENDED = "ended"
        ABANDONED = "abandoned"
        NOT_FOUND = "not_found"
        NETWORK = "network"
        STORAGE = "storage"

    session_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    # Its constraints below serve as the index.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="sessions", db_index=False)
    session_key_hash = models.CharField(max_length=64, editable=False)
    # Hashed: whoever repeats a start gets its key again, so the id itself is a secret worth not storing.
    start_id_hash = models.CharField(max_length=64, null=True, editable=False)
    conversation_id = models.CharField(max_length=9, editable=False)
    channel = models.CharField(max_length=16, choices=Channel, default=Channel.WEB_WIDGET)

    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="chat_sessions",
    )
    closed_reason = models.CharField(max_length=16, choices=Reason, blank=True)
    stage = models.CharField(max_length=24, choices=Stage, blank=True)

    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    page_url = models.CharField(max_length=2000, blank=True)
    page_title = models.CharField(max_length=300, blank=True)
    user_agent = models.CharField(max_length=300, blank=True, default="", db_default="")
    previous_session_id = models.UUIDField(null=True, blank=True)
    previous_outcome = models.CharField(max_length=16, choices=Outcome, blank=True)

    last_seq = models.PositiveIntegerField(default=0)
    visitor_read_seq = models.PositiveIntegerField(default=0)
    agent_read_seq = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    last_activity_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True, blank=True)
    is_visible = models.BooleanField(default=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    # Until then no rule abandons it: an agent said so.
    held_until = models.DateTimeField(null=True, blank=True)
    # Whether its IdlePeriods are all there are. Not those of chats from before these were recorded.
    has_idle_periods = models.BooleanField(default=True, db_default=False, editable=False)
    # When an agent first took it.
    accepted_at = models.DateTimeField(null=True, blank=True)
    first_visitor_message_at = models.DateTimeField(null=True, blank=True)
    first_agent_message_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    rating_score = models.PositiveSmallIntegerField(null=True, blank=True)
    rating_comment = models.CharField(max_length=MAX_RATING_COMMENT, blank=True, default="", db_default="")
    rated_at = models.DateTimeField(null=True, blank=True)
    # Since then nothing of it says who the visitor was, or what anybody said.
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    tags = models.ManyToManyField("Tag", blank=True, related_name="sessions")

    objects = ChatSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # Not waiting_since: a message and its answer change it, and would have to rewrite every index of the row.
            models.Index(fields=["tenant"], condition=Q(status="queued"), name="session_queue"),
            models.Index(fields=["assigned_to"], condition=Q(status="active"), name="session_mine"),
            # The sweep reads this one: its cost follows the open sessions, not the history.
            models.Index(fields=["id"], condition=Q(status__in=["queued", "active"]), name="session_open"),
            models.Index(fields=["tenant", "-closed_at"], condition=Q(closed_at__isnull=False), name="session_history"),
            # Reports read these three, never the wide rows. Of what messages change, they name the times of the first
            # ones: those two updates of a chat are not HOT.
            models.Index(
                fields=["tenant", "created_at"],
                include=[
                    "id",
                    "status",
                    "closed_at",
                    "accepted_at",
                    "first_visitor_message_at",
                    "first_agent_message_at",
                ],
                name="session_started",
            ),
            models.Index(
                fields=["tenant", "created_at"],
                include=["id", "session_id", "closed_at", "closed_reason", "stage"],
                condition=Q(status="abandoned"),
                name="session_abandoned",
            ),
            models.Index(
                fields=["tenant", "created_at"],
                include=["previous_outcome", "previous_session_id"],
                condition=~Q(previous_outcome=""),
                name="session_not_restored",
            ),
            # The history by what is rare: without these, who asks for it reads all of the history.
            models.Index(
                fields=["tenant", "closed_reason", "-closed_at"],
                condition=Q(closed_at__isnull=False),
                name="session_history_reason",
            ),
            models.Index(
                fields=["tenant", "stage", "-closed_at"], condition=~Q(stage=""), name="session_history_stage"
            ),
            models.Index(
                fields=["tenant", "assigned_to", "-closed_at"],
                condition=Q(closed_at__isnull=False),
                name="session_history_agent",
            ),
            # The visitor's other chats.
            models.Index(
                fields=["previous_session_id"], condition=Q(previous_session_id__isnull=False), name="session_previous"
            ),
            models.Index(
                F("tenant"),
                Lower("customer_email"),
                F("id").desc(),
                condition=~Q(customer_email=""),
                name="session_email",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "conversation_id"], name="session_conversation_id_unique"),
            models.UniqueConstraint(fields=["tenant", "start_id_hash"], name="session_start_id_unique"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="session_status_known"),
            models.CheckConstraint(
                condition=~Q(status="active") | Q(assigned_to__isnull=False), name="session_active_has_agent"
            ),
            models.CheckConstraint(
                condition=~Q(status="queued") | Q(assigned_to__isnull=True),
                name="session_queued_has_no_agent",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN, closed_at__isnull=True, closed_reason="", stage="")
                | Q(
                    status="ended",
                    closed_at__isnull=False,
                    closed_reason__in=["visitor", "agent", "admin"],
                    stage="",
                )
                | Q(
                    status="abandoned",
                    closed_at__isnull=False,
                    closed_reason__in=["idle", "disconnected"],
                    stage__in=Stage.values,
                ),
                name="session_closed_is_explained",
            ),
            models.CheckConstraint(
                condition=Q(rating_score__isnull=True, rated_at__isnull=True, rating_comment="")
                | Q(rating_score__range=(LOWEST_SCORE, HIGHEST_SCORE), rated_at__isnull=False),
                name="session_rating_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.conversation_id

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def expires_at(self) -> datetime:
        return self._not_while_held(self.last_activity_at + self.tenant.session_expiry)

    def _not_while_held(self, deadline: datetime) -> datetime:
        return deadline if self.held_until is None else max(deadline, self.held_until)

    @property
    def parting_words(self) -> str:
        """What its tenant tells the visitor of an abandoned chat; empty where it leaves that to the widget."""
        return self.tenant.abandonment_message if self.status == Status.ABANDONED else ""

    def is_held(self, now: datetime) -> bool:
        return self.is_open and self.held_until is not None and self.held_until > now

    @property
    def ended_by(self) -> str | None:
        """The Party that closed it, None while it is open."""
        if self.is_open:
            return None
        return Party.SYSTEM if self.status == Status.ABANDONED else self.closed_reason

    @property
    def deadline(self) -> tuple[datetime, str]:
        """Of an open session: when a sweep would abandon it if nothing happens, and why: by the rule whose time runs
        out first."""
        gone_at = self._not_while_held(self.last_seen_at + self.tenant.disconnect_timeout)
        deadlines = [(gone_at, Reason.DISCONNECTED)]
        if self.status == Status.QUEUED or self.tenant.idle_rule_for_active:
            deadlines.append((self.expires_at, Reason.IDLE))
        return min(deadlines, key=lambda item: item[0])

    def due_reason(self, now: datetime) -> str | None:
        """Why the sweep would abandon it at ``now``, or None."""
        if not self.is_open:
            return None
        deadline, reason = self.deadline
        return reason if deadline <= now else None

    def is_expiring(self, now: datetime) -> bool:
        """Whether the idle rule will take it soon; its twin in SQL is in presence.py."""
        warning = min(self.tenant.expiry_warning + WARNING_SLACK, self.tenant.session_expiry / 2)
        is_ruled = self.status == Status.QUEUED or (self.is_open and self.tenant.idle_rule_for_active)
        return is_ruled and now >= self.expires_at - warning

    def is_restorable(self, now: datetime) -> bool:
        """Whether a visitor who comes back at ``now`` with the key has this chat back."""
        in_time = self.tenant.reopen_enabled and now < self.expires_at
        reason = self.due_reason(now) if self.is_open else self.closed_reason
        if self.is_open and reason is None:
            return True
        return self.status != Status.ENDED and reason == Reason.DISCONNECTED and in_time

    def stage_now(self) -> str:
        """How far the chat has come (a Stage)."""
        if self.first_visitor_message_at is None:
            return Stage.NEVER_ENGAGED
        if self.first_agent_message_at is None:
            return Stage.MISSED
        return Stage.WAITING_FOR_AGENT if self.waiting_since else Stage.ANSWERED

    def presence(self, now: datetime) -> str:
        if not self.is_open or now - self.last_seen_at > PRESENCE_TTL:
            return Presence.GONE
        if self.left_at and self.left_at >= self.last_seen_at:
            return Presence.GONE
        return Presence.ONLINE if self.is_visible else Presence.AWAY
