"""The verbs of agents as people; those of their chats are in sessions_app.services."""

from collections.abc import Iterable

from django.db.models.functions import Now

from agents_app.models import Agent


def stamp_consoles(user_ids: Iterable[int]) -> None:
    """These agents have a console open at this moment."""
    Agent.objects.filter(user_id__in=set(user_ids)).update(last_seen_at=Now())
