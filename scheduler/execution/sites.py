"""The clusters that jobs are sent to, and the room on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import UnknownName
from scheduler.ports import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A cluster and the executor that drives it."""

    cluster: Cluster
    executor: Executor


@dataclass(frozen=True, slots=True)
class Sites:
    """Every site by the name of its cluster."""

    by_name: Mapping[str, Site]

    def named(self, name: str) -> Site:
        """The site of that name; raises `UnknownName` listing them."""
        if name not in self.by_name:
            raise UnknownName("cluster", name, self.by_name)
        return self.by_name[name]


def room(free_by_node: Sequence[int], sent: Sequence[int]) -> int:
    """The most GPUs left on one node after each width in `sent` took the fullest node that it fits on. [GPUs]"""
    free = list(free_by_node)
    for width in sorted(sent, reverse=True):
        fitting = [index for index, gpus in enumerate(free) if gpus >= width]
        if fitting:
            free[min(fitting, key=lambda index: free[index])] -= width
    return max(free, default=0)


def usable(free_by_node: Sequence[int], width: int) -> int:
    """GPUs that launches of `width` can get at: what is free on nodes that have that many, in whole launches. [GPUs]"""
    return sum(gpus // width * width for gpus in free_by_node)
