"""Rows of a provider's answer in columns, and the series that they make: a year of minutes in a blink.

Rows may come in any order and twice. Of one interval the row that was updated last counts; where such rows still
differ nobody can tell which is right, so the interval is a gap, and the series says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from intensity_sources.readings import MOST_G_PER_KWH
from intensity_sources.web_json import malformed
from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import Floats, IntensitySeries, Kind, Provenance
from scheduler.domain.joining import joined

Micros = NDArray[np.int64]
"""UTC instants, from 1970. [microseconds]"""
NEVER: Final = np.iinfo(np.int64).min
"""Stands for an update whose time is not stated."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Rows, one a place in every column.

    Args:
        times: start of each row's interval; updated: when the row was, `NEVER` where it does not say.
        g_per_kwh: its figure, NaN where the provider has none. [g/kWh]
        estimated: whether the provider estimated it, or does not say that it did not.
    """

    times: Micros
    updated: Micros
    g_per_kwh: Floats
    estimated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a series says of itself beside its figures: the fields of `IntensitySeries`, and the source for errors."""

    source: str
    zone: str
    basis: Basis
    step: timedelta
    credit: Provenance
    retrieved_at: datetime
    issued_at: datetime | None = None
    notes: tuple[str, ...] = ()


def times_of(cells: Sequence[object], what: str, *, source: str) -> Micros:
    """The instants that the texts name; each has its zone, and `NEVER` stands for none.

    Raises:
        SourceUnavailable: one is no time, or has no zone.
    """
    found = np.empty(len(cells), dtype=np.int64)
    known: dict[str, int] = {}
    for i, cell in enumerate(cells):
        if cell is None:
            found[i] = NEVER
            continue
        if not isinstance(cell, str):
            raise malformed(source, f"{what} {i} is no text")
        micros = known.get(cell)
        if micros is None:
            micros = known[cell] = _micros(cell, f"{what} {i}", source=source)
        found[i] = micros
    return found


def figures_of(cells: Sequence[object], what: str, *, source: str, g_per_kwh_of_one: float = 1.0) -> Floats:
    """The numbers, NaN where there is none, times what one of the provider's units is. [g/kWh]

    Raises:
        SourceUnavailable: one is no number, negative, or more than any electricity emits.
    """
    for i, cell in enumerate(cells):
        if type(cell) not in _NUMBERS:
            raise malformed(source, f"{what} {i} is no number")
    try:
        values = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64) * g_per_kwh_of_one
    except OverflowError:
        raise malformed(source, f"a {what} is no intensity of electricity") from None
    wrong = np.flatnonzero((values < 0) | (values > MOST_G_PER_KWH))
    if wrong.size:
        raise malformed(source, f"{what} {wrong[0]} is {values[wrong[0]]:g} g/kWh, which cannot be")
    return values


_NUMBERS: Final = frozenset({int, float, type(None)})


def together(parts: Sequence[Points]) -> Points:
    """The rows of several answers as if they were one."""
    return Points(
        times=np.concatenate([part.times for part in parts]),
        updated=np.concatenate([part.updated for part in parts]),
        g_per_kwh=np.concatenate([part.g_per_kwh for part in parts]),
        estimated=np.concatenate([part.estimated for part in parts]),
    )


def observed_series(points: Points, label: Label, start: datetime, end: datetime) -> IntensitySeries:
    """The past that the rows tell of ``[start, end)``; an estimated row stays estimated and makes the series so.

    Raises:
        SourceUnavailable: a row begins off the grid of the label's step.
        NotCovered: no row has a figure there.
    """
    grid = _grid(points, label, start, end)
    observed = _series(grid, np.where(grid.estimated, np.nan, grid.g_per_kwh), "observed", label)
    estimated = _series(grid, np.where(grid.estimated, grid.g_per_kwh, np.nan), "estimated", label)
    if observed is None or estimated is None:
        only = observed or estimated
        assert only is not None  # noqa: S101  # the grid has a figure, and it is one or the other
        return only
    return joined([observed, estimated])


def forecast_series(points: Points, label: Label, start: datetime, end: datetime) -> IntensitySeries:
    """The forecast that the rows are, of ``[start, end)``; raises as `observed_series` does."""
    grid = _grid(points, label, start, end)
    series = _series(grid, grid.g_per_kwh, "forecast", label)
    assert series is not None  # noqa: S101  # the grid has a figure
    return series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
    """Even intervals from the first figure to the last, NaN in the gaps between."""

    start: datetime
    g_per_kwh: Floats
    estimated: NDArray[np.bool_]
    notes: tuple[str, ...]


def _grid(points: Points, label: Label, start: datetime, end: datetime) -> _Grid:
    """The rows that touch ``[start, end)`` on the grid of the label's step, counted from midnight UTC."""
    name, step = label.source, label.step // _MICROSECOND
    slots, off = np.divmod(points.times, step)
    if off.any():
        odd = _EPOCH + int(points.times[np.flatnonzero(off)[0]]) * _MICROSECOND
        raise malformed(name, f"a row begins at {format_instant(odd)}, off its steps of {label.step}")
    first, past = (start - _EPOCH) // label.step, -((_EPOCH - end) // label.step)
    inside = (slots >= first) & (slots < past)
    slots, values, estimated, doubted = _settled(
        slots[inside], points.updated[inside], points.g_per_kwh[inside], points.estimated[inside]
    )
    known = np.flatnonzero(~np.isnan(values))
    if not known.size:
        raise NotCovered(
            f"{name} has nothing for {label.zone} between {format_instant(start)} and {format_instant(end)}",
            hint="ask for an interval that it covers, or add a source to the chain of the zone",
        )
    begin = int(slots[known[0]])
    size = int(slots[known[-1]]) - begin + 1
    spread, flags = np.full(size, np.nan), np.zeros(size, dtype=np.bool_)
    places = slots[known] - begin
    spread[places], flags[places] = values[known], estimated[known]
    doubt = (f"{name} gave {doubted} intervals of {label.zone} twice with different figures: left as gaps",)
    return _Grid(start=_EPOCH + begin * label.step, g_per_kwh=spread, estimated=flags, notes=doubt if doubted else ())


def _settled(
    slots: Micros, updated: Micros, values: Floats, estimated: NDArray[np.bool_]
) -> tuple[Micros, Floats, NDArray[np.bool_], int]:
    """One row an interval in order of time, and of how many intervals the newest rows differ."""
    if not slots.size:
        return slots, values, estimated, 0
    order = np.lexsort((updated, slots))
    slots, updated, values, estimated = slots[order], updated[order], values[order], estimated[order]
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(slots) > 0]))
    lasts = np.append(firsts[1:], slots.size) - 1
    newest = updated == np.repeat(updated[lasts], lasts - firsts + 1)
    values = np.where(newest, values, np.nan)
    low, high = np.fmin.reduceat(values, firsts), np.fmax.reduceat(values, firsts)
    differ = low < high
    flags = np.logical_or.reduceat(estimated & newest, firsts)
    return slots[firsts], np.where(differ, np.nan, low), flags, int(np.count_nonzero(differ))


def _series(grid: _Grid, values: Floats, kind: Kind, label: Label) -> IntensitySeries | None:
    """The series of the values, None where they hold no figure."""
    if np.isnan(values).all():
        return None
    return IntensitySeries(
        zone=label.zone,
        basis=label.basis,
        start=grid.start,
        step=label.step,
        g_per_kwh=values,
        kind=kind,
        source=label.credit,
        issued_at=label.issued_at,
        retrieved_at=label.retrieved_at,
        notes=(*label.notes, *grid.notes),
    )


def _micros(cell: str, what: str, *, source: str) -> int:
    """The instant that a text names, from 1970. [microseconds]"""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise malformed(source, f"{what} is {cell!r}, no time") from None
    if moment.tzinfo is None:
        raise malformed(source, f"{what} is {cell!r}, without a zone")
    return (moment - _EPOCH) // _MICROSECOND
