"""The verbs of agents as people; those of their chats are in sessions_app.services."""

import logging
from collections.abc import Iterable

from django.db import Error as DatabaseError
from django.db.models.functions import Now

from agents_app import selectors
from agents_app.models import Agent
from sessions_app import services
from sessions_app.errors import ChatError

logger = logging.getLogger(__name__)


def stamp_consoles(user_ids: Iterable[int]) -> None:
    """These agents have a console open at this moment."""
    Agent.objects.filter(user_id__in=set(user_ids)).update(last_seen_at=Now())


def release_chats_of_absent_agents() -> int:
    """Gives the chats that wait for an answer of an agent who is gone back to the queue; returns how many."""
    released = 0
    for session_id, agent_id in selectors.chats_waiting_for_absent_agents():
        try:
            released += services.return_to_queue(session_id, agent_id=agent_id)
        except (ChatError, DatabaseError):
            # One chat that somebody holds must not keep the others waiting; the next run tries again.
            logger.warning("a chat did not go back to the queue", exc_info=True)
    return released
