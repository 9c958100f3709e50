"""The clusters that jobs are sent to, and the room on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler.cluster_ports import Capacity, Executor
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import UnknownName
from scheduler.domain.job import Job
from scheduler.problem.candidates import nodes_on, width_on


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


@dataclass(frozen=True, slots=True)
class Claim:
    """GPUs that a launch takes: all on one node, on several whole ones, or wherever its workers find them one by one.

    Args:
        gpus: in all.
        spans: whether they may lie on any nodes.
        node: GPUs on each node of a launch that takes several whole ones; 0 for any other.
    """

    gpus: int
    spans: bool = False
    node: int = 0

    @property
    def on_nodes(self) -> list[int]:
        """What it takes on a node, for each whose share is known. [GPUs]"""
        if self.spans:
            return []
        return [self.node] * (self.gpus // self.node) if self.node else [self.gpus]


def claim(job: Job, cluster: Cluster, gpus: int | None = None) -> Claim:
    """What the job takes of the cluster, at its own width or at the `gpus` it is resized to."""
    nodes, width = nodes_on(job, cluster, gpus), width_on(job, cluster, gpus)
    return Claim(width, spans=job.launch == "ray", node=width // nodes if nodes > 1 else 0)


def coming(capacity: Capacity, open_claims: Sequence[Claim], fresh: Sequence[Claim]) -> list[Claim]:
    """The claims that the cluster's free GPUs may not show yet.

    A driver's workers may come minutes after it, so while one is there all that is missing from what is shown counts.

    Args:
        capacity: what the cluster shows.
        open_claims: of every launch that may be there.
        fresh: those among them that are too new to be shown.
    """
    one_node = [each for each in fresh if not each.spans]
    if not any(each.spans for each in open_claims):
        return one_node
    shown = capacity.gpus_total - capacity.gpus_free + sum(each.gpus for each in one_node)
    return [*one_node, Claim(max(0, sum(each.gpus for each in open_claims) - shown), spans=True)]


def room(free_by_node: Sequence[int], sent: Sequence[Claim], *, spans: bool = False, node: int = 0) -> int:
    """The most GPUs left for a launch once each claim in `sent` took its own: on one node, on whole ones, or in all.

    A claim on one node takes the fullest that it fits on; one that fits nowhere is on its node already.
    """
    free = list(free_by_node)
    for width in sorted((width for each in sent for width in each.on_nodes), reverse=True):
        fitting = [index for index, gpus in enumerate(free) if gpus >= width]
        if fitting:
            free[min(fitting, key=lambda index: free[index])] -= width
    left = sum(free) - sum(each.gpus for each in sent if each.spans)
    if node:
        return max(0, min(left // node, sum(gpus >= node for gpus in free))) * node
    return max(0, left if spans else min(left, max(free, default=0)))


def usable(free_by_node: Sequence[int], wanted: Claim) -> int:
    """GPUs that such launches can get at: what is free on nodes that have that many, in whole launches. [GPUs]"""
    unit = 1 if wanted.spans else wanted.node or wanted.gpus
    return sum(gpus // unit * unit for gpus in free_by_node)
