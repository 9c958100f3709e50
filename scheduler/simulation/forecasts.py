"""What a policy is told of the hours to come: what came, what was issued, or what the past makes of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np

from scheduler.domain.errors import InvalidInput
from scheduler.planning.forecasting.history import from_history
from scheduler.planning.forecasting.profile import DAY_H, WEEK
from scheduler.problem.surface import Floats
from scheduler.simulation.table import US_PER_H, Table

_WEEK_H: Final = WEEK * DAY_H
_LEADS: Final = 3 * _WEEK_H
"""So far is looked; what is left of an anomaly is gone by then, and the usual week goes on. [h]"""


class Forecasts(Protocol):
    """A way to look ahead."""

    name: str

    def course(self, first: int, count: int) -> Floats:
        """The intensity of `count` slots from slot `first` on, as seen at its start, shape [Z, count]. [g/kWh]"""


class Perfect:
    """What came."""

    name: str = "perfect"

    def __init__(self, table: Table) -> None:
        self._g_per_kwh = table.g_per_kwh

    def course(self, first: int, count: int) -> Floats:
        """The observed intensity, gaps included."""
        return self._g_per_kwh[:, first : first + count]


class History:
    """The forecast from the past of each zone, made each hour from what was observed before it.

    In the first week, of which nothing usual is known yet, the mean of what was observed so far stands for all hours.
    """

    name: str = "history"

    def __init__(self, table: Table) -> None:
        if table.step_us != US_PER_H:
            raise InvalidInput("forecasts from history need an hourly table", hint="give one, or --forecasts perfect")
        self._g_per_kwh = table.g_per_kwh
        self._by_hour: dict[int, Floats] = {}

    def course(self, first: int, count: int) -> Floats:
        """The forecast made at the start of hour `first`, the usual week again and again behind three weeks."""
        if first < _WEEK_H:
            return self._flat(first, count)
        known = self._made_at(first % DAY_H)[:, first // DAY_H - WEEK]
        if count <= _LEADS:
            return known[:, :count]
        ahead = np.arange(count)
        return known[:, np.where(ahead < _LEADS, ahead, _LEADS - _WEEK_H + (ahead - _LEADS) % _WEEK_H)]

    def _made_at(self, hour: int) -> Floats:
        """The forecasts made at one hour of each day from the eighth on, shape [Z, D - 6, leads]. [g/kWh]"""
        if hour not in self._by_hour:
            past = self._g_per_kwh[:, hour:]
            whole = past.shape[1] // DAY_H
            days = past[:, : whole * DAY_H].reshape(len(past), whole, DAY_H)
            self._by_hour[hour] = from_history(days, WEEK, _LEADS)[0]
        return self._by_hour[hour]

    def _flat(self, first: int, count: int) -> Floats:
        """The mean so far, NaN where nothing was observed. [g/kWh]"""
        past = self._g_per_kwh[:, : max(first, 1)] if first else np.full_like(self._g_per_kwh[:, :1], np.nan)
        known = np.isfinite(past)
        total, hours = np.where(known, past, 0.0).sum(1), known.sum(1)
        mean = np.divide(total, hours, out=np.full(len(past), np.nan), where=hours > 0)
        return np.repeat(mean[:, None], count, axis=1)


class Issued:
    """Forecasts as they were issued: at each hour the newest that says something of it, else the history's.

    Args:
        table: what was observed.
        issues: hour of the issue, counted from the table's start, and what it said of each lead, NaN where nothing,
            shape [Z, L]. [g/kWh]
    """

    name: str = "issued"

    def __init__(self, table: Table, issues: Mapping[int, Floats]) -> None:
        self._history = History(table)
        self._issues = sorted(issues.items())
        self._hours = [hour for hour, _ in self._issues]
        self._leads = max((said.shape[1] for said in issues.values()), default=0)

    @property
    def hours(self) -> tuple[int, ...]:
        """When forecasts were issued, counted from the table's start. [h]"""
        return tuple(self._hours)

    def course(self, first: int, count: int) -> Floats:
        """What was known at the start of hour `first`: no issue is used before its hour."""
        told = self._history.course(first, count).copy()
        newest = bisect_right(self._hours, first)
        oldest = bisect_left(self._hours, first - self._leads)
        for hour, said in self._issues[oldest:newest]:
            ahead = said[:, first - hour : first - hour + count]
            known = np.isfinite(ahead)
            told[:, : ahead.shape[1]][known] = ahead[known]
        return told


class Within:
    """Forecasts that are believed so far ahead only: behind that the zone's past goes on.

    Args:
        told: the forecasts; history: what is told behind them.
        slots: that they are believed for.
    """

    def __init__(self, told: Forecasts, history: History, slots: int) -> None:
        self.name: str = told.name
        self.told = told
        self._history, self._slots = history, slots

    def course(self, first: int, count: int) -> Floats:
        """What is told of the slots up to the horizon, and the history's of the others."""
        near = self.told.course(first, min(count, self._slots))
        if count <= self._slots:
            return near
        return np.concatenate([near, self._history.course(first, count)[:, self._slots :]], axis=1)
