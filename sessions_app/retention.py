"""What is deleted: closed chats and left messages that are older than their tenant keeps them, and what is known of one
visitor.

A chat that is too old goes with everything that hangs on it. Of an erased visitor's chats the rows stay, with their
times and counts, so that reports and the simulator stay right, and say nothing any more of who it was and what was
said: not even to whoever has the session's key.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Lower, Now

from sessions_app import events, selectors, services
from sessions_app.errors import SessionOver
from sessions_app.models import (
    Attachment,
    ChatSession,
    Message,
    Note,
    OfflineMessage,
    Party,
    SessionEvent,
    Tenant,
    TrailEntry,
)
from sessions_app.serializers import agent_name
from sessions_app.work import Actor, Work, verb

BATCH = 200
ERASED_TEXT = "(erased)"


def delete_old_sessions(*, batch_size: int = BATCH, most_seconds: float | None = None) -> int:
    """Deletes closed sessions that are older than their tenant keeps them; returns how many.

    In batches, each a transaction of its own; what somebody else has locked, and what ``most_seconds`` are too short
    for, is left to the next run. May be killed at any moment, and run twice at once.
    """
    return _delete_of_all_tenants(_delete_sessions, batch_size, most_seconds)


def delete_old_offline_messages(*, batch_size: int = BATCH, most_seconds: float | None = None) -> int:
    """The same for the messages that visitors have left, whether they were answered or not."""
    return _delete_of_all_tenants(_delete_offline_messages, batch_size, most_seconds)


def keeping_tenants() -> QuerySet[Tenant]:
    """Those that keep chats and left messages for so many days."""
    return Tenant.objects.filter(retention_days__isnull=False)


def old_sessions(tenant: Tenant) -> QuerySet[ChatSession]:
    """Those that are older than the tenant, which has a retention, keeps them."""
    return ChatSession.objects.filter(tenant=tenant, closed_at__lt=Now() - timedelta(days=tenant.retention_days))


def old_offline_messages(tenant: Tenant) -> QuerySet[OfflineMessage]:
    """Those that are older than the tenant, which has a retention, keeps them."""
    return OfflineMessage.objects.filter(tenant=tenant, created_at__lt=Now() - timedelta(days=tenant.retention_days))


def _delete_of_all_tenants(delete: Callable[[Tenant, int], int], batch_size: int, most_seconds: float | None) -> int:
    began, deleted = monotonic(), 0
    for tenant in keeping_tenants():
        while batch := delete(tenant, batch_size):
            deleted += batch
            if most_seconds is not None and monotonic() - began > most_seconds:
                return deleted
    return deleted


def _delete_sessions(tenant: Tenant, size: int) -> int:
    with transaction.atomic():
        locked = old_sessions(tenant).order_by("closed_at").select_for_update(skip_locked=True, of=("self",))
        pks = list(locked.values_list("pk", flat=True)[:size])
        _delete_files(pks)
        ChatSession.objects.filter(pk__in=pks).delete()
    return len(pks)


def _delete_offline_messages(tenant: Tenant, size: int) -> int:
    with transaction.atomic():
        locked = old_offline_messages(tenant).order_by("created_at").select_for_update(skip_locked=True, of=("self",))
        batch = dict(locked.values_list("pk", "done_at")[:size])
        OfflineMessage.objects.filter(pk__in=batch).delete()
    if None in batch.values():
        _tell_of_offline_messages(tenant)
    return len(batch)


def _tell_of_offline_messages(tenant: Tenant) -> None:
    """Consoles count those that are still to be answered."""
    events.publish([events.offline_changed(tenant, selectors.offline_count(tenant.pk))])


def _delete_files(pks: Collection[int]) -> None:
    """Before the rows: a process that is killed in between leaves rows by which the next run finds what is left."""
    for attachment in Attachment.objects.filter(session__in=pks):
        for file in (attachment.file, attachment.thumbnail):
            if file:
                file.storage.delete(file.name)


def sessions_of_visitor(session: ChatSession, *, has_same_email: bool = False) -> QuerySet[ChatSession]:
    """The session, those of the same tenant that the same browser has named as one before the other, and, if asked
    for, those with the same e-mail address. Nothing of it is proved."""
    tenant = ChatSession.objects.filter(tenant=session.tenant_id)
    found = tenant.filter(session_id__in=selectors.linked_sessions(session))
    if has_same_email and session.customer_email:
        # Two queries: each has an index of its own.
        written = tenant.exclude(customer_email="").alias(address=Lower("customer_email"))
        same = written.filter(address=Lower(Value(session.customer_email)))
        pks = {*found.values_list("pk", flat=True), *same.values_list("pk", flat=True)}
        found = tenant.filter(pk__in=pks)
    return found.order_by("pk")


def erase_visitor(session: ChatSession, admin: AbstractBaseUser, *, has_same_email: bool = False) -> int:
    """Ends the visitor's open chats and erases what all of them say of the visitor, with ``has_same_email`` also the
    messages left under that address; returns the number of chats. The audit line names nothing of what was erased."""
    actor = Actor(Party.ADMIN, agent_name(admin), admin.pk)
    email = session.customer_email
    sessions = list(sessions_of_visitor(session, has_same_email=has_same_email))
    for one in sessions:
        _erase(one.session_id, actor)
    if has_same_email and email:
        left = OfflineMessage.objects.filter(tenant=session.tenant_id, email__iexact=email)
        left.delete()
        _tell_of_offline_messages(session.tenant)
    LogEntry.objects.create(
        user_id=admin.pk,
        content_type=ContentType.objects.get_for_model(ChatSession),
        object_id=session.pk,
        object_repr=session.conversation_id,
        action_flag=CHANGE,
        change_message=f"Erased the visitor: {len(sessions)} chats.",
    )
    return len(sessions)


@verb
def _erase(work: Work, session_id: UUID, actor: Actor) -> None:
    with suppress(SessionOver):  # it was abandoned: closed as well
        services.end_session(session_id, actor)
    session = work.lock(session_id)
    _delete_files([session.pk])
    Attachment.objects.filter(session=session).delete()
    Note.objects.filter(session=session).delete()
    TrailEntry.objects.filter(session=session).update(url="", title="", referrer="")
    SessionEvent.objects.filter(session=session).update(page_url="")
    # The lines stay, without their words: a transcript has no holes, and the simulator reads when something was said.
    Message.objects.filter(session=session).exclude(sender_type=Party.SYSTEM).update(
        body=ERASED_TEXT,
        message_type=Message.Type.TEXT,
        sender_name=Case(When(sender_type=Party.VISITOR, then=Value("")), default="sender_name"),
    )
    blank = {
        "customer_name": "",
        "customer_email": "",
        "metadata": {},
        "page_url": "",
        "page_title": "",
        "user_agent": "",
        "rating_comment": "",
        # No key opens it any more.
        "session_key_hash": "",
        "start_id_hash": None,
        "erased_at": work.now,
    }
    ChatSession.objects.filter(pk=session.pk).update(**blank)
    for column, value in blank.items():
        setattr(session, column, value)
    # What the search knows of it is written anew, by what is left.
    work.index(session)
    last = selectors.last_messages([session]).get(session.pk)
    work.announce(events.session_changed(session, last, work.now))
