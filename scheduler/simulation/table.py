"""The observed intensities of a replay: every zone on the same even slots, and their integrals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.basis import Basis
from scheduler.domain.errors import InvalidInput
from scheduler.domain.intensity import IntensitySeries
from scheduler.problem.assemble import basis_of
from scheduler.problem.surface import Floats, Ints

US: Final = timedelta(microseconds=1)
US_PER_H: Final = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Intensities by zone and slot.

    Args:
        start: start of the first slot, from which all times of a replay are counted.
        step_us: length of a slot. [us]
        zones: names, shape [Z].
        g_per_kwh: NaN where unknown, shape [Z, N]. [g/kWh]
        basis: of all of them.
    """

    start: datetime
    step_us: int
    zones: tuple[str, ...]
    g_per_kwh: Floats
    basis: Basis
    _sums: Floats = field(init=False, repr=False)
    _gaps: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Add the slots up once."""
        known = np.isfinite(self.g_per_kwh)
        values = np.where(known, self.g_per_kwh, 0.0) * (self.step_us / US_PER_H)
        none = np.zeros((len(self.zones), 1))
        object.__setattr__(self, "_sums", np.concatenate([none, values.cumsum(1)], axis=1))
        object.__setattr__(self, "_gaps", np.concatenate([none, (~known).cumsum(1)], axis=1).astype(np.int64))

    @property
    def slots(self) -> int:
        """How many there are."""
        return int(self.g_per_kwh.shape[1])

    @property
    def end_us(self) -> int:
        """Where the last slot ends. [us]"""
        return self.slots * self.step_us

    def us(self, moment: datetime) -> int:
        """An instant as microseconds from the start. [us]"""
        return (moment - self.start) // US

    def moment(self, at_us: int) -> datetime:
        """Microseconds from the start as an instant."""
        return self.start + at_us * US

    def integral(self, zone: Ints, start_us: Ints, end_us: Ints) -> Floats:
        """Intensity over each `[start, end)` of a zone; NaN where a part is unknown or outside. [g/kWh h]"""
        inside = (start_us >= 0) & (end_us <= self.end_us)
        start_us, end_us = np.where(inside, start_us, 0), np.where(inside, end_us, 0)
        unknown = self._gaps[zone, -(-end_us // self.step_us)] > self._gaps[zone, start_us // self.step_us]
        area = self._up_to(zone, end_us) - self._up_to(zone, start_us)
        return np.asarray(np.where(inside & ~unknown, area, np.nan))

    def _up_to(self, zone: Ints, at_us: Ints) -> Floats:
        """The integral from the start to each instant, gaps as nothing. [g/kWh h]"""
        slot, into_us = at_us // self.step_us, at_us % self.step_us
        here = np.nan_to_num(self.g_per_kwh[zone, np.minimum(slot, self.slots - 1)])
        return np.asarray(self._sums[zone, slot] + np.where(into_us > 0, here * into_us / US_PER_H, 0.0))


def table_of(series: Mapping[str, IntensitySeries]) -> Table:
    """The table of several zones.

    Raises:
        InvalidInput: two zones do not have the same slots.
        BasisMismatch: two zones differ in basis.
    """
    basis = basis_of(series)
    zones = tuple(sorted(series))
    first = series[zones[0]]
    for zone in zones:
        one = series[zone]
        if (one.start, one.step, len(one)) != (first.start, first.step, len(first)):
            raise InvalidInput(f"the intensities of {zones[0]} and {zone} are not on the same slots")
    return Table(
        start=first.start,
        step_us=first.step // US,
        zones=zones,
        g_per_kwh=np.stack([series[zone].g_per_kwh for zone in zones]),
        basis=basis,
    )
