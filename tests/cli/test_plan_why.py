"""`carbonsched plan` on what stands in the way: limits, the other basis, past runs, policies without forecast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import wiring
from cli.plan import plan
from cli.settings import parse_flag
from cli.submit import submit
from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.records.store import open_store
from tests.records.cases import at, document, make_cluster, make_job, make_row, make_segment

CLUSTER = """name: {name}
zone: {zone}
gpus: 16
source: a test
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
lifetime_years: 6
pue: 1.2
paused_nodes: off
"""
JOB = "version: 1\nname: train\nentrypoint: python train.py\ngpus: 8\nduration: 4h\nhome: paris\ndeadline: 12h\n"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MARGINAL = ["--basis", "marginal"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with a job, two clusters, a table of averages from ten days before on, and one of marginal rates."""
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "clusters").mkdir()
    for name, zone in (("paris", "FR"), ("berlin", "DE")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    table(tmp_path / "grid.csv", [(60 + 20 * (hour % 24 < 12), 30) for hour in range(-240, 48)])
    table(tmp_path / "marginal.csv", [(150, 650) for _ in range(-240, 48)])
    return tmp_path


def table(path: Path, rows: Sequence[tuple[float, float]]) -> None:
    """Hourly figures of France and Germany, from ten days before the moment of decision."""
    lines = [f"{format_instant(NOW + timedelta(hours=n - 240))},{fr},{de}" for n, (fr, de) in enumerate(rows)]
    path.write_text("\n".join(["utc,FR,DE", *lines]) + "\n")


def run(world: Path, *options: str) -> str:
    """What a plan prints."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(plan)
    fixed = [str(world / "job.yaml"), "--clusters", str(world / "clusters"), "--now", format_instant(NOW)]
    if "--intensity-table" not in options:
        fixed += ["--intensity-table", str(world / "grid.csv")]
    result = CliRunner().invoke(app, [*fixed, *options])
    if isinstance(result.exception, CarbonschedError):
        raise result.exception
    assert 0 == result.exit_code, result.exception
    return result.stdout


def test_the_two_bases_have_a_column_each(world: Path) -> None:
    """Each with its name and its unit; the marginal figures come from the tables that ship."""
    out = run(world)
    assert (
        "The same on another basis, from static table, year 2021, projected; the two are not added or compared" in out
    )
    assert "average lifecycle consumption CO2e [kg CO2e]  marginal direct n/a CO2 [kg CO2]" in out
    assert "On 'marginal direct n/a CO2' it emits" in out


def test_by_default_it_does_not_move_to_where_the_margin_opposes(world: Path) -> None:
    """Germany is cleaner in this table, and by the yearly margins four times France."""
    stays = json.loads(run(world, "--json"))
    moves = json.loads(run(world, "--json", "--allow-opposed"))
    assert (["paris"], ["berlin"]) == tuple([s["cluster"] for s in found["placement"]] for found in (stays, moves))
    assert stays["other_basis"]["not_moved"][0].startswith("not moved to DE: on 'marginal direct n/a CO2'")
    assert moves["other_basis"]["saving_high_kg"] < 0 < moves["saving_low_kg"]
    assert any("the other way round" in warning for warning in moves["warnings"])
    assert "MORE than the baseline" in run(world, "--allow-opposed")


def test_the_setting_allows_it_too(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every plan, those of stored jobs included; a word that is neither yes nor no is an error."""
    monkeypatch.setenv("CARBONSCHED_ALLOW_OPPOSED", "yes")
    assert ["berlin"] == [s["cluster"] for s in json.loads(run(world, "--json"))["placement"]]
    assert wiring.placer(wiring.settings(), []).allow_opposed
    with pytest.raises(InvalidInput, match="'maybe' is neither yes nor no"):
        parse_flag("maybe")


def test_the_year_of_the_plan_is_not_that_of_the_other_basis(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The yearly margins are of 2021 alone, whatever year the averages are to be of."""
    monkeypatch.setenv("CARBONSCHED_YEAR", "2023")
    assert ["static table, year 2021, projected"] == json.loads(run(world, "--json"))["other_basis"]["sources"]


def test_a_table_of_the_other_basis(world: Path) -> None:
    """Where the margin is the same in both zones nothing opposes the move."""
    table(world / "marginal.csv", [(400, 400) for _ in range(-240, 48)])
    found = json.loads(run(world, "--json", "--other-table", str(world / "marginal.csv")))
    assert ["berlin"] == [s["cluster"] for s in found["placement"]]
    assert ["marginal.csv"] == found["other_basis"]["sources"]


@pytest.mark.parametrize("policy", [name for name in wiring.policies() if name != "suspend-resume-free"])
def test_every_policy_plans_on_the_margin(world: Path, policy: str) -> None:
    """On one stated basis, the average beside it."""
    found = json.loads(
        run(world, "--json", "--policy", policy, "--intensity-table", str(world / "marginal.csv"), *MARGINAL)
    )
    assert ("marginal direct n/a CO2", True) == (found["basis"], found["feasible"])
    assert "average lifecycle consumption CO2e" == found["other_basis"]["basis"]


def test_why_it_is_not_less(world: Path) -> None:
    """The bound, and what a day more or the other cluster would save."""
    out = run(world, "--allow", "paris")
    assert "Why not less\n  optimal: no feasible placement is under" in out
    assert "deadline: binds, one more day would save" in out
    assert "allowed clusters: binds, berlin would save" in out
    assert "deadline: does not bind, one more day would save nothing" in run(world, "--set", "deadline=24h")
    late = run(world, "--allow", "paris", "--policy", "run-now", "--set", "deadline=24h")
    assert "over the cheapest feasible placement" in late
    why = json.loads(run(world, "--allow", "paris", "--json"))["why"]
    assert (True, ["deadline", "allowed clusters"]) == (why["optimal"], why["binding"])


def test_a_policy_without_forecast_says_when_it_decides_again(world: Path) -> None:
    """80 g/kWh is the most of the past days, so it waits an hour, whatever the table says of the next ones."""
    before = json.loads(run(world, "--json", "--policy", "threshold"))
    assert "2026-03-01T01:00:00Z" == before["next_decision"] == before["placement"][0]["start"]
    past, ahead = [(60 + 20 * (hour % 24 < 12), 30) for hour in range(-240, 1)], [(1, 1)] * 47
    table(world / "grid.csv", [*past, *ahead])
    assert before["placement"] == json.loads(run(world, "--json", "--policy", "threshold"))["placement"]
    told = " ".join(run(world, "--policy", "threshold").split())
    assert "threshold decides again at 2026-03-01T01:00:00Z" in told
    assert "threshold looks at the past 672 h of paris, of which 240 h are known" in told


def remember(hours: Sequence[float]) -> None:
    """Runs of the same name in the store."""
    store = open_store(wiring.state_folder())
    with store.writing() as tx:
        for number, length in enumerate(hours):
            job_id = f"job{number}"
            tx.add_job(make_row(make_job(), job_id=job_id))
            plan_id = tx.add_plan(job_id, at(0), document([make_cluster()], [("france", 0, 1)]))
            tx.add_segment(make_segment(job_id=job_id, plan_id=plan_id, sid=job_id, released_at=at(length)))
    store.close()


def test_a_duration_is_learnt_from_past_runs(world: Path) -> None:
    """The median of the name's runs, with a margin; without any the job is an error, and no store is made for it."""
    (world / "job.yaml").write_text(JOB.replace("duration: 4h\n", ""))
    with pytest.raises(InvalidInput, match="states no duration and has no past run"):
        run(world)
    assert not wiring.state_folder().database.exists()
    remember([3, 3.5, 4])
    out = run(world, "--policy", "carbon-time")
    assert "train: 8 GPUs for 3h30m, home paris" in out
    assert "duration learnt from 3 runs: 3h30m, margin 30m" in out


def test_a_submission_learns_too(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words in what it plans."""
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(world / "clusters"))
    (world / "job.yaml").write_text(JOB.replace("duration: 4h\n", ""))
    remember([3, 3.5, 4])
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(submit)
    result = CliRunner().invoke(app, [str(world / "job.yaml"), "--dry-run", "--json"])
    assert 0 == result.exit_code, result.exception
    assert {"A100": 3.5 * 3600} == json.loads(result.stdout)["plan"]["learnt"]["duration_s"]
