"""Frames in: bytes from a client become a command of the contract, or a ProtocolError. No I/O, no rows.

msgspec checks names, types and ranges while it parses; NaN, Infinity, numbers out of range, lone surrogates and
trailing text are refused by it. Unknown fields are ignored. Of a key that stands twice in an object the last counts.
"""

import re
import unicodedata
from typing import Annotated
from uuid import UUID

import msgspec
from django.conf import settings
from msgspec import Meta, Raw, Struct

from sessions_app.errors import Invalid

MAX_DEPTH = 5
MAX_SEQ = 2**31 - 1

CLOSE_BAD_FRAMES = 4400
CLOSE_NOT_FOUND = 4401
CLOSE_ORIGIN = 4403
CLOSE_TIMEOUT = 4408
CLOSE_REPLACED = 4409
CLOSE_OVER = 4410
CLOSE_TOO_LARGE = 4413
CLOSE_TOO_FAST = 4429

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")


class ProtocolError(Invalid):
    """A frame that is none of the contract. The text is constant: it tells a prober nothing."""

    message = "This frame is not valid."


Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Limit = Annotated[int, Meta(ge=1, le=100)]
_NO_NUL = r"^[^\x00]*$"  # PostgreSQL stores none
Url = Annotated[str, Meta(max_length=2000, pattern=_NO_NUL)]
Title = Annotated[str, Meta(max_length=300, pattern=_NO_NUL)]


class Page(Struct, frozen=True):
    url: Url = ""
    title: Title = ""
    referrer: Url = ""


class Hello(Struct, frozen=True):
    session_key: Annotated[str, Meta(max_length=200)]
    # Any integer, or none: a position that the server does not know is answered with a full state, not an error.
    after_seq: int | None = None
    restored: bool = False
    tab_id: Annotated[str, Meta(max_length=64)] = ""
    page: Page = Page()
    visible: bool = True


class Ping(Struct, frozen=True):
    visible: bool = True
    active: bool = False
    last_seq: int | None = None


class SendMessage(Struct, frozen=True):
    client_message_id: UUID
    body: str


class Typing(Struct, frozen=True):
    is_typing: bool


class VisitorTyping(Typing, frozen=True):
    text: str | None = None


class Read(Struct, frozen=True):
    seq: Seq


class Identify(Struct, frozen=True):
    """What is None stays as it is; an empty text takes it back."""

    name: Annotated[str, Meta(max_length=200, pattern=_NO_NUL)] | None = None
    email: Annotated[str, Meta(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+)?$")] | None = None


class History(Struct, frozen=True):
    after_seq: Seq | None = None
    before_seq: Seq | None = None
    limit: Limit = 50


class Empty(Struct, frozen=True):
    pass


class _Envelope(Struct, frozen=True):
    type: str
    payload: Raw = Raw(b"{}")


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def _depth(text: str) -> int:
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _check_depth(text: str) -> None:
    """Only for what has been parsed: in text whose strings do not end the expression takes quadratic time."""
    # Nearly every honest document has so few brackets that it cannot be deep: counting is cheaper than scanning.
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise ProtocolError


def parse_frame(text: str, commands: dict[str, type[Struct]]) -> tuple[str, Struct]:
    """The type and the command of one text frame.

    ``commands`` maps the frame types of this socket to their payloads. Raises ProtocolError for whatever is no
    frame of them; its ``client_message_id`` is given where the frame has a readable one, so that the sender can
    tell which of its messages failed.
    """
    try:
        envelope = _decode_envelope(text)
        _check_depth(text)
        struct = commands[envelope.type]
    except (msgspec.MsgspecError, KeyError, RecursionError, UnicodeError) as error:
        raise ProtocolError from error
    try:
        return envelope.type, msgspec.json.decode(envelope.payload, type=struct)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ProtocolError(client_message_id=_message_id_of(envelope.payload)) from error


class _MessageId(Struct, frozen=True):
    client_message_id: UUID


def _message_id_of(payload: Raw) -> str | None:
    try:
        return str(msgspec.json.decode(payload, type=_MessageId).client_message_id)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def parse_document(data: bytes) -> dict[str, object]:
    """The JSON object of an HTTP body, by the same rules as a frame. Raises Invalid."""
    try:
        text = data.decode()
        document = msgspec.json.decode(text)
        _check_depth(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ProtocolError) as error:
        raise Invalid("The body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise Invalid("The body must be a JSON object.")
    return document


def clean_text(body: str, *, field: str = "message") -> str:
    """The text of a message as it is stored: trimmed, 1 to CHAT_MAX_MESSAGE_CHARS code points.

    Raises Invalid, naming ``field``.

    The widget applies the same rule (``textProblem`` in protocol.js); tests/vectors/text.json holds both to it.
    """
    body = body.strip()
    limit = settings.CHAT_MAX_MESSAGE_CHARS
    problem = None
    if is_blank(body):
        problem = "The message is empty."
    elif len(body) > limit:
        problem = f"The message is too long: {len(body)} characters, at most {limit}."
    elif not is_storable(body):
        problem = "The message has a character that cannot be stored."
    if problem:
        raise Invalid(problem, fields={field: [problem]})
    return body


def is_blank(text: str) -> bool:
    """Whether nothing of ``text`` can be seen: white space and zero-width characters alone."""
    return all(char.isspace() or unicodedata.category(char) == "Cf" for char in text)


def is_storable(text: str) -> bool:
    """PostgreSQL refuses NUL; UTF-8 refuses lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
