"""The rows of one transaction: begun, then locked and read together, then written and committed together. Three round
trips, however many rows they are.

The ORM would take nine statements, one after the other, and most of its time to compile them. Here they are constants,
prepared once a connection, travel together (psycopg's pipeline), and answer in PostgreSQL's binary format: a batch of
fifty messages costs a quarter of the CPU time, a single message a fifth.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

import msgspec
import psycopg
from django.db import connection
from django.db.models import Model
from psycopg.types.json import set_json_loads

from sessions_app import search
from sessions_app.models import Attachment, ChatSession, IdlePeriod, Message, Party, Tenant

M = TypeVar("M", bound=Model)

set_json_loads(msgspec.json.decode)


class Locked(NamedTuple):
    """``known``: messages by (pk of the session, client_message_id). ``now``: the database's clock once the locks
    were had."""

    sessions: dict[UUID, ChatSession]
    known: dict[tuple[int, UUID], Message]
    now: datetime


@dataclass(slots=True)
class NewMessage:
    """A message that the transaction adds: the columns of Message, under their names. A model's instance would cost
    more than all else of posting it."""

    session_id: int
    seq: int
    client_message_id: UUID | None
    sender_type: Party
    sender_id: int | None
    sender_name: str
    message_type: Message.Type
    body: str
    event: dict[str, str] | None
    created_at: datetime
    attachment: Attachment | None = None


_FIELDS = {model: [field.attname for field in model._meta.concrete_fields] for model in (Tenant, ChatSession, Message)}
_TENANT, _SESSION, _MESSAGE = (model._meta.db_table for model in _FIELDS)


def _columns(model: type[Model], table: str) -> str:
    return ", ".join(f"{table}.{field.column}" for field in model._meta.concrete_fields)


# By pk, so that two transactions never wait for each other in a ring. NO KEY: an insert that only refers to the
# session need not wait. Nothing is joined: PostgreSQL reads a row anew that it had to wait for, but not what it had
# joined to it before.
_LOCK = (
    f"SELECT {_columns(ChatSession, 'session')} FROM {_SESSION} AS session WHERE session_id = ANY(%s::uuid[])"
    " ORDER BY id FOR NO KEY UPDATE"
)
_LOCK_FREE = f"{_LOCK} SKIP LOCKED"
# What follows is read after the locks were had: each statement has a snapshot and a time of its own.
_NOW_AND_TENANTS = (
    f"SELECT statement_timestamp(), {_columns(Tenant, 'tenant')} FROM (VALUES (1)) AS always"
    f" LEFT JOIN {_TENANT} AS tenant ON id IN (SELECT tenant_id FROM {_SESSION} WHERE session_id = ANY(%s::uuid[]))"
)
_KNOWN = (
    f"SELECT {_columns(Message, 'message')} FROM unnest(%s::uuid[], %s::uuid[]) AS sent(session_id, message_id)"
    f" JOIN {_SESSION} AS session ON session.session_id = sent.session_id"
    # OFFSET 0 keeps it apart: as a join, it is planned to read the session's whole transcript and to filter that.
    f" CROSS JOIN LATERAL (SELECT * FROM {_MESSAGE} WHERE session_id = session.id"
    " AND client_message_id = sent.message_id OFFSET 0) AS message"
)


def lock(session_ids: Collection[UUID], sent: Collection[tuple[UUID, UUID]] = (), *, skip_locked: bool) -> Locked:
    """Those of the sessions that exist, under their row locks; with ``skip_locked`` only those that nobody else
    holds. And those of the messages ``sent``, (session_id, client_message_id), that are stored already.

    Only in a transaction.
    """
    ids = _array(session_ids)
    with _pipeline() as pipeline:
        sessions = _query(pipeline, _LOCK_FREE if skip_locked else _LOCK, ids)
        now_and_tenants = _query(pipeline, _NOW_AND_TENANTS, ids)
        known = _query(pipeline, _KNOWN, *map(_array, zip(*sent, strict=True))) if sent else ()
    rows = now_and_tenants.fetchall()
    now = rows[0][0]
    tenants = {tenant.pk: tenant for tenant in _instances(Tenant, (row[1:] for row in rows))}
    locked = {session.session_id: session for session in _instances(ChatSession, sessions)}
    messages = {(message.session_id, message.client_message_id): message for message in _instances(Message, known)}
    for session in locked.values():
        session.tenant = tenants[session.tenant_id]
    return Locked(locked, messages, now)


# What a transaction may write, with the PostgreSQL types.
_CHANGED = {
    "id": "bigint",
    "status": "text",
    "assigned_to_id": "bigint",
    "closed_reason": "text",
    "stage": "text",
    "last_seq": "integer",
    "page_url": "text",
    "page_title": "text",
    "updated_at": "timestamptz",
    "last_activity_at": "timestamptz",
    "last_seen_at": "timestamptz",
    "left_at": "timestamptz",
    "waiting_since": "timestamptz",
    "accepted_at": "timestamptz",
    "first_visitor_message_at": "timestamptz",
    "first_agent_message_at": "timestamptz",
    "closed_at": "timestamptz",
}
_ADDED = {
    "session_id": "bigint",
    "seq": "integer",
    "client_message_id": "uuid",
    "sender_type": "text",
    "sender_id": "bigint",
    "sender_name": "text",
    "message_type": "text",
    "body": "text",
    "event": "jsonb",
    "created_at": "timestamptz",
}


def _recordset(columns: dict[str, str]) -> str:
    return f"json_to_recordset(%s::json) AS new({', '.join(f'{name} {kind}' for name, kind in columns.items())})"


# The ids a second time: the planner cannot know how many rows a record set has.
_UPDATE = (
    f"UPDATE {_SESSION} AS session SET {', '.join(f'{name} = new.{name}' for name in _CHANGED if name != 'id')}"
    f" FROM {_recordset(_CHANGED)} WHERE session.id = new.id AND session.id = ANY(%s::bigint[])"
)
_IDLE_PERIOD = {"session_id": "bigint", "began_at": "timestamptz", "ended_at": "timestamptz"}
_INSERT = f"INSERT INTO {_MESSAGE} ({', '.join(_ADDED)}) SELECT {', '.join(_ADDED)} FROM {_recordset(_ADDED)}"
_INSERT_IDLE = (
    f"INSERT INTO {IdlePeriod._meta.db_table} ({', '.join(_IDLE_PERIOD)})"
    f" SELECT {', '.join(_IDLE_PERIOD)} FROM {_recordset(_IDLE_PERIOD)}"
)


def write(
    changed: Sequence[ChatSession],
    added: Sequence[NewMessage],
    *,
    idle: Sequence[IdlePeriod] = (),
    unindexed: Collection[int] = (),
    commit: bool,
) -> None:
    """Saves locked sessions, appends messages, and records the idle periods that these end. Whole columns are safe to
    write: nobody else can have changed them since the lock. Then writes the search text of the closed sessions
    ``unindexed``, by their pk.

    With ``commit`` the transaction is committed in the same round trip; Django finds nothing left to commit.
    """
    if not changed and not added and not unindexed:
        return
    with _pipeline() as pipeline:
        if added:
            _query(pipeline, _INSERT, _records(added, _ADDED))
        if changed:
            _query(pipeline, _UPDATE, _records(changed, _CHANGED), _array(session.pk for session in changed))
        if idle:
            _query(pipeline, _INSERT_IDLE, _records(idle, _IDLE_PERIOD))
        if unindexed:
            _query(pipeline, search.INDEX, _array(unindexed))
        if commit:
            _query(pipeline, "COMMIT")


@contextmanager
def _pipeline() -> Iterator[psycopg.Connection]:
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield connection.connection


def _query(pipeline: psycopg.Connection, statement: str, *parameters: object) -> psycopg.Cursor:
    """Not by a cursor of Django, which waits for each answer and loads times in Python."""
    return psycopg.Cursor(pipeline).execute(statement, parameters, binary=True)


def _array(values: Iterable[UUID | int]) -> str:
    """PostgreSQL's text of an array of what needs no quoting; psycopg would dump it value by value."""
    return f"{{{','.join(map(str, values))}}}"


def _instances(model: type[M], rows: Iterable[Sequence]) -> Iterator[M]:
    return (model.from_db(connection.alias, _FIELDS[model], row) for row in rows)


def _records(rows: Iterable[ChatSession | NewMessage | IdlePeriod], columns: Iterable[str]) -> str:
    return msgspec.json.encode([{name: getattr(row, name) for name in columns} for row in rows]).decode()
