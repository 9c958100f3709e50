"""How firm an intensity is: provisional as it first comes, settled when it has stopped moving, final once closed.

First reports flatter: grids revise upwards. A provisional figure therefore reaches further up than one that was
observed, is old enough, and came the same twice. What was withdrawn or is missing is provisional too. A figure that is
revised begins anew, in a closed period like in any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.intensity import IntensitySeries
from scheduler.ports import Check

SETTLED_AGE: Final = timedelta(days=90)
"""How old an observation is before it can be settled; Electricity Maps revises for months (its API reference)."""
APART: Final = timedelta(days=30)
"""How far apart two retrievals of the same figure are; this project's choice."""
FIRST_REPORTS: Final = 1.31
"""How far above a provisional figure the revised one may come [-]: Germany's live intensities of 2022 were 24 % under
the ones revised since (Electricity Maps' yearly files), and 1 / (1 - 0.24) is 1.31."""
MOST_PROVISIONAL: Final = 0.05
"""Share of the emissions above which all of a figure is called provisional; this project's choice. [-]"""

Status = Literal["provisional", "settled", "final"]
Span = tuple[datetime, datetime]
Mask = NDArray[np.bool_]
Moments = NDArray[np.int64]

_US: Final = timedelta(microseconds=1)
_NEVER: Final = np.iinfo(np.int64).min
NEVER_SAID: Final = np.iinfo(np.int64).max
"""Later than any retrieval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A period that is closed for good.

    Args:
        span: its ends; at: when its newest issue was made, which knows of no later revision.
    """

    span: Span
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """What one source is known to have settled.

    Args:
        series: its newest figures at the cut-off; settled: which of its intervals are, shape [n].
        stood_us: the first retrieval since which each figure came the same, `NEVER_SAID` where it was not kept, shape
            [n]. [us since the epoch]
        widens: whether its provisional figures are first reports, which come too low; a yearly table's are not.
    """

    series: IntensitySeries
    settled: Mask
    stood_us: Moments
    widens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How firm each interval of a zone's intensity is.

    Args:
        series: the intensity, the range of what is provisional widened.
        settled: intervals that are settled or final, shape [n].
        final: intervals in a closed period that say what they said when it was closed, shape [n].
    """

    series: IntensitySeries
    settled: Mask
    final: Mask

    def within(self, start: datetime, end: datetime) -> Status | None:
        """The status of all of ``[start, end)``; None where its parts differ."""
        if start < self.series.start or end > self.series.end:
            return None if self.settled.any() else "provisional"
        first = (start - self.series.start) // self.series.step
        last = max(first + 1, -((self.series.start - end) // self.series.step))
        if self.final[first:last].all():
            return "final"
        if self.settled[first:last].all():
            return "settled"
        return None if self.settled[first:last].any() else "provisional"

    def only(self, mask: Mask, start: datetime, end: datetime) -> IntensitySeries:
        """The intensity of the intervals of a mask, and 0 in all others up to whole ``[start, end)``. [g/kWh]"""
        step = self.series.step
        before = max(0, -((start - self.series.start) // step))
        after = max(0, -((self.series.end - end) // step))
        kept = np.where(mask, self.series.g_per_kwh, 0.0)
        zeros = np.concatenate([np.zeros(before), kept, np.zeros(after)])
        return replace(
            self.series, start=self.series.start - before * step, g_per_kwh=zeros, low=None, high=None, pieces=()
        )


def firm(
    vintages: Sequence[IntensitySeries],
    checks: Iterable[Check],
    newest: IntensitySeries,
    as_of: datetime,
    *,
    widens: bool = True,
) -> Firm:
    """What a source has settled at an instant.

    Args:
        vintages: every stretch it was kept to have said by then, the newest first.
        checks: when each stretch was asked for last, and what came was kept.
        newest: the newest figures of each interval, on a grid as fine as any vintage's.
        as_of: the instant.
        widens: whether its first reports come too low.

    Notes:
        settled[i] = observed and end[i] <= as_of - 90 d and last check of i - first retrieval since which the
        figure of i has not changed >= 30 d.
    """
    ends = _times(newest)[1:]
    old = ends <= _us(as_of - SETTLED_AGE)
    since = _same_since(vintages, newest, observed=True)
    last = np.full(len(newest), _NEVER)
    starts = _times(newest)[:-1]
    for check in checks:
        if check.at <= as_of:
            inside = (starts >= _us(check.start)) & (ends <= _us(check.end))
            last[inside] = np.maximum(last[inside], _us(check.at))
    known = (since != NEVER_SAID) & (last != _NEVER)
    apart = np.zeros(len(newest), dtype=np.bool_)
    apart[known] = last[known] - since[known] >= APART // _US
    stood_us = _same_since(vintages, newest, observed=False)
    return Firm(series=newest, settled=old & apart, stood_us=stood_us, widens=widens)


def standing(series: IntensitySeries, sources: Iterable[Firm], closed: Sequence[Closed] = ()) -> Standing:
    """How firm a zone's intensity is, which may be joined from several sources.

    Args:
        series: as it is accounted with.
        sources: what each source of its chain has settled.
        closed: the periods that are closed, and not provisionally.
    """
    starts, ends = _times(series)[:-1], _times(series)[1:]
    observed, settled = _observed(series), np.zeros(len(series), dtype=np.bool_)
    stood_us = np.full(len(series), NEVER_SAID)
    widened = np.ones(len(series), dtype=np.bool_)
    for source in sources:
        theirs = _from(series, source.series)
        slot = np.clip((starts - _us(source.series.start)) // (source.series.step // _US), 0, len(source.series) - 1)
        same = theirs & (source.series.g_per_kwh[slot] == series.g_per_kwh)
        settled |= same & observed & source.settled[slot]
        stood_us[same] = np.minimum(stood_us[same], source.stood_us[slot][same])
        if not source.widens:
            widened &= ~theirs
    final = np.zeros(len(series), dtype=np.bool_)
    for each in closed:
        since, until = map(_us, each.span)
        final |= (starts >= since) & (ends <= until) & (stood_us <= _us(each.at))
    final &= ~np.isnan(series.g_per_kwh)
    settled |= final
    return Standing(series=_widened(series, widened & ~settled), settled=settled, final=final)


def status_of(share: float, *, final: bool) -> Status:
    """The status of a figure by the share of it that is provisional. [-]"""
    if share > MOST_PROVISIONAL:
        return "provisional"
    return "final" if final else "settled"


def unfirm(series: Mapping[str, IntensitySeries]) -> dict[str, Standing]:
    """A standing of each zone of which nothing is known to be settled."""
    return {zone: standing(each, ()) for zone, each in series.items()}


def _same_since(vintages: Sequence[IntensitySeries], newest: IntensitySeries, *, observed: bool) -> Moments:
    """The first retrieval since which each figure has come the same, `NEVER_SAID` where none is. [us since the epoch]

    Args:
        vintages: the newest first; newest: the figures.
        observed: whether they had to come as observations.
    """
    starts = _times(newest)[:-1]
    since = np.full(len(newest), NEVER_SAID)
    going = ~np.isnan(newest.g_per_kwh)
    for each in vintages:
        if each.retrieved_at is None:
            continue
        slot = (starts - _us(each.start)) // (each.step // _US)
        there = going & (slot >= 0) & (slot < len(each))
        slot = np.clip(slot, 0, len(each) - 1)
        same = there & (each.g_per_kwh[slot] == newest.g_per_kwh)
        same &= not observed or each.kind == "observed"
        since[same] = np.minimum(since[same], _us(each.retrieved_at))
        going &= ~there | same
    return since


def _observed(series: IntensitySeries) -> Mask:
    """Which intervals are an observation."""
    starts = _times(series)[:-1]
    found = np.zeros(len(series), dtype=np.bool_)
    for piece in series.origins:
        if piece.kind == "observed":
            found |= (starts >= _us(piece.start)) & (starts < _us(piece.end))
    return found & ~np.isnan(series.g_per_kwh)


def _from(series: IntensitySeries, other: IntensitySeries) -> Mask:
    """Which intervals come from the source of another series, which has them."""
    starts = _times(series)[:-1]
    names = {piece.source.name for piece in other.origins}
    found = np.zeros(len(series), dtype=np.bool_)
    for piece in series.origins:
        if piece.source.name in names:
            found |= (starts >= _us(piece.start)) & (starts < _us(piece.end))
    return found & (starts >= _us(other.start)) & (starts < _us(other.end))


def _widened(series: IntensitySeries, mask: Mask) -> IntensitySeries:
    """The series with the upper end of its range raised by the bias of first reports."""
    if not mask.any():
        return series
    return replace(series, high=series.at_level("high") * np.where(mask, FIRST_REPORTS, 1.0))


def _times(series: IntensitySeries) -> Moments:
    """Starts of the intervals and the end of the last, since the epoch. [us]"""
    edges: Moments = _us(series.start) + series.step // _US * np.arange(len(series) + 1, dtype=np.int64)
    return edges


def _us(moment: datetime) -> int:
    """An instant since the epoch. [us]"""
    return (moment - _EPOCH) // _US


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
