"""What meters counted of the GPUs of one attempt, read from its samples as one curve.

Readings are cumulative, so a lost line costs nothing: what was drawn meanwhile is in the next one. Where a GPU has no
reading any more, or a counter began anew, that is a gap: nothing is made up for it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.instant import hours_between
from scheduler.domain.said import Said
from scheduler.domain.units import J_PER_KWH, S_PER_H
from scheduler.records.energy_lines import Flags, Floats, Readings, readings
from scheduler.records.evidence import BadEvidence, EnergySource
from scheduler.records.received import CLOCK_OFF, Received

APART: Final = 0.05
"""Most that the counter and the polled power may be apart unremarked. [-]

Polled power of an A100 shows a quarter of the time only (Yang et al., arXiv 2312.02741, 2023)."""

_AHEAD: Final = Said("the node's clock was {minutes:.0f} min ahead of ours: corrected by when its samples reached us")
_BEHIND: Final = Said("the node's clock was {minutes:.0f} min behind ours: corrected by when its samples reached us")
_WORDS: Final = {
    "reset": Said("the counter began anew, and what was drawn just before is a gap"),
    "leapt": Said("the counter leapt by more than a GPU draws, which is a gap"),
    "restarted": Said("metering was interrupted, and what was drawn meanwhile is a gap"),
    "dead": Said("the meter died or hung for a while"),
    "lost": Said("its collector did not answer, or the node was lost"),
    "swapped": Said("it took the place of another GPU"),
    "mig": Said("a MIG slice, metered as its share of the whole GPU"),
    "shared": Said("shared with others, metered as the part that was reserved"),
    "mig_unshared": Said("MIG without a slice that is known, not metered"),
    "power": Said("no energy counter, polled power was integrated"),
    "none": Said("neither counter nor power can be read"),
}
"""What a flag of the agent's means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCurve:
    """What meters counted of the GPUs of one attempt, cumulative, linear between readings.

    Args:
        start: of the first reading, by the scheduler's clock where the node's was off.
        at_h: since `start`, strictly increasing, shape [N], N >= 2. [h]
        gpu_kwh: cumulative, begins at 0 and never falls, shape [N]. [kWh]
        measured: share of the attempt's GPUs that were metered in an interval, shape [N - 1]; where it is 0 the curve
            is flat, which is a gap and not an absence of energy. [-]
        source: the weakest of the meters.
        gpus: how many GPUs there were to meter.
        idle_w: what one GPU drew at rest before the training, where every one was seen at rest. [W]
        notes: what a reader of the figures must know.
    """

    start: datetime
    at_h: Floats
    gpu_kwh: Floats
    measured: Floats
    source: EnergySource
    gpus: int
    idle_w: float | None = None
    notes: tuple[str, ...] = ()

    def between(self, start: datetime, edges_h: Floats) -> tuple[Floats, Floats]:
        """What was metered in each interval: energy [kWh], and hours [h] times the share of the GPUs metered.

        Args:
            edges_h: ends of the intervals since `start`, increasing, shape [E]; what is returned has [E - 1]. [h]
        """
        edges = np.asarray(edges_h, dtype=np.float64) + hours_between(self.start, start)
        kwh = np.interp(edges, self.at_h, self.gpu_kwh)
        if not any(self.measured.strides):  # one share throughout, held as one number
            hours = np.minimum(np.maximum(edges, 0.0), self.at_h[-1]) * self.measured[0]
        else:
            upto_h = np.concatenate(([0.0], np.cumsum((self.at_h[1:] - self.at_h[:-1]) * self.measured)))
            hours = np.interp(edges, self.at_h, upto_h)
        return kwh[1:] - kwh[:-1], hours[1:] - hours[:-1]


def energy_curve(raw: bytes, *, gpus: int = 0, received: Received | None = None) -> EnergyCurve | None:
    """What meters counted, from the bytes of an attempt's samples; None where nothing was metered.

    Args:
        gpus: how many the attempt had; where fewer were metered, `measured` says so.
        received: when the samples reached us; None where that is not known, and then the node's clock is believed.

    Raises:
        BadEvidence: a line is not what an agent writes.
    """
    read = readings(raw)
    if read is None:
        return None
    by_counter = np.isfinite(read.counter_j).sum(axis=1) > 1
    best_j = np.where(by_counter[:, None], read.counter_j, read.power_j)
    metered = np.flatnonzero(np.isfinite(best_j).sum(axis=1) > 1)
    if not metered.size:
        return None
    sums = [_counted(best_j[row], read.cut[row], read.at_s) for row in metered]
    joules, share = sum(each[0] for each in sums), sum(each[1] for each in sums)
    seen = np.flatnonzero(np.isfinite(best_j[metered]).any(axis=0))
    span = slice(seen[0], seen[-1] + 1)
    began, clock = _began(read, received)
    of = max(gpus, read.widest)
    return EnergyCurve(
        start=began + timedelta(seconds=float(read.at_s[seen[0]])),
        at_h=(read.at_s[span] - read.at_s[seen[0]]) / S_PER_H,
        gpu_kwh=np.asarray(joules)[span] / J_PER_KWH,
        measured=np.asarray(share)[seen[0] : seen[-1]] / of,
        source="nvml_counter" if by_counter[metered].all() else "nvml_power",
        gpus=of,
        idle_w=None if np.isnan(read.rest_w).any() else float(np.mean(read.rest_w)),
        notes=(*clock, *_notes(read), *_apart(read)),
    )


def _counted(read_j: Floats, cut: Flags, at_s: Floats) -> tuple[Floats, Floats]:
    """What one GPU drew up to each line [J], and in which intervals it was metered: 1, elsewhere 0."""
    good, step_j, whole = _steps(read_j, cut)
    sum_j = np.concatenate(([0.0], np.cumsum(np.where(whole, step_j, 0.0))))
    share = np.zeros(len(at_s) - 1)
    share[good[0] : good[-1]] = np.repeat(whole, np.diff(good))
    return np.interp(at_s, at_s[good], sum_j), share


def _steps(read_j: Floats, cut: Flags) -> tuple[NDArray[np.intp], Floats, Flags]:
    """The lines with a reading, what was drawn between each and the next [J], and where that can be believed."""
    good = np.flatnonzero(np.isfinite(read_j))
    step_j = read_j[good][1:] - read_j[good][:-1]
    cuts = np.cumsum(cut)[good]
    return good, step_j, (step_j >= 0) & (cuts[1:] == cuts[:-1])


def _began(read: Readings, received: Received | None) -> tuple[datetime, tuple[str, ...]]:
    """When the agent's monotonic clock stood at 0, and what is to be said of the node's clock."""
    zero_s = read.t_unix - read.at_s
    try:
        told = datetime.fromtimestamp(float(np.median(zero_s)), tz=UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise BadEvidence(f"a sample is not what an agent writes: {exc!r}") from exc
    began = told if received is None else received.corrected(told)
    off_min = (told - began) / timedelta(minutes=1)
    if off_min:
        return began, (Said(_AHEAD if off_min > 0 else _BEHIND, minutes=abs(off_min)),)
    if np.ptp(zero_s) > CLOCK_OFF.total_seconds():
        by_min = float(np.ptp(zero_s)) / 60
        return began, (Said("the node's clock was set by {minutes:.0f} min while it ran", minutes=by_min),)
    return began, ()


def _notes(read: Readings) -> Iterator[str]:
    """What the agent flagged, and of how many GPUs."""
    for flag in sorted(frozenset().union(*read.flags)):
        many = sum(flag in flags for flags in read.flags)
        yield Said("{some} of {all} GPUs: {what}", some=many, all=len(read.flags), what=_WORDS.get(flag, flag))


def _apart(read: Readings) -> Iterator[str]:
    """That the counter and the polled power of a GPU do not agree, where they do not."""
    both: NDArray[np.bool_] = np.isfinite(read.counter_j) & np.isfinite(read.power_j)
    worst, many = 0.0, 0
    for row in np.flatnonzero(both.sum(axis=1) > 1):
        counter_j, power_j = (
            float(step_j[whole].sum())
            for each in (read.counter_j, read.power_j)
            for _, step_j, whole in (_steps(np.where(both[row], each[row], np.nan), read.cut[row]),)
        )
        apart = abs(power_j - counter_j) / max(counter_j, power_j, 1e-9)
        worst, many = max(worst, apart), many + (apart > APART)
    if many:
        yield Said(
            "{some} of {all} GPUs: counter and polled power are up to {worst:.0f}% apart",
            some=many, all=len(read.flags), worst=100 * worst,
        )  # fmt: skip
