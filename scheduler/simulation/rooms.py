"""What the clusters of a replay keep from all jobs: their reserves, the hours of their calendars, runs too long.

It is what `plan` keeps, from the same place, on the microseconds of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.lifecycle.model import reserved_gpus
from scheduler.problem.closed import closures
from scheduler.problem.surface import Ints
from scheduler.simulation.capacity import Capacity
from scheduler.simulation.request import Request
from scheduler.simulation.table import US, Table

_HOUR_US: Final = timedelta(hours=1) // US
_ANY: Final = 1 << 62


class Rooms:
    """The clusters before anything is reserved.

    Args:
        clusters: them, a row each.
        table: whose time their calendars are looked at in.
    """

    def __init__(self, clusters: Sequence[Cluster], table: Table) -> None:
        self._clusters = tuple(clusters)
        self._nodes = [cluster.node.gpus for cluster in clusters]
        self._open = [cluster.open_gpus for cluster in clusters]
        self._longest_us = [_ANY if one.walltime is None else one.walltime // US for one in clusters]
        self._shut = [_steps(cluster, table) for cluster in clusters]
        self._edges: list[Ints] = [
            np.array(sorted({at for step in steps for at in step[:2]}), dtype=np.int64) for steps in self._shut
        ]
        self._is_limited = min(self._longest_us) < _ANY
        self._bare = self.free()
        self._wide: dict[int, tuple[int, ...]] = {}

    def free(self) -> list[Capacity]:
        """The clusters with nothing reserved."""
        rooms = [Capacity(gpus) for gpus in self._open]
        for room, steps in zip(rooms, self._shut, strict=True):
            for start_us, end_us, gpus in steps:
                room.take(start_us, end_us, gpus)
        return rooms

    def edges(self, row: int, from_us: int, to_us: int) -> Ints:
        """The instants between two at which a closure of a cluster begins or ends. [us]"""
        edges = self._edges[row]
        return edges[edges.searchsorted(from_us, side="right") : edges.searchsorted(to_us)]

    def takes(self, row: int, gpus: int) -> int:
        """GPUs that a job of `gpus` keeps others from: one wider than a node has whole nodes. [GPUs]"""
        node = self._nodes[row]
        if gpus <= node:
            return gpus
        return max(gpus, min(self._clusters[row].gpus, reserved_gpus(gpus, node_gpus=node, exclusive=True)))

    def wide_enough(self, gpus: int) -> tuple[int, ...]:
        """The rows that ever have so many GPUs for one job."""
        if gpus not in self._wide:
            self._wide[gpus] = tuple(row for row, most in enumerate(self._open) if self.takes(row, gpus) <= most)
        return self._wide[gpus]

    def that_take(self, request: Request, work_us: int) -> tuple[int, ...]:
        """The rows that can take so much work of a job [us]: wide enough, and within their walltime.

        A job that may be suspended counts a restart and a checkpoint: no stretch of it takes longer than all three.
        """
        wide = self.wide_enough(request.gpus)
        if not self._is_limited:
            return wide
        rules = request.interruption
        if rules is not None:
            work_us += request.restart // US + round(rules.checkpoint_h * _HOUR_US)
        return tuple(row for row in wide if work_us <= self._longest_us[row])

    def is_bare(self, row: int, capacity: Capacity, from_us: int, to_us: int) -> bool:
        """Whether nobody holds anything of a cluster from one instant to another. [us]

        Args:
            row: the cluster; capacity: what is left of it.
            from_us, to_us: the time. [us]
        """
        if not self._shut[row]:
            return capacity.fits(from_us, to_us, self._open[row])
        alone = self._bare[row]
        changes = capacity.changes(from_us, to_us)
        if not np.array_equal(changes, alone.changes(from_us, to_us)):
            return False
        edges = np.append(from_us, changes)
        return np.array_equal(capacity.free_at(edges), alone.free_at(edges))


def _steps(cluster: Cluster, table: Table) -> list[tuple[int, int, int]]:
    """What a calendar keeps inside a table: (start, end, GPUs), apart in time and no more GPUs than are open. [us]"""
    shut = closures([cluster], table.start, table.moment(table.end_us))
    edges = sorted({table.us(moment) for each in shut for moment in (each.start, each.end)})
    spans = [(table.us(each.start), table.us(each.end), each.gpus) for each in shut]
    kept = [
        (one, other, sum(gpus for start, end, gpus in spans if start <= one < end)) for one, other in pairwise(edges)
    ]
    return [(start, end, min(gpus, cluster.open_gpus)) for start, end, gpus in kept if gpus]
