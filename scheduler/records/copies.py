"""Data that travelled because of where a job ran: its checkpoint at each move, its data set to each cluster once.

A storage behind a URI stands in a zone that nobody states. What a cluster sent there or had from there was counted by
its agent, and all of its electricity is priced in the cluster's own zone: twice, then, for what moves between two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import kg_from_g
from scheduler.lifecycle.model import transfer_g
from scheduler.records.attempts import Attempt
from scheduler.records.exposure import intensity_at, series_of

BYTES_PER_GB: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """So many gigabytes from one cluster to another, taken to travel in an instant. [GB]"""

    size_gb: float
    origin: Cluster
    goal: Cluster
    at: datetime


def copies_of(job: Job, attempts: Sequence[Attempt], data_at: Cluster | None) -> Iterator[Copy]:
    """The copies that a job's attempts made.

    Args:
        job: says how large its checkpoint and its data are.
        attempts: in order of time.
        data_at: the cluster that its data lie on; None where that is not known.
    """
    reached = set() if data_at is None else {data_at.name}
    for index, each in enumerate(attempts):
        before = attempts[index - 1] if index else each
        if each.traffic is not None:
            for size_bytes, at in ((each.traffic.read_bytes, each.ran[0]), (each.traffic.written_bytes, each.ran[1])):
                yield Copy(size_gb=size_bytes / BYTES_PER_GB, origin=each.cluster, goal=each.cluster, at=at)
        elif job.checkpoint.gb and before.cluster.name != each.cluster.name:
            yield Copy(size_gb=job.checkpoint.gb, origin=before.cluster, goal=each.cluster, at=before.reserved[1])
        if job.data.size_gb and data_at is not None and each.cluster.name not in reached:
            reached.add(each.cluster.name)
            yield Copy(size_gb=job.data.size_gb, origin=data_at, goal=each.cluster, at=each.reserved[0])


def ends_kg(
    copy: Copy, intensity: Mapping[str, IntensitySeries], gap_percentile: float, level: Level = "central"
) -> tuple[tuple[Cluster, float], ...]:
    """Both ends of a copy with what it emits there: half of its electricity at the intensity of each zone. [kg]"""
    return tuple(
        (end, kg_from_g(float(transfer_g(copy.size_gb, g_per_kwh, 0.0, level))))
        for end in (copy.origin, copy.goal)
        for g_per_kwh in (
            intensity_at(series_of(intensity, end.zone), copy.at, gap_percentile=gap_percentile, level=level),
        )
    )
