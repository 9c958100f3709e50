"""The slots of a surface: where their edges lie, and the mean of a series over each.

Edges are kept as whole microseconds from the origin, the resolution of an instant, so that the borders of
5, 15 and 60 minute series fall on one another exactly and a union never holds an edge twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.instant import to_utc
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.units import S_PER_H
from scheduler.problem.surface import Floats, Ints

FINEST_STEP: Final = timedelta(minutes=5)
"""Series finer than this are coarsened to it by default: the finest signal in use, WattTime's, has 5 minutes."""
SHORT_EDGES: Final = 2000
"""A window of at most this many edges is short: finer series then keep their own edges by default."""
_MICROSECOND: Final = timedelta(microseconds=1)
_US_PER_H: Final = S_PER_H * 1e6


def microseconds(origin: datetime, moment: datetime) -> int:
    """Whole microseconds from `origin` to `moment`. [us]"""
    return (moment - origin) // _MICROSECOND


def hours(edges_us: Ints) -> Floats:
    """Microseconds as hours. [h]"""
    return edges_us / _US_PER_H


def slot_edges(
    series: Sequence[IntensitySeries],
    start: datetime,
    end: datetime,
    *,
    moments: Iterable[datetime] = (),
    step: timedelta | None = None,
) -> Ints:
    """Edges of the slots of ``[start, end]``: both ends, `moments` inside, and the edges of every series. [us]

    Args:
        series: each gives its own edges, or the multiples of `step` from midnight UTC where it is finer than that.
        start: first edge, hour 0.
        end: last edge.
        moments: instants that must be edges, such as a change of capacity; those outside are left out.
        step: finest slot a series may ask for; None for `FINEST_STEP`, or no limit where the window is short.
    """
    last_us = microseconds(start, end)
    fixed = np.array([0, last_us, *(microseconds(start, moment) for moment in moments)], dtype=np.int64)
    native = _union(fixed, [_own_edges(each, start, last_us, timedelta(0)) for each in series], last_us)
    if step is None:
        if len(native) <= SHORT_EDGES:
            return native
        step = FINEST_STEP
    return _union(fixed, [_own_edges(each, start, last_us, step) for each in series], last_us)


def slot_means(series: IntensitySeries, values: Floats, start: datetime, edges_us: Ints) -> Floats:
    """Time-weighted mean of `values` over each slot; NaN where any part of it is a gap or outside. [g/kWh]

    Args:
        series: gives the time of each value.
        values: one for each interval of `series`: its central, low or high figures. [g/kWh]
        start: the instant of hour 0.
        edges_us: edges of the slots. [us]
    """
    first_us, step_us = microseconds(start, series.start), series.step // _MICROSECOND
    borders = first_us + step_us * np.arange(len(values) + 1, dtype=np.int64)
    pieces = np.union1d(edges_us, borders[(borders > edges_us[0]) & (borders < edges_us[-1])])
    index = (pieces[:-1] - first_us) // step_us
    inside = (index >= 0) & (index < len(values))
    value = np.where(inside, values[np.clip(index, 0, len(values) - 1)], np.nan)
    length_us = np.diff(pieces)
    begins = np.searchsorted(pieces, edges_us[:-1])
    mean = np.add.reduceat(value * length_us, begins) / np.add.reduceat(length_us, begins)
    lowest, highest = np.minimum.reduceat(value, begins), np.maximum.reduceat(value, begins)
    return np.where(lowest == highest, lowest, mean)  # a flat stretch stays flat to the last bit, so ties stay ties


def _own_edges(series: IntensitySeries, start: datetime, last_us: int, step: timedelta) -> Ints:
    """Edges that one series asks for inside the window. [us]"""
    low_us, high_us = microseconds(start, series.start), microseconds(start, series.end)
    if series.step < step:
        midnight = to_utc(start).replace(hour=0, minute=0, second=0, microsecond=0)
        phase_us, step_us = microseconds(start, midnight), step // _MICROSECOND
    else:
        phase_us, step_us = low_us, series.step // _MICROSECOND
    low_us, high_us = max(low_us, 0), min(high_us, last_us)
    if low_us > high_us:
        return np.empty(0, dtype=np.int64)
    first, past = -((phase_us - low_us) // step_us), (high_us - phase_us) // step_us + 1
    inner = phase_us + step_us * np.arange(first, past, dtype=np.int64)
    return np.concatenate([np.array([low_us, high_us], dtype=np.int64), inner])


def _union(fixed: Ints, edges: Sequence[Ints], last_us: int) -> Ints:
    """All edges in ``[0, last_us]`` in rising order, each once. [us]"""
    everything = np.unique(np.concatenate([fixed, *edges]))
    return everything[(everything >= 0) & (everything <= last_us)]
