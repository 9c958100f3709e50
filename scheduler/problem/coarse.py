"""What finer slots could gain at most over a plan made on coarse ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.units import S_PER_H
from scheduler.problem.assemble import Assembled
from scheduler.problem.slots import slot_lows
from scheduler.problem.surface import Floats, Ints

_LEVELS: Final = 32


def least_on_finer_g(assembled: Assembled, intensity: Mapping[str, IntensitySeries]) -> float | None:
    """No plan on slots however fine has a smaller objective; None where intensities are unknown. [g]

    Notes:
        With rates at the least intensity r of each slot and a value of lambda for an hour of work, W lambda - sum over
        slots of max over c of max(0, lambda speed - gpus r) dt bounds every plan from below: overheads, holds,
        transfers, room and limits are left out, and each slot is as clean as its cleanest moment.
    """
    problem = assembled.problem
    surface, count = problem.surface, len(assembled.ground.candidates)
    edges_us = _microseconds(assembled)
    rates = problem.run_rate[:count] * problem.gpus
    counted = problem.gpus if problem.objective == "lifecycle" else 0
    fixed = surface.run_g["embodied"][:count] * counted
    lows = np.stack(
        [
            slot_lows(intensity[c.zone], intensity[c.zone].at_level(assembled.level), surface.origin, edges_us)
            for c in assembled.ground.candidates
        ]
    )
    share = np.divide(lows, assembled.g_per_kwh[:count], out=np.ones_like(lows), where=assembled.g_per_kwh[:count] > 0)
    least = fixed + (rates - fixed) * share
    inside = (surface.edges_h[1:] > problem.earliest_h) & (surface.edges_h[:-1] < problem.deadline_h)
    least, step_h, speed = least[:, inside], surface.slot_h[inside], surface.speed[:count]
    if not np.isfinite(least).all():
        return None
    return max(_bound_g(least, step_h, speed, problem.work_h, level) for level in _levels(least, speed))


def _levels(least: Floats, speed: Floats) -> list[float]:
    """Values of an hour of work, between the least and the greatest it takes. [g/h]"""
    return [float(level) for level in np.quantile((least / speed[:, None]).min(axis=0), np.linspace(0, 1, _LEVELS))]


def _bound_g(least: Floats, step_h: Floats, speed: Floats, work_h: float, level_g: float) -> float:
    """The bound at one value of an hour of work. [g]"""
    gain = np.maximum(level_g * speed[:, None] - least, 0.0).max(axis=0)
    return level_g * work_h - float(gain @ step_h)


def _microseconds(assembled: Assembled) -> Ints:
    """The edges of the surface. [us]"""
    surface = assembled.problem.surface
    return np.rint(surface.edges_h * S_PER_H * 1e6).astype(np.int64)
