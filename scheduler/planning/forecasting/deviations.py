"""What may come less what is planned on, so that a plan is priced on every path that may come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from scheduler.planning.forecasting.outlook import Outlook
from scheduler.planning.forecasting.scenarios import scenarios
from scheduler.planning.forecasting.shrinkage import Floats

PATHS: Final = 400
"""Paths that a band is made of: its 5 % then stands on twenty of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deviations:
    """Deviations from the forecast, hour by hour, the same path being the same day in every zone.

    Args:
        start: begin of the first hour.
        g_per_kwh: by zone, shape [N, hours]. [g/kWh]
    """

    start: datetime
    g_per_kwh: Mapping[str, Floats]


def deviations(outlooks: Mapping[str, Outlook], seed: int, count: int = PATHS) -> Deviations | None:
    """Those of the forecasts that a plan is made on, None where too little is known of their past errors.

    Args:
        outlooks: by zone, all made at one moment up to one end.
        seed: makes them the same again.
        count: how many paths.
    """
    paths = scenarios(outlooks, count, seed)
    if not paths:
        return None
    beside = {zone: np.nan_to_num(path - outlooks[zone].series.g_per_kwh) for zone, path in paths.items()}
    return Deviations(start=next(iter(outlooks.values())).series.start, g_per_kwh=beside)
