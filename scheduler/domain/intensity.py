"""A zone's carbon intensity through time, on one basis, from one source."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.basis import Basis
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Level
from scheduler.domain.instant import format_instant, hours_between, to_utc

Kind = Literal["observed", "estimated", "forecast"]
Floats = NDArray[np.float64]

UNSTATED_RANGE: Final = 0.15
"""Range of an intensity whose source states none. [-]

Two vintages of one provider put France in 2022 at 91 and 99 g/kWh (Electricity Maps' yearly averages as
downloaded in 2024 and in 2025); this project's choice, a 95 % half-width for a closed year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a series comes from: the source's name, its licence, and the credit a report must print."""

    name: str
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntensitySeries:
    """Carbon intensity of a zone, constant from the start of each interval to its end; NaN is a gap.

    Args:
        zone: grid zone, such as ``CA-QC``.
        basis: what the numbers mean.
        start: start of the first interval, aware.
        step: length of every interval.
        g_per_kwh: intensity of each interval, finite and >= 0 or NaN. [g/kWh]
        kind: observed, estimated or forecast.
        source: where it comes from.
        low, high: range of each interval where the source states one. [g/kWh]
        issued_at: when a forecast was made; retrieved_at: when it was fetched.
    """

    zone: str
    basis: Basis
    start: datetime
    step: timedelta
    g_per_kwh: Floats
    kind: Kind
    source: Provenance
    low: Floats | None = None
    high: Floats | None = None
    issued_at: datetime | None = None
    retrieved_at: datetime | None = None
    end: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Freeze the arrays and refuse what cannot be an intensity."""
        if self.step <= timedelta(0):
            raise InvalidInput(f"intensity of {self.zone}: the step {self.step} is not positive")
        object.__setattr__(self, "start", to_utc(self.start, what=f"start of the series of {self.zone}"))
        for name in ("g_per_kwh", "low", "high"):
            values = getattr(self, name)
            if values is None:
                continue
            array = np.array(values, dtype=np.float64)
            if array.ndim != 1 or array.size == 0 or array.size != len(self.g_per_kwh):
                raise InvalidInput(f"intensity of {self.zone}: {name} needs one value an interval")
            if np.isinf(array).any() or (array < 0).any():
                raise InvalidInput(f"intensity of {self.zone}: {name} has a negative or infinite value")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "end", self.start + self.step * len(self.g_per_kwh))

    def __len__(self) -> int:
        """The number of intervals."""
        return len(self.g_per_kwh)

    def edges_h(self, origin: datetime) -> Floats:
        """Starts of the intervals and the end of the last, in hours from `origin`. [h]"""
        step_h = self.step / timedelta(hours=1)
        return np.float64(hours_between(origin, self.start)) + step_h * np.arange(len(self) + 1, dtype=np.float64)

    def mean_over(self, start: datetime, end: datetime) -> float:
        """Time-weighted mean over ``[start, end)``; NaN where any part is a gap or outside. [g/kWh]"""
        if end <= start:
            raise InvalidInput(f"the interval {format_instant(start)} to {format_instant(end)} is empty")
        if start < self.start or end > self.end:
            return float("nan")
        first = (start - self.start) // self.step
        last = -((self.start - end) // self.step)  # ceiling: one past the last interval touched
        edges = [self.start + self.step * i for i in range(first, last + 1)]
        hours = np.array([hours_between(max(a, start), min(b, end)) for a, b in itertools.pairwise(edges)])
        return float(hours @ self.g_per_kwh[first:last] / hours.sum())

    def at(self, moment: datetime) -> float:
        """The intensity at an instant; NaN in a gap or outside. [g/kWh]"""
        if not self.start <= moment < self.end:
            return float("nan")
        return float(self.g_per_kwh[(moment - self.start) // self.step])

    def at_level(self, level: Level) -> Floats:
        """Each interval at one end of its range: the source's own, or `UNSTATED_RANGE` where it states none. [g/kWh]"""
        if level == "central":
            return self.g_per_kwh
        stated, factor = (self.low, 1 - UNSTATED_RANGE) if level == "low" else (self.high, 1 + UNSTATED_RANGE)
        assumed: Floats = self.g_per_kwh * np.float64(factor)
        return assumed if stated is None else np.where(np.isnan(stated), assumed, stated)
