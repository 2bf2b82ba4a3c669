"""The rows of one transaction, locked and read in one round trip, written in another, however many they are.

The ORM would take nine statements, one after the other, and most of its time to compile them. Here they are constants,
travel together (psycopg's pipeline), and answer in PostgreSQL's binary format: a batch of fifty messages costs a third
of the CPU time, a single message a quarter.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

import msgspec
import psycopg
from django.db import connection
from django.db.models import Model

from sessions_app.models import ChatSession, Message, Tenant

M = TypeVar("M", bound=Model)


class Locked(NamedTuple):
    """``known``: messages of these sessions by (pk of the session, client_message_id). ``now``: the database's clock
    once the locks were had."""

    sessions: dict[UUID, ChatSession]
    known: dict[tuple[int, UUID], Message]
    now: datetime


def _columns(model: type[Model], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{field.column}" for field in model._meta.concrete_fields)


_SESSIONS, _MESSAGES, _TENANTS = (model._meta.db_table for model in (ChatSession, Message, Tenant))

# By pk, so that two transactions never wait for each other in a ring. NO KEY: an insert that only refers to the
# session need not wait. Nothing is joined: PostgreSQL reads a row anew that it had to wait for, but not what it had
# joined to it before.
_LOCK = f"SELECT {_columns(ChatSession)} FROM {_SESSIONS} WHERE session_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_LOCK_FREE = f"{_LOCK} SKIP LOCKED"
# What follows is read after the locks were had: each statement has a snapshot and a time of its own.
_NOW = "SELECT statement_timestamp()"
_TENANTS_OF = (
    f"SELECT {_columns(Tenant)} FROM {_TENANTS}"
    f" WHERE id IN (SELECT tenant_id FROM {_SESSIONS} WHERE session_id = ANY(%s))"
)
_KNOWN = (
    f"SELECT {_columns(Message, 'message.')} FROM {_MESSAGES} AS message"
    f" JOIN {_SESSIONS} AS session ON session.id = message.session_id"
    " WHERE session.session_id = ANY(%s) AND message.client_message_id = ANY(%s)"
)


def lock(session_ids: Collection[UUID], client_message_ids: Collection[UUID], *, skip_locked: bool) -> Locked:
    """Those of the sessions that exist, under their row locks; with ``skip_locked`` only those that nobody else
    holds. In a transaction."""
    ids = list(session_ids)
    with _pipeline() as pipeline:
        sessions = _query(pipeline, _LOCK_FREE if skip_locked else _LOCK, ids)
        now = _query(pipeline, _NOW)
        tenants = _query(pipeline, _TENANTS_OF, ids)
        known = _query(pipeline, _KNOWN, ids, list(client_message_ids)) if client_message_ids else ()
        by_pk = {tenant.pk: tenant for tenant in _instances(Tenant, tenants)}
        locked = {session.session_id: session for session in _instances(ChatSession, sessions)}
        for session in locked.values():
            session.tenant = by_pk[session.tenant_id]
        messages = {(message.session_id, message.client_message_id): message for message in _instances(Message, known)}
        return Locked(locked, messages, now.fetchone()[0])


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
    "created_at": "timestamptz",
}


def _recordset(columns: dict[str, str]) -> str:
    return f"json_to_recordset(%s::json) AS new({', '.join(f'{name} {kind}' for name, kind in columns.items())})"


_UPDATE = (
    f"UPDATE {_SESSIONS} AS session SET {', '.join(f'{name} = new.{name}' for name in _CHANGED if name != 'id')}"
    f" FROM {_recordset(_CHANGED)} WHERE session.id = new.id"
)
_INSERT = f"INSERT INTO {_MESSAGES} ({', '.join(_ADDED)}) SELECT {', '.join(_ADDED)} FROM {_recordset(_ADDED)}"


def write(changed: Sequence[ChatSession], added: Sequence[Message]) -> None:
    """Saves locked sessions and appends messages. Whole columns are safe to write: nobody else can have changed them
    since the lock."""
    if not changed and not added:
        return
    with _pipeline() as pipeline:
        if added:
            _query(pipeline, _INSERT, _records(added, _ADDED))
        if changed:
            _query(pipeline, _UPDATE, _records(changed, _CHANGED))


@contextmanager
def _pipeline() -> Iterator[psycopg.Connection]:
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield connection.connection


def _query(pipeline: psycopg.Connection, statement: str, *parameters: object) -> psycopg.Cursor:
    """Not the cursor of Django, which waits for each answer and loads times in Python."""
    return psycopg.Cursor(pipeline).execute(statement, parameters, binary=True)


def _instances(model: type[M], rows: Iterable[tuple]) -> Iterator[M]:
    names = [field.attname for field in model._meta.concrete_fields]
    return (model.from_db(connection.alias, names, row) for row in rows)


def _records(rows: Iterable[Model], columns: Iterable[str]) -> str:
    return msgspec.json.encode([{name: getattr(row, name) for name in columns} for row in rows]).decode()
