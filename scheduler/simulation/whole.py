"""Where no pause can pay, the exact optimum is the best run in one piece, which is found a hundred times as fast."""

from __future__ import annotations

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.problem.draft import TIE
from scheduler.problem.problem import Problem
from scheduler.problem.surface import Floats
from scheduler.problem.window import best_window


def best_whole(problem: Problem) -> Placement | None:
    """The cheapest placement of all where it is provably one without a suspend; None where that is open.

    Notes:
        A placement with a suspend occupies at least one restart and one checkpoint more than the work. The cheapest so
        many hours with room, whatever lies between them, on one cluster or, where a checkpoint can travel, on the
        best of all in each slot, cost no more than it. Where the best run in one piece is below that, nothing beats it.
    """
    rules, surface = problem.interruption, problem.surface
    rate = problem.run_rate
    if rules is None or problem.resumed_from is not None or problem.widths or np.isnan(rate).any():
        return None
    if (surface.speed != 1.0).any():
        return None
    window = best_window(problem)
    if window is None:
        return None
    hours_h = problem.work_h + float(surface.restart_h.min()) + rules.checkpoint_h
    open_rate = np.where(surface.capacity >= problem.gpus, rate * problem.gpus, np.inf)
    if np.isfinite(surface.move_h).sum() > len(surface.clusters):
        open_rate = open_rate.min(axis=0, keepdims=True)
    least_g = min(_cheapest_g(each, surface.slot_h, hours_h) for each in open_rate)
    return window.placement(problem) if window.cost_g < least_g * (1 - TIE) else None


def _cheapest_g(rate: Floats, length_h: Floats, hours_h: float) -> float:
    """What the cheapest so many hours cost, inf where there are not as many. [g]"""
    order = np.argsort(rate)
    rate, reached_h = rate[order], np.cumsum(length_h[order])
    last = int(np.searchsorted(reached_h, hours_h * (1 - TIE)))
    if last == len(rate) or np.isinf(rate[last]):
        return np.inf
    before_h = reached_h[last - 1] if last else 0.0
    return float(rate[:last] @ length_h[order][:last] + rate[last] * max(0.0, hours_h - before_h))
