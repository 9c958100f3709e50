"""Québec from Hydro-Québec's production mix and published technology factors: an estimate of ours, without imports.

https://donnees.hydroquebec.com: the last two days by hour, and closed years. Hydro-Québec publishes no intensity;
what comes from here is its mix times the medians of IPCC AR5 (`hydro_quebec_mix.FACTORS`), of kind estimated, with
the table's own wide range. Its licence, CC BY-NC 4.0, forbids commercial use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Final, Self

from intensity_sources.answers import ask
from intensity_sources.hydro_quebec_mix import FACTORS, HOUR, NAME, Mix, by_hour, intensity, parse_feed, parse_records
from intensity_sources.opendatasoft import Dataset, fetch_rows
from intensity_sources.options import one_of, only
from intensity_sources.points import Label, observed_series
from intensity_sources.readings import refuse_other, span, whole_steps
from intensity_sources.timed import Reading, in_columns
from intensity_sources.web import Web
from scheduler.domain.basis import Basis
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import Clock, SourceCard, SourceSetup

ZONE: Final = "CA-QC"
BASE_URLS: Final[Mapping[str, str]] = {
    "portal": "https://donnees.hydroquebec.com/api/explore/v2.1",
    "file": "https://www.hydroquebec.com/data/documents-donnees/donnees-ouvertes/json",
}
"""Where each feed is: the open-data portal, or the one file that was there before it."""
FILE: Final = "/production.json"
KEPT: Final = timedelta(days=2)
"""How far back the recent data set and the file go, at most."""
_PREFIX: Final = "valeurs_"
RECENT: Final = Dataset(
    name="production-electricite-quebec",
    time_field="date",
    fields=(f"{_PREFIX}total", *(f"{_PREFIX}{name}" for name in FACTORS)),
    step=HOUR,
)
PAST: Final = Dataset(
    name="historique-production-electricite-quebec", time_field="date", fields=("total", *FACTORS), step=HOUR
)
BASIS: Final = Basis(
    flow="production",
    factor_set="IPCC AR5 WGIII Annex III, Table A.III.2, medians by technology, weighted by carbonsched",
    gwp_set="100 years, as in that table",
    losses="none: at the power station",
)


WIDE: Final = (
    f"{NAME}: the range is that of IPCC AR5's factors; its high end is of single reservoirs "
    f"({FACTORS['hydraulique'].high:g} g/kWh of hydropower), so no saving here can stand out from it"
)
"""Said with every series."""


class HydroQuebec:
    """The mix of Québec as a life-cycle intensity; needs no key.

    Args:
        web: the way there.
        clock: time.
        feed: which of the two feeds is read.
    """

    name: ClassVar[str] = NAME
    card: ClassVar[SourceCard] = SourceCard(
        title="Hydro-Québec production mix with IPCC AR5 factors",
        bases=(BASIS,),
        licence="CC BY-NC 4.0: no commercial use",
        attribution="Hydro-Québec, donnees.hydroquebec.com (mix); IPCC AR5 WGIII Annex III (factors); "
        "the intensity is carbonsched's own",
        url="https://donnees.hydroquebec.com/explore/dataset/production-electricite-quebec",
        limits="hours of the last two days and of closed years since 2019; thermal power is told six hours late",
    )

    def __init__(self, web: Web, clock: Clock, feed: str = "portal") -> None:
        self._web = web
        self._clock = clock
        self._feed = feed

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The source, with the options ``feed``, portal or file, and ``base_url``.

        Raises:
            InvalidInput: an option is unknown or cannot be meant.
        """
        options = only(setup.options, "feed", "base_url", source=cls.name)
        feed = one_of("feed", options.get("feed", "portal"), BASE_URLS)
        web = Web(source=cls.name, base_url=options.get("base_url", BASE_URLS[feed]), clock=setup.clock)
        return cls(web, setup.clock, feed)

    def zones(self) -> Sequence[str]:
        """Québec."""
        return (ZONE,)

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """The hours of ``[start, end)`` whose whole mix is published.

        Raises:
            NotCovered: it has no such zone, basis or hour.
            SourceUnavailable: it could not be asked.
        """
        refuse_other(zone, basis, (ZONE,), (BASIS,), source=self.name)
        start, end = span(start, end)
        until_s = self._web.deadline_s()
        mixes = self._from_file(until_s) if self._feed == "file" else self._from_portal(start, end, until_s)
        found = {hour: intensity(mix) for hour, mix in mixes.items()}

        label = Label(
            source=self.name,
            zone=ZONE,
            basis=BASIS,
            step=HOUR,
            credit=Provenance(name=self.card.title, licence=self.card.licence, attribution=self.card.attribution),
            retrieved_at=self._clock.now(),
            notes=(WIDE,),
        )

        def at(level: Level) -> IntensitySeries:
            """One end of the range, through time."""
            readings = (Reading(start=hour, g_per_kwh=figure.at(level)) for hour, figure in found.items())
            return observed_series(in_columns(readings, estimated=True), label, start, end)

        return replace(at("central"), low=at("low").g_per_kwh, high=at("high").g_per_kwh)

    def _from_file(self, until_s: float) -> Mapping[datetime, Mix]:
        """The hours of the one file."""
        return by_hour(parse_feed(ask(self._web, FILE, until_s=until_s)))

    def _from_portal(self, start: datetime, end: datetime, until_s: float) -> Mapping[datetime, Mix]:
        """The hours of closed years, and of the last days where those have none."""
        first, last = whole_steps(start, end, HOUR)
        kept_since = self._clock.now() - KEPT
        past: Mapping[datetime, Mix] = {}
        recent: Mapping[datetime, Mix] = {}
        if first < kept_since:
            past = by_hour(parse_records(fetch_rows(self._web, PAST, first, last, until_s=until_s), prefix=""))
        if last > kept_since:
            rows = fetch_rows(self._web, RECENT, max(first, kept_since), last, until_s=until_s)
            recent = by_hour(parse_records(rows, prefix=_PREFIX))
        return {**recent, **past}
