"""What enters the difference between the two worlds, each world's terms made by the same rule.

Only what the choice of place and time changed enters: dynamic energy with its facility share, copies of data, and
the idle energy of boots and teardowns that home would not have had. Embodied and other idle energy stay out: the
hardware exists in both worlds, and no node is known to have been switched off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Estimate, Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import kg_from_g
from scheduler.lifecycle.model import TRANSFER_KWH_PER_GB
from scheduler.problem.rates import job_gpu_hour
from scheduler.records.attempts import Attempt
from scheduler.records.copies import copies_of, ends_kg
from scheduler.records.exposure import exposure, intensity_at, series_of
from scheduler.records.stretches import Stretch, cuts

MODELLED_ENERGY_RANGE: Final = 0.30
"""Half-width of an energy that was modelled and not metered [-]: real A100s average 42 to 48 % of their
nameplate (Hu et al., NSDI 2024, two clusters), so a nameplate model can be far off; this project's choice."""
PUE_RANGE: Final = 0.1
"""Half-width of a PUE whose cluster states no range, absolute: this project's choice. [-]"""
_DECIMALS: Final = 9
"""Ends of a factor are told to so many decimals, so that the dust of floating point makes no factor of its own."""

Sign = Literal[1, -1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A parameter that is off by an unknown ratio, the same for everything that shares its name.

    Args:
        name: what it is of.
        low, high: ends of its 95 % range, over its central value. [-]
        floor: what it cannot be under. [-]
    """

    name: str
    low: float
    high: float
    floor: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Something emitted on one side: +1 for what would have happened, -1 for what did.

    Args:
        kg: with every factor at its centre. [kg]
        factors: what it is proportional to.
    """

    sign: Sign
    kg: float
    factors: tuple[Factor, ...]


def terms_of(
    sign: Sign,
    job: Job,
    attempts: Sequence[Attempt],
    intensity: Mapping[str, IntensitySeries],
    *,
    data_at: Cluster | None,
    gap_percentile: float,
) -> Iterator[Term]:
    """The terms of one side; a gap of the intensity is priced at its percentile. [%]"""
    restarted = False
    for each in attempts:
        for cut in cuts(each):
            if cut.kind == "run" or restarted:
                yield _of_stretch(sign, job, cut, series_of(intensity, cut.cluster.zone), gap_percentile)
        restarted = restarted or each.cut
    for copy in copies_of(job, attempts, data_at):
        for end, kg in ends_kg(copy, intensity, gap_percentile):
            series = series_of(intensity, end.zone)
            yield Term(sign=sign, kg=kg, factors=(_TRANSFER, _intensity_at(series, copy.at, gap_percentile)))


def _of_stretch(sign: Sign, job: Job, stretch: Stretch, series: IntensitySeries, gap_percentile: float) -> Term:
    """Dynamic energy while running, idle energy otherwise, with the facility's share of it."""
    hour = job_gpu_hour(job, stretch.cluster, "central", stretch.gpus)
    drawn_kwh = hour.dynamic_kwh if stretch.kind == "run" else hour.idle_kwh

    def seen(level: Level) -> float:
        """The exposure at a corner. [g h/kWh]"""
        found = exposure(series, stretch.start, stretch.end, gap_percentile=gap_percentile, level=level)
        return found.total_g_h_per_kwh

    return Term(
        sign=sign,
        kg=kg_from_g(seen("central")) * drawn_kwh * hour.pue * stretch.gpus,
        factors=(
            _energy(stretch.cluster),
            _pue(stretch.cluster),
            _intensity(series, Estimate(low=seen("low"), central=seen("central"), high=seen("high"))),
        ),
    )


def _energy(cluster: Cluster) -> Factor:
    """The modelled energy of a kind of hardware."""
    name = f"energy of {cluster.gpu.model}"
    return Factor(name=name, low=1 - MODELLED_ENERGY_RANGE, high=1 + MODELLED_ENERGY_RANGE)


def _pue(cluster: Cluster) -> Factor:
    """The PUE of a cluster, within the range it states."""
    pue = cluster.stated_pue
    if pue.low == pue.high:
        pue = Estimate(low=pue.central - PUE_RANGE, central=pue.central, high=pue.central + PUE_RANGE)
    return _ratio(f"PUE of {cluster.name}", pue, floor=1 / pue.central)


def _intensity(series: IntensitySeries, seen: Estimate) -> Factor:
    """The intensity of a zone by one source."""
    return _ratio(f"intensity of {series.zone} by {series.source.name}", seen)


def _intensity_at(series: IntensitySeries, moment: datetime, gap_percentile: float) -> Factor:
    """The same at an instant."""

    def seen(level: Level) -> float:
        """The intensity at a corner. [g/kWh]"""
        return intensity_at(series, moment, gap_percentile=gap_percentile, level=level)

    return _intensity(series, Estimate(low=seen("low"), central=seen("central"), high=seen("high")))


def _ratio(name: str, figure: Estimate, *, floor: float = 0.0) -> Factor:
    """A figure over its central value; without a range where that is 0."""
    centre = figure.central or 1.0
    low, high = (figure.low / centre, figure.high / centre) if figure.central else (1.0, 1.0)
    return Factor(name=name, low=round(low, _DECIMALS), high=round(high, _DECIMALS), floor=round(floor, _DECIMALS))


_TRANSFER: Final = _ratio("energy of transfers", TRANSFER_KWH_PER_GB)
