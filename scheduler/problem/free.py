"""What no plan costs less than, with pauses, moves and holds free: from a value for an hour of work alone."""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.problem.grid import grid
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats

_VALUES: Final = 64
"""Values of an hour of work that are tried; each gives a bound, and the best one counts."""


def least_free_g(problem: Problem) -> float | None:
    """What no placement on hours with intensity costs less than, at any width; None where there are none. [g]

    It takes clusters times slots and no ways between clusters, so that it is there for any number of them.
    """
    on = grid(problem)
    if on is None:
        return None
    rate, room = problem.run_rate[:, on.slot], problem.surface.capacity[:, on.slot]
    open_ = np.isfinite(rate) & (on.t_h[:-1] >= problem.earliest_h - INSTANT_TOLERANCE_H)
    rates, speeds = list[Floats](), list[Floats]()
    for width in problem.every_width:
        rows = list(width.rows)
        rates.append(np.where(open_[rows] & (room[rows] >= width.gpus), rate[rows] * width.gpus, np.inf))
        speeds.append(problem.surface.speed[rows] * width.speed)
    return free_bound_g(np.concatenate(rates), np.diff(on.t_h), np.concatenate(speeds), problem.work_h)


def free_bound_g(rate: Floats, step_h: Floats, speed: Floats, work_h: float) -> float | None:
    """The bound of some work; None where it can run in no slot. [g]

    Args:
        rate: of the whole job by row and slot, inf where it cannot run, shape [C, S]. [g/h]
        step_h: length of each slot, shape [S]. [h]
        speed: work done in an hour by row, shape [C]. [-]
        work_h: the work. [h]

    Notes:
        With a value of lambda for an hour of work, W lambda - sum over slots of max over c of
        max(0, lambda speed - rate) dt is under the cost of every plan.
    """
    kinds = np.unique(speed)
    least = np.stack([rate[speed == kind].min(axis=0) for kind in kinds])  # of equal speeds the least rate gains most
    paid_g = (least / kinds[:, None]).min(axis=0)
    paid_g = paid_g[np.isfinite(paid_g)]

    def under_g(value_g: float) -> float:
        """The bound at one value of an hour of work [g/h]. [g]"""
        gain = np.maximum(value_g * kinds[:, None] - least, 0.0).max(axis=0)
        return value_g * work_h - float(gain @ step_h)

    values_g = np.quantile(paid_g, np.linspace(0, 1, _VALUES)) if paid_g.size else []
    return max((under_g(float(value_g)) for value_g in values_g), default=None)
