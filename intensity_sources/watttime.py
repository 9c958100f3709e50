"""WattTime, with an account of one's own: marginal rates of a region, past and forecast, and average ones of the past.

https://docs.watttime.org; what the signals mean: https://watttime.org/data-science/data-signals. co2_moer is the rate
of the generators that answer a change in load, of CO2 at the stack. co2_aoer divides what all generators of the
region emit by what they generate, without imports and exports, by factors of the fuel; WattTime does not forecast it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import ClassVar, Final, Self

import numpy as np

from intensity_sources.options import only
from intensity_sources.points import Label, forecast_series, observed_series, together
from intensity_sources.readings import chunks, refuse_other, span, whole_steps
from intensity_sources.watttime_login import Call, Login
from intensity_sources.watttime_refusals import PASSWORD, PLANS, USERNAME
from intensity_sources.watttime_regions import Location, Regions, read_regions
from intensity_sources.watttime_rows import (
    WHO,
    Answer,
    Want,
    parse_access,
    parse_forecast,
    parse_historical,
    parse_issues,
    parse_region,
)
from intensity_sources.web import Web
from intensity_sources.web_json import malformed
from intensity_sources.web_secrets import basic_header, required_secret
from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import Clock, SourceCard, SourceSetup

BASE_URL: Final = "https://api.watttime.org"
MOER: Final = "co2_moer"
AOER: Final = "co2_aoer"
SIGNALS: Final[Mapping[Basis, str]] = {
    Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2"): MOER,
    Basis(signal="average", boundary="direct", flow="production", gas="CO2"): AOER,
}
FORECAST: Final = (MOER,)
LONGEST_PAST: Final = timedelta(days=32)
LONGEST_ISSUES: Final = timedelta(hours=24)
"""Longest intervals of one request, both ends in them: historical, and forecast/historical by ``generated_at``."""
LONGEST_H: Final = 72
"""Longest ``horizon_hours`` of a forecast; some regions have less. [h]"""
AHEAD: Final = timedelta(minutes=10)
"""So far the clock of the service may be ahead of ours."""
REGION_KEPT: Final = timedelta(days=30)
"""Borders of regions move: WattTime asks to look a location up once a month."""
SHORTEST_STEP: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The region of a location, and when it was looked up."""

    region: str
    at: datetime


class WattTime:
    """The API as a source.

    Args:
        web: the way there, which hides the account; login: the account.
        regions: which region a zone is; clock: time.
    """

    name: ClassVar[str] = WHO
    card: ClassVar[SourceCard] = SourceCard(
        title="WattTime API",
        bases=tuple(SIGNALS),
        licence="WattTime's agreement: for the account's holder, internally; the figures may not be passed on",
        attribution="WattTime (watttime.org)",
        url="https://docs.watttime.org",
        credentials=(USERNAME, PASSWORD),
        forecasts=True,
        limits=f"regions by plan ({PLANS}); 32 days a request, forecasts of 72 h; 3,000 requests, 100 logins in 5 min",
    )

    def __init__(self, web: Web, login: Login, regions: Regions, clock: Clock) -> None:
        self._web = web
        self._login = login
        self._regions = regions
        self._clock = clock
        self._lock = Lock()
        self._found: dict[tuple[Location, str], _Found] = {}

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The source, with the options ``base_url``, ``regions`` and ``locations``.

        Raises:
            CredentialMissing: the name or the password of the account is not set.
            InvalidInput: an option cannot be meant.
        """
        options = only(setup.options, "base_url", "regions", "locations", source=cls.name)
        regions = read_regions(options)
        username, password = (
            required_secret(setup, name, source=WHO, where=cls.card.url) for name in cls.card.credentials
        )
        basic = basic_header(username, password)
        base_url = options.get("base_url", BASE_URL)
        web = Web(source=WHO, base_url=base_url, clock=setup.clock, secrets=(username, password, basic))
        return cls(web, Login(web, basic, setup.clock), regions, setup.clock)

    def zones(self) -> Sequence[str]:
        """The zones whose region is known; the plan may reach fewer."""
        return self._regions.zones

    def reaches(self, zone: str) -> Sequence[str]:
        """What the plan reaches of a zone, such as ``co2_moer v3/forecast``.

        Raises:
            NotCovered: its region is not known.
            SourceUnavailable: it could not be asked.
        """
        with self._web.guard():
            call = self._login.call()
            want = self._want(call, zone, MOER)
            return parse_access(fetch_access(call)).get(want.region, ())

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """What is published of ``[start, end)``; rows of imputed input are marked as estimated.

        Raises:
            NotCovered: the plan, the zone or the basis is not there, or nothing is published.
            SourceUnavailable: it could not be asked, or answered another question.
        """
        start, end = span(start, end)
        signal = self._signal(zone, basis)
        until = min(end, self._clock.now() + AHEAD)
        if start >= until:
            raise NotCovered(
                f"{WHO} has no past of {zone} from {format_instant(start)} on", hint="ask for its forecast"
            )
        with self._web.guard():
            call = self._login.call()
            want = self._want(call, zone, signal)
            first, past = whole_steps(start, until, HOUR)
            answers = []
            for begin, last in chunks(first, past, LONGEST_PAST):
                answers.append(parse_historical(fetch_historical(call, want, begin, last), want))
                call.go_on()
            label = self._label(zone, basis, want, answers)
            return observed_series(together([answer.points for answer in answers]), label, start, until)

    def forecast(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """Its newest forecast of ``[start, end)``, from now on and for 72 hours at most.

        Raises:
            NotCovered: the plan, the zone or the basis is not there, or the hours are past or too far.
            SourceUnavailable: it could not be asked, or answered another question.
        """
        start, end = span(start, end)
        signal = self._forecast_signal(zone, basis)
        current, _ = whole_steps(self._clock.now(), self._clock.now() + SHORTEST_STEP, SHORTEST_STEP)
        if end <= current:
            raise NotCovered(
                f"{WHO} has no forecast of {zone} before {format_instant(current)}", hint="ask for the past"
            )
        horizon_h = min(LONGEST_H, -((current - end) // HOUR))
        with self._web.guard():
            call = self._login.call()
            want = self._want(call, zone, signal)
            answer = parse_forecast(fetch_forecast(call, want, horizon_h), want)
            return forecast_series(answer.points, self._label(zone, basis, want, [answer]), max(start, current), end)

    def issues(self, zone: str, basis: Basis, start: datetime, end: datetime) -> Sequence[IntensitySeries]:
        """The forecasts issued in ``[start, end)``, each 72 hours long or what the region has, in order of their issue.

        Raises:
            NotCovered: the plan, the zone or the basis is not there.
            SourceUnavailable: it could not be asked, or answered another question.
        """
        start, end = span(start, end)
        signal = self._forecast_signal(zone, basis)
        with self._web.guard():
            call = self._login.call()
            want = self._want(call, zone, signal)
            found: dict[datetime, IntensitySeries] = {}
            for begin, last in chunks(start, end, LONGEST_ISSUES):
                for answer in parse_issues(fetch_issues(call, want, begin, last, LONGEST_H), want):
                    issued = answer.issued_at
                    if issued is None or not start <= issued < end or np.isnan(answer.points.g_per_kwh).all():
                        continue
                    label = self._label(zone, basis, want, [answer])
                    reach = issued - HOUR, issued + (LONGEST_H + 1) * HOUR
                    found[issued] = forecast_series(answer.points, label, *reach)
                call.go_on()
            return [found[issued] for issued in sorted(found)]

    def _signal(self, zone: str, basis: Basis) -> str:
        """The signal type of a basis, of a zone whose region is known."""
        self._regions.of(zone)
        refuse_other(zone, basis, (zone,), tuple(SIGNALS), source=WHO)
        return SIGNALS[basis]

    def _forecast_signal(self, zone: str, basis: Basis) -> str:
        """The same, where WattTime forecasts it."""
        signal = self._signal(zone, basis)
        if signal not in FORECAST:
            raise NotCovered(f"{WHO} issues no forecast of '{basis}'", hint="it forecasts 'marginal direct n/a CO2'")
        return signal

    def _want(self, call: Call, zone: str, signal: str) -> Want:
        """The region and signal to ask for; a location is looked up once a month."""
        place = self._regions.of(zone)
        if isinstance(place, str):
            return Want(region=place, signal=signal)
        now = self._clock.now()
        with self._lock:
            found = self._found.get((place, signal))
        if found is None or now - found.at >= REGION_KEPT:
            region = parse_region(fetch_region(call, place, signal, zone), signal)
            found = _Found(region=region, at=now)
            with self._lock:
                self._found[place, signal] = found
        return Want(region=found.region, signal=signal)

    def _label(self, zone: str, basis: Basis, want: Want, answers: Sequence[Answer]) -> Label:
        """What the series says of itself: model and warnings of the service, and where models are mixed."""
        steps = {answer.step for answer in answers}
        if len(steps) > 1:
            raise malformed(WHO, "its answers to one question have several steps")
        models = list(dict.fromkeys(answer.model or "of no stated date" for answer in answers))
        notes = [self._web.secrets.hide(words) for answer in answers for words in answer.warnings]
        if len(models) > 1:
            notes.append(f"{WHO}: models {' and '.join(models)} made this series of {zone}: steps in it may be theirs")
        known = next(known for known in SIGNALS if known == basis)
        issued = answers[0].issued_at
        retrieved = self._clock.now()
        return Label(
            source=WHO,
            zone=zone,
            basis=replace(known, factor_set=f"WattTime {want.signal} of {want.region}, model {' and '.join(models)}"),
            step=steps.pop(),
            credit=Provenance(name=self.card.title, licence=self.card.licence, attribution=self.card.attribution),
            retrieved_at=retrieved,
            issued_at=None if issued is None else min(issued, retrieved),
            notes=tuple(dict.fromkeys(notes)),
        )


def fetch_region(call: Call, place: Location, signal: str, zone: str) -> object:
    """The region that a place lies in."""
    params = {"latitude": str(place.latitude), "longitude": str(place.longitude), "signal_type": signal}
    return call.get("/v3/region-from-loc", params, zone)


def fetch_access(call: Call) -> object:
    """What the account reaches."""
    return call.get("/v3/my-access", {}, "the list of what it reaches")


def fetch_historical(call: Call, want: Want, start: datetime, end: datetime) -> object:
    """The rows from `start` to `end`, both included, with the mark of imputed ones."""
    params = {**_of(want), "start": start.isoformat(), "end": end.isoformat(), "include_imputed_marker": "true"}
    return call.get("/v3/historical", params, f"the past of {want.region}")


def fetch_forecast(call: Call, want: Want, horizon_h: int) -> object:
    """The newest forecast."""
    return call.get("/v3/forecast", {**_of(want), "horizon_hours": str(horizon_h)}, f"the forecast of {want.region}")


def fetch_issues(call: Call, want: Want, start: datetime, end: datetime, horizon_h: int) -> object:
    """The forecasts issued from `start` to `end`, both included."""
    params = {**_of(want), "start": start.isoformat(), "end": end.isoformat(), "horizon_hours": str(horizon_h)}
    return call.get("/v3/forecast/historical", params, f"past forecasts of {want.region}")


def _of(want: Want) -> Mapping[str, str]:
    """The part of the query that every question has."""
    return {"region": want.region, "signal_type": want.signal}
