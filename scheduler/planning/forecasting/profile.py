"""What a zone does on a usual day: the mean of each hour over recent weeks, and the week where it stands out.

Days are blocks of 24 h that end at the origin of a forecast, whatever the hour it is made at, so that lead 0 is hour 0
of the day to come. They are counted in UTC: a change to summer time moves the profile by an hour until it caught up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.planning.forecasting.shrinkage import LEAST, Floats, Ints

DAY_H: Final = 24
WEEK: Final = 7
"""Days of a week; also how many past days are compared with the profile."""
PROFILE_DAYS: Final = 28
"""The mean of an hour goes over this many days: whole weeks, short beside the seasons. [days]"""
WEEKS: Final = 8
"""What is usual on a weekday is asked of this many weeks."""
FEWEST_WEEKS: Final = 3
"""Under this many weeks chance and a weekday cannot be told apart, and the week is left out."""
STANDS_OUT: Final = 3.0
"""A week counts by 1 - this / F, F being the variance between weekdays over that expected of chance. [-]

Positive-part shrinkage as of James and Stein (Proc. 4th Berkeley Symp. 1, 1961), set stricter than their 1 because
the weather of one day and the next is not independent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The usual days after a number of origins, and how the days before them differed.

    Args:
        daily: mean of each hour over the recent weeks, shape [Z, N, 24]. [g/kWh]
        week: the usual days d .. d+6 after each origin, shape [Z, N, 7, 24]. [g/kWh]
        weekday: how far the mean of the days d .. d+6 usually is from that of all, before shrinkage, shape [Z, N, 7].
            [g/kWh]
        anomaly: what the days d-7 .. d-1 were beside the usual ones; 0 where unknown, shape [Z, N, 7, 24]. [g/kWh]
    """

    daily: Floats
    week: Floats
    weekday: Floats
    anomaly: Floats

    def ahead(self, leads: int) -> Floats:
        """The usual course of the hours to come, shape [Z, N, leads]. [g/kWh]"""
        zones, origins = self.week.shape[:2]
        hours = self.week.reshape(zones, origins, WEEK * DAY_H)
        return np.take(hours, np.arange(leads) % (WEEK * DAY_H), axis=2)


def profile(days: Floats, origins: Ints) -> Profile:
    """The profile at each of `origins`, from the days before it alone.

    Args:
        days: intensity by zone, day and hour, NaN where unknown, shape [Z, D, 24]. [g/kWh]
        origins: the number of days before each origin, at least `WEEK`, shape [N].
    """
    daily = _mean_of_days(days, origins, PROFILE_DAYS)
    past = days[:, origins[:, None] + np.arange(-WEEK, 0)]
    weeks = min(WEEKS, int(origins.min()) // WEEK)
    zones, count = daily.shape[:2]
    effect, weekday = np.zeros((zones, count, WEEK, DAY_H)), np.zeros((zones, count, WEEK))
    if weeks >= FEWEST_WEEKS:
        before = origins[:, None, None] + np.arange(WEEK)[:, None] - WEEK * np.arange(1, weeks + 1)
        usual = _mean_of_days(days, origins, WEEK * weeks)[:, :, None, None]
        effect, weekday = _weekdays(np.where(np.isnan(days[:, before]), usual, days[:, before]) - usual)
    week = daily[:, :, None] + effect
    anomaly = np.nan_to_num(past - week)
    return Profile(daily=daily, week=week, weekday=weekday, anomaly=anomaly)


def _mean_of_days(days: Floats, at: Ints, length: int) -> Floats:
    """The mean of each hour over the last `length` days before each origin that know it. [g/kWh]"""
    known = np.isfinite(days)
    sums = _running(np.where(known, days, 0.0))
    counts = _running(known.astype(np.float64))
    first = np.maximum(at - length, 0)
    total, count = sums[:, at] - sums[:, first], counts[:, at] - counts[:, first]
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _running(values: Floats) -> Floats:
    """Sums over the days before each one."""
    return np.concatenate([np.zeros((values.shape[0], 1, DAY_H)), values.cumsum(1)], axis=1)


def _weekdays(beside: Floats) -> tuple[Floats, Floats]:
    """What each weekday does beside the mean day, as far as it stands out, and the level of each before that.

    Args:
        beside: difference from the mean day, shape [Z, N, 7 weekdays, weeks, 24]. [g/kWh]
    """
    weeks = beside.shape[3]
    mean = np.nan_to_num(beside).mean(3)
    level = mean.mean(3)
    levels = np.nan_to_num(beside).mean(4)
    chance = levels.var(3, ddof=1).mean(2) / weeks
    kept = _stands_out(level.var(2, ddof=1), chance)
    shape = mean - level[..., None]
    courses = np.nan_to_num(beside) - levels[..., None]
    chance = courses.var(3, ddof=1).mean((2, 3)) / weeks
    kept_shape = _stands_out((shape**2).mean((2, 3)) * WEEK / (WEEK - 1), chance)
    return kept[..., None, None] * level[..., None] + kept_shape[..., None, None] * shape, level


def _stands_out(between: Floats, chance: Floats) -> Floats:
    """The share of a difference between weekdays that is kept. [-]"""
    return np.clip(1.0 - STANDS_OUT * chance / np.maximum(between, LEAST), 0.0, 1.0)
