"""The exact optima as placements: over every kind, in one piece, and in one piece without waiting.

Each is None where nothing fits; `relax.infeasible` then says what to relax.
"""

from __future__ import annotations

from functools import partial

from scheduler.domain.placement import Placement
from scheduler.problem.blind import without_forecast
from scheduler.problem.draft import Draft, preferred
from scheduler.problem.dynamic import best_segments
from scheduler.problem.narrow import alone
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H
from scheduler.problem.unpriced import Solver, priced_first
from scheduler.problem.window import best_window, window_at


def cheapest(problem: Problem) -> Placement | None:
    """The cheapest placement, in one piece at any instant or in segments on edges."""
    return _placed(problem, best_draft)


def cheapest_window(problem: Problem) -> Placement | None:
    """The cheapest placement in one piece."""
    return _placed(problem, best_window)


def cheapest_first_start(problem: Problem) -> Placement | None:
    """The cheapest placement in one piece of those that start first: now, where any cluster has room now."""
    blind = without_forecast(problem)
    rows = range(len(problem.surface.clusters))
    firsts = [(row, first.stretches[0][1]) for row in rows if (first := best_window(alone(blind, row))) is not None]
    return _placed(problem, partial(_at_first, firsts))


def best_draft(problem: Problem) -> Draft | None:
    """The best of both kinds on a problem without unknown rates."""
    return best_segments(problem, best_window(problem))


def _placed(problem: Problem, solve: Solver) -> Placement | None:
    """What a solver finds, on priced slots if it can, as a placement."""
    draft = priced_first(problem, solve)
    return None if draft is None else draft.placement(problem)


def _at_first(firsts: list[tuple[int, float]], problem: Problem) -> Draft | None:
    """The cheapest of the placements that start first, of clusters by the first start of each. [h]"""
    first_h = min((start_h for _, start_h in firsts), default=0.0)
    drafts = [window_at(problem, row, at) for row, at in firsts if at <= first_h + INSTANT_TOLERANCE_H]
    return preferred(problem, [draft for draft in drafts if draft is not None])
