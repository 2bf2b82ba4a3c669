"""Tenant -> ChatSession -> Message, SessionEvent: the rows, their states, and the constraints behind every rule.

Rows that have rules are written by services.py alone. Times end in ``_at`` and come from the database's clock.
"""

import re
from datetime import datetime, timedelta
from secrets import token_urlsafe
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.db.models.signals import post_delete
from django.dispatch import receiver


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


# What passes between two looks at a quiet socket: so much before its time both sides are told when a chat is closed.
WARNING_SLACK = timedelta(seconds=45)
SHORTEST_WARNING_SECONDS = 30

LOWEST_SCORE, HIGHEST_SCORE = 1, 5
MAX_RATING_COMMENT = 1000

# Entries of one session's trail; then nothing more is recorded. A page that changes its address all the time would fill
# the table, and nobody reads further back.
MAX_TRAIL = 500

# A hidden tab's timers fire once a minute; two missed beats and the network's jitter fit in before we say "gone".
PRESENCE_TTL = timedelta(seconds=150)
# Two beats fit into it.
LONGEST_HEARTBEAT_SECONDS = PRESENCE_TTL.seconds // 2
SHORTEST_HEARTBEAT_SECONDS = 10
HIDDEN_TABS = (
    f"Browsers let a hidden tab report only once a minute: with less than {PRESENCE_TTL.seconds} seconds, visitors who "
    "are there would be abandoned."
)
HEARTBEATS_FIT = (
    f"Between {SHORTEST_HEARTBEAT_SECONDS} and {LONGEST_HEARTBEAT_SECONDS} seconds: a visitor counts as gone "
    f"{PRESENCE_TTL.seconds} seconds after the last heartbeat, and one that gets lost must not decide that."
)

MAX_HOLD_MINUTES = 60
LONGEST_RETENTION_DAYS = 36_500

# So long rows about runs of the sweep are kept.
SWEEP_RUNS_KEPT = timedelta(days=30)


def validate_origin(value: str) -> None:
    """An origin is what a browser sends: scheme://host[:port], without a path."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError as error:
        raise ValidationError(f"{value!r} is no origin: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}":
        raise ValidationError(f"{value!r} is no origin. Write it as https://shop.example, without a path.")
    if parts.username or value != value.lower():
        raise ValidationError(f"{value!r} is no origin. Write it in lower case, without a login.")


class Tenant(models.Model):
    """One customer of the chat center: its look, its policy, its websites."""

    class Position(models.TextChoices):
        RIGHT = "bottom-right"
        LEFT = "bottom-left"

    class PrechatForm(models.TextChoices):
        OFF = "off"
        OPTIONAL = "optional", "optional: the visitor may skip it"
        REQUIRED = "required"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True, help_text="Off: its widgets stop, its agents see nothing of it.")
    allowed_origins = ArrayField(
        models.CharField(max_length=255, validators=[validate_origin]),
        default=list,
        blank=True,
        help_text="Websites that may embed the widget, as https://shop.example, separated by commas. "
        "Empty: every website may.",
    )

    title = models.CharField(max_length=80, default="Chat with us")
    subtitle = models.CharField(max_length=120, blank=True, default="We usually answer in a few minutes")
    welcome_message = models.CharField(max_length=500, blank=True, default="Hello! How can we help you?")
    primary_color = models.CharField(
        max_length=7,
        default="#2563eb",
        validators=[RegexValidator(re.compile(r"\A#[0-9a-fA-F]{6}\Z"), "Write the colour as #2563eb.")],
    )
    position = models.CharField(max_length=16, choices=Position, default=Position.RIGHT)
    locale = models.CharField(max_length=16, default="en")
    prechat_form = models.CharField(
        max_length=8,
        choices=PrechatForm,
        default=PrechatForm.OFF,
        db_default=PrechatForm.OFF,
        help_text="Asks visitors for name and e-mail before their first message. What they answer is not checked.",
    )

    session_expiry_seconds = models.PositiveIntegerField(
        default=1800,
        help_text="A chat is kept this long after the last activity: a message, a page load, use of the page.",
    )
    disconnect_timeout_seconds = models.PositiveIntegerField(
        default=300,
        validators=[MinValueValidator(PRESENCE_TTL.seconds, HIDDEN_TABS)],
        help_text=f"A visitor not seen for this long frees the agent. {HIDDEN_TABS}",
    )
    heartbeat_interval_seconds = models.PositiveIntegerField(
        default=30,
        validators=[
            MinValueValidator(SHORTEST_HEARTBEAT_SECONDS, HEARTBEATS_FIT),
            MaxValueValidator(LONGEST_HEARTBEAT_SECONDS, HEARTBEATS_FIT),
        ],
        help_text="So often the widget reports that its visitor is there.",
    )
    expiry_warning_seconds = models.PositiveIntegerField(
        default=120,
        db_default=120,
        validators=[MinValueValidator(SHORTEST_WARNING_SECONDS)],
        help_text="So long before the idle rule closes a chat, visitor and agent see the seconds count down.",
    )
    abandonment_message = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text="What the visitor reads when a chat was closed because nobody wrote or the connection was lost. "
        "Empty: the widget says it, in the visitor's language.",
    )
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION_DAYS)],
        help_text="Closed chats are deleted for good after so many days, with messages, files, notes and their part "
        "in the reports. Empty: never.",
    )
    typing_preview = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Agents see what a visitor is writing before it is sent. Say so in your privacy notice.",
    )
    auto_assign = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Give each waiting chat to the available agent who has the fewest and still has room.",
    )
    offline_form = models.BooleanField(
        default=False,
        db_default=False,
        help_text="While no agent is there, ask visitors to leave a message and an e-mail address, "
        "instead of letting them wait in the queue.",
    )
    reopen_enabled = models.BooleanField(
        default=True, help_text="A disconnected visitor who comes back in time has the chat back."
    )
    idle_rule_for_active = models.BooleanField(
        default=False, help_text="Let the idle rule close chats that an agent has accepted, too."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(session_expiry_seconds__gte=F("disconnect_timeout_seconds")),
                name="tenant_expiry_not_before_disconnect",
                violation_error_message="The session expiry cannot be shorter than the disconnect timeout.",
            ),
            models.CheckConstraint(
                condition=Q(disconnect_timeout_seconds__gte=PRESENCE_TTL.seconds),
                name="tenant_disconnect_spares_hidden_tabs",
                violation_error_message=HIDDEN_TABS,
            ),
            models.CheckConstraint(
                condition=Q(heartbeat_interval_seconds__range=(SHORTEST_HEARTBEAT_SECONDS, LONGEST_HEARTBEAT_SECONDS)),
                name="tenant_heartbeats_fit",
                violation_error_message=HEARTBEATS_FIT,
            ),
            models.CheckConstraint(
                condition=Q(
                    expiry_warning_seconds__gte=SHORTEST_WARNING_SECONDS,
                    expiry_warning_seconds__lt=F("session_expiry_seconds"),
                ),
                name="tenant_warning_before_expiry",
                violation_error_message="The expiry warning has to be shorter than the session expiry.",
            ),
            models.CheckConstraint(
                condition=Q(retention_days__isnull=True) | Q(retention_days__range=(1, LONGEST_RETENTION_DAYS)),
                name="tenant_retention_fits",
                violation_error_message=f"Chats are kept for 1 to {LONGEST_RETENTION_DAYS} days, or for ever.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def session_expiry(self) -> timedelta:
        return timedelta(seconds=self.session_expiry_seconds)

    @property
    def disconnect_timeout(self) -> timedelta:
        return timedelta(seconds=self.disconnect_timeout_seconds)

    @property
    def expiry_warning(self) -> timedelta:
        return timedelta(seconds=self.expiry_warning_seconds)


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


class Message(models.Model):
    """One line of a transcript. ``seq`` is 1, 2, 3 … without holes, given under the session's row lock."""

    class Type(models.TextChoices):
        TEXT = "text"
        SYSTEM = "system"
        FILE = "file"

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages", db_index=False)
    seq = models.PositiveIntegerField()
    client_message_id = models.UUIDField(null=True, blank=True)
    sender_type = models.CharField(
        max_length=8, choices=[(p.value, p.label) for p in (Party.VISITOR, Party.AGENT, Party.SYSTEM)]
    )
    # The index of its own is below: visitors' messages, which have none, need not be in it.
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    sender_name = models.CharField(max_length=200, blank=True)
    message_type = models.CharField(max_length=8, choices=Type, default=Type.TEXT)
    # Of a system message: the transition that it tells of, for those who say it in another language.
    event = models.JSONField(null=True, blank=True)
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    # No column: an Attachment names its message, so that messages without one cost nothing more. Set by whoever
    # reads messages of type "file" (selectors.with_attachments).
    attachment: "Attachment | None" = None

    class Meta:
        ordering = ["session", "seq"]
        indexes = [models.Index(fields=["sender"], condition=Q(sender__isnull=False), name="message_sender")]
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="message_seq_unique"),
            models.UniqueConstraint(fields=["session", "client_message_id"], name="message_client_id_unique"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="message_seq_from_one"),
            models.CheckConstraint(
                condition=Q(message_type="system", sender_type="system", client_message_id__isnull=True)
                | Q(sender_type__in=["visitor", "agent"], client_message_id__isnull=False) & ~Q(message_type="system"),
                name="message_sender_fits_type",
            ),
            models.CheckConstraint(
                condition=~Q(sender_type="agent") | Q(sender__isnull=False), name="message_agent_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}#{self.seq}"


def attachment_path(attachment: "Attachment", name: str) -> str:
    """Where it lies in the storage."""
    # Nothing of the sender's name: it is no path of ours.
    secret = token_urlsafe(24)
    return f"attachments/{secret[:2].lower()}/{secret}"


class Attachment(models.Model):
    """A file that somebody has sent. Whoever knows ``token`` may have it; who deletes the row deletes its files."""

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="attachments", db_index=False)
    # The place of its message; null until that is stored, and for ever where it was refused.
    seq = models.PositiveIntegerField(null=True, editable=False)
    token = models.CharField(max_length=43, unique=True, default=token_urlsafe, editable=False)
    name = models.CharField(max_length=100)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=attachment_path, max_length=200)
    thumbnail = models.FileField(upload_to=attachment_path, max_length=200, blank=True)
    thumbnail_width = models.PositiveIntegerField(null=True)
    thumbnail_height = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["session", "seq"]
        indexes = [models.Index(fields=["created_at"], condition=Q(seq__isnull=True), name="attachment_orphans")]
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="attachment_seq_unique")]

    def __str__(self) -> str:
        return self.name


@receiver(post_delete, sender=Attachment)
def _delete_files(instance: Attachment, **kwargs: object) -> None:
    # After the commit: a deletion that is taken back must not cost the files.
    for file in (instance.file, instance.thumbnail):
        if file:
            transaction.on_commit(lambda file=file: file.storage.delete(file.name), robust=True)


class SessionEvent(models.Model):
    """One transition: the audit of what happened, and, for an abandonment, its explanation."""

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="events")
    from_status = models.CharField(max_length=9, choices=Status, blank=True)
    to_status = models.CharField(max_length=9, choices=Status)
    reason = models.CharField(max_length=16, choices=Reason)
    actor_type = models.CharField(max_length=8, choices=Party)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    stage = models.CharField(max_length=24, choices=Stage, blank=True)
    waited_ms = models.PositiveBigIntegerField(null=True, blank=True)
    queue_position = models.PositiveIntegerField(null=True, blank=True)
    page_url = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ["session", "pk"]
        indexes = [
            models.Index(fields=["at"], name="event_at"),
            models.Index(
                fields=["session", "at"],
                include=["waited_ms", "queue_position"],
                condition=Q(to_status="abandoned"),
                name="event_abandoned",
            ),
            models.Index(fields=["session"], condition=Q(reason="reopened"), name="event_reopened"),
        ]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} -> {self.to_status} ({self.reason})"


class Note(models.Model):
    """What agents tell each other about a chat. It is no message: it has no seq, and no visitor ever hears of it."""

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="notes", db_index=False)
    client_message_id = models.UUIDField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=200)
    # Its place in the transcript: after this message, in the order of the notes.
    after_seq = models.PositiveIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["session", "pk"]
        constraints = [models.UniqueConstraint(fields=["session", "client_message_id"], name="note_client_id_unique")]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.body[:40]}"


class TrailEntry(models.Model):
    """One step of a visitor while the chat was open: a page, or a leaving and a coming back. Agents alone see it."""

    class Kind(models.TextChoices):
        PAGE = "page"
        LEFT = "left"
        BACK = "back"

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="trail")
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField(db_default=Now(), editable=False)
    # Where the transcript stood: the entry's place in it is after this message.
    after_seq = models.PositiveIntegerField()
    url = models.CharField(max_length=2000, blank=True, default="", db_default="")
    title = models.CharField(max_length=300, blank=True, default="", db_default="")
    referrer = models.CharField(max_length=2000, blank=True, default="", db_default="")
    # Of a coming back: when the visitor was seen last before.
    gone_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["session", "pk"]
        verbose_name_plural = "trail entries"
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="back") | Q(gone_since__isnull=False), name="trail_back_says_since_when"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.title or self.url}".strip()


class Tag(models.Model):
    """A word that a tenant's agents put on chats to find them again."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=40)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "tenant",
                Lower("name"),
                name="tag_name_unique",
                violation_error_message="There is a tag of this name already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class SearchText(models.Model):
    """What the history's search reads of a closed session: names, reference, notes and everything that was said.

    Written when the session closes, so that messages cost nothing more while it is open.
    """

    session = models.OneToOneField(ChatSession, on_delete=models.CASCADE, primary_key=True, related_name="search_text")
    words = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["words"], name="search_words")]

    def __str__(self) -> str:
        return str(self.session_id)


class OfflineMessage(models.Model):
    """What a visitor left while no agent was there, to be answered by e-mail."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="offline_messages", db_index=False)
    # The sender's UUID: a repeated send is one message.
    message_id = models.UUIDField()
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField()
    body = models.TextField()
    page_url = models.CharField(max_length=2000, blank=True)
    page_title = models.CharField(max_length=300, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["tenant", "id"], condition=Q(done_at__isnull=True), name="offline_message_open"),
            models.Index(fields=["tenant", "-created_at"], name="offline_message_history"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "message_id"], name="offline_message_id_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.body[:40]}"


class Restoration(models.Model):
    """A visitor who came back to a stored chat and had it again, for the reports. Failures are told by the next start,
    as ChatSession.previous_outcome."""

    class Outcome(models.TextChoices):
        RESTORED = "restored"
        REOPENED = "reopened"

    # Its index below begins with it.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="restorations")
    at = models.DateTimeField(db_default=Now(), editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome)
    # From the socket's acceptance to the answer with the history.
    took_ms = models.PositiveIntegerField()
    # Messages that the browser did not have.
    recovered = models.PositiveIntegerField()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["tenant", "at"], include=["outcome", "took_ms", "recovered"], name="restoration_report"
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome} in {self.took_ms} ms"


class SweepRun(models.Model):
    """One run of the sweep; without ``finished_at`` it still goes on, or was killed."""

    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    # Sessions whose time was over when it looked.
    examined = models.PositiveIntegerField(default=0)
    idle = models.PositiveIntegerField(default=0)
    disconnected = models.PositiveIntegerField(default=0)
    # Of the examined ones, those that somebody else was writing to: the next run looks again.
    skipped_locks = models.PositiveIntegerField(default=0)
    # How long the time of the latest one had been over.
    lag_ms = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S}"
