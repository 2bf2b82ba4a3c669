import logging

from celery import shared_task

from sessions_app import attachments, retention, services

logger = logging.getLogger(__name__)

# For chats, and for left messages: together less than a task may take. What remains is deleted an hour later.
DELETION_SECONDS = 90


@shared_task
def sweep_sessions() -> None:
    logger.info("sweep: %s", dict(services.sweep()) or "nothing to do")


@shared_task
def delete_orphaned_attachments() -> None:
    if deleted := attachments.delete_orphans():
        logger.info("%d files were deleted whose message was never stored", deleted)


@shared_task
def delete_old_sessions() -> None:
    if deleted := retention.delete_old_sessions(most_seconds=DELETION_SECONDS):
        logger.info("%d chats were deleted that were older than their tenants keep them", deleted)
    if deleted := retention.delete_old_offline_messages(most_seconds=DELETION_SECONDS):
        logger.info("%d left messages were deleted that were older than their tenants keep them", deleted)
