"""The best placement in one piece: any cluster, any instant, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.draft import TIE, Draft, preferred
from scheduler.problem.grid import Grid, grid
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.ways import way_g


def best_window(problem: Problem) -> Draft | None:
    """The cheapest placement without a suspend, None where none fits; rates are all known.

    Notes:
        With C(t) the integral of the run rate and L the occupied time, the cost of a start x is
        C(x + L) - C(x), plus the hold from hour 0 to x and the transfer where the job resumes. It is linear between
        the points where x or x + L lies on an edge, so one of those, or an end of the range of x, is a minimum.
    """
    on = grid(problem)
    if on is None:
        return None
    start_h, keep = _starts(problem, on)
    row, start_h = np.nonzero(keep)[0], start_h[keep]
    return preferred(problem, _drafts(problem, on, row, start_h, start_h + occupied_h(problem)[row]))


def first_fit_h(problem: Problem, on: Grid | None) -> Floats:
    """The first start in one piece that each cluster has room for in time, shape [C]; inf where none. [h]

    Notes:
        It is the earliest a placement can start, or the end of another's reservation; rates are not looked at.
    """
    if on is None:
        return np.full(len(problem.surface.clusters), np.inf)
    start_h, keep = _starts(problem, on)
    return np.asarray(np.where(keep, start_h, np.inf).min(axis=1))


def best_start(problem: Problem, row: Ints, start_h: Floats, on: Grid | None = None) -> Draft | None:
    """The cheapest placement in one piece of some starts [h] on clusters that go with them, None where none fits.

    Args:
        problem: with all rates known; on: its grid, where that was made before.
        row, start_h: a cluster and a start each. [h]
    """
    on = on or grid(problem)
    if on is None:
        return None
    end_h = start_h + occupied_h(problem)[row]
    keep = (start_h >= first_start_h(problem)[row] - INSTANT_TOLERANCE_H) & _fits(problem, on, row, start_h, end_h)
    return preferred(problem, _drafts(problem, on, row[keep], start_h[keep], end_h[keep]))


def occupied_h(problem: Problem) -> Floats:
    """Time that the work takes in one piece, the restart of a resume included, shape [C]. [h]"""
    surface = problem.surface
    restart_h = 0.0 if problem.resumed_from is None else surface.restart_h
    return np.asarray(problem.work_h / surface.speed + restart_h)


def first_start_h(problem: Problem) -> Floats:
    """When a placement in one piece can start at the earliest, shape [C]; inf where it never can. [h]"""
    rules, surface = problem.interruption, problem.surface
    first = np.full(len(surface.clusters), max(problem.earliest_h, float(surface.edges_h[0])))
    if problem.resumed_from is None:
        return first
    here = ~surface.moved[problem.resumed_from]
    travel_h = np.where(here, 0.0, surface.move_h[problem.resumed_from])
    may_move = rules is None or rules.max_moves is None or rules.max_moves > 0
    return np.where(here | may_move, np.maximum(first, travel_h), np.inf)


def _starts(problem: Problem, on: Grid) -> tuple[Floats, NDArray[np.bool_]]:
    """The starts of which one is the best on each cluster, shape [C, X], and which of them fit. [h]"""
    length_h, first_h = occupied_h(problem)[:, None], first_start_h(problem)[:, None]
    count = len(on.t_h)
    start_h = np.empty((len(length_h), 2 * count + 1))
    start_h[:, :count], start_h[:, count:-1], start_h[:, -1:] = on.t_h, on.t_h - length_h, first_h
    keep = np.isfinite(start_h) & (start_h >= first_h - INSTANT_TOLERANCE_H)
    start_h = np.maximum(start_h, first_h)
    row = np.broadcast_to(np.arange(len(length_h))[:, None], start_h.shape)
    return start_h, keep & _fits(problem, on, row, start_h, start_h + length_h)


def _fits(problem: Problem, on: Grid, row: Ints, start_h: Floats, end_h: Floats) -> NDArray[np.bool_]:
    """Whether there is room from each start to its end, and before it for nodes held since hour 0."""
    fits = on.fits(row, start_h, end_h)
    came_from = problem.resumed_from
    if came_from is not None and problem.surface.holds[came_from]:
        kept = on.fits(np.full_like(row, came_from), np.zeros_like(start_h), start_h)
        fits &= problem.surface.moved[came_from, row] | kept | (start_h <= INSTANT_TOLERANCE_H)
    return fits


def _drafts(problem: Problem, on: Grid, row: Ints, start_h: Floats, end_h: Floats) -> list[Draft]:
    """The placements whose cost ties with the least, those that finish first."""
    cost_g = on.run_to(row, end_h) - on.run_to(row, start_h)
    came_from = problem.resumed_from
    if came_from is not None:
        arrival_g = way_g(problem.surface.move_g, came_from, np.arange(len(problem.surface.clusters)), int(on.slot[0]))
        held_g = on.hold_to(np.full_like(row, came_from), start_h)
        cost_g = cost_g + np.where(problem.surface.moved[came_from, row], arrival_g[row], held_g)
    if not np.isfinite(cost_g).any():
        return []
    ties = np.flatnonzero(cost_g <= cost_g.min() + TIE * abs(cost_g.min()))
    first = ties[end_h[ties] <= end_h[ties].min() + INSTANT_TOLERANCE_H]
    return [
        Draft(cost_g=float(cost_g[i]), stretches=((int(row[i]), float(start_h[i]), float(end_h[i])),)) for i in first
    ]
