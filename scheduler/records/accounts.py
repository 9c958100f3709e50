"""What a job really emitted: energy of each reserved hour times the intensity observed in it, line by line.

Nothing is metered here yet: the energy is modelled from stated powers and says so. Time, reservation and
intensity are what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import NOTHING, Emissions
from scheduler.domain.estimate import LEVELS, Level
from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import kg_from_g
from scheduler.lifecycle.model import GpuHour, gpu_hour, transfer_g
from scheduler.records.attempts import Attempt
from scheduler.records.exposure import AGAINST_REAL, exposure, intensity_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The realised footprint of a job, attributional, all lines.

    Args:
        emissions: low, central and high, by line. [kg]
        estimated_kg: part of the central total that rests on a gap in the intensity. [kg]
        gpu_energy_kwh, it_energy_kwh, facility_energy_kwh: what the model says it drew. [kWh]
        reserved_gpu_h, ran_gpu_h, held_gpu_h: GPU-hours granted, training, and kept while paused. [GPU-h]
        intensity_coverage: share of the hours whose intensity is known. [-]
        run_coverage: share of the reserved GPU-hours whose run the agent's evidence covers. [-]
        energy_source: how the energy is known; `model_gpu_w` and `model_tdp` are models, not meters.
    """

    emissions: Mapping[Level, Emissions]
    estimated_kg: float
    gpu_energy_kwh: float
    it_energy_kwh: float
    facility_energy_kwh: float
    reserved_gpu_h: float
    ran_gpu_h: float
    held_gpu_h: float
    intensity_coverage: float
    run_coverage: float
    energy_source: str

    @property
    def central(self) -> Emissions:
        """The central figures. [kg]"""
        return self.emissions["central"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Hours priced at one rate: GPUs from start to end on a cluster, as one kind of line."""

    cluster: Cluster
    gpus: int
    start: datetime
    end: datetime
    kind: Literal["overhead", "run", "hold"]


def account(
    job: Job,
    attempts: Sequence[Attempt],
    clusters: Mapping[str, Cluster],
    intensity: Mapping[str, IntensitySeries],
    *,
    gap_percentile: float = AGAINST_REAL,
) -> Account:
    """The account of a job from its attempts.

    Args:
        attempts: in order of time.
        clusters: by name, as declared.
        intensity: zone -> what was observed there.
        gap_percentile: where in its month a gap of the intensity is priced. [%]

    Raises:
        NotCovered: a zone has no intensity at all to price or estimate from.

    Notes:
        For each stretch, E[line] = gpus x kWh per GPU-h of the line x integral of the intensity over it.
        Outside the training's interval a reserved GPU idles: that energy, with its facility share, is `overhead`.
    """
    stretches = [s for a in attempts for s in stretches_of(a, clusters)] + _holds(attempts, clusters)
    emissions = {
        level: _priced(job, stretches, attempts, clusters, intensity, level, gap_percentile) for level in LEVELS
    }
    exposures = [
        (s, exposure(intensity[s.cluster.zone], s.start, s.end, gap_percentile=gap_percentile)) for s in stretches
    ]
    hours = sum(e.hours_h * s.gpus for s, e in exposures)
    reserved = sum(a.reserved_gpu_h for a in attempts)
    it_kwh, facility_kwh, gpu_kwh, estimated_g = 0.0, 0.0, 0.0, 0.0
    for stretch, seen in exposures:
        rate = rate_on(job, stretch.cluster, "central")
        drawn = (rate.it_kwh if stretch.kind == "run" else rate.idle_kwh) * stretch.gpus
        it_kwh += drawn * seen.hours_h
        facility_kwh += drawn * rate.pue * seen.hours_h
        gpu_kwh += rate.gpu_kwh * stretch.gpus * seen.hours_h if stretch.kind == "run" else 0.0
        estimated_g += drawn * rate.pue * seen.estimated_g_h_per_kwh
    return Account(
        emissions=emissions,
        estimated_kg=kg_from_g(estimated_g),
        gpu_energy_kwh=gpu_kwh,
        it_energy_kwh=it_kwh,
        facility_energy_kwh=facility_kwh,
        reserved_gpu_h=reserved,
        ran_gpu_h=sum(a.ran_gpu_h for a in attempts),
        held_gpu_h=sum(hours_between(s.start, s.end) * s.gpus for s in stretches if s.kind == "hold"),
        intensity_coverage=sum(e.known_h * s.gpus for s, e in exposures) / hours if hours else 1.0,
        run_coverage=sum(a.reserved_gpu_h for a in attempts if a.known_by != "nothing") / reserved if reserved else 1.0,
        energy_source="model_tdp" if job.gpu_w is None else "model_gpu_w",
    )


def stretches_of(attempt: Attempt, clusters: Mapping[str, Cluster]) -> list[Stretch]:
    """An attempt cut into what came before the run, the run, and what came after."""
    cluster = clusters[attempt.cluster]
    (granted, released), (started, ended) = attempt.reserved, attempt.ran
    cuts = (
        Stretch(cluster, attempt.gpus, granted, started, "overhead"),
        Stretch(cluster, attempt.gpus, started, ended, "run"),
        Stretch(cluster, attempt.gpus, ended, released, "overhead"),
    )
    return [cut for cut in cuts if cut.end > cut.start]


def _holds(attempts: Sequence[Attempt], clusters: Mapping[str, Cluster]) -> list[Stretch]:
    """Pauses that kept their nodes: between two attempts on one cluster that holds them."""
    found = []
    for before, after in zip(attempts, attempts[1:], strict=False):
        cluster = clusters[before.cluster]
        same = before.cluster == after.cluster and before.stopped
        if same and cluster.holds_paused and after.reserved[0] > before.reserved[1]:
            found.append(Stretch(cluster, before.gpus, before.reserved[1], after.reserved[0], "hold"))
    return found


def _priced(
    job: Job,
    stretches: Sequence[Stretch],
    attempts: Sequence[Attempt],
    clusters: Mapping[str, Cluster],
    intensity: Mapping[str, IntensitySeries],
    level: Level,
    gap_percentile: float,
) -> Emissions:
    """All stretches and transfers at one corner of the ranges. [kg]"""
    total = NOTHING
    for stretch in stretches:
        series = intensity[stretch.cluster.zone]
        seen = exposure(series, stretch.start, stretch.end, gap_percentile=gap_percentile, level=level)
        total += _lines(stretch, rate_on(job, stretch.cluster, level), seen.total_g_h_per_kwh)
    return total + Emissions(transfer=transfers_kg(job, attempts, clusters, intensity, level, gap_percentile))


def _lines(stretch: Stretch, rate: GpuHour, g_h_per_kwh: float) -> Emissions:
    """One stretch by line. [kg]"""
    weight = kg_from_g(g_h_per_kwh) * stretch.gpus
    embodied = kg_from_g(rate.embodied_g) * stretch.gpus * hours_between(stretch.start, stretch.end)
    idle = rate.idle_kwh * weight
    if stretch.kind == "overhead":
        return Emissions(overhead=idle * rate.pue, embodied=embodied)
    if stretch.kind == "hold":
        return Emissions(idle_held=idle, facility=idle * (rate.pue - 1), embodied=embodied)
    dynamic = rate.dynamic_kwh * weight
    facility = (dynamic + idle) * (rate.pue - 1)
    return Emissions(dynamic=dynamic, idle_running=idle, facility=facility, embodied=embodied)


def transfers_kg(
    job: Job,
    attempts: Sequence[Attempt],
    clusters: Mapping[str, Cluster],
    intensity: Mapping[str, IntensitySeries],
    level: Level,
    gap_percentile: float,
) -> float:
    """Checkpoints moved between clusters. [kg]"""
    total = 0.0
    for before, after in zip(attempts, attempts[1:], strict=False):
        if before.cluster == after.cluster or not job.checkpoint.gb:
            continue
        from_g, to_g = (
            intensity_at(intensity[clusters[name].zone], before.reserved[1], gap_percentile=gap_percentile, level=level)
            for name in (before.cluster, after.cluster)
        )
        total += kg_from_g(float(transfer_g(job.checkpoint.gb, from_g, to_g, level)))
    return total


def rate_on(job: Job, cluster: Cluster, level: Level) -> GpuHour:
    """What a GPU-hour of the job is on a cluster."""
    return gpu_hour(cluster, job.gpu_power_w(cluster), level)
