"""A plan with suspends moved to the clusters that win a tie: home, else the first by name.

The search compares costs. Where two clusters cost the same, as two in one zone do, and a move is free, it would go
from one to the other and back for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.units import G_PER_KG
from scheduler.problem.draft import TIE, Draft, preferred
from scheduler.problem.feasible import violations
from scheduler.problem.grid import Grid
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H


def settled(problem: Problem, on: Grid, draft: Draft) -> Draft:
    """The plan that wins the tie among those with the segments of `draft` on clusters that cost as much."""
    if not _alike(problem, on, draft).any():
        return draft
    names, best = problem.surface.clusters, draft
    for row in sorted(range(len(names)), key=lambda row: (row != problem.home, names[row])):
        for numbers in _choices(np.flatnonzero(_alike(problem, on, best)[row]).tolist()):
            found = _on_row(problem, best, row, numbers)
            if found is not None:
                best = preferred(problem, [best, found]) or best
    return best


def _choices(numbers: list[int]) -> Iterator[list[int]]:
    """All of some segments at once, since they may only pay together, then each alone."""
    if len(numbers) > 1:
        yield numbers
    yield from ([number] for number in numbers)


def _alike(problem: Problem, on: Grid, draft: Draft) -> NDArray[np.bool_]:
    """Which other clusters run each segment in the same time for the same emissions, shape [C, segments]."""
    surface = problem.surface
    row, start_h, end_h = (np.array(column) for column in zip(*draft.stretches, strict=True))
    first, last = on.border(start_h + INSTANT_TOLERANCE_H), on.border(end_h)
    ends_g = on.run_g[:, last] + on.run_rate[:, last] * (end_h - on.t_h[last])
    run_g = ends_g - on.run_g[:, first] - on.run_rate[:, first] * (start_h - on.t_h[first])
    own_g = run_g[row, np.arange(len(row))]
    alike = np.abs(run_g - own_g) <= TIE * np.abs(own_g)
    alike &= end_h <= on.t_h[on.room_to[:, first]] + INSTANT_TOLERANCE_H
    alike &= (surface.speed[:, None] == surface.speed[row]) & (surface.restart_h[:, None] == surface.restart_h[row])
    alike[row, np.arange(len(row))] = False
    return np.asarray(alike)


def _on_row(problem: Problem, draft: Draft, row: int, numbers: list[int]) -> Draft | None:
    """The plan with some of its segments on another cluster, None where that breaks a constraint."""
    stretches = tuple(
        (row if number in numbers else own, start_h, end_h)
        for number, (own, start_h, end_h) in enumerate(draft.stretches)
    )
    if any(one[0] == other[0] and other[1] - one[2] <= INSTANT_TOLERANCE_H for one, other in pairwise(stretches)):
        return None  # they would be one segment, which needs no restart and so does more work
    placement = Draft(cost_g=0.0, stretches=stretches).placement(problem)
    if violations(problem, placement):
        return None
    cost_g = G_PER_KG * price(problem, placement).objective_kg(problem.objective)
    return Draft(cost_g=cost_g, stretches=stretches)
