"""What cannot be meant is refused in one line that names the thing, with the way out, and nothing is stored."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli import main, wiring

JOB = "name: a\nentrypoint: python train.py\ngpus: 8\nduration: 2h\nhome: one\n"
CLUSTER = """\
name: {name}
zone: {zone}
gpus: 8
source: made up
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
pue: 1.2
"""
TABLE = "utc,FR,NO,NA\n2026-03-01T00:00:00Z,40,20,500\n2026-03-01T01:00:00Z,50,20,500\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good job, clusters and table, in which the tests stand."""
    (tmp_path / "clusters").mkdir()
    for name, zone in (("one", "FR"), ("two", "NO"), ("three", "NA")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "table.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(tmp_path / "clusters"))
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, error and hint of a command that prints nothing else."""
    code = main.run(list(arguments))
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 2, err
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    return code, lines[0], lines[1]


@pytest.mark.parametrize(
    ("line", "code", "error", "hint"),
    [
        ("duraton: 3h", 2, "unknown key 'duraton'", "did you mean 'duration'?"),
        ("interruptible: {resart: 1m}", 2, "unknown key 'interruptible.resart'", "did you mean 'restart'?"),
        ("deadline: 5", 2, "5 is neither", "24h"),
        ("default_slack: 3", 2, "3 has no unit", "90m"),
        ("deadline: 2026-03-01T06:00:00", 2, "no time zone", "2026-03-01T06:00:00Z"),
        ("default_slack: 1:30:00", 2, "'1:30:00'", "units are"),
        ("default_slack: 010", 2, "'010'", "units are"),
        ("name: b", 2, "'name' is there twice", "YAML"),
        ("env: {A: 3}", 2, "valid string", "quote it"),
        ("deadline: 2020-01-01T00:00:00Z", 3, "the deadline 2020-01-01T00:00:00Z", "or later"),
        ("deadline: 1h", 3, "cannot be done", "extend the deadline by 1h"),
        ("policy: carbon-awar", 2, "unknown policy 'carbon-awar'", "did you mean 'carbon-aware'?"),
        ("allowed: [on]", 2, "'on'", "one, three, two"),
    ],
)
def test_a_line_of_the_job_that_cannot_be_meant(
    *, place: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, error: str, hint: str
) -> None:
    """The line is named, and what to write instead."""
    (place / "job.yaml").write_text(JOB + line + "\n")
    got, said, way = refused(["submit", "job.yaml"], capsys)
    assert got == code
    assert error in said
    assert hint in way
    assert not (place / "state" / "carbonsched.db").exists() or not _stored()


def _stored() -> list[str]:
    """The ids in the store."""
    with wiring.store().reading() as tx:
        return [row.id for row in tx.jobs()]


@pytest.mark.parametrize(
    ("sets", "code", "error"),
    [
        (["gpus=16"], 3, "no cluster can run a"),
        (["gpus=0"], 2, "gpus"),
        (["entrypoint="], 2, "entrypoint"),
        (['entrypoint="  "'], 2, "the command is empty"),
        (["working_dir=nowhere"], 2, "working_dir"),
        (["launch=torchrun", "entrypoint=torchrun train.py"], 2, "each would be a torchrun"),
        (["home=nowhere"], 2, "'nowhere'"),
        (["duration=0s"], 2, "a duration is over 0"),
        (["gpu_w=10"], 3, "no cluster can run a"),
    ],
)
def test_a_job_that_cannot_run(
    place: Path, capsys: pytest.CaptureFixture[str], sets: list[str], code: int, error: str
) -> None:
    """Refused at submit, before anything is stored."""
    words = [word for pair in sets for word in ("--set", pair)]
    got, said, _ = refused(["submit", "job.yaml", *words], capsys)
    assert (got, error in said) == (code, True), said
    assert not _stored()


def test_torchrun_on_more_nodes_than_any_cluster_has_is_refused_and_the_widest_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is stored; two nodes are taken where one cluster has them."""
    wide = place / "clusters" / "two.yaml"
    wide.write_text(wide.read_text().replace("gpus: 8", "gpus: 16", 1).replace("zone: NO", "zone: DE"))
    sets = ["--set", "launch=torchrun", "--set", "entrypoint=python train.py", "--set"]
    got, said, _ = refused(["submit", "job.yaml", *sets, "gpus=24"], capsys)
    assert (3, True) == (got, "it takes 24 GPUs, and two, the widest it may use, has 2 x 8" in said), said
    assert not _stored()
    assert 0 == main.run(["submit", "job.yaml", *sets, "gpus=16", "--dry-run"])


def test_more_gpus_than_anything_has_names_each_cluster(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is given for every cluster."""
    _, _, way = refused(["plan", "job.yaml", "--set", "gpus=64"], capsys)
    assert all(name in way for name in ("one", "two", "three"))


def test_a_working_dir_over_the_limit_names_its_five_largest_files(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What to exclude is at hand."""
    data = place / "data"
    data.mkdir()
    for number in range(6):
        (data / f"part{number}.bin").write_bytes(os.urandom((20 + number) << 20))
    _, said, way = refused(["submit", "job.yaml", "--set", "working_dir=data"], capsys)
    text = said + way
    assert all(f"part{number}.bin" in text for number in range(1, 6))
    assert "part0.bin" not in text


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("name: one\nzone: FR\n", "is missing"),
        ("- a\n", "no mapping"),
        ("name: [", "line"),
        (CLUSTER.format(name="one", zone="FR") + "pue2: 1\n", "unknown key 'pue2'"),
        (CLUSTER.format(name="one", zone="FR").replace("pue: 1.2", "pue: 0.9"), "pue is below 1"),
        (CLUSTER.format(name="one", zone="FR").replace("tdp_w: 400", "tdp_w: 40"), "below gpu.idle_w"),
    ],
)
def test_a_broken_cluster_file_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], content: str, error: str
) -> None:
    """The file and what is wrong in it."""
    (place / "clusters" / "one.yaml").write_text(content)
    code, said, _ = refused(["plan", "job.yaml"], capsys)
    assert code == 2
    assert "one.yaml" in said
    assert error in said


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (TABLE + "2026-03-01T01:00:00Z,50,20,500\n", "line 4"),
        (TABLE + "2026-02-01T01:00:00Z,50,20,500\n", "line 4"),
        (TABLE + "2026-03-01T02:00:00Z,-1,20,500\n", "line 4"),
        (TABLE + "2026-03-01T02:00:00Z,nan,20,500\n", "line 4"),
        (TABLE.replace("utc", "time"), "utc"),
    ],
    ids=["duplicate", "disorder", "negative", "nan", "no utc"],
)
def test_a_broken_intensity_table_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], content: str, error: str
) -> None:
    """The file, the line and what is wrong in it."""
    (place / "table.csv").write_text(content)
    code, said, _ = refused(["plan", "job.yaml", "--intensity-table", "table.csv"], capsys)
    assert code == 2
    assert "table.csv" in said
    assert error in said


def test_zones_named_no_and_na_are_zones(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Norway is no truth value and Namibia no missing one, in clusters, tables and jobs alike."""
    table = ["--intensity-table", "table.csv", "--now", "2026-03-01T00:00:00Z"]
    assert main.run(["plan", "job.yaml", *table, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [entry["zone"] for entry in made["placement"]] == ["NO"]


def test_a_gap_at_the_chosen_hours_has_no_price(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A blank cell is not filled: the plan is made to keep the deadline, and its total is null."""
    (place / "table.csv").write_text("utc,FR\n2026-03-01T00:00:00Z,\n2026-03-01T01:00:00Z,\n")
    table = ["--intensity-table", "table.csv", "--now", "2026-03-01T00:00:00Z", "--allow", "one"]
    assert main.run(["plan", "job.yaml", *table, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["emissions_kg"]["total"] is None
    assert made["warnings"]


def test_a_state_folder_that_cannot_be_one(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the folder should be: said with the variable that moves it."""
    (place / "taken").write_text("")
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(place / "taken"))
    code, said, way = refused(["list"], capsys)
    assert code == 1
    assert "taken" in said
    assert "CARBONSCHED_STATE_DIR" in way


def test_no_cluster_at_all(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to two of them is given."""
    monkeypatch.delenv("CARBONSCHED_CLUSTERS")
    code, _, way = refused(["submit", "job.yaml"], capsys)
    assert code == 2
    assert "carbonsched local up" in way


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["sumbit"], "sumbit"),
        (["submit", "--wiat"], "--wiat"),
        (["submit", "nowhere.yaml"], "nowhere.yaml"),
        (["submit"], "nothing to submit"),
        (["submit", "job.yaml", "--", "python"], "both given"),
        (["describe", "abc"], "unknown job 'abc'"),
        (["cancel", "abc"], "unknown job 'abc'"),
        (["report", "--since", "yesterday"], "--since"),
        (["report", "--json", "--format", "md"], "both given"),
        (["plan", "job.yaml", "--now", "2026-03-01T00:00:00"], "no time zone"),
        (["plan", "job.yaml", "--set", "gpus"], "not key=value"),
        (["plan", "job.yaml", "--set", "gpuz=4"], "unknown key 'gpuz'"),
    ],
)
def test_a_command_line_that_cannot_be_meant(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    """Exit code 2 or 3, one line, and the way out."""
    code, said, _ = refused(arguments, capsys)
    assert code in (2, 3)
    assert error in said


def test_a_settings_file_in_the_current_folder_redirects_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository that one stands in cannot choose where jobs are sent."""
    (place / "carbonsched.yaml").write_text("clusters: /somewhere\n")
    code, said, way = refused(["settings"], capsys)
    assert code == 2
    assert "clusters may not be set" in said
    assert "CARBONSCHED_CLUSTERS" in way
