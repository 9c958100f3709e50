"""What is free of each cluster at every instant: whole nodes, held ones taken too."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place, Stretch
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints


class Room:
    """Free GPUs of whole nodes as a step function of time, one for each cluster; only what is there can be taken."""

    def __init__(self, fleet: Fleet) -> None:
        self._edges_h = fleet.edges_h
        self._at: list[Floats] = []
        self._free: list[Ints] = []
        for capacity in fleet.capacity:
            steps = np.flatnonzero(np.diff(capacity, prepend=capacity[0] - 1))
            self._at.append(np.append(fleet.edges_h[steps], fleet.edges_h[-1]))
            self._free.append(capacity[steps].copy())

    def take(self, job: FleetJob, place: Place) -> None:
        """Take what a job's place takes."""
        self._change(job, place.taken, -1)

    def give(self, job: FleetJob, place: Place) -> None:
        """Give back what it had taken."""
        self._change(job, place.taken, 1)

    def holds(self, job: FleetJob, place: Place) -> bool:
        """Whether a place can be taken by a job."""
        return all(self.fits_one(row, int(job.takes[row]), start_h, end_h) for row, start_h, end_h in place.taken)

    def least(self) -> int:
        """The fewest GPUs that are free anywhere; negative where too much was taken. [GPUs]"""
        return min(int(free.min()) for free in self._free)

    def fits(self, row: int, takes: int, start_h: Floats, end_h: Floats) -> NDArray[np.bool_]:
        """Whether `takes` GPUs are free from each start to its end."""
        at = self._at[row]
        low, high = self._pieces(at, start_h.min(), end_h.max())
        shut = self._free[row][low:high] < takes
        if not shut.any():
            return np.ones(len(start_h), np.bool_)
        counted = np.zeros(high - low + 1, np.int64)
        np.cumsum(shut, out=counted[1:])
        first = at[low:high].searchsorted(start_h + INSTANT_TOLERANCE_H, side="right") - 1
        last = at[low:high].searchsorted(end_h - INSTANT_TOLERANCE_H)
        return np.asarray(counted[last] == counted[np.maximum(first, 0)])

    def fits_one(self, row: int, takes: int, start_h: float, end_h: float) -> bool:
        """Whether `takes` GPUs are free from one start to its end."""
        low, high = self._pieces(self._at[row], start_h, end_h)
        return high <= low or int(self._free[row][low:high].min()) >= takes

    def gaps(self, row: int, takes: int, start_h: float, end_h: float) -> tuple[Floats, Floats]:
        """Where at least `takes` GPUs are free between two times: each stretch's start and end. [h]"""
        at = self._at[row]
        low, high = self._pieces(at, start_h, end_h)
        open_ = np.zeros(high - low + 2, np.bool_)
        open_[1:-1] = self._free[row][low:high] >= takes
        turns = np.flatnonzero(open_[1:] != open_[:-1])
        begins, ends = at[low + turns[::2]], at[low + turns[1::2]]
        return np.maximum(begins, start_h), np.minimum(ends, end_h)

    def open_slots(self, row: int, takes: int, slots: slice) -> NDArray[np.bool_]:
        """Whether `takes` GPUs are free throughout each of some slots of the fleet."""
        return self.fits(row, takes, self._edges_h[:-1][slots], self._edges_h[1:][slots])

    def full_share(self, fleet: Fleet, least: int) -> float:
        """Share of the used cluster-slots in which fewer than `least` GPUs are free at some instant. [-]"""
        used = full = 0
        for row, capacity in enumerate(fleet.capacity):
            every = slice(0, len(capacity))
            touched = capacity > 0
            for slot in np.flatnonzero(touched):
                low, high = self._pieces(self._at[row], fleet.edges_h[slot], fleet.edges_h[slot + 1])
                used += int(self._free[row][low:high].min() < capacity[slot])
            full += int((touched & ~self.open_slots(row, least, every)).sum())
        return full / max(1, used)

    def _change(self, job: FleetJob, taken: Iterable[Stretch], sign: int) -> None:
        """Add `sign` times a job's GPUs to what is free in each of some stretches."""
        for row, start_h, end_h in taken:
            first, last = self._border(row, start_h), self._border(row, end_h)
            self._free[row][first:last] += sign * int(job.takes[row])
            self._join(row, last)
            self._join(row, first)

    def _border(self, row: int, hour_h: float) -> int:
        """The number of the border at an instant; made where there is none."""
        at = self._at[row]
        number = int(at.searchsorted(hour_h - INSTANT_TOLERANCE_H))
        if number == len(at):
            return number - 1
        if at[number] <= hour_h + INSTANT_TOLERANCE_H:
            return number
        if number == 0:
            return 0
        self._at[row] = np.concatenate([at[:number], [hour_h], at[number:]])
        free = self._free[row]
        self._free[row] = np.concatenate([free[:number], free[number - 1 :]])
        return number

    def _join(self, row: int, number: int) -> None:
        """Drop a border on both sides of which as much is free."""
        at, free = self._at[row], self._free[row]
        if 0 < number < len(free) and free[number - 1] == free[number]:
            self._at[row] = np.concatenate([at[:number], at[number + 1 :]])
            self._free[row] = np.concatenate([free[:number], free[number + 1 :]])

    @staticmethod
    def _pieces(at: Floats, start_h: float, end_h: float) -> tuple[int, int]:
        """The pieces of a step function that an interval touches, as a range of their numbers."""
        low = max(0, int(at.searchsorted(start_h + INSTANT_TOLERANCE_H, side="right")) - 1)
        high = min(len(at) - 1, int(at.searchsorted(end_h - INSTANT_TOLERANCE_H)))
        return low, max(high, low)
