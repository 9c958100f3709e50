"""Great Britain from the Carbon Intensity API of the system operator NESO, half-hours observed and forecast.

https://carbon-intensity.github.io/api-definitions. The figure covers generation with the imports of each
interconnector and the losses of the grid, and CO2 alone: A. Bruce, L. Ruff, J. Kelloway, F. MacMillan, A. Rogers,
*Carbon Intensity Forecast Methodology*, National Grid ESO, 2021 (reissued by NESO, 2024). Factors are those of fuel
burnt, from I. Staffell, *Measuring the progress and impacts of decarbonising British electricity*, Energy Policy 102
(2017), 463-475, doi:10.1016/j.enpol.2016.12.037, with one exception: biomass counts 120 g/kWh of its supply chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, Self

from intensity_sources.answers import ask
from intensity_sources.options import only
from intensity_sources.points import Label, forecast_series, observed_series
from intensity_sources.readings import MOST_G_PER_KWH, chunks, number, refuse_other, span, whole_steps
from intensity_sources.timed import Reading, in_columns
from intensity_sources.web import Web
from intensity_sources.web_json import instant, items, malformed, members
from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import Clock, SourceCard, SourceSetup

Field = Literal["actual", "forecast"]

ZONE: Final = "GB"
BASE_URL: Final = "https://api.carbonintensity.org.uk"
STEP: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(days=14)
"""Longest interval of one request, as the API's definition says."""
HORIZONS: Final = (("fw24h", timedelta(hours=24)), ("fw48h", timedelta(hours=48)))
BASIS: Final = Basis(
    boundary="direct",
    gas="CO2",
    factor_set="Staffell 2017 as in the NESO methodology; biomass 120 g/kWh of supply chain",
    losses="transmission and distribution included",
)


class UkCarbonIntensity:
    """The national figures of the Carbon Intensity API; needs no key.

    Args:
        web: the way there.
        clock: time.
    """

    name: ClassVar[str] = "uk-carbon-intensity"
    card: ClassVar[SourceCard] = SourceCard(
        title="Carbon Intensity API (NESO, Great Britain)",
        bases=(BASIS,),
        licence="CC BY 4.0",
        attribution="National Energy System Operator (NESO), Carbon Intensity API, carbonintensity.org.uk",
        url="https://carbon-intensity.github.io/api-definitions",
        forecasts=True,
        limits="half-hours since 2017; 14 days a request, forecasts of 48 h; no rate limit published",
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
        """Great Britain; Northern Ireland is on another grid."""
        return (ZONE,)

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """The half-hours of ``[start, end)`` that have ended and been published.

        Raises:
            NotCovered: it has no such zone, basis or hour.
            SourceUnavailable: it could not be asked.
        """
        refuse_other(zone, basis, (ZONE,), (BASIS,), source=self.name)
        start, end = span(start, end)
        until_s = self._web.deadline_s()
        readings: list[Reading] = []
        for first, last in chunks(*whole_steps(start, end, STEP), LONGEST):
            answer = ask(self._web, f"/intensity/{_minutes(first)}/{_minutes(last)}", until_s=until_s)
            readings += parse_intensities(answer, "actual")
        return observed_series(in_columns(readings, estimated=False), self._label(), start, end)

    def forecast(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """The newest forecast of ``[start, end)``, from now on and for 48 hours; its issue is when it was fetched.

        Raises:
            NotCovered: it has no such zone, basis or hour.
            SourceUnavailable: it could not be asked.
        """
        refuse_other(zone, basis, (ZONE,), (BASIS,), source=self.name)
        start, end = span(start, end)
        first, last = whole_steps(max(start, self._clock.now()), end, STEP)
        if first >= last:
            raise NotCovered(
                f"{self.name} has no forecast of what has passed, up to {format_instant(end)}",
                hint="ask for its series of those hours",
            )
        horizon = next((name for name, length in HORIZONS if last - first <= length), HORIZONS[-1][0])
        answer = ask(self._web, f"/intensity/{_minutes(first)}/{horizon}", until_s=self._web.deadline_s())
        points = in_columns(parse_intensities(answer, "forecast"), estimated=False)
        return forecast_series(points, self._label(issued_at=self._clock.now()), first, end)

    def _label(self, *, issued_at: datetime | None = None) -> Label:
        """What every series of it says of itself."""
        return Label(
            source=self.name,
            zone=ZONE,
            basis=BASIS,
            step=STEP,
            credit=Provenance(name=self.card.title, licence=self.card.licence, attribution=self.card.attribution),
            retrieved_at=self._clock.now(),
            issued_at=issued_at,
        )


def parse_intensities(answer: object, field: Field) -> Sequence[Reading]:
    """The half-hours of an answer, NaN where `field` is null.

    Raises:
        SourceUnavailable: the answer is an error, which comes with status 200 too, or no list of half-hours.
    """
    found = members(answer, "its answer", source=_WHO)
    if "error" in found:
        told = found["error"]
        words = told.get("message", "") if isinstance(told, dict) else told
        raise malformed(_WHO, f"it answered with an error: {words}")
    return list(_readings(items(found.get("data"), "its data", source=_WHO), field))


def _readings(rows: Sequence[object], field: Field) -> Iterator[Reading]:
    """A reading a row."""
    for row in rows:
        cells = members(row, "a row", source=_WHO)
        start = instant(cells.get("from"), "the start of a row", source=_WHO)
        if instant(cells.get("to"), "the end of a row", source=_WHO) - start != STEP:
            raise malformed(_WHO, f"the row at {format_instant(start)} is no half-hour")
        values = members(cells.get("intensity"), "the intensity of a row", source=_WHO)
        value = number(values.get(field), f"{field} of {format_instant(start)}", source=_WHO, most=MOST_G_PER_KWH)
        yield Reading(start=start, g_per_kwh=value)


def _minutes(moment: datetime) -> str:
    """An instant as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


_WHO: Final = UkCarbonIntensity.name
