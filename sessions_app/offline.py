"""Messages that visitors leave while no agent is there: their verbs, and the only writer of their rows."""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from sessions_app import events, selectors
from sessions_app.errors import Conflict, Invalid
from sessions_app.models import OfflineMessage, Tenant


@transaction.atomic
def leave_message(
    tenant: Tenant,
    message_id: UUID,
    *,
    name: str,
    email: str,
    body: str,
    page_url: str = "",
    page_title: str = "",
    locale: str = "",
) -> tuple[OfflineMessage, bool]:
    """The message, and whether it is new. ``body`` has been through protocol.clean_text().

    The same id again is the message that was left; with other words of the visitor it is a Conflict. Raises Invalid
    where the tenant has no form for it.
    """
    if not tenant.offline_form and not OfflineMessage.objects.filter(tenant=tenant, message_id=message_id).exists():
        raise Invalid("This website has no form for messages while nobody is there.")
    words = {"name": name, "email": email, "body": body}
    page = {"page_url": page_url, "page_title": page_title, "locale": locale}
    message, is_new = OfflineMessage.objects.get_or_create(
        tenant=tenant, message_id=message_id, defaults={**words, **page}
    )
    if is_new:
        # For what the database has put in.
        message.refresh_from_db(fields=["created_at"])
        _tell(tenant)
    elif any(getattr(message, field) != value for field, value in words.items()):
        raise Conflict
    return message, is_new


@transaction.atomic
def mark_done(message: OfflineMessage, user_id: int) -> None:
    """An agent has answered it. Whoever was first stays the one."""
    open_ones = OfflineMessage.objects.filter(pk=message.pk, done_at__isnull=True)
    if open_ones.update(done_at=Now(), done_by_id=user_id):
        _tell(message.tenant)


@transaction.atomic
def mark_open(message: OfflineMessage) -> None:
    """It is to be answered after all."""
    if OfflineMessage.objects.filter(pk=message.pk, done_at__isnull=False).update(done_at=None, done_by=None):
        _tell(message.tenant)


def _tell(tenant: Tenant) -> None:
    transaction.on_commit(lambda: events.publish([events.offline_changed(tenant, selectors.offline_count(tenant.pk))]))
