"""The ground a job is planned on: the clusters that remain, its home among them, and the run on each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.job import Job
from scheduler.problem.candidates import NoCandidate, Rejected, duration_on, screen, too_narrow
from scheduler.problem.learnt import Learnt
from scheduler.problem.surface import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The clusters a job can use, and how long it takes there.

    Args:
        candidates: clusters that can take it.
        stranded: the cluster of its checkpoint where that one cannot take it, else empty.
        rejected: the clusters that cannot, with reasons.
        home: the cluster it would have used, a candidate or not.
        spans: one uninterrupted run on each candidate.
        duration: the same at home, or on the slowest candidate where home is none.
        resumed_from: row of the cluster of its checkpoint.
    """

    candidates: tuple[Cluster, ...]
    stranded: tuple[Cluster, ...]
    rejected: tuple[Rejected, ...]
    home: str
    spans: tuple[timedelta, ...]
    duration: timedelta
    resumed_from: int | None

    @property
    def rows(self) -> tuple[Cluster, ...]:
        """The clusters of the surface: the candidates, then the stranded one."""
        return self.candidates + self.stranded

    @property
    def home_row(self) -> int | None:
        """The row of the home cluster, None where it is no candidate."""
        return next((row for row, cluster in enumerate(self.candidates) if cluster.name == self.home), None)

    @property
    def speed(self) -> Floats:
        """Work done in an hour, where the run at home takes its duration, shape [C]. [-]"""
        return np.array([self.duration / span for span in self.spans] + [1.0] * len(self.stranded))


def ground_of(
    job: Job,
    clusters: Sequence[Cluster],
    *,
    allowed: Collection[str],
    zones: Collection[str],
    operator_home: str | None,
    learnt: Learnt | None,
    resumed_from: str | None,
    progress: float = 0.0,
) -> Ground:
    """The clusters that remain of `clusters`, and the run on each.

    Args:
        job: what is to run.
        clusters: all that are configured.
        allowed: names the job may use; empty for all.
        zones: zones whose intensity is at hand.
        operator_home: the project's home by the operator's word.
        learnt: what past runs took, for a job that states no duration.
        resumed_from: cluster that the checkpoint lies on; None for a first start.
        progress: fraction of the work done. [-]
    """
    if job.duration is None and learnt is None:
        raise InvalidInput(f"{job.name} states no duration and has no past run", hint="add 'duration: 12h' to the job")
    home = home_of(job, clusters, allowed, operator_home)
    at = _named(clusters, resumed_from)
    candidates, rejected = screen(
        job, clusters, allowed=allowed, zones=zones, checkpoint_at=at, learnt=learnt, progress=progress
    )
    if not candidates:
        raise NoCandidate(job, rejected, too_narrow(job, clusters, allowed))
    spans = {c.name: span for c in candidates if (span := duration_on(job, c, learnt)) is not None}
    stranded = (at,) if at is not None and at not in candidates else ()
    return Ground(
        candidates=candidates,
        stranded=stranded,
        rejected=rejected,
        home=home,
        spans=tuple(spans.values()),
        duration=spans.get(home) or max(spans.values()),
        resumed_from=(candidates + stranded).index(at) if at is not None else None,
    )


def home_of(job: Job, clusters: Sequence[Cluster], allowed: Collection[str], operator_home: str | None) -> str:
    """The cluster the job would have used: the operator's word, else the job's, else the only allowed one."""
    names = [cluster.name for cluster in clusters]
    said = operator_home or job.home
    if said is not None:
        if said not in names:
            raise UnknownName("home cluster", said, names)
        return said
    possible = [name for name in names if not allowed or name in allowed]
    if len(possible) != 1:
        raise InvalidInput(
            f"{job.name} has no home, the cluster that it would have used",
            hint=f"add 'home: NAME' to the job; one of {', '.join(possible or names)}",
        )
    return possible[0]


def _named(clusters: Sequence[Cluster], name: str | None) -> Cluster | None:
    """The cluster of that name; None for none."""
    if name is None:
        return None
    found = next((cluster for cluster in clusters if cluster.name == name), None)
    if found is None:
        raise UnknownName("cluster of the checkpoint", name, (cluster.name for cluster in clusters))
    return found
