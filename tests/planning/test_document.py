"""The contract of a plan with machines: its keys, its nulls, its instants."""

from __future__ import annotations

import json

import pytest

from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.domain.intensity import IntensitySeries
from scheduler.planning.document import as_json, no_plan_json
from scheduler.planning.plan import NoPlan, Plan
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from tests.planning.worlds import NAN, at, cluster, flat, job, series

GRID = {"FR": flat("FR", 60), "CA-QC": flat("CA-QC", 30)}
CONTRACT = {
    "policy",
    "now",
    "basis",
    "feasible",
    "placement",
    "finish",
    "suspends",
    "emissions_kg",
    "baseline",
    "saving_kg",
    "saving_pct",
    "saving_operational_kg",
    "rejected",
    "alternatives",
    "warnings",
}
EMISSIONS = {
    "dynamic",
    "idle_running",
    "idle_held",
    "facility",
    "overhead",
    "embodied",
    "transfer",
    "total",
    "low",
    "high",
}


def made(grid: dict[str, IntensitySeries] | None = None, **changes: object) -> Plan | NoPlan:
    """A plan for a job between Paris, Montreal and a zone without intensity, at half past midnight."""
    clusters = [cluster(), cluster("montreal", "CA-QC"), cluster("ulm", "DE")]
    situation = Situation(job=job(**changes), clusters=clusters, intensity=grid or GRID, now=at(0.5))
    return make_plan(situation, {"run-now": RunNow(), "carbon-aware": CarbonAware()})


def document(grid: dict[str, IntensitySeries] | None = None, **changes: object) -> dict[str, object]:
    """The same as a machine reads it."""
    plan = made(grid, **changes)
    assert isinstance(plan, Plan)
    text = json.dumps(as_json(plan), allow_nan=False)
    loaded = json.loads(text)
    assert isinstance(loaded, dict)
    return loaded


def test_every_key_of_the_contract_is_there() -> None:
    """At the top, in the emissions and in the baseline."""
    found = document()
    assert set() == CONTRACT - set(found)
    assert isinstance(found["emissions_kg"], dict)
    assert isinstance(found["baseline"], dict)
    assert EMISSIONS == set(found["emissions_kg"])
    assert {"name", "placement", "emissions_kg", "finish"} == set(found["baseline"])
    assert EMISSIONS == set(found["baseline"]["emissions_kg"])


def test_values_of_the_contract() -> None:
    """Names, instants in UTC ending in Z, zones, and reasons."""
    found = document()
    segment = {
        "cluster": "montreal",
        "zone": "CA-QC",
        "start": "2026-03-01T00:30:00Z",
        "end": "2026-03-01T04:30:00Z",
        "gpus": 8,
    }
    assert [segment] == found["placement"]
    assert isinstance(found["baseline"], dict)
    assert [segment | {"cluster": "paris", "zone": "FR"}] == found["baseline"]["placement"]
    assert ("run-now", "2026-03-01T04:30:00Z") == (found["baseline"]["name"], found["baseline"]["finish"])
    expected = {
        "policy": "carbon-aware",
        "now": "2026-03-01T00:30:00Z",
        "basis": "average lifecycle consumption CO2e",
        "feasible": True,
        "finish": "2026-03-01T04:30:00Z",
        "suspends": 0,
        "rejected": [{"cluster": "ulm", "reason": "no intensity for zone DE"}],
        "home": "paris",
        "deadline": "2026-03-01T04:30:00Z",
    }
    assert expected == {key: found[key] for key in expected}
    assert 0.6912 == pytest.approx(found["saving_kg"])
    assert 0.6912 == pytest.approx(found["saving_operational_kg"])


def test_lines_add_up_to_the_total_between_low_and_high() -> None:
    """Nothing is counted twice or left out."""
    emissions = document()["emissions_kg"]
    assert isinstance(emissions, dict)
    lines = EMISSIONS - {"total", "low", "high"}
    assert sum(emissions[line] for line in lines) == pytest.approx(emissions["total"])
    assert emissions["low"] < emissions["total"] < emissions["high"]


def test_what_is_not_known_is_null() -> None:
    """A plan with hours without intensity has no emissions and no saving; the keys stay."""
    found = document({"FR": series("FR", [60, NAN, 60, 60, 60])})
    assert dict.fromkeys(EMISSIONS) == found["emissions_kg"]
    assert [None] * 3 == [found[key] for key in ("saving_kg", "saving_pct", "saving_operational_kg")]
    assert 0.75 == found["coverage"]


def test_no_plan_keeps_the_keys_and_says_why() -> None:
    """Infeasible is a document too, with every key of the contract."""
    refused = made(deadline="3h")
    assert isinstance(refused, NoPlan)
    found = json.loads(json.dumps(no_plan_json(refused), allow_nan=False))
    assert set(document()) | {"relax", "reason"} == set(found) | {"sources"}
    assert (False, [], None, None) == (found["feasible"], found["placement"], found["finish"], found["baseline"])
    assert dict.fromkeys(EMISSIONS) == found["emissions_kg"]
    assert "extend the deadline by 1h, to 2026-03-01T04:30:00Z" in found["relax"]
    assert [{"cluster": "ulm", "reason": "no intensity for zone DE"}] == found["rejected"]
