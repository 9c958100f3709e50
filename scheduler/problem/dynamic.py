"""The best placement with suspends and moves on the borders of the grid, exactly.

A sweep over the borders carries every partial plan that could still become the best one: no other in its
state has done more work for less, and with the least that its rest can cost it stays under a ceiling. The first
ceiling lies just over the lower bound; a plan found under it is the optimum. Else a narrow sweep finds a good
plan, and its cost is the ceiling.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scheduler.problem.bound import bound
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.grid import grid
from scheduler.problem.network import Network, network
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.sweep import Sweep

_FIRST_GAP = 0.002
"""Share over the lower bound at which the first ceiling lies. [-]"""
_BEAM = 40
"""Plans that a narrow sweep keeps at a border."""


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
    found = _search(problem, net, replace(rules, max_suspends=None, max_moves=None), incumbent)
    if found is None or _keeps(rules, problem, found):
        return found
    return _search(problem, net, rules, incumbent)


def _keeps(rules: Interruption, problem: Problem, draft: Draft) -> bool:
    """Whether a draft keeps the limits of suspends and moves."""
    rows = [row for row, _, _ in draft.stretches]
    if problem.resumed_from is not None:
        rows = [problem.resumed_from, *rows]
    moves = sum(before != after for before, after in zip(rows, rows[1:], strict=False))
    most = (rules.max_suspends, rules.max_moves)
    return all(limit is None or count <= limit for count, limit in zip((draft.suspends, moves), most, strict=True))


def _search(problem: Problem, net: Network, rules: Interruption, incumbent: Draft | None) -> Draft | None:
    """The optimum under `rules`, by sweeps under a ceiling."""
    bounds = bound(net)
    start = Sweep(problem, net, bounds, rules)
    least_g = start.least_g()
    if not np.isfinite(least_g):
        return incumbent
    most_g = np.inf if incumbent is None else incumbent.cost_g
    ceiling_g = least_g * (1 + _FIRST_GAP)
    if 0 < least_g and ceiling_g < most_g * (1 - TIE):
        found = Sweep(problem, net, bounds, rules, ceiling_g=ceiling_g).run()
        if found is not None:
            return found
        incumbent = Sweep(problem, net, bounds, rules, incumbent=incumbent, beam=_BEAM).run()
    return Sweep(problem, net, bounds, rules, incumbent=incumbent).run()
