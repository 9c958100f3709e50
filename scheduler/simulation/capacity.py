"""The GPUs of one cluster that reservations leave free, at every instant.

Steps are kept in the standard library's arrays, into which one more goes in a tenth of the time that numpy takes, and
are looked at through numpy, which shares their memory.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

import numpy as np

from scheduler.problem.surface import Ints

_BEGINNING: Final = -(1 << 62)
_WHOLE: Final = "q"
"""Numbers of 64 bits, as numpy's `int64`."""
_SPENT: Final = 512
"""Steps that have passed are dropped in lots of so many: one by one the arrays would be moved each time."""


class Capacity:
    """Free GPUs as steps in time, kept in whole microseconds from the start of the table.

    Args:
        gpus: of the cluster.
    """

    def __init__(self, gpus: int) -> None:
        self.gpus = gpus
        self._at: array[int] = array(_WHOLE, [_BEGINNING])
        self._free: array[int] = array(_WHOLE, [gpus])

    def take(self, start_us: int, end_us: int, gpus: int) -> None:
        """Reserve GPUs in `[start, end)`; fewer than none are free where a run took more time than was reserved."""
        if end_us <= start_us:
            return
        first, last = self._split(start_us), self._split(end_us)
        _seen(self._free)[first:last] -= gpus

    def give(self, start_us: int, end_us: int, gpus: int) -> None:
        """Give back what was reserved in `[start, end)`."""
        self.take(start_us, end_us, -gpus)

    def fits(self, start_us: int, end_us: int, gpus: int) -> bool:
        """Whether so many are free throughout `[start, end)`."""
        first, last = self._between(start_us, end_us)
        return first >= last or int(_seen(self._free)[first:last].min()) >= gpus

    def short(self, start_us: int, end_us: int) -> int | None:
        """The first instant in `[start, end)` at which more is reserved than there is, None where none is. [us]"""
        first, last = self._between(start_us, end_us)
        over = (_seen(self._free)[first:last] < 0).nonzero()[0]
        return max(start_us, self._at[first + int(over[0])]) if len(over) else None

    def earliest(self, from_us: int, length_us: int, gpus: int) -> int:
        """The first instant from which so many are free for the whole length. [us]"""
        first = self._between(from_us, from_us)[0]
        lacks = (_seen(self._free)[first:] < gpus).nonzero()[0]
        if not len(lacks) or self._at[first + int(lacks[0])] >= from_us + length_us:
            return from_us
        # Room begins behind each step that lacks it and lasts to the next such step; the last step of all is free.
        at = _seen(self._at)[first:]
        begins = at[lacks[:-1] + 1]
        fits = (at[lacks[1:]] - begins >= length_us).nonzero()[0]
        return int(begins[fits[0]] if len(fits) else at[lacks[-1] + 1])

    def most(self, from_us: int, until_us: Ints) -> Ints:
        """The most that is ever free from an instant until each of some later ones. [us]"""
        first, _ = self._between(from_us, from_us)
        peaks = np.maximum.accumulate(_seen(self._free)[first:])
        return np.asarray(peaks[_seen(self._at)[first:].searchsorted(until_us) - 1])

    def turns(self, from_us: int, to_us: int, gpus: int) -> tuple[bool, Ints]:
        """Whether so many are free at `from`, and the instants up to `to` at which that changes. [us]"""
        first, last = self._between(from_us, to_us)
        fits = _seen(self._free)[first : max(last, first + 1)] >= gpus
        turned = (fits[1:] != fits[:-1]).nonzero()[0]
        return bool(fits[0]), _seen(self._at)[first + 1 + turned]

    def changes(self, from_us: int, to_us: int) -> Ints:
        """The instants between two at which another number is free. [us]"""
        first, last = self._between(from_us, to_us)
        free = _seen(self._free)[first:last]
        return np.asarray(_seen(self._at)[first + 1 + (free[1:] != free[:-1]).nonzero()[0]])

    def free_at(self, instants_us: Ints) -> Ints:
        """How many are free at each of some instants [us]; less than none where a run took more than was reserved."""
        step = _seen(self._at).searchsorted(instants_us, side="right") - 1
        return np.asarray(_seen(self._free)[step])

    def forget(self, before_us: int) -> None:
        """Drop what lies wholly before an instant; nothing is asked about it any more."""
        if len(self._at) <= _SPENT:
            return
        spent = bisect_right(self._at, before_us) - 1
        if spent >= _SPENT:
            del self._at[:spent], self._free[:spent]

    def _between(self, start_us: int, end_us: int) -> tuple[int, int]:
        """The steps that `[start, end)` touches."""
        first = bisect_right(self._at, start_us) - 1
        return max(first, 0), bisect_left(self._at, end_us)

    def _split(self, at_us: int) -> int:
        """The step that begins at an instant, made if there is none."""
        step = bisect_left(self._at, at_us)
        if step == len(self._at) or self._at[step] != at_us:
            self._at.insert(step, at_us)
            self._free.insert(step, self._free[step - 1])
        return step


def _seen(steps: array[int]) -> Ints:
    """The same memory as numpy sees it, for as long as no step is added or dropped."""
    return np.frombuffer(steps, dtype=np.int64)
