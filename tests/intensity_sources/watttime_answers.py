"""Answers of a WattTime API with made-up figures: the real fields, a row every five minutes, 800 lb and a few."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import responses
from responses import matchers

from scheduler.domain.basis import Basis
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

NOW = datetime(2026, 3, 10, 12, 22, tzinfo=UTC)
FIVE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
CURRENT = NOW.replace(minute=20)
BASE = "https://api.watttime.org"
NAME, WORD = "MARKED-name@lab.example", "MARKED:word/5+5"
TOKEN = "MARKED.token.0123456789"
BASIC = "Basic " + base64.b64encode(f"{NAME}:{WORD}".encode()).decode()
MOER = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
AOER = Basis(signal="average", boundary="direct", flow="production", gas="CO2")
G_PER_KWH_OF_LB_PER_MWH = 0.45359237

Json = Any
"""JSON values, which a test bends as it likes."""


def pounds(moment: datetime) -> float:
    """The made-up rate of an interval. [lb/MWh]"""
    return 800.0 + int(moment.timestamp() // 300) % 23


def grams(moment: datetime) -> float:
    """The same. [g/kWh]"""
    return pounds(moment) * G_PER_KWH_OF_LB_PER_MWH


def meta(**changed: object) -> dict[str, Json]:
    """What an answer says of its rows."""
    return {
        "data_point_period_seconds": 300,
        "region": "HQ",
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
        "model": {"date": "2025-10-01", "type": "binned_regression"},
        "warnings": [],
        **changed,
    }


def row(moment: datetime, **changed: object) -> dict[str, Json]:
    """A row of the past."""
    return {
        "point_time": moment.isoformat(),
        "value": pounds(moment),
        "last_updated": "2026-03-10T12:15:00+00:00",
        "imputed_data_used": False,
        **changed,
    }


def points(start: datetime, count: int) -> list[dict[str, Json]]:
    """Rows of a forecast."""
    return [{"point_time": at.isoformat(), "value": pounds(at)} for at in (start + i * FIVE for i in range(count))]


def historical(start: datetime, end: datetime, **changed: object) -> dict[str, Json]:
    """The answer to historical, both ends included."""
    listed = [row(start + i * FIVE) for i in range((end - start) // FIVE + 1)]
    return {"data": listed, "meta": meta(**changed)}


def forecast(horizon_h: int, **changed: object) -> dict[str, Json]:
    """The answer to forecast, from the current five minutes on."""
    said = {"generated_at": "2026-03-10T12:20:00+00:00", "generated_at_period_seconds": 300} | changed
    return {"data": points(CURRENT, horizon_h * 12), "meta": meta(**said)}


def issues(*generated: datetime, horizon_h: int = 1, **changed: object) -> dict[str, Json]:
    """The answer to forecast/historical."""
    listed = [{"generated_at": at.isoformat(), "forecast": points(at, horizon_h * 12)} for at in generated]
    return {"data": listed, "meta": meta(generated_at_period_seconds=300, **changed)}


def access() -> dict[str, Json]:
    """The answer to my-access."""
    models = [
        {"model": "2025-10-01", "data_start": "2023-01-01", "train_start": "2022-01-01", "train_end": "2025-01-01"}
    ]
    common = {"region_full_name": "x", "parent": "y", "data_point_period_seconds": 300}
    ways = [{"endpoint": "v3/forecast", "models": models}, {"endpoint": "v3/historical", "models": models}]
    return {
        "signal_types": [
            {"signal_type": "co2_moer", "regions": [{"region": "HQ", "endpoints": ways, **common}]},
            {"signal_type": "co2_aoer", "regions": [{"region": "HQ", "endpoints": ways[1:], **common}]},
        ]
    }


def setup(secrets: dict[str, str] | None = None, **options: str) -> SourceSetup:
    """What the source is connected with."""
    known = {"WATTTIME_USERNAME": NAME, "WATTTIME_PASSWORD": WORD} if secrets is None else secrets
    return SourceSetup(options=options, secret=known.get, clock=FakeClock(NOW))


def log_in(http: responses.RequestsMock, token: str = TOKEN) -> None:
    """Answer one login, by the name and the password."""
    http.get(f"{BASE}/login", json={"token": token}, match=[matchers.header_matcher({"Authorization": BASIC})])


def serve(http: responses.RequestsMock, path: str, answer: Json, query: dict[str, str], *, status: int = 200) -> None:
    """Answer one question, asked in exactly these words with the token."""
    http.get(
        f"{BASE}/v3/{path}",
        status=status,
        body=answer if isinstance(answer, str) else json.dumps(answer),
        match=[
            matchers.query_param_matcher(query, strict_match=True),
            matchers.header_matcher({"Authorization": f"Bearer {TOKEN}"}),
        ],
    )


def between(start: datetime, end: datetime) -> dict[str, str]:
    """The part of a question that says which interval."""
    return {"start": start.isoformat(), "end": end.isoformat()}
