"""The GPUs of one cluster that reservations leave free, at every instant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

_BEGINNING: Final = -(1 << 62)
_SPENT: Final = 512
"""Steps that have passed are dropped in lots of so many: one by one the list would be moved each time."""


class Capacity:
    """Free GPUs as steps in time, kept in whole microseconds from the start of the table.

    Args:
        gpus: of the cluster.
    """

    def __init__(self, gpus: int) -> None:
        self.gpus = gpus
        self._at: list[int] = [_BEGINNING]
        self._free: list[int] = [gpus]

    def take(self, start_us: int, end_us: int, gpus: int) -> None:
        """Reserve GPUs in `[start, end)`."""
        first, last = self._split(start_us), self._split(end_us)
        free = self._free
        for step in range(first, last):
            free[step] -= gpus

    def fits(self, start_us: int, end_us: int, gpus: int) -> bool:
        """Whether so many are free throughout `[start, end)`."""
        first = bisect_right(self._at, start_us) - 1
        last = bisect_left(self._at, end_us, lo=first)
        return min(self._free[first:last], default=gpus) >= gpus

    def earliest(self, from_us: int, length_us: int, gpus: int) -> int:
        """The first instant from which so many are free for the whole length. [us]"""
        at, free = self._at, self._free
        step, start = bisect_right(at, from_us) - 1, from_us
        count = len(at)
        while True:
            while step < count and free[step] < gpus:
                step += 1
                start = at[step]
            end = start + length_us
            while step < count and at[step] < end:
                if free[step] < gpus:
                    break
                step += 1
            else:
                return start

    def turns(self, from_us: int, to_us: int, gpus: int) -> tuple[bool, list[int]]:
        """Whether so many are free at `from`, and the instants up to `to` at which that changes. [us]"""
        at, free = self._at, self._free
        first = bisect_right(at, from_us) - 1
        last = bisect_left(at, to_us, lo=first)
        room = free[first] >= gpus
        if last == first + 1 or (room and min(free[first:last]) >= gpus):
            return room, []
        fits = [left >= gpus for left in free[first:last]]
        return room, [at[first + 1 + n] for n, (one, other) in enumerate(pairwise(fits)) if one != other]

    def forget(self, before_us: int) -> None:
        """Drop what lies wholly before an instant; nothing is asked about it any more."""
        spent = bisect_right(self._at, before_us) - 1
        if spent >= _SPENT:
            del self._at[:spent], self._free[:spent]

    def _split(self, at_us: int) -> int:
        """The step that begins at an instant, made if there is none."""
        step = bisect_left(self._at, at_us)
        if step == len(self._at) or self._at[step] != at_us:
            self._at.insert(step, at_us)
            self._free.insert(step, self._free[step - 1])
        return step
