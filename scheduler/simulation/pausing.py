"""Plans with suspends beside others' reservations: as near to the best as a plan has to be to stay, and soon found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.domain.units import G_PER_KG
from scheduler.problem.draft import Draft
from scheduler.problem.grid import grid
from scheduler.problem.hysteresis import least_gain_kg
from scheduler.problem.near import nearly_best
from scheduler.problem.pieces import GoesOn, is_simple, pieces_on
from scheduler.problem.problem import Problem
from scheduler.problem.settled import settled
from scheduler.simulation.whole import InOnePiece, least_paused_g


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """What was found.

    Args:
        draft: the best, in one piece or not; None where nothing is known.
        is_enough: whether none betters it by what a plan is changed for, or is of use.
    """

    draft: Draft | None
    is_enough: bool


def near_enough(problem: Problem, found: InOnePiece, under_g: float = np.inf) -> Enough:
    """The best of the runs in one piece and the plans with suspends that are soon found.

    Args:
        found: the former; under_g: what a plan with a suspend must be under to be of use. [g]
    """
    best, least_g = found.window, np.inf
    if found.paused_g >= min(_worth_g(best), under_g):
        return Enough(draft=best, is_enough=True)
    on = grid(problem)
    if on is None or not is_simple(problem):
        return Enough(draft=best, is_enough=False)
    for rows, part_g in sorted(found.parts, key=lambda part: part[1]):
        least_part_g, worth_g = part_g, min(_worth_g(best), under_g)
        if part_g < worth_g:
            near = nearly_best(pieces_on(problem, on, rows), worth_g)
            least_part_g = near.least_g
            if near.draft is not None and (best is None or near.draft.cost_g < best.cost_g):
                best = settled(problem, on, near.draft)
        least_g = min(least_g, least_part_g)
    return Enough(draft=best, is_enough=least_g >= min(_worth_g(best), under_g))


def paused_later(problem: Problem, goes_on: GoesOn) -> Placement | None:
    """A plan that goes on with a run and suspends it later, None where none is known to be worth it."""
    on, surface, row, rate = grid(problem), problem.surface, goes_on.row, problem.run_rate
    if on is None or np.isnan(rate).any():
        return None
    room = surface.capacity >= problem.gpus
    ways = np.isfinite(surface.move_h[row])
    rows = np.flatnonzero(ways & room.any(axis=1))
    end_h = np.array([problem.work_h / surface.speed[row]])
    here = np.array([row])
    whole = Draft(cost_g=float(on.run_to(here, end_h)[0]), stretches=((row, 0.0, float(end_h[0])),))
    worth_g = _worth_g(whole if on.fits(here, np.zeros(1), end_h)[0] else None)
    if row not in rows or least_paused_g(problem, rows, rate, room) >= worth_g:
        return None
    near = nearly_best(pieces_on(problem, on, rows, goes_on), worth_g)
    return None if near.draft is None or near.draft.cost_g > worth_g else near.draft.placement(problem)


def _worth_g(best: Draft | None) -> float:
    """What a plan may cost at most to be taken for another one. [g]"""
    return np.inf if best is None else best.cost_g - G_PER_KG * least_gain_kg(best.cost_g / G_PER_KG)
