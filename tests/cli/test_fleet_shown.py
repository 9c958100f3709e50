"""What is shown of jobs that are planned together, admitted late, or of a duration that was learnt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import fleet_view, main, wiring
from scheduler.domain.instant import parse_instant
from scheduler.records.rows import FleetRow
from tests.records.cases import T0, document, make_cluster, make_row

Said = Callable[..., str]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command on a store of its own; what it printed."""
    (tmp_path / "france.yaml").write_text(make_cluster().model_dump_json(exclude_defaults=True))
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(tmp_path / "france.yaml"))

    def run(*words: str) -> str:
        """Run it."""
        assert 0 == main.run(list(words))
        return capsys.readouterr().out

    return run


def store_job(*documents: dict[str, object]) -> str:
    """A job with these plans, oldest first; its id."""
    row = make_row()
    with wiring.store().writing() as tx:
        tx.add_job(row)
        for each in documents:
            tx.add_plan(row.id, T0, {**document([make_cluster()], [("france", 1, 2)]), **each})
    return row.id


def test_status_says_how_good_the_plans_of_a_fleet_are(said: Said) -> None:
    """How many jobs, what they cost, and how far over the least that can be."""
    with wiring.store().writing() as tx:
        tx.set_fleet(FleetRow(policy="carbon-aware", at=T0, jobs=37, cost_kg=102.0, bound_kg=100.0))
    [fleet] = json.loads(said("status", "--json"))["fleets"]
    assert (37, 102.0, 100.0, 2.0) == (fleet["jobs"], fleet["cost_kg"], fleet["bound_kg"], fleet["gap_pct"])
    assert T0 == parse_instant(fleet["planned_at"])
    assert "37 jobs planned together by carbon-aware" in said("status")
    assert "at most 2 % over the least there is" in said("status")


def test_a_fleet_that_is_over_is_not_shown(said: Said) -> None:
    """The last of its jobs started: there is nothing to say."""
    row = FleetRow(policy="carbon-aware", at=T0, jobs=37, cost_kg=102.0, bound_kg=100.0)
    with wiring.store().writing() as tx:
        tx.set_fleet(row)
        tx.set_fleet(FleetRow(policy="carbon-aware", at=T0, jobs=0, cost_kg=None, bound_kg=None))
    assert [] == json.loads(said("status", "--json"))["fleets"]


def test_what_is_not_known_of_a_fleet_is_said_to_be_unknown() -> None:
    """No intensity, no cost; no time, no bound."""
    row = FleetRow(policy="carbon-aware", at=T0, jobs=2, cost_kg=None, bound_kg=None)
    assert (None, None) == (fleet_view.as_json(row)["cost_kg"], fleet_view.as_json(row)["gap_pct"])
    assert "not known, no bound was proved" in fleet_view.as_text(row)


def test_describe_says_how_a_plan_came_about(said: Said) -> None:
    """From which runs the duration was learnt, with how many others it was planned, and where it was not moved to."""
    opposed = "not moved to CA-QC: on 'marginal' that emits 3 kg more than staying (1 to 4)"
    learnt = "duration learnt from 3 runs: 1h on A100, margin 5m"
    job = store_job({"late_at_admission": True}, {"fleet": {"jobs": 5}, "warnings": [learnt, opposed]})
    text = said("describe", job)
    assert "learnt from 3 runs: 1h on A100, margin 5m" in text
    assert "together with 4 other jobs" in text
    assert f"- {opposed}" in text
    assert "nothing kept its deadline" in text


def test_lists_say_it_for_machines(said: Said) -> None:
    """By keys that are there whether or not it was so."""
    store_job({"fleet": {"jobs": 5}})
    [entry] = json.loads(said("list", "--all", "--json"))
    assert (4, False) == (entry["planned_with"], entry["late_at_admission"])
