"""What each stretch of a replay emitted and occupied, so that it can be summed by cluster, zone, class and month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scheduler.domain.units import G_PER_KG
from scheduler.problem.surface import Floats, Ints
from scheduler.simulation.request import Request
from scheduler.simulation.run import Flags, Run
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """The stretches of all jobs, shape [N] each.

    Args:
        job: number of the request; row: of the cluster.
        start_us, end_us: when. [us]
        kg: all lines; NaN where the intensity is unknown. [kg]
        gpu_h: occupied or held. [GPU-h]
    """

    job: Ints
    row: Ints
    start_us: Ints
    end_us: Ints
    kg: Floats
    gpu_h: Floats


def spans_of(runs: Sequence[Run]) -> Ints:
    """Every stretch of some runs as a row: job, row, start and end [us], and whether it was held; shape [N, 5]."""
    flat = [
        (job, *stretch, held)
        for job, run in enumerate(runs)
        for held, stretches in ((0, run.stretches), (1, run.held))
        for stretch in stretches
    ]
    return np.array(flat, dtype=np.int64).reshape(-1, 5)


def parts_of(world: World, requests: Sequence[Request], spans: Ints) -> Parts:
    """What the stretches of some jobs emitted, by the one price over the intensities that came."""
    job, row, start_us, end_us, held = spans.T
    gpus = np.array([request.gpus for request in requests])[job]
    gpu_h = (end_us - start_us) / US_PER_H * gpus
    powers = {power: n for n, power in enumerate(dict.fromkeys(request.gpu_w for request in requests))}
    power = np.array([powers[request.gpu_w] for request in requests], dtype=np.int64)[job]
    every, kept = [world.factors(gpu_w) for gpu_w in powers], held.astype(bool)
    runs_kwh, runs_g = np.array([one.run_kwh for one in every]), np.array([one.run_g for one in every])
    holds_kwh, holds_g = np.array([one.hold_kwh for one in every]), np.array([one.hold_g for one in every])
    kwh = np.where(kept, holds_kwh[power, row], runs_kwh[power, row])
    embodied_g = np.where(kept, holds_g[power, row], runs_g[power, row])
    mass_g = kwh * gpus * world.table.integral(world.zone[row], start_us, end_us) + embodied_g * gpu_h
    return Parts(job=job, row=row, start_us=start_us, end_us=end_us, kg=mass_g / G_PER_KG, gpu_h=gpu_h)


def by_month(world: World, requests: Sequence[Request], spans: Ints, common: Flags, edges_us: Ints) -> Floats:
    """What each job emitted between each two of some instants [us], hour by hour where it lies; 0 of others. [kg]

    Returns:
        Shape [months, jobs].
    """
    chosen = spans[common[spans[:, 0]]]
    found = []
    for first_us, last_us in pairwise(edges_us.tolist()):
        cut = chosen.copy()
        cut[:, 2], cut[:, 3] = cut[:, 2].clip(first_us, last_us), cut[:, 3].clip(first_us, last_us)
        parts = parts_of(world, requests, cut[cut[:, 2] < cut[:, 3]])
        found.append(np.bincount(parts.job, weights=parts.kg, minlength=len(requests)))
    return np.array(found)
