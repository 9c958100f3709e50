"""`carbonsched policy diff`: which jobs are placed otherwise, by how much, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import main
from tests.cli.ended import add_ended
from tests.cli.test_simulate_command import CLUSTER

FILES = ("--jobs", "trace.csv", "--clusters", "clusters", "--intensity-table", "grid.csv", "--slack", "6h")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """France at 50 g/kWh, at 10 from noon on; Germany at 400; one job at home in each, and one that cannot wait."""
    (tmp_path / "clusters").mkdir()
    for name, zone in (("paris", "FR"), ("berlin", "DE")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    rows = [f"2026-03-10T{hour:02}:00:00Z,{10 if hour >= 12 else 50},400" for hour in range(24)]
    (tmp_path / "grid.csv").write_text("utc,FR,DE\n" + "\n".join(rows) + "\n")
    (tmp_path / "trace.csv").write_text(
        "job_id,submit_time,duration_hours,gpus,home,slack_hours\n"
        "waits,2026-03-10T08:00:00Z,2,8,paris,\n"
        "moves,2026-03-10T12:00:00Z,2,4,berlin,0\n"
        "stays,2026-03-10T13:00:00Z,1,1,paris,0\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def differences(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON of a comparison."""
    capsys.readouterr()
    assert main.run(["policy", "diff", *arguments, "--json"]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_each_job_that_is_placed_otherwise_is_there_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """The one that differs most comes first; one that is placed alike is not there."""
    made = differences(capsys, "run-now", "carbon-aware", *FILES)
    assert (3, 2) == (made["jobs"], made["placed_otherwise"])
    moves, waits = made["differences"]
    assert ("moves", "waits") == (moves["job_id"], waits["job_id"])
    assert moves["why"].startswith("on paris instead of berlin, ")
    assert waits["why"].startswith("starts 4.0 h later, ")
    assert ("berlin", "paris", 0.0) == (moves["one"]["cluster"], moves["other"]["cluster"], moves["later_h"])
    assert (4.0, "2026-03-10T12:00:00Z") == (waits["later_h"], waits["other"]["start"])
    assert pytest.approx(made["saved_kg"]) == moves["saved_kg"] + waits["saved_kg"]
    assert pytest.approx(waits["one"]["emissions_kg"] - waits["other"]["emissions_kg"]) == waits["saved_kg"]


def test_the_other_way_round_the_signs_turn(capsys: pytest.CaptureFixture[str]) -> None:
    """What one saves the other costs."""
    there, back = (
        differences(capsys, *pair, *FILES) for pair in (("run-now", "carbon-aware"), ("carbon-aware", "run-now"))
    )
    assert [each["saved_kg"] for each in there["differences"]] == [-each["saved_kg"] for each in back["differences"]]


def test_people_get_a_sentence_and_the_first_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is counted."""
    assert main.run(["policy", "diff", "run-now", "carbon-aware", *FILES, "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("carbon-aware places 2 of 3 jobs otherwise than run-now: ")
    assert ("moves" in out, "waits" in out, "and 1 more" in out) == (True, False, True)


def test_a_job_that_makes_room_for_others_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    """France is full of a job that moved there, when one that was at home there comes."""
    Path("trace.csv").write_text(
        "job_id,submit_time,duration_hours,gpus,home,slack_hours\n"
        "first,2026-03-10T08:00:00Z,4,16,berlin,0\nsecond,2026-03-10T09:00:00Z,2,8,paris,0\n"
    )
    first, second = differences(capsys, "run-now", "carbon-aware", *FILES)["differences"]
    assert ("first", "second") == (first["job_id"], second["job_id"])
    assert second["why"].startswith("on berlin instead of paris, ")
    assert (True, False) == tuple("other jobs hold its room there" in each["why"] for each in (second, first))


def test_policies_that_agree_are_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    """On a home that does not vary there is nothing to do otherwise."""
    rows = [f"2026-03-10T{hour:02}:00:00Z,50,50" for hour in range(24)]
    Path("grid.csv").write_text("utc,FR,DE\n" + "\n".join(rows) + "\n")
    assert main.run(["policy", "diff", "run-now", "lowest-carbon-window", *FILES]) == 0
    assert "places all 3 jobs as run-now does" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("run-now", "run-now"), "compared with itself"), (("run-now", "carbon-awar"), "carbon-awar")],
)
def test_what_cannot_be_compared_is_refused(
    arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The policy is named."""
    assert main.run(["policy", "diff", *arguments, *FILES]) == 2
    assert named in capsys.readouterr().err


def test_the_stores_own_jobs_are_compared_where_no_trace_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the clusters that are given."""
    add_ended(tmp_path)
    (tmp_path / "clusters" / "paris.yaml").write_text(CLUSTER.format(name="france", zone="FR"))
    (tmp_path / "clusters" / "berlin.yaml").unlink()
    options = ("--clusters", "clusters", "--intensity-table", "observed.csv")
    assert 1 == differences(capsys, "run-now", "carbon-aware", *options)["jobs"]
