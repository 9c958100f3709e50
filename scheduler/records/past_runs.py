"""What the past runs of a job's name took, from the store: only runs in which no work was done twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from scheduler.domain.job import Interruptible, Job
from scheduler.problem.learnt import Learnt, learnt_from
from scheduler.records.gather import clusters_of
from scheduler.records.rows import JobRow, SegmentRow
from scheduler.records.transaction import Transaction

_MOST: Final = 20
"""Older runs than these are of another program; this project's choice."""


def learnt(tx: Transaction, job: Job) -> Learnt | None:
    """How long the job takes by the last runs of its name that succeeded; None where none can be compared.

    Notes:
        length = sum over segments of (released - granted - restart of a resumed one - checkpoint of a suspended one)
        x s(width) / s(gpus), s the job's own speed-up; each run belongs to the GPU model that all of it was on.
        What is reserved counts, the start of the environment included, so a run is rather taken to be longer.
    """
    lengths: dict[str, list[timedelta]] = {}
    for row in tx.succeeded(job.name, _MOST):
        segments = [segment for segment in tx.segments(row.id) if segment.granted_at is not None]
        length, models = _length(row, segments, job), _models(tx, row, segments)
        if length is not None and len(models) == 1:
            lengths.setdefault(models.pop(), []).append(length)
    return learnt_from(lengths)


def _length(row: JobRow, segments: Sequence[SegmentRow], job: Job) -> timedelta | None:
    """What the run would have taken at the job's own width in one piece; None where nobody can tell."""
    if not segments or any(segment.end not in ("finished", "suspended") for segment in segments):
        return None
    pause, total = row.job.interruptible or Interruptible(), timedelta(0)
    for segment in segments:
        speed = _speed(job, segment.gpus)
        if speed is None or segment.granted_at is None or segment.released_at is None:
            return None
        useful = segment.released_at - segment.granted_at
        useful -= pause.restart if segment.n > 1 else timedelta(0)
        useful -= pause.checkpoint if segment.end == "suspended" else timedelta(0)
        total += max(timedelta(0), useful) * speed
    return total if total > timedelta(0) else None


def _speed(job: Job, gpus: int) -> float | None:
    """Work done in an hour at a width, relative to the job's own; None where it does not say. [-]"""
    if gpus == job.gpus:
        return 1.0
    speedup = job.elastic.speedup if job.elastic else {}
    return speedup[gpus] / speedup.get(job.gpus, 1.0) if gpus in speedup else None


def _models(tx: Transaction, row: JobRow, segments: Sequence[SegmentRow]) -> set[str]:
    """The GPU models that a run was on, by the clusters as they were declared then."""
    declared = {plan.id: clusters_of(plan) for plan in tx.plans(row.id)}
    return {declared[segment.plan_id][segment.cluster].gpu.model for segment in segments}
