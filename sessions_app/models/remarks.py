"""What agents put on a chat, or have done for it, among themselves. No visitor hears of it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from sessions_app.models.sessions import ChatSession
from sessions_app.models.tenants import Tenant


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


class Hold(models.Model):
    """An agent held a chat open, or let it go: from the newest row on, until ``held_until``, no rule abandons it."""

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="holds")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agent_name = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now(), editable=False)
    # Null: let go.
    held_until = models.DateTimeField(null=True, blank=True)
    # Where the transcript stood.
    after_seq = models.PositiveIntegerField()

    class Meta:
        ordering = ["session", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(held_until__isnull=True) | Q(held_until__gt=F("at")), name="hold_lasts_for_a_while"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent_name}: {'held' if self.held_until else 'let go'}"


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
