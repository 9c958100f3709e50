"""`carbonsched policy tune`: chosen on the earlier part, judged on the later, written only when told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from cli import main, wiring
from cli.replays.tuned import Candidate, Judged
from tests.cli.test_simulate_command import CLUSTER
from tests.simulation.test_tuning import BASE

FILES = (
    "--jobs", "trace.csv", "--clusters", "clusters", "--intensity-table", "grid.csv", "--forecasts", "perfect",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job each morning of two weeks; in the first, afternoons are clean, and in the second nothing varies."""
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "paris.yaml").write_text(CLUSTER.format(name="paris", zone="FR"))
    grams = [(10 if hour >= 12 else 100) if day <= 7 else 100 for day in range(1, 16) for hour in range(24)]
    rows = [f"2026-03-{1 + n // 24:02}T{n % 24:02}:00:00Z,{value}" for n, value in enumerate(grams)]
    (tmp_path / "grid.csv").write_text("utc,FR\n" + "\n".join(rows) + "\n")
    jobs = [f"j{day},2026-03-{day:02}T06:00:00Z,2,8" for day in range(1, 15)]
    (tmp_path / "trace.csv").write_text("job_id,submit_time,duration_hours,gpus\n" + "\n".join(jobs) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def tuned(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """The JSON of a tuning."""
    capsys.readouterr()
    assert main.run(["policy", "tune", *FILES, "--json", *more]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_what_did_best_is_judged_where_it_was_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    """Waiting paid in the first week and does not in the second: the gain out of sample is told as nothing."""
    made = tuned(capsys, "--sweep", "slack=0,12", "--split", "2026-03-08T00:00:00Z")
    assert ({"earlier": 7, "later": 7}, "12") == (made["jobs"], made["chosen"]["settings"]["slack"])
    [first] = [one for one in made["tried"] if {name: one[name] for name in made["chosen"]} == made["chosen"]]
    judged, in_force = made["out_of_sample"]
    assert first["saving_pct"] > 50
    assert pytest.approx(0, abs=1e-6) == judged["saving_pct"]
    assert ("chosen", "in force", 0.0) == (judged["name"], in_force["name"], in_force["saving_pct"])


def test_candidates_are_held_against_each_other_on_the_same_jobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A long slack leaves the last jobs outside the table: that it emits less for it is not to its credit."""
    jobs = [f"j{day},2026-03-{day:02}T06:00:00Z,2,8" for day in range(8, 15)]
    (tmp_path / "trace.csv").write_text("job_id,submit_time,duration_hours,gpus\n" + "\n".join(jobs) + "\n")
    made = tuned(capsys, "--sweep", "slack=120,0", "--split", "2026-03-10T00:00:00Z", "--policy", "run-now")
    assert ({"policy": "run-now", "settings": {"slack": "120"}}, ["j11", "j12", "j13", "j14"]) == (
        made["chosen"],
        made["left_out"],
    )
    assert 1 == len({one["emissions_kg"] for one in made["tried"]})


def test_more_than_run_now_is_said_as_that() -> None:
    """A gain out of sample may be below nothing, beside that of the settings in force."""
    worse = replace(BASE, saving_pct=-1.25)
    judged = Judged(candidate=Candidate(policy="a", settings=()), outcome=worse, current=replace(BASE, saving_pct=5.0))
    said = "1.2 % more than run-now is emitted; under your present settings 5.0 % of what run-now emits is saved"
    assert said == judged.told
    assert "these are your present settings already" in replace(judged, current=None).told
    assert "nothing can be told" in replace(judged, outcome=replace(BASE, saving_pct=None)).told


def test_limits_hold_where_it_is_chosen_and_are_told_where_they_break_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wait of six hours is more than a limit of four allows."""
    made = tuned(capsys, "--sweep", "slack=0,12", "--limit", "mean_wait<4h")
    assert "0" == made["chosen"]["settings"]["slack"]
    assert ["mean_wait<4h"] == made["limits"]


def test_where_nothing_keeps_the_limits_the_nearest_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3, as where a plan is not to be had."""
    assert main.run(["policy", "tune", *FILES, "--limit", "mean_wait<0h"]) == 3
    assert "breaks mean_wait<0h (it is 0)" in capsys.readouterr().err


def test_settings_are_written_only_when_told_and_the_rest_of_the_file_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A comment and other settings are left as they are; what is written is in force."""
    path = platformdirs.user_config_path("carbonsched") / "carbonsched.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("version: 1\n# ours\nhome: paris\ndefault_slack: 3h\n")
    sweep = ("--sweep", "slack=0,12", "--sweep", "min-saving=0,5")
    tuned(capsys, *sweep)
    assert "default_slack: 3h" in path.read_text()
    made = tuned(capsys, *sweep, "--write")
    assert path.read_text().startswith("version: 1\n# ours\nhome: paris\n")
    values = wiring.settings()
    assert (made["chosen"]["policy"], "12h", made["chosen"]["settings"]["min-saving"], "paris") == tuple(
        values.text(name) for name in ("default_policy", "default_slack", "default_min_saving", "home")
    )


def test_people_read_what_was_chosen_and_what_it_is_worth(capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict first, then both parts."""
    assert main.run(["policy", "tune", *FILES, "--sweep", "slack=0,12"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Chosen: ")
    assert out.index("Earlier: ") < out.index("Later: ")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--sweep", "restart=0m,10m"), "no setting of yours"),
        (("--split", "2027-01-01T00:00:00Z"), "holds no job"),
        (("--objective", "money"), "money"),
        (("--limit", "speed<3"), "speed"),
        (("--policy", "carbon-awar"), "carbon-awar"),
    ],
)
def test_what_cannot_be_tuned_is_refused(more: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The option is named."""
    assert main.run(["policy", "tune", *FILES, *more]) == 2
    assert named in capsys.readouterr().err


def test_the_operators_policy_is_that_of_a_job_that_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that names its own keeps it."""
    monkeypatch.setenv("CARBONSCHED_DEFAULT_POLICY", "run-now")
    monkeypatch.setenv("CARBONSCHED_DEFAULT_MIN_SAVING", "7")
    options = ("--clusters", "clusters", "--intensity-table", "grid.csv", "--now", "2026-03-02T06:00:00Z", "--json")
    body = "version: 1\nname: a\nentrypoint: python a.py\ngpus: 1\nduration: 2h\nhome: paris\n"
    found = []
    for more in ("", "policy: carbon-aware\n"):
        (tmp_path / "job.yaml").write_text(body + more)
        assert main.run(["plan", "job.yaml", *options]) == 0
        found.append(json.loads(capsys.readouterr().out)["policy"])
    assert ["run-now", "carbon-aware"] == found


@pytest.mark.parametrize("text", ["-1", "100", "nan", "lots"])
def test_a_least_saving_is_a_share(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From 0 to below 100 per cent, as a setting and as an option."""
    monkeypatch.setenv("CARBONSCHED_DEFAULT_MIN_SAVING", text)
    assert main.run(["settings"]) == 2
    assert "is no share" in capsys.readouterr().err
    monkeypatch.delenv("CARBONSCHED_DEFAULT_MIN_SAVING")
    assert main.run(["simulate", *FILES, "--min-saving", text]) == 2
    assert "is no share" in capsys.readouterr().err
