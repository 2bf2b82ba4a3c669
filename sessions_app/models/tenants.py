"""A customer of the chat center, and the policy by which its chats are kept and given up."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

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
SHORTEST_WARNING_SECONDS = 30
LONGEST_RETENTION_DAYS = 36_500
LANGUAGE_TAG = re.compile(r"\A[a-z]{2,4}(-[0-9A-Za-z]+)*\Z")  # as the widget takes it


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

    class Locale(models.TextChoices):
        """The languages of the widget, and the first of them that the visitor's browser asks for."""

        AUTO = "auto", "the visitor's own"
        ENGLISH = "en", "English"
        SPANISH = "es", "Spanish"
        FRENCH = "fr", "French"
        GERMAN = "de", "German"
        PORTUGUESE = "pt", "Portuguese"
        ARABIC = "ar", "Arabic"
        JAPANESE = "ja", "Japanese"
        CHINESE = "zh", "Chinese"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(
        default=True,
        help_text="Off: its widgets stop, its agents see nothing of it. A tenant that has chats cannot be deleted: "
        "switch it off instead.",
    )
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
    # Also a language with its country, or one for which a site brings the words itself: no choices, but their form.
    locale = models.CharField(
        max_length=16,
        default=Locale.ENGLISH,
        validators=[RegexValidator(LANGUAGE_TAG, "Write the language as en or pt-BR.")],
        help_text="The language of the widget, unless a page names another one.",
    )
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
        "in the reports; so are messages left while nobody was there, answered or not. Empty: never.",
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
