"""What enters the difference between the two worlds, each world's terms made by the same rule.

Only what the choice of place and time changed enters: dynamic energy with its facility share, copies of data, and
the energy of boots and teardowns that home would not have had. Embodied and other idle energy stay out: the
hardware exists in both worlds, and no node is known to have been switched off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Estimate, Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.units import G_PER_KG, W_PER_KW
from scheduler.problem.rates import job_gpu_hour
from scheduler.records.attempts import Attempt
from scheduler.records.copies import copies_of, ends_kg
from scheduler.records.drawn import Drawn, drawn
from scheduler.records.exposure import Slots, intensity_at, series_of, slots
from scheduler.records.factors import (
    TRANSFER,
    Factor,
    host_power,
    intensity_in,
    metered,
    modelled,
    pue_in,
    states_a_range,
)
from scheduler.records.stretches import Stretch, cuts

_INSTANT: Final = timedelta(microseconds=1)

Sign = Literal[1, -1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Something emitted on one side: +1 for what would have happened, -1 for what did.

    Args:
        kg: with every factor at its centre; under 0 for the idle floor, which a meter's reading holds. [kg]
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
    by_ratio: Sequence[str] = (),
) -> Iterator[Term]:
    """The terms of one side; a gap of the intensity is priced at its percentile. [%]

    Args:
        by_ratio: of each attempt the hardware that its metered energy was taken over from by a ratio, empty where it
            was metered there; nothing for attempts that all ran where they say.

    Notes:
        What the infrastructure wasted is charged whole, boot and teardown too. Of the rest one boot and one teardown
        would have been at home, and what a suspend added after them would not.
    """
    restarted = False
    for number, each in enumerate(attempts):
        taken_from = by_ratio[number] if by_ratio else ""
        for cut in cuts(each):
            if cut.kind == "run" or each.wasted or restarted:
                series = series_of(intensity, cut.cluster.zone)
                yield from _of_stretch(sign, job, cut, series, gap_percentile, taken_from)
        restarted = restarted or (each.cut and not each.wasted)
    for copy in copies_of(job, attempts, data_at):
        for end, kg in ends_kg(copy, intensity, gap_percentile):
            series = series_of(intensity, end.zone)
            yield Term(sign=sign, kg=kg, factors=(TRANSFER, _intensity_at(series, copy.at, gap_percentile)))


def _of_stretch(  # noqa: PLR0917  # private, and each is another thing
    sign: Sign, job: Job, stretch: Stretch, series: IntensitySeries, gap_percentile: float, taken_from: str
) -> Iterator[Term]:
    """Dynamic energy while running, all of it otherwise, with the facility's share, year by year."""
    hour = job_gpu_hour(job, stretch.cluster, "central", stretch.gpus, hosts=stretch.hosts)
    host = host_power(stretch.cluster)
    for part in _by_year(stretch):
        cut = slots(series, part.start, part.end, gap_percentile=gap_percentile)
        kg_per_kwh = cut.g_per_kwh["central"] * (hour.pue / G_PER_KG)
        what = drawn(job, part, cut, "central", hour)
        shared = (pue_in(part.cluster, part.start.year), _intensity(series, cut, part.start.year))
        if part.kind != "run":
            yield Term(sign=sign, kg=float(what.it_kwh @ kg_per_kwh), factors=(host, *shared))
            continue
        host_kw = hour.dynamic_kwh - hour.gpu_kwh + part.cluster.gpu.idle_w.central / W_PER_KW
        host_kg = part.gpus * host_kw * float(cut.hours_h @ kg_per_kwh)
        yield Term(sign=sign, kg=host_kg, factors=(host, *shared))
        above_kg = float(what.dynamic_kwh @ kg_per_kwh) - host_kg
        for kg, factors in _of_boards(part, what, above_kg, float(what.gpu_kwh @ kg_per_kwh), taken_from):
            yield Term(sign=sign, kg=kg, factors=(*factors, *shared))


def _of_boards(
    part: Stretch, what: Drawn, above_kg: float, all_kg: float, taken_from: str
) -> Iterator[tuple[float, tuple[Factor, ...]]]:
    """The boards' emissions above the idle floor, with what they are proportional to.

    Args:
        above_kg: above the floor; all_kg: with it. [kg]
        taken_from: the hardware that a metered energy was taken over from.

    Notes:
        A meter is off by a share of all that it reads: what it read enters whole, and the floor apart.
    """
    model = part.cluster.gpu.model
    if part.energy is None:
        yield above_kg, (modelled(model),)
        return
    boards_kwh = float(what.gpu_kwh.sum())
    read = what.measured_kwh / boards_kwh if boards_kwh else 0.0
    ratio = (modelled(f"{model} over {taken_from}"),) if taken_from else ()
    yield all_kg * read, (metered(part.energy.source), *ratio)
    if read < 1:
        yield all_kg * (1 - read), (modelled(model),)
    yield above_kg - all_kg, ()


def _by_year(stretch: Stretch) -> Iterator[Stretch]:
    """The parts of a stretch that each lie in one year, for a year's intensity is off by a ratio of its own."""
    if (stretch.end - _INSTANT).year == stretch.start.year:
        yield stretch
        return
    turn = datetime(stretch.start.year + 1, 1, 1, tzinfo=UTC)
    yield replace(stretch, end=turn)
    yield from _by_year(replace(stretch, start=turn))


def _intensity(series: IntensitySeries, cut: Slots, year: int) -> Factor:
    """The intensity of a stretch, within the range that its source states."""
    if not states_a_range(series):
        return intensity_in(series, year, None)
    low, central, high = (float(cut.hours_h @ cut.g_per_kwh[level]) for level in ("low", "central", "high"))
    return intensity_in(series, year, Estimate(low=min(low, central), central=central, high=max(high, central)))


def _intensity_at(series: IntensitySeries, moment: datetime, gap_percentile: float) -> Factor:
    """The same at an instant."""
    if not states_a_range(series):
        return intensity_in(series, moment.year, None)

    def seen(level: Level) -> float:
        """The intensity at a corner. [g/kWh]"""
        return intensity_at(series, moment, gap_percentile=gap_percentile, level=level)

    low, central, high = seen("low"), seen("central"), seen("high")
    return intensity_in(series, moment.year, Estimate(low=min(low, central), central=central, high=max(high, central)))
