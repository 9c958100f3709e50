"""The consequential statement from the command line: a marginal table, dated homes, and a home that is none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import main, wiring
from scheduler.records.counterfactual import register
from tests.cli.test_report import FRANCE, QUEBEC, add
from tests.records.agent_files import outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

GERMANY = make_cluster("germany", "DE")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two tables of two days, average and marginal, and one job that moved to Quebec."""
    hours = [f"2024-03-{5 + hour // 24:02}T{hour % 24:02}:00:00Z" for hour in range(48)]
    for name, values in (("table.csv", "300,30"), ("marginal.csv", "500,450")):
        (tmp_path / name).write_text("\n".join(["utc,FR,CA-QC", *(f"{hour},{values}" for hour in hours)]) + "\n")
    (tmp_path / "german.csv").write_text("\n".join(["utc,FR,DE", *(f"{hour},300,30" for hour in hours)]) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    add(wiring.store(), tmp_path, "aaaa", QUEBEC, 1, 3)
    return tmp_path


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What the report says to machines."""
    assert main.run(["report", *arguments, "--json"]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


@pytest.mark.parametrize("sources", ["", "static-tables", "FR = static-tables; default = static-tables"])
def test_nothing_is_avoided_by_default(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sources: str
) -> None:
    """The yearly margins that ship would do for both zones; as a fallback for averages they make no claim."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", sources)
    add(wiring.store(), place, "bbbb", GERMANY, 5, 7, table="german.csv")
    jobs = {job["job_id"]: job for job in report(capsys)["jobs"]}
    assert (None, "reduced") == (jobs["bbbb"]["avoided"], jobs["bbbb"]["reduced_allocated"]["verdict"])
    assert "no marginal source is configured" in jobs["bbbb"]["avoided_reason"]


def test_the_yearly_margins_are_asked_where_they_are_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have France and Germany and no Quebec: a country never answers for a part of it."""
    monkeypatch.setenv("CARBONSCHED_MARGINAL_TABLE", "static-tables")
    add(wiring.store(), place, "bbbb", GERMANY, 5, 7, table="german.csv")
    jobs = {job["job_id"]: job for job in report(capsys)["jobs"]}
    assert (None, "marginal direct n/a CO2") == (jobs["aaaa"]["avoided"], jobs["bbbb"]["avoided"]["basis"])
    assert "CA-QC" in jobs["aaaa"]["avoided_reason"]


def test_avoided_is_told_on_the_marginal_table_that_is_configured(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the allocated column and never in it: at the margin Quebec is hardly better than France."""
    monkeypatch.setenv("CARBONSCHED_MARGINAL_TABLE", str(place / "marginal.csv"))
    for arguments in ((), ("--job", "aaaa")):
        made = report(capsys, *arguments)
        (job,) = made["jobs"]
        assert ("reduced", "no distinguishable effect") == (
            job["reduced_allocated"]["verdict"], job["avoided"]["verdict"],
        )  # fmt: skip
        assert ("marginal direct n/a CO2", None) == (job["avoided"]["basis"], job["avoided"]["p5_kg"])


def moved(place: Path, job_id: str, day: int, cluster: object, home: str = "france") -> None:
    """A job of one project, submitted so many days after the first, that ran an hour somewhere."""
    store, start_h = wiring.store(), 24.0 * day
    job = make_job(name=f"job-{job_id}", project="bloom")
    row = replace(
        make_row(job, home=home, submitted_h=start_h, job_id=job_id),
        intensity={"source": "csv-file", "path": str(place / "table.csv")},
        counterfactual=register(job, home, at(start_h), at(start_h)),
    )
    name, sid = cluster.name, f"cs-{job_id}-s1-a1"  # type: ignore[attr-defined]  # a cluster
    with store.writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(job_id, T0, document([FRANCE, QUEBEC], [(name, start_h, start_h + 1)]))
        tx.add_segment(
            make_segment(
                job_id=job_id, plan_id=plan_id, sid=sid, cluster=name, planned_end=at(start_h + 1),
                intended_at=at(start_h), granted_at=at(start_h), seen_at=None, released_at=at(start_h + 1),
            )
        )  # fmt: skip
    raw = outcome(
        sid=sid, started_unix=at(start_h).timestamp(), ended_unix=at(start_h + 1).timestamp(), duration_s=3600.0,
        exit_code=0, reason="exited", stop_received_unix=None,
    )  # fmt: skip
    wiring.evidence().keep_outcome(job_id, sid, raw)


def test_a_home_that_a_project_does_not_use_is_listed_and_not_summed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its months before were all in Quebec: France is no home of it. Whole reports and single ones agree."""
    rows = [T0 + timedelta(hours=hour) for hour in range(24 * 40)]
    table = "\n".join(["utc,FR,CA-QC", *(f"{each:%Y-%m-%dT%H:00:00Z},300,30" for each in rows)])
    (place / "table.csv").write_text(table + "\n")
    moved(place, "bbbb", 0, QUEBEC)
    moved(place, "dddd", 30, QUEBEC)
    made = report(capsys)
    by_id = {job["job_id"]: job for job in made["jobs"]}
    assert (True, False) == tuple(by_id[name]["additionality"]["additional"] for name in ("bbbb", "dddd"))
    assert (None, 0.0) == tuple(by_id[name]["additionality"]["home_share"] for name in ("bbbb", "dddd"))
    assert (2, 1) == (made["real"]["compared_jobs"], made["real"]["listed_jobs"])
    (alone,) = report(capsys, "--job", "dddd")["jobs"]
    assert by_id["dddd"]["additionality"] == alone["additionality"]


def test_the_operators_dated_home_binds_a_submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It wins over the job's own word, is registered with the job, and is no matter of a folder's own file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(Path(__file__).parents[2] / "cluster_configs"))
    job = {"name": "t", "project": "bloom", "entrypoint": "x", "gpus": 8, "duration": "1h", "home": "germany"}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    arguments = ["submit", "job.yaml", "--no-serve", "--json"]
    for homes, home, by in (
        ("bloom = 2020-01-01 france, 2999-01-01 quebec", "france", "operator"),
        ("bloom = 2999-01-01 quebec", "germany", "job"),
    ):
        monkeypatch.setenv("CARBONSCHED_HOMES", homes)
        assert main.run(arguments) == 0
        made = json.loads(capsys.readouterr().out)
        with wiring.store().reading() as tx:
            rule = tx.job(made["job_id"]).counterfactual
        assert (home, by, home) == (rule["home"], rule["home_by"], made["plan"]["home"])
    (tmp_path / "carbonsched.yaml").write_text("homes: {bloom: {2020-01-01: quebec}}\n")
    monkeypatch.delenv("CARBONSCHED_HOMES")
    assert main.run(arguments) == 2
    assert "homes may not be set by a file in the current folder" in capsys.readouterr().err
