"""`carbonsched simulate`, from files to figures, and every file that it refuses."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from cli import main

HEADER = "job_id,submit_time,duration_hours,gpus"
CLUSTER = """\
name: {name}
zone: {zone}
gpus: 16
source: a test
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
pue: 1.2
paused_nodes: off
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clusters, and three weeks of two zones."""
    (tmp_path / "clusters").mkdir()
    for name, zone in (("paris", "FR"), ("berlin", "DE")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    rows = [
        f"2026-03-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,{60 + 50 * math.sin(hour):.3f},{400 + hour % 24}"
        for hour in range(21 * 24)
    ]
    (tmp_path / "grid.csv").write_text("utc,FR,DE\n" + "\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def ran(folder: Path, text: str, *more: str) -> int:
    """The exit code of a replay of a trace."""
    (folder / "trace.csv").write_text(text)
    return main.run(
        ["simulate", "--jobs", "trace.csv", "--clusters", "clusters", "--intensity-table", "grid.csv", *more]
    )


def document(folder: Path, capsys: pytest.CaptureFixture[str], text: str, *more: str) -> dict[str, Any]:
    """The JSON of a replay."""
    capsys.readouterr()
    assert ran(folder, text, "--json", *more) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


JOBS = f"""{HEADER},home
a,2026-03-10T06:00:00Z,4,8,berlin
b,2026-03-10T07:30:00Z,0.5,1,berlin
c,2026-03-10T08:00:00Z,30,16,paris
"""


def test_the_contract_has_its_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Policies in the order asked for, every figure of each, the window and the basis."""
    made = document(folder, capsys, JOBS, "--policy", "carbon-aware", "--policy", "run-now", "--slack", "24")

    assert ["carbon-aware", "run-now"] == [one["policy"] for one in made["policies"]]
    keys = {
        "policy", "jobs", "completed", "missed_deadlines", "late_at_admission", "out_of_table", "emissions_kg",
        "saving_pct", "saving_operational_pct", "kept_pct", "mean_wait_h", "mean_start_delay_h", "suspends",
        "gpu_hours", "wall_s",
    }  # fmt: skip
    assert all(keys <= set(one) for one in made["policies"])
    lines = {"dynamic", "idle_running", "idle_held", "facility", "overhead", "embodied", "transfer", "total"}
    assert lines == set(made["policies"][0]["emissions_kg"])
    assert "average lifecycle consumption CO2e" == made["basis"]
    assert "2026-03-10T06:00:00Z" == made["window"]["start"]
    now = made["policies"][1]
    assert (3, 3, 0.0, 0.0) == (now["jobs"], now["completed"], now["saving_pct"], now["mean_wait_h"])
    assert made["policies"][0]["saving_pct"] > 5


def test_plans_made_again_are_counted_and_kept_is_against_the_same_passes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --replan 1h each policy tells its solves, one of thresholds runs, and the baseline solves once a job."""
    options = ("--slack", "24", "--replan", "1h", "--forecasts", "history", "--interruptible-from", "2h")
    chosen = ("--policy", "run-now", "--policy", "carbon-aware", "--policy", "threshold")

    made = document(folder, capsys, JOBS, *options, *chosen)

    solves = [each["solves"] for each in made["policies"]]
    assert ("1h", 3) == (made["replan"], solves[0])
    assert solves[1] >= 3
    assert solves[2] > 10
    assert made["policies"][1]["kept_pct"] is not None


def test_jobs_planned_together_are_a_setting_of_their_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job makes way for one that has no other clean hours; the JSON says how it was, and no replay is mixed up."""
    text = f"{HEADER},home,slack_hours\na,2026-03-10T04:00:00Z,2,16,paris,16\nb,2026-03-10T04:30:00Z,2,16,paris,6\n"
    more = ("--policy", "carbon-aware", "--replan", "1h", "--resume", "kept")
    (folder / "clusters" / "berlin.yaml").unlink()

    made = document(folder, capsys, text, *more, "--sweep", "together=0,1")
    kept = sorted((folder / "kept").glob("*.npz"))
    again = document(folder, capsys, text, *more, "--together")

    assert [False, True, True] == [one["together"] for one in (*made["sweep"], again)]
    alone, together = (one["policies"][0]["emissions_kg"]["total"] for one in made["sweep"])
    assert together < 0.6 * alone
    assert together == again["policies"][0]["emissions_kg"]["total"]
    assert kept == sorted((folder / "kept").glob("*.npz"))


def test_fates_are_common_to_all_policies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every policy fails the same jobs at the same point of their work; a trace may say the point itself."""
    text = f"{HEADER},home,ended,status\n"
    text += "a,2026-03-10T06:00:00Z,4,8,berlin,0.25,\nb,2026-03-10T07:00:00Z,2,8,berlin,,FAILED\n"

    made = document(folder, capsys, text, "--slack", "12", "--replan", "1h")

    assert [(0, 2)] * 2 == [(each["completed"], each["failed"]) for each in made["policies"]]
    assert [pytest.approx(24.0)] * 2 == [each["gpu_hours"] for each in made["policies"]]


def test_power_is_drawn_from_a_measured_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column is named behind the file; jobs draw by their ids, and that an idle GPU's power is the least is told."""
    (folder / "power.csv").write_text("cdf_pct,a_w,b_w\n50,10,100\n100,10,100\n")

    tdp, idle, named = (
        document(folder, capsys, JOBS, *more)["policies"][0]["emissions_kg"]["dynamic"]
        for more in ((), ("--gpu-w-cdf", "power.csv"), ("--gpu-w-cdf", "power.csv:b_w"))
    )

    assert idle < named < tdp


def test_the_same_seed_gives_the_same_json_but_for_the_time_it_took(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte, once wall_s is out."""
    text = JOBS.replace(",berlin", ",").replace(",paris", ",")
    made = [document(folder, capsys, text, "--slack", "24", "--seed", "7", "--forecasts", "history") for _ in range(2)]
    for one in made:
        for policy in one["policies"]:
            policy.pop("wall_s")

    assert json.dumps(made[0]) == json.dumps(made[1])


def test_a_job_alone_emits_what_plan_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures of `plan --json` on the same files."""
    (folder / "job.yaml").write_text(
        "name: a\nentrypoint: 'true'\ngpus: 8\nduration: 6h\nhome: berlin\ndeadline: 30h\n"
        "interruptible: {restart: 10m}\n"
    )
    more = ("--slack", "24h", "--interruptible-from", "2h", "--restart", "10m")
    made = document(folder, capsys, f"{HEADER},home\na,2026-03-10T06:20:00Z,6,8,berlin\n", *more)
    where = ["--clusters", "clusters", "--intensity-table", "grid.csv", "--now", "2026-03-10T06:20:00Z", "--json"]
    assert main.run(["plan", "job.yaml", *where]) == 0
    plan = json.loads(capsys.readouterr().out)

    aware = made["policies"][1]
    assert plan["suspends"] == aware["suspends"] > 0
    assert pytest.approx(plan["emissions_kg"]["total"]) == aware["emissions_kg"]["total"]
    assert pytest.approx(plan["saving_pct"]) == aware["saving_pct"]


def test_kept_is_null_for_the_baseline_and_under_100_for_history(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With perfect forecasts everything is kept; a job alone keeps no more than that from history."""
    alone = f"{HEADER},home\na,2026-03-10T06:20:00Z,2,8,paris\n"
    perfect = document(folder, capsys, alone, "--slack", "24")["policies"]
    history = document(folder, capsys, alone, "--slack", "24", "--forecasts", "history")["policies"]

    assert [None, pytest.approx(100.0)] == [one["kept_pct"] for one in perfect]
    assert history[0]["kept_pct"] is None
    assert history[1]["kept_pct"] <= 100.0 + 1e-9


def test_forecasts_as_issued_decide_from_their_hour_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job waits for the hours that were said to be clean; an issue that is not out yet moves nothing."""
    rows = [f"2026-03-10T00:00:00Z,{lead},{5 if lead in {7, 8} else 100},500\n" for lead in range(48)]
    (folder / "said.csv").write_text("issued_utc,lead_h,FR,DE\n" + "".join(rows))

    def delay_h(submitted: str, forecasts: str) -> float:
        """How long carbon-aware lets a job of two hours wait."""
        alone = f"{HEADER},home\na,{submitted},2,8,paris\n"
        made = document(folder, capsys, alone, "--slack", "24", "--forecasts", forecasts, "--policy", "carbon-aware")
        return float(made["policies"][0]["mean_start_delay_h"])

    assert 5.5 == delay_h("2026-03-10T01:30:00Z", "said.csv")
    assert 5.5 != delay_h("2026-03-10T01:30:00Z", "history")
    assert delay_h("2026-03-09T23:30:00Z", "said.csv") == delay_h("2026-03-09T23:30:00Z", "history")


def test_jobs_that_cannot_be_replayed_are_listed_and_left_out_for_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too wide, and outside the table; the others are replayed."""
    more = "wide,2026-03-10T08:00:00Z,1,17,\nlate,2026-03-21T23:00:00Z,2,1,berlin\n"
    made = document(folder, capsys, JOBS + more)

    assert [("wide", "too_wide"), ("late", "out_of_table")] == [(o["job_id"], o["why"]) for o in made["left_out"]]
    assert [(5, 3, 1)] * 2 == [(o["jobs"], o["completed"], o["out_of_table"]) for o in made["policies"]]
    assert ran(folder, JOBS + more) == 0
    assert "2 jobs left out for every policy:" in capsys.readouterr().out


def test_what_is_not_over_is_left_out_of_the_time_it_was_submitted_in(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs that run or wait still are counted in their own part of a trace."""
    rows = "r,2026-03-09T06:00:00Z,,8,,RUNNING\ns,2026-03-11T06:00:00Z,1,8,,PENDING\n"
    text = JOBS.replace("home", "home,status").replace("berlin\n", "berlin,\n").replace("paris\n", "paris,\n") + rows
    made = [document(folder, capsys, text, *more) for more in ((), ("--since", "2026-03-10T00:00Z"))]

    assert [["r", "s"], ["s"]] == [[each["job_id"] for each in one["left_out"]] for one in made]
    assert [2, 1] == [one["policies"][0]["not_over"] for one in made]
    assert ran(folder, text) == 0
    assert "2 jobs left out for every policy: 2 not over" in capsys.readouterr().out


def test_seconds_local_times_and_a_shift_are_read_as_in_published_traces(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Monday at half past ten in New York stays one, gzipped or not."""
    text = "job_id,submit_time,duration_s,gpus,vc\nx,2017-09-04T10:30:00,7200,8,one\n"
    (folder / "philly.csv.gz").write_bytes(gzip.compress(text.encode()))
    where = ["--clusters", "clusters", "--intensity-table", "grid.csv", "--json"]
    code = main.run(
        ["simulate", "--jobs", "philly.csv.gz", *where, "--tz", "America/New_York", "--shift-to", "2026-03-04"]
    )

    told = capsys.readouterr()
    assert 0 == code
    assert "2026-03-09T14:30:00Z" == json.loads(told.out)["window"]["start"]  # summer time began the day before
    assert "columns not used: vc" in told.err


def test_a_shift_into_a_year_keeps_the_season_and_the_weekday(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """5 March 2024 was a Tuesday; the nearest in 2026 is the 3rd."""
    made = document(folder, capsys, f"{HEADER}\na,2024-03-05T06:00:00Z,1,1\n", "--shift-to", "2026")

    assert "2026-03-03T06:00:00Z" == made["window"]["start"]


def test_what_slurm_prints_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Failed jobs count as such, those that never ran are listed, steps and jobs without a GPU are counted."""
    text = (
        "JobID|Submit|ElapsedRaw|AllocTRES|State\n"
        "1|2026-03-10T06:00:00|3600|billing=8,cpu=8,gres/gpu=4,node=1|COMPLETED\n"
        "1.batch|2026-03-10T06:00:00|3600|cpu=8,gres/gpu=4|COMPLETED\n"
        "2|2026-03-10T07:00:00|1800|cpu=8,gres/gpu:a100=2|FAILED\n"
        "3|2026-03-10T08:00:00|0||CANCELLED\n"
        "4|2026-03-10T08:00:00|60|cpu=2|COMPLETED\n"
    )
    (folder / "trace.csv").write_text(text)
    where = ["--clusters", "clusters", "--intensity-table", "grid.csv", "--tz", "UTC", "--json"]
    assert main.run(["simulate", "--jobs", "trace.csv", *where]) == 0
    told = capsys.readouterr()

    made = json.loads(told.out)
    now = made["policies"][0]
    figures = [now[key] for key in ("jobs", "completed", "failed", "never_ran")]
    assert ([3, 1, 1, 1], pytest.approx(5.0)) == (figures, now["gpu_hours"])
    assert [("3", "never_ran", "it never ran: CANCELLED")] == [
        (each["job_id"], each["why"], each["reason"]) for each in made["left_out"]
    ]
    assert all(f"1 {kind}" in told.err for kind in ("steps of jobs", "jobs without a GPU"))
    assert 2 == len(made["notes"])


def test_the_output_file_is_the_json_and_is_written_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With -o nothing is printed, and no part file stays behind."""
    assert ran(folder, JOBS, "-o", "out.json") == 0

    assert "" == capsys.readouterr().out
    assert 3 == json.loads((folder / "out.json").read_text())["compared"]
    assert not list(folder.glob("*.part"))


def test_a_cluster_whose_zone_the_table_lacks_is_left_out_aloud(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is replayed; with none left it is an error."""
    (folder / "clusters" / "lyon.yaml").write_text(CLUSTER.format(name="lyon", zone="CH"))

    assert ran(folder, JOBS) == 0
    assert "note: lyon is left out: grid.csv has no zone CH" in capsys.readouterr().err

    for name in ("paris", "berlin"):
        (folder / "clusters" / f"{name}.yaml").unlink()
    assert ran(folder, JOBS) == 2
    assert "has the zone of no cluster" in capsys.readouterr().err


def test_an_interrupted_replay_leaves_the_file_of_before(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it with 130, and what was written earlier is whole."""
    (folder / "out.json").write_text("before")

    def interrupted(*_: object, **__: object) -> None:
        """Stands for a person who presses Ctrl-C."""
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.replays.work.replay", interrupted)

    assert ran(folder, JOBS, "-o", "out.json") == 130
    assert "before" == (folder / "out.json").read_text()
