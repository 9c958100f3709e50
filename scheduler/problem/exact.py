"""The exact optima as placements: over every kind, in one piece, and in one piece without waiting."""

from __future__ import annotations

from functools import partial

from scheduler.domain.placement import Placement
from scheduler.problem.blind import without_forecast
from scheduler.problem.draft import Draft, preferred
from scheduler.problem.dynamic import best_segments
from scheduler.problem.narrow import in_one_piece, only_on
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible
from scheduler.problem.surface import INSTANT_TOLERANCE_H
from scheduler.problem.unpriced import Solver, priced_first
from scheduler.problem.window import best_window, window_at


def cheapest(problem: Problem) -> Placement:
    """The cheapest placement, in one piece at any instant or in segments on edges.

    Raises:
        Infeasible: nothing fits; the hint says what to relax and by how much.
    """
    return _solved(problem, _of_both_kinds)


def cheapest_window(problem: Problem) -> Placement:
    """The cheapest placement in one piece.

    Raises:
        Infeasible: nothing fits; the hint says what to relax and by how much.
    """
    return _solved(in_one_piece(problem), best_window)


def cheapest_first_start(problem: Problem) -> Placement:
    """The cheapest placement in one piece of those that start first: now, where any cluster has room now.

    Raises:
        Infeasible: nothing fits; the hint says what to relax and by how much.
    """
    blind = without_forecast(problem)
    rows = range(len(problem.surface.clusters))
    firsts = [first for row in rows if (first := best_window(only_on(blind, [row]))) is not None]
    return _solved(in_one_piece(problem), partial(_at_first, firsts))


def _solved(problem: Problem, solve: Solver) -> Placement:
    """What a solver finds, priced slots first, as a placement."""
    draft = priced_first(problem, solve)
    if draft is None:
        pieces = problem.interruption is not None and problem.interruption.max_suspends != 0
        kind = "no placement" if pieces else "no placement in one piece"
        raise infeasible(problem, f"{kind} keeps every constraint")
    return draft.placement(problem)


def _of_both_kinds(problem: Problem) -> Draft | None:
    """The best of both kinds on a problem without unknown rates."""
    return best_segments(problem, best_window(problem))


def _at_first(firsts: list[Draft], problem: Problem) -> Draft | None:
    """The cheapest of the placements in `firsts` that start first."""
    starts = [draft.stretches[0] for draft in firsts]
    first_h = min((start_h for _, start_h, _ in starts), default=0.0)
    drafts = [window_at(problem, row, at) for row, at, _ in starts if at <= first_h + INSTANT_TOLERANCE_H]
    return preferred(problem, [draft for draft in drafts if draft is not None])
