"""Widths by marginal work for a gram, where nothing joins one slot to the next but the work.

The value of an hour of work rises until the widths that pay for themselves in each slot do it all: then every step to
a wider one is taken by what it adds for a gram, the best first (Hanafy et al., CarbonScaler, SIGMETRICS 2024, DOI
10.48550/arXiv.2302.08681). The same value bounds every plan from below, restarts, holds and limits left out; so the
plan is given only where it costs just that, and is then the one cheapest.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.domain.units import kg_from_g
from scheduler.problem.draft import TIE, Draft, is_tie
from scheduler.problem.feasible import violations
from scheduler.problem.grid import Grid, grid
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.widths import Options, folded

_HALVINGS: Final = 100
"""Halvings of the interval in which the value lies: then its ends are neighbours."""
_IDLE: Final = -1
_APART: Final = 1e-6
"""The next step to a wider one adds less for a gram by more than this share, or which comes first is a tie. [-]"""


def by_greed(problem: Problem, wide: Problem, options: Options) -> Placement | None:
    """The cheapest placement at any width, None where only the programme can tell.

    Args:
        problem: the job; wide, options: the same with a row for each cluster and width, and what each row is.

    Notes:
        L(v) = v W - sum over slots of max over rows of max(0, v speed - rate) x hours, at the least v at which the
        chosen rows do the work W. Where two rows or two slots are as good, which one is no matter of price: None.
    """
    on = None if np.isnan(wide.run_rate).any() else grid(wide)
    found = None if on is None else _chosen(wide, on)
    if on is None or found is None:
        return None
    row, bound_g = found
    placement = folded(problem, options, Draft(cost_g=bound_g, stretches=_stretches(wide, on, row)).placement(wide))
    cost_kg = price(problem, placement).objective_kg(problem.objective)
    return placement if is_tie(cost_kg, kg_from_g(bound_g)) and not violations(problem, placement) else None


def _chosen(wide: Problem, on: Grid) -> tuple[Ints, float] | None:
    """The row of each slot, shape [N], and what no plan costs less than [g]; None where they do not make one plan."""
    step_h, speed = np.diff(on.t_h), wide.surface.speed[:, None]
    rate = np.where(on.room & (on.t_h[:-1] >= wide.earliest_h - INSTANT_TOLERANCE_H), on.run_rate, np.inf)

    def at(value_g: float) -> tuple[Ints, float]:
        """The rows that pay most at a value of an hour of work [g/h], and the work that they do. [h]"""
        gain = value_g * speed - rate
        row = np.where(gain.max(axis=0) > 0, gain.argmax(axis=0), _IDLE)
        return row, float(np.where(row >= 0, speed[row, 0], 0.0) @ step_h)

    low_g, high_g = 0.0, float((on.run_rate / speed).max())
    for _ in range(_HALVINGS):
        if at(high_g)[1] >= wide.work_h - INSTANT_TOLERANCE_H:
            break
        low_g, high_g = high_g, 2 * high_g
    else:
        return None
    for _ in range(_HALVINGS):
        middle_g = (low_g + high_g) / 2
        enough = at(middle_g)[1] >= wide.work_h - INSTANT_TOLERANCE_H
        low_g, high_g = (low_g, middle_g) if enough else (middle_g, high_g)
    row, done_h = at(high_g)
    used, whole = np.flatnonzero(row >= 0), done_h <= wide.work_h + INSTANT_TOLERANCE_H
    marginal = np.flatnonzero(row != at(low_g)[0])
    if not (whole or (len(marginal) == 1 and marginal[0] == used[-1])):
        return None
    beyond_g = high_g * (1 + _APART)
    gain = (beyond_g * speed - rate)[:, used]
    alike = gain >= gain.max(axis=0) - TIE * rate[row[used], used]
    if (alike.sum(axis=0) > 1).any() or (row != at(beyond_g)[0]).any():
        return None
    gain = high_g * speed - rate
    return row, high_g * wide.work_h - float(np.maximum(gain.max(axis=0), 0.0) @ step_h)


def _stretches(wide: Problem, on: Grid, row: Ints) -> tuple[tuple[int, float, float], ...]:
    """The segments of a row for each slot, the last one ending where the work does."""
    turns = np.flatnonzero(np.diff(row, prepend=_IDLE, append=_IDLE))
    parts: list[tuple[int, float, float]] = []
    left_h = wide.work_h
    t_h: Floats = on.t_h
    for first, last in zip(turns[:-1].tolist(), turns[1:].tolist(), strict=True):
        if row[first] != _IDLE:
            at, speed = int(row[first]), float(wide.surface.speed[row[first]])
            end_h = min(float(t_h[last]), float(t_h[first]) + left_h / speed)
            left_h -= speed * (end_h - float(t_h[first]))
            parts.append((at, float(t_h[first]), end_h))
    return tuple(parts)
