"""Rows for the tests: plain functions with readable defaults.

The people: *vera* visits, *alice* has the chat, *bob* is another agent of her tenant, *charlie* is one of another
tenant. What is stale is made so by moving the row's clocks; nobody waits.
"""

from datetime import timedelta
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.functions import Now

from agents_app import selectors as agents
from agents_app.models import Agent
from sessions_app import services
from sessions_app.errors import ChatError
from sessions_app.models import ChatSession, Message, SessionEvent, Tenant
from sessions_app.services import VISITOR, Actor, Post, Posted, Started

PASSWORD = "correct horse battery"


def make_tenant(slug: str = "demo-tenant", **fields) -> Tenant:
    return Tenant.objects.create(**{"slug": slug, "name": slug.replace("-", " ").capitalize(), **fields})


def make_agent(username: str = "alice", tenants: list[Tenant] = (), password: str = PASSWORD) -> Agent:
    """An agent with a console open right now."""
    user = get_user_model().objects.create_user(username, password=password, first_name=username.capitalize())
    agent = Agent.objects.create(user=user, last_seen_at=Now())
    agent.tenants.set(tenants)
    return agent


def actor(agent: Agent) -> Actor:
    return agents.rights(agent.user_id).actor


def make_session(tenant: Tenant, *, agent: Agent | None = None, says: str | None = None, **fields) -> Started:
    """A session of vera's: who wrote ``says``, and whose chat ``agent`` has accepted."""
    started = services.start_session(tenant, **{"customer_name": "Vera", **fields})
    if says is not None:
        say(started, says)
    if agent is not None:
        services.accept_session(started.session.session_id, actor(agent))
    started.session.refresh_from_db()
    return started


def post(session: Started | ChatSession, body: str, *, sender: Actor = VISITOR, id: UUID | None = None):
    """The outcome of one message: Posted or a ChatError."""
    session = getattr(session, "session", session)
    [outcome] = services.post_messages([Post(session.session_id, id or uuid4(), body, sender)])
    return outcome


def say(session: Started | ChatSession, body: str, *, agent: Agent | None = None) -> Posted:
    outcome = post(session, body, sender=actor(agent) if agent else VISITOR)
    if isinstance(outcome, ChatError):
        raise outcome
    return outcome


def age(session: Started | ChatSession, *, only: tuple[str, ...] = (), **past: float) -> None:
    """Moves the clocks of a session into the past: ``age(session, minutes=31)``, all of them or ``only`` some."""
    session = getattr(session, "session", session)
    columns = only or (
        "created_at",
        "last_activity_at",
        "last_seen_at",
        "left_at",
        "waiting_since",
        "accepted_at",
        "first_visitor_message_at",
        "first_agent_message_at",
        "closed_at",
    )
    shifts = ", ".join(f"{column} = {column} - %s" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {ChatSession._meta.db_table} SET {shifts} WHERE id = %s",
            [timedelta(**past)] * len(columns) + [session.pk],
        )


def fresh(session: Started | ChatSession) -> ChatSession:
    session = getattr(session, "session", session)
    return ChatSession.objects.select_related("tenant", "assigned_to").get(pk=session.pk)


def bodies(session: Started | ChatSession) -> list[str]:
    """The transcript's text messages."""
    session = getattr(session, "session", session)
    return list(Message.objects.filter(session=session, message_type="text").values_list("body", flat=True))


def transitions(session: Started | ChatSession) -> list[tuple[str, str, str]]:
    """(from, to, reason), oldest first, without the start."""
    session = getattr(session, "session", session)
    events = SessionEvent.objects.filter(session=session).exclude(from_status="").order_by("pk")
    return list(events.values_list("from_status", "to_status", "reason"))
