"""Better places for a few jobs at a time: taken out together, put back in another order, kept where that is cheaper.

Cost less the bound is the sum of what each job pays over its least at the prices, and of the price of room that stays
free. So the jobs that pay most are taken out, with some of those that stand where they would rather be (large
neighbourhood search; Shaw, CP 1998, DOI 10.1007/3-540-49481-2_30).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from scheduler.planning.fleet.costs import room_price_g, usage_of
from scheduler.planning.fleet.fleet import Place
from scheduler.planning.fleet.placing import Market, Placing
from scheduler.problem.surface import Floats, Ints

CLOSES=(.1,)
FORCE=.2
WASTE, INS, OUTS, SAMPLE, TRUE = 0.7, 5, 4, 12, .3
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
        self._steps = 0
        self.heat_g = 0.0
        self._early = np.array([j.earliest_h for j in placing.jobs]); self._dead = np.array([j.deadline_h for j in placing.jobs])
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
        if self._steps % 100 == 0:
            self.measure()
        self._steps += 1
        if self._dice.uniform()<FORCE: return self._force()
        out = self._around_waste() if self._dice.uniform() < WASTE else self._around_regret()
        if not len(out):
            return 0.0
        before = [(number, place) for number in out if (place := self._placing.remove(number)) is not None]
        old_g = sum(self._worth_g(number, place) for number, place in before)
        gain_g = old_g - self._put_back(out, old_g+8*self.heat_g)
        if gain_g > -self.heat_g * -np.log(self._dice.uniform()) and np.isfinite(gain_g) and abs(gain_g)>1e-9*old_g:
            for number in out:
                self._noted(number)
            return gain_g
        for number in out:
            self._placing.remove(number)
        self._placing.put_all(before)
        return 0.0

    def measure(self):
        """Where room that has a price stays free."""
        fleet, jobs = self._placing.fleet, self._placing.jobs
        taken = [(r, a, b, float(job.takes[r])) for job, x in zip(jobs, self._placing.places) for r, a, b in x.taken]
        row, start, end, takes = (np.array(c) for c in zip(*taken))
        used = usage_of(fleet, row, start, end, takes)
        waste = self._dual.price * np.maximum(self._dual._room - used, 0)
        self._waste = np.cumsum(waste.ravel())

    def _force(self):
        regret_g = np.maximum(self._paid_g - self._least_g, 0.0)
        first = min(int(np.searchsorted(np.cumsum(regret_g), self._dice.uniform() * regret_g.sum())), len(regret_g)-1)
        on, some = self._dual.windows, self._dual.windows.of(first)
        if some.start==some.stop: return 0.
        pg = self._markets[1].window_g[some]
        good = np.flatnonzero(pg < self._paid_g[first])
        if not len(good): return 0.
        w = some.start + int(good[np.argmin(pg[good] + self._dice.exponential(.3*regret_g[first], len(good)))])
        row, a, b = int(on.row[w]), float(on.start_h[w]), float(on.end_h[w])
        job = self._placing.jobs[first]; takes = int(job.takes[row])
        there = np.flatnonzero((self._from[:, row] < b) & (self._to[:, row] > a)); there = there[there != first]
        size = np.array([self._placing.jobs[n].takes[row]*max(0,min(self._to[n,row],b)-max(self._from[n,row],a)) for n in there])
        order = there[np.argsort(size*self._dice.uniform(.3,1.,len(size)))[::-1]] if self._dice.uniform()<.5 else self._dice.permutation(there)
        before=[(first, self._placing.remove(first))]
        for n in order:
            if self._placing.room.fits_one(row,takes,a,b): break
            x=self._placing.places[n]
            # useful only if it covers a shut piece
            if not any(r==row and not self._placing.room.fits_one(row,takes,max(a,s),min(b,e)) for r,s,e in x.taken if s<b and e>a): continue
            before.append((int(n), self._placing.remove(n)))
        fit = self._placing.room.fits_one(row,takes,a,b)
        out=[n for n,_ in before]
        old_g=sum(self._worth_g(n,x) for n,x in before)
        new_g=np.inf
        if fit:
            x=on.place(w); self._placing.put(first,x)
            new_g=self._worth_g(first,x)+self._put_back(out[1:], old_g-self._worth_g(first,x)) if len(out)>1 else self._worth_g(first,x)
        gain=old_g-new_g
        if gain>1e-9*old_g:
            for n in out: self._noted(n)
            return gain
        for n in out: self._placing.remove(n)
        self._placing.put_all(before)
        return 0.

    def _around_regret(self):
        regret_g = np.maximum(self._paid_g - self._least_g, 0.0)
        total_g = regret_g.sum()
        if not total_g > 0:
            return []
        first = int(np.searchsorted(np.cumsum(regret_g), self._dice.uniform() * total_g))
        first = min(first, len(regret_g) - 1)
        return [first, *self._in_the_way(first)]

    def _around_waste(self):
        fleet, dice = self._placing.fleet, self._dice
        at = int(np.searchsorted(self._waste, dice.uniform() * self._waste[-1]))
        row, slot = divmod(min(at, len(self._waste) - 1), fleet.capacity.shape[1])
        a, b = fleet.edges_h[slot] , fleet.edges_h[slot + 1]
        wide = dice.choice([0.5, 3.0])
        there = np.flatnonzero((self._from[:, row] < b + wide) & (self._to[:, row] > a - wide))
        ins = dice.choice(there, min(len(there), int(dice.integers(1, INS))), replace=False) if len(there) else there
        could = np.flatnonzero((self._early < b) & (self._dead > a))
        could = could[~np.isin(could, there)]
        if not len(could): return list(ins)
        some = dice.choice(could, min(len(could), SAMPLE), replace=False)
        on, extra = self._dual.windows, []
        for n in some:
            sl = on.of(n)
            ok = (on.row[sl] == row) & (on.start_h[sl] < b) & (on.end_h[sl] > a)
            extra.append(np.min(self._markets[1].window_g[sl][ok], initial=np.inf) - self._paid_g[n])
        outs = some[np.argsort(extra)[: int(dice.integers(1, OUTS))]]
        return [*ins, *outs]

    def _put_back(self, out: Sequence[int], most_g: float) -> float:
        """Put jobs back one after the other; what they cost then, inf where one finds no place or they cost more. [g]"""
        draw, jobs = self._dice, self._placing.jobs
        noise = self._key[list(out)] + draw.uniform(-0.5, 0.5, len(out)) * draw.choice([0.0, 1.0, 4.0])
        order = [out[at] for at in np.argsort(noise, kind="stable")]
        market = self._markets[0 if draw.uniform() < TRUE else 1]
        cost_g = 0.0
        close = float(draw.choice(CLOSES))
        for place_in_order, number in enumerate(order):
            exact = jobs[number].pauses is not None and draw.uniform() < _EXACT
            last = place_in_order == len(order) - 1
            place = self._placing.cheapest(number, self._markets[0] if last else market, exact=exact, close_h=close)
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
