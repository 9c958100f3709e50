"""The questions that the Electricity Maps API takes, one function each; what comes back is not read here.

Every question says that the place of the caller must not stand in for a zone that is unknown: without it the service
answered requests with the zone of whoever asked (electricitymaps-contrib, issue 6351).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from intensity_sources.electricity_maps_refusals import refusal
from intensity_sources.electricity_maps_rows import SIGNAL, WHO, Ask
from intensity_sources.web import Web
from intensity_sources.web_json import parse_json
from scheduler.domain.instant import format_instant

BASE_URL: Final = "https://api.electricitymaps.com/v4"
AUTH_HEADER: Final = "auth-token"


class Door:
    """The API with a key.

    Args:
        web: the way there; key: goes in a header.
        estimations: whether the service may fill what no one reported; its default.
    """

    def __init__(self, web: Web, key: str, *, estimations: bool = True) -> None:
        self._web = web
        self._credentials = {AUTH_HEADER: key}
        self._estimations = estimations
        self._answered: set[tuple[str, str]] = set()

    def fetch_zones(self, *, until_s: float) -> object:
        """Every zone and what the plan behind the key reaches of it."""
        return self._ask("/zones", {}, zone="any", until_s=until_s)

    def fetch_latest(self, ask: Ask, *, until_s: float) -> object:
        """The newest row."""
        return self._ask_of(ask, "latest", {}, until_s=until_s)

    def fetch_history(self, ask: Ask, *, until_s: float) -> object:
        """The rows of the last 24 hours."""
        return self._ask_of(ask, "history", {}, until_s=until_s)

    def fetch_past_range(self, ask: Ask, start: datetime, end: datetime, *, until_s: float) -> object:
        """The rows of ``[start, end)``; the service leaves out what begins at `end`."""
        return self._ask_of(
            ask, "past-range", {"start": format_instant(start), "end": format_instant(end)}, until_s=until_s
        )

    def fetch_forecast(self, ask: Ask, horizon_h: int, *, until_s: float) -> object:
        """The newest forecast from the current hour on, a row more than `horizon_h` [h]."""
        return self._ask_of(ask, "forecast", {"horizonHours": str(horizon_h)}, until_s=until_s)

    def _ask_of(self, ask: Ask, way: str, more: Mapping[str, str], *, until_s: float) -> object:
        """The answer to a question about a zone."""
        params = {
            "zone": ask.zone,
            "emissionFactorType": ask.factors,
            "flowTraced": "true" if ask.flow_traced else "false",
            "temporalGranularity": ask.granularity,
            "disableCallerLookup": "true",
            **({} if self._estimations else {"disableEstimations": "true"}),
            **more,
        }
        return self._ask(f"/{SIGNAL}/{way}", params, zone=ask.zone, until_s=until_s)

    def _ask(self, path: str, params: Mapping[str, str], *, zone: str, until_s: float) -> object:
        """The answer as JSON values; raises what a refusal means."""
        reply = self._web.get(path, params=params, credentials=self._credentials, until_s=until_s)
        if reply.status != HTTPStatus.OK:
            before = (zone, path) in self._answered
            raise refusal(reply, zone=zone, way=path.strip("/"), answered_before=before)
        answer = parse_json(reply.body, source=WHO)
        self._answered.add((zone, path))
        return answer
