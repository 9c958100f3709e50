"""How much grid intensity a stretch of time was exposed to: the integral of intensity over it, gaps disclosed.

A gap never lowers a figure in the tool's favour: it is priced at a percentile of what is known of that
zone's month, high for what really happened and low for what would have (this project's rule), and the share
that was known is returned beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import NotCovered
from scheduler.domain.estimate import Level
from scheduler.domain.instant import format_instant, hours_between
from scheduler.domain.intensity import Floats, IntensitySeries

AGAINST_REAL: Final = 95.0
"""Percentile of the month at which a gap is priced in what really happened. [%]"""
AGAINST_COUNTERFACTUAL: Final = 5.0
"""Percentile of the month at which a gap is priced in what would have happened. [%]"""
_NEGLIGIBLE_H: Final = 1e-9
"""Shorter than this is the rounding of hours, not a gap. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Intensity integrated over a stretch.

    Args:
        known_g_h_per_kwh: over the hours whose intensity is known. [g h/kWh]
        estimated_g_h_per_kwh: over the gaps, at the percentile. [g h/kWh]
        hours_h, known_h: length of the stretch, and of the part known. [h]
    """

    known_g_h_per_kwh: float = 0.0
    estimated_g_h_per_kwh: float = 0.0
    hours_h: float = 0.0
    known_h: float = 0.0

    @property
    def total_g_h_per_kwh(self) -> float:
        """Known and estimated. [g h/kWh]"""
        return self.known_g_h_per_kwh + self.estimated_g_h_per_kwh

    def __add__(self, other: Exposure) -> Exposure:
        """The exposure of both stretches."""
        return Exposure(
            known_g_h_per_kwh=self.known_g_h_per_kwh + other.known_g_h_per_kwh,
            estimated_g_h_per_kwh=self.estimated_g_h_per_kwh + other.estimated_g_h_per_kwh,
            hours_h=self.hours_h + other.hours_h,
            known_h=self.known_h + other.known_h,
        )


def series_of(intensity: Mapping[str, IntensitySeries], zone: str) -> IntensitySeries:
    """The series of a zone.

    Raises:
        NotCovered: it is not among those that were found.
    """
    if zone not in intensity:
        raise NotCovered(f"there is no intensity of zone {zone}", hint="add the zone to the source, then report again")
    return intensity[zone]


def exposure(
    series: IntensitySeries, start: datetime, end: datetime, *, gap_percentile: float, level: Level = "central"
) -> Exposure:
    """The exposure of ``[start, end)`` to a zone's intensity, each gap priced by its own month.

    Raises:
        NotCovered: the series knows nothing at all that a gap could be estimated from.
    """
    values = series.at_level(level)
    total = Exposure()
    for first, last in _by_month(start, end):
        total += _in_month(series, values, first, last, gap_percentile)
    return total


def intensity_at(
    series: IntensitySeries, moment: datetime, *, gap_percentile: float, level: Level = "central"
) -> float:
    """The intensity at an instant, at the gap's price where it is unknown. [g/kWh]"""
    slot = (moment - series.start) // series.step
    values = series.at_level(level)
    if 0 <= slot < len(series) and not np.isnan(values[slot]):
        return float(values[slot])
    return _gap_price(series, values, moment, gap_percentile)


def month_start(moment: datetime) -> datetime:
    """The first instant of the month that `moment` lies in."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(moment: datetime) -> datetime:
    """The first instant of the month after."""
    return month_start(month_start(moment) + timedelta(days=32))


def _by_month(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The parts of ``[start, end)`` that each lie in one month."""
    while start < end:
        cut = min(end, next_month(start))
        yield start, cut
        start = cut


def _in_month(
    series: IntensitySeries, values: Floats, start: datetime, end: datetime, gap_percentile: float
) -> Exposure:
    """The exposure of a stretch within one month."""
    whole_h = hours_between(start, end)
    edges = np.clip(series.edges_h(start), 0.0, whole_h)
    hours = np.diff(edges)
    known = ~np.isnan(values)
    known_h = min(whole_h, float(hours[known].sum()))
    gap_h = whole_h - known_h
    return Exposure(
        known_g_h_per_kwh=float(hours[known] @ values[known]),
        estimated_g_h_per_kwh=gap_h * _gap_price(series, values, start, gap_percentile) if gap_h > _NEGLIGIBLE_H else 0,
        hours_h=whole_h,
        known_h=known_h,
    )


def _gap_price(series: IntensitySeries, values: Floats, moment: datetime, percentile: float) -> float:
    """The price of a gap near `moment`: a percentile of its month, else of all that is known. [g/kWh]"""
    first = np.datetime64(series.start.replace(tzinfo=None), "us")
    starts = first + np.arange(len(series)) * np.timedelta64(series.step, "us")
    same_month = starts.astype("datetime64[M]") == np.datetime64(moment.replace(tzinfo=None), "M")
    known = ~np.isnan(values)
    chosen = values[known & same_month] if (known & same_month).any() else values[known]
    if not chosen.size:
        raise NotCovered(
            f"{series.source.name} has no intensity for {series.zone} around {format_instant(moment)}",
            hint="add the missing hours to the source, then report again",
        )
    return float(np.percentile(chosen, percentile))
