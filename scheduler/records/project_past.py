"""Where and how soon a project's own jobs ran before: what a home, and what would have been, are held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import parse_instant
from scheduler.problem.candidates import width_on
from scheduler.records.counterfactual import year_before
from scheduler.records.exposure import month_start
from scheduler.records.gather import JobHistory

LEAST_HOME_SHARE: Final = 0.20
"""Share of a project's GPU-hours under which a cluster is not its home [-]: this project's choice."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a project did in a period that is over, and that nothing later changes.

    Args:
        since, until: the period.
        shares: each cluster with its share of the GPU-hours. [-]
        delay: from when a job might have started to when it did, the mean over the GPU-hours.
        gpu_h: what they are taken from. [GPU-h]
    """

    since: datetime
    until: datetime
    shares: tuple[tuple[Cluster, float], ...]
    delay: timedelta
    gpu_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A job's time on a cluster, and how long after it might have started it did. [GPU-h]"""

    submitted_at: datetime
    cluster: Cluster
    gpu_h: float
    delay: timedelta


@dataclass(frozen=True, slots=True)
class ProjectPast:
    """The past of every project.

    Args:
        stays: of the jobs of each project, those on hardware that is not there apart.
    """

    stays: Mapping[tuple[str, bool], tuple[Stay, ...]]
    _known: dict[tuple[str, bool, datetime, datetime], Reference | None] = field(default_factory=dict, repr=False)

    def home_share(self, history: JobHistory) -> float | None:
        """Its home's share of its project's GPU-hours in the twelve months before the one of its submission. [-]

        None where the project has none: then nobody can tell.
        """
        until = month_start(history.row.submitted_at)
        past = self._between(*_key(history), until.replace(year=until.year - 1), until)
        if past is None:
            return None
        home = history.row.counterfactual.get("home", "")
        return sum(share for cluster, share in past.shares if cluster.name == home)

    def reference(self, history: JobHistory) -> Reference | None:
        """What its project did in the reference period that its rule names; None where it did nothing then."""
        return self._between(*_key(history), *reference_period(history))

    def _between(self, project: str, simulated: bool, since: datetime, until: datetime) -> Reference | None:  # noqa: FBT001  # a half of the key
        """What a project did with the jobs submitted in ``[since, until)``."""
        key = project, simulated, since, until
        if key not in self._known:
            stays = [stay for stay in self.stays.get(key[:2], ()) if since <= stay.submitted_at < until]
            self._known[key] = _summed(stays, since, until)
        return self._known[key]


def project_past(histories: Iterable[JobHistory]) -> ProjectPast:
    """The past that some histories make."""
    found: dict[tuple[str, bool], list[Stay]] = {}
    for history in histories:
        if not history.attempts:
            continue
        rule, job = history.row.counterfactual, history.row.job
        late = history.attempts[0].reserved[0] - parse_instant(rule["not_before"])
        stays = found.setdefault(_key(history), [])
        for each in history.attempts:
            stays.append(
                Stay(
                    submitted_at=history.row.submitted_at,
                    cluster=each.cluster,
                    gpu_h=each.reserved_h * width_on(job, each.cluster, each.gpus),
                    delay=max(timedelta(0), late),
                )
            )
    return ProjectPast({key: tuple(stays) for key, stays in found.items()})


def reference_period(history: JobHistory) -> tuple[datetime, datetime]:
    """The period that its rule was registered with; of an older rule the calendar year before."""
    since, _, until = history.row.counterfactual.get("reference", "").partition("/")
    if since:
        return parse_instant(since), parse_instant(until)
    return year_before(history.row.submitted_at)


def _summed(stays: list[Stay], since: datetime, until: datetime) -> Reference | None:
    """Shares and mean delay over the GPU-hours; None where there are none."""
    total = sum(stay.gpu_h for stay in stays)
    if total <= 0:
        return None
    clusters: dict[str, Cluster] = {}
    gpu_h: dict[str, float] = {}
    for stay in stays:
        clusters[stay.cluster.name] = stay.cluster
        gpu_h[stay.cluster.name] = gpu_h.get(stay.cluster.name, 0.0) + stay.gpu_h
    delay_h = sum(stay.gpu_h * (stay.delay / _HOUR) for stay in stays) / total
    return Reference(
        since=since,
        until=until,
        shares=tuple((clusters[name], gpu_h[name] / total) for name in sorted(clusters) if gpu_h[name] > 0),
        delay=timedelta(hours=delay_h),
        gpu_h=total,
    )


def _key(history: JobHistory) -> tuple[str, bool]:
    """The project of a job, hardware that is not there apart."""
    return history.row.job.project, history.simulated
