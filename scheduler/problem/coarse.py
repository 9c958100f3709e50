"""What finer slots could gain at most over a plan made on coarse ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.units import S_PER_H
from scheduler.problem.assemble import Assembled
from scheduler.problem.free import free_bound_g
from scheduler.problem.slots import slot_lows
from scheduler.problem.surface import Ints


def least_on_finer_g(assembled: Assembled, intensity: Mapping[str, IntensitySeries]) -> float | None:
    """No plan on slots however fine has a smaller objective; None where intensities are unknown. [g]

    Notes:
        The free bound with each slot as clean as its cleanest moment: overheads, holds, transfers, room and limits are
        left out, and every width that the job lists is counted.
    """
    problem = assembled.problem
    surface, count = problem.surface, len(assembled.ground.candidates)
    edges_us = _microseconds(assembled)
    rates = problem.run_rate[:count]
    fixed = surface.run_g["embodied"][:count] * (problem.objective == "lifecycle")
    lows = np.stack(
        [
            slot_lows(intensity[c.zone], intensity[c.zone].at_level(assembled.level), surface.origin, edges_us)
            for c in assembled.ground.candidates
        ]
    )
    share = np.divide(lows, assembled.g_per_kwh[:count], out=np.ones_like(lows), where=assembled.g_per_kwh[:count] > 0)
    least = fixed + (rates - fixed) * share
    inside = (surface.edges_h[1:] > problem.earliest_h) & (surface.edges_h[:-1] < problem.deadline_h)
    if not np.isfinite(least[:, inside]).all():
        return None
    rows = [[row for row in width.rows if row < count] for width in problem.every_width]
    wide = [least[some][:, inside] * width.gpus for some, width in zip(rows, problem.every_width, strict=True)]
    speed = [surface.speed[some] * width.speed for some, width in zip(rows, problem.every_width, strict=True)]
    return free_bound_g(np.concatenate(wide), surface.slot_h[inside], np.concatenate(speed), problem.work_h)


def _microseconds(assembled: Assembled) -> Ints:
    """The edges of the surface. [us]"""
    surface = assembled.problem.surface
    return np.rint(surface.edges_h * S_PER_H * 1e6).astype(np.int64)
