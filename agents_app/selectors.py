"""Who is an agent, who is there, and which chats a console shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from agents_app.models import CONSOLE_TTL, Agent
from sessions_app.models import OPEN, PRESENCE_TTL, ChatSession, Party, Status, Tenant
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
    agent = _agents().filter(user_id=user_id).first()
    return None if agent is None else _rights(agent)


def rights_of_logins(logins: Iterable[str]) -> dict[str, Rights]:
    """Rights by login, the key of a session of Django's; without those that are over: logged out, expired, of an agent
    who is none any more or has another password since. Three queries, however many they are."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    # A cookie holds whatever its sender likes, NUL among it.
    keys = {login for login in logins if login.isalnum()}
    rows = store.model.objects.filter(session_key__in=keys, expire_date__gt=Now())
    data = {row.session_key: store.decode(row.session_data) for row in rows}
    agents = _agents().filter(user_id__in={one[SESSION_KEY] for one in data.values() if SESSION_KEY in one})
    by_user = {str(agent.user_id): agent for agent in agents}
    found = {login: (by_user.get(one.get(SESSION_KEY)), one.get(HASH_SESSION_KEY, "")) for login, one in data.items()}
    return {login: _rights(agent) for login, (agent, hash_) in found.items() if agent and _is_hash_of(agent, hash_)}


def _agents() -> QuerySet[Agent]:
    tenants = Prefetch("tenants", queryset=Tenant.objects.filter(is_active=True).only("pk"))
    return Agent.objects.filter(user__is_active=True).select_related("user").prefetch_related(tenants)


def _rights(agent: Agent) -> Rights:
    return Rights(agent.user_id, agent_name(agent.user), frozenset(tenant.pk for tenant in agent.tenants.all()))


def _is_hash_of(agent: Agent, session_hash: str) -> bool:
    """Whether a login was made with the password that the agent has; as django.contrib.auth.get_user() asks."""
    valid = [agent.user.get_session_auth_hash(), *agent.user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(session_hash, one) for one in valid)


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
