"""The best plan with suspends, by taking up partial plans in the order of the least that they can cost.

A partial plan runs, from a border on which it may be suspended, or waits, from one on which it may resume. Taking
it up prices all its next steps at once; those of the least bounds are filed, and it is filed again for the others.
The first complete plan that costs no more than any bound left is the optimum (best-first search with partial
expansion; Yoshizumi, Miura and Ishida, AAAI 2000).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np

from scheduler.problem.bound import Bound
from scheduler.problem.draft import TIE, Draft, preferred, traced
from scheduler.problem.labels import SAME_H, Labels, TooMany
from scheduler.problem.network import Network
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints

_STEP: Final = 0.0005
"""Next steps are filed so far over the least of them at a time, as a share of the lower bound. [-]"""
_GRAIN: Final = 1e-13
"""Costs nearer than this share of the lower bound are one when plans are compared: rounding, and nothing else. [-]"""
_NEVER: Final = 1 << 60


@dataclass(slots=True, kw_only=True)
class Partial:
    """A partial plan.

    Args:
        runs: whether it runs; else it waits.
        at: the cluster that it runs on, or the wait that it is in.
        first: border from which it may be suspended, or resume.
        start: border at which the running segment started.
        progress_h, cost_g: work done and cost so far, relative to integrals of the state. [h], [g]
        suspends, moves, resizes: so far.
        parent: number of the last suspended segment, -1 where there is none.
        until: border from which another plan does as well.
        filed_g: next steps up to this bound are filed. [g]
    """

    runs: bool
    at: int
    first: int
    start: int
    progress_h: float
    cost_g: float
    suspends: int
    moves: int
    resizes: int
    parent: int
    until: int = _NEVER
    filed_g: float = -np.inf


class Search:
    """The state of one search.

    Args:
        problem, net, bounds: what is solved, and the least that the rest of a plan costs.
        rules: the limits that count.
        least_g: lower bound of the whole. [g]
        incumbent: the best draft known, which the search improves on.
        most: partial plans that may be taken up.
    """

    def __init__(
        self,
        problem: Problem,
        net: Network,
        bounds: Bound,
        rules: Interruption,
        *,
        least_g: float,
        incumbent: Draft | None,
        most: int,
    ) -> None:
        self._problem, self._net, self._bounds, self._rules = problem, net, bounds, rules
        self._step_g, self._tie_g, self._grain_g = (share * abs(least_g) for share in (_STEP, TIE / 100, _GRAIN))
        self._best, self._most = incumbent, most
        self._fastest = float(net.speed.max())
        self._t_h: list[float] = net.grid.t_h.tolist()
        self._speed: list[float] = net.speed.tolist()
        self._heap: list[tuple[float, float, int, Partial]] = []
        self._number = count()
        self._known: defaultdict[tuple[bool, int], list[tuple[int, Partial]]] = defaultdict(list)
        self._done: list[tuple[int, int, int, int]] = []

    def run(self, resumes: tuple[Ints, Labels] | None) -> Draft | None:
        """The best draft with a suspend that beats the incumbent, else that.

        Args:
            resumes: the waits of a job that was suspended before hour 0 and the borders at which they can end;
                None for a job that starts first.

        Raises:
            TooMany: it is not found by then.
        """
        least_g, begun = self._starts() if resumes is None else self._waits(*resumes)
        order = np.argsort(least_g, kind="stable")
        sorted_g, begun_at = least_g[order].tolist(), 0
        for _ in range(self._most):
            while begun_at < len(order):
                if sorted_g[begun_at] > self._limit_g() or (self._heap and self._heap[0][0] < sorted_g[begun_at]):
                    break
                self._file(sorted_g[begun_at], begun(int(order[begun_at])))
                begun_at += 1
            if not self._heap or self._heap[0][0] > self._limit_g():
                return self._best
            key_g, _, _, plan = heapq.heappop(self._heap)
            if plan.until > plan.first and (plan.filed_g > -np.inf or self._unbeaten(plan)):
                (self._suspend if plan.runs else self._resume)(plan, key_g)
        raise TooMany

    @property
    def best(self) -> Draft | None:
        """The best draft found so far, the incumbent where that is it."""
        return self._best

    def _limit_g(self) -> float:
        """What a plan may cost at most to be of use, ties with the best included. [g]"""
        return np.inf if self._best is None else self._best.cost_g * (1 + TIE)

    def _file(self, least_g: float, plan: Partial) -> None:
        """File a plan to be taken up by its bound, then by the earliest that it can be through."""
        t_h = self._t_h[plan.start if plan.runs else plan.first]
        done_h = plan.progress_h + (self._speed[plan.at] * t_h if plan.runs else 0.0)
        through_h = t_h + (self._net.work_h - done_h) / self._fastest
        key_g = round(least_g / self._tie_g) * self._tie_g if self._tie_g > 0 else least_g
        heapq.heappush(self._heap, (key_g, through_h, next(self._number), plan))

    def _starts(self) -> tuple[Floats, Callable[[int], Partial]]:
        """The bound of every first start of a plan that is suspended later, and what makes the plan of each."""
        net = self._net
        e, row = np.nonzero(net.startable)
        mature = net.matures_fresh[e, row]
        cost_g, progress_h = -net.grid.run_g[row, e], -net.speed[row] * net.grid.t_h[e]
        bounds = self._bounds
        least_g = bounds.lowest_g(bounds.run[mature, row, bounds.left(0)], cost_g, progress_h)
        keep = np.flatnonzero(np.isfinite(least_g) & (least_g <= self._limit_g()))

        def begun(number: int) -> Partial:
            """One of them: few are ever taken up."""
            i = keep[number]
            return Partial(
                runs=True, at=int(row[i]), first=int(mature[i]), start=int(e[i]), progress_h=float(progress_h[i]),
                cost_g=float(cost_g[i]), suspends=0, moves=0, resizes=0, parent=-1,
            )  # fmt: skip

        return least_g[keep], begun

    def _waits(self, border: Ints, labels: Labels) -> tuple[Floats, Callable[[int], Partial]]:
        """The bounds of the waits that a job suspended before is in, and what makes the plan of each."""
        table = self._bounds.wait[border, labels.state, self._bounds.left(labels.suspends)]
        least_g = self._bounds.lowest_g(table, labels.cost_g, labels.progress_h)
        keep = np.flatnonzero(np.isfinite(least_g) & (least_g <= self._limit_g()))

        def begun(number: int) -> Partial:
            """One of them."""
            i = keep[number]
            return Partial(
                runs=False, at=int(labels.state[i]), first=int(border[i]), start=int(border[i]),
                progress_h=float(labels.progress_h[i]), cost_g=float(labels.cost_g[i]), suspends=0,
                moves=int(labels.moves[i]), resizes=0, parent=-1,
            )  # fmt: skip

        return least_g[keep], begun

    def _unbeaten(self, plan: Partial) -> bool:
        """Whether no plan known beats it from its first border on; note the border from which one does."""
        known, counts = self._known[plan.runs, plan.at], self._rules
        least_h, most_g, below_g = plan.progress_h - SAME_H, plan.cost_g + self._grain_g, plan.cost_g - self._grain_g
        for last, other in known:
            if (
                other.cost_g <= most_g
                and other.progress_h >= least_h
                and last >= plan.first
                and (other.suspends <= plan.suspends or (counts.max_suspends is None and other.cost_g < below_g))
                and (counts.max_moves is None or other.moves <= plan.moves)
                and (counts.max_resizes is None or other.resizes <= plan.resizes)
            ):
                plan.until = min(plan.until, max(other.first, plan.first))
        known.append((self._last(plan), plan))
        return plan.until > plan.first

    def _last(self, plan: Partial) -> int:
        """The last border to which a plan can stay as it is."""
        on = self._net.grid
        if plan.runs:
            return int(on.room_to[plan.at, plan.start])
        holder = int(self._net.holder[plan.at])
        return len(on.slot) if holder < 0 else int(on.room_to[holder, plan.first])

    def _ahead(self, plan: Partial) -> slice:
        """The borders at which its next step may fall."""
        return slice(plan.first, min(self._last(plan) + 1, len(self._net.grid.slot), plan.until))

    def _again(self, plan: Partial, key_g: float, least_g: Floats) -> Floats:
        """Which next steps, by their bounds, are to be filed now; the plan is filed again for those left."""
        before_g, plan.filed_g = plan.filed_g, max(key_g, plan.filed_g) + self._step_g
        rest_g = float(least_g.min(where=least_g > plan.filed_g, initial=np.inf))
        if rest_g < np.inf and rest_g <= self._limit_g():
            self._file(rest_g, plan)
        return np.asarray((least_g > before_g) & (least_g <= min(plan.filed_g, self._limit_g())))

    def _late(self, least_g: Floats, through_h: Floats, suspends: int) -> Floats:
        """The bounds, inf where a plan that costs as much as the best is through no earlier, and no simpler."""
        if self._best is None or suspends < self._best.suspends:
            return least_g
        ties = least_g >= self._best.cost_g * (1 - TIE)
        later = through_h >= self._best.finish_h - INSTANT_TOLERANCE_H
        return np.where(ties & later, np.inf, least_g)

    def _resume(self, plan: Partial, key_g: float) -> None:
        """Resume a waiting plan at each border ahead: to the end of the work, or to a later suspend."""
        net, on, ahead = self._net, self._net.grid, self._ahead(plan)
        row = int(net.row[plan.at])
        speed, loading_h, open_ = self._speed[row], float(net.restart_h[row]), net.startable[ahead, row]
        t_h, left_h = on.t_h[ahead], net.work_h - plan.progress_h
        cost_g = plan.cost_g + net.accrued_g[ahead, plan.at] - on.run_g[row, ahead]
        if plan.filed_g == -np.inf:
            finish_h = t_h + (loading_h + left_h / speed)
            fits = open_ & (finish_h <= on.t_h[on.room_to[row, ahead]] + INSTANT_TOLERANCE_H)
            self._finish(plan, np.flatnonzero(fits), row, finish_h, cost_g)
        progress_h, mature = plan.progress_h - speed * (loading_h + t_h), net.matures[ahead, row]
        table = self._bounds.run[mature, row, self._bounds.left(plan.suspends)]
        least_g = self._bounds.lowest_g(table, cost_g, progress_h)
        least_g = self._late(np.where(open_, least_g, np.inf), t_h + loading_h + left_h / self._fastest, plan.suspends)
        for i in np.flatnonzero(self._again(plan, key_g, least_g)).tolist():
            begun = Partial(
                runs=True, at=row, first=int(mature[i]), start=plan.first + i, progress_h=float(progress_h[i]),
                cost_g=float(cost_g[i]), suspends=plan.suspends, moves=plan.moves, resizes=plan.resizes,
                parent=plan.parent,
            )  # fmt: skip
            self._file(float(least_g[i]), begun)

    def _suspend(self, plan: Partial, key_g: float) -> None:
        """Suspend a running plan at each border ahead, on its way to wherever it may resume."""
        net, on, row = self._net, self._net.grid, plan.at
        if self._rules.max_suspends is not None and plan.suspends >= self._rules.max_suspends:
            return
        ahead, speed = self._ahead(plan), self._speed[row]
        progress_h = plan.progress_h + speed * (on.t_h[ahead] - net.checkpoint_h)
        table = self._bounds.leave[ahead, row, self._bounds.left(plan.suspends)]
        left = self._bounds.lowest_of_one_g(table, plan.cost_g, plan.progress_h)
        left = np.where(progress_h < net.work_h - INSTANT_TOLERANCE_H * speed, left, np.inf)
        is_near = left <= min(max(key_g, plan.filed_g) + self._step_g, self._limit_g())
        near = np.flatnonzero(is_near)
        border, target = plan.first + near, net.target[row]
        arrival = net.arrives[border, row]
        cost_g = (plan.cost_g + on.run_g[row, border])[:, None] + net.transfer_g[border, row]
        cost_g = cost_g - net.accrued_g[border][:, target]
        moves, resizes = plan.moves + net.moved[row], plan.resizes + net.resized[row]
        table = self._bounds.wait[arrival, target, self._bounds.left(plan.suspends + 1)]
        least_g = self._bounds.lowest_g(table, cost_g, progress_h[near, None])
        if self._rules.max_moves is not None:
            least_g = np.where(moves <= self._rules.max_moves, least_g, np.inf)
        if self._rules.max_resizes is not None:
            least_g = np.where(resizes <= self._rules.max_resizes, least_g, np.inf)
        through_h = on.t_h[arrival] + ((net.work_h - progress_h[near]) / self._fastest)[:, None]
        least_g = self._late(least_g, through_h, plan.suspends + 1)
        chosen = self._again(plan, key_g, np.concatenate([least_g.ravel(), left[~is_near]]))[: least_g.size]
        for i, to in zip(*(index.tolist() for index in np.nonzero(chosen.reshape(least_g.shape))), strict=True):
            self._done.append((plan.parent, row, plan.start, int(border[i])))
            arrived = Partial(
                runs=False, at=int(target[to]), first=int(arrival[i, to]), start=int(border[i]),
                progress_h=float(progress_h[near[i]]), cost_g=float(cost_g[i, to]), suspends=plan.suspends + 1,
                moves=int(moves[to]), resizes=int(resizes[to]), parent=len(self._done) - 1,
            )  # fmt: skip
            self._file(float(least_g[i, to]), arrived)

    def _finish(self, plan: Partial, at: Ints, row: int, finish_h: Floats, cost_g: Floats) -> None:
        """Take the best of the plans that go through from border `plan.first` + `at`, if it beats the best so far."""
        if not len(at):
            return
        on, finish_h = self._net.grid, finish_h[at]
        last = on.border(finish_h)
        total_g = cost_g[at] + on.run_g[row, last] + on.run_rate[row, last] * (finish_h - on.t_h[last])
        least_g = total_g.min()
        if least_g > self._limit_g():
            return
        ties = np.flatnonzero(total_g <= least_g + TIE * abs(least_g))
        ties = ties[finish_h[ties] <= finish_h[ties].min() + INSTANT_TOLERANCE_H]
        drafts = [] if self._best is None else [self._best]
        for i in ties.tolist():
            end = (row, self._t_h[plan.first + at[i]], float(finish_h[i]))
            drafts.append(Draft(cost_g=float(total_g[i]), stretches=(*traced(self._done, on.t_h, plan.parent), end)))
        self._best = preferred(self._problem, drafts)
