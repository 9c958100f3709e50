"""Providers in good health, answering with figures made up by one rule, so that a test knows every right answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from intensity_sources.hydro_quebec import BASIS as QUEBEC
from intensity_sources.rte_eco2mix import BASIS as FRANCE
from intensity_sources.uk_carbon_intensity import BASIS as BRITAIN
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from tests.intensity_sources.evil_server import Answer, Ask

NOW = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HALF = timedelta(minutes=30)
FIVE = timedelta(minutes=5)
LB_PER_MWH_G_PER_KWH = 0.45359237

Row = dict[str, Any]
Path = tuple[str, ...]


def rule(moment: datetime, step: timedelta) -> int:
    """The made-up figure of the interval that holds an instant."""
    return 20 + (moment - EPOCH) // step * 7 % 41


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer before it is spoilt.

    Args:
        rows: as the provider writes them; wrap: the answer around them.
        times, value: where in a row its times and its figure are.
        astray: makes the answer one for another zone, None where an answer names no zone.
    """

    rows: Sequence[Row]
    wrap: Callable[[Sequence[Row]], Any]
    times: Sequence[Path]
    value: Path
    astray: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider and what asks it.

    Args:
        source: registered name; zone, basis: what it has.
        truth: its right figure at an instant. [g/kWh]
        answer: the page for a request, or a refusal.
        options, secrets: what its source is connected with, beside the address.
        before: answers to what is asked before any rows, by path.
    """

    source: str
    zone: str
    basis: Basis
    truth: Callable[[datetime], float]
    answer: Callable[[Ask], Page | Answer]
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name in the test's name."""
        return "-".join((self.source, *self.options.values()))


def times_of(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Starts of the intervals that begin in ``[start, end)``."""
    first = EPOCH - (EPOCH - start) // step * step
    return [first + step * i for i in range(max(0, -((first - end) // step)))]


def put(row: Row, path: Path, value: object) -> Row:
    """The row with another value at a path."""
    changed = copy.deepcopy(row)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return changed


def get(row: Row, path: Path) -> Any:  # noqa: ANN401  # a cell of JSON
    """What stands at a path of a row."""
    for name in path:
        row = row[name]
    return row


def _bounds(ask: Ask) -> tuple[datetime, datetime]:
    """The interval in a `where` clause of an Opendatasoft portal."""
    _, start, _, end, _ = ask.query["where"].split('"')
    return datetime.fromisoformat(start), datetime.fromisoformat(end)


def _records(rows: Sequence[Row], ask: Ask) -> Any:  # noqa: ANN401  # JSON
    """The rows as a page of records or as an export."""
    whole = {"total_count": len(rows), "results": list(rows)[: int(ask.query.get("limit", "0"))]}
    return whole if ask.path.endswith("/records") else list(rows)


def eco2mix(ask: Ask) -> Page | Answer:
    """RTE's two data sets: consolidated up to two hours ago with blank quarters, then real time and blank future."""
    dataset = ask.path.split("/")[-2 if ask.path.endswith("/records") else -3]
    start, end = _bounds(ask)
    settled_until = NOW - 5 * HOUR if dataset.endswith("cons-def") else NOW
    rows = [
        {"date_heure": at.isoformat(), "taux_co2": _eco2mix_cell(at, settled_until, quarters=dataset.endswith("tr"))}
        for at in times_of(start, end, HALF / 2)
    ]

    def astray(answer: Any) -> Any:  # noqa: ANN401  # JSON
        """The same for Corsica."""
        for row in answer["results"] if isinstance(answer, dict) else answer:
            row["perimetre"] = "Corse"
        return answer

    return Page(
        rows=rows,
        wrap=lambda found: _records(found, ask),
        times=(("date_heure",),),
        value=("taux_co2",),
        astray=astray,
    )


def _eco2mix_cell(at: datetime, until: datetime, *, quarters: bool) -> object:
    """A rate, now and then as text; none in the future, nor in odd quarters of what is consolidated."""
    if at >= until or (at.minute % 30 and not quarters):
        return None
    return str(rule(at, HALF)) if at.hour % 2 else rule(at, HALF)


def british(ask: Ask) -> Page:
    """The Carbon Intensity API, beginning a half-hour early as it does."""
    words = ask.path.split("/")
    start = datetime.fromisoformat(words[2])
    ahead = {"fw24h": timedelta(hours=24), "fw48h": timedelta(hours=48)}
    end = start + ahead[words[3]] if words[3] in ahead else datetime.fromisoformat(words[3])
    rows = [
        {
            "from": f"{at:%Y-%m-%dT%H:%MZ}",
            "to": f"{at + HALF:%Y-%m-%dT%H:%MZ}",
            "intensity": {
                "forecast": rule(at, HALF) + (0 if words[3] in ahead else 9),
                "actual": rule(at, HALF) if at + HALF <= NOW else None,
                "index": "low",
            },
        }
        for at in times_of(start - HALF, end, HALF)
    ]
    value = ("intensity", "forecast" if words[3] in ahead else "actual")
    return Page(rows=rows, wrap=lambda found: {"data": list(found)}, times=(("from",), ("to",)), value=value)


def quebec_mw(at: datetime) -> dict[str, float]:
    """The made-up mix of an hour. [MW]"""
    wind = 100.0 * rule(at, HOUR)
    parts = {"hydraulique": 20000.0, "eolien": wind, "solaire": 4.0, "thermique": 0.0, "autres": 900.0}
    return {"total": sum(parts.values()), **parts}


def quebec_truth(at: datetime) -> float:
    """Its intensity with the medians of the table. [g/kWh]"""
    mw = quebec_mw(at)
    grams = mw["hydraulique"] * 24 + mw["eolien"] * 11 + mw["solaire"] * 48 + mw["autres"] * 230
    return grams / mw["total"]


def quebec_portal(ask: Ask) -> Page | Answer:
    """Hydro-Québec's portal: rows amid their hours, the future with a total of zero and nothing else."""
    start, end = _bounds(ask)
    prefix = "" if "/historique-" in ask.path else "valeurs_"
    rows = []
    for at in times_of(start - HALF, end - HALF, HOUR):
        stamp = at if prefix == "" else at + HALF
        if not start <= stamp < end:
            continue
        mw = quebec_mw(at) if at + HOUR <= NOW else dict.fromkeys(quebec_mw(at), None) | {"total": 0.0}
        rows.append({"date": stamp.isoformat(), **{prefix + name: value for name, value in mw.items()}})
    return Page(rows=rows, wrap=lambda found: _records(found, ask), times=(("date",),), value=(f"{prefix}hydraulique",))


def quebec_file(ask: Ask, *, now: datetime = NOW) -> Page | Answer:
    """The older file: yesterday and today in local time without offset, the future without figures."""
    montreal = ZoneInfo("America/Toronto")
    today = now.astimezone(montreal).replace(hour=0, minute=0)
    first, last = (today + timedelta(days=days) for days in (-1, 1))
    rows = [
        {
            "date": f"{at.astimezone(montreal):%Y-%m-%dT%H:%M:%S}",
            "valeurs": quebec_mw(at) if at + HOUR <= now else {},
        }
        for at in times_of(first.astimezone(UTC), last.astimezone(UTC), HOUR)
    ]
    return Page(
        rows=rows,
        wrap=lambda found: {"indexDonneePlusRecent": 30, "recentHour": "08:00", "details": list(found)},
        times=(("date",),),
        value=("valeurs", "hydraulique"),
    )


def electricity_maps(ask: Ask) -> Page | Answer:
    """The history of the last 24 hours, or a range, of a plan that reaches both; and a forecast."""
    if ask.query["zone"] != "FR":
        told = {"status": "error", "message": f"Zone '{ask.query['zone']}' does not exist."}
        return Answer(status=400, body=json.dumps(told).encode())
    current = NOW.replace(minute=0)
    if ask.path.endswith("/forecast"):
        start, end, name = current, current + (int(ask.query["horizonHours"]) + 1) * HOUR, "forecast"
    elif ask.path.endswith("/past-range"):
        start, end = (datetime.fromisoformat(ask.query[word]) for word in ("start", "end"))
        end, name = min(end, NOW), "data"
    else:
        start, end, name = current - 23 * HOUR, NOW, "history"
    flags = {
        "zone": ask.query["zone"],
        "updatedAt": "2026-03-10T12:10:00.000Z",
        "createdAt": "2026-03-07T12:10:00.000Z",
        "emissionFactorType": ask.query["emissionFactorType"],
        "flowTraced": ask.query["flowTraced"] == "true",
        "isEstimated": False,
        "estimationMethod": None,
        "temporalGranularity": "hourly",
    }
    rows = [
        {"carbonIntensity": rule(at, HOUR), "datetime": f"{at:%Y-%m-%dT%H:%M:%S}.000Z"}
        | ({} if name == "forecast" else flags)
        for at in times_of(start, end, HOUR)
    ]

    def astray(answer: Any) -> Any:  # noqa: ANN401  # JSON
        """The same for another zone."""
        return answer | {"zone": "US-CAR-DUK"}

    return Page(
        rows=rows,
        wrap=lambda found: {
            "zone": ask.query["zone"],
            name: list(found),
            "temporalGranularity": "hourly",
            "updatedAt": "2026-03-10T12:10:00.000Z",
        },
        times=(("datetime",),),
        value=("carbonIntensity",),
        astray=astray,
    )


def watttime(ask: Ask) -> Page | Answer:
    """The MOER of a region in pounds, by five minutes: historical with both ends included, or forecast."""
    if ask.path.endswith("/forecast"):
        start, end = NOW, NOW + int(ask.query["horizon_hours"]) * HOUR
    else:
        start, end = (datetime.fromisoformat(ask.query[word]) for word in ("start", "end"))
        end = min(end + FIVE, NOW)
    rows = [
        {"point_time": at.isoformat(), "value": float(rule(at, FIVE)), "last_updated": "2026-03-10T12:10:00+00:00"}
        for at in times_of(start, end, FIVE)
    ]
    meta = {
        "data_point_period_seconds": 300,
        "region": ask.query["region"],
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
        "model": {"date": "2025-10-01"},
        "warnings": [],
        "generated_at": "2026-03-10T12:15:00+00:00",
        "generated_at_period_seconds": 300,
    }

    def astray(answer: Any) -> Any:  # noqa: ANN401  # JSON
        """The same for another region."""
        return answer | {"meta": answer["meta"] | {"region": "PJM_DC"}}

    return Page(
        rows=rows,
        wrap=lambda found: {"data": list(found), "meta": meta},
        times=(("point_time",),),
        value=("value",),
        astray=astray,
    )


PROVIDERS = (
    Provider(source="rte-eco2mix", zone="FR", basis=FRANCE, truth=lambda at: float(rule(at, HALF)), answer=eco2mix),
    Provider(
        source="uk-carbon-intensity", zone="GB", basis=BRITAIN, truth=lambda at: float(rule(at, HALF)), answer=british
    ),
    Provider(source="hydro-quebec", zone="CA-QC", basis=QUEBEC, truth=quebec_truth, answer=quebec_portal),
    Provider(
        source="hydro-quebec",
        zone="CA-QC",
        basis=QUEBEC,
        truth=quebec_truth,
        answer=quebec_file,
        options={"feed": "file"},
    ),
    Provider(
        source="electricity-maps",
        zone="FR",
        basis=DEFAULT_BASIS,
        truth=lambda at: float(rule(at, HOUR)),
        answer=electricity_maps,
        secrets={"ELECTRICITY_MAPS_TOKEN": "made-up-key-0001"},
        before={"/zones": {"FR": {"zoneName": "France", "access": ["*"]}}},
    ),
    Provider(
        source="watttime",
        zone="CA-QC",
        basis=Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2"),
        truth=lambda at: rule(at, FIVE) * LB_PER_MWH_G_PER_KWH,
        answer=watttime,
        options={"regions": "CA-QC=HQ"},
        secrets={"WATTTIME_USERNAME": "made-up-name", "WATTTIME_PASSWORD": "made-up-word"},
        before={"/login": {"token": "made.up.token"}},
    ),
)
