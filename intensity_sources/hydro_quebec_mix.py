"""Hydro-Québec's production by technology, and the life-cycle intensity that published factors give it.

The intensity is this project's, not Hydro-Québec's: a mix [MW] weighted with the medians of one published table.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from intensity_sources.opendatasoft import Row
from intensity_sources.web_json import instant, items, malformed, members, text
from scheduler.domain.estimate import Estimate
from scheduler.domain.instant import format_instant

NAME: Final = "hydro-quebec"
HOUR: Final = timedelta(hours=1)
HALF: Final = timedelta(minutes=30)
FACTORS: Final[Mapping[str, Estimate]] = {
    "hydraulique": Estimate(low=1.0, central=24.0, high=2200.0),  # hydropower; high is of single reservoirs
    "eolien": Estimate(low=7.0, central=11.0, high=56.0),  # wind onshore
    "solaire": Estimate(low=18.0, central=48.0, high=180.0),  # solar PV, utility
    "thermique": Estimate(low=410.0, central=490.0, high=910.0),  # gas, combined cycle; high: coal
    "autres": Estimate(low=1.0, central=230.0, high=420.0),  # biomass, dedicated; low: hydropower
}
"""Life-cycle emissions by technology, least, median and most, 100-year warming. [gCO2e/kWh]

IPCC AR5 WGIII (2014), Annex III, S. Schloemer et al., Table A.III.2, "Lifecycle emissions (incl. albedo effect)".
Which row stands for which column is read from Hydro-Québec's description of its data set "Sources of electricity
generated in Québec": thermal is the Bécancour station, turbines of single cycle on gas or light oil, for which the
table has no row: the range ends at its highest fossil one. Other renewables are biomass, biogas and hydropower."""
_MISMATCH: Final = 0.01
"""How far a total may be from its parts: each is rounded to a megawatt. [-]"""
_OWN_USE: Final = 0.001
"""Part of the total that a technology at rest may draw, below zero. [-]"""
_MONTREAL: Final = ZoneInfo("America/Toronto")  # the name under which the time zone database keeps Montréal
_YEARS: Final = range(1970, 2200)  # far from both ends of what a time can be

Mix = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourMix:
    """What was generated in the hour from `start`, by technology. [MW]"""

    start: datetime
    mw: Mix


def intensity(mix: Mix) -> Estimate:
    """The life-cycle intensity of a mix. [gCO2e/kWh]

    Notes:
        c = sum(P_i c_i) / sum(P_i), once with the least, the median and the most of each c_i.
    """
    total_mw = sum(mix.values())
    low, central, high = (
        sum(mw * getattr(FACTORS[name], level) for name, mw in mix.items()) / total_mw
        for level in ("low", "central", "high")
    )
    return Estimate(low=low, central=central, high=high)


def parse_records(rows: Iterable[Row], *, prefix: str) -> Sequence[HourMix]:
    """The hours of rows from the portal whose columns begin with `prefix`; a row without time or figures tells none.

    Raises:
        SourceUnavailable: a row is no row of production.
    """
    timed = ((instant(row["date"], "date", source=NAME), row) for row in rows if row.get("date") is not None)
    return list(_hours(timed, prefix))


def parse_feed(answer: object) -> Sequence[HourMix]:
    """The hours of the older feed, whose times are Montréal's and say no offset.

    In the hour that comes twice in autumn, two rows in order that differ are the two hours; else neither is known.

    Raises:
        SourceUnavailable: the answer is no such feed.
    """
    details = items(members(answer, "its answer", source=NAME).get("details"), "its details", source=NAME)
    rows = [members(row, "a row", source=NAME) for row in details]
    timed = [(_local(row.get("date")), members(row.get("valeurs"), "valeurs", source=NAME)) for row in rows]
    return list(_hours(_resolved(timed), ""))


def by_hour(found: Iterable[HourMix]) -> Mapping[datetime, Mix]:
    """The mix of each hour, without the hours that are told in two ways."""
    mixes: dict[datetime, Mix] = {}
    in_doubt = {one.start for one in found if mixes.setdefault(one.start, one.mw) != one.mw}
    return {start: mix for start, mix in mixes.items() if start not in in_doubt}


def _hours(timed: Iterable[tuple[datetime, Row]], prefix: str) -> Iterator[HourMix]:
    """The hours that rows tell; a row stands on the hour, or in its middle as Hydro-Québec reads its meters then.

    That the megawatts of the half-hour are the megawatt-hours of its hour is Hydro-Québec's own reading.
    """
    for moment, row in timed:
        start = moment.replace(minute=0, second=0, microsecond=0)
        if moment - start not in {timedelta(0), HALF}:
            raise malformed(NAME, f"a row stands at {format_instant(moment)}, neither on nor amid an hour")
        mix = _mix(row, prefix, format_instant(moment))
        if mix is not None:
            yield HourMix(start=start, mw=mix)


def _mix(row: Row, prefix: str, when: str) -> Mix | None:
    """The mix of a row; None where a part is missing, or the parts do not make up the total."""
    total = _megawatts(row.get(f"{prefix}total"), f"total of {when}")
    parts = {name: _megawatts(row.get(prefix + name), f"{name} of {when}") for name in FACTORS}
    if math.isnan(total) or total <= 0 or any(math.isnan(mw) or mw < -_OWN_USE * total for mw in parts.values()):
        return None
    if abs(sum(parts.values()) - total) > _MISMATCH * total:
        return None
    return {name: max(0.0, mw) for name, mw in parts.items()}


def _megawatts(cell: object, what: str) -> float:
    """A power, NaN where there is none. [MW]"""
    if cell is None or cell == "":
        return math.nan
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        raise malformed(NAME, f"{what} is no number")
    return float(cell)


def _local(cell: object) -> datetime:
    """A time of the older feed, naive where it says no offset."""
    word = text(cell, "date", source=NAME)
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise malformed(NAME, f"date is {cell!r}, no time") from None
    if moment.year not in _YEARS:
        raise malformed(NAME, f"date is {cell!r}, far from now")
    return moment


def _resolved(timed: Sequence[tuple[datetime, Row]]) -> Iterator[tuple[datetime, Row]]:
    """The rows whose instant is certain, in UTC."""
    naive = [moment for moment, _ in timed if moment.tzinfo is None]
    in_order = all(before <= after for before, after in itertools.pairwise(naive))
    times = Counter(naive)
    seen: dict[datetime, Row] = {}
    for moment, row in timed:
        if moment.tzinfo is not None:
            yield moment.astimezone(UTC), row
            continue
        first, second = (moment.replace(tzinfo=_MONTREAL, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            yield first, row
        elif first < second and in_order and times[moment] == 2:  # noqa: PLR2004  # the hour that comes twice
            if moment in seen and seen[moment] != row:
                yield first, seen[moment]
                yield second, row
            seen[moment] = row
