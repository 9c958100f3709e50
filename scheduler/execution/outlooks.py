"""Forecasts as they are planned on: a provider's corrected by its own past, carried on where it ends, ours elsewhere.

Made from what was kept, once for all jobs of an hour. Under a week of history a provider's forecast is used as it was
issued, and none of ours stands in for one: so little says nothing of a usual day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.execution.freshness import whole_hour
from scheduler.execution.keeping import FETCHED_WITHIN, REACH, Keeper
from scheduler.execution.windows import Window
from scheduler.planning.forecasting.deviations import Deviations, deviations
from scheduler.planning.forecasting.hourly import NEAREST_H
from scheduler.planning.forecasting.outlook import Outlook, forecast
from scheduler.ports import Subject

HISTORY: Final = timedelta(weeks=13)
"""How much of the past a forecast is made from: eight weeks to learn from, and the errors of some more."""
LEAST: Final = timedelta(days=7)
"""Less known history than this makes no forecast of ours."""
SEED: Final = 20260301
"""Makes the paths that may come the same again."""
_DAY: Final = timedelta(days=1)
_MOST_MADE: Final = 256
"""Forecasts that are held in memory."""


@dataclass(slots=True, kw_only=True)
class Outlooks:
    """Forecasts by source and zone."""

    keeper: Keeper
    _made: dict[tuple[object, ...], Outlook | None] = field(default_factory=dict)
    _paths: dict[tuple[object, ...], tuple[Mapping[str, Outlook], Deviations | None]] = field(default_factory=dict)

    def of(self, subject: Subject, window: Window) -> Outlook | None:
        """The forecast from `window.now` up to at least its end; None where the past is too short for one."""
        assert window.now is not None  # noqa: S101  # only what lies ahead is forecast
        first = whole_hour(window.now)
        until = first + math.ceil((window.end - first) / _DAY) * _DAY
        key = (subject, first, until, window.known_at, self.keeper.stamp())
        if key not in self._made:
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            self._made[key] = self._forecast(subject, window.now, until, window.known_at)
        return self._made[key]

    def may_come(self, found: Mapping[str, Outlook]) -> Deviations | None:
        """What may come instead of some forecasts; None where too little is known of their past errors."""
        key = tuple(sorted((zone, id(outlook)) for zone, outlook in found.items()))
        if key not in self._paths:
            if len(self._paths) >= _MOST_MADE:
                self._paths.clear()
            self._paths[key] = (found, deviations(found, SEED) if found else None)
        return self._paths[key][1]

    def _forecast(self, subject: Subject, now: datetime, until: datetime, known_at: datetime | None) -> Outlook | None:
        """The forecast of one zone."""
        first = whole_hour(now)
        history = self.keeper.history(subject, first - HISTORY, whole_hour(now, up=True), known_at)
        if history is None or _known(history) < LEAST:
            return None
        near = {(first.hour + hours) % 24 for hours in range(-NEAREST_H, NEAREST_H + 1)}
        by = now + FETCHED_WITHIN if known_at is None else now
        kept = self.keeper.issues(subject, first - HISTORY, first + REACH, issued_by=by, hours=near)
        issues = [replace(each, issued_at=min(each.issued_at or now, now)) for each in kept]
        try:
            return forecast(history, now, until, issues=issues)
        except NotCovered:
            return None


def _known(series: IntensitySeries) -> timedelta:
    """How much of a series is known."""
    return int(np.isfinite(series.g_per_kwh).sum()) * series.step
