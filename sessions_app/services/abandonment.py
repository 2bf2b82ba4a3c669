"""What every verb asks first: is the chat still open, by the clock of this moment? And how a chat is abandoned."""

from datetime import timedelta
from uuid import UUID

from sessions_app import selectors
from sessions_app.errors import SessionOver
from sessions_app.models import ChatSession, Reason, Status
from sessions_app.work import SYSTEM, Work, verb


def over(session: ChatSession) -> SessionOver:
    return SessionOver(session.status, session.closed_reason, session.parting_words)


def require_open(work: Work, session: ChatSession) -> None:
    """Raises SessionOver."""
    settle(work, session)
    if not session.is_open:
        raise over(session)


def settle(work: Work, session: ChatSession) -> None:
    """Time decides, not the sweep: abandons it here and now if its time is over and it could not be reopened."""
    if session.is_open and not session.is_restorable(work.now):
        abandon(work, session, selectors.queue_position(session))


def abandon(work: Work, session: ChatSession, queue_position: int | None) -> None:
    """A session that is due, with the explanation. ``queue_position``: 1 is the head; None: it stands in no queue."""
    reason = session.due_reason(work.now)
    if reason == Reason.IDLE:
        text = f"The chat was closed: nobody wrote for {_in_words(session.tenant.session_expiry_seconds)}"
    else:
        minutes = (work.now - session.last_seen_at) // timedelta(minutes=1)
        text = f"The chat was abandoned: the visitor had been gone for {minutes} minutes"
    waited_ms = None
    if session.waiting_since is not None:
        waited_ms = round((work.now - session.waiting_since) / timedelta(milliseconds=1))
    work.move(
        session,
        Status.ABANDONED,
        reason,
        SYSTEM,
        text,
        stage=session.stage_now(),
        waited_ms=waited_ms,
        queue_position=queue_position,
        last_seen_at=session.last_seen_at,
    )


def _in_words(seconds: int) -> str:
    """As "30 minutes", "2 minutes and 30 seconds"; no expiry is shorter than two minutes."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} minutes" + (f" and {rest} second{'s' if rest > 1 else ''}" if rest else "")


@verb
def abandon_if_lost(work: Work, session_id: UUID) -> ChatSession:
    """The session as it stands at this moment: abandoned on the spot if its time is over and it could not be
    reopened. Raises SessionNotFound."""
    session = work.lock(session_id)
    settle(work, session)
    return session
