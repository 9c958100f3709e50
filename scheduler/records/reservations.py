"""What accepted jobs hold of the clusters, so that another plan does not count on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.placement import Segment
from scheduler.records.rows import JobState
from scheduler.records.transaction import Transaction

_OVERRUN: Final = timedelta(minutes=10)
"""A run past its planned end is taken to need this much more, at every look."""


def reservations(tx: Transaction, now: datetime, *, but: str = "") -> tuple[Segment, ...]:
    """Stretches held from `now` on by jobs other than `but`."""
    taken = []
    jobs = [job for job in tx.open_jobs() if job.id != but and job.state != JobState.HELD]
    plans = tx.newest_plans(job.id for job in jobs)
    running = {segment.job_id: segment for segment in tx.open_segments()}
    for job in jobs:
        live = running.get(job.id)
        if live is not None:
            end = live.planned_end if live.planned_end > now else now + _OVERRUN
            taken.append(Segment(cluster=live.cluster, start=now, end=end, gpus=live.gpus))
        if job.id not in plans:
            continue
        for stretch in plans[job.id].placement.segments:
            ahead = stretch.start > now if live is None else stretch.start >= live.planned_end
            if ahead or (live is None and stretch.end > now):
                start = max(stretch.start, now)
                taken.append(Segment(cluster=stretch.cluster, start=start, end=stretch.end, gpus=stretch.gpus))
    return tuple(taken)
