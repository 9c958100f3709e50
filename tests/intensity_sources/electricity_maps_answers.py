"""Answers of an Electricity Maps API with made-up figures: the real fields, one row an hour, 20 g plus the hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import responses
from responses import matchers

from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

NOW = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)
CURRENT = NOW.replace(minute=0)
HOUR = timedelta(hours=1)
KEY = "MARKED-key-0123456789"
BASE = "https://api.electricitymaps.com/v4"
INVALID = {"error": "Invalid auth-token", "message": "The provided token is invalid. If it used to work, see help"}
NO_HEADER = {"error": "Invalid auth-token", "message": "Please provide a valid authentication header."}
NO_PLAN = {
    "error": "Request unauthorized for zoneKey=FR,requestType=past-range,dataType=carbon-intensity.",
    "message": "You do not have access to this specific endpoint for this specific zone.",
}

Json = Any
"""JSON values, which a test bends as it likes."""


def stamp(moment: datetime) -> str:
    """A time as the service writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def figure(moment: datetime) -> int:
    """The made-up intensity of an hour. [g/kWh]"""
    return 20 + int(moment.timestamp() // 3600) % 17


def row(moment: datetime, **changed: object) -> dict[str, Json]:
    """A row of version 4."""
    return {
        "zone": "FR",
        "carbonIntensity": figure(moment),
        "datetime": stamp(moment),
        "updatedAt": stamp(NOW - timedelta(minutes=10)),
        "createdAt": stamp(moment - timedelta(days=3)),
        "emissionFactorType": "lifecycle",
        "flowTraced": True,
        "isEstimated": False,
        "estimationMethod": None,
        **changed,
    }


def rows(start: datetime, count: int, step: timedelta = HOUR) -> list[dict[str, Json]]:
    """Rows one after the other."""
    return [row(start + i * step) for i in range(count)]


def latest(**changed: object) -> dict[str, Json]:
    """The answer to latest, a bare row."""
    return {
        **row(CURRENT, isEstimated=True, estimationMethod="TIME_SLICER_AVERAGE"),
        "temporalGranularity": "hourly",
    } | changed


def history(found: list[dict[str, Json]] | None = None, **changed: object) -> dict[str, Json]:
    """The answer to history."""
    listed = rows(CURRENT - 23 * HOUR, 24) if found is None else found
    return {"zone": "FR", "history": listed, "temporalGranularity": "hourly"} | changed


def ranged(found: list[dict[str, Json]], **changed: object) -> dict[str, Json]:
    """The answer to past-range."""
    return {"zone": "FR", "data": found, "temporalGranularity": "hourly"} | changed


def forecast(horizon_h: int, **changed: object) -> dict[str, Json]:
    """The answer to forecast: a row more than hours, from the current one on, without flags."""
    listed = [
        {"carbonIntensity": figure(at), "datetime": stamp(at)}
        for at in (CURRENT + i * HOUR for i in range(horizon_h + 1))
    ]
    return {
        "zone": "FR",
        "forecast": listed,
        "updatedAt": stamp(NOW - timedelta(minutes=15)),
        "temporalGranularity": "hourly",
    } | changed


def zones() -> dict[str, Json]:
    """The answer to zones: one that is reached, one that is reached whole, one that is not."""
    common: dict[str, Json] = {
        "countryCode": "XX",
        "zoneParentKey": None,
        "subZoneKeys": [],
        "isCommerciallyAvailable": True,
    }
    return {
        "FR": {
            **common,
            "zoneName": "France",
            "zoneKey": "FR",
            "access": [
                "carbon-intensity/latest",
                "carbon-intensity/history",
                "power-breakdown/latest",
                "carbon-intensity/latest",
            ],
        },
        "CA-QC": {**common, "zoneName": "Québec", "zoneKey": "CA-QC", "access": ["*"]},
        "DK": {**common, "zoneName": "Denmark", "zoneKey": "DK", "tier": None, "access": []},
    }


def setup(key: str | None = KEY, **options: str) -> SourceSetup:
    """What the source is connected with."""
    return SourceSetup(options=options, secret=lambda name: key, clock=FakeClock(NOW))


def serve(
    http: responses.RequestsMock, way: str, answer: Json, *, status: int = 200, base: str = BASE, **query: str
) -> None:
    """Answer one question, asked in exactly these words."""
    asked = {
        "zone": "FR",
        "emissionFactorType": "lifecycle",
        "flowTraced": "true",
        "temporalGranularity": "hourly",
        "disableCallerLookup": "true",
    } | query
    http.get(
        f"{base}/carbon-intensity/{way}",
        status=status,
        body=answer if isinstance(answer, str) else json.dumps(answer),
        match=[matchers.query_param_matcher(asked, strict_match=True), matchers.header_matcher({"auth-token": KEY})],
    )


def serve_zones(http: responses.RequestsMock) -> None:
    """Answer which zones there are."""
    http.get(f"{BASE}/zones", json=zones(), match=[matchers.query_param_matcher({}, strict_match=True)])


def when(moment: datetime) -> str:
    """A time as a question writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
