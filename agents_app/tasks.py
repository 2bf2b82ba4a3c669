import logging

from celery import shared_task

from agents_app import services

logger = logging.getLogger(__name__)


@shared_task
def release_chats_of_absent_agents() -> None:
    if released := services.release_chats_of_absent_agents():
        logger.info("%d chats went back to the queue: their agents are gone", released)
