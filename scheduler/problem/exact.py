"""The exact optima as placements: over every kind, in one piece, and in one piece without waiting.

Each is None where nothing fits; `relax.infeasible` then says what to relax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.problem.draft import Draft
from scheduler.problem.dynamic import best_segments
from scheduler.problem.grid import grid
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H
from scheduler.problem.unpriced import Solver, priced_first
from scheduler.problem.window import best_start, best_window, first_fit_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best placement that was found.

    Args:
        placement: where and when.
        bound_g: what none costs less than, where the search was given up; None where it is the cheapest there is. [g]
    """

    placement: Placement
    bound_g: float | None


def cheapest(problem: Problem) -> Placement | None:
    """The cheapest placement, in one piece at any instant or in segments on edges."""
    return _placed(problem, best_draft)


def cheapest_known(problem: Problem) -> Found | None:
    """The same, and whether it is known to be the cheapest; on a problem whose placement has a price."""
    draft = priced_first(problem, best_draft)
    return None if draft is None else Found(placement=draft.placement(problem), bound_g=draft.bound_g)


def cheapest_window(problem: Problem) -> Placement | None:
    """The cheapest placement in one piece."""
    return _placed(problem, best_window)


def cheapest_first_start(problem: Problem) -> Placement | None:
    """The cheapest placement in one piece of those that start first: now, where any cluster has room now."""
    on = grid(problem)
    start_h = first_fit_h(problem, on)
    row = np.flatnonzero(np.isfinite(start_h) & (start_h <= start_h.min() + INSTANT_TOLERANCE_H))
    return _placed(problem, lambda posed: best_start(posed, row, start_h[row], on if posed is problem else None))


def best_draft(problem: Problem) -> Draft | None:
    """The best of both kinds on a problem without unknown rates."""
    return best_segments(problem, best_window(problem))


def _placed(problem: Problem, solve: Solver) -> Placement | None:
    """What a solver finds, on priced slots if it can, as a placement."""
    draft = priced_first(problem, solve)
    return None if draft is None else draft.placement(problem)
