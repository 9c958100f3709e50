"""The GPUs that one job finds free on a cluster in each slot, beside what others reserve and what the cluster keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.problem.candidates import width_on
from scheduler.problem.closed import room_beside
from scheduler.problem.slots import microseconds
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Ints

_NEAR_US: Final = int(INSTANT_TOLERANCE_H * timedelta(hours=1) / timedelta(microseconds=1))
"""Two instants no further apart are one. [us]"""


def room_of(
    job: Job,
    cluster: Cluster,
    taken: tuple[Sequence[Segment], Sequence[Segment]],
    now: datetime,
    edges_us: Ints,
) -> Ints:
    """GPUs free for a job in each slot, whole nodes where it is exclusive. [GPUs]

    Args:
        job: whose width decides how much of what is kept back it finds; cluster: where.
        taken: what others have reserved, and what is closed.
        now: hour 0; edges_us: borders of the slots. [us]
    """
    reserved, shut = (_in_slots(cluster, segments, now, edges_us) for segments in taken)
    free = np.maximum(room_beside(width_on(job, cluster), cluster, cluster.open_gpus - shut) - reserved, 0)
    return np.asarray(free - free % cluster.node.gpus) if job.exclusive else free


def _in_slots(cluster: Cluster, segments: Sequence[Segment], now: datetime, edges_us: Ints) -> Ints:
    """GPUs of a cluster that some segments take in each slot. [GPUs]

    One that ends where another begins shares no slot with it, though their instants were rounded apart.
    """
    taken = np.zeros(len(edges_us) - 1, dtype=np.int64)
    for segment in segments:
        if segment.cluster == cluster.name:
            start_us, end_us = microseconds(now, segment.start), microseconds(now, segment.end)
            taken[(edges_us[:-1] + _NEAR_US < end_us) & (edges_us[1:] - _NEAR_US > start_us)] += segment.gpus
    return taken
