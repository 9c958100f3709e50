"""Many settings at once: every combination, on any number of processes the same, and what cannot be swept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import main
from cli.replays import run
from cli.replays.case import Asked
from cli.replays.sweep import settings_of
from scheduler.domain.errors import InvalidInput, UnknownName
from tests.cli.test_simulate_command import CLUSTER

TRACE = "job_id,submit_time,duration_hours,gpus\na,2026-03-10T06:00:00Z,4,8\nb,2026-03-10T07:30:00Z,3,8\n"
FILES = ("--jobs", "trace.csv", "--clusters", "clusters", "--intensity-table", "grid.csv")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clusters, two weeks of a grid that swings by the hour, and two jobs."""
    (tmp_path / "clusters").mkdir()
    for name, zone in (("paris", "FR"), ("berlin", "DE")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    rows = [
        f"2026-03-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,{60 + hour % 24},{400 - 9 * (hour % 24)}"
        for hour in range(14 * 24)
    ]
    (tmp_path / "grid.csv").write_text("utc,FR,DE\n" + "\n".join(rows) + "\n")
    (tmp_path / "trace.csv").write_text(TRACE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def document(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """The JSON of a replay."""
    capsys.readouterr()
    assert main.run(["simulate", *FILES, "--json", *more]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


@pytest.mark.usefixtures("folder")
def test_every_combination_is_what_it_would_be_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order in which they were written; more slack saves no less."""
    made = document(capsys, "--sweep", "slack=0,24", "--sweep", "forecasts=perfect,history")["sweep"]
    assert [(s, f) for s in ("0", "24") for f in ("perfect", "history")] == [
        (one["setting"]["slack"], one["setting"]["forecasts"]) for one in made
    ]
    alone = document(capsys, "--slack", "24", "--forecasts", "history")
    for one in (*made[3]["policies"], *alone["policies"]):
        one.pop("wall_s")
    assert alone["policies"] == made[3]["policies"]
    saved = [one["policies"][1]["saving_pct"] for one in made]
    assert saved[2] >= saved[0] > 0


@pytest.mark.usefixtures("folder")
def test_processes_change_nothing_but_the_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight processes give the checksum that one gives; the checksum changes where a figure does."""
    one = document(capsys, "--slack", "24", "--workers", "1")
    monkeypatch.setattr(run, "_PAYS_FROM", 1)
    many = document(capsys, "--slack", "24", "--workers", "8")
    other = document(capsys, "--slack", "0", "--workers", "1")
    assert one["sha256"] == many["sha256"] != other["sha256"]


@pytest.mark.usefixtures("folder")
def test_a_table_of_each_setting_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Under what it varies."""
    assert main.run(["simulate", *FILES, "--sweep", "slack=0,24"]) == 0
    out = capsys.readouterr().out
    assert out.index("slack 0\n") < out.index("slack 24\n")
    assert 4 == out.count("run-now") + out.count("carbon-aware")


@pytest.mark.parametrize(
    ("sweeps", "named"),
    [
        (["slack"], "cannot be read"),
        (["slack=0,"], "cannot be read"),
        (["slack=0,0"], "cannot be read"),
        (["slack=0", "slack=1"], "cannot be read"),
        (["seed=one"], "no whole number"),
        ([f"seed={','.join(map(str, range(40)))}", f"slack={','.join(map(str, range(40)))}"], "too many"),
    ],
)
def test_what_is_no_sweep_is_refused(sweeps: list[str], named: str) -> None:
    """With an example of one."""
    with pytest.raises(InvalidInput, match=named):
        settings_of(Asked(), sweeps)


def test_only_what_can_vary_is_swept() -> None:
    """A file that is read is no setting; underscores and dashes are the same."""
    with pytest.raises(UnknownName, match="jobs"):
        settings_of(Asked(), ["jobs=a,b"])
    [(setting, asked)] = settings_of(Asked(), ["interruptible_from=2h"])
    assert ({"interruptible-from": "2h"}, "2h") == (setting, asked.interruptible_from)


@pytest.mark.usefixtures("folder")
def test_a_least_saving_keeps_jobs_at_home(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no move or wait saves nine tenths, everything runs as run-now has it."""
    free, kept = document(capsys, "--slack", "24", "--sweep", "min-saving=0,90")["sweep"]
    assert free["policies"][1]["saving_pct"] > 1
    assert pytest.approx(0, abs=1e-9) == kept["policies"][1]["saving_pct"]


@pytest.mark.usefixtures("folder")
def test_a_part_of_a_trace_is_replayed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """From its beginning on, up to and without its end."""
    since, until = ("--since", "2026-03-10T07:30:00Z"), ("--until", "2026-03-10T07:30:00Z")
    assert [1, 1, 2] == [document(capsys, *more)["policies"][0]["jobs"] for more in (since, until, ())]
