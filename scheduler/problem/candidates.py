"""Which clusters can take a job at all, and why the others cannot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import Infeasible, UnknownName
from scheduler.domain.job import Job
from scheduler.lifecycle.model import reserved_gpus
from scheduler.problem.closed import open_to, too_long
from scheduler.problem.learnt import Learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A cluster that cannot take the job, and the first reason why."""

    cluster: str
    reason: str


class NoCandidate(Infeasible):
    """Every cluster was rejected."""

    def __init__(self, job: Job, rejected: tuple[Rejected, ...], limit: str = "") -> None:
        """Name the job, the `limit` that all share if they do, and as the way out each cluster's reason."""
        reasons = "; ".join(f"{each.cluster}: {each.reason}" for each in rejected) or "no cluster is configured"
        super().__init__(f"no cluster can run {job.name}{limit and f': {limit}'}", hint=reasons)
        self.rejected = rejected


def screen(
    job: Job,
    clusters: Sequence[Cluster],
    *,
    allowed: Collection[str],
    zones: Collection[str],
    checkpoint_at: Cluster | None = None,
    learnt: Learnt | None = None,
    progress: float = 0.0,
) -> tuple[tuple[Cluster, ...], tuple[Rejected, ...]]:
    """The clusters that can take the job, and the others with their reason, both in the order given.

    Args:
        job: what is to run.
        clusters: all that are configured.
        allowed: names the job may use; empty for all.
        zones: zones whose intensity is at hand on the basis of the plan.
        checkpoint_at: the cluster that the job's checkpoint lies on, None for a first start.
        learnt: what past runs took, for a job that states no duration.
        progress: fraction of the work done. [-]
    """
    names = [cluster.name for cluster in clusters]
    for name in allowed:
        if name not in names:
            raise UnknownName("allowed cluster", name, names)
    candidates, rejected = [], []
    for cluster in clusters:
        reason = (
            _not_permitted(job, cluster, allowed)
            or _no_duration(job, cluster, learnt)
            or _does_not_fit(job, cluster)
            or _too_long(job, cluster, learnt, 1 - progress)
        )
        if not reason and cluster.zone not in zones:
            reason = f"no intensity for zone {cluster.zone}"
        if not reason and checkpoint_at is not None and not share_storage(checkpoint_at, cluster):
            reason = f"shares no storage with {checkpoint_at.name}, where the checkpoint lies"
        if reason:
            rejected.append(Rejected(cluster=cluster.name, reason=reason))
        else:
            candidates.append(cluster)
    return tuple(candidates), tuple(rejected)


def too_narrow(job: Job, clusters: Sequence[Cluster], allowed: Collection[str]) -> str:
    """What the widest cluster that the job may use has, where even that is not enough; empty where one is."""
    permitted = [cluster for cluster in clusters if not _not_permitted(job, cluster, allowed)]
    if not permitted or any(open_to(width := width_on(job, each), each) >= width for each in permitted):
        return ""
    widest = max(permitted, key=lambda cluster: cluster.open_gpus)
    nodes, each = widest.gpus // widest.node.gpus, widest.node.gpus
    kept = f", {widest.reserve} of them kept back" if widest.reserve else ""
    return (
        f"it takes {width_on(job, widest)} GPUs, and {widest.name}, the widest it may use, has {nodes} x {each}{kept}"
    )


def duration_on(job: Job, cluster: Cluster, learnt: Learnt | None) -> timedelta | None:
    """One uninterrupted run on `cluster`: stated by the job, else learnt; None where neither says."""
    if job.duration is None and learnt is not None:
        return learnt.durations.get(cluster.gpu.model)
    return job.duration_on(cluster.gpu.model)


def width_on(job: Job, cluster: Cluster, gpus: int | None = None) -> int:
    """GPUs that the job occupies there: its own or the `gpus` it is resized to, in whole nodes if exclusive. [GPUs]"""
    return reserved_gpus(gpus or job.gpus, node_gpus=cluster.node.gpus, exclusive=job.exclusive)


def nodes_on(job: Job, cluster: Cluster, gpus: int | None = None) -> int:
    """Nodes that the ranks of a torchrun are shared out to there; 1 for every other kind, whatever it asks Ray for."""
    width = width_on(job, cluster, gpus)
    return max(1, width // cluster.node.gpus) if job.launch == "torchrun" else 1


def share_storage(one: Cluster, other: Cluster) -> bool:
    """Whether a checkpoint can travel between the two: the same cluster, or jobs save on a storage of the same name."""
    here, there = one.saves_on, other.saves_on
    return one.name == other.name or (here is not None and there is not None and here.name == there.name)


def can_run(job: Job, cluster: Cluster, gpus: int) -> bool:
    """Whether a candidate can also run the job at another width; an exclusive job takes whole nodes at each."""
    resized = job.model_copy(update={"gpus": gpus})
    return not _does_not_fit(resized, cluster) and (width_on(resized, cluster) == gpus)


def _not_permitted(job: Job, cluster: Cluster, allowed: Collection[str]) -> str:
    """Why the job may not go there, empty where it may."""
    if allowed and cluster.name not in allowed:
        return f"not among the allowed clusters ({', '.join(allowed)})"
    if job.data.countries and cluster.in_country not in job.data.countries:
        return f"its country {cluster.in_country} is not among data.countries ({', '.join(job.data.countries)})"
    if job.gpu and cluster.gpu.model not in job.gpu:
        return f"its GPU {cluster.gpu.model} is not among the job's ({', '.join(job.gpu)})"
    return ""


def _no_duration(job: Job, cluster: Cluster, learnt: Learnt | None) -> str:
    """Why nobody knows how long the job takes there, empty where it is known."""
    if duration_on(job, cluster, learnt) is not None:
        return ""
    if job.duration is None:
        return f"no past run of {job.name} was on GPU {cluster.gpu.model}"
    return f"the job gives no duration on GPU {cluster.gpu.model}"


def _too_long(job: Job, cluster: Cluster, learnt: Learnt | None, left: float) -> str:
    """Why what is left of the job is too long for the cluster, empty where it is not."""
    span = duration_on(job, cluster, learnt)
    return "" if span is None else too_long(job, cluster, span * left)


def _does_not_fit(job: Job, cluster: Cluster) -> str:
    """Why the job cannot run there, empty where it can."""
    width, node = width_on(job, cluster), cluster.node
    power_w = job.gpu_power_w(cluster)
    if width > cluster.gpus:
        whole = f" ({width // node.gpus} whole nodes)" if job.exclusive else ""
        return f"it has {cluster.gpus} GPUs at most, the job takes {width}{whole}"
    if width > (left := open_to(width, cluster)):
        shared = " in whole nodes" if left < cluster.open_gpus else ""
        return f"it keeps {cluster.reserve} of its {cluster.gpus} GPUs back, which leaves {left}{shared}, not {width}"
    if job.launch == "script" and job.gpus > node.gpus:
        return f"its nodes have {node.gpus} GPUs, and a script of {job.gpus} GPUs runs on one node"
    if job.launch == "torchrun" and width > node.gpus and width % node.gpus:
        return f"its nodes have {node.gpus} GPUs, and torchrun over several nodes takes whole ones, not {width} GPUs"
    spread = nodes_on(job, cluster) > 1 or (job.launch == "ray" and cluster.gpus > node.gpus)
    if spread and cluster.saves_on is not None and cluster.saves_on.uri is not None:
        return f"its storage is copied from one node, and {job.launch} over several needs one that all of them mount"
    if job.gpus % nodes_on(job, cluster):
        return f"its nodes have {node.gpus} GPUs, and {job.gpus} ranks cannot be shared evenly among such nodes"
    if power_w is not None and power_w < cluster.gpu.idle_w.central:
        return f"the job's {power_w:g} W a GPU is below the idle {cluster.gpu.idle_w.central:g} W of its GPUs"
    return ""
