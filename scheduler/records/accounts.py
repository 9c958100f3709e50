"""What a job really emitted: energy of each reserved hour times the intensity observed in it, line by line.

Energy is metered where a meter was, and modelled from stated powers elsewhere; the account says which, and how much of
each. Time, reservation and intensity are what was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import LINES, Emissions
from scheduler.domain.estimate import LEVELS, Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import kg_from_g
from scheduler.problem.candidates import width_on
from scheduler.problem.rates import hold_lines, host_share
from scheduler.records.attempts import Attempt
from scheduler.records.copies import copies_of, ends_kg
from scheduler.records.drawn import Drawn, counted, drawn
from scheduler.records.energy_known import energy_notes, energy_source, known_h
from scheduler.records.exposure import AGAINST_REAL, Slots, month_start, next_month, series_of, slots
from scheduler.records.stretches import Kind, Stretch, stretches_of

_KINDS: Final[tuple[Kind, ...]] = ("overhead", "run", "hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """What falls to one cluster in one calendar month in UTC, central figures.

    Args:
        month: its first instant.
        gpu_h: reserved and held. [GPU-h]
        host_h: nodes' worth of host carried, times hours. [node-h]
        dynamic_kwh, idle_kwh: IT energy above the idle floor, and of it; facility_kwh: both with the PUE. [kWh]
        emissions: by line, transfers apart. [kg]
    """

    cluster: Cluster
    month: datetime
    gpu_h: float
    host_h: float
    dynamic_kwh: float
    idle_kwh: float
    facility_kwh: float
    emissions: Emissions

    @property
    def it_kwh(self) -> float:
        """All IT energy. [kWh]"""
        return self.dynamic_kwh + self.idle_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The realised footprint of a job, attributional, all lines.

    Args:
        emissions: low, central and high, by line. [kg]
        estimated_kg: part of the central total that rests on a gap in the intensity, transfers apart. [kg]
        gpu_energy_kwh: of the boards while training; it_energy_kwh, facility_energy_kwh: all of it. [kWh]
        measured_kwh: what meters counted, of boards; gap_kwh: what stands for their missing readings. [kWh]
        reserved_gpu_h, ran_gpu_h, held_gpu_h: GPU-hours granted, of these training, and kept while paused. [GPU-h]
        intensity_coverage: share of the GPU-hours whose intensity is known. [-]
        run_coverage: share of the reserved GPU-hours of which it is known when the training ran and, where a meter
            was, what it drew. [-]
        energy_source: how the energy of the boards is known; `model_gpu_w`, `model_tdp` and `gap_model` are models.
        accruals: the same by cluster and month.
        notes: what a reader of the energy must know.
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
    measured_kwh: float = 0.0
    gap_kwh: float = 0.0
    accruals: tuple[Accrual, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def central(self) -> Emissions:
        """The central figures. [kg]"""
        return self.emissions["central"]

    @property
    def gpu_h(self) -> float:
        """GPU-hours that were the job's, held ones included. [GPU-h]"""
        return self.reserved_gpu_h + self.held_gpu_h

    @property
    def measured_share(self) -> float:
        """Share of the joules of all its IT hardware that a meter counted; hosts are never metered. [-]"""
        return self.measured_kwh / self.it_energy_kwh if self.it_energy_kwh > 0 else 0.0


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
        For each stretch, E[line] = sum over the slots of the intensity of energy[line, slot] x intensity[slot].
        Outside the training's interval a reserved GPU idles, or draws what its meter says: that energy, with its
        facility share, is `overhead`. Low and high take every figure at that end, a meter at +/-5 %.
    """
    bill = _Bill()
    for stretch in _by_month(stretches_of(attempts, paused_until)):
        cut = slots(
            series_of(intensity, stretch.cluster.zone), stretch.start, stretch.end, gap_percentile=gap_percentile
        )
        bill.add(job, stretch, cut)
    for copy in copies_of(job, attempts, data_at):
        for level in LEVELS:
            bill.kg[level]["transfer"] += sum(kg for _, kg in ends_kg(copy, intensity, gap_percentile, level))
    reserved = bill.gpu_h["run"] + bill.gpu_h["overhead"]
    accruals = tuple(month.accrual(moment) for (_, moment), month in bill.months.items())
    return Account(
        emissions={level: Emissions(**kg) for level, kg in bill.kg.items()},
        estimated_kg=bill.estimated_kg,
        gpu_energy_kwh=bill.gpu_kwh,
        it_energy_kwh=sum(each.it_kwh for each in accruals),
        facility_energy_kwh=sum(each.facility_kwh for each in accruals),
        reserved_gpu_h=reserved,
        ran_gpu_h=bill.gpu_h["run"],
        held_gpu_h=bill.gpu_h["hold"],
        intensity_coverage=_share(bill.known_gpu_h, reserved + bill.gpu_h["hold"]),
        run_coverage=run_coverage(job, attempts),
        energy_source=energy_source(job, attempts, gap_kwh=bill.gap_kwh, gpu_kwh=bill.gpu_kwh),
        measured_kwh=bill.measured_kwh,
        gap_kwh=bill.gap_kwh,
        accruals=accruals,
        notes=energy_notes(attempts, under_floor=bill.under_floor, held=bill.gpu_h["hold"] > 0),
    )


def total_kg(
    job: Job,
    attempts: Sequence[Attempt],
    intensity: Mapping[str, IntensitySeries],
    *,
    data_at: Cluster | None,
) -> float:
    """The central total of an account alone, at a third of its price: all lines. [kg]

    Raises:
        NotCovered: a zone has no intensity at all to price or estimate from.
    """
    found = 0.0
    for stretch in stretches_of(attempts):
        series = series_of(intensity, stretch.cluster.zone)
        cut = slots(series, stretch.start, stretch.end, gap_percentile=AGAINST_REAL, levels=("central",))
        found += sum(lines_kg(stretch, drawn(job, stretch, cut), cut, "central").values())
    for copy in copies_of(job, attempts, data_at):
        found += sum(kg for _, kg in ends_kg(copy, intensity, AGAINST_REAL))
    return found


def _no_kg() -> dict[Level, dict[str, float]]:
    """A bill of nothing. [kg]"""
    return {level: dict.fromkeys(LINES, 0.0) for level in LEVELS}


@dataclass(slots=True)
class _Bill:
    """What was added so far: kilograms at each corner, and the central kilowatt-hours and GPU-hours."""

    kg: dict[Level, dict[str, float]] = field(default_factory=_no_kg)
    months: dict[tuple[str, datetime], _Month] = field(default_factory=dict)
    gpu_h: dict[Kind, float] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0.0))
    estimated_kg: float = 0.0
    gpu_kwh: float = 0.0
    measured_kwh: float = 0.0
    gap_kwh: float = 0.0
    known_gpu_h: float = 0.0
    under_floor: set[str] = field(default_factory=set)

    def add(self, job: Job, stretch: Stretch, cut: Slots) -> None:
        """A stretch that lies in one month."""
        of = counted(stretch, cut)
        for level in LEVELS:
            made = drawn(job, stretch, cut, level, of=of)
            found = lines_kg(stretch, made, cut, level)
            for line, kg in found.items():
                self.kg[level][line] += kg
            if level == "central":
                self._count(job, stretch, cut, made, found)

    def _count(self, job: Job, stretch: Stretch, cut: Slots, made: Drawn, found: Mapping[str, float]) -> None:
        """The central energy and hours of a stretch, and what falls to its month."""
        width, hours_h = width_on(job, stretch.cluster, stretch.gpus), float(cut.edges_h[-1])
        if stretch.kind == "run":
            self.gpu_kwh += float(made.gpu_kwh.sum())
            if made.under_the_floor:
                self.under_floor.add(stretch.cluster.name)
        if not cut.known.all():
            gap_g = float((made.it_kwh * cut.g_per_kwh["central"])[~cut.known].sum())
            self.estimated_kg += kg_from_g(gap_g) * made.hour.pue
        self.measured_kwh += made.measured_kwh
        self.gap_kwh += made.estimated_kwh
        self.known_gpu_h += width * cut.known_h
        self.gpu_h[stretch.kind] += width * hours_h
        month = self.months.setdefault(
            (stretch.cluster.name, month_start(stretch.start)), _Month(cluster=stretch.cluster)
        )
        dynamic_kwh, idle_kwh = float(made.dynamic_kwh.sum()), float(made.idle_kwh.sum())
        month.gpu_h += width * hours_h
        month.host_h += hosts_of(job, stretch) * hours_h
        month.dynamic_kwh += dynamic_kwh
        month.idle_kwh += idle_kwh
        month.facility_kwh += (dynamic_kwh + idle_kwh) * made.hour.pue
        for line, kg in found.items():
            month.kg[line] = month.kg.get(line, 0.0) + kg


@dataclass(slots=True)
class _Month:
    """What was added so far of one cluster and month."""

    cluster: Cluster
    gpu_h: float = 0.0
    host_h: float = 0.0
    dynamic_kwh: float = 0.0
    idle_kwh: float = 0.0
    facility_kwh: float = 0.0
    kg: dict[str, float] = field(default_factory=dict)

    def accrual(self, month: datetime) -> Accrual:
        """All of it."""
        return Accrual(
            cluster=self.cluster,
            month=month,
            gpu_h=self.gpu_h,
            host_h=self.host_h,
            dynamic_kwh=self.dynamic_kwh,
            idle_kwh=self.idle_kwh,
            facility_kwh=self.facility_kwh,
            emissions=Emissions(**self.kg),
        )


def lines_kg(stretch: Stretch, made: Drawn, cut: Slots, level: Level) -> dict[str, float]:
    """What a stretch emits at one corner, by line. [kg]"""
    g_per_kwh, hour = cut.g_per_kwh[level], made.hour
    if stretch.kind == "hold":
        lines = hold_lines(stretch.cluster, hour, g_per_kwh)
        return {line: kg_from_g(float(cut.hours_h @ mass_g)) * stretch.gpus for line, mass_g in lines.items()}
    dynamic_kg = kg_from_g(float(made.dynamic_kwh @ g_per_kwh))
    idle_kg = kg_from_g(float(made.idle_kwh @ g_per_kwh))
    embodied_kg = kg_from_g(float(cut.edges_h[-1]) * stretch.gpus * hour.embodied_g)
    if stretch.kind == "overhead":
        return {"overhead": (dynamic_kg + idle_kg) * hour.pue, "embodied": embodied_kg}
    return {
        "dynamic": dynamic_kg,
        "idle_running": idle_kg,
        "facility": (dynamic_kg + idle_kg) * (hour.pue - 1),
        "embodied": embodied_kg,
    }


def hosts_of(job: Job, stretch: Stretch) -> float:
    """Nodes' worth of host that a stretch carries. [nodes]"""
    return host_share(job, stretch.cluster, stretch.gpus) if stretch.hosts is None else stretch.hosts


def run_coverage(job: Job, attempts: Sequence[Attempt]) -> float:
    """Share of the reserved GPU-hours of which it is known when the training ran and, where metered, its draw. [-]"""
    widths = [width_on(job, each.cluster, each.gpus) for each in attempts]
    known = sum(known_h(each) * width for each, width in zip(attempts, widths, strict=True))
    return _share(known, sum(each.reserved_h * width for each, width in zip(attempts, widths, strict=True)))


def _by_month(stretches: Iterable[Stretch]) -> Iterable[Stretch]:
    """The stretches cut where a month begins."""
    for stretch in stretches:
        rest = stretch
        while (cut := next_month(rest.start)) < rest.end:
            yield replace(rest, end=cut)
            rest = replace(rest, start=cut)
        yield rest


def _share(part: float, whole: float) -> float:
    """A part of a whole, all of it where there is no whole. [-]"""
    return min(1.0, part / whole) if whole > 0 else 1.0
