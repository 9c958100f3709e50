"""The best placement with suspends and moves on the borders of the grid, exactly.

A sweep over the borders carries every partial plan that could still become the best one: no other in its
state has done more work for less, and with the least that its rest can cost it stays under a ceiling. The ceiling
starts near the lower bound and rises until a plan is found below it, which is then the optimum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scheduler.problem.bound import bound
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.grid import grid
from scheduler.problem.labels import Labels
from scheduler.problem.network import FRESH, Network, network
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Ints
from scheduler.problem.sweep import Sweep

FIRST_GAP = 0.002
"""Share over the lower bound at which the first ceiling lies; it grows fourfold until it is not needed. [-]"""
GAP_GROWTH = 4.0
LAST_GAP = 0.5


def best_segments(problem: Problem, incumbent: Draft | None) -> Draft | None:
    """The cheapest placement with suspends and moves, or `incumbent` where none is cheaper; None where none fits.

    Args:
        problem: without unknown rates.
        incumbent: the best placement in one piece, if there is one.
    """
    rules, on = problem.interruption, grid(problem)
    if rules is None or on is None or rules.max_suspends == 0:
        return incumbent
    net = network(problem, on, rules)
    unlimited = replace(rules, max_suspends=None, max_moves=None)
    found = _search(problem, net, unlimited, incumbent)
    if found is not None and _keeps(rules, problem, found):
        return found
    return _search(problem, net, rules, incumbent) if found is not None else None


def _keeps(rules: Interruption, problem: Problem, draft: Draft) -> bool:
    """Whether a draft keeps the limits of suspends and moves."""
    rows = [row for row, _, _ in draft.stretches]
    if problem.resumed_from is not None:
        rows = [problem.resumed_from, *rows]
    moves = sum(before != after for before, after in zip(rows, rows[1:], strict=False))
    most = (rules.max_suspends, rules.max_moves)
    return all(limit is None or count <= limit for count, limit in zip((draft.suspends, moves), most, strict=True))


def _search(problem: Problem, net: Network, rules: Interruption, incumbent: Draft | None) -> Draft | None:
    """The optimum under `rules`, by ceilings that rise."""
    border, start = _start(problem, net, rules)
    if not len(start):
        return incumbent
    bounds, least_g = bound(net, border, start.state, start.cost_g)
    if not np.isfinite(least_g):
        return incumbent
    gap, most_g = FIRST_GAP, np.inf if incumbent is None else incumbent.cost_g
    while least_g > 0 and gap < LAST_GAP and least_g * (1 + gap) < most_g * (1 - TIE):
        ceiling_g = least_g * (1 + gap)
        found = Sweep(problem, net, bounds, rules, ceiling_g=ceiling_g, incumbent=None).run(border, start)
        if found is not None and found.cost_g <= ceiling_g:
            return found
        gap *= GAP_GROWTH
    return Sweep(problem, net, bounds, rules, ceiling_g=most_g, incumbent=incumbent).run(border, start)


def _start(problem: Problem, net: Network, rules: Interruption) -> tuple[Ints, Labels]:
    """The waits a job begins with, and the border at which each can end."""
    count, came_from = len(net.speed), problem.resumed_from
    rows = np.arange(count)
    if came_from is None:
        border, state, cost_g, moves = np.zeros_like(rows), FRESH * count + rows, np.zeros(count), np.zeros_like(rows)
    else:
        travel_h = np.where(rows == came_from, 0.0, problem.surface.move_h[came_from])
        border = np.searchsorted(net.grid.t_h, travel_h - INSTANT_TOLERANCE_H)
        state, moves = net.target[came_from], (rows != came_from).astype(np.int64)
        cost_g = net.transfer_g[came_from, :, 0]
    keep = (border < len(net.grid.slot)) & np.isfinite(cost_g)
    if rules.max_moves is not None:
        keep &= moves <= rules.max_moves
    none = np.zeros_like(rows)
    labels = Labels(
        state=state, progress_h=np.zeros(count), cost_g=cost_g, suspends=none, moves=moves, start=none, parent=none - 1
    )
    return border[keep], labels.take(keep)
