"""What is recorded about chats, for the audit, the reports and the search."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from sessions_app.models.choices import Party, Reason, Stage, Status
from sessions_app.models.sessions import ChatSession
from sessions_app.models.tenants import Tenant

# Entries of one session's trail; then nothing more is recorded but long absences, of which there are never more than 24
# an hour. A page that changes its address all the time would fill the table, and nobody reads further back.
MAX_TRAIL = 500
# So long rows about runs of the sweep are kept.
SWEEP_RUNS_KEPT = timedelta(days=30)


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
    # Since when the visitor was gone.
    last_seen_at = models.DateTimeField(null=True, blank=True)

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


class IdlePeriod(models.Model):
    """A time of PRESENCE_TTL or more in which nothing happened in an open chat: no message, no page, no use of it.

    No tenant's session expiry is shorter, so these are all that any idle rule could have acted on; the simulator reads
    them. Whatever ends one records it, with the stamp that it makes: there are never more than 24 an hour.
    """

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="idle_periods")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    class Meta:
        ordering = ["session", "pk"]

    def __str__(self) -> str:
        return f"{self.began_at} - {self.ended_at}"


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
