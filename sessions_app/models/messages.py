"""What is said in a chat, the files that are sent, and what is left while nobody is there."""

from secrets import token_urlsafe

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.db.models.signals import post_delete
from django.dispatch import receiver

from sessions_app.models.choices import Party
from sessions_app.models.sessions import ChatSession
from sessions_app.models.tenants import Tenant


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
