"""Electricity Maps, with a key of one's own: average intensities of a zone, past, present and forecast.

https://portal.electricitymaps.com/developer-hub/api/reference. What a key reaches differs by plan and changes: the
service itself is asked, and where it refuses a whole range the hours that it does give are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import ClassVar, Final, Self

from intensity_sources.electricity_maps_fetch import BASE_URL, Door
from intensity_sources.electricity_maps_refusals import CREDENTIAL, PORTAL, BadRange, PlanLacks
from intensity_sources.electricity_maps_rows import STEPS, WHO, Answer, Ask, parse_forecast, parse_rows, parse_zones
from intensity_sources.options import only
from intensity_sources.points import Label, forecast_series, observed_series, together
from intensity_sources.readings import refuse_other, span, whole_steps
from intensity_sources.web import Web
from intensity_sources.web_json import malformed
from intensity_sources.web_secrets import required_secret
from scheduler.domain.basis import Basis, Boundary, Flow
from scheduler.domain.errors import InvalidInput, NotCovered, SourceUnavailable
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import Clock, SourceCard, SourceSetup

HORIZONS_H: Final = (6, 24, 48, 72)
"""Values of ``horizonHours`` that the service takes. [h]"""
DEFAULT_HORIZON_H: Final = 24
HISTORY: Final = timedelta(hours=23)
"""History is the last 24 hours, the current one among them."""
MOST_ROWS: Final = 240
"""Rows a past-range request: ten days of hours are the limit that is published, none is for shorter steps. [-]"""
SHORTEST: Final = timedelta(hours=6)
"""A refused range is halved down to this."""
AHEAD: Final = timedelta(minutes=10)
"""So far the clock of the service may be ahead; a row that begins later is a forecast, whatever it came as."""
ACCESS_KEPT_S: Final = 3600.0
"""What a plan reaches is asked for once in this time. [s]"""
HOUR: Final = timedelta(hours=1)
BOUNDARIES: Final[tuple[Boundary, ...]] = ("lifecycle", "direct")
FLOWS: Final[tuple[Flow, ...]] = ("consumption", "production")
BASES: Final = tuple(
    Basis(boundary=boundary, flow=flow, factor_set="Electricity Maps") for boundary, flow in product(BOUNDARIES, FLOWS)
)
"""``emissionFactorType`` and ``flowTraced``; without flow tracing a zone's own generation counts. Always CO2e."""

Way = Callable[[], Sequence[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the plan reaches, and when that was asked. [s]"""

    access: Mapping[str, tuple[str, ...]]
    at_s: float


class ElectricityMaps:
    """The API as a source.

    Args:
        door: the API with a key; web: the way there, which hides the key.
        clock: time; granularity: the step asked for, a key of `STEPS`.
    """

    name: ClassVar[str] = WHO
    card: ClassVar[SourceCard] = SourceCard(
        title="Electricity Maps API",
        bases=BASES,
        licence="terms of Electricity Maps: for the key's holder; the figures may not be published or passed on",
        attribution="Electricity Maps (electricitymaps.com)",
        url="https://portal.electricitymaps.com/developer-hub/api/reference",
        credentials=(CREDENTIAL,),
        forecasts=True,
        limits="zones and endpoints by plan; 10 days of hours a request, forecasts of 72 h; no rate limit published",
    )

    def __init__(self, door: Door, web: Web, clock: Clock, *, granularity: str = "hourly") -> None:
        self._door = door
        self._web = web
        self._clock = clock
        self._granularity = granularity
        self._plan: _Plan | None = None

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The source, with the options ``base_url``, ``granularity`` and ``estimations``.

        Raises:
            CredentialMissing: the key is not set.
            InvalidInput: an option cannot be meant.
        """
        options = only(setup.options, "base_url", "granularity", "estimations", source=cls.name)
        granularity, estimations = options.get("granularity", "hourly"), options.get("estimations", "true")
        if granularity not in STEPS or estimations not in {"true", "false"}:
            raise InvalidInput(
                f"{WHO}: granularity {granularity!r}, estimations {estimations!r} cannot be meant",
                hint=f"granularity is one of {', '.join(STEPS)}; estimations is true or false",
            )
        key = required_secret(setup, CREDENTIAL, source=WHO, where=PORTAL)
        web = Web(source=WHO, base_url=options.get("base_url", BASE_URL), clock=setup.clock, secrets=(key,))
        return cls(Door(web, key, estimations=estimations == "true"), web, setup.clock, granularity=granularity)

    def zones(self) -> Sequence[str]:
        """The zones of which the plan reaches something.

        Raises:
            SourceUnavailable: it could not be asked.
        """
        with self._web.guard():
            return tuple(sorted(zone for zone, reached in self._access(self._web.deadline_s()).items() if reached))

    def reaches(self, zone: str) -> Sequence[str]:
        """The endpoints that the service lists for a zone, ``*`` for all; raises as `zones` does."""
        with self._web.guard():
            return self._access(self._web.deadline_s()).get(zone, ())

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """What is published of ``[start, end)`` up to the current interval; estimated rows are marked so.

        Raises:
            NotCovered: the plan, the zone or the basis is not there, or nothing is published.
            SourceUnavailable: it could not be asked, or answered another question.
        """
        start, end = span(start, end)
        refuse_other(zone, basis, (zone,), BASES, source=WHO)
        now, until = self._clock.now(), min(end, self._clock.now() + AHEAD)
        if start >= until:
            raise NotCovered(
                f"{WHO} has no past of {zone} from {format_instant(start)} on", hint="ask for its forecast"
            )
        ask = Ask(zone=zone, basis=basis, granularity=self._granularity)
        with self._web.guard():
            until_s = self._web.deadline_s()
            answers, notes = self._first_way(self._ways(ask, start, until, now, until_s), zone, until_s)
            label = self._label(ask, answers, notes)
            return observed_series(together([answer.points for answer in answers]), label, start, until)

    def forecast(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """Its newest forecast of ``[start, end)``, from the current hour on and for 72 hours at most.

        Raises:
            NotCovered: the plan, the zone or the basis is not there, or the hours are past or too far.
            SourceUnavailable: it could not be asked, or answered another question.
        """
        start, end = span(start, end)
        refuse_other(zone, basis, (zone,), BASES, source=WHO)
        now = self._clock.now()
        current, _ = whole_steps(now, now + HOUR, HOUR)
        if end <= current:
            raise NotCovered(
                f"{WHO} has no forecast of {zone} before {format_instant(current)}", hint="ask for the past"
            )
        ask = Ask(zone=zone, basis=basis, granularity=self._granularity)
        horizon_h = next((h for h in HORIZONS_H if current + h * HOUR >= end), HORIZONS_H[-1])
        with self._web.guard():
            until_s = self._web.deadline_s()
            answers, notes = self._first_way([lambda: [self._forecast(ask, horizon_h, until_s)]], zone, until_s)
            if answers[0].issued_at is None:
                notes += (f"{WHO} does not say when it issued this forecast: taken as when it was fetched",)
            label = self._label(ask, answers, notes)
            label = replace(label, issued_at=min(answers[0].issued_at or now, label.retrieved_at))
            return forecast_series(answers[0].points, label, max(start, current), end)

    def _ways(self, ask: Ask, start: datetime, end: datetime, now: datetime, until_s: float) -> Sequence[Way]:
        """How to learn of the interval, the one of fewest requests first, then those that a plan may reach."""
        step = STEPS[ask.granularity]
        current, _ = whole_steps(now, now + step, step)

        def latest() -> Sequence[Answer]:
            """The newest row."""
            return [parse_rows(self._door.fetch_latest(ask, until_s=until_s), ask)]

        def history() -> Sequence[Answer]:
            """The last 24 hours."""
            return [parse_rows(self._door.fetch_history(ask, until_s=until_s), ask)]

        def ranged() -> Sequence[Answer]:
            """The hours of the interval."""
            return self._past_range(ask, *whole_steps(start, end, HOUR), until_s)

        if start >= current:
            return [latest, history, ranged]
        if start >= current - HISTORY:
            return [history, ranged]
        return [ranged, history] if end > current - HISTORY else [ranged]

    def _first_way(self, ways: Sequence[Way], zone: str, until_s: float) -> tuple[Sequence[Answer], tuple[str, ...]]:
        """What the first way that the plan reaches gives, and a note on those that it does not."""
        refused: list[PlanLacks] = []
        for way in ways:
            try:
                return way(), tuple(lack.message for lack in refused)
            except PlanLacks as lack:
                refused.append(lack)
        raise NotCovered(refused[0].message, hint=self._plan_hint(zone, until_s))

    def _past_range(self, ask: Ask, start: datetime, end: datetime, until_s: float) -> Sequence[Answer]:
        """The rows of an interval in as many requests as it takes; a length that is refused is halved for the rest."""
        longest, found, at = STEPS[ask.granularity] * MOST_ROWS, [], start
        while at < end:
            upto = min(at + longest, end)
            try:
                answer = self._door.fetch_past_range(ask, at, upto, until_s=until_s)
            except BadRange:
                if upto - at <= SHORTEST:
                    raise
                longest = max(SHORTEST, (upto - at) / 2 // HOUR * HOUR)
                continue
            found.append(parse_rows(answer, ask))
            at, until_s = upto, self._web.deadline_s()  # each part that came is worth waiting for the next
        return found

    def _forecast(self, ask: Ask, horizon_h: int, until_s: float) -> Answer:
        """A forecast as long as asked for, or of the default length where the service takes no longer one."""
        try:
            answer = self._door.fetch_forecast(ask, horizon_h, until_s=until_s)
        except BadRange:
            if horizon_h <= DEFAULT_HORIZON_H:
                raise
            answer = self._door.fetch_forecast(ask, DEFAULT_HORIZON_H, until_s=until_s)
        return parse_forecast(answer, ask)

    def _label(self, ask: Ask, answers: Sequence[Answer], notes: tuple[str, ...]) -> Label:
        """What the series says of itself; answers of several steps make none."""
        steps = {answer.step for answer in answers}
        if len(steps) > 1:
            raise malformed(WHO, "its answers to one question have several steps")
        return Label(
            source=WHO,
            zone=ask.zone,
            basis=next(known for known in BASES if known == ask.basis),
            step=steps.pop(),
            credit=Provenance(name=self.card.title, licence=self.card.licence, attribution=self.card.attribution),
            retrieved_at=self._clock.now(),
            notes=notes,
        )

    def _access(self, until_s: float) -> Mapping[str, tuple[str, ...]]:
        """What the plan reaches, asked again after an hour."""
        now_s = self._clock.monotonic_s()
        if self._plan is None or now_s - self._plan.at_s >= ACCESS_KEPT_S:
            self._plan = _Plan(access=parse_zones(self._door.fetch_zones(until_s=until_s)), at_s=now_s)
        return self._plan.access

    def _plan_hint(self, zone: str, until_s: float) -> str:
        """What the plan reaches of a zone, as far as the service says."""
        try:
            reached = self._access(until_s).get(zone, ())
        except SourceUnavailable:
            return f"see the plan at {PORTAL}"
        return f"the service lists for {zone}: {', '.join(reached) or 'nothing'}; see the plan at {PORTAL}"
