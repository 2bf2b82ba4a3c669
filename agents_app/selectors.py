"""Who is an agent, who is there, and which chats a console shows."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from agents_app.models import CONSOLE_TTL, Agent
from sessions_app.models import OPEN, PRESENCE_TTL, ChatSession, Party, Status
from sessions_app.serializers import agent_name
from sessions_app.services import Actor

HISTORY_PAGE = 50
# Nobody works on more at once, and a snapshot must stay small enough to be sent to everybody after a restart.
CONSOLE_QUEUE = 200


@dataclass(frozen=True, slots=True)
class Rights:
    """What an agent may touch at the moment of the question."""

    user_id: int
    name: str
    tenant_ids: frozenset[int]

    @property
    def actor(self) -> Actor:
        return Actor(Party.AGENT, self.name, self.user_id, self.tenant_ids)


def rights(user_id: int | None) -> Rights | None:
    """None for whoever is no agent, or no longer."""
    agent = Agent.objects.select_related("user").filter(user_id=user_id, user__is_active=True).first()
    if agent is None:
        return None
    tenant_ids = agent.tenants.filter(is_active=True).values_list("pk", flat=True)
    return Rights(agent.user_id, agent_name(agent.user), frozenset(tenant_ids))


def is_available(user_id: int, tenant_id: int) -> bool:
    """Whether a chat of the tenant can go to this agent now."""
    return _available(tenant_id).filter(user_id=user_id).exists()


def any_available(tenant_id: int) -> bool:
    return _available(tenant_id).exists()


def _available(tenant_id: int | OuterRef) -> QuerySet[Agent]:
    return Agent.objects.filter(tenants=tenant_id, user__is_active=True, last_seen_at__gt=Now() - CONSOLE_TTL)


def visible_sessions(rights: Rights) -> QuerySet[ChatSession]:
    """Every query of an agent starts here."""
    return ChatSession.objects.filter(tenant__in=rights.tenant_ids).select_related("tenant", "assigned_to")


def waiting_sessions(rights: Rights) -> QuerySet[ChatSession]:
    """The queue as consoles show it: who has written and is still there, the longest wait first."""
    return (
        visible_sessions(rights)
        .filter(status=Status.QUEUED, waiting_since__isnull=False, last_seen_at__gt=Now() - PRESENCE_TTL)
        .exclude(left_at__gte=F("last_seen_at"))
        .order_by("waiting_since", "pk")
    )


def own_sessions(rights: Rights) -> QuerySet[ChatSession]:
    return visible_sessions(rights).filter(status=Status.ACTIVE, assigned_to=rights.user_id)


def console_sessions(rights: Rights) -> list[ChatSession]:
    """What a console holds: the head of the queue, then its own chats."""
    return [*waiting_sessions(rights)[:CONSOLE_QUEUE], *own_sessions(rights)]


def find_sessions(
    rights: Rights, *, status: str = "", assigned: str = "", q: str = "", history: bool = False
) -> QuerySet[ChatSession]:
    """``assigned``: "me", "none" or a user id; ``q``: in name, e-mail and conversation id."""
    sessions = visible_sessions(rights)
    if history:
        # The condition of the index session_history; the same rows as status IN (ended, abandoned).
        sessions = sessions.filter(closed_at__isnull=False).order_by("-closed_at", "-pk")
    if status:
        sessions = sessions.filter(status=status)
    if assigned == "none":
        sessions = sessions.filter(assigned_to__isnull=True)
    elif assigned:
        sessions = sessions.filter(assigned_to=rights.user_id if assigned == "me" else int(assigned))
    if q:
        sessions = sessions.filter(
            Q(customer_name__icontains=q) | Q(customer_email__icontains=q) | Q(conversation_id__icontains=q)
        )
    return sessions


def chats_waiting_for_absent_agents() -> list[tuple[UUID, int]]:
    """(session_id, user id) of the chats whose visitor waits while the agent is gone, switched off, or has lost the
    tenant."""
    waiting = ChatSession.objects.filter(status=Status.ACTIVE, waiting_since__isnull=False)
    is_there = _available(OuterRef("tenant_id")).filter(user_id=OuterRef("assigned_to_id"))
    absent = waiting.exclude(Exists(is_there)).order_by("waiting_since")
    return list(absent.values_list("session_id", "assigned_to_id"))


def counts(rights: Rights) -> dict[str, int]:
    return {
        "queue": waiting_sessions(rights).count(),
        "mine": own_sessions(rights).count(),
        "open": visible_sessions(rights).filter(status__in=OPEN).count(),
    }
