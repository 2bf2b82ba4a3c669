"""The payloads of the console's frames; what they share with the visitor's is in sessions_app.protocol."""

from uuid import UUID

from msgspec import Struct

from sessions_app import protocol


class Hello(Struct, frozen=True):
    pass


class Ping(Struct, frozen=True):
    visible: bool = True
    active: bool = False


class OpenChat(Struct, frozen=True):
    session_id: UUID
    after_seq: int | None = None


class SendMessage(protocol.SendMessage, frozen=True, kw_only=True):
    session_id: UUID


class Typing(protocol.Typing, frozen=True, kw_only=True):
    session_id: UUID
    note: bool = False


class Read(protocol.Read, frozen=True, kw_only=True):
    session_id: UUID


class History(protocol.History, frozen=True, kw_only=True):
    session_id: UUID
