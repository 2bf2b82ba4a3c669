"""What is done to many sessions by the batch: the sweep, and making an older release's history findable."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.db.models.functions import Now

from sessions_app import selectors
from sessions_app.models import SWEEP_RUNS_KEPT, Reason, SweepRun
from sessions_app.services.abandonment import abandon
from sessions_app.work import Work, verb

# Locked together while their ends are written; more would be locked for longer.
BATCH = 200


def sweep(*, batch_size: int = BATCH) -> Counter[str]:
    """Abandons every open session whose time is over; returns how many, by reason. Each run is a SweepRun.

    In batches, each a transaction of its own, so that nothing is locked for long. Locked rows are skipped: somebody
    is writing to them, and the next run looks again. Two sweeps at once share the work; one that is killed loses
    nothing but its last batch, which the next one finds.
    """
    run = SweepRun.objects.create()
    abandoned: Counter[str] = Counter()
    positions = selectors.all_queue_positions()
    last_pk = 0
    while due := selectors.due_sessions(after_pk=last_pk, limit=batch_size):
        last_pk = due[-1][0]
        batch = _sweep_batch([session_id for _, session_id in due], positions)
        abandoned.update(batch.reasons)
        run.examined += len(due)
        run.skipped_locks += len(due) - batch.locked
        run.lag_ms = max(run.lag_ms, round(batch.lag / timedelta(milliseconds=1)))
    run.idle, run.disconnected = abandoned[Reason.IDLE], abandoned[Reason.DISCONNECTED]
    run.finished_at = Now()
    run.save()
    SweepRun.objects.filter(started_at__lt=Now() - SWEEP_RUNS_KEPT).delete()
    return abandoned


class _Batch(NamedTuple):
    """``locked``: how many sessions nobody else was writing to. ``lag``: how long the time of the latest was over."""

    reasons: list[str]
    locked: int
    lag: timedelta


@verb
def _sweep_batch(work: Work, session_ids: Sequence[UUID], positions: dict[int, int]) -> _Batch:
    locked = work.lock_many(session_ids, skip_locked=True).values()
    # The locked row decides: a session whose message was committed meanwhile is no longer due.
    batch = [session for session in locked if session.due_reason(work.now)]
    lag = max((work.now - session.deadline[0] for session in batch), default=timedelta())
    prefetch_related_objects(batch, "assigned_to", "tags")
    for session in batch:
        abandon(work, session, positions.get(session.pk))
    return _Batch([session.closed_reason for session in batch], len(locked), lag)


def index_history(*, batch_size: int = BATCH) -> int:
    """Makes closed sessions findable that a release without a search has closed; returns how many."""
    indexed = last_pk = 0
    while batch := selectors.unindexed_sessions(after_pk=last_pk, limit=batch_size):
        last_pk = batch[-1][0]
        indexed += _index_batch([session_id for _, session_id in batch])
    return indexed


@verb
def _index_batch(work: Work, session_ids: Sequence[UUID]) -> int:
    sessions = work.lock_many(session_ids).values()
    for session in sessions:
        work.index(session)
    return len(sessions)
