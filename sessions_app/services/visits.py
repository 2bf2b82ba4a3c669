"""The visitor's verbs: coming, coming back, going from page to page, saying who one is and how it was."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from sessions_app import events, selectors, tokens
from sessions_app.errors import Conflict, Invalid
from sessions_app.models import (
    ChatSession,
    Party,
    Presence,
    Reason,
    SessionEvent,
    Status,
    Tenant,
    TrailEntry,
)
from sessions_app.services.abandonment import over, settle
from sessions_app.work import VISITOR, Work, session_changed, verb


class Started(NamedTuple):
    session: ChatSession
    session_key: str


class Restored(NamedTuple):
    session: ChatSession
    is_reopened: bool
    at: datetime


def start_session(
    tenant: Tenant,
    *,
    customer_name: str = "",
    customer_email: str = "",
    metadata: dict[str, str] | None = None,
    channel: str = ChatSession.Channel.WEB_WIDGET,
    user_agent: str = "",
    start_id: UUID | None = None,
    previous_session_id: UUID | None = None,
    previous_outcome: str = "",
) -> Started:
    """A new session in `queued`; it enters the queue with the visitor's first message.

    The same ``start_id`` again is the same session with the same key. Raises SessionOver when that session has
    been closed since, Conflict when its key can no longer be made (SECRET_KEY was changed).
    """
    key = tokens.new_key() if start_id is None else tokens.key_for_start(tenant.pk, str(start_id))
    start_id_hash = None if start_id is None else tokens.digest(str(start_id))
    values = dict(metadata or {})
    values = {
        "channel": channel,
        "user_agent": user_agent,
        "customer_name": customer_name,
        "customer_email": customer_email,
        "page_url": values.pop("page_url", ""),
        "page_title": values.pop("page_title", ""),
        "metadata": values,
        "previous_session_id": previous_session_id,
        "previous_outcome": previous_outcome,
    }
    while True:
        started = start_id_hash and _started_before(tenant, start_id_hash, key)
        if started:
            return started
        try:
            with transaction.atomic():
                session = ChatSession.objects.create(
                    tenant=tenant,
                    session_key_hash=tokens.digest(key),
                    start_id_hash=start_id_hash,
                    conversation_id=tokens.new_conversation_id(),
                    **values,
                )
                SessionEvent.objects.create(
                    session=session,
                    to_status=session.status,
                    reason=Reason.STARTED,
                    actor_type=Party.VISITOR,
                    page_url=session.page_url,
                )
                if session.page_url:
                    TrailEntry.objects.create(
                        session=session,
                        kind=TrailEntry.Kind.PAGE,
                        after_seq=0,
                        url=session.page_url,
                        title=session.page_title,
                        referrer=session.metadata.get("referrer", ""),
                    )
        except IntegrityError as error:
            # The same start at the same moment, or a conversation id that exists: looking again settles both.
            # Anything else is a bug and must not loop.
            if error.__cause__.diag.constraint_name not in (
                "session_start_id_unique",
                "session_conversation_id_unique",
            ):
                raise
        else:
            return Started(session, key)


def _started_before(tenant: Tenant, start_id_hash: str, key: str) -> Started | None:
    session = ChatSession.objects.select_related("tenant").filter(tenant=tenant, start_id_hash=start_id_hash).first()
    if session is None:
        return None
    if not tokens.is_key(key, session.session_key_hash):
        raise Conflict
    if not session.is_open:
        raise over(session)
    return Started(session, key)


@verb
def restore_session(
    work: Work,
    session_id: UUID,
    *,
    is_page_load: bool,
    page_url: str = "",
    page_title: str = "",
    referrer: str = "",
) -> Restored:
    """The visitor is back, with a key that the caller has checked. Reopens what may be reopened.

    Raises SessionOver when its time is over, by the clock of this moment, whether a sweep has run or not.
    """
    session = work.lock(session_id)
    was_abandoned = session.status == Status.ABANDONED
    require_visit(work, session)
    touch(work, session)
    if is_page_load or was_abandoned:
        _renew(work, session)
    if page_url:
        _show_page(work, session, page_url, page_title, referrer)
    return Restored(session, was_abandoned, work.now)


def require_visit(work: Work, session: ChatSession) -> None:
    """The visitor is here: reopens a session that was abandoned too early. Raises SessionOver."""
    settle(work, session)
    if session.is_open:
        return
    if not session.is_restorable(work.now):
        raise over(session)
    _reopen(work, session)


def _reopen(work: Work, session: ChatSession) -> None:
    """Back to the same agent, if that agent is online and has room, else to its old place in the queue."""
    agent_id = session.assigned_to_id
    if agent_id is not None and not selectors.agent_directory().can_be_given(agent_id, session.tenant_id):
        work.give(session, None)
    minutes = round((work.now - session.last_seen_at) / timedelta(minutes=1))
    text = f"The visitor came back after {minutes} minutes" if minutes > 1 else "The visitor came back"
    # Seen first, moved then: the news of the move must say that the visitor is there.
    touch(work, session)
    work.move(session, Status.ACTIVE if session.assigned_to_id else Status.QUEUED, Reason.REOPENED, VISITOR, text)


def touch(work: Work, session: ChatSession) -> None:
    """The visitor was seen at this moment."""
    was_gone = session.is_open and session.presence(work.now) == Presence.GONE
    gone_since, session.last_seen_at = session.last_seen_at, work.now
    session.left_at = None
    if was_gone:
        work.announce(events.presence_changed(session, Presence.ONLINE))
        work.step(session, TrailEntry.Kind.BACK, gone_since=gone_since)
    work.change(session)


def _renew(work: Work, session: ChatSession) -> None:
    """The visitor uses the page: the time of the idle rule begins anew, and who counts its seconds hears of it."""
    was_expiring = session.is_expiring(work.now)
    session.last_activity_at = work.now
    if was_expiring:
        work.announce(events.expiring(session, session.expires_at, work.now))


@verb
def record_page(work: Work, session_id: UUID, *, url: str, title: str, referrer: str = "") -> None:
    """The visitor went to another page. Raises SessionNotFound, SessionOver."""
    session = work.lock(session_id)
    require_visit(work, session)
    touch(work, session)
    _renew(work, session)
    _show_page(work, session, url, title, referrer)


def _show_page(work: Work, session: ChatSession, url: str, title: str, referrer: str) -> None:
    # A reload, a reconnect or a changed title is no step.
    if url and url != session.page_url:
        work.step(session, TrailEntry.Kind.PAGE, url=url, title=title, referrer=referrer)
    if (url, title) != (session.page_url, session.page_title):
        session.page_url, session.page_title = url, title
        work.announce(session_changed(session, work.now))


def identify_visitor(session_id: UUID, *, name: str | None = None, email: str | None = None) -> None:
    """What the website says of its visitor; nothing of it is proved. None: nothing is said."""
    told = {"customer_name": name, "customer_email": email}
    told = {column: text for column, text in told.items() if text is not None}
    if told and ChatSession.objects.open().filter(session_id=session_id).exclude(**told).update(**told):
        session = selectors.session_by_id(session_id)
        events.publish([session_changed(session, selectors.database_now())])


@verb
def rate_session(work: Work, session_id: UUID, *, score: int, comment: str = "") -> tuple[ChatSession, bool]:
    """The visitor, whose key the caller has checked, says how it was: the session, and whether that was new.

    Once, and after the end: the same again is a repeat, another rating a Conflict, one of an open session Invalid.
    Raises SessionNotFound.
    """
    session = work.lock(session_id)
    settle(work, session)
    if session.is_open:
        raise Invalid("A chat can be rated once it is over.", fields={"session_id": ["This chat is still open."]})
    if session.rating_score is not None:
        if (session.rating_score, session.rating_comment) != (score, comment):
            raise Conflict("This chat has been rated already.")
        return session, False
    rating = {"rating_score": score, "rating_comment": comment, "rated_at": work.now}
    ChatSession.objects.filter(pk=session.pk).update(**rating)
    for column, value in rating.items():
        setattr(session, column, value)
    work.announce(session_changed(session, work.now))
    return session, True
