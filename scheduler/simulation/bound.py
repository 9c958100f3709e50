"""A bound under every replay: what the jobs would emit at least if each were alone and could stop and move for free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.domain.units import G_PER_KG
from scheduler.problem.surface import Floats
from scheduler.simulation.request import Request
from scheduler.simulation.run import Flags
from scheduler.simulation.table import US, US_PER_H
from scheduler.simulation.world import World


def bound_kg(world: World, requests: Sequence[Request], common: Flags) -> float:
    """What no placement of the common jobs emits less than that keeps every deadline. [kg]

    Notes:
        E >= sum over jobs of the cheapest hours between submission and deadline, each on the cheapest cluster that is
        wide enough, as many as the job is long: capacity, overheads and holds relaxed, the intensities as they came.
        Slots without intensity are left out, as are the jobs whose own runs were not priced.
    """
    rates: dict[tuple[float | None, tuple[int, ...]], Floats] = {}
    total_g = 0.0
    for number in np.flatnonzero(common).tolist():
        request = requests[number]
        wide = world.rooms.wide_enough(request.gpus)  # a job half done may go where the whole of it is too long
        key = request.gpu_w, wide
        if key not in rates:
            rates[key] = _cheapest(world, request, wide)
        total_g += request.gpus * _least_g(world, request, rates[key])
    return total_g / G_PER_KG


def _cheapest(world: World, request: Request, wide: Sequence[int]) -> Floats:
    """The least that an hour of a GPU emits in each slot on the clusters that are wide enough; inf where unknown."""
    rows = np.array(wide, dtype=np.int64)
    rate = world.run_rate(request, world.table.g_per_kwh)[rows]
    return np.asarray(np.where(np.isfinite(rate), rate, np.inf).min(axis=0))


def _least_g(world: World, request: Request, rate: Floats) -> float:
    """The cheapest hours of one job, for one GPU. [g]"""
    table = world.table
    first_us, last_us = table.us(request.submitted), min(table.us(request.deadline), table.end_us)
    slots = np.arange(first_us // table.step_us, -(-last_us // table.step_us))
    starts_us = np.maximum(slots * table.step_us, first_us)
    ends_us = np.minimum((slots + 1) * table.step_us, last_us)
    order = np.argsort(rate[slots], kind="stable")
    used_us = np.diff(np.minimum(np.cumsum((ends_us - starts_us)[order]), request.length // US), prepend=0)
    spent = used_us > 0
    return float((rate[slots][order][spent] * used_us[spent]).sum()) / US_PER_H
