"""The verbs: the only writers of sessions, messages and events.

Each is one transaction (work.py). Whoever comes second gets a clear ChatError, never a second transition.
"""

from sessions_app.services.abandonment import abandon_if_lost
from sessions_app.services.batches import index_history, sweep
from sessions_app.services.handling import (
    accept_session,
    assign_session,
    end_session,
    give_session,
    hold_session,
    return_to_queue,
    transfer_session,
)
from sessions_app.services.messages import Post, Posted, mark_read, post_messages
from sessions_app.services.remarks import add_note, tag_session
from sessions_app.services.visits import (
    Restored,
    Started,
    identify_visitor,
    rate_session,
    record_page,
    restore_session,
    start_session,
)
from sessions_app.work import VISITOR, Actor

__all__ = [
    "VISITOR",
    "Actor",
    "Post",
    "Posted",
    "Restored",
    "Started",
    "abandon_if_lost",
    "accept_session",
    "add_note",
    "assign_session",
    "end_session",
    "give_session",
    "hold_session",
    "identify_visitor",
    "index_history",
    "mark_read",
    "post_messages",
    "rate_session",
    "record_page",
    "restore_session",
    "return_to_queue",
    "start_session",
    "sweep",
    "tag_session",
    "transfer_session",
]
