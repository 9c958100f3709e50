"""A price for the room of each cluster and slot, and what it proves: no fleet plan costs less than the bound.

With a price of mu grams for a GPU-hour of room, each job can be placed alone: L(mu) = sum over the jobs of the least
of cost + mu x room, minus mu x all the room there is. Since nothing but the room is relaxed, and it integrated over
each slot, L(mu) is at most the cost of every feasible plan (Lagrangian relaxation; Geoffrion, Math. Programming Study
2, 1974). Jobs in segments choose among the places found so far while the price moves; for the proof the exact
programme is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from scheduler.planning.fleet.ascent import Ascent
from scheduler.planning.fleet.costs import Costs, usage_of
from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place
from scheduler.planning.fleet.integral import Integral, integral
from scheduler.planning.fleet.pool import Pool
from scheduler.planning.fleet.segments import cheapest_segments
from scheduler.planning.fleet.windows import Windows, windows
from scheduler.problem.draft import TIE
from scheduler.problem.surface import Floats, Ints

Left = Callable[[], bool]
"""Whether there is time left."""


def forever() -> bool:
    """There is."""
    return True


class Dual:
    """The prices of a fleet's room.

    Args:
        fleet: the ground; its frozen jobs take room and choose nothing.
        costs: what places cost.
        price: to start with, shape [C, S]; None for nothing. [g/GPU-h]
        least_g: what jobs cost at least at that price, as far as it is known. [g]
    """

    def __init__(
        self, fleet: Fleet, costs: Costs, price: Floats | None = None, least_g: dict[str, float] | None = None
    ) -> None:
        self.fleet, self.costs = fleet, costs
        self.jobs: tuple[FleetJob, ...] = tuple(job for job in fleet.jobs if not job.frozen)
        self.windows: Windows = windows(fleet, self.jobs)
        self.pool = Pool(self.jobs)
        self.price: Floats = np.zeros(fleet.capacity.shape) if price is None else price
        self.bound_g, self.proved_price = -np.inf, self.price
        self.least_g: dict[str, float] = {} if least_g is None else dict(least_g)
        frozen = [(job, job.incumbent) for job in fleet.jobs if job.frozen and job.incumbent is not None]
        self._fixed_g = sum(place.cost_g for _, place in frozen)
        self.open: Floats = fleet.capacity * fleet.slot_h - usage(fleet, frozen)
        rates = {id(job.rates): job.rates.run for job in fleet.jobs}
        self.scale_g = float(np.mean([run.mean() for run in rates.values()])) if rates else 0.0
        self._pieced = [number for number, job in enumerate(self.jobs) if job.pauses is not None]

    @property
    def prices(self) -> Integral:
        """The price integrated over time."""
        return integral(self.fleet.edges_h, self.price)

    def choose(self, prices: Integral) -> tuple[Floats, Floats]:
        """The least of each job over starts in one piece and known places, shape [J] [g], and the room taken."""
        least_g, window = best_windows(self.windows, prices)
        used = np.zeros(self.fleet.capacity.shape)
        if len(self.pool.places):
            pooled_g = self.pool.priced_g(prices)
            known = self.pool.best(pooled_g)
            known_g = np.where(known >= 0, pooled_g[known], np.inf)
            better = known_g < least_g
            least_g, window = np.minimum(known_g, least_g), np.where(better, -1, window)
            used += usage_of(self.fleet, *self.pool.stretches(known[better]))
        return least_g, used + window_usage(self.fleet, self.windows, window)

    def climb(self, rounds: int, *, step: float, left: Left = forever) -> float:
        """Raise the value over the known places, for so many rounds; the best price is kept, its value told. [g]"""

        def value(price: Floats) -> tuple[float, Floats]:
            """The value at a price, and the room that is taken then."""
            least_g, used = self.choose(integral(self.fleet.edges_h, price))
            return float(least_g[np.isfinite(least_g)].sum() + self._fixed_g - (price * self.open).sum()), used

        found_g, self.price = Ascent(room=self.open, scale_g=self.scale_g, step=step).run(
            self.price, value, rounds, left
        )
        return found_g

    def prove(self, *, dirty: Collection[str] | None = None, left: Left = forever) -> float | None:
        """The bound at the price, by the exact programme for jobs in segments; None where time ran out. [g]

        Args:
            dirty: ids of the jobs whose least cost at this price is not known, None for all; a suspended one is always
                solved again, since the nodes that it keeps cost it less with every hour that has passed.
            left: whether there is time.
        """
        least_g, _ = self.choose(self.prices)
        found: list[tuple[int, Place]] = []
        known: dict[str, float] = {}
        for number in self._pieced:
            job = self.jobs[number]
            clean = dirty is not None and job.id not in dirty and job.resumed_from is None
            if clean and job.id in self.least_g:
                least_g[number] = known[job.id] = self.least_g[job.id]
                continue
            if not left():
                self.pool.add(found)
                return None
            solved = cheapest_segments(self.fleet, job, self.price)
            if solved is not None:
                least_g[number] = known[job.id] = solved[0]
                if len(solved[1]) > 1 or job.resumed_from is not None:
                    found.append((number, self.costs.place(job, solved[1])))
        self.pool.add(found)
        self.least_g, self.proved_price = known, self.price
        room_g = float((self.price * self.open).sum())
        rounding_g = TIE * float(np.abs(least_g).sum() + room_g)
        value_g = float(least_g.sum()) + self._fixed_g - room_g - rounding_g
        self.bound_g = max(self.bound_g, value_g)
        return value_g


def best_windows(on: Windows, prices: Integral) -> tuple[Floats, Ints]:
    """The least of each job over starts in one piece, inf where it has none [g], and the number of that start."""
    priced_g = on.priced_g(prices)
    window = on.best(priced_g)
    if not len(priced_g):
        return np.full(len(window), np.inf), window
    return np.where(window >= 0, priced_g[np.maximum(window, 0)], np.inf), window


def window_usage(fleet: Fleet, on: Windows, window: Ints) -> Floats:
    """GPU-hours by cluster and slot of some starts, -1 for none. [GPU-h]"""
    some = window[window >= 0]
    return usage_of(fleet, on.row[some], on.start_h[some], on.end_h[some], on.takes[some].astype(np.float64))


def usage(fleet: Fleet, places: Collection[tuple[FleetJob, Place]]) -> Floats:
    """GPU-hours by cluster and slot that jobs take at their places. [GPU-h]"""
    taken = [(*each, float(job.takes[each[0]])) for job, place in places for each in place.taken]
    if not taken:
        return np.zeros(fleet.capacity.shape)
    row, start_h, end_h, takes = (np.array(column) for column in zip(*taken, strict=True))
    return usage_of(fleet, row.astype(np.int64), start_h, end_h, takes)
