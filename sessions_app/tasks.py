import logging

from celery import shared_task

from sessions_app import services

logger = logging.getLogger(__name__)


@shared_task
def sweep_sessions() -> None:
    logger.info("sweep: %s", dict(services.sweep()) or "nothing to do")
