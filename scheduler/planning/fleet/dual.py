"""A price for the room of each cluster and slot, and what it proves: no fleet plan costs less than the bound.

With a price of mu grams for a GPU-hour of room, each job can be placed alone: L(mu) = sum over the jobs of the least
of cost + mu x room, minus mu x all the room there is. Since nothing but the room is relaxed, and it integrated over
each slot, L(mu) is at most the cost of every feasible plan (Lagrangian relaxation; Geoffrion, Math. Programming Study
2, 1974). The price is raised where too much is taken, by steps scaled with what they were before (subgradients with
the moments of Kingma and Ba, ICLR 2015); jobs in segments meanwhile choose among the places found so far, and the
exact programme is asked again for the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import numpy as np

from scheduler.planning.fleet.costs import Costs, usage_of
from scheduler.planning.fleet.fleet import Fleet, FleetJob
from scheduler.planning.fleet.integral import Integral, integral
from scheduler.planning.fleet.pool import Pool
from scheduler.planning.fleet.segments import cheapest_segments
from scheduler.planning.fleet.windows import Windows, windows
from scheduler.problem.draft import TIE
from scheduler.problem.surface import Floats, Ints

STEP: Final = 0.4
"""First step of a price, as a share of the mean rate. [-]"""
_LAST: Final = 0.01
"""The last step, as a share of the first. [-]"""
_FIRST, _SECOND, _DAMP = 0.8, 0.95, 0.2
"""Memory of the direction and of its square, and what keeps small ones small. [-]"""


class Dual:
    """The prices of a fleet's room.

    Args:
        fleet: the ground; its frozen jobs take room and choose nothing.
        price: to start with, shape [C, S]. [g/GPU-h]
    """

    def __init__(self, fleet: Fleet, costs: Costs, price: Floats | None = None) -> None:
        self.fleet, self.costs = fleet, costs
        self.jobs: tuple[FleetJob, ...] = tuple(job for job in fleet.jobs if not job.frozen)
        self.windows: Windows = windows(fleet, self.jobs)
        self.pool = Pool(self.jobs)
        self.price: Floats = np.zeros(fleet.capacity.shape) if price is None else price
        self.bound_g, self.bound_price = -np.inf, self.price
        self.least_g: dict[str, float] = {}
        frozen = [(job, job.incumbent) for job in fleet.jobs if job.frozen and job.incumbent is not None]
        self._fixed_g = sum(place.cost_g for _, place in frozen)
        taken = [(*each, float(job.takes[each[0]])) for job, place in frozen for each in place.taken]
        self._fixed = _usage(fleet, taken)
        self._room = fleet.capacity * fleet.slot_h - self._fixed
        self._scale_g = float(np.mean([job.rates.run.mean() for job in fleet.jobs])) if fleet.jobs else 0.0
        self._pieced = [number for number, job in enumerate(self.jobs) if job.pauses is not None]

    @property
    def prices(self) -> Integral:
        """The price integrated over time."""
        return integral(self.fleet.edges_h, self.price)

    def choose(self, prices: Integral) -> tuple[Floats, Floats]:
        """The least of each job over starts in one piece and known places, shape [J] [g], and the room taken."""
        priced_g = self.windows.priced_g(prices)
        window = self.windows.best(priced_g)
        least_g = np.where(window >= 0, priced_g[np.maximum(window, 0)] if len(priced_g) else np.inf, np.inf)
        if len(self.pool.places):
            pooled_g = self.pool.priced_g(prices)
            known = self.pool.best(pooled_g)
            better = (known >= 0) & (np.where(known >= 0, pooled_g[known], np.inf) < least_g)
            least_g = np.where(better, pooled_g[known], least_g)
            window = np.where(better, -1, window)
            stretches = self.pool.stretches(known[better])
        else:
            stretches = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
        some, on = window[window >= 0], self.windows
        used = usage_of(self.fleet, on.row[some], on.start_h[some], on.end_h[some], on.takes[some].astype(float))
        return least_g, used + usage_of(self.fleet, *stretches)

    def climb(self, rounds: int, *, step: float = STEP, left: Callable[[], bool] = lambda: True) -> float:
        """Raise the value over the known places, for so many rounds; the best price is kept, and its value told. [g]"""
        room = np.maximum(self._room, self.fleet.slot_h)
        price = best = self.price
        best_g = -np.inf
        mean, square = np.zeros_like(price), np.zeros_like(price)
        for number in range(1, rounds + 1):
            least_g, used = self.choose(integral(self.fleet.edges_h, price))
            value_g = float(least_g.sum() + self._fixed_g - (price * self._room).sum())
            if value_g > best_g:
                best_g, best = value_g, price
            if not left():
                break
            over = (used - self._room) / room
            mean = _FIRST * mean + (1 - _FIRST) * over
            square = _SECOND * square + (1 - _SECOND) * over**2
            direction = mean / (1 - _FIRST**number) / (np.sqrt(square / (1 - _SECOND**number)) + _DAMP)
            length_g = step * self._scale_g * _LAST ** (number / rounds)
            price = np.maximum(price + length_g * direction, 0.0)
        self.price = best
        return best_g

    def prove(self, *, dirty: Collection[str] | None = None, left: Callable[[], bool] = lambda: True) -> float | None:
        """The bound at the price, by the exact programme for jobs in segments; None where time ran out. [g]

        Args:
            dirty: ids of the jobs whose least cost at this price is not known; None for all.
            left: whether there is time.
        """
        prices = self.prices
        least_g, _ = self.choose(prices)
        found = []
        for number in self._pieced:
            job = self.jobs[number]
            if dirty is not None and job.id not in dirty and job.id in self.least_g:
                least_g[number] = self.least_g[job.id]
                continue
            if not left():
                return None
            solved = cheapest_segments(self.fleet, job, self.price)
            if solved is not None:
                least_g[number] = self.least_g[job.id] = solved[0]
                if len(solved[1]) > 1 or job.resumed_from is not None:
                    found.append((number, self.costs.place(job, solved[1])))
        self.pool.add(found)
        value_g = float(least_g.sum() + self._fixed_g - (self.price * self._room).sum())
        value_g -= TIE * float(np.abs(least_g).sum() + (self.price * self._room).sum())  # sums are rounded
        if value_g > self.bound_g:
            self.bound_g, self.bound_price = value_g, self.price
        return value_g


def _usage(fleet: Fleet, taken: Sequence[tuple[int, float, float, float]]) -> Floats:
    """GPU-hours by cluster and slot of (row, start, end, GPUs). [GPU-h]"""
    if not taken:
        return np.zeros(fleet.capacity.shape)
    row, start_h, end_h, takes = (np.array(column) for column in zip(*taken, strict=True))
    return usage_of(fleet, row, start_h, end_h, takes)


__all__ = ["STEP", "Dual", "Ints"]
