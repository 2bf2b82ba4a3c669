"""Who is an agent, who is there, and which chats a console shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from agents_app.models import Agent, AgentQuerySet, CannedReply
from agents_app.serializers import (
    canned_reply_payload,
    colleague_payload,
    me_payload,
    picture_url,
    workload_payload,
)
from sessions_app.models import OPEN, PRESENCE_TTL, ChatSession, OfflineMessage, Party, Status, Tenant
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
    is_supervisor: bool = False

    @property
    def actor(self) -> Actor:
        return Actor(Party.AGENT, self.name, self.user_id, self.tenant_ids, self.is_supervisor)


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


def _agents() -> AgentQuerySet:
    tenants = Tenant.objects.filter(is_active=True).only("slug", "name", "typing_preview")
    agents = Agent.objects.filter(user__is_active=True).annotate(is_supervisor=may_supervise())
    return agents.select_related("user").prefetch_related(Prefetch("tenants", queryset=tenants))


def may_supervise() -> Q:
    """Of an Agent, what user.has_perm("agents_app.supervise") says; for a query that asks anyway."""
    permission = Permission.objects.filter(content_type__app_label="agents_app", codename="supervise")
    own, of_a_group = permission.filter(user=OuterRef("user_id")), permission.filter(group__user=OuterRef("user_id"))
    return Q(user__is_superuser=True) | Exists(own) | Exists(of_a_group)


def _rights(agent: Agent) -> Rights:
    tenant_ids = frozenset(tenant.pk for tenant in agent.tenants.all())
    return Rights(agent.user_id, agent_name(agent.user), tenant_ids, agent.is_supervisor)


def _is_hash_of(agent: Agent, session_hash: str) -> bool:
    """Whether a login was made with the password that the agent has; as django.contrib.auth.get_user() asks."""
    valid = [agent.user.get_session_auth_hash(), *agent.user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(session_hash, one) for one in valid)


# --- for sessions_app, which asks through CHAT_AGENT_DIRECTORY ---


def is_present(user_id: int, tenant_id: int) -> bool:
    """Whether this agent of the tenant has a console open, whatever the agent chose."""
    return Agent.objects.present().filter(tenants=tenant_id, user_id=user_id).exists()


def any_available(tenant_id: int) -> bool:
    """Whether a visitor of the tenant can expect an answer now."""
    return Agent.objects.online().filter(tenants=tenant_id).exists()


def can_be_given(user_id: int, tenant_id: int) -> bool:
    """Whether one more chat of the tenant may go to this agent without asking. Locks the agent's room: only in a
    transaction, to whose end the answer holds. Not while somebody else has it locked: the messages of a whole batch may
    wait for this answer."""
    is_locked = _lock_room(Agent.objects.filter(user_id=user_id), skip_locked=True)
    return bool(is_locked) and Agent.objects.with_room().filter(tenants=tenant_id, user_id=user_id).exists()


def agent_with_room(tenant_id: int, *, other_than: int | None = None) -> int | None:
    """Of the tenant's agents who can be given one more chat, the one who has the fewest. Locks their room."""
    locked = _lock_room(Agent.objects.online().filter(tenants=tenant_id))
    agents = Agent.objects.with_room().filter(tenants=tenant_id, user_id__in=locked).exclude(user_id=other_than)
    return agents.order_by("load", "?").values_list("user_id", flat=True).first()


def has_room(tenant_id: int) -> bool:
    return Agent.objects.with_room().filter(tenants=tenant_id).exists()


def _lock_room(agents: AgentQuerySet, *, skip_locked: bool = False) -> list[int]:
    """The user ids of those whose room is locked: what is counted of them after it, by a statement of its own, no other
    transaction makes wrong.

    It locks the users, whom no heartbeat ever touches, in one order.
    """
    locked = agents.select_related("user").order_by("user_id")
    return [agent.user_id for agent in locked.select_for_update(of=("user",), no_key=True, skip_locked=skip_locked)]


def picture_of(user_id: int | None) -> str | None:
    """Where the picture of an agent is to be had."""
    agent = user_id and Agent.objects.filter(user_id=user_id).only("picture").first()
    return picture_url(agent.picture) if agent else None


# --- for the agents themselves ---


def me(user_id: int) -> dict[str, object]:
    agent = _agents().with_state().with_load().get(user_id=user_id)
    return me_payload(agent, agent.tenants.all(), is_supervisor=agent.is_supervisor)


def workload(user_id: int) -> dict[str, object]:
    """What of ``me`` changes while a console is open."""
    return workload_payload(Agent.objects.with_state().with_load().get(user_id=user_id))


def colleagues(rights: Rights) -> list[dict[str, object]]:
    """The agents of the same tenants, oneself among them; of other tenants of theirs nothing is told."""
    tenants = Prefetch("tenants", queryset=Tenant.objects.filter(pk__in=rights.tenant_ids))
    agents = Agent.objects.filter(user__is_active=True, tenants__in=rights.tenant_ids).distinct()
    agents = agents.with_state().with_load().select_related("user").prefetch_related(tenants)
    return [colleague_payload(agent, agent.tenants.all()) for agent in agents]


def canned_replies(rights: Rights) -> list[dict[str, object]]:
    replies = CannedReply.objects.filter(tenant__in=rights.tenant_ids).select_related("tenant")
    return [canned_reply_payload(reply) for reply in replies]


# --- their chats ---


def visible_sessions(rights: Rights) -> QuerySet[ChatSession]:
    """Every query of an agent starts here."""
    return ChatSession.objects.filter(tenant__in=rights.tenant_ids).select_related("tenant", "assigned_to")


def waiting_sessions(rights: Rights) -> QuerySet[ChatSession]:
    """The queue as consoles show it."""
    return _in_line(visible_sessions(rights))


def _in_line(sessions: QuerySet[ChatSession]) -> QuerySet[ChatSession]:
    """Who has written and is still there, the longest wait first."""
    return (
        sessions.filter(status=Status.QUEUED, waiting_since__isnull=False, last_seen_at__gt=Now() - PRESENCE_TTL)
        .exclude(left_at__gte=F("last_seen_at"))
        .order_by("waiting_since", "pk")
    )


def own_sessions(rights: Rights) -> QuerySet[ChatSession]:
    return visible_sessions(rights).filter(status=Status.ACTIVE, assigned_to=rights.user_id)


def console_sessions(rights: Rights) -> list[ChatSession]:
    """What a console holds: the head of the queue, then its own chats."""
    return [*waiting_sessions(rights)[:CONSOLE_QUEUE], *own_sessions(rights)]


def chats_waiting_for_absent_agents() -> list[tuple[UUID, int]]:
    """(session_id, user id) of the chats whose visitor waits while the agent is gone, switched off, or has lost the
    tenant."""
    waiting = ChatSession.objects.filter(status=Status.ACTIVE, waiting_since__isnull=False)
    is_there = Agent.objects.present().filter(tenants=OuterRef("tenant_id"), user_id=OuterRef("assigned_to_id"))
    absent = waiting.exclude(Exists(is_there)).order_by("waiting_since")
    return list(absent.values_list("session_id", "assigned_to_id"))


def chats_to_assign() -> list[tuple[int, UUID]]:
    """(pk of the tenant, session_id) of the chats that are to find their agent by themselves, and could now."""
    has_room = Agent.objects.with_room().filter(tenants=OuterRef("pk"))
    tenants = Tenant.objects.filter(Exists(has_room), is_active=True, auto_assign=True)
    waiting = _in_line(ChatSession.objects.filter(tenant__in=tenants))
    return list(waiting.values_list("tenant_id", "session_id")[:CONSOLE_QUEUE])


def offline_messages(rights: Rights) -> QuerySet[OfflineMessage]:
    """What visitors have left, the newest first."""
    messages = OfflineMessage.objects.filter(tenant__in=rights.tenant_ids).select_related("tenant", "done_by")
    return messages.order_by("-pk")


def counts(rights: Rights) -> dict[str, int]:
    return {
        "queue": waiting_sessions(rights).count(),
        "mine": own_sessions(rights).count(),
        "open": visible_sessions(rights).filter(status__in=OPEN).count(),
        "offline": offline_messages(rights).filter(done_at__isnull=True).count(),
    }
