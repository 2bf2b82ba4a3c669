"""What agents put on a chat for themselves: notes and tags. No visitor hears of them."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Lower

from sessions_app import events
from sessions_app.errors import Conflict
from sessions_app.models import ChatSession, Note, Tag
from sessions_app.serializers import note_payload
from sessions_app.services.messages import Posted
from sessions_app.work import Actor, Work, session_changed, verb


@verb
def add_note(work: Work, session_id: UUID, agent: Actor, *, client_message_id: UUID, body: str) -> Posted:
    """What an agent tells the colleagues about a chat, open or closed: no visitor hears of it, and the session stays
    as it is. The same id again is a repeat, with another body a Conflict. Raises SessionNotFound."""
    session = work.lock(session_id, agent=agent)
    known = Note.objects.filter(session=session, client_message_id=client_message_id).first()
    if known is None:
        return Posted(write_note(work, session, agent, client_message_id, body), is_new=True)
    if (known.body, known.author_id) != (body, agent.user_id):
        raise Conflict
    return Posted(note_payload(known, session_id), is_new=False)


def write_note(work: Work, session: ChatSession, agent: Actor, client_message_id: UUID, body: str) -> dict[str, object]:
    note = Note.objects.create(
        session_id=session.pk,
        client_message_id=client_message_id,
        author_id=agent.user_id,
        author_name=agent.name,
        after_seq=session.last_seq,
        body=body,
        created_at=work.now,
    )
    news = events.note_new(session, note)
    work.announce(news)
    if not session.is_open:
        work.index(session)
    return news.payload["note"]


@verb
def tag_session(work: Work, session_id: UUID, agent: Actor, names: Sequence[str]) -> ChatSession:
    """The session has these tags from now on, and no others; those that its tenant does not have yet are made.
    Raises SessionNotFound."""
    session = work.lock(session_id, agent=agent)
    tags = Tag.objects.filter(tenant_id=session.tenant_id)
    # In one order, so that two who make the same tags do not wait for each other in a ring.
    made = [Tag(tenant_id=session.tenant_id, name=name) for name in sorted(names, key=str.lower)]
    Tag.objects.bulk_create(made, ignore_conflicts=True)
    session.tags.set(tags.alias(key=Lower("name")).filter(key__in=[Lower(Value(name)) for name in names]))
    work.announce(session_changed(session, work.now))
    return session
