"""The grid intensity that a stretch of time was exposed to, slot by slot, gaps disclosed.

A gap never lowers a figure in the tool's favour: it is priced at a percentile of what is known of that
zone's month, high for what really happened and low for what would have (this project's rule), and the share
that was known is returned beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.errors import NotCovered
from scheduler.domain.estimate import LEVELS, Level
from scheduler.domain.instant import format_instant, hours_between
from scheduler.domain.intensity import Floats, IntensitySeries
from scheduler.domain.said import Said

AGAINST_REAL: Final = 95.0
"""Percentile of the month at which a gap is priced in what really happened. [%]"""
AGAINST_COUNTERFACTUAL: Final = 5.0
"""Percentile of the month at which a gap is priced in what would have happened. [%]"""
_NEGLIGIBLE_H: Final = 1e-9
"""Shorter than this is the rounding of hours, not a gap. [h]"""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """A stretch of time cut at the slots of its zone's intensity.

    Args:
        start: of the stretch.
        edges_h: of the slots, since the start: from 0 to its length, shape [S+1]. [h]
        hours_h: how long the stretch lies in each slot, shape [S]. [h]
        g_per_kwh: the intensity of each slot at each corner of its range, a gap at its price, shape [S]. [g/kWh]
        known: which slots have an intensity, shape [S].
    """

    start: datetime
    edges_h: Floats
    hours_h: Floats
    g_per_kwh: Mapping[Level, Floats]
    known: NDArray[np.bool_]

    @property
    def known_h(self) -> float:
        """How much of the stretch has a known intensity. [h]"""
        return min(float(self.edges_h[-1]), float(self.hours_h[self.known].sum()))


def series_of(intensity: Mapping[str, IntensitySeries], zone: str) -> IntensitySeries:
    """The series of a zone.

    Raises:
        NotCovered: it is not among those that were found.
    """
    if zone not in intensity:
        raise NotCovered(
            Said("there is no intensity of zone {zone}", zone=zone),
            hint="add the zone to the source, then report again",
        )
    return intensity[zone]


def slots(
    series: IntensitySeries,
    start: datetime,
    end: datetime,
    *,
    gap_percentile: float,
    levels: Sequence[Level] = LEVELS,
) -> Slots:
    """``[start, end)`` cut at the slots of a zone's intensity, each gap priced by its own month.

    Args:
        series: the intensity.
        start, end: of the stretch.
        gap_percentile: where in its month a gap is priced. [%]
        levels: the corners that are wanted, `central` among them.

    Raises:
        NotCovered: the series knows nothing at all that a gap could be estimated from.
    """
    whole_h = max(0.0, hours_between(start, end))
    first = (start - series.start) // series.step
    last = max(first + 1, -((series.start - end) // series.step))
    step_h = series.step / _HOUR
    edges_h = hours_between(start, series.start) + step_h * np.arange(first, last + 1, dtype=np.float64)
    edges_h = np.minimum(np.maximum(edges_h, 0.0), whole_h)
    edges_h[-1] = whole_h  # where rounding left it a hair before
    hours_h = edges_h[1:] - edges_h[:-1]
    g_per_kwh: dict[Level, Floats] = {level: _laid(series, level, first, last) for level in levels}
    known = ~np.isnan(g_per_kwh["central"])
    if not known.all():
        gaps = np.flatnonzero(~known & (hours_h > _NEGLIGIBLE_H)).tolist()
        moments = [max(start, series.start + (first + slot) * series.step) for slot in gaps]
        for level, values in g_per_kwh.items():
            priced = np.where(known, values, 0.0)  # a gap as short as the rounding of hours weighs nothing
            priced[gaps] = [_gap_price(series, moment, gap_percentile, level) for moment in moments]
            g_per_kwh[level] = priced
    return Slots(start=start, edges_h=edges_h, hours_h=hours_h, g_per_kwh=g_per_kwh, known=known)


def intensity_at(
    series: IntensitySeries, moment: datetime, *, gap_percentile: float, level: Level = "central"
) -> float:
    """The intensity at an instant, at the gap's price where it is unknown. [g/kWh]"""
    slot = (moment - series.start) // series.step
    if 0 <= slot < len(series) and not np.isnan(series.g_per_kwh[slot]):
        return float(series.at_level(level, slice(slot, slot + 1))[0])
    return _gap_price(series, moment, gap_percentile, level)


def month_start(moment: datetime) -> datetime:
    """The first instant of the month that `moment` lies in."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(moment: datetime) -> datetime:
    """The first instant of the month after."""
    return month_start(month_start(moment) + timedelta(days=32))


def _laid(series: IntensitySeries, level: Level, first: int, last: int) -> Floats:
    """The slots numbered ``[first, last)`` at a corner, NaN where the series has none. [g/kWh]"""
    begin, stop = max(first, 0), min(last, len(series))
    if (begin, stop) == (first, last):
        return series.at_level(level, slice(first, last))
    laid = np.full(last - first, np.nan)
    if begin < stop:
        laid[begin - first : stop - first] = series.at_level(level, slice(begin, stop))
    return laid


def _gap_price(series: IntensitySeries, moment: datetime, percentile: float, level: Level) -> float:
    """The price of a gap near `moment`: a percentile of its month, else of all that is known. [g/kWh]

    Raises:
        NotCovered: nothing is known.
    """
    price = series.month_percentile(moment, percentile, level)
    if np.isnan(price):
        raise NotCovered(
            Said(
                "{source} has no intensity for {zone} around {moment}",
                source=series.source.name,
                zone=series.zone,
                moment=format_instant(moment),
            ),
            hint="add the missing hours to the source, then report again",
        )
    return price
