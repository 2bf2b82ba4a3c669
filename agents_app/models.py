"""Agent: what makes a user an agent, and of which tenants; CannedReply: what they say often."""

from datetime import timedelta
from pathlib import PurePath
from secrets import token_urlsafe

from django.conf import settings
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from sessions_app.models import Tenant

# A console beats every 30 s; after this long without one the agent is not there.
CONSOLE_TTL = timedelta(minutes=2)


class Availability(models.TextChoices):
    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


def picture_path(agent: "Agent", name: str) -> str:
    """Where it lies in the storage; a new picture has a new address, so that the old one may be cached for ever."""
    return f"agents/{token_urlsafe(24)}{PurePath(name).suffix.lower()}"


class Agent(models.Model):
    """The profile that lets a user into the console, for the chats of ``tenants`` and no others."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent")
    tenants = models.ManyToManyField(Tenant, related_name="agents")
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When the agent last used the console, which may stand open for hours with nobody in front of it.
    last_active_at = models.DateTimeField(null=True, blank=True, editable=False)
    availability = models.CharField(
        max_length=8, choices=Availability, default=Availability.ONLINE, db_default=Availability.ONLINE
    )
    capacity = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="No more chats at once are given to the agent by themselves. Empty: without limit.",
    )
    picture = models.ImageField(
        upload_to=picture_path, blank=True, help_text="Visitors see it beside the agent's name. PNG, JPEG or WebP."
    )

    class Meta:
        ordering = ["user__username"]
        permissions = [("supervise", "Can supervise: reassign and end chats that others have, and see the reports")]

    def __str__(self) -> str:
        return self.user.get_full_name() or self.user.get_username()


def longest_message() -> int:
    return settings.CHAT_MAX_MESSAGE_CHARS


class CannedReply(models.Model):
    """An answer that agents of a tenant give often; the console fills in placeholders such as {{visitor.name}}."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="canned_replies", db_index=False)
    shortcut = models.SlugField(max_length=40, help_text="Typed after a slash, as /hello.")
    text = models.TextField(validators=[MaxLengthValidator(longest_message)])

    class Meta:
        ordering = ["tenant", "shortcut"]
        verbose_name_plural = "canned replies"
        constraints = [
            models.UniqueConstraint(
                "tenant",
                Lower("shortcut"),
                name="canned_reply_shortcut_unique",
                violation_error_message="There is a reply of this shortcut already.",
            )
        ]

    def __str__(self) -> str:
        return f"/{self.shortcut}"
