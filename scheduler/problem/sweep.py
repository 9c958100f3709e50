"""One sweep of the exact planner: partial plans carried over the borders in order of time."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.bound import Bound
from scheduler.problem.draft import TIE, Draft, is_tie, preferred
from scheduler.problem.labels import Labels, together, undominated
from scheduler.problem.network import Network
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints

_GRAIN = 1e-13
"""Costs nearer than this share of the ceiling are one when plans are compared: rounding, and nothing else. [-]"""


class Sweep:
    """The state of one sweep.

    Args:
        problem, net, bounds: what is solved, and the least that the rest of a plan costs.
        rules: the limits that count.
        ceiling_g: plans that must cost more are dropped. [g]
        incumbent: the best draft known, which the sweep improves on; it is no worse than any in one piece.
        beam: plans kept at a border, those of the least bounds; None for all, which alone is exact.
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
    ) -> None:
        self._problem, self._net, self._bounds, self._rules = problem, net, bounds, rules
        self._ceiling_g, self._best, self._beam = ceiling_g, incumbent, beam
        scale_g = min(ceiling_g, np.inf if incumbent is None else incumbent.cost_g)
        self._grain_g = _GRAIN * scale_g if np.isfinite(scale_g) else 0.0
        self._fastest = float(net.speed.max())
        self._arriving: defaultdict[int, list[Labels]] = defaultdict(list)
        self._maturing: defaultdict[int, list[Labels]] = defaultdict(list)
        self._done: list[tuple[int, int, int, int]] = []

    def run(self) -> Draft | None:
        """The best draft under the ceiling that is better than the incumbent, else that."""
        self._set_out()
        waiting = running = NO_LABELS
        for e in range(len(self._net.grid.slot)):
            running = self._merge(running, self._maturing.pop(e, []))
            if len(running):
                running = self._promising(self._bounds.run[e, running.state], running)
                self._suspend(e, running)
                running = running.take(self._net.grid.room[running.state, e])
            waiting = self._merge(waiting, self._arriving.pop(e, []))
            if len(waiting):
                waiting = self._unbeaten(e, self._promising(self._bounds.wait[e, waiting.state], waiting))
                self._resume(e, waiting)
                waiting = waiting.take(self._net.lasts[e, waiting.state])
        return self._best

    def _set_out(self) -> None:
        """File every way to begin: a first start at any border, or a resume of what was suspended before hour 0."""
        net, came_from = self._net, self._problem.resumed_from
        rows = np.arange(len(net.speed))
        if came_from is None:
            e, row = np.nonzero(net.startable)
            self._begin(e, row, np.zeros(len(e)), _blank(row, np.zeros(len(e))), net.matures_fresh)
            return
        travel_h = np.where(rows == came_from, 0.0, self._problem.surface.move_h[came_from])
        border = np.searchsorted(net.grid.t_h, travel_h - INSTANT_TOLERANCE_H)
        labels = replace(_blank(net.target[came_from], net.transfer_g[0, came_from]), moves=(rows != came_from) * 1)
        keep = (border < len(net.grid.slot)) & np.isfinite(labels.cost_g)
        if self._rules.max_moves is not None:
            keep &= labels.moves <= self._rules.max_moves
        _file(self._arriving, border[keep], labels.take(keep))

    def _merge(self, carried: Labels, fresh: list[Labels]) -> Labels:
        """The plans of a kind, without those that another one dominates."""
        if not fresh:
            return carried
        labels = together([carried, *fresh])
        return undominated(labels, self._layer(labels), self._grain_g)

    def _layer(self, labels: Labels) -> Ints:
        """What two plans must share to be compared: the state, and the counts that are limited."""
        layer = labels.state
        for most, count in ((self._rules.max_suspends, labels.suspends), (self._rules.max_moves, labels.moves)):
            if most is not None:
                layer = layer * (most + 1) + count
        return layer

    def _under_ceiling(self, least_g: Floats) -> NDArray[np.bool_]:
        """Whether plans of these least costs may still be the best."""
        best_g = np.inf if self._best is None else self._best.cost_g * (1 + TIE)
        return least_g <= min(self._ceiling_g, best_g)

    def _promising(self, e: int, labels: Labels) -> Labels:
        """Waiting plans that may be cheaper than the best, or as cheap and through earlier or with fewer suspends."""
        least_g = self._bounds.lowest_g(self._bounds.wait[e, labels.state], labels.cost_g, labels.progress_h)
        keep = self._under_ceiling(least_g)
        if self._best is not None:
            finish_h = self._net.grid.t_h[e] + (self._net.work_h - labels.progress_h) / self._fastest
            later = finish_h >= self._best.finish_h - INSTANT_TOLERANCE_H
            ties = least_g >= self._best.cost_g * (1 - TIE)
            keep &= ~(ties & later & (labels.suspends >= self._best.suspends))
        return labels.take(keep)

    def _suspend(self, e: int, running: Labels) -> None:
        """Suspend every running plan at border `e`, on its way to wherever it may resume."""
        net = self._net
        row, speed = running.state, net.speed[running.state]
        progress_h = running.progress_h + speed * (net.grid.t_h[e] - net.checkpoint_h)
        cost_g = (running.cost_g + net.grid.run_g[row, e])[:, None]
        state, arrival = net.target[row], net.arrives[row, :, e]
        cost_g = cost_g + net.transfer_g[row, :, e] - net.accrued_g[state, e]
        suspends = running.suspends + 1
        moves = running.moves[:, None] + (np.arange(len(net.speed)) != row[:, None])
        least_g = self._bounds.lowest_g(self._bounds.wait[arrival, state], cost_g, progress_h[:, None])
        keep = self._under_ceiling(least_g) & np.isfinite(least_g)
        keep &= (progress_h < net.work_h - INSTANT_TOLERANCE_H * speed)[:, None]
        if self._rules.max_suspends is not None:
            keep &= (suspends <= self._rules.max_suspends)[:, None]
        if self._rules.max_moves is not None:
            keep &= moves <= self._rules.max_moves
        which, to = np.nonzero(keep)
        sources, number = np.unique(which, return_inverse=True)
        first = len(self._done)
        self._done += zip(
            running.parent[sources].tolist(),
            row[sources].tolist(),
            running.start[sources].tolist(),
            [e] * len(sources),
            strict=True,
        )
        self._file(
            self._arriving,
            arrival[which, to],
            Labels(
                state=state[which, to],
                progress_h=progress_h[which],
                cost_g=cost_g[which, to],
                suspends=suspends[which],
                moves=moves[which, to],
                start=np.zeros_like(which),
                parent=first + number,
            ),
        )

    def _begin(self, e: int, waiting: Labels) -> None:
        """Start every waiting plan that can start at border `e`: to the end of the work, and to a later suspend."""
        net, on = self._net, self._net.grid
        labels = waiting.take(net.startable[waiting.state, e])
        row = net.row[labels.state]
        cost_g = labels.cost_g + net.accrued_g[labels.state, e] - on.run_g[row, e]
        loading_h, speed = net.restart_h[labels.state], net.speed[row]
        finish_h = on.t_h[e] + loading_h + (net.work_h - labels.progress_h) / speed
        through = np.flatnonzero(finish_h <= on.t_h[on.room_to[row, e]] + INSTANT_TOLERANCE_H)
        total_g = cost_g[through] + on.run_to(row[through], finish_h[through])
        self._offer(e, row[through], finish_h[through], total_g, labels.take(through))
        mature = net.matures[labels.state, e]
        progress_h = labels.progress_h - speed * (loading_h + on.t_h[e])
        least_g = self._bounds.lowest_g(self._bounds.run[mature, row], cost_g, progress_h)
        keep = self._under_ceiling(least_g) & np.isfinite(least_g)
        begun = Labels(
            state=row,
            progress_h=progress_h,
            cost_g=cost_g,
            suspends=labels.suspends,
            moves=labels.moves,
            start=np.full_like(row, e),
            parent=labels.parent,
        )
        self._file(self._maturing, mature[keep], begun.take(keep))

    @staticmethod
    def _file(calendar: defaultdict[int, list[Labels]], border: Ints, labels: Labels) -> None:
        """Put plans where the sweep finds them when it reaches their borders."""
        for e in np.unique(border):
            calendar[int(e)].append(labels.take(border == e))

    def _offer(self, e: int, row: Ints, finish_h: Floats, total_g: Floats, labels: Labels) -> None:
        """Take the best of some plans whose last segment starts at border `e`, if it beats the best so far."""
        good = np.flatnonzero(self._under_ceiling(total_g))
        if not len(good):
            return
        ties = good[[is_tie(float(cost_g), float(total_g[good].min())) for cost_g in total_g[good]]]
        ties = ties[finish_h[ties] <= finish_h[ties].min() + INSTANT_TOLERANCE_H]
        ties = ties[labels.suspends[ties] == labels.suspends[ties].min()]
        drafts = [
            Draft(
                cost_g=float(total_g[i]),
                stretches=(
                    *self._segments(int(labels.parent[i])),
                    (int(row[i]), float(self._net.grid.t_h[e]), float(finish_h[i])),
                ),
            )
            for i in ties
        ]
        self._best = preferred(self._problem, drafts if self._best is None else [self._best, *drafts])

    def _segments(self, number: int) -> tuple[tuple[int, float, float], ...]:
        """The suspended segments of a plan, from its first to segment `number`."""
        found: list[tuple[int, float, float]] = []
        t_h = self._net.grid.t_h
        while number >= 0:
            number, row, start, end = self._done[number]
            found.append((row, float(t_h[start]), float(t_h[end])))
        return tuple(reversed(found))
