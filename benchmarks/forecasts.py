"""How much of a clairvoyant's saving a plan keeps that was made on forecasts, zone by zone, on files of real data.

    python benchmarks/forecasts.py --actual ACTUAL.csv.gz --issued ISSUED.csv.gz [--zones DE,ES] [--json]

ACTUAL has a column `utc`, the start of the hour, and a column a zone (`DE` or `DE|lifecycle`), g/kWh. ISSUED has
`issued_utc` (at 00:00), `lead_h` 0 .. 95 and a column a zone. A job of 24 h with 24 h of slack arrives every third
hour, is planned on what was known then and priced on what came. An issue is known at its issued_utc, a blank one is
the one before shifted by 24 h, actuals are known up to now. Nothing is learnt from what was not known yet.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from scheduler.planning.forecasting.history import from_history
from scheduler.planning.forecasting.issue_features import without_bias
from scheduler.planning.forecasting.issues import corrected, outcomes_of, with_errors_since
from scheduler.planning.forecasting.kept import SPAN_H, Savings, replanned, slots, windows, with_restarts
from scheduler.planning.forecasting.profile import DAY_H, WEEK
from scheduler.planning.forecasting.shrinkage import Floats

EVERY_H = 3
"""A job arrives every so many hours. [h]"""
WARM_UP_DAYS = 32
"""The first job arrives so long after the first issue, the last one three days before the last issue. [days]"""
LAST_DAYS = 3
BLOCK_DAYS = 7
"""Arrivals are drawn in blocks of this length, the same for every zone and forecast. [days]"""
DRAWS = 2000
SEED = 1
PLANS = ("slots", "slots, replanned daily", "windows", "slots, 30 min restart, <= 3 suspends")
ISSUED, PLAIN, OURS, HISTORY = "as issued", "plain bias per lead", "corrected and blended", "history alone"


@dataclass(frozen=True, kw_only=True)
class Data:
    """The two files, in days that begin at 00:00 UTC.

    Args:
        zones: names, shape [Z].
        days: actual intensity, NaN where unknown, shape [Z, D, 24]. [g/kWh]
        issued: shape [Z, I, L]; issue i is made at the start of day `first` + i. [g/kWh]
        first: the number of days before the first issue.
        origin: start of day 0.
    """

    zones: tuple[str, ...]
    days: Floats
    issued: Floats
    first: int
    origin: pd.Timestamp

    @property
    def hours(self) -> Floats:
        """The actual intensity by hour, shape [Z, 24 D]. [g/kWh]"""
        return self.days.reshape(len(self.zones), -1)


def read(actual: Path, issued: Path, zones: Sequence[str]) -> Data:
    """The zones that both files have, or those named."""
    came = pd.read_csv(actual, index_col="utc", parse_dates=["utc"]).sort_index()
    said = pd.read_csv(issued, parse_dates=["issued_utc"]).rename(columns=lambda name: name.split("|")[0])
    column = {name.split("|")[0]: name for name in sorted(came.columns) if not name.endswith("|direct")}
    both = tuple(zone for zone in said.columns[2:] if zone in column)
    names = tuple(zones) or both
    missing = [zone for zone in names if zone not in both]
    if missing or not names:
        raise SystemExit(f"no zone {', '.join(missing)} in both files: they share {', '.join(both)}")
    first_issue, last_issue = said["issued_utc"].min(), said["issued_utc"].max()
    if any(moment.hour or moment.minute for moment in said["issued_utc"].drop_duplicates()):
        raise SystemExit(f"{issued}: issues are to be made at 00:00 UTC")
    origin = min(came.index.min().floor("D"), first_issue - pd.Timedelta(days=WEEK))
    end = max(came.index.max() + pd.Timedelta(hours=1), last_issue).ceil("D")
    hourly = came.reindex(pd.date_range(origin, end, freq="h", inclusive="left"))
    days = np.stack([hourly[column[zone]].to_numpy(float).reshape(-1, DAY_H) for zone in names])
    every = pd.date_range(first_issue, last_issue, freq="D")
    leads = range(int(said["lead_h"].max()) + 1)
    whole = pd.MultiIndex.from_product([every, leads])
    table = said.set_index(["issued_utc", "lead_h"]).reindex(whole)
    paths = np.stack([table[zone].to_numpy(float).reshape(len(every), len(leads)) for zone in names])
    return Data(zones=names, days=days, issued=shifted(paths), first=(first_issue - origin).days, origin=origin)


def shifted(issued: Floats) -> Floats:
    """The issues with each blank one replaced by the one before, shifted by 24 h."""
    filled = issued.copy()
    for number in range(1, filled.shape[1]):
        blank = np.isnan(filled[:, number]).all(1)
        filled[blank, number, :-DAY_H] = filled[blank, number - 1, DAY_H:]
    return filled


class Courses:
    """What was known of the 48 h ahead at each third hour, by forecast; the history stands in for leads not issued."""

    def __init__(self, data: Data) -> None:
        """Make every forecast that an arrival or a midnight needs."""
        self.data = data
        count = data.issued.shape[1]
        until = data.days[:, : data.first + count]
        outcomes = outcomes_of(until, data.first, count, data.issued.shape[2])
        plain, ours = without_bias(outcomes, data.issued), corrected(until, data.issued, data.first)
        self._by: dict[str, dict[int, Floats]] = {ISSUED: {}, PLAIN: {}, OURS: {}, HISTORY: {}}
        for past in range(0, DAY_H, EVERY_H):
            own = self._history(past)
            moved = with_errors_since(until, ours, data.first, past) if past else ours
            for name, course in (
                (ISSUED, data.issued[:, :, past:]),
                (PLAIN, plain[:, :, past:]),
                (OURS, moved),
                (HISTORY, own),
            ):
                ahead = course[:, :, :SPAN_H]
                known = np.where(np.isnan(ahead), own[:, :, : ahead.shape[2]], ahead)
                whole = np.concatenate([known, own[:, :, ahead.shape[2] :]], axis=2)
                self._by[name] |= {DAY_H * (data.first + i) + past: whole[:, i] for i in range(count)}

    def _history(self, past: int) -> Floats:
        """The forecast from history at `past` hours after each issue, shape [Z, I, 48]. [g/kWh]"""
        data, count = self.data, self.data.issued.shape[1]
        hours = data.hours[:, past : past + DAY_H * (data.first + count - 1)]
        return from_history(hours.reshape(len(data.zones), -1, DAY_H), data.first, SPAN_H)[0]

    def at(self, name: str, moments: Sequence[int]) -> Floats:
        """The courses of a forecast at some hours, shape [Z, N, 48]. [g/kWh]"""
        return np.stack([self._by[name][moment] for moment in moments], axis=1)

    def midnights(self, name: str) -> Mapping[int, Floats]:
        """Those at every midnight, by hour."""
        return {moment: course for moment, course in self._by[name].items() if moment % DAY_H == 0}


def arrivals_of(data: Data) -> Sequence[int]:
    """The hours at which jobs arrive: those whose 48 h are known in every zone."""
    last_day = data.first + data.issued.shape[1] - 1 - LAST_DAYS
    hours = range(DAY_H * (data.first + WARM_UP_DAYS), DAY_H * (last_day + 1), EVERY_H)
    whole = [hour for hour in hours if np.isfinite(data.hours[:, hour : hour + SPAN_H]).all()]
    found = [hour for hour in whole if hour + SPAN_H <= data.hours.shape[1]]
    if not found:
        raise SystemExit("no job can arrive: the files need over five weeks of issues, and the actuals to price them")
    return found


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: a forecast, a plan, and what it saved."""

    forecast: str
    plan: str
    savings: Savings


def rows(data: Data) -> tuple[Sequence[int], list[Row]]:
    """The hours of arrival, and every line."""
    courses, arrivals = Courses(data), arrivals_of(data)
    came = np.stack([data.hours[:, hour : hour + SPAN_H] for hour in arrivals], axis=1)
    found: list[Row] = []
    for name in (ISSUED, PLAIN, OURS, HISTORY):
        course = courses.at(name, arrivals)
        again = replanned(course, came, np.array(arrivals), courses.midnights(name))
        cut = with_restarts(course, came, found[len(PLANS) - 1].savings.clairvoyant if found else None)
        saved = (slots(course, came), again, windows(course, came), cut)
        found += [Row(forecast=name, plan=plan, savings=each) for plan, each in zip(PLANS, saved, strict=True)]
    return arrivals, found


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with the middle 95 % over the draws. [%]"""

    pct: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.pct:6.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True, kw_only=True)
class ZoneLine:
    """What a plan saved in one zone, what a clairvoyant saves, and the share. [%]"""

    realised_saving_pct: float
    clairvoyant_saving_pct: float
    kept_pct: Figure


@dataclass(frozen=True, kw_only=True)
class Line:
    """The figures of a row: over all zones, beside the plain correction of the same plan, and by zone."""

    forecast: str
    plan: str
    kept_zone_pct: Figure
    above_plain: Figure
    zones: Mapping[str, ZoneLine]


def draws(arrivals: Sequence[int]) -> Floats:
    """How often each arrival counts, drawn by whole blocks of days with replacement, shape [DRAWS, N]."""
    block = (np.array(arrivals) - arrivals[0]) // (DAY_H * BLOCK_DAYS)
    count = int(block[-1]) + 1
    picks = np.random.default_rng(SEED).integers(count, size=(DRAWS, count))
    often = (picks[:, :, None] == np.arange(count)).sum(1)
    return np.asarray(often[:, block], dtype=np.float64)


def figure(of: Callable[[Floats | None], Floats], drawn: Floats) -> Figure:
    """A figure over all arrivals, and its interval over the draws."""
    low, high = np.nanpercentile(of(drawn), [2.5, 97.5])
    return Figure(pct=round(float(of(None)), 2), low=round(float(low), 2), high=round(float(high), 2))


def one_zone(savings: Savings, zone: int) -> Savings:
    """The savings of one zone."""
    pick = slice(zone, zone + 1)
    return Savings(now=savings.now[pick], realised=savings.realised[pick], clairvoyant=savings.clairvoyant[pick])


def lines_of(zones: Sequence[str], arrivals: Sequence[int], found: Sequence[Row]) -> list[Line]:
    """The figures of every row."""
    drawn = draws(arrivals)
    plain = {row.plan: row.savings for row in found if row.forecast == PLAIN}
    lines = []
    for row in found:
        own, other = row.savings, plain[row.plan]
        realised, best = own.saving_pct(own.realised), own.saving_pct(own.clairvoyant)
        by_zone = {
            zone: ZoneLine(
                realised_saving_pct=round(float(realised[number]), 3),
                clairvoyant_saving_pct=round(float(best[number]), 3),
                kept_pct=figure(one_zone(own, number).kept_zone_pct, drawn),
            )
            for number, zone in enumerate(zones)
        }
        lines.append(
            Line(
                forecast=row.forecast,
                plan=row.plan,
                kept_zone_pct=figure(own.kept_zone_pct, drawn),
                above_plain=figure(partial(above, own, other), drawn),
                zones=by_zone,
            )
        )
    return lines


def above(own: Savings, other: Savings, weights: Floats | None) -> Floats:
    """How much more is kept by one than by another on the same arrivals. [percentage points]"""
    return own.kept_zone_pct(weights) - other.kept_zone_pct(weights)


def as_json(line: Line) -> dict[str, object]:
    """A line for machines, each figure beside its interval."""
    return {
        "forecast": line.forecast,
        "plan": line.plan,
        "kept_zone_pct": line.kept_zone_pct.pct,
        "kept_zone_interval_95": [line.kept_zone_pct.low, line.kept_zone_pct.high],
        "above_plain": line.above_plain.pct,
        "above_plain_interval_95": [line.above_plain.low, line.above_plain.high],
        "zones": {
            zone: {
                "realised_saving_pct": each.realised_saving_pct,
                "clairvoyant_saving_pct": each.clairvoyant_saving_pct,
                "kept_pct": each.kept_pct.pct,
                "kept_interval_95": [each.kept_pct.low, each.kept_pct.high],
            }
            for zone, each in line.zones.items()
        },
    }


def print_table(lines: Sequence[Line]) -> None:
    """The table as people read it: kept shares in %, each with its interval."""
    for forecast in (ISSUED, PLAIN, OURS, HISTORY):
        print(f"\n{forecast}")
        for line in (line for line in lines if line.forecast == forecast):
            print(f"  {line.plan}")
            print(f"    kept_zone_pct {line.kept_zone_pct}, above the plain correction {line.above_plain}")
            for zone, each in line.zones.items():
                saved = f"{each.realised_saving_pct:6.2f} of {each.clairvoyant_saving_pct:6.2f} %"
                print(f"    {zone:<14} saves {saved}, kept {each.kept_pct}")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the files, plan every job, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--actual", type=Path, required=True, help="hourly actuals, CSV or CSV.gz")
    parser.add_argument("--issued", type=Path, required=True, help="issued forecasts, CSV or CSV.gz")
    parser.add_argument("--zones", nargs="+", default=[], help="zones, by spaces or commas; default: all in both files")
    parser.add_argument("--json", action="store_true", help="print JSON")
    said = parser.parse_args(argv)
    zones = [zone for words in said.zones for zone in words.split(",") if zone]
    data = read(said.actual, said.issued, zones)
    arrivals, found = rows(data)
    lines = lines_of(data.zones, arrivals, found)
    first, last = (str(data.origin + pd.Timedelta(hours=hour)) for hour in (arrivals[0], arrivals[-1]))
    if said.json:
        document: dict[str, object] = {"schema": 1, "first_arrival": first, "last_arrival": last}
        document["arrivals"] = len(arrivals)
        document["rows"] = [as_json(line) for line in lines]
        print(json.dumps(document, indent=1))
        return
    print(f"{len(arrivals)} jobs of 24 h with 24 h of slack from {first} to {last}; 95 % from blocks of 7 days")
    print_table(lines)


if __name__ == "__main__":
    main()
