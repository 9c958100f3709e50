"""Which clusters can take a job at all, and why the others cannot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import Infeasible, UnknownName
from scheduler.domain.job import Job
from scheduler.lifecycle.model import reserved_gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A cluster that cannot take the job, and the first reason why."""

    cluster: str
    reason: str


class NoCandidate(Infeasible):
    """Every cluster was rejected."""

    def __init__(self, job: Job, rejected: tuple[Rejected, ...]) -> None:
        """Name the job, and as the way out each cluster's reason."""
        reasons = "; ".join(f"{each.cluster}: {each.reason}" for each in rejected) or "no cluster is configured"
        super().__init__(f"no cluster can run {job.name}", hint=reasons)
        self.rejected = rejected


def screen(
    job: Job,
    clusters: Sequence[Cluster],
    *,
    allowed: Collection[str],
    zones: Collection[str],
    checkpoint_at: Cluster | None = None,
    learnt: timedelta | None = None,
) -> tuple[tuple[Cluster, ...], tuple[Rejected, ...]]:
    """The clusters that can take the job, and the others with their reason, both in the order given.

    Args:
        job: what is to run.
        clusters: all that are configured.
        allowed: names the job may use; empty for all.
        zones: zones whose intensity is at hand on the basis of the plan.
        checkpoint_at: the cluster that the job's checkpoint lies on, None for a first start.
        learnt: duration known from past runs, for a job that states none.
    """
    names = [cluster.name for cluster in clusters]
    for name in allowed:
        if name not in names:
            raise UnknownName("allowed cluster", name, names)
    candidates, rejected = [], []
    for cluster in clusters:
        reason = _not_permitted(job, cluster, allowed) or _does_not_fit(job, cluster, learnt)
        if not reason and cluster.zone not in zones:
            reason = f"no intensity for zone {cluster.zone}"
        if not reason and checkpoint_at is not None and not share_storage(checkpoint_at, cluster):
            reason = f"shares no storage with {checkpoint_at.name}, where the checkpoint lies"
        if reason:
            rejected.append(Rejected(cluster=cluster.name, reason=reason))
        else:
            candidates.append(cluster)
    return tuple(candidates), tuple(rejected)


def duration_on(job: Job, cluster: Cluster, learnt: timedelta | None) -> timedelta | None:
    """One uninterrupted run on `cluster`: stated by the job, else learnt; None where neither says."""
    return learnt if job.duration is None else job.duration_on(cluster.gpu.model)


def width_on(job: Job, cluster: Cluster) -> int:
    """GPUs that the job occupies there: its own, or whole nodes where it is exclusive. [GPUs]"""
    return reserved_gpus(job.gpus, node_gpus=cluster.node.gpus, exclusive=job.exclusive)


def share_storage(one: Cluster, other: Cluster) -> bool:
    """Whether a checkpoint can travel between the two: the same cluster, or a storage of the same name."""
    shared = {disk.name for disk in one.storage} & {disk.name for disk in other.storage}
    return one.name == other.name or bool(shared)


def _not_permitted(job: Job, cluster: Cluster, allowed: Collection[str]) -> str:
    """Why the job may not go there, empty where it may."""
    if allowed and cluster.name not in allowed:
        return f"not among the allowed clusters ({', '.join(allowed)})"
    if job.data.countries and cluster.in_country not in job.data.countries:
        return f"its country {cluster.in_country} is not among data.countries ({', '.join(job.data.countries)})"
    if job.gpu and cluster.gpu.model not in job.gpu:
        return f"its GPU {cluster.gpu.model} is not among the job's ({', '.join(job.gpu)})"
    return ""


def _does_not_fit(job: Job, cluster: Cluster, learnt: timedelta | None) -> str:
    """Why the job cannot run there, empty where it can."""
    width, node = width_on(job, cluster), cluster.node
    power_w = job.gpu_power_w(cluster)
    if duration_on(job, cluster, learnt) is None:
        return f"the job gives no duration on GPU {cluster.gpu.model}"
    if width > cluster.gpus:
        whole = f" ({width // node.gpus} whole nodes)" if job.exclusive else ""
        return f"it has {cluster.gpus} GPUs at most, the job takes {width}{whole}"
    if job.launch == "script" and job.gpus > node.gpus:
        return f"its nodes have {node.gpus} GPUs, and a script of {job.gpus} GPUs runs on one node"
    if job.launch == "torchrun" and width > node.gpus and width % node.gpus:
        return f"its nodes have {node.gpus} GPUs, and torchrun over several nodes takes whole ones, not {width} GPUs"
    if power_w is not None and power_w < cluster.gpu.idle_w.central:
        return f"the job's {power_w:g} W a GPU is below the idle {cluster.gpu.idle_w.central:g} W of its GPUs"
    return ""
