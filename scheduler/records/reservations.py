"""What accepted jobs hold of the clusters, so that another plan does not count on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.lifecycle.model import reserved_gpus
from scheduler.records.gather import clusters_of
from scheduler.records.rows import JobState, PlanMark, PlanRow, SegmentRow
from scheduler.records.transaction import Transaction

_AT_ONCE: Final = 1000
"""Plans are read so many at a time."""
_OVERRUN: Final = timedelta(minutes=10)
"""A run past its planned end is taken to need this much more at least, at every look."""


def reservations(tx: Transaction, now: datetime, *, but: str = "") -> tuple[Segment, ...]:
    """Stretches held from `now` on by jobs other than `but`: running, planned, and nodes kept while paused."""
    by_job = Reservations().by_job(tx, now)
    return tuple(each for job_id, held in by_job.items() if job_id != but for each in held)


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a plan binds its job to, as far as others are concerned; neither a plan nor a job's text ever changes."""

    stretches: tuple[Segment, ...]
    clusters: Mapping[str, Cluster]
    exclusive: bool


_UNBOUND: Final = _Bound((), {}, exclusive=False)


@dataclass(slots=True)
class Reservations:
    """What the jobs of one store hold; remembers what it read of each plan, so that the next time costs little."""

    _bound: dict[int, _Bound] = field(default_factory=dict)
    _declared: dict[str, Mapping[str, Cluster]] = field(default_factory=dict)

    def by_job(self, tx: Transaction, now: datetime) -> dict[str, list[Segment]]:
        """Stretches held from `now` on by each job: running, planned, and nodes kept while paused."""
        marks = [mark for mark in tx.plan_marks() if mark.state != JobState.HELD]
        self._read(tx, marks)
        running = {segment.job_id: segment for segment in tx.open_segments()}
        taken: dict[str, list[Segment]] = {}
        for mark in marks:
            live, bound = running.get(mark.job_id), self._bound.get(mark.plan_id, _UNBOUND)
            stretches = _ahead(bound.stretches, live, now)
            held = [*stretches, *_holds_between(stretches, bound.clusters)]
            if live is None and mark.state == JobState.SUSPENDED:
                held += _pause_so_far(tx.segments(mark.job_id), stretches, bound.clusters, now)
            taken[mark.job_id] = [_wide(each, bound.clusters, exclusive=bound.exclusive) for each in held]
        return taken

    def _read(self, tx: Transaction, marks: Sequence[PlanMark]) -> None:
        """Read the plans that are new, and forget those that bind nobody any more."""
        self._bound = {mark.plan_id: self._bound[mark.plan_id] for mark in marks if mark.plan_id in self._bound}
        missing = [mark.job_id for mark in marks if mark.plan_id and mark.plan_id not in self._bound]
        for first in range(0, len(missing), _AT_ONCE):
            for stored in tx.stored(missing[first : first + _AT_ONCE]):
                if stored.plan is not None:
                    self._bound[stored.plan.id] = self._of(stored.plan, stored.job.job)

    def _of(self, plan: PlanRow, job: Job) -> _Bound:
        """What a plan binds a job to; many plans were made on the same clusters."""
        text = json.dumps(plan.document["clusters"], sort_keys=True)
        if text not in self._declared:
            self._declared[text] = clusters_of(plan)
        return _Bound(plan.placement.segments, self._declared[text], exclusive=job.exclusive)


def planned_reservations(job: Job, document: Mapping[str, object], now: datetime) -> list[Segment]:
    """What a job that was planned just now holds, by its plan's document."""
    plan = PlanRow(id=0, job_id="", made_at=now, document=document)
    clusters, stretches = clusters_of(plan), _ahead(plan.placement.segments, None, now)
    held = [*stretches, *_holds_between(stretches, clusters)]
    return [_wide(each, clusters, exclusive=job.exclusive) for each in held]


def overrun_until(live: SegmentRow, now: datetime) -> datetime:
    """How long a run past its planned end is taken to need: about as much more as it is late already."""
    return now + max(_OVERRUN, now - live.planned_end)


def _ahead(planned: Sequence[Segment], live: SegmentRow | None, now: datetime) -> list[Segment]:
    """What runs, to its planned end or a while longer, and what is planned after it."""
    if live is None:
        return [replace(each, start=max(each.start, now)) for each in planned if each.end > now]
    end = live.planned_end if live.planned_end > now else overrun_until(live, now)
    running = Segment(cluster=live.cluster, start=now, end=end, gpus=live.gpus)
    if live.is_last:  # also where it was left to run on past its suspend: nothing follows any more
        return [running]
    return [running, *(each for each in planned if each.start >= live.planned_end)]


def _holds_between(stretches: Sequence[Segment], clusters: Mapping[str, Cluster]) -> list[Segment]:
    """The pauses between the stretches in which a cluster keeps the nodes."""
    return [
        replace(before, start=before.end, end=after.start)
        for before, after in pairwise(stretches)
        if before.cluster == after.cluster and before.end < after.start and _holds(before.cluster, clusters)
    ]


def _pause_so_far(
    done: Sequence[SegmentRow], ahead: Sequence[Segment], clusters: Mapping[str, Cluster], now: datetime
) -> list[Segment]:
    """The nodes of a suspended job that wait for its resume on the same cluster."""
    if not done or not ahead or ahead[0].start <= now:
        return []
    last, resume = done[-1], ahead[0]
    if last.cluster != resume.cluster or not _holds(last.cluster, clusters):
        return []
    return [Segment(cluster=last.cluster, start=now, end=resume.start, gpus=last.gpus)]


def _holds(name: str, clusters: Mapping[str, Cluster]) -> bool:
    """Whether a cluster keeps the nodes of a paused job."""
    return name in clusters and clusters[name].holds_paused


def _wide(stretch: Segment, clusters: Mapping[str, Cluster], *, exclusive: bool) -> Segment:
    """A stretch with the whole nodes that an exclusive job takes."""
    if stretch.cluster not in clusters:
        return stretch
    node_gpus = clusters[stretch.cluster].node.gpus
    return replace(stretch, gpus=reserved_gpus(stretch.gpus, node_gpus=node_gpus, exclusive=exclusive))
