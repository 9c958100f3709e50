"""One sweep of the exact planner: partial plans carried over the borders in order of time."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from scheduler.problem.bound import Bound
from scheduler.problem.draft import TIE, Draft, preferred, traced
from scheduler.problem.labels import NO_LABELS, Labels, TooMany, together, undominated
from scheduler.problem.network import Network
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints

_GRAIN = 1e-13
"""Costs nearer than this share of the ceiling are one when plans are compared: rounding, and nothing else. [-]"""

Calendar = defaultdict[int, list[Labels]]


class Sweep:
    """The state of one sweep.

    Args:
        problem, net, bounds: what is solved, and the least that the rest of a plan costs.
        rules: the limits that count.
        ceiling_g: plans that must cost more are dropped. [g]
        incumbent: the best draft known, which the sweep improves on.
        beam: plans kept at a border, those of the least bounds; None for all, which alone is exact.
        most: segments that may be noted, and ways out of one border that may be looked at; None for any number.
    """

    def __init__(
        self,
        problem: Problem,
        net: Network,
        bounds: Bound,
        rules: Interruption,
        *,
        ceiling_g: float = np.inf,
        incumbent: Draft | None = None,
        beam: int | None = None,
        most: int | None = None,
    ) -> None:
        self._problem, self._net, self._bounds, self._rules = problem, net, bounds, rules
        self._ceiling_g, self._best, self._beam, self._most = ceiling_g, incumbent, beam, most
        scale_g = ceiling_g if incumbent is None else min(ceiling_g, incumbent.cost_g)
        self._grain_g = _GRAIN * scale_g if np.isfinite(scale_g) else 0.0
        self._fastest = float(net.speed.max())
        self._arriving: Calendar = defaultdict(list)
        self._maturing: Calendar = defaultdict(list)
        self._done: list[tuple[int, int, int, int]] = []

    def run(self, resumes: tuple[Ints, Labels] | None) -> Draft | None:
        """The best draft with a suspend that beats the incumbent, else that.

        Args:
            resumes: the waits of a job that was suspended before hour 0 and the borders at which they can end;
                None for a job that starts first.

        Raises:
            TooMany: it takes more segments or ways than it may.
        """
        if resumes is None:
            self._start()
        else:
            _file(self._arriving, *resumes)
        waiting = running = NO_LABELS
        for e in range(len(self._net.grid.slot)):
            running = self._merge(running, self._maturing.pop(e, []))
            if len(running):
                left = self._bounds.left(running.suspends)
                running = self._promising(self._bounds.run[e, running.state, left], running)
                self._suspend(e, running)
                running = running.take(self._net.grid.room[running.state, e])
            waiting = self._merge(waiting, self._arriving.pop(e, []))
            if len(waiting):
                left = self._bounds.left(waiting.suspends)
                waiting = self._promising(self._bounds.wait[e, waiting.state, left], waiting)
                waiting = self._unbeaten(e, waiting)
                self._resume(e, waiting.take(self._net.startable[e, self._net.row[waiting.state]]))
                waiting = waiting.take(self._net.lasts[e, waiting.state])
        return self._best

    @property
    def best(self) -> Draft | None:
        """The best draft found so far, the incumbent where that is it."""
        return self._best

    def _merge(self, carried: Labels, fresh: list[Labels]) -> Labels:
        """The plans of a kind, without those that another one dominates."""
        if not fresh:
            return carried
        labels = together([carried, *fresh])
        return undominated(labels, self._layer(labels), self._grain_g)

    def _layer(self, labels: Labels) -> Ints:
        """What two plans must share to be compared: the state, and the counts that are limited."""
        layer = labels.state
        rules = self._rules
        counts = ((rules.max_suspends, labels.suspends), (rules.max_moves, labels.moves))
        for most, count in (*counts, (rules.max_resizes, labels.resizes)):
            if most is not None:
                layer = layer * (most + 1) + count
        return layer

    def _limit_g(self) -> float:
        """What a plan may cost at most to be of use, ties with the best included. [g]"""
        return self._ceiling_g if self._best is None else min(self._ceiling_g, self._best.cost_g * (1 + TIE))

    def _promising(self, table: Floats, labels: Labels) -> Labels:
        """The plans whose least totals, by their rows of a table of bounds, are under the limit and in the beam."""
        least_g = self._bounds.lowest_g(table, labels.cost_g, labels.progress_h)
        keep = np.isfinite(least_g) & (least_g <= self._limit_g())
        if self._beam is not None and int(keep.sum()) > self._beam:
            keep &= least_g <= np.partition(least_g, self._beam)[self._beam]
        return labels.take(keep)

    def _unbeaten(self, e: int, waiting: Labels) -> Labels:
        """The waiting plans that, costing as much as the best, may be through earlier or with fewer suspends."""
        if self._best is None or not len(waiting):
            return waiting
        table = self._bounds.wait[e, waiting.state, self._bounds.left(waiting.suspends)]
        least_g = self._bounds.lowest_g(table, waiting.cost_g, waiting.progress_h)
        finish_h = self._net.grid.t_h[e] + (self._net.work_h - waiting.progress_h) / self._fastest
        ties = least_g >= self._best.cost_g * (1 - TIE)
        later = finish_h >= self._best.finish_h - INSTANT_TOLERANCE_H
        return waiting.take(~(ties & later & (waiting.suspends >= self._best.suspends)))

    def _start(self) -> None:
        """File every first start of a plan that is suspended later; those that are not are in one piece."""
        net = self._net
        e, row = np.nonzero(net.startable)
        mature = net.matures_fresh[e, row]
        none = np.zeros_like(row)
        begun = Labels(
            state=row,
            progress_h=-net.speed[row] * net.grid.t_h[e],
            cost_g=-net.grid.run_g[row, e],
            suspends=none,
            moves=none,
            resizes=none,
            start=e,
            parent=none - 1,
        )
        self._begin(mature, begun)

    def _begin(self, mature: Ints, begun: Labels) -> None:
        """File segments for the border at which they may be suspended first."""
        table = self._bounds.run[mature, begun.state, self._bounds.left(begun.suspends)]
        least_g = self._bounds.lowest_g(table, begun.cost_g, begun.progress_h)
        keep = np.isfinite(least_g) & (least_g <= self._limit_g())
        _file(self._maturing, mature[keep], begun.take(keep))

    def _suspend(self, e: int, running: Labels) -> None:
        """Suspend every running plan at border `e`, on its way to wherever it may resume."""
        if not len(running):
            return
        net = self._net
        if self._most is not None and max(len(self._done), len(running) * len(net.speed)) > self._most:
            raise TooMany
        row, speed = running.state, net.speed[running.state]
        progress_h = running.progress_h + speed * (net.grid.t_h[e] - net.checkpoint_h)
        state, arrival = net.target[row], net.arrives[e][row]
        cost_g = (running.cost_g + net.grid.run_g[row, e])[:, None]
        cost_g = cost_g + net.transfer_g[e][row] - net.accrued_g[e][state]
        suspends = running.suspends + 1
        moves, resizes = running.moves[:, None] + net.moved[row], running.resizes[:, None] + net.resized[row]
        table = self._bounds.wait[arrival, state, self._bounds.left(suspends)[:, None]]
        least_g = self._bounds.lowest_g(table, cost_g, progress_h[:, None])
        keep = np.isfinite(least_g) & (least_g <= self._limit_g())
        keep &= (progress_h < net.work_h - INSTANT_TOLERANCE_H * speed)[:, None]
        if self._rules.max_suspends is not None:
            keep &= (suspends <= self._rules.max_suspends)[:, None]
        if self._rules.max_moves is not None:
            keep &= moves <= self._rules.max_moves
        if self._rules.max_resizes is not None:
            keep &= resizes <= self._rules.max_resizes
        which, to = np.nonzero(keep)
        if not len(which):
            return
        labels = Labels(
            state=state[which, to],
            progress_h=progress_h[which],
            cost_g=cost_g[which, to],
            suspends=suspends[which],
            moves=moves[which, to],
            resizes=resizes[which, to],
            start=np.zeros_like(which),
            parent=self._record(e, running, which),
        )
        _file(self._arriving, arrival[which, to], labels)

    def _record(self, e: int, running: Labels, which: Ints) -> Ints:
        """Note the segments that end at border `e`, once each; their numbers."""
        sources, number = np.unique(which, return_inverse=True)
        ended = running.take(sources)
        first = len(self._done)
        ends = [e] * len(sources)
        self._done += zip(ended.parent.tolist(), ended.state.tolist(), ended.start.tolist(), ends, strict=True)
        return first + number

    def _resume(self, e: int, labels: Labels) -> None:
        """Resume waiting plans at border `e`: to the end of the work, and to a later suspend."""
        if not len(labels):
            return
        net, on = self._net, self._net.grid
        row = net.row[labels.state]
        speed, loading_h = net.speed[row], net.restart_h[row]
        cost_g = labels.cost_g + net.accrued_g[e, labels.state] - on.run_g[row, e]
        finish_h = on.t_h[e] + loading_h + (net.work_h - labels.progress_h) / speed
        through = np.flatnonzero(finish_h <= on.t_h[on.room_to[row, e]] + INSTANT_TOLERANCE_H)
        total_g = cost_g[through] + on.run_to(row[through], finish_h[through])
        self._offer(e, finish_h[through], total_g, labels.take(through))
        begun = Labels(
            state=row,
            progress_h=labels.progress_h - speed * (loading_h + on.t_h[e]),
            cost_g=cost_g,
            suspends=labels.suspends,
            moves=labels.moves,
            resizes=labels.resizes,
            start=np.full_like(row, e),
            parent=labels.parent,
        )
        self._begin(net.matures[e, row], begun)

    def _offer(self, e: int, finish_h: Floats, total_g: Floats, labels: Labels) -> None:
        """Take the best of some plans whose last segment starts at border `e`, if it beats the best so far."""
        good = total_g <= self._limit_g()
        if not good.any():
            return
        ties = np.flatnonzero(good & (total_g <= total_g.min() + TIE * abs(total_g.min())))
        ties = ties[finish_h[ties] <= finish_h[ties].min() + INSTANT_TOLERANCE_H]
        ties = ties[labels.suspends[ties] == labels.suspends[ties].min()]
        drafts = [] if self._best is None else [self._best]
        for i in ties:
            row = int(self._net.row[labels.state[i]])
            last = (row, float(self._net.grid.t_h[e]), float(finish_h[i]))
            drafts.append(
                Draft(
                    cost_g=float(total_g[i]),
                    stretches=(*traced(self._done, self._net.grid.t_h, int(labels.parent[i])), last),
                )
            )
        self._best = preferred(self._problem, drafts)


def _file(calendar: Calendar, border: Ints, labels: Labels) -> None:
    """Put plans where the sweep finds them when it reaches their borders."""
    for e in np.unique(border):
        calendar[int(e)].append(labels.take(border == e))
