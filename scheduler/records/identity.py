"""Whether the accounts of jobs close with their cluster: jobs + idle nobody had + head nodes = its IT energy, by month.

What is counted twice, as where a lost job's GPUs were reserved on until its lease ran out and another had them
already, is taken off and shown, so that jobs never come to more than the cluster. A cluster exists here from the
first plan that declares it; before that, nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import Floats, IntensitySeries
from scheduler.domain.units import W_PER_KW, kg_from_g
from scheduler.problem.candidates import width_on
from scheduler.records.accounts import Accrual, hosts_of
from scheduler.records.exposure import AGAINST_REAL, month_start, next_month, slots
from scheduler.records.gather import JobHistory
from scheduler.records.stretches import stretches_of

_DUST: Final = 1e-9
"""Share of a sum that floating point may leave. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A cluster as it was declared, from an instant until it was declared otherwise, or up to now."""

    cluster: Cluster
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One cluster in one calendar month in UTC, as far as it was declared; energy is IT energy. [kWh]

    Args:
        installed_gpu_h, reserved_gpu_h: GPU-hours there were, and of these a job's, none counted twice. [GPU-h]
        jobs_kwh: the sum of its jobs' accounts.
        twice_kwh: idle energy in it that two jobs at once were charged with, taken off.
        unallocated_kwh: idle energy of what was nobody's.
        head_kwh: head nodes, 0 where `head_w` is not declared.
        it_kwh: of the installed hardware: its idle floor, what jobs added to it, and head nodes.
        facility_kwh: that with the PUE.
        unallocated_kg: what the idle energy of nobody and head nodes emitted with its facility share; None where the
            zone has no intensity. [kg]
    """

    cluster: Cluster
    month: datetime
    installed_gpu_h: float
    reserved_gpu_h: float
    jobs_kwh: float
    twice_kwh: float
    unallocated_kwh: float
    head_kwh: float
    it_kwh: float
    facility_kwh: float
    unallocated_kg: float | None

    @property
    def parts_kwh(self) -> float:
        """Jobs, none of it twice, idle energy of nobody, and head nodes: what is to be the cluster's. [kWh]"""
        return self.jobs_kwh - self.twice_kwh + self.unallocated_kwh + self.head_kwh

    @property
    def difference_kwh(self) -> float:
        """The cluster's energy that the parts do not explain. [kWh]"""
        return self.it_kwh - self.parts_kwh

    @property
    def closes(self) -> bool:
        """Whether it is nothing but the rounding of sums."""
        return abs(self.difference_kwh) <= _DUST * max(self.it_kwh, self.jobs_kwh, 1.0)

    @property
    def reserved_share(self) -> float:
        """Share of the installed GPU-hours that was a job's; never over 1. [-]"""
        return self.reserved_gpu_h / self.installed_gpu_h if self.installed_gpu_h > 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Use:
    """GPUs and nodes' worth of host of one cluster that a job had from start to end."""

    start: datetime
    end: datetime
    gpus: int
    hosts: float


def declarations(seen: Iterable[tuple[datetime, Mapping[str, Cluster]]], *, now: datetime) -> list[Declaration]:
    """From when to when each cluster was declared as what; a plan that does not declare it any more ends it.

    Args:
        seen: the clusters that each plan declares, with when it was made, in any order.
        now: end of what was declared last.
    """
    current: dict[str, tuple[datetime, Cluster]] = {}
    found: list[Declaration] = []
    for moment, clusters in [*sorted(seen, key=lambda each: each[0]), (now, {})]:
        for name in [name for name, (_, cluster) in current.items() if clusters.get(name) != cluster]:
            since, cluster = current.pop(name)
            if moment > since:
                found.append(Declaration(cluster=cluster, since=since, until=moment))
        for name, cluster in clusters.items():
            current.setdefault(name, (moment, cluster))
    return found


def closings(
    histories: Sequence[JobHistory],
    accruals: Iterable[Accrual],
    declared: Iterable[Declaration],
    intensity: Mapping[str, IntensitySeries],
) -> list[Closing]:
    """The identity of each cluster and month in which it was declared, in the order of their names.

    Args:
        histories: of every job that ever ran there.
        accruals: of the accounts of the same jobs.
        declared: from when to when each cluster was declared.
        intensity: zone -> observed; a zone that is not there leaves the kilograms of its idle energy unknown.

    Notes:
        With N nodes of n GPUs installed, and floor = n gpu.idle_w + node.idle_w,
        it = N floor x hours + sum over jobs of (energy - its share of that floor) + head_w x hours;
        unallocated = (N n - GPUs of jobs) gpu.idle_w + (N - nodes' worth of host of jobs) node.idle_w, never under 0.
    """
    uses = _uses(histories)
    made: dict[tuple[str, datetime], _Month] = {}
    for one in sorted(declared, key=lambda each: (each.cluster.name, each.since)):
        start = one.since
        while start < one.until:
            end = min(one.until, next_month(start))
            key = one.cluster.name, month_start(start)
            made.setdefault(key, _Month()).add(one.cluster, uses.get(one.cluster.name, []), start, end, intensity)
            start = end
    for each in accruals:
        key = each.cluster.name, each.month
        if key in made:
            made[key].count(each)
    return [month.closing(moment) for (_, moment), month in made.items()]


class _Month:
    """What was added so far of one cluster and month. [kWh], [GPU-h], [kg]"""

    def __init__(self) -> None:
        """Nothing yet."""
        self._cluster: Cluster | None = None
        self._installed_gpu_h = self._reserved_gpu_h = self._twice_kwh = 0.0
        self._idle_kwh = self._head_kwh = self._idle_facility_kwh = 0.0
        self._jobs_kwh = self._jobs_facility_kwh = self._twice_facility_kwh = 0.0
        self._floor_kwh = self._over_floor_kwh = 0.0
        self._kg: float | None = 0.0

    def add(
        self,
        cluster: Cluster,
        uses: Sequence[_Use],
        start: datetime,
        end: datetime,
        intensity: Mapping[str, IntensitySeries],
    ) -> None:
        """A part of the month in which the cluster was declared as one thing."""
        self._cluster = cluster
        hours_h, pue = hours_between(start, end), cluster.stated_pue.central
        edges_h, gpus, hosts = _steps(uses, start, end)
        lengths_h, nodes = np.diff(edges_h), cluster.gpus / cluster.node.gpus
        gpu_kw, node_kw = cluster.gpu.idle_w.central / W_PER_KW, cluster.node.idle_w.central / W_PER_KW
        head_kw = 0.0 if cluster.head_w is None else cluster.head_w.central / W_PER_KW
        free_kw = np.clip(cluster.gpus - gpus, 0, None) * gpu_kw + np.clip(nodes - hosts, 0, None) * node_kw
        twice_kw = np.clip(gpus - cluster.gpus, 0, None) * gpu_kw + np.clip(hosts - nodes, 0, None) * node_kw
        idle_kwh, twice_kwh = float(lengths_h @ free_kw), float(lengths_h @ twice_kw)
        self._installed_gpu_h += cluster.gpus * hours_h
        self._reserved_gpu_h += float(lengths_h @ np.minimum(gpus, cluster.gpus))
        self._floor_kwh += (cluster.gpus * gpu_kw + nodes * node_kw) * hours_h
        self._twice_kwh += twice_kwh
        self._twice_facility_kwh += twice_kwh * pue
        self._idle_kwh += idle_kwh
        self._head_kwh += head_kw * hours_h
        self._idle_facility_kwh += (idle_kwh + head_kw * hours_h) * pue
        series = intensity.get(cluster.zone)
        if series is None or self._kg is None:
            self._kg = None
        else:
            self._kg += _priced(series, start, end, edges_h, free_kw + head_kw) * pue

    def count(self, accrual: Accrual) -> None:
        """What a job's account says of the month."""
        self._jobs_kwh += accrual.it_kwh
        self._jobs_facility_kwh += accrual.facility_kwh
        gpu, node = accrual.cluster.gpu, accrual.cluster.node
        floor_w_h = accrual.gpu_h * gpu.idle_w.central + accrual.host_h * node.idle_w.central
        self._over_floor_kwh += accrual.it_kwh - floor_w_h / W_PER_KW

    def closing(self, month: datetime) -> Closing:
        """The identity."""
        assert self._cluster is not None  # noqa: S101  # a month is made with its first part
        return Closing(
            cluster=self._cluster,
            month=month,
            installed_gpu_h=self._installed_gpu_h,
            reserved_gpu_h=self._reserved_gpu_h,
            jobs_kwh=self._jobs_kwh,
            twice_kwh=self._twice_kwh,
            unallocated_kwh=self._idle_kwh,
            head_kwh=self._head_kwh,
            it_kwh=self._floor_kwh + self._over_floor_kwh + self._head_kwh,
            facility_kwh=self._jobs_facility_kwh - self._twice_facility_kwh + self._idle_facility_kwh,
            unallocated_kg=self._kg,
        )


def _uses(histories: Iterable[JobHistory]) -> dict[str, list[_Use]]:
    """What jobs had of each cluster, by its name."""
    found: dict[str, list[_Use]] = {}
    for history in histories:
        job = history.row.job
        for stretch in stretches_of(history.attempts, history.paused_until):
            use = _Use(
                start=stretch.start,
                end=stretch.end,
                gpus=width_on(job, stretch.cluster, stretch.gpus),
                hosts=hosts_of(job, stretch),
            )
            found.setdefault(stretch.cluster.name, []).append(use)
    return found


def _steps(uses: Sequence[_Use], start: datetime, end: datetime) -> tuple[Floats, Floats, Floats]:
    """Hours since `start` at which the use of a cluster changes, and its GPUs and hosts between them. [h]"""
    whole_h = hours_between(start, end)
    inside = [use for use in uses if use.start < end and use.end > start]
    begins = np.array([max(0.0, hours_between(start, use.start)) for use in inside])
    ends = np.array([min(whole_h, hours_between(start, use.end)) for use in inside])
    moments = np.concatenate([begins, ends])
    order = np.argsort(moments, kind="stable")
    edges_h = np.concatenate([[0.0], moments[order], [whole_h]])
    steps = []
    for name in ("gpus", "hosts"):
        taken = np.array([float(getattr(use, name)) for use in inside])
        steps.append(np.concatenate([[0.0], np.cumsum(np.concatenate([taken, -taken])[order])]))
    return edges_h, steps[0], steps[1]


def _priced(series: IntensitySeries, start: datetime, end: datetime, edges_h: Floats, kw: Floats) -> float:
    """What a power that changes at the edges emits. [kg]"""
    cut = slots(series, start, end, gap_percentile=AGAINST_REAL)
    energy_kwh = np.concatenate([[0.0], np.cumsum(np.diff(edges_h) * kw)])
    by_slot = np.diff(np.interp(cut.edges_h, edges_h, energy_kwh))
    return kg_from_g(float(by_slot @ cut.g_per_kwh["central"]))
