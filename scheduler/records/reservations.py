"""What accepted jobs hold of the clusters, so that another plan does not count on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.lifecycle.model import reserved_gpus
from scheduler.records.gather import clusters_of
from scheduler.records.rows import JobState, PlanRow, SegmentRow
from scheduler.records.transaction import Transaction

_OVERRUN: Final = timedelta(minutes=10)
"""A run past its planned end is taken to need this much more at least, at every look."""


def reservations(tx: Transaction, now: datetime, *, but: str = "") -> tuple[Segment, ...]:
    """Stretches held from `now` on by jobs other than `but`: running, planned, and nodes kept while paused."""
    return tuple(each for job_id, held in reservations_by_job(tx, now).items() if job_id != but for each in held)


def reservations_by_job(tx: Transaction, now: datetime) -> dict[str, list[Segment]]:
    """Stretches held from `now` on by each job: running, planned, and nodes kept while paused."""
    jobs = [job for job in tx.open_jobs() if job.state != JobState.HELD]
    plans = tx.newest_plans(job.id for job in jobs)
    running = {segment.job_id: segment for segment in tx.open_segments()}
    taken: dict[str, list[Segment]] = {}
    declared: dict[str, Mapping[str, Cluster]] = {}  # many plans were made on the same clusters
    for job in jobs:
        plan, live = plans.get(job.id), running.get(job.id)
        text = "{}" if plan is None else json.dumps(plan.document["clusters"], sort_keys=True)
        if text not in declared:
            declared[text] = {} if plan is None else clusters_of(plan)
        clusters = declared[text]
        stretches = _ahead(plan, live, now)
        held = [_wide(job.job, each, clusters) for each in _with_holds(stretches, clusters)]
        if live is None and job.state == JobState.SUSPENDED:
            held += _pause_so_far(tx.segments(job.id), stretches, clusters, job.job, now)
        taken[job.id] = held
    return taken


def planned_reservations(job: Job, document: Mapping[str, object], now: datetime) -> list[Segment]:
    """What a job that was planned just now holds, by its plan's document."""
    plan = PlanRow(id=0, job_id="", made_at=now, document=document)
    clusters = clusters_of(plan)
    return [_wide(job, each, clusters) for each in _with_holds(_ahead(plan, None, now), clusters)]


def overrun_until(live: SegmentRow, now: datetime) -> datetime:
    """How long a run past its planned end is taken to need: about as much more as it is late already."""
    return now + max(_OVERRUN, now - live.planned_end)


def _ahead(plan: PlanRow | None, live: SegmentRow | None, now: datetime) -> list[Segment]:
    """What runs, to its planned end or a while longer, and what is planned after it."""
    planned = () if plan is None else plan.placement.segments
    if live is None:
        return [replace(each, start=max(each.start, now)) for each in planned if each.end > now]
    end = live.planned_end if live.planned_end > now else overrun_until(live, now)
    running = Segment(cluster=live.cluster, start=now, end=end, gpus=live.gpus)
    if live.is_last:  # also where it was left to run on past its suspend: nothing follows any more
        return [running]
    return [running, *(each for each in planned if each.start >= live.planned_end)]


def _with_holds(stretches: Sequence[Segment], clusters: Mapping[str, Cluster]) -> list[Segment]:
    """The stretches, and the pauses between them in which a cluster keeps the nodes."""
    held = [
        replace(before, start=before.end, end=after.start)
        for before, after in pairwise(stretches)
        if before.cluster == after.cluster and before.end < after.start and _holds(before.cluster, clusters)
    ]
    return [*stretches, *held]


def _pause_so_far(
    done: Sequence[SegmentRow], ahead: Sequence[Segment], clusters: Mapping[str, Cluster], job: Job, now: datetime
) -> list[Segment]:
    """The nodes of a suspended job that wait for its resume on the same cluster."""
    if not done or not ahead or ahead[0].start <= now:
        return []
    last, resume = done[-1], ahead[0]
    if last.cluster != resume.cluster or not _holds(last.cluster, clusters):
        return []
    return [_wide(job, Segment(cluster=last.cluster, start=now, end=resume.start, gpus=last.gpus), clusters)]


def _holds(name: str, clusters: Mapping[str, Cluster]) -> bool:
    """Whether a cluster keeps the nodes of a paused job."""
    return name in clusters and clusters[name].holds_paused


def _wide(job: Job, stretch: Segment, clusters: Mapping[str, Cluster]) -> Segment:
    """A stretch with the whole nodes that an exclusive job takes."""
    if stretch.cluster not in clusters:
        return stretch
    node_gpus = clusters[stretch.cluster].node.gpus
    return replace(stretch, gpus=reserved_gpus(stretch.gpus, node_gpus=node_gpus, exclusive=job.exclusive))
