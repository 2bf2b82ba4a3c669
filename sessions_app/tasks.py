import logging

from celery import shared_task

from sessions_app import attachments, services

logger = logging.getLogger(__name__)


@shared_task
def sweep_sessions() -> None:
    logger.info("sweep: %s", dict(services.sweep()) or "nothing to do")


@shared_task
def delete_orphaned_attachments() -> None:
    if deleted := attachments.delete_orphans():
        logger.info("%d files were deleted whose message was never stored", deleted)
