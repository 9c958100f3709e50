"""The times of an intensity table: one even step, read from the rows themselves, with missing rows as gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.duration import format_duration
from scheduler.domain.errors import InvalidInput

Floats = NDArray[np.float64]

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(days=1)
MOST_INTERVALS: Final = 5_000_000
"""A table longer than this once its missing rows are counted has a wrong date in it; ten years of minutes fit. [-]"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeGrid:
    """Even intervals and which of them the rows of a table fill.

    Args:
        start: start of the first interval.
        step: length of every interval.
        filled: interval of each row.
    """

    start: datetime
    step: timedelta
    filled: NDArray[np.int64]

    @property
    def end(self) -> datetime:
        """End of the last interval."""
        return self.start + self.step * (int(self.filled[-1]) + 1)

    def spread(self, values: Floats) -> Floats:
        """A value of each row over all intervals, NaN where the table has no row."""
        spread = np.full(int(self.filled[-1]) + 1, np.nan)
        spread[self.filled] = values
        return spread


def time_grid(cells: Sequence[str], lines: Sequence[int], what: str) -> TimeGrid:
    """The grid that the `utc` cells lie on; `lines` and `what` name the row and the file in errors.

    The step is the most frequent distance between rows, the shortest of them where several are as frequent.
    """
    times = np.array([_microseconds(cell, line, what) for cell, line in zip(cells, lines, strict=True)])
    if len(times) == 1:
        raise InvalidInput(f"{what} has one row, so its step is unknown", hint="add the row of the next interval")
    distances = np.diff(times)
    _require_order(distances, cells, lines, what)
    lengths, counts = np.unique(distances, return_counts=True)
    step = int(lengths[np.argmax(counts)])
    _require_step(timedelta(microseconds=step), what)
    uneven = np.flatnonzero(distances % step)
    if uneven.size:
        row = int(uneven[0]) + 1
        distance = format_duration(timedelta(microseconds=int(distances[row - 1])))
        raise InvalidInput(
            f"{what} line {lines[row]}: {distance} after the row before, in a table of {_length(step)} steps",
            hint="keep one step in a table; a missing row is a gap where the step stays whole",
        )
    filled = (times - times[0]) // step
    if filled[-1] >= MOST_INTERVALS:
        raise InvalidInput(
            f"{what} spans {int(filled[-1]) + 1} intervals of {_length(step)}", hint="check the first and last date"
        )
    return TimeGrid(start=_EPOCH + int(times[0]) * _MICROSECOND, step=timedelta(microseconds=step), filled=filled)


def _microseconds(cell: str, line: int, what: str) -> int:
    """The UTC instant of a cell, from 1970. [microseconds]"""
    try:
        moment = datetime.fromisoformat(cell.strip())
    except ValueError:
        raise InvalidInput(
            f"{what} line {line}: {cell!r} is not a time", hint="write utc as 2026-03-01T06:00:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elif moment.utcoffset():
        raise InvalidInput(
            f"{what} line {line}: {cell!r} is not UTC", hint="the column is called utc: convert the times"
        )
    return (moment - _EPOCH) // _MICROSECOND


def _require_order(distances: NDArray[np.int64], cells: Sequence[str], lines: Sequence[int], what: str) -> None:
    """Refuse a time that repeats or comes before the one above it."""
    backward = np.flatnonzero(distances <= 0)
    if not backward.size:
        return
    row = int(backward[0]) + 1
    if distances[row - 1] == 0:
        raise InvalidInput(f"{what} line {lines[row]}: {cells[row]} is there twice", hint="keep one of the rows")
    raise InvalidInput(
        f"{what} line {lines[row]}: {cells[row]} comes before the row above it", hint="sort the rows by utc"
    )


def _require_step(step: timedelta, what: str) -> None:
    """Refuse a step that no intensity table has."""
    if not SHORTEST <= step <= LONGEST:
        raise InvalidInput(
            f"{what} has steps of {format_duration(step)}", hint="a step is between one second and one day"
        )


def _length(step: int) -> str:
    """A step [microseconds] as people write it."""
    return format_duration(timedelta(microseconds=step))
