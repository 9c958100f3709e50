"""The places in segments that were found so far, of many jobs, priced again at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.planning.fleet.fleet import FleetJob, Place
from scheduler.planning.fleet.integral import Integral
from scheduler.problem.surface import Floats, Ints


class Pool:
    """Places by job, in arrays with an entry for each stretch that is taken."""

    def __init__(self, jobs: Sequence[FleetJob]) -> None:
        self._jobs = jobs
        self.places: list[Place] = []
        self.owner = np.zeros(0, np.int64)
        self._known: set[tuple[int, Place]] = set()
        self._cost_g = np.zeros(0)
        self._of = self._row = np.zeros(0, np.int64)
        self._start_h = self._end_h = self._takes = np.zeros(0)

    def add(self, found: Sequence[tuple[int, Place]]) -> None:
        """Add places of jobs, by their numbers; those that are known already are left out."""
        new = [(job, place) for job, place in found if (job, place) not in self._known]
        if not new:
            return
        self._known.update(new)
        taken = [
            (len(self.places) + number, row, start_h, end_h, float(self._jobs[job].takes[row]))
            for number, (job, place) in enumerate(new)
            for row, start_h, end_h in place.taken
        ]
        of, row, start_h, end_h, takes = (np.array(column) for column in zip(*taken, strict=True))
        self.places += [place for _, place in new]
        self.owner = np.append(self.owner, [job for job, _ in new])
        self._cost_g = np.append(self._cost_g, [place.cost_g for _, place in new])
        self._of, self._row = np.append(self._of, of), np.append(self._row, row)
        self._start_h, self._end_h = np.append(self._start_h, start_h), np.append(self._end_h, end_h)
        self._takes = np.append(self._takes, takes)

    def priced_g(self, prices: Integral) -> Floats:
        """Cost and price of the room of each place. [g]"""
        room = self._takes * (prices.to(self._row, self._end_h) - prices.to(self._row, self._start_h))
        return np.asarray(self._cost_g + np.bincount(self._of, room, minlength=len(self.places)))

    def best(self, priced_g: Floats) -> Ints:
        """The number of each job's cheapest place, -1 where none is known, shape [J]."""
        found = np.full(len(self._jobs), -1)
        order = np.lexsort((-np.arange(len(priced_g)), -priced_g))  # the cheapest of a job is written last
        found[self.owner[order]] = order
        return found

    def of(self, job: int) -> Ints:
        """The numbers of the places of one job."""
        return np.flatnonzero(self.owner == job)

    def stretches(self, chosen: Ints) -> tuple[Ints, Floats, Floats, Floats]:
        """Row, start, end and GPUs of all that some places take."""
        mine = np.isin(self._of, chosen)
        return self._row[mine], self._start_h[mine], self._end_h[mine], self._takes[mine]
