"""The Celery application and its schedule. Settings: the CELERY_ names of settings.py."""

import logging
import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatcenter.settings")

app = Celery("chatcenter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Intervals, not crontab: crontab entries run twice or not at all when the clocks change. A sweep that waited
# for longer than `expires` is dropped: the next one does its work, and a stopped worker's queue does not pile
# up.
app.conf.beat_schedule = {
    "sweep-sessions": {
        "task": "sessions_app.tasks.sweep_sessions",
        "schedule": 300.0,
        "options": {"expires": 240},
    },
    # Every hour rather than once a day: beat counts from its own start, and one that is restarted daily would never
    # come to it. With nothing to delete it is one query a tenant.
    "delete-old-sessions": {
        "task": "sessions_app.tasks.delete_old_sessions",
        "schedule": 3600.0,
        "options": {"expires": 3000},
    },
    "delete-orphaned-attachments": {
        "task": "sessions_app.tasks.delete_orphaned_attachments",
        "schedule": 3600.0,
        "options": {"expires": 3000},
    },
    "release-chats-of-absent-agents": {
        "task": "agents_app.tasks.release_chats_of_absent_agents",
        "schedule": 30.0,
        "options": {"expires": 25},
    },
}

logger = logging.getLogger(__name__)


@worker_ready.connect
def sweep_at_start(**kwargs: object) -> None:
    """After an outage nobody waits for beat's next five minutes."""
    from chatcenter import health

    if problem := health.sweep_problem():
        logger.warning(problem)
    app.send_task("sessions_app.tasks.sweep_sessions", expires=240)
