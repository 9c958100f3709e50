"""The band of a saving: what the plan and its baseline emit on each path that may come, priced together.

An error of the forecast in hours that both use cancels, and one that favours the hours that were avoided does not: only
whole paths tell the two apart.
"""

from __future__ import annotations

import numpy as np

from scheduler.domain.units import kg_from_g
from scheduler.planning.forecasting.deviations import Deviations
from scheduler.planning.forecasting.scenarios import QUANTILES
from scheduler.planning.plan import FULL, Priced, SavingBand
from scheduler.problem.assemble import Assembled
from scheduler.problem.pauses import pauses_of
from scheduler.problem.pricing import overlap
from scheduler.problem.surface import HOLD_LINES, RUN_LINES, Floats


def saving_band(
    chosen: Priced, baseline: Priced, chosen_on: Assembled, baseline_on: Assembled, may_come: Deviations
) -> SavingBand | None:
    """The quantiles of the saving over the paths; None where a part of either has no intensity.

    Notes:
        E(j) = E + sum over clusters c and slots s of kWh[c, s] x d(z(c), s; j), d being the deviation on path j: every
        line but the embodied is energy times intensity. A transfer stays at its planned emissions.
    """
    if min(chosen.coverage, baseline.coverage) < FULL:
        return None
    ours = chosen.prices["central"].emissions.total + _moved_kg(chosen, chosen_on, may_come)
    theirs = baseline.prices["central"].emissions.total + _moved_kg(baseline, baseline_on, may_come)
    saved = theirs - ours
    low, middle, high = (float(each) for each in np.percentile(saved, QUANTILES))
    shares = 100.0 * saved / theirs if (theirs > 0).all() else None
    pct = None if shares is None else tuple(float(each) for each in np.percentile(shares, QUANTILES))
    return SavingBand(
        p5_kg=low,
        p50_kg=middle,
        p95_kg=high,
        p5_pct=pct[0] if pct else None,
        p50_pct=pct[1] if pct else None,
        p95_pct=pct[2] if pct else None,
        paths=len(saved),
    )


def _moved_kg(priced: Priced, on: Assembled, may_come: Deviations) -> Floats:
    """How much more a placement emits on each path than it is planned to, shape [N]. [kg]"""
    hours = on.problem.surface.hour(may_come.start) + np.arange(_hours(may_come) + 1, dtype=np.float64)
    energy = _energy_kwh(priced, on)
    moved = np.zeros(next(iter(may_come.g_per_kwh.values())).shape[0])
    shared = _shared(on.problem.surface.edges_h, hours)
    for row, cluster in enumerate(on.ground.rows):
        if cluster.zone in may_come.g_per_kwh and energy[row].any():
            moved += may_come.g_per_kwh[cluster.zone] @ (shared.T @ energy[row])
    return np.asarray(kg_from_g(1.0) * moved)


def _hours(may_come: Deviations) -> int:
    """The hours that the paths cover."""
    return int(next(iter(may_come.g_per_kwh.values())).shape[1])


def _shared(edges_h: Floats, hours: Floats) -> Floats:
    """The share of each slot that lies in each hour, shape [S, hours]. [-]"""
    late = np.minimum(edges_h[1:, None], hours[1:])
    early = np.maximum(edges_h[:-1, None], hours[:-1])
    return np.asarray(np.maximum(late - early, 0.0) / np.diff(edges_h)[:, None])


def _energy_kwh(priced: Priced, on: Assembled) -> Floats:
    """The energy of a placement by cluster and slot, shape [C, S]. [kWh]"""
    surface, problem = on.problem.surface, on.problem
    energy = np.zeros(on.g_per_kwh.shape)
    run = _per_gpu_h(on, sum(surface.run_g[line] for line in RUN_LINES if line != "embodied"))
    hold = _per_gpu_h(on, sum(surface.hold_g[line] for line in HOLD_LINES if line != "embodied"))
    spans = [
        (surface.index(each.cluster), surface.hour(each.start), surface.hour(each.end), each.gpus, run)
        for each in priced.placement.segments
    ]
    paused = [each for each in pauses_of(problem, priced.placement) if each.held]
    spans += [(each.left, each.start_h, each.end_h, each.gpus, hold) for each in paused]
    for row, start_h, end_h, gpus, rate in spans:
        slots, hours_h = overlap(surface, start_h, end_h)
        energy[row, slots] += gpus * hours_h * rate[row]
    return energy


def _per_gpu_h(on: Assembled, rate: Floats | int) -> Floats:
    """The energy behind a rate that is energy times intensity, shape [C]; 0 where no intensity shows it. [kWh/GPU-h]"""
    shown = np.isfinite(on.g_per_kwh) & (on.g_per_kwh > 0)
    ratio = np.divide(rate, on.g_per_kwh, out=np.zeros(on.g_per_kwh.shape), where=shown)
    return np.asarray(np.nan_to_num(ratio).max(axis=1))
