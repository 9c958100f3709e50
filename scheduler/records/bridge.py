"""The bridge between the totals of two periods: what activity, efficiency, the grid and the method changed.

No order of the steps is better than another, so each effect is its mean over all orders, which adds up exactly and
needs no factor to be positive, as a decomposition by logarithms would.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from scheduler.records.statements import Figures

_FACTORS: Final = ("activity", "energy", "hardware", "grid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What a total is made of.

    Args:
        gpu_h: reserved and held. [GPU-h]
        facility_kwh: electricity drawn for them. [kWh]
        operational_kg, embodied_kg: theirs. [kg]
        idle_kwh, idle_kg: electricity of idle hardware that was nobody's, and what it emitted. [kWh], [kg]
    """

    gpu_h: float
    facility_kwh: float
    operational_kg: float
    embodied_kg: float
    idle_kwh: float = 0.0
    idle_kg: float = 0.0

    @property
    def total_kg(self) -> float:
        """All of it. [kg]"""
        return self.operational_kg + self.embodied_kg + self.idle_kg


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """What lies between an earlier total as published and a later one; the four effects are the whole of it.

    Args:
        earlier_kg, later_kg: the totals. [kg]
        activity: more or fewer GPU-hours; efficiency: energy and hardware for each of them, and idle energy. [kg]
        grid: emissions of a kilowatt-hour, by when and where it was drawn. [kg]
        method: the earlier period, stated anew as it would be today, less what was published. [kg]
    """

    earlier_kg: float
    later_kg: float
    activity: float
    efficiency: float
    grid: float
    method: float


def bridge(published: Footing, restated: Footing, later: Footing) -> Bridge:
    """The bridge from an earlier period to a later one.

    Args:
        published: the earlier period as it was published.
        restated: the earlier period by today's data and method.
        later: the later period by the same.

    Notes:
        K = A (e g + m) + i h with activity A = GPU-h, energy e = kWh / GPU-h, grid g = operational kg / kWh, hardware
        m = embodied kg / GPU-h, idle energy i of nobody [kWh] and its grid h = kg / kWh. The effect of a factor is its
        Shapley value: the mean, over all orders in which the factors change one after the other, of the change of K
        at its turn; the two summands are decomposed apart. The effects of e, m and i are `efficiency`, those of g and
        h `grid`; method = K(restated) - K(published); the four sum to K(later) - K(published).

    References:
        J. W. Sun, "Changes in energy consumption and energy intensity: a complete decomposition model", Energy
        Economics 20 (1998), 85-100, which is the Shapley value by another name (J. Albrecht, D. Francois, K. Schoors,
        Energy Policy 30 (2002), 727-736).
    """
    before, after = _factors(restated, later), _factors(later, restated)
    effects = dict.fromkeys(_FACTORS, 0.0)
    orders = list(itertools.permutations(_FACTORS))
    for order in orders:
        now = dict(before)
        for name in order:
            was = _total(now)
            now[name] = after[name]
            effects[name] += (_total(now) - was) / len(orders)
    # What no factor carries, such as a copy of data without a GPU-hour, goes with the activity.
    rest = (_busy_kg(later) - _total(after)) - (_busy_kg(restated) - _total(before))
    idle, grid = _idle_effects(restated, later)
    return Bridge(
        earlier_kg=published.total_kg,
        later_kg=later.total_kg,
        activity=effects["activity"] + rest,
        efficiency=effects["energy"] + effects["hardware"] + idle,
        grid=effects["grid"] + grid,
        method=restated.total_kg - published.total_kg,
    )


def footing(figures: Figures) -> Footing:
    """What the total of a period's figures is made of."""
    lines = figures["emissions_kg"]
    gpu_h, facility_kwh = figures["gpu_hours"], figures["facility_energy_kwh"]
    assert isinstance(lines, Mapping)  # noqa: S101  # figures of a period always have them
    assert isinstance(gpu_h, int | float) and isinstance(facility_kwh, int | float)  # noqa: S101, PT018  # numbers, always
    unallocated = cast("Mapping[str, Mapping[str, float]]", figures["unallocated"])
    embodied_kg, idle_kg = float(lines["embodied"]), float(lines.get("unallocated", 0.0))
    idle_kwh = sum(each["facility_energy_kwh"] for each in unallocated.values())
    return Footing(
        gpu_h=float(gpu_h),
        facility_kwh=float(facility_kwh) - idle_kwh,
        operational_kg=float(lines["total"]) - embodied_kg - idle_kg,
        embodied_kg=embodied_kg,
        idle_kwh=idle_kwh,
        idle_kg=idle_kg,
    )


def _busy_kg(of: Footing) -> float:
    """All but what was nobody's. [kg]"""
    return of.operational_kg + of.embodied_kg


def _idle_effects(before: Footing, after: Footing) -> tuple[float, float]:
    """What more or less idle energy, and its grid, changed; of two factors the mean of both orders. [kg]"""
    g_before = _ratio((before.idle_kg, before.idle_kwh), (after.idle_kg, after.idle_kwh))
    g_after = _ratio((after.idle_kg, after.idle_kwh), (before.idle_kg, before.idle_kwh))
    energy = (after.idle_kwh - before.idle_kwh) * (g_before + g_after) / 2
    return energy, (after.idle_kg - before.idle_kg) - energy


def _factors(of: Footing, other: Footing) -> dict[str, float]:
    """The factors of a total; one that cannot be told, for want of activity, is taken to be as in the other period."""
    return {
        "activity": of.gpu_h,
        "energy": _ratio((of.facility_kwh, of.gpu_h), (other.facility_kwh, other.gpu_h)),
        "hardware": _ratio((of.embodied_kg, of.gpu_h), (other.embodied_kg, other.gpu_h)),
        "grid": _ratio((of.operational_kg, of.facility_kwh), (other.operational_kg, other.facility_kwh)),
    }


def _ratio(*candidates: tuple[float, float]) -> float:
    """The first ratio that is one, else 0."""
    ratios = (part / whole for part, whole in candidates if whole)
    return next((ratio for ratio in ratios if math.isfinite(ratio)), 0.0)


def _total(factors: Mapping[str, float]) -> float:
    """The total that factors make. [kg]"""
    return factors["activity"] * (factors["energy"] * factors["grid"] + factors["hardware"])
