"""France from RTE's éCO2mix on the open-data portal ODRÉ: consolidated figures where they are, real time for the rest.

https://odre.opendatasoft.com/explore/dataset/eco2mix-national-cons-def and .../eco2mix-national-tr. What `taux_co2`
means is told at https://www.rte-france.com/eco2mix/les-emissions-de-co2-par-kwh-produit-en-france: CO2 of the fuel
that power stations in mainland France burn, per kWh generated there; neither life cycle nor imports nor Corsica. So
it is direct, of production, and CO2 alone: not the life-cycle figure of the same zone that other sources give.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Self
from zoneinfo import ZoneInfo

import numpy as np

from intensity_sources.opendatasoft import Dataset, Row, fetch_rows
from intensity_sources.options import only
from intensity_sources.points import Label, observed_series
from intensity_sources.readings import MOST_G_PER_KWH, number, refuse_other, span, whole_steps
from intensity_sources.timed import Reading, in_columns
from intensity_sources.web import Web
from intensity_sources.web_json import instant, malformed
from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries, Kind, Provenance
from scheduler.domain.joining import joined
from scheduler.ports import Clock, SourceCard, SourceSetup

ZONE: Final = "FR"
BASE_URL: Final = "https://odre.opendatasoft.com/api/explore/v2.1"
QUARTER: Final = timedelta(minutes=15)
HALF_HOUR: Final = timedelta(minutes=30)
CONSOLIDATED: Final = Dataset(
    name="eco2mix-national-cons-def", time_field="date_heure", fields=("taux_co2",), step=QUARTER
)
REAL_TIME: Final = Dataset(name="eco2mix-national-tr", time_field="date_heure", fields=("taux_co2",), step=QUARTER)
"""Rows of both come every quarter of an hour; before it settled in quarters RTE filled every other one."""
BASIS: Final = Basis(
    boundary="direct", flow="production", gas="CO2", factor_set="RTE, fuel burnt", losses="none: at the power station"
)
_PARIS: Final = ZoneInfo("Europe/Paris")
_PERIMETERS: Final = (None, "France")


class RteEco2mix:
    """The national rate of CO2 of éCO2mix; needs no key.

    Args:
        web: the way to the portal.
        clock: time.
    """

    name: ClassVar[str] = "rte-eco2mix"
    card: ClassVar[SourceCard] = SourceCard(
        title="RTE éCO2mix (France)",
        bases=(BASIS,),
        licence="Licence Ouverte 2.0 (Etalab)",
        attribution="RTE, éCO2mix, on ODRÉ (odre.opendatasoft.com)",
        url="https://odre.opendatasoft.com/explore/dataset/eco2mix-national-tr",
        limits="half-hours since 2012, quarters where RTE has them; the portal's daily quota of anonymous calls",
    )

    def __init__(self, web: Web, clock: Clock) -> None:
        self._web = web
        self._clock = clock

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The source, with the option ``base_url``.

        Raises:
            InvalidInput: an option is unknown, or the address is none.
        """
        options = only(setup.options, "base_url", source=cls.name)
        web = Web(source=cls.name, base_url=options.get("base_url", BASE_URL), clock=setup.clock)
        return cls(web, setup.clock)

    def zones(self) -> Sequence[str]:
        """Mainland France; Corsica is another zone."""
        return (ZONE,)

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """What is published of ``[start, end)``: observed where it is consolidated, estimated where it is not yet.

        Raises:
            NotCovered: it has no such zone, basis or hour.
            SourceUnavailable: it could not be asked.
        """
        refuse_other(zone, basis, (ZONE,), (BASIS,), source=self.name)
        start, end = span(start, end)
        until_s, now = self._web.deadline_s(), self._clock.now()
        first, last = whole_steps(start, end, HALF_HOUR)
        rates = self._rates(CONSOLIDATED, first, last, until_s)
        halves = all(_is_half(reading.start) for reading in rates)
        settled = self._series(
            rates if halves else in_quarters(rates, settled=True),
            HALF_HOUR if halves else QUARTER,
            "observed",
            (start, end),
        )
        recent = None
        if settled is None or not _covers(settled, first, min(last, now)):
            newest = in_quarters(self._rates(REAL_TIME, first, last, until_s), settled=False)
            recent = self._series(newest, QUARTER, "estimated", (start, end))
        parts = [part for part in (settled, recent) if part is not None]
        if not parts:
            raise NotCovered(
                f"{self.name} has nothing between {format_instant(start)} and {format_instant(end)}",
                hint="ask for hours that have passed, from 2012 on, or add a source for the zone",
            )
        return joined(parts)

    def _rates(self, dataset: Dataset, first: datetime, last: datetime, until_s: float) -> Sequence[Reading]:
        """What a data set has of ``[first, last)``."""
        rows = fetch_rows(self._web, dataset, first, last, until_s=until_s)
        return [reading for reading in parse_rates(rows) if first <= reading.start < last]

    def _series(
        self, readings: Sequence[Reading], step: timedelta, kind: Kind, of: tuple[datetime, datetime]
    ) -> IntensitySeries | None:
        """The readings as a series over the interval, None where there are none in it."""
        status = "consolidated" if kind == "observed" else "real time"
        label = Label(
            source=self.name,
            zone=ZONE,
            basis=BASIS,
            step=step,
            credit=Provenance(
                name=f"{self.card.title}, {status}", licence=self.card.licence, attribution=self.card.attribution
            ),
            retrieved_at=self._clock.now(),
        )
        try:
            return observed_series(in_columns(readings, estimated=kind == "estimated"), label, *of)
        except NotCovered:
            return None  # the other data set may have it; where neither has, `series` says so


def parse_rates(rows: Iterable[Row]) -> Sequence[Reading]:
    """The rates of CO2 in rows of éCO2mix, without the rows that have none yet or never.

    Raises:
        SourceUnavailable: a row is no row of éCO2mix, or is of another area.
    """
    readings = []
    for row in rows:
        if row.get("perimetre") not in _PERIMETERS:
            raise malformed(RteEco2mix.name, f"it answered for {row.get('perimetre')}, not for France")
        start = instant(row.get("date_heure"), "date_heure", source=RteEco2mix.name)
        what = f"taux_co2 of {format_instant(start)}"
        rate = number(row.get("taux_co2"), what, source=RteEco2mix.name, most=MOST_G_PER_KWH)
        if not math.isnan(rate):
            readings.append(Reading(start=start, g_per_kwh=rate))
    return readings


def in_quarters(readings: Sequence[Reading], *, settled: bool) -> Sequence[Reading]:
    """The rates of each quarter of an hour; one of a half-hour holds in both.

    Figures are of half-hours where no quarter past or to has a value: on that local day for consolidated ones, in the
    whole answer for those of real time, whose newest holds in its first quarter only, as the next may be on its way.
    """
    groups: dict[date | None, list[Reading]] = defaultdict(list)
    for reading in readings:
        groups[reading.start.astimezone(_PARIS).date() if settled else None].append(reading)
    newest = None if settled else max((reading.start for reading in readings), default=None)
    found = list(readings)
    for group in groups.values():
        if all(_is_half(reading.start) for reading in group):
            found += [replace(one, start=one.start + QUARTER) for one in group if one.start != newest]
    return found


def _is_half(moment: datetime) -> bool:
    """Whether a half-hour begins then."""
    return moment.minute % 30 == 0


def _covers(series: IntensitySeries, start: datetime, end: datetime) -> bool:
    """Whether every interval of ``[start, end)`` has a figure."""
    return series.start <= start and end <= series.end and not np.isnan(series.g_per_kwh).any()
