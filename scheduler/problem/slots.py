"""The slots of a surface: where their edges lie, and the mean of a series over each.

Edges are kept as whole microseconds from the origin, the resolution of an instant, so that the borders of
5, 15 and 60 minute series fall on one another exactly and a union never holds an edge twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant, to_utc
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.units import S_PER_H
from scheduler.problem.surface import Floats, Ints

FINEST_STEP: Final = timedelta(minutes=5)
"""Series finer than this are coarsened to it by default: the finest signal in use, WattTime's, has 5 minutes."""
SHORT_EDGES: Final = 2000
"""A window of at most this many edges is short: finer series then keep their own edges by default."""
MOST_EDGES: Final = 20_000
"""A window of more edges is coarsened further by default, so that time and memory stay bounded: ten weeks of
5 minutes, over two years of hours."""
COARSER: Final = tuple(timedelta(minutes=m) for m in (10, 15, 30, 60, 120, 180, 360, 720, 1440))
"""Steps that are tried then, each a whole share of a day."""
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
        step: finest slot a series may ask for; None for what `default_step` says.
    """
    last_us = microseconds(start, end)
    fixed = np.array([0, last_us, *(microseconds(start, moment) for moment in moments)], dtype=np.int64)
    if step is None:
        step = default_step(series, start, end)
    unlike = {(each.start, each.end, each.step): each for each in series}.values()
    return _union(fixed, [_own_edges(each, start, last_us, step) for each in unlike], last_us)


def default_step(series: Sequence[IntensitySeries], start: datetime, end: datetime) -> timedelta:
    """The finest slot: 0 in a short window, `FINEST_STEP` in most, coarser in one of very many edges.

    Raises:
        InvalidInput: the window has too many days even for slots of one.
    """
    for step, most in ((timedelta(0), SHORT_EDGES), *((each, MOST_EDGES) for each in (FINEST_STEP, *COARSER))):
        steps = {max(each.step, step) for each in series if each.end > start and each.start < end}
        if sum((end - start) / each for each in steps) <= most:
            return step
    raise InvalidInput(
        f"the time to {format_instant(end)} has over {MOST_EDGES:,} days of slots", hint="name an earlier deadline"
    )


def slot_lows(series: IntensitySeries, values: Floats, start: datetime, edges_us: Ints) -> Floats:
    """The least of `values` in each slot; NaN where any part of it is a gap or outside. [g/kWh]"""
    return _by_slot(series, values, start, edges_us)[0]


def slot_means(series: IntensitySeries, values: Floats, start: datetime, edges_us: Ints) -> Floats:
    """Time-weighted mean of `values` over each slot; NaN where any part of it is a gap or outside. [g/kWh]

    Args:
        series: gives the time of each value.
        values: one for each interval of `series`: its central, low or high figures. [g/kWh]
        start: the instant of hour 0.
        edges_us: edges of the slots. [us]
    """
    lowest, highest, mean = _by_slot(series, values, start, edges_us)
    return np.where(lowest == highest, lowest, mean)  # a flat stretch stays flat to the last bit, so ties stay ties


def _by_slot(series: IntensitySeries, values: Floats, start: datetime, edges_us: Ints) -> tuple[Floats, Floats, Floats]:
    """Least, greatest and time-weighted mean of `values` in each slot. [g/kWh]"""
    first_us, step_us = microseconds(start, series.start), series.step // _MICROSECOND
    borders = first_us + step_us * np.arange(len(values) + 1, dtype=np.int64)
    inner = borders[(borders > edges_us[0]) & (borders < edges_us[-1])]
    on_edges = (edges_us[np.searchsorted(edges_us, inner)] == inner).all()
    pieces = edges_us if on_edges else np.union1d(edges_us, inner)
    index = (pieces[:-1] - first_us) // step_us
    if index[0] >= 0 and index[-1] < len(values):
        value = values[index]
    else:
        inside = (index >= 0) & (index < len(values))
        value = np.where(inside, values[np.clip(index, 0, len(values) - 1)], np.nan)
    if on_edges:
        return value, value, value
    length_us = np.diff(pieces)
    begins = np.searchsorted(pieces, edges_us[:-1])
    mean = np.add.reduceat(value * length_us, begins) / np.add.reduceat(length_us, begins)
    return np.minimum.reduceat(value, begins), np.maximum.reduceat(value, begins), mean


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
    everything = np.sort(np.concatenate([fixed, *edges]))
    keep = (everything >= 0) & (everything <= last_us)
    keep[1:] &= everything[1:] > everything[:-1]  # as np.unique, in half the time
    return np.asarray(everything[keep])
