"""`carbonsched plan` from the outside: files in, text or JSON out, and the exit codes of its errors."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
import typer
from typer.testing import CliRunner

from cli import wiring
from cli.plan import plan
from policies.run_now import RunNow
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.placement import Placement, Segment
from scheduler.ports import Need
from scheduler.problem.problem import Problem

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
NOW = "2026-03-01T00:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with a job, two clusters and a table of a day."""
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "clusters").mkdir()
    for name, zone in (("paris", "FR"), ("montreal", "CA-QC")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    rows = [f"2026-03-01T{hour:02d}:00:00Z,{60 - hour},{30 + hour}" for hour in range(24)]
    (tmp_path / "grid.csv").write_text("\n".join(["utc,FR,CA-QC", *rows]))
    return tmp_path


def run(world: Path, *options: str, table: bool = True) -> tuple[int, str, CarbonschedError | None]:
    """Exit code, stdout and error of a plan in a world."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(plan)
    fixed = [str(world / "job.yaml"), "--clusters", str(world / "clusters"), "--now", NOW]
    fixed += ["--intensity-table", str(world / "grid.csv")] if table else []
    result = CliRunner().invoke(app, [*fixed, *options])
    if isinstance(result.exception, CarbonschedError):
        return result.exception.exit_code, result.stdout, result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, None


def test_the_worked_case_from_files(world: Path) -> None:
    """8 GPUs for 100 h at a flat 33 g/kWh make 27.290 kg."""
    table = world / "grid.csv"
    table.write_text("utc,FR\n" + "\n".join(f"2026-03-0{d}T{h:02d}:00:00Z,33" for d in range(1, 7) for h in range(24)))
    code, out, _ = run(world, "--set", "duration=100h", "--set", "deadline=", "--allow", "paris", "--json")
    emissions = json.loads(out)["emissions_kg"]
    assert 0 == code
    assert 27.289851553 == pytest.approx(emissions["total"], rel=1e-6)
    assert 19.008 == pytest.approx(emissions["total"] - emissions["embodied"], rel=1e-6)


def test_a_plan_that_ends_late_is_priced_to_its_end(world: Path) -> None:
    """The slots that free pauses would be best in, and the hour that its restart takes behind the deadline."""
    rows = [f"2026-03-01T{hour:02d}:00:00Z,{each}" for hour, each in enumerate([10, 90, 10, 90, 90])]
    (world / "grid.csv").write_text("\n".join(["utc,FR", *rows]))
    asked = ["duration=2h", "deadline=3h", 'interruptible={"restart": "1h"}']
    options = [part for each in asked for part in ("--set", each)]
    code, out, error = run(world, *options, "--allow", "paris", "--policy", "suspend-resume-free", "--json")
    found = json.loads(out)
    assert (3, False, "2026-03-01T04:00:00Z") == (code, found["feasible"], found["finish"])
    assert error is not None
    assert "breaks a constraint" in error.message
    electricity_kg = found["emissions_kg"]["total"] - found["emissions_kg"]["embodied"]
    assert 8 * 0.72 * (10 + 10 + 90) / 1000 == pytest.approx(electricity_kg)


def test_json_holds_the_contract_and_nothing_else_is_on_stdout(world: Path) -> None:
    """One JSON object with its schema version."""
    code, out, _ = run(world, "--json")
    found = json.loads(out)
    assert (0, 1, True, "carbon-aware") == (code, found["schema"], found["feasible"], found["policy"])
    assert ["montreal"] == [segment["cluster"] for segment in found["placement"]]
    assert "paris" == found["baseline"]["placement"][0]["cluster"]


def test_without_json_it_is_text(world: Path) -> None:
    """The same plan for people."""
    code, out, _ = run(world)
    assert 0 == code
    assert out.startswith("train: 8 GPUs for 4h, home paris, policy carbon-aware\n")
    assert "from grid.csv" in out


def test_options_reach_the_plan(world: Path) -> None:
    """Policy, allowed clusters (repeated or with commas) and values over the job's."""
    _, out, _ = run(world, "--json", "--policy", "lowest-carbon-window", "--set", "duration=2h")
    found = json.loads(out)
    assert "lowest-carbon-window" == found["policy"]
    assert ("paris", "2026-03-01T12:00:00Z") == (found["placement"][0]["cluster"], found["finish"])
    for allowed in (["--allow", "paris,montreal"], ["--allow", "paris", "--allow", "montreal"]):
        assert [] == json.loads(run(world, "--json", *allowed)[1])["rejected"]
    rejected = json.loads(run(world, "--json", "--allow", "paris")[1])["rejected"]
    assert ["montreal"] == [each["cluster"] for each in rejected]


def test_without_a_table_the_yearly_ones_stand_in_and_say_so(world: Path) -> None:
    """Flat within the year: waiting gains nothing, and another year is named."""
    _, out, _ = run(world, "--json", table=False)
    warnings = json.loads(out)["warnings"]
    assert warnings[0].startswith("no intensity table was given: yearly averages of 20")
    assert any(warning.startswith("waiting is expected to gain 0 %") for warning in warnings)
    _, out, _ = run(world, "--json", "--year", "2024", table=False)
    assert "yearly averages of 2024 stand in for hours, in 2026" in json.loads(out)["warnings"][0]


def test_the_settings_home_wins_over_the_jobs(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator says what home is."""
    monkeypatch.setenv("CARBONSCHED_HOME", "montreal")
    assert "montreal" == json.loads(run(world, "--json")[1])["home"]


def test_no_feasible_plan_exits_3_and_prints_its_json(world: Path) -> None:
    """The document says what to relax; the error does too."""
    code, out, error = run(world, "--json", "--set", "deadline=3h")
    assert error is not None
    assert (3, False) == (code, json.loads(out)["feasible"])
    assert "extend the deadline by 1h, to 2026-03-01T04:00:00Z" in json.loads(out)["relax"]
    assert "extend the deadline by 1h, to 2026-03-01T04:00:00Z" in error.hint
    assert (3, "") == run(world, "--set", "deadline=3h")[:2]


class TooLate:
    """A plug-in that starts at eight, whatever the deadline."""

    name: ClassVar[str] = "too-late"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def place(self, problem: Problem) -> Placement:
        """From eight to twelve in Paris."""
        start = problem.surface.origin + timedelta(hours=8)
        end = start + timedelta(hours=4)
        return Placement(segments=(Segment(cluster="paris", start=start, end=end, gpus=problem.gpus),))


def test_a_plug_in_that_breaks_a_constraint_is_shown_and_exits_3(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is there, infeasible, with what it breaks."""
    monkeypatch.setattr(wiring, "policies", lambda: {"run-now": RunNow(), "too-late": TooLate()})
    code, out, error = run(world, "--json", "--policy", "too-late", "--set", "deadline=10h")
    assert error is not None
    assert (3, False) == (code, json.loads(out)["feasible"])
    assert "ends after the deadline 2026-03-01T10:00:00Z" in error.message


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--now", "2026-03-01T00:00:00"], 2, "--now 2026-03-01T00:00:00 has no time zone"),
        (["--now", "2027-03-01T00:00:00Z"], 4, "has nothing for CA-QC, FR from 2027-03-01T00:00:00Z on"),
        (["--policy", "greenest"], 2, "unknown policy 'greenest'"),
        (["--allow", ","], 2, "--allow ',' names no cluster"),
        (["--allow", "pariss"], 2, "unknown allowed cluster 'pariss'"),
        (["--set", "gpuz=3"], 2, "unknown key 'gpuz'"),
        (["--set", "home="], 2, "train has no home"),
        (["--clusters", "/nowhere"], 2, "there is no file /nowhere"),
        (["--intensity-table", "/nowhere.csv"], 2, "there is no intensity table /nowhere.csv"),
    ],
)
def test_errors_name_the_thing(world: Path, options: list[str], code: int, message: str) -> None:
    """Each with its exit code."""
    found, out, error = run(world, *options)
    assert error is not None
    assert (code, "") == (found, out)
    assert message in error.message


def test_heavy_libraries_are_not_loaded(world: Path) -> None:
    """A plan needs neither a data frame nor a database nor the network."""
    script = (
        "import sys; import typer; from cli.plan import plan; app = typer.Typer(); app.command()(plan)\n"
        "app(standalone_mode=False)\n"
        "heavy = {'pandas', 'sqlalchemy', 'requests', 'scipy', 'ray', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    words = [str(world / "job.yaml"), "--clusters", str(world / "clusters"), "--now", NOW]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
