"""Tenant -> ChatSession -> Message, SessionEvent: the rows, their states, and the constraints behind every rule.

Rows that have rules are written by services/ alone. Times end in ``_at`` and come from the database's clock.
"""

from sessions_app.models.choices import CLOSED, CLOSING, OPEN, TRANSITIONS, Party, Presence, Reason, Stage, Status
from sessions_app.models.messages import Attachment, Message, OfflineMessage, attachment_path
from sessions_app.models.records import (
    MAX_TRAIL,
    SWEEP_RUNS_KEPT,
    IdlePeriod,
    Restoration,
    SearchText,
    SessionEvent,
    SweepRun,
    TrailEntry,
)
from sessions_app.models.remarks import Hold, Note, Tag
from sessions_app.models.sessions import (
    HIGHEST_SCORE,
    LOWEST_SCORE,
    MAX_HOLD_MINUTES,
    MAX_RATING_COMMENT,
    WARNING_SLACK,
    ChatSession,
)
from sessions_app.models.tenants import HIDDEN_TABS, PRESENCE_TTL, Tenant, validate_origin

__all__ = [
    "CLOSED",
    "CLOSING",
    "OPEN",
    "TRANSITIONS",
    "Party",
    "Presence",
    "Reason",
    "Stage",
    "Status",
    "Attachment",
    "Message",
    "OfflineMessage",
    "attachment_path",
    "MAX_TRAIL",
    "SWEEP_RUNS_KEPT",
    "IdlePeriod",
    "Restoration",
    "SearchText",
    "SessionEvent",
    "SweepRun",
    "TrailEntry",
    "Hold",
    "Note",
    "Tag",
    "HIGHEST_SCORE",
    "LOWEST_SCORE",
    "MAX_HOLD_MINUTES",
    "MAX_RATING_COMMENT",
    "WARNING_SLACK",
    "ChatSession",
    "HIDDEN_TABS",
    "PRESENCE_TTL",
    "Tenant",
    "validate_origin",
]
