"""Figures with their times, as the adapters of small answers make them, in the columns that series are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from intensity_sources.points import NEVER, Points

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A figure that holds from `start`; NaN where the provider has none. [g/kWh]"""

    start: datetime
    g_per_kwh: float


def in_columns(readings: Iterable[Reading], *, estimated: bool) -> Points:
    """The readings as columns, all of them estimated or none."""
    rows = list(readings)
    return Points(
        times=np.array([(row.start - _EPOCH) // _MICROSECOND for row in rows], dtype=np.int64),
        updated=np.full(len(rows), NEVER, dtype=np.int64),
        g_per_kwh=np.array([row.g_per_kwh for row in rows], dtype=np.float64),
        estimated=np.full(len(rows), estimated),
    )
