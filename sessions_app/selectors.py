"""Reads that more than one door uses. Nothing here writes."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from itertools import accumulate
from types import ModuleType
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, Window, prefetch_related_objects
from django.db.models.functions import RowNumber

from sessions_app import tokens
from sessions_app.errors import SessionNotFound, TenantNotFound
from sessions_app.models import (
    Attachment,
    ChatSession,
    Hold,
    Message,
    Note,
    OfflineMessage,
    SessionEvent,
    Status,
    Tenant,
    TrailEntry,
)
from sessions_app.serializers import (
    explanation_payload,
    hold_payload,
    message_payload,
    note_payload,
    said_payload,
    summary_payload,
    trail_payload,
    visitor_session_payload,
)

# Positions are told to this many of a queue; nobody further back is helped by a number that high.
MAX_POSITIONS = 100
# What agents are shown of one session, the newest.
SHOWN_NOTES = 500
SHOWN_NOTE_CHARS = 200_000  # a frame that a slow line takes before the next beat
SHOWN_TRAIL = 200


def database_now() -> datetime:
    """The database's clock, the only one that decides anything. A statement of its own, so that it is read after
    whatever lock the caller waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


def agent_directory() -> ModuleType:
    """Who is an agent and who is there: a module with ``is_present(user_id, tenant_id)``, ``any_available(tenant_id)``,
    ``can_be_given(user_id, tenant_id)``, ``agent_with_room(tenant_id, other_than)`` and ``picture_of(user_id)``. Named
    in the settings, because agents_app builds on this app."""
    return import_module(settings.CHAT_AGENT_DIRECTORY)


def active_tenant(slug: str) -> Tenant:
    """Raises TenantNotFound for one that is unknown or switched off."""
    tenant = Tenant.objects.filter(slug=slug, is_active=True).first()
    if tenant is None:
        raise TenantNotFound
    return tenant


def wants_message_left(tenant: Tenant, start_id: UUID | None) -> bool:
    """Whether a visitor should leave a message rather than begin a chat, which nobody would take. Not one whose chat
    this start has begun before."""
    if not tenant.offline_form or agent_directory().any_available(tenant.pk):
        return False
    if start_id is None:
        return True
    return not ChatSession.objects.filter(tenant=tenant, start_id_hash=tokens.digest(str(start_id))).exists()


def offline_count(tenant_id: int) -> int:
    """How many of the messages that visitors have left are still to be answered."""
    return OfflineMessage.objects.filter(tenant=tenant_id, done_at__isnull=True).count()


def parse_session_id(text: str) -> UUID:
    """Raises SessionNotFound: an id that cannot be one is as unknown as any other."""
    try:
        return UUID(text)
    except ValueError as error:
        raise SessionNotFound from error


def session_by_id(session_id: UUID) -> ChatSession:
    """Raises SessionNotFound."""
    session = ChatSession.objects.select_related("tenant", "assigned_to").filter(session_id=session_id).first()
    if session is None:
        raise SessionNotFound
    return session


def session_for_key(session_id: UUID, key: str) -> ChatSession:
    """The session of a visitor who proves its key. An unknown id and a wrong key are the same SessionNotFound.

    Raises TenantNotFound when the tenant has been switched off.
    """
    session = session_by_id(session_id)
    _require_key(key, session.session_key_hash, session.tenant.is_active)
    return session


def origins_for_key(session_id: UUID, key: str) -> list[str]:
    """The websites on which the visitor who proves the key may have the session; raises what session_for_key() does.
    For doors that load the session later, under its lock."""
    needed = ("session_key_hash", "tenant__is_active", "tenant__allowed_origins")
    for key_hash, is_active, allowed_origins in ChatSession.objects.filter(session_id=session_id).values_list(*needed):
        _require_key(key, key_hash, is_active)
        return allowed_origins
    raise SessionNotFound


def _require_key(key: str, key_hash: str, tenant_is_active: bool) -> None:
    if not tokens.is_key(key, key_hash):
        raise SessionNotFound
    if not tenant_is_active:
        raise TenantNotFound


def queue_position(session: ChatSession) -> int | None:
    """1 for the next in line; None for a session that does not wait in the queue."""
    if session.status != Status.QUEUED or session.waiting_since is None:
        return None
    ahead = Q(waiting_since__lt=session.waiting_since) | Q(waiting_since=session.waiting_since, pk__lt=session.pk)
    return ChatSession.objects.waiting().filter(ahead, tenant_id=session.tenant_id).count() + 1


def queue_positions(tenant_id: int) -> list[tuple[UUID, int]]:
    """(session_id, position) of the first MAX_POSITIONS that wait."""
    ids = ChatSession.objects.waiting().filter(tenant_id=tenant_id).values_list("session_id", flat=True)
    return [(session_id, index + 1) for index, session_id in enumerate(ids[:MAX_POSITIONS])]


def all_queue_positions() -> dict[int, int]:
    """pk -> position of every waiting session of every tenant."""
    place = Window(RowNumber(), partition_by=F("tenant_id"), order_by=[F("waiting_since"), F("pk")])
    return dict(ChatSession.objects.waiting().order_by().annotate(place=place).values_list("pk", "place"))


def transcript(
    session: ChatSession, *, after: int | None = None, before: int | None = None, limit: int
) -> dict[str, object]:
    """One page, ascending: {messages, last_seq, has_more}.

    After ``after`` going forward, or before ``before`` going back; ``has_more`` says whether more lie in that
    direction. ``last_seq`` is at least that of the newest message of the page.
    """
    messages = Message.objects.filter(session=session)
    if before is not None:
        page = list(messages.filter(seq__lt=before).order_by("-seq")[: limit + 1])
    else:
        page = list(messages.filter(seq__gt=after or 0).order_by("seq")[: limit + 1])
    has_more = len(page) > limit
    page = with_attachments(sorted(page[:limit], key=lambda message: message.seq))
    last_seq = max(session.last_seq, page[-1].seq if page else 0)
    return {
        "messages": [message_payload(message, session.session_id) for message in page],
        "last_seq": last_seq,
        "has_more": has_more,
    }


def visitor_view(session: ChatSession) -> dict[str, object]:
    picture = agent_directory().picture_of(session.assigned_to_id)
    return visitor_session_payload(session, queue_position=queue_position(session), agent_picture=picture)


def last_messages(sessions: Iterable[ChatSession]) -> dict[int, Message]:
    """session pk -> its newest message."""
    pks = [session.pk for session in sessions]
    newest = Message.objects.filter(session__in=pks, seq=F("session__last_seq"))
    return {message.session_id: message for message in with_attachments(list(newest))}


def with_attachments(messages: list[Message]) -> list[Message]:
    """The same messages, those of files with their Attachment; no query where there is none."""
    files = {(message.session_id, message.seq): message for message in messages if message.message_type == "file"}
    if files:
        sessions, seqs = zip(*files, strict=True)
        for attachment in Attachment.objects.filter(session__in=sessions, seq__in=seqs):
            if (attachment.session_id, attachment.seq) in files:
                files[attachment.session_id, attachment.seq].attachment = attachment
    return messages


def notes(session: ChatSession) -> list[dict[str, object]]:
    """What agents have noted, oldest first; of very many or very long ones the newest."""
    newest = Note.objects.filter(session=session).order_by("-pk")[:SHOWN_NOTES]
    room = accumulate(len(note.body) for note in newest)
    shown = [note for note, chars in zip(newest, room, strict=True) if chars <= SHOWN_NOTE_CHARS]
    return [note_payload(note, session.session_id) for note in reversed(shown)]


def trail(session: ChatSession, *, has_pages: bool = True) -> list[dict[str, object]]:
    """The visitor's steps, oldest first; without pages only the leavings and returns, which stand in the transcript."""
    # All of them: there are few more than MAX_TRAIL, and only the index of the session is there to order them.
    entries = TrailEntry.objects.filter(session=session).order_by("pk")
    steps = [entry for entry in entries if has_pages or entry.kind != TrailEntry.Kind.PAGE]
    return [trail_payload(entry) for entry in steps[-SHOWN_TRAIL:]]


def holds(session: ChatSession) -> list[dict[str, object]]:
    """Who held the chat open and who let it go, oldest first; of very many the newest."""
    newest = Hold.objects.filter(session=session).order_by("-pk")[:SHOWN_TRAIL]
    return [hold_payload(hold) for hold in reversed(newest)]


def first_page(session: ChatSession) -> dict[str, object]:
    """Where the visitor was when the chat began: {url, title}."""
    entry = TrailEntry.objects.filter(session=session, kind=TrailEntry.Kind.PAGE).order_by("pk").first()
    if entry is not None:
        return {"url": entry.url, "title": entry.title}
    start = SessionEvent.objects.filter(session=session, from_status="").first()
    return {"url": start.page_url if start else "", "title": ""}


def explanation(session: ChatSession) -> dict[str, object] | None:
    """Why the session was abandoned; None for one that is open or was ended."""
    if session.status != Status.ABANDONED:
        return None
    event = SessionEvent.objects.filter(session=session, to_status=Status.ABANDONED).order_by("-pk").first()
    return event and explanation_payload(event)


def summaries(sessions: Iterable[ChatSession]) -> list[dict[str, object]]:
    """The sessions as agents see them; five queries in all, if ``tenant`` and ``assigned_to`` are loaded. Besides
    what events tell, what only the transcript knows: the last that was said, and how much of it is unread."""
    sessions = list(sessions)
    prefetch_related_objects(sessions, "tags")
    now = database_now()
    newest = last_messages(sessions)
    said = _said(sessions)
    return [
        {**summary_payload(session, newest.get(session.pk), now), **said_payload(*said[session.pk], session)}
        for session in sessions
    ]


_SESSIONS, _MESSAGES = ChatSession._meta.db_table, Message._meta.db_table
MOST_UNREAD = 100
_SAID = f"""
SELECT session.id, said.id, unread.count
FROM {_SESSIONS} AS session
LEFT JOIN LATERAL (
  SELECT id FROM {_MESSAGES} WHERE session_id = session.id AND sender_type <> 'system' ORDER BY seq DESC LIMIT 1
) AS said ON TRUE
LEFT JOIN LATERAL (
  SELECT seq FROM {_MESSAGES} WHERE session_id = session.id AND sender_type = 'agent' AND session.closed_at IS NULL
  ORDER BY seq DESC LIMIT 1
) AS answer ON TRUE
CROSS JOIN LATERAL (
  SELECT count(*) FROM (
    SELECT FROM {_MESSAGES} WHERE session_id = session.id AND sender_type = 'visitor' AND session.closed_at IS NULL
      AND seq > GREATEST(session.agent_read_seq, answer.seq) LIMIT {MOST_UNREAD}
  ) AS visitors
) AS unread
WHERE session.id = ANY(%s)
"""


def _said(sessions: Iterable[ChatSession]) -> dict[int, tuple[Message | None, int]]:
    """session pk -> its newest message that is no system line, and the visitor's messages, MOST_UNREAD at most, after
    what an agent has read or written; of a closed session 0."""
    with connection.cursor() as cursor:
        cursor.execute(_SAID, [[session.pk for session in sessions]])
        rows = cursor.fetchall()
    messages = Message.objects.in_bulk([pk for _, pk, _ in rows if pk is not None])
    with_attachments(list(messages.values()))
    return {session_pk: (messages.get(pk), unread) for session_pk, pk, unread in rows}


_CHAIN = f"""
WITH RECURSIVE chain(session_id, previous_session_id) AS (
  SELECT session_id, previous_session_id FROM {_SESSIONS} WHERE id = %(pk)s
UNION
  SELECT linked.* FROM chain CROSS JOIN LATERAL (
    SELECT session_id, previous_session_id FROM {_SESSIONS}
    WHERE session_id = chain.previous_session_id AND tenant_id = %(tenant)s
  UNION ALL
    SELECT session_id, previous_session_id FROM {_SESSIONS}
    WHERE previous_session_id = chain.session_id AND tenant_id = %(tenant)s
  ) AS linked
)
SELECT session_id FROM chain LIMIT %(limit)s
"""


def linked_sessions(session: ChatSession, *, limit: int | None = None) -> list[UUID]:
    """The session_id of the session and of those of its tenant that are linked to it, however far: one was named as
    the one that the browser had before the other."""
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN, {"pk": session.pk, "tenant": session.tenant_id, "limit": limit})
        return [session_id for (session_id,) in cursor.fetchall()]


def due_sessions(*, after_pk: int, limit: int) -> list[tuple[int, UUID]]:
    """(pk, session_id) of open sessions whose time is over, by pk."""
    due = ChatSession.objects.due().filter(pk__gt=after_pk).order_by("pk")
    return list(due.values_list("pk", "session_id")[:limit])


def unindexed_sessions(*, after_pk: int, limit: int) -> list[tuple[int, UUID]]:
    """(pk, session_id) of closed sessions that the search does not know, by pk."""
    closed = ChatSession.objects.filter(closed_at__isnull=False, search_text=None, pk__gt=after_pk).order_by("pk")
    return list(closed.values_list("pk", "session_id")[:limit])


def due_counts() -> Counter[str]:
    """What a sweep at this moment would abandon, by reason."""
    now = database_now()
    due = ChatSession.objects.due().select_related("tenant")
    return Counter(session.due_reason(now) for session in due.iterator())
