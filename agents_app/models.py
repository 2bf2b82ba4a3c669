"""Agent: what makes a user an agent, and of which tenants; CannedReply: what they say often."""

from datetime import timedelta
from pathlib import PurePath
from secrets import token_urlsafe

from django.conf import settings
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Lower, Now

from sessions_app.models import ChatSession, Status, Tenant

# A console beats every 30 s; after this long without one the agent is not there.
CONSOLE_TTL = timedelta(minutes=2)
# A console stands open for hours; after this long without use of it the agent counts as away.
AUTO_AWAY = timedelta(minutes=10)
PICTURES = "agents"  # their folder in the storage
LARGEST_CAPACITY = 32767  # of a smallint


class Availability(models.TextChoices):
    """What an agent chose, and, as ``state``, what it comes to."""

    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


def picture_path(agent: "Agent", name: str) -> str:
    """Where it lies in the storage; a new picture has a new address, so that the old one may be cached for ever."""
    return f"{PICTURES}/{token_urlsafe(24)}{PurePath(name).suffix.lower()}"


class AgentQuerySet(models.QuerySet):
    """Who is there, and for what: said here alone, by the database's clock and the stamps of the consoles."""

    def present(self) -> "AgentQuerySet":
        """Whose console is open, whatever they chose."""
        return self.filter(_is_present())

    def with_state(self) -> "AgentQuerySet":
        """``state``: the Availability that the agent's choice, the open consoles and their use come to."""
        is_offline = ~_is_present() | Q(availability=Availability.OFFLINE)
        # Never stamped: a console of the release before this one, which does not say.
        is_away = Q(availability=Availability.AWAY) | Q(last_active_at__lte=Now() - AUTO_AWAY)
        state = Case(
            When(is_offline, then=Value(Availability.OFFLINE)),
            When(is_away, then=Value(Availability.AWAY)),
            default=Value(Availability.ONLINE),
        )
        return self.annotate(state=state)

    def online(self) -> "AgentQuerySet":
        """To whom a visitor can be sent."""
        return self.with_state().filter(state=Availability.ONLINE)

    def with_load(self) -> "AgentQuerySet":
        """``load``: how many chats the agent has."""
        chats = ChatSession.objects.filter(status=Status.ACTIVE, assigned_to=OuterRef("user_id"))
        count = chats.order_by().values("assigned_to").annotate(count=Count("pk")).values("count")
        return self.annotate(load=Coalesce(Subquery(count), 0))

    def with_room(self) -> "AgentQuerySet":
        """To whom one more chat can be given without asking."""
        return self.online().with_load().filter(Q(capacity__isnull=True) | Q(capacity__gt=F("load")))


def _is_present() -> Q:
    return Q(user__is_active=True, last_seen_at__gt=Now() - CONSOLE_TTL)


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
        help_text="So many chats at once, at most, are given to the agent automatically. Empty: no limit.",
    )
    picture = models.ImageField(
        upload_to=picture_path,
        blank=True,
        db_default="",
        help_text="Visitors see it beside the agent's name. PNG, JPEG or WebP.",
    )

    objects = AgentQuerySet.as_manager()

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
