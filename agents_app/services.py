"""The verbs of agents as people; those of their chats are in sessions_app.services."""

import logging
from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from agents_app import selectors
from agents_app.models import CONSOLE_TTL, Agent
from sessions_app import events
from sessions_app import services as chats
from sessions_app.errors import ChatError
from sessions_app.models import Status

logger = logging.getLogger(__name__)


def stamp_consoles(user_ids: Iterable[int], *, are_used: bool = False) -> None:
    """These agents have a console open at this moment; ``are_used``: and work with it."""
    stamps = ("last_seen_at", "last_active_at") if are_used else ("last_seen_at",)
    Agent.objects.filter(user_id__in=set(user_ids)).update(**dict.fromkeys(stamps, Now()))


def open_console(user_id: int) -> None:
    """A console says hello. It has been opened by somebody, unless the agent had one: then it has merely come back."""
    had_one = Q(last_seen_at__gt=Now() - CONSOLE_TTL)
    used_at = Case(When(had_one, then=F("last_active_at")), default=Now())
    Agent.objects.filter(user_id=user_id).update(last_seen_at=Now(), last_active_at=used_at)


def change_availability(user_id: int, **changes: object) -> None:
    """``availability`` and ``capacity``, those of them that are given. After the return nothing is given to the agent
    by what held before."""
    with transaction.atomic():
        # Whoever gives away a chat at this moment holds this row (selectors.agent_with_room).
        get_user_model().objects.select_for_update(no_key=True).get(pk=user_id)
        Agent.objects.filter(user_id=user_id).update(**changes)
        transaction.on_commit(lambda: tell_consoles(user_id), robust=True)


def tell_consoles(user_id: int) -> None:
    """Tells an agent's consoles what the agent has chosen, and those who give chats away that there may be room."""
    try:
        agent = selectors.me(user_id)
    except Agent.DoesNotExist:  # deactivated meanwhile: there are no consoles
        return
    tenants = Agent.tenants.through.objects.filter(agent__user=user_id, tenant__auto_assign=True)
    news = [events.queue_grew(tenant_id) for tenant_id in tenants.values_list("tenant_id", flat=True)]
    events.publish([events.agent_changed(user_id, agent), *news])


def release_chats_of_absent_agents() -> int:
    """Gives the chats that wait for an answer of an agent who is gone back to the queue; returns how many."""
    released = 0
    for session_id, agent_id in selectors.chats_waiting_for_absent_agents():
        try:
            released += chats.return_to_queue(session_id, agent_id=agent_id)
        except (ChatError, DatabaseError):
            # One chat that somebody holds must not keep the others waiting; the next run tries again.
            logger.warning("a chat did not go back to the queue", exc_info=True)
    return released


def assign_waiting_chats() -> None:
    """Gives the chats that wait in tenants with ``auto_assign`` to the agents who have room, the longest wait first.

    Any number of processes may do so at once: what has changed since it looked is decided under locks.
    """
    full = set()
    for tenant_id, session_id in selectors.chats_to_assign():
        if tenant_id in full:
            continue
        try:
            session = chats.assign_session(session_id)
        except Exception:  # noqa: BLE001 - whatever is wrong with one chat must not keep the others waiting
            logger.warning("a chat was not assigned", exc_info=True)
        else:
            if session.status == Status.QUEUED and not selectors.has_room(tenant_id):
                full.add(tenant_id)
