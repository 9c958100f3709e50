"""A zone's carbon intensity through time, on one basis, from one source."""

from __future__ import annotations

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

_NO_TIME: Final = timedelta(0)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a series and where its figures come from, for a series that was joined from several.

    Args:
        start, end: the stretch.
        kind, source, basis, issued_at, retrieved_at: as those of the series that it was taken from.
    """

    start: datetime
    end: datetime
    kind: Kind
    source: Provenance
    basis: Basis
    issued_at: datetime | None = None
    retrieved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Running sums over a series, which make a mean over any window of it a matter of two look-ups.

    Args:
        base: subtracted from every figure, so that a flat series stays flat to the last bit. [g/kWh]
        over_base: each figure less `base`, 0 in a gap, shape [n]. [g/kWh]
        total: their sum before each interval and after the last, shape [n+1]. [g/kWh]
        gaps: the number of gaps, counted the same way.
    """

    base: float
    over_base: Floats
    total: Floats
    gaps: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntensitySeries:
    """Carbon intensity of a zone, constant from the start of each interval to its end; NaN is a gap.

    Args:
        zone: grid zone, such as ``CA-QC``.
        basis: what the numbers mean.
        start: start of the first interval, aware.
        step: length of every interval.
        g_per_kwh: intensity of each interval, finite and >= 0 or NaN. [g/kWh]
        kind: observed, estimated or forecast; of a joined series the least firm of its pieces.
        source: where it comes from.
        low, high: range of each interval where the source states one. [g/kWh]
        issued_at: when a forecast was made; retrieved_at: when it was fetched.
        pieces: of a joined series what each stretch was taken from, in order of time; gaps are in none.
        notes: what a reader must know of how it came about, such as a source that was passed over and why.
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
    pieces: tuple[Piece, ...] = ()
    notes: tuple[str, ...] = ()
    end: datetime = field(init=False)
    _sums: Sums | None = field(init=False, repr=False, default=None)
    _percentiles: dict[tuple[int, int, float, Level], float] = field(init=False, repr=False, default_factory=dict)

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

    @property
    def origins(self) -> tuple[Piece, ...]:
        """What each stretch was taken from: its pieces, or itself as one."""
        whole = Piece(
            start=self.start,
            end=self.end,
            kind=self.kind,
            source=self.source,
            basis=self.basis,
            issued_at=self.issued_at,
            retrieved_at=self.retrieved_at,
        )
        return self.pieces or (whole,)

    def mean_over(self, start: datetime, end: datetime) -> float:
        """Time-weighted mean over ``[start, end)``; NaN where any part is a gap or outside. [g/kWh]

        Notes:
            The first call adds up the series once; each later one is O(1), however long the window.
        """
        if end <= start:
            raise InvalidInput(f"the interval {format_instant(start)} to {format_instant(end)} is empty")
        if start < self.start or end > self.end:
            return float("nan")
        sums = self._running_sums()
        first, into = divmod(start - self.start, self.step)
        last, beyond = divmod(end - self.start, self.step)
        if sums.gaps[last + (beyond > _NO_TIME)] > sums.gaps[first]:
            return float("nan")
        if first == last or end == self.start + (first + 1) * self.step:
            return float(self.g_per_kwh[first])
        head, tail = (self.step - into) / self.step, beyond / self.step
        total = head * sums.over_base[first] + (sums.total[last] - sums.total[first + 1])
        total += tail * sums.over_base[last] if tail else 0.0
        return float(sums.base + total / (head + (last - first - 1) + tail))

    def _running_sums(self) -> Sums:
        """The running sums, made once."""
        if self._sums is None:
            known = ~np.isnan(self.g_per_kwh)
            base = float(self.g_per_kwh[known][0]) if known.any() else 0.0
            over_base = np.where(known, self.g_per_kwh - base, 0.0)
            total = np.concatenate([[0.0], np.cumsum(over_base)])
            gaps = np.concatenate([[0], np.cumsum(~known)])
            object.__setattr__(self, "_sums", Sums(base, over_base, total, gaps))
        assert self._sums is not None  # noqa: S101  # set above
        return self._sums

    def at(self, moment: datetime) -> float:
        """The intensity at an instant; NaN in a gap or outside. [g/kWh]"""
        if not self.start <= moment < self.end:
            return float("nan")
        return float(self.g_per_kwh[(moment - self.start) // self.step])

    def at_level(self, level: Level, part: slice = slice(None)) -> Floats:
        """Each interval at one end of its range: the source's own, or `UNSTATED_RANGE` where it states none. [g/kWh]

        Args:
            level: the end.
            part: the intervals that are wanted, by their numbers; all of them unless it says otherwise.
        """
        if level == "central":
            return self.g_per_kwh[part]
        stated, factor = (self.low, 1 - UNSTATED_RANGE) if level == "low" else (self.high, 1 + UNSTATED_RANGE)
        assumed: Floats = self.g_per_kwh[part] * np.float64(factor)
        return assumed if stated is None else np.where(np.isnan(stated[part]), assumed, stated[part])

    def month_percentile(self, moment: datetime, percentile: float, level: Level) -> float:
        """A percentile of the intervals of the month of `moment` that are known, else of all; NaN of nothing. [g/kWh]

        Args:
            moment: an instant of the month, aware.
            percentile: which one. [%]
            level: end of the range of each interval.

        Notes:
            The first call of a month sorts it; each later one is a look-up.
        """
        key = (moment.year, moment.month, percentile, level)
        if key not in self._percentiles:
            self._percentiles[key] = self._percentile(moment, percentile, level)
        return self._percentiles[key]

    def _percentile(self, moment: datetime, percentile: float, level: Level) -> float:
        """The same, worked out."""
        first = np.datetime64(self.start.replace(tzinfo=None), "us")
        starts = first + np.arange(len(self)) * np.timedelta64(self.step, "us")
        values = self.at_level(level)
        known = ~np.isnan(values)
        same = known & (starts.astype("datetime64[M]") == np.datetime64(moment.replace(tzinfo=None), "M"))
        chosen = values[same if same.any() else known]
        return float(np.percentile(chosen, percentile)) if chosen.size else float("nan")
