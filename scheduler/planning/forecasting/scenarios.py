"""What may come instead of a forecast: whole paths of past errors, of all zones on the same day, added to it.

An hour that is worse than forecast is followed by more of them, and a front that one zone gets its neighbour gets too.
A saving is a difference between hours: quantiles taken hour by hour know nothing of that and make any band of it wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.planning.forecasting.outlook import Outlook
from scheduler.planning.forecasting.shrinkage import Flags, Floats

QUANTILES: Final = (5.0, 50.0, 95.0)
"""What a band states. [%]"""
FEWEST_PATHS: Final = 14
"""Under two weeks of past errors no band is stated."""
ROUNDING: Final = 1e-6
"""An error below this is none. [g/kWh]"""
LEADS_H: Final = ((0, 6), (6, 12), (12, 24), (24, 48), (48, 72))
"""Leads that skill is stated for, from and to. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How forecasts did at past origins beside the guess that each hour is as it was the last time.

    Args:
        from_h, to_h: leads. [h]
        rmse, persistence_rmse: root mean square errors. [g/kWh]
        origins: how many past origins they are of, one a day.
    """

    from_h: int
    to_h: int
    rmse: float
    persistence_rmse: float
    origins: int

    @property
    def skill_pct(self) -> float | None:
        """How much less the error is; negative where persistence did better, None where it made none. [%]"""
        return 100.0 * (1.0 - self.rmse / self.persistence_rmse) if self.persistence_rmse > ROUNDING else None


def scenarios(outlooks: Mapping[str, Outlook], count: int, seed: int) -> dict[str, Floats]:
    """Paths of each zone that may come, shape [count, hours]; empty where too little is known of past errors. [g/kWh]

    Args:
        outlooks: by zone, all made at the same moment.
        count: how many paths.
        seed: makes them the same again.

    Notes:
        y(z, l) = max(0, f(z, l) + e(z, l; j)) with one past day j for all zones and leads of a path, j drawn with
        replacement: a bootstrap whose block is the whole horizon (Kuensch, Ann. Statist. 17(3), 1989,
        DOI 10.1214/aos/1176347265). Only days whose whole path is known are drawn.
    """
    known = {zone: _whole(outlook) for zone, outlook in outlooks.items()}
    if not known:
        return {}
    days = np.flatnonzero(np.logical_and.reduce([_cut(whole, known) for whole in known.values()]))
    if len(days) < FEWEST_PATHS:
        return {}
    drawn = days[np.random.default_rng(seed).integers(len(days), size=count)]
    return {
        zone: np.maximum(outlook.series.g_per_kwh + np.nan_to_num(outlook.errors[drawn]), 0.0)
        for zone, outlook in outlooks.items()
    }


def _whole(outlook: Outlook) -> Flags:
    """Which past days have an error for every hour that is forecast at all, the latest day first."""
    said = np.isfinite(outlook.series.g_per_kwh)
    return np.asarray(np.isfinite(outlook.errors[:, said]).all(1))


def _cut(
    whole: Flags,
    all_zones: Mapping[str, Flags],
) -> Flags:
    """The days that every zone has, counted back from the latest."""
    return whole[: min(len(each) for each in all_zones.values())]


def band(paths: Floats) -> tuple[Floats, Floats, Floats]:
    """The 5 %, 50 % and 95 % quantile of each hour over the paths, for showing a curve. [g/kWh]"""
    low, middle, high = np.percentile(paths, QUANTILES, axis=0)
    return low, middle, high


def skill(outlook: Outlook) -> tuple[Skill, ...]:
    """How it did before, by lead, on hours that both forecast and persistence had; origins in order of time only."""
    found = []
    for first, last in LEADS_H:
        ours, guess = outlook.errors[:, first:last], outlook.persistence_errors[:, first:last]
        both = np.isfinite(ours) & np.isfinite(guess)
        if both.any():
            rmse, persistence = (float(np.sqrt((each[both] ** 2).mean())) for each in (ours, guess))
            found.append(
                Skill(
                    from_h=first,
                    to_h=min(last, outlook.errors.shape[1]),
                    rmse=rmse,
                    persistence_rmse=persistence,
                    origins=int(both.any(1).sum()),
                )
            )
    return tuple(found)
