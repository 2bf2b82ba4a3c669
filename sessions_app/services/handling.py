"""Who has a chat: taken, given, transferred, put back, held open, ended."""

from datetime import timedelta
from uuid import UUID, uuid4

from sessions_app import events, selectors
from sessions_app.errors import Invalid, NotAllowed, Taken
from sessions_app.models import ChatSession, Hold, Party, Reason, SessionEvent, Status
from sessions_app.serializers import agent_name
from sessions_app.services.abandonment import over, require_open, settle
from sessions_app.services.remarks import write_note
from sessions_app.work import SYSTEM, Actor, Work, session_changed, verb


@verb
def accept_session(work: Work, session_id: UUID, agent: Actor) -> ChatSession:
    """The agent takes a chat from the queue, or from a colleague who is not there; having it already is fine. Raises
    SessionNotFound, SessionOver, Taken."""
    session = work.lock(session_id, agent=agent)
    require_open(work, session)
    if session.assigned_to_id != agent.user_id:
        # A supervisor who was the slower of two to accept is as slow as anybody: taking it from the winner is
        # give_session(), which one does not do by mistake.
        _require_unattended(session)
        _hand_over(work, session, agent.user_id, agent)
    return session


@verb
def give_session(work: Work, session_id: UUID, supervisor: Actor, to_agent_id: int) -> ChatSession:
    """A supervisor gives a chat, whoever has it, to an agent who is there, also to oneself; who has it already
    keeps it.

    Raises SessionNotFound, NotAllowed, SessionOver, Invalid (``agent_id``).
    """
    session = work.lock(session_id, agent=supervisor)
    if not supervisor.is_supervisor:
        raise NotAllowed
    require_open(work, session)
    if session.assigned_to_id != to_agent_id:
        _require_present(session, to_agent_id, field="agent_id")
        _hand_over(work, session, to_agent_id, supervisor)
    return session


@verb
def transfer_session(
    work: Work, session_id: UUID, agent: Actor, *, to_agent_id: int | None = None, note: str = ""
) -> ChatSession:
    """Gives a chat that somebody has to another agent who is there, or, without one, back to the queue; ``note`` is
    for whoever has it next. By who has it, by a supervisor, or by anybody if who has it is not there.

    Raises SessionNotFound, SessionOver, Taken (by who has it now), Invalid (nobody has it; ``to_agent_id``).
    """
    session = work.lock(session_id, agent=agent)
    require_open(work, session)
    if session.status == Status.QUEUED:
        raise Invalid("Nobody has this chat: it waits in the queue.")
    _require_disposal(session, agent)
    if to_agent_id == session.assigned_to_id:
        raise Taken(agent_name(session.assigned_to))
    if to_agent_id is not None:
        _require_present(session, to_agent_id, field="to_agent_id")
    if note:
        write_note(work, session, agent, uuid4(), note)
    if to_agent_id is None:
        name = agent_name(session.assigned_to)
        # Somebody has to look after it, whether the visitor waits for an answer or not: it stands in the queue.
        session.waiting_since = session.waiting_since or work.now
        text = f"{agent.name} put the chat back in the queue"
        _requeue(work, session, Reason.TRANSFERRED, agent, text, name)
    else:
        _hand_over(work, session, to_agent_id, agent)
    return session


def _require_disposal(session: ChatSession, agent: Actor) -> None:
    """An agent disposes of the chats that the agent has, that nobody has, or that somebody has who is not there; a
    supervisor of all. Raises Taken."""
    if session.assigned_to_id != agent.user_id and not agent.is_supervisor:
        _require_unattended(session)


def _require_unattended(session: ChatSession) -> None:
    """Nobody has it, or somebody who is not there. Raises Taken."""
    holder_id = session.assigned_to_id
    if holder_id is not None and selectors.agent_directory().is_present(holder_id, session.tenant_id):
        raise Taken(agent_name(session.assigned_to))


def _require_present(session: ChatSession, user_id: int, *, field: str) -> None:
    if not selectors.agent_directory().is_present(user_id, session.tenant_id):
        problem = "This agent is not there."
        raise Invalid(problem, fields={field: [problem]})


def _hand_over(work: Work, session: ChatSession, user_id: int, actor: Actor) -> None:
    before = agent_name(session.assigned_to)
    work.give(session, user_id)
    name = agent_name(session.assigned_to)
    is_own = user_id == actor.user_id
    if before is None:
        reason, text = Reason.ACCEPTED if is_own else Reason.ASSIGNED, f"{name} joined the chat"
    elif is_own:
        reason, text = Reason.TRANSFERRED, f"{name} took over the chat from {before}"
    else:
        reason, text = Reason.TRANSFERRED, f"{actor.name} transferred the chat to {name}"
    work.move(session, Status.ACTIVE, reason, actor, text, agent_name=name)


def _requeue(work: Work, session: ChatSession, reason: Reason, actor: Actor, text: str, name: str) -> None:
    """It counts as activity: the idle rule must not take a visitor who has just been made to wait."""
    session.last_activity_at = work.now
    work.give(session, None)
    work.move(session, Status.QUEUED, reason, actor, text, agent_name=name)


@verb
def assign_session(work: Work, session_id: UUID) -> ChatSession:
    """Gives a session that waits in the queue to the agent who is online with room and has the fewest, never to the
    one who has just put it there; it stays if there is none. Returns it as it stands then. Raises SessionNotFound."""
    session = work.lock(session_id)
    settle(work, session)
    if session.status == Status.QUEUED and session.waiting_since is not None:
        last = SessionEvent.objects.filter(session_id=session.pk).order_by("pk").last()
        put_back_by = last.actor_id if last.reason == Reason.TRANSFERRED else None
        # Asked under the session's lock, and locked itself: nobody is given more than there is room for.
        agent_id = selectors.agent_directory().agent_with_room(session.tenant_id, other_than=put_back_by)
        if agent_id is not None:
            work.give(session, agent_id)
            name = agent_name(session.assigned_to)
            work.move(session, Status.ACTIVE, Reason.ASSIGNED, SYSTEM, f"{name} joined the chat", agent_name=name)
    return session


@verb
def return_to_queue(work: Work, session_id: UUID, *, agent_id: int) -> bool:
    """Takes a chat that waits for an answer back from an agent who is gone, to its old place in the queue.

    False, and nothing happens, if the agent has answered, is back, or no longer has it. Raises SessionNotFound.
    """
    session = work.lock(session_id)
    if session.assigned_to_id != agent_id or session.status != Status.ACTIVE or session.waiting_since is None:
        return False
    if selectors.agent_directory().is_present(agent_id, session.tenant_id):
        return False
    name = agent_name(session.assigned_to)
    _requeue(work, session, Reason.AGENT_GONE, SYSTEM, f"{name} left the chat", name)
    return True


@verb
def end_session(work: Work, session_id: UUID, actor: Actor) -> ChatSession:
    """Ends it for good; an ended session is returned as it is. The caller has checked a visitor's key; for agents see
    _require_disposal(). Raises SessionNotFound, Taken, SessionOver (abandoned)."""
    is_agent = actor.type == Party.AGENT
    session = work.lock(session_id, agent=actor if is_agent else None)
    settle(work, session)
    if session.status == Status.ABANDONED:
        raise over(session)
    if session.is_open:
        if is_agent:
            _require_disposal(session, actor)
        who = {Party.VISITOR: "The visitor", Party.ADMIN: "An administrator"}.get(actor.type, actor.name)
        name = actor.name if is_agent else ""
        work.move(session, Status.ENDED, Reason(actor.type), actor, f"{who} ended the chat", agent_name=name)
    return session


@verb
def hold_session(work: Work, session_id: UUID, agent: Actor, *, minutes: int) -> ChatSession:
    """No rule abandons the chat for so many minutes from now on; 0: from now on the rules hold again, and where they
    do already nothing happens. For whom see _require_disposal(). Raises SessionNotFound, SessionOver, Taken."""
    session = work.lock(session_id, agent=agent)
    require_open(work, session)
    _require_disposal(session, agent)
    if not minutes and not session.is_held(work.now):
        return session
    was_expiring = session.is_expiring(work.now)
    session.held_until = work.now + timedelta(minutes=minutes) if minutes else None
    ChatSession.objects.filter(pk=session.pk).update(held_until=session.held_until)
    hold = Hold.objects.create(
        session=session,
        agent_id=agent.user_id,
        agent_name=agent.name,
        at=work.now,
        held_until=session.held_until,
        after_seq=session.last_seq,
    )
    work.announce(events.hold_new(session, hold))
    work.announce(session_changed(session, work.now))
    # Put off, or, where it was let go late, close at hand.
    if was_expiring or session.is_expiring(work.now):
        work.announce(events.expiring(session, session.expires_at, work.now))
    return session
