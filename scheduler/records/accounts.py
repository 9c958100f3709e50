"""What a job really emitted: energy of each reserved hour times the intensity observed in it, line by line.

Nothing is metered here yet: the energy is modelled from stated powers and says so. Time, reservation and
intensity are what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import NOTHING, Emissions
from scheduler.domain.estimate import LEVELS, Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import kg_from_g
from scheduler.lifecycle.model import GpuHour
from scheduler.problem.candidates import width_on
from scheduler.problem.rates import hold_lines, job_gpu_hour
from scheduler.records.attempts import Attempt
from scheduler.records.copies import copies_of, ends_kg
from scheduler.records.exposure import AGAINST_REAL, Exposure, exposure, series_of
from scheduler.records.stretches import Kind, Stretch, stretches_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The realised footprint of a job, attributional, all lines.

    Args:
        emissions: low, central and high, by line. [kg]
        estimated_kg: part of the central total that rests on a gap in the intensity, transfers apart. [kg]
        gpu_energy_kwh, it_energy_kwh, facility_energy_kwh: what the model says the clusters drew for it. [kWh]
        reserved_gpu_h, ran_gpu_h, held_gpu_h: GPU-hours granted, of these training, and kept while paused. [GPU-h]
        intensity_coverage: share of the GPU-hours whose intensity is known. [-]
        run_coverage: share of the reserved GPU-hours of which it is known when the training ran. [-]
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

    @property
    def gpu_h(self) -> float:
        """GPU-hours that were the job's, held ones included. [GPU-h]"""
        return self.reserved_gpu_h + self.held_gpu_h


def account(
    job: Job,
    attempts: Sequence[Attempt],
    intensity: Mapping[str, IntensitySeries],
    *,
    data_at: Cluster | None = None,
    paused_until: datetime | None = None,
    gap_percentile: float = AGAINST_REAL,
) -> Account:
    """The account of a job from its attempts.

    Args:
        job: what ran.
        attempts: in order of time.
        intensity: zone -> what was observed there.
        data_at: where its data lie, if that is known.
        paused_until: end so far of the pause that it is in on its last cluster, if it is in one.
        gap_percentile: where in its month a gap of the intensity is priced. [%]

    Raises:
        NotCovered: a zone has no intensity at all to price or estimate from.

    Notes:
        For each stretch, E[line] = GPUs x kWh per GPU-h of the line x integral of the intensity over it.
        Outside the training's interval a reserved GPU idles: that energy, with its facility share, is `overhead`.
    """
    stretches = stretches_of(attempts, paused_until)
    copies = list(copies_of(job, attempts, data_at))
    bills: dict[Level, _Bill] = {level: _Bill() for level in LEVELS}
    for level, bill in bills.items():
        for stretch in stretches:
            series = series_of(intensity, stretch.cluster.zone)
            seen = exposure(series, stretch.start, stretch.end, gap_percentile=gap_percentile, level=level)
            bill.add(job, stretch, job_gpu_hour(job, stretch.cluster, level, stretch.gpus), seen)
        for copy in copies:
            transfer_kg = sum(kg for _, kg in ends_kg(copy, intensity, gap_percentile, level))
            bill.emissions += Emissions(transfer=transfer_kg)
    central = bills["central"]
    reserved = central.gpu_h["run"] + central.gpu_h["overhead"]
    return Account(
        emissions={level: bill.emissions for level, bill in bills.items()},
        estimated_kg=central.estimated_kg,
        gpu_energy_kwh=central.gpu_kwh,
        it_energy_kwh=central.it_kwh,
        facility_energy_kwh=central.facility_kwh,
        reserved_gpu_h=reserved,
        ran_gpu_h=central.gpu_h["run"],
        held_gpu_h=central.gpu_h["hold"],
        intensity_coverage=_share(central.known_gpu_h, reserved + central.gpu_h["hold"]),
        run_coverage=run_coverage(job, attempts),
        energy_source=_energy_source(job, attempts),
    )


@dataclass(slots=True)
class _Bill:
    """What was added so far at one corner of the ranges: kilograms, kilowatt-hours and GPU-hours."""

    emissions: Emissions = NOTHING
    estimated_kg: float = 0.0
    gpu_kwh: float = 0.0
    it_kwh: float = 0.0
    facility_kwh: float = 0.0
    known_gpu_h: float = 0.0
    gpu_h: dict[Kind, float] = field(default_factory=lambda: dict.fromkeys(("overhead", "run", "hold"), 0.0))

    def add(self, job: Job, stretch: Stretch, hour: GpuHour, seen: Exposure) -> None:
        """A stretch; the hour is one of a GPU that the training uses, with the share of its node that is reserved."""
        gpu_h = stretch.gpus * seen.hours_h
        reserved = width_on(job, stretch.cluster, stretch.gpus) / stretch.gpus
        running = stretch.kind == "run"
        drawn_kwh = hour.it_kwh if running else hour.idle_kwh
        self.emissions += lines_of(stretch, hour, seen.total_g_h_per_kwh / seen.hours_h).scaled(gpu_h)
        self.estimated_kg += kg_from_g(stretch.gpus * seen.estimated_g_h_per_kwh * drawn_kwh * hour.pue)
        self.gpu_kwh += hour.gpu_kwh * gpu_h if running else 0.0
        self.it_kwh += drawn_kwh * gpu_h
        self.facility_kwh += drawn_kwh * hour.pue * gpu_h
        self.known_gpu_h += stretch.gpus * seen.known_h * reserved
        self.gpu_h[stretch.kind] += gpu_h * reserved


def lines_of(stretch: Stretch, hour: GpuHour, g_per_kwh: float) -> Emissions:
    """One GPU-hour of a stretch at its mean intensity, by line. [kg]"""
    mean = np.asarray(g_per_kwh)
    lines = hour.running(mean) if stretch.kind == "run" else hour.holding(mean)
    if stretch.kind == "hold":
        lines = hold_lines(stretch.cluster, hour, mean)
    kg = {line: kg_from_g(float(mass_g)) for line, mass_g in lines.items()}
    if stretch.kind == "overhead":
        return Emissions(overhead=kg["idle_held"] + kg["facility"], embodied=kg["embodied"])
    return Emissions(**kg)


def run_coverage(job: Job, attempts: Sequence[Attempt]) -> float:
    """Share of the reserved GPU-hours of which it is known when the training ran. [-]"""
    known = [
        (each.known_by != "nothing", each.reserved_h * width_on(job, each.cluster, each.gpus)) for each in attempts
    ]
    return _share(sum(gpu_h for is_known, gpu_h in known if is_known), sum(gpu_h for _, gpu_h in known))


def _energy_source(job: Job, attempts: Sequence[Attempt]) -> str:
    """How the power at work is known on each cluster it ran on."""
    stated = {job.gpu_power_w(each.cluster) is not None for each in attempts}
    return " and ".join(name for name, flag in (("model_gpu_w", True), ("model_tdp", False)) if flag in stated)


def _share(part: float, whole: float) -> float:
    """A part of a whole, all of it where there is no whole. [-]"""
    return min(1.0, part / whole) if whole > 0 else 1.0
