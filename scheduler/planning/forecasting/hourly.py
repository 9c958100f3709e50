"""Series as whole hours on one clock: means over each hour, and NaN where any part of an hour is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import IntensitySeries
from scheduler.planning.forecasting.profile import DAY_H, WEEK
from scheduler.planning.forecasting.shrinkage import Floats

HOUR: Final = timedelta(hours=1)
NEAREST_H: Final = 3
"""An issue stands for the one of its day if it was made within this of the hour that is looked for. [h]"""
MOST_ISSUES: Final = 366
"""Issues of more than a year ago are left alone. [days]"""
_DUST: Final = 1e-9


def hour_of(moment: datetime) -> datetime:
    """The whole hour that an instant lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def hourly(series: IntensitySeries, start: datetime, count: int) -> Floats:
    """Means over `count` hours from `start` on, shape [count]. [g/kWh]"""
    edges_h = series.edges_h(start)
    known = np.isfinite(series.g_per_kwh)
    length_h = series.step / HOUR
    total = np.concatenate([[0.0], np.where(known, series.g_per_kwh, 0.0).cumsum() * length_h])
    covered = np.concatenate([[0.0], known.cumsum() * length_h])
    hours = np.arange(count + 1, dtype=np.float64)
    means = np.diff(np.interp(hours, edges_h, total))
    return np.where(np.diff(np.interp(hours, edges_h, covered)) > 1.0 - _DUST, means, np.nan)


def days_before(series: IntensitySeries, origin: datetime, *, least: int = WEEK) -> Floats:
    """The past up to `origin` in days that end there, NaN where unknown, shape [1, D, 24] with D >= `least`. [g/kWh]"""
    known_days = -(-max(hours_between(series.start, origin), 0.0) // DAY_H)
    count = max(int(known_days), least)
    hours = hourly(series, origin - count * DAY_H * HOUR, count * DAY_H)
    return hours.reshape(1, count, DAY_H)


def last_known(series: IntensitySeries, now: datetime) -> datetime | None:
    """The end of the last whole hour up to `now` that the series knows; None where it knows none."""
    latest = hour_of(min(now, series.end))
    count = int(max(hours_between(series.start, latest), 0.0)) + 1
    known = np.flatnonzero(np.isfinite(hourly(series, latest - count * HOUR, count)))
    return latest - (count - 1 - int(known[-1])) * HOUR if known.size else None


def issues_a_day(issues: Sequence[IntensitySeries], at: datetime, end: datetime) -> Floats:
    """One issue a day, those made nearest to the hour of `at`, the last one on its day, shape [1, I, L]. [g/kWh]

    Args:
        issues: with the instant each was issued at, none after `at` and its hour.
        at: the whole hour at which the last one counts as made.
        end: where the last one ends.
    """
    leads = max(int(hours_between(at, end)), 1)
    by_age: dict[int, tuple[float, IntensitySeries]] = {}
    for issue in issues:
        made = hour_of(issue.issued_at or issue.start)
        late_h = hours_between(made, at)
        age = round(late_h / DAY_H)
        away_h = abs(late_h - age * DAY_H)
        if away_h <= NEAREST_H and age < MOST_ISSUES and (age not in by_age or away_h < by_age[age][0]):
            by_age[age] = (away_h, issue)
    count = max(by_age, default=0) + 1
    table = np.full((1, count, leads), np.nan)
    for age, (_, issue) in by_age.items():
        table[0, count - 1 - age] = hourly(issue, at - age * DAY_H * HOUR, leads)
    return table
