"""Better places for a few jobs at a time: taken out together, put back in another order, kept where that is cheaper.

Cost less the bound is the sum of what each job pays over its least at the prices, and of the price of room that stays
free. So jobs are taken out around the one or the other (large neighbourhood search; Shaw, CP 1998,
DOI 10.1007/3-540-49481-2_30).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from scheduler.planning.fleet.costs import room_price_g
from scheduler.planning.fleet.dual import usage
from scheduler.planning.fleet.fleet import Place
from scheduler.planning.fleet.placing import Market, Placing
from scheduler.problem.surface import Floats, Ints

_ROOM_SHARE: Final = 0.7
"""How often it is room that stays free, and not a job that pays too much. [-]"""
_NEAR_H: Final = (0.5, 3.0)
"""How near such room jobs are taken out. [h]"""
_MOST: Final = 5
"""Jobs that are taken out around another. [-]"""
_ASKED: Final = 12
"""Jobs from elsewhere of which those are taken that would lose least there. [-]"""
_EXACT: Final = 0.03
"""How often a job in segments is solved exactly when it is put back, and not only over known places. [-]"""
_UNPRICED: Final = 0.3
"""How often jobs are put back by their cost alone. [-]"""
_LOOK: Final = 100
"""Tries after which the room that stays free is measured again. [-]"""
_LEAST: Final = 1e-9
"""Least gain, as a share of what the jobs cost. [-]"""

Penalty = Callable[[int, Place], float]
"""What it costs beside emissions that a job, by its number, is at a place. [g]"""


class Improver:
    """One search.

    Args:
        placing: where every job is; it stays feasible and complete between two tries.
        order: the jobs, those first that are put back first.
        penalty_g: what counts beside emissions. [g]
        dice: of every draw.
    """

    def __init__(self, placing: Placing, order: Ints, penalty_g: Penalty, dice: np.random.Generator) -> None:
        self._placing, self._dual, self._penalty_g, self._dice = placing, placing.dual, penalty_g, dice
        self._rank = np.empty(len(order))
        self._rank[order] = np.arange(len(order)) / max(1, len(order))
        self._free = Market(self._dual, np.zeros_like(self._dual.price))
        self._priced = Market(self._dual, self._dual.price)
        self._least_g, _ = self._dual.choose(self._priced.prices)
        shape = (len(placing.jobs), placing.fleet.capacity.shape[0])
        self._from, self._to = np.full(shape, np.inf), np.full(shape, -np.inf)
        self._paid_g = np.zeros(len(placing.jobs))
        self._earliest_h = np.array([job.earliest_h for job in placing.jobs])
        self._deadline_h = np.array([job.deadline_h for job in placing.jobs])
        self._tries = 0
        for number in range(len(placing.jobs)):
            self._noted(number)

    def pass_over(self, order: Sequence[int]) -> float:
        """Move each job alone to the cheapest place there is room for; what that gains in all. [g]"""
        gain_g = 0.0
        for number in order:
            before = self._placing.remove(number)
            place = self._placing.cheapest(number, self._free)
            if before is None:
                continue
            if place is None or self._worth_g(number, place) >= self._worth_g(number, before):
                place = before
            gain_g += self._worth_g(number, before) - self._worth_g(number, place)
            self._placing.put(number, place)
            self._noted(number)
        return gain_g

    def step(self, heat_g: float = 0.0) -> float:
        """One try; by how much it lowered the cost, 0 where it changed nothing. [g]

        Args:
            heat_g: how much dearer a change may be on average that is made all the same, which leads out of a plan
                that no small change betters (simulated annealing; Kirkpatrick et al., Science 220, 1983). [g]
        """
        if self._tries % _LOOK == 0:
            self._measure()
        self._tries += 1
        by_room = self._room_g[-1] > 0 and self._dice.uniform() < _ROOM_SHARE
        out = self._around_room() if by_room else self._around_job()
        before = [(number, place) for number in out if (place := self._placing.remove(number)) is not None]
        old_g = sum(self._worth_g(number, place) for number, place in before)
        may_g = heat_g * self._dice.exponential() if heat_g > 0 else 0.0
        gain_g = old_g - self._put_back(out, old_g + may_g)
        if gain_g > _LEAST * abs(old_g) or -may_g < gain_g < -_LEAST * abs(old_g):
            for number in out:
                self._noted(number)
            return gain_g
        for number in out:
            self._placing.remove(number)
        self._placing.put_all(before)
        return 0.0

    def _put_back(self, out: Sequence[int], most_g: float) -> float:
        """Put jobs back; what they then count, inf where one finds no place or they count too much. [g]"""
        draw = self._dice
        rank = self._rank[list(out)] + draw.uniform(-1, 1, len(out)) * draw.choice([0.0, 0.1, 0.5])
        market = self._free if draw.uniform() < _UNPRICED else self._priced
        worth_g = 0.0
        for turn, at in enumerate(np.argsort(rank, kind="stable"), start=1):
            number = out[at]
            exact = self._placing.jobs[number].pauses is not None and draw.uniform() < _EXACT
            place = self._placing.cheapest(number, self._free if turn == len(out) else market, exact=exact)
            if place is None:
                return np.inf
            self._placing.put(number, place)
            worth_g += self._worth_g(number, place)
            if worth_g >= most_g:
                return np.inf
        return worth_g

    def _measure(self) -> None:
        """Sum up the price of the room that stays free, by cluster and slot."""
        placed = [(job, place) for job, place in zip(self._placing.jobs, self._placing.places, strict=True) if place]
        free = np.maximum(self._dual.open - usage(self._placing.fleet, placed), 0.0)
        self._room_g = np.cumsum(self._dual.price * free)

    def _around_room(self) -> list[int]:
        """Some jobs beside room that has a price and stays free, and some that might use it."""
        edges, dice = self._placing.fleet.edges_h, self._dice
        row, slot = divmod(_drawn(dice, self._room_g), len(edges) - 1)
        near_h = dice.choice(_NEAR_H)
        beside = self._between(row, edges[slot] - near_h, edges[slot + 1] + near_h)
        inside = dice.permutation(beside)[: dice.integers(1, _MOST - 1)]
        others = np.ones(len(self._rank), np.bool_)
        others[beside] = False
        others &= (self._earliest_h < edges[slot + 1]) & (self._deadline_h > edges[slot])
        asked = dice.permutation(np.flatnonzero(others))[:_ASKED]
        loss_g = [self._loss_g(number, row, edges[slot], edges[slot + 1]) for number in asked]
        return [*inside.tolist(), *asked[np.argsort(loss_g)[: dice.integers(1, _MOST - 3)]].tolist()]

    def _around_job(self) -> list[int]:
        """A job that pays more than its least, and some of those that stand where it would rather be."""
        regret_g = np.cumsum(np.maximum(self._paid_g - self._least_g, 0.0))
        number = _drawn(self._dice, regret_g)
        on, some = self._dual.windows, self._dual.windows.of(number)
        if some.start == some.stop:
            return [number]
        near = np.argsort(self._priced.window_g[some])[:_MOST]
        at = some.start + int(self._dice.choice(near))
        beside = self._between(int(on.row[at]), float(on.start_h[at]), float(on.end_h[at]))
        others = self._dice.permutation(beside[beside != number])[: self._dice.integers(1, _MOST + 1)]
        return [number, *others.tolist()]

    def _between(self, row: int, start_h: float, end_h: float) -> Ints:
        """The jobs that take of a cluster between two times."""
        return np.flatnonzero((self._from[:, row] < end_h) & (self._to[:, row] > start_h))

    def _loss_g(self, number: int, row: int, start_h: float, end_h: float) -> float:
        """What a job would pay more in a slot of a cluster than where it is; inf where it cannot be there. [g]"""
        on, some = self._dual.windows, self._dual.windows.of(number)
        there = (on.row[some] == row) & (on.start_h[some] < end_h) & (on.end_h[some] > start_h)
        return float(self._priced.window_g[some][there].min(initial=np.inf) - self._paid_g[number])

    def _worth_g(self, number: int, place: Place) -> float:
        """What counts for a job at a place. [g]"""
        return place.cost_g + self._penalty_g(number, place)

    def _noted(self, number: int) -> None:
        """Note where a job is now, and what it pays with the price of its room."""
        place = self._placing.places[number]
        self._from[number], self._to[number] = np.inf, -np.inf
        if place is None:
            return
        for row, start_h, end_h in place.taken:
            self._from[number, row] = min(self._from[number, row], start_h)
            self._to[number, row] = max(self._to[number, row], end_h)
        self._paid_g[number] = place.cost_g + room_price_g(self._placing.jobs[number], place, self._priced.prices)


def _drawn(dice: np.random.Generator, sums: Floats) -> int:
    """A number, as likely as its part of running sums."""
    return min(int(np.searchsorted(sums, dice.uniform() * sums[-1], side="right")), len(sums) - 1)
