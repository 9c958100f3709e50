"""Better places for a few jobs at a time: taken out together, put back in another order, kept where that is cheaper.

Cost less the bound is the sum of what each job pays over its least at the prices, and of the price of room that stays
free. So the jobs that pay most are taken out, with some of those that stand where they would rather be (large
neighbourhood search; Shaw, CP 1998, DOI 10.1007/3-540-49481-2_30).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from scheduler.planning.fleet.costs import room_price_g
from scheduler.planning.fleet.fleet import Place
from scheduler.planning.fleet.placing import Market, Placing
from scheduler.problem.surface import Floats, Ints

_MOST: Final = 7
"""Jobs that are taken out beside the first. [-]"""
_EXACT: Final = 0.1
"""How often a job in segments is solved exactly when it is put back, and not only over known places. [-]"""


class Improver:
    """The state of one search.

    Args:
        placing: where every job is; stays feasible and complete between steps.
        key: by which jobs are put back, smaller first.
        penalty_g: what it costs beside emissions that a job is where it is. [g]
        seed: of every draw.
    """

    def __init__(
        self, placing: Placing, key: Floats, penalty_g: Callable[[int, Place], float], dice: np.random.Generator
    ) -> None:
        self._placing, self._dual, self._key, self._penalty_g, self._dice = placing, placing.dual, key, penalty_g, dice
        count = len(placing.jobs)
        self._from = np.full((count, placing.fleet.capacity.shape[0]), np.inf)
        self._to = np.full_like(self._from, -np.inf)
        self._paid_g = np.zeros(count)
        for number in range(count):
            self._noted(number)
        self.priced()

    def priced(self) -> None:
        """Go by the prices that are the best now."""
        dual = self._dual
        self._markets = (Market(dual, np.zeros_like(dual.price)), Market(dual, dual.price))
        self._least_g, _ = dual.choose(self._markets[1].prices)
        for number in range(len(self._placing.jobs)):
            self._paid_g[number] = self._reduced_g(number)

    def step(self) -> float:
        """One try; by how much it lowered the cost, 0 where it did not. [g]"""
        regret_g = np.maximum(self._paid_g - self._least_g, 0.0)
        total_g = regret_g.sum()
        if not total_g > 0:
            return 0.0
        first = int(np.searchsorted(np.cumsum(regret_g), self._dice.uniform() * total_g))
        first = min(first, len(regret_g) - 1)
        out = [first, *self._in_the_way(first)]
        before = [(number, place) for number in out if (place := self._placing.remove(number)) is not None]
        old_g = sum(self._worth_g(number, place) for number, place in before)
        gain_g = old_g - self._put_back(out, old_g)
        if gain_g > 1e-9 * abs(old_g):
            for number in out:
                self._noted(number)
            return gain_g
        for number in out:
            self._placing.remove(number)
        self._placing.put_all(before)
        return 0.0

    def _put_back(self, out: Sequence[int], most_g: float) -> float:
        """Put jobs back one after the other; what they cost then, inf where one finds no place or they cost more. [g]"""
        draw, jobs = self._dice, self._placing.jobs
        noise = self._key[list(out)] + draw.uniform(-0.5, 0.5, len(out)) * draw.choice([0.0, 1.0, 4.0])
        order = [out[at] for at in np.argsort(noise, kind="stable")]
        market = self._markets[0 if draw.uniform() < 0.3 else 1]
        cost_g = 0.0
        for place_in_order, number in enumerate(order):
            exact = jobs[number].pauses is not None and draw.uniform() < _EXACT
            last = place_in_order == len(order) - 1
            place = self._placing.cheapest(number, self._markets[0] if last else market, exact=exact)
            if place is None:
                return np.inf
            self._placing.put(number, place)
            cost_g += self._worth_g(number, place)
            if cost_g >= most_g:
                return np.inf
        return cost_g

    def _in_the_way(self, number: int) -> Ints:
        """Some of the jobs that stand where a job would rather be, at the prices."""
        on, some = self._dual.windows, self._dual.windows.of(number)
        if some.start == some.stop:
            place = self._placing.places[number]
            row, start_h, end_h = place.stretches[0] if place is not None else (0, 0.0, 0.0)
        else:
            priced_g = self._markets[1].window_g[some]
            near = min(8, len(priced_g))
            wished = np.argpartition(priced_g, near - 1)[:near] if len(priced_g) > near else np.arange(len(priced_g))
            at = some.start + int(self._dice.choice(wished))
            row, start_h, end_h = int(on.row[at]), float(on.start_h[at]), float(on.end_h[at])
        there = np.flatnonzero((self._from[:, row] < end_h) & (self._to[:, row] > start_h))
        there = there[there != number]
        count = min(len(there), int(self._dice.integers(1, _MOST + 1)))
        return self._dice.choice(there, count, replace=False) if count else there

    def _worth_g(self, number: int, place: Place) -> float:
        """What counts for a job at a place. [g]"""
        return place.cost_g + self._penalty_g(number, place)

    def _reduced_g(self, number: int) -> float:
        """Cost and room's price of a job where it is. [g]"""
        place = self._placing.places[number]
        if place is None:
            return np.inf
        return place.cost_g + room_price_g(self._placing.jobs[number], place, self._markets[1].prices)

    def _noted(self, number: int) -> None:
        """Note where a job is now."""
        place = self._placing.places[number]
        self._from[number], self._to[number] = np.inf, -np.inf
        for row, start_h, end_h in () if place is None else place.taken:
            self._from[number, row] = min(self._from[number, row], start_h)
            self._to[number, row] = max(self._to[number, row], end_h)
        if hasattr(self, "_markets"):
            self._paid_g[number] = self._reduced_g(number)
