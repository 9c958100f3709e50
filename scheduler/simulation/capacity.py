"""The GPUs of one cluster that reservations leave free, at every instant."""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.problem.surface import Ints

_BEGINNING: Final = -(1 << 62)
_END: Final = 1 << 62
_SPENT: Final = 512
"""Steps that have passed are dropped in lots of so many: one by one the arrays would be moved each time."""


class Capacity:
    """Free GPUs as steps in time, kept in whole microseconds from the start of the table.

    Args:
        gpus: of the cluster.
    """

    def __init__(self, gpus: int) -> None:
        self.gpus = gpus
        self._at: Ints = np.array([_BEGINNING], dtype=np.int64)
        self._free: Ints = np.array([gpus], dtype=np.int64)

    def take(self, start_us: int, end_us: int, gpus: int) -> None:
        """Reserve GPUs in `[start, end)`; fewer than none are free where a run took more time than was reserved."""
        if end_us <= start_us:
            return
        first, last = self._split(start_us), self._split(end_us)
        self._free[first:last] -= gpus

    def give(self, start_us: int, end_us: int, gpus: int) -> None:
        """Give back what was reserved in `[start, end)`."""
        self.take(start_us, end_us, -gpus)

    def fits(self, start_us: int, end_us: int, gpus: int) -> bool:
        """Whether so many are free throughout `[start, end)`."""
        first, last = self._between(start_us, end_us)
        return first >= last or int(self._free[first:last].min()) >= gpus

    def short(self, start_us: int, end_us: int) -> int | None:
        """The first instant in `[start, end)` at which more is reserved than there is, None where none is. [us]"""
        first, last = self._between(start_us, end_us)
        over = np.flatnonzero(self._free[first:last] < 0)
        return max(start_us, int(self._at[first + over[0]])) if len(over) else None

    def earliest(self, from_us: int, length_us: int, gpus: int) -> int:
        """The first instant from which so many are free for the whole length. [us]"""
        first, last = self._between(from_us, from_us + length_us)
        if int(self._free[first:last].min()) >= gpus:
            return from_us
        lacks = np.flatnonzero(self._free[first:] < gpus)
        # Room begins behind each step that lacks it and lasts to the next such step; the last step of all is free.
        begins = np.maximum(self._at[np.append(first, first + lacks + 1)], from_us)
        ends = np.append(self._at[first + lacks], _END)
        fits = np.flatnonzero(ends - begins >= length_us)
        return int(begins[fits[0]])

    def turns(self, from_us: int, to_us: int, gpus: int) -> tuple[bool, Ints]:
        """Whether so many are free at `from`, and the instants up to `to` at which that changes. [us]"""
        first, last = self._between(from_us, to_us)
        fits = self._free[first : max(last, first + 1)] >= gpus
        turned = np.flatnonzero(fits[1:] != fits[:-1])
        return bool(fits[0]), self._at[first + 1 + turned]

    def forget(self, before_us: int) -> None:
        """Drop what lies wholly before an instant; nothing is asked about it any more."""
        if len(self._at) <= _SPENT:
            return
        spent = int(self._at.searchsorted(before_us, side="right")) - 1
        if spent >= _SPENT:
            self._at, self._free = self._at[spent:].copy(), self._free[spent:].copy()

    def _between(self, start_us: int, end_us: int) -> tuple[int, int]:
        """The steps that `[start, end)` touches."""
        first = int(self._at.searchsorted(start_us, side="right")) - 1
        return max(first, 0), int(self._at.searchsorted(end_us, side="left"))

    def _split(self, at_us: int) -> int:
        """The step that begins at an instant, made if there is none."""
        step = int(self._at.searchsorted(at_us, side="left"))
        if step == len(self._at) or self._at[step] != at_us:
            self._at = np.insert(self._at, step, at_us)
            self._free = np.insert(self._free, step, self._free[step - 1])
        return step
