"""Finding chats: the lists beyond an agent's own, the history and its search, a visitor's other chats.

A million closed sessions must not make an agent wait: every list is read in the order of an index and no further than
needed, and nothing is counted beyond MOST.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Lower

from agents_app.selectors import HISTORY_PAGE, Rights, visible_sessions
from sessions_app import search
from sessions_app import selectors as chats
from sessions_app.models import OPEN, ChatSession, Reason, Status, Tag, Tenant

# Results are counted up to here: "1,000+" says as much.
MOST = 1000
EARLIER = 20
# Of the sessions that a browser says it had before, whatever it says.
MAX_CHAIN = 200

CLOSING_REASONS = {
    Status.ENDED: (Reason.VISITOR, Reason.AGENT, Reason.ADMIN),
    Status.ABANDONED: (Reason.IDLE, Reason.DISCONNECTED),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What to find; what is empty may be anything. ``assigned``: "me", "none" or a user id; ``tenant``: a slug;
    ``tag``: its name; closed from ``since`` on and before ``until``, or started, without ``history``."""

    history: bool = False
    open: bool = False
    q: str = ""
    status: str = ""
    assigned: str = ""
    reason: str = ""
    stage: str = ""
    tag: str = ""
    tenant: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page; ``total`` goes up to MOST, and ``pages`` grows with ``page`` beyond that."""

    sessions: list[ChatSession]
    page: int
    pages: int
    total: int
    is_capped: bool


def find_sessions(rights: Rights, query: Query, *, page: int = 1) -> Found:
    """The history the newest closing first; what is open by who waits longest, then by the newest activity; anything
    else the newest first. For a page beyond the last there is the last."""
    parts = _history(rights, query) if query.history else _others(rights, query)
    # One more tells whether there is more.
    is_search = bool(query.history and query.q)
    pks = _matches(parts, MOST + 1) if is_search else _merged(parts, 0, MOST + 1)
    total, is_capped = min(len(pks), MOST), len(pks) > MOST
    pages = max(1, -(-total // HISTORY_PAGE))
    if is_capped and (is_search or page >= pages):
        pks = _merged(parts, (page - 1) * HISTORY_PAGE, page * HISTORY_PAGE + 1)
        pages = max(pages, page + (len(pks) > HISTORY_PAGE))
    else:
        page = min(page, pages)
        pks = pks[(page - 1) * HISTORY_PAGE :]
    sessions = visible_sessions(rights).in_bulk(pks[:HISTORY_PAGE])
    return Found([sessions[pk] for pk in pks[:HISTORY_PAGE] if pk in sessions], page, pages, total, is_capped)


def _merged(parts: list[QuerySet], start: int, stop: int) -> list[int]:
    """pks of sessions that stand in any of ``parts``, in their order."""
    if len(parts) < 2:
        return [row["id"] for part in parts for row in part[start:stop]]
    first, *others = (part[:stop] for part in parts)
    return [row["id"] for row in first.union(*others).order_by("-closed_at", "-id")[start:stop]]


def _matches(parts: list[QuerySet], stop: int) -> list[int]:
    """All of them, or where there are more, any ``stop``. For words, which their index finds in no order: to go through
    the history from its end until there are so many would read all of it for what is rare."""
    found = set()
    for part in parts:
        found |= {(row["closed_at"], row["id"]) for row in part.order_by()[:stop]}
        if len(found) >= stop:
            break
    return [pk for _, pk in sorted(found, reverse=True)][:stop]


def _others(rights: Rights, query: Query) -> list[QuerySet]:
    sessions = _filtered(rights, query, visible_sessions(rights), "created_at")
    if query.tenant:
        sessions = sessions.filter(tenant__slug=query.tenant)
    if query.tag:
        sessions = sessions.filter(tags__in=_tags(rights, query).values())
    if query.q:
        who = Q(customer_name__icontains=query.q) | Q(customer_email__icontains=query.q)
        sessions = sessions.filter(who | Q(conversation_id__icontains=query.q))
    if query.open:
        sessions = sessions.filter(status__in=OPEN)
        sessions = sessions.order_by(F("waiting_since").asc(nulls_last=True), "-last_activity_at", "id")
    return [sessions.values("id")]


def _history(rights: Rights, query: Query) -> list[QuerySet]:
    """In parts of which each is read in the order of an index: for several tenants or reasons at once PostgreSQL would
    read all there is and sort it."""
    tenants = Tenant.objects.filter(pk__in=rights.tenant_ids)
    if query.tenant:
        tenants = tenants.filter(slug=query.tenant)
    tags = _tags(rights, query) if query.tag else None
    if tags is not None:
        tenants = tenants.filter(pk__in=tags)
    reference = query.q and _reference(query.q)
    parts = []
    for tenant_id in tenants.values_list("pk", flat=True):
        closed = ChatSession.objects.filter(tenant=tenant_id, closed_at__isnull=False)
        closed = _filtered(rights, query, closed, "closed_at")
        if tags is not None:
            closed = closed.filter(tags=tags[tenant_id])
        if reference:
            parts.append(closed.filter(conversation_id=reference))
        if query.q:
            parts.append(closed.filter(search.holds(query.q)))
        elif query.status:
            parts += [closed.filter(closed_reason=reason) for reason in CLOSING_REASONS.get(query.status, ())]
        else:
            parts.append(closed)
    return [part.order_by("-closed_at", "-id").values("closed_at", "id") for part in parts]


def _filtered(rights: Rights, query: Query, sessions: QuerySet[ChatSession], clock: str) -> QuerySet[ChatSession]:
    wanted = {
        "status": query.status,
        "closed_reason": query.reason,
        "stage": query.stage,
        f"{clock}__gte": query.since,
        f"{clock}__lt": query.until,
    }
    if query.assigned == "none":
        sessions = sessions.filter(assigned_to=None)
    elif query.assigned:
        sessions = sessions.filter(assigned_to=rights.user_id if query.assigned == "me" else int(query.assigned))
    return sessions.filter(**{field: value for field, value in wanted.items() if value})


def _tags(rights: Rights, query: Query) -> dict[int, int]:
    """tenant -> its tag of that name."""
    tags = Tag.objects.filter(tenant__in=rights.tenant_ids).alias(key=Lower("name"))
    return dict(tags.filter(key=Lower(Value(query.tag))).values_list("tenant", "pk"))


def _reference(typed: str) -> str | None:
    """The conversation id that somebody has read out, however it was written down."""
    plain = re.sub(r"[\s-]", "", typed).upper()
    return f"{plain[:4]}-{plain[4:]}" if re.fullmatch(r"[0-9A-Z]{8}", plain) else None


# --- a visitor's other chats ---------------------------------------------------------------------------------------


def other_chats(rights: Rights, session: ChatSession) -> list[dict[str, object]]:
    """Summaries of other chats of the same visitor with the same tenant, the newest first. ``match`` says how that is
    known, and neither is proved: "browser", which has named the session as the one that it had before, or "email"."""
    chain = chats.linked_sessions(session, limit=MAX_CHAIN)
    others = visible_sessions(rights).filter(tenant=session.tenant_id).exclude(pk=session.pk).order_by("-pk")
    found = {other.pk: (other, "browser") for other in others.filter(session_id__in=chain)[:EARLIER]}
    if session.customer_email:
        written = others.alias(address=Lower("customer_email")).exclude(customer_email="")
        for other in written.filter(address=Lower(Value(session.customer_email)))[:EARLIER]:
            found.setdefault(other.pk, (other, "email"))
    newest = sorted(found.values(), key=lambda item: item[0].pk, reverse=True)[:EARLIER]
    summaries = chats.summaries(other for other, _ in newest)
    return [{**summary, "match": match} for summary, (_, match) in zip(summaries, newest, strict=True)]
