"""How much grid intensity a stretch of time was exposed to: the integral of intensity over it, gaps disclosed.

A gap never lowers a figure in the tool's favour: it is priced at a percentile of what is known of that
zone's month, high for what really happened and low for what would have (this project's rule), and the share
that was known is returned beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Intensity integrated over a stretch.

    Args:
        known_g_h_per_kwh: over the hours whose intensity is known. [g h/kWh]
        estimated_g_h_per_kwh: over the gaps, at the percentile. [g h/kWh]
        hours_h, known_h: length of the stretch, and of the part known. [h]
    """

    known_g_h_per_kwh: float
    estimated_g_h_per_kwh: float
    hours_h: float
    known_h: float

    @property
    def total_g_h_per_kwh(self) -> float:
        """Known and estimated. [g h/kWh]"""
        return self.known_g_h_per_kwh + self.estimated_g_h_per_kwh


def exposure(
    series: IntensitySeries, start: datetime, end: datetime, *, gap_percentile: float, level: Level = "central"
) -> Exposure:
    """The exposure of ``[start, end)`` to a zone's intensity.

    Raises:
        NotCovered: the series knows nothing at all that a gap could be estimated from.
    """
    whole_h = hours_between(start, end)
    if whole_h <= 0:
        return Exposure(known_g_h_per_kwh=0.0, estimated_g_h_per_kwh=0.0, hours_h=0.0, known_h=0.0)
    edges = series.edges_h(start)
    hours = np.clip(edges[1:], 0.0, whole_h) - np.clip(edges[:-1], 0.0, whole_h)
    values = series.at_level(level)
    known = ~np.isnan(values)
    known_h = float(hours[known].sum())
    gap_h = max(0.0, whole_h - known_h)
    estimated = gap_h * _gap_price(series, values, start, gap_percentile) if gap_h > _NEGLIGIBLE_H else 0.0
    return Exposure(
        known_g_h_per_kwh=float(hours[known] @ values[known]),
        estimated_g_h_per_kwh=estimated,
        hours_h=whole_h,
        known_h=known_h,
    )


_NEGLIGIBLE_H: Final = 1e-9


def intensity_at(
    series: IntensitySeries, moment: datetime, *, gap_percentile: float, level: Level = "central"
) -> float:
    """The intensity at an instant, at the gap's price where it is unknown. [g/kWh]"""
    slot = (moment - series.start) // series.step
    values = series.at_level(level)
    if 0 <= slot < len(series) and not np.isnan(values[slot]):
        return float(values[slot])
    return _gap_price(series, values, moment, gap_percentile)


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
