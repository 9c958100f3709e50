"""Slots without intensity: used only to keep a deadline, and then as little as possible.

The solvers know no NaN. A problem that has some is solved on its priced slots; where nothing fits there, the
least unpriced GPU-hours are found first, and then the cheapest plan that has no more of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.emissions import Line
from scheduler.domain.units import S_PER_H
from scheduler.problem.draft import Draft
from scheduler.problem.pricing import UNKNOWN_TRANSFER_H, price
from scheduler.problem.problem import Problem
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats
from scheduler.problem.ways import has_unknown, weighted

Solver = Callable[[Problem], Draft | None]

_SAME_H = 1 / S_PER_H
"""Plans whose unpriced time differs by under a second are equally unpriced. [h]"""
_GROWTH = 16.0


def priced_first(problem: Problem, solve: Solver) -> Draft | None:
    """What `solve` finds on a problem that may have unknown rates, by the rule above; None where nothing fits."""
    gaps = _gaps(problem)
    if not (gaps.any() or has_unknown(problem.surface.move_g)):
        return solve(problem)
    priced = solve(_weighted(problem, gaps, scale=1.0, weight_g=np.inf))
    if priced is not None:
        return priced
    fewest = solve(_weighted(problem, gaps, scale=0.0, weight_g=1.0))
    if fewest is None:
        return None
    least_gpu_h = _unpriced_gpu_h(problem, fewest)
    weight_g = _GROWTH * max(1.0, float(np.nanmax(problem.run_rate, initial=0.0)))
    while True:
        # A weight that leaves no more than the least unpriced hours is heavy enough: all plans with as many pay the
        # same for them, so the cheapest of the weighted sums is the cheapest of those plans.
        draft = solve(_weighted(problem, gaps, scale=1.0, weight_g=weight_g))
        if draft is None or _unpriced_gpu_h(problem, draft) <= least_gpu_h + _SAME_H * problem.gpus:
            return draft
        weight_g *= _GROWTH


def _unpriced_gpu_h(problem: Problem, draft: Draft) -> float:
    """GPU-hours of a draft without intensity. [GPU-h]"""
    return price(problem, draft.placement(problem)).unpriced_gpu_h


def _gaps(problem: Problem) -> NDArray[np.bool_]:
    """Where the intensity is unknown, shape [C, S]."""
    surface = problem.surface
    return np.isnan(problem.run_rate) | (surface.holds[:, None] & np.isnan(problem.hold_rate))


def _weighted(problem: Problem, gaps: NDArray[np.bool_], *, scale: float, weight_g: float) -> Problem:
    """The problem without NaN: known rates times `scale`, and `weight_g` more for an unpriced GPU-hour. [g/GPU-h]

    An infinite weight takes the room away instead.
    """
    surface, shut = problem.surface, np.isinf(weight_g)

    def filled(rates: Floats, more_g: float) -> Floats:
        """Known rates scaled, the gaps as their known part and `more_g`."""
        return np.nan_to_num(rates) * scale + np.where(gaps, more_g, 0.0)

    extra_g = 0.0 if shut else weight_g
    run_g: dict[Line, Floats] = {line: filled(surface.run_g[line], 0.0) for line in RUN_LINES}
    hold_g: dict[Line, Floats] = {line: filled(surface.hold_g[line], 0.0) for line in HOLD_LINES}
    run_g["dynamic"] = filled(surface.run_g["dynamic"], extra_g)
    hold_g["idle_held"] = filled(surface.hold_g["idle_held"], extra_g)
    move_g = weighted(surface.move_g, scale=scale, unknown_g=weight_g * UNKNOWN_TRANSFER_H * problem.gpus)
    capacity = np.where(gaps & shut, 0, surface.capacity)
    return replace(problem, surface=replace(surface, run_g=run_g, hold_g=hold_g, move_g=move_g, capacity=capacity))
