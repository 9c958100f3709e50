"""What a cluster keeps from planned jobs: its reserve always, more where its calendar closes it, and runs too long.

This is the one place where these keys of a cluster file become room; plans, launches and replays all ask it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.duration import format_duration
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.problem.surface import Ints

_NO_TIME: Final = timedelta(0)


def closures(clusters: Iterable[Cluster], start: datetime, end: datetime) -> tuple[Segment, ...]:
    """What calendars keep from jobs in `[start, end)`, as if others had reserved it: at an instant they add up."""
    return tuple(
        Segment(cluster=cluster.name, start=each.start, end=each.end, gpus=each.gpus or cluster.gpus)
        for cluster in clusters
        if cluster.calendar is not None
        for each in cluster.calendar.within(start, end)
    )


def room_beside(width: int, cluster: Cluster, free: Ints) -> Ints:
    """Of so many GPUs that are kept from no job, those that one of a width finds, shape [S]. [GPUs]

    A job wider than a node shares none with what is kept back: it finds whole ones.
    """
    free = np.maximum(free, 0)
    if width <= cluster.node.gpus:
        return free
    return np.where(free < cluster.gpus, free - free % cluster.node.gpus, free)


def open_to(width: int, cluster: Cluster, at: datetime | None = None) -> int:
    """GPUs that a job of a width finds on an empty cluster beside its reserve, and what is closed at an instant."""
    kept = 0 if at is None else _closed_at(cluster, at)
    return int(room_beside(width, cluster, np.array([cluster.open_gpus - kept]))[0])


def others_beyond(cluster: Cluster, gpus: int, start: datetime, end: datetime) -> list[Segment]:
    """What is left of others' use of a cluster in `[start, end)` once what is kept for them anyway is taken off."""
    shut = closures([cluster], start, end)
    edges = sorted({start, end, *(moment for each in shut for moment in (each.start, each.end))})
    left = [(one, other, gpus - cluster.reserve - _taken(shut, one)) for one, other in pairwise(edges)]
    return [Segment(cluster=cluster.name, start=one, end=other, gpus=more) for one, other, more in left if more > 0]


def lost_at_suspend(job: Job) -> timedelta:
    """Time without progress at a suspend: the checkpoint, and half a period lost on average by one that saves so."""
    said = job.interruptible
    if said is None:
        return _NO_TIME
    return said.checkpoint + (said.every / 2 if said.save == "periodic" and said.every else _NO_TIME)


def too_long(job: Job, cluster: Cluster, work: timedelta) -> str:
    """Why so much work is too long for a cluster, empty where it is not.

    A job that may be suspended counts a restart and a checkpoint: no stretch of it takes longer than all three.
    """
    restart = job.interruptible.restart if job.interruptible else _NO_TIME
    longest = work + restart + lost_at_suspend(job)
    if cluster.walltime is None or longest <= cluster.walltime:
        return ""
    beside = ", its restart and checkpoint included" if longest > work else ""
    said = f"its walltime is {format_duration(cluster.walltime)}"
    return f"{said}, and the run takes {format_duration(longest)}{beside}; runs are not cut to fit it"


def _closed_at(cluster: Cluster, at: datetime) -> int:
    """GPUs that the calendar keeps from jobs at an instant. [GPUs]"""
    return _taken(closures([cluster], at, at + timedelta.resolution), at)


def _taken(shut: Iterable[Segment], at: datetime) -> int:
    """GPUs of the closures at an instant. [GPUs]"""
    return sum(each.gpus for each in shut if each.start <= at < each.end)
