"""How much less a plan emits than its baseline, and whether that is more than what nobody knows.

Figures that both sides share, such as the PUE of a cluster that both use, move together and mostly cancel. The
intensities of two zones do not: each is off by itself, so a move between zones of like intensity is no gain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from scheduler.domain.estimate import LEVELS, Level
from scheduler.planning.plan import Priced, Saving
from scheduler.problem.assemble import Assembled
from scheduler.problem.draft import is_tie
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem

TRIFLE_PCT: Final = 0.5
"""A difference below this share of the baseline is called no effect: meters are no better. [%]"""

Levels = Mapping[Level, Assembled]


def saving(chosen: Priced, baseline: Priced, chosen_on: Levels, baseline_on: Levels) -> Saving | None:
    """What the plan emits less than the baseline; None where a part of either has no intensity.

    Args:
        chosen: the plan's placement.
        baseline: what it is compared with.
        chosen_on: the problem the plan was priced on, at each level.
        baseline_on: the same of the baseline; another one where the job may not use its home.

    Notes:
        low_kg and high_kg enclose two kinds of error: every figure at its low or high corner together, and the
        intensity of each zone at its corner alone, added as the root of the sum of squares.
    """
    ours, theirs = chosen.emissions, baseline.emissions
    if ours is None or theirs is None:
        return None
    kg, operational_kg = less_kg(theirs.total, ours.total), less_kg(theirs.operational, ours.operational)
    corners = [less_kg(baseline.prices[x].emissions.total, chosen.prices[x].emissions.total) for x in LEVELS]
    below = above = 0.0
    zones = _zones(chosen, chosen_on) | _zones(baseline, baseline_on)
    for zone in sorted(zones) if len(zones) > 1 else ():
        effects = [
            less_kg(_total_kg(baseline, baseline_on, zone, level), _total_kg(chosen, chosen_on, zone, level)) - kg
            for level in ("low", "high")
        ]
        below += min(0.0, *effects) ** 2
        above += max(0.0, *effects) ** 2
    low_kg, high_kg = min(*corners, kg - math.sqrt(below)), max(*corners, kg + math.sqrt(above))
    return Saving(
        kg=kg,
        pct=_share_pct(kg, theirs.total),
        operational_kg=operational_kg,
        operational_pct=_share_pct(operational_kg, theirs.operational),
        low_kg=low_kg,
        high_kg=high_kg,
        distinguishable=low_kg * high_kg > 0 and abs(kg) >= TRIFLE_PCT / 100 * theirs.total,
    )


def less_kg(theirs_kg: float, ours_kg: float) -> float:
    """How much less the second of two masses is [kg]; 0 where they differ by rounding alone."""
    return 0.0 if is_tie(theirs_kg, ours_kg) else theirs_kg - ours_kg


def _share_pct(part_kg: float, whole_kg: float) -> float | None:
    """A part as a share of the whole, None of nothing. [%]"""
    return 100 * part_kg / whole_kg if whole_kg > 0 else None


def _zones(priced: Priced, on: Levels) -> set[str]:
    """The grid zones that a placement runs in."""
    used = {segment.cluster for segment in priced.placement.segments}
    return {cluster.zone for cluster in on["central"].ground.rows if cluster.name in used}


def _total_kg(priced: Priced, on: Levels, zone: str, level: Level) -> float:
    """Emissions where the intensity of one zone alone is at a corner. [kg]"""
    return price(_with_zone_at(on, zone, level), priced.placement).emissions.total


def _with_zone_at(on: Levels, zone: str, level: Level) -> Problem:
    """The central problem with the electricity of one zone at a corner of its range, transfers apart."""
    central, corner = on["central"], on[level]
    ratio = np.ones_like(central.g_per_kwh)
    rows = [row for row, cluster in enumerate(central.ground.rows) if cluster.zone == zone]
    for row in rows:
        known = central.g_per_kwh[row] > 0
        ratio[row, known] = corner.g_per_kwh[row, known] / central.g_per_kwh[row, known]
    surface = central.problem.surface
    scaled = replace(
        surface,
        run_g={line: rate if line == "embodied" else rate * ratio for line, rate in surface.run_g.items()},
        hold_g={line: rate if line == "embodied" else rate * ratio for line, rate in surface.hold_g.items()},
    )
    return replace(central.problem, surface=scaled)
