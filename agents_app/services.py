"""The verbs of agents as people; those of their chats are in sessions_app.services."""

from collections.abc import Iterable

from django.db.models.functions import Now

from agents_app import selectors
from agents_app.models import Agent
from sessions_app import services


def stamp_consoles(user_ids: Iterable[int]) -> None:
    """These agents have a console open at this moment."""
    Agent.objects.filter(user_id__in=set(user_ids)).update(last_seen_at=Now())


def release_chats_of_absent_agents() -> int:
    """Gives the chats that wait for an answer of an agent who is gone back to the queue; returns how many."""
    return sum(
        services.return_to_queue(session_id, agent_id=agent_id)
        for session_id, agent_id in selectors.chats_waiting_for_absent_agents()
    )
