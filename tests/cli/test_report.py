"""`carbonsched report`: from the store and the evidence to figures, and what it refuses."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cli import main, wiring
from scheduler.domain.cluster import Cluster
from scheduler.records.rows import JobState
from scheduler.records.store import Store
from tests.records.agent_files import outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

FRANCE, QUEBEC = make_cluster(), make_cluster("quebec", "CA-QC")
LAB = make_cluster("lab", "FR", simulated=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of two days: 300 g/kWh in France, 30 in Quebec."""
    rows = [f"2024-03-{5 + hour // 24:02}T{hour % 24:02}:00:00Z,300,30" for hour in range(48)]
    (tmp_path / "table.csv").write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def add(  # noqa: PLR0917  # a job by where and when
    store: Store,
    place: Path,
    job_id: str,
    cluster: Cluster,
    start_h: float,
    end_h: float,
    *,
    home: Cluster = FRANCE,
    state: JobState = JobState.SUCCEEDED,
    table: str = "table.csv",
) -> None:
    """Store a job, submitted at its start, that ran on a cluster, and the evidence of it."""
    row = make_row(make_job(name=f"job-{job_id}"), home=home.name, submitted_h=start_h, job_id=job_id)
    row = replace(row, state=state, intensity={"source": "csv-file", "path": str(place / table)})
    sid = f"cs-{job_id}-s1-a1"
    with store.writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(
            job_id, T0, document([FRANCE, QUEBEC, LAB, cluster], [(cluster.name, start_h, end_h)], total_kg=0.5)
        )
        tx.add_segment(
            make_segment(
                job_id=job_id, plan_id=plan_id, sid=sid, cluster=cluster.name, planned_end=at(end_h),
                intended_at=at(start_h), granted_at=at(start_h), seen_at=None, released_at=at(end_h),
            )
        )  # fmt: skip
    raw = outcome(
        sid=sid, started_unix=at(start_h).timestamp(), ended_unix=at(end_h).timestamp(),
        duration_s=3600 * (end_h - start_h), exit_code=0, reason="exited", stop_received_unix=None,
    )  # fmt: skip
    wiring.evidence().keep_outcome(job_id, sid, raw)


@pytest.fixture
def store(place: Path) -> Store:
    """A real job that moved, one that failed at home, and a simulated one."""
    opened = wiring.store()
    add(opened, place, "aaaa", QUEBEC, 1, 3)
    add(opened, place, "bbbb", FRANCE, 10, 11, state=JobState.FAILED)
    add(opened, place, "cccc", LAB, 20, 21, home=LAB)
    return opened


def told(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a report that succeeds puts on stdout."""
    assert main.run(["report", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def read(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Mapping[str, Any]:
    """The JSON report."""
    loaded: Mapping[str, Any] = json.loads(told(*arguments, "--json", capsys=capsys))
    return loaded


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, error and hint of a report that is refused, with nothing on stdout."""
    code = main.run(["report", *arguments])
    out, err = capsys.readouterr()
    assert out == ""
    error, hint = err.splitlines()
    return code, error.removeprefix("error: "), hint.removeprefix("hint: ")


def test_an_empty_store_has_an_empty_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to install, nothing to submit first."""
    assert "No jobs were submitted in this period." in told(capsys=capsys)


def test_the_figures_come_from_the_evidence_and_the_table(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Two hours of 8 GPUs at 600 W and 30 g/kWh, by the worked hardware; against 300 g at home."""
    made = read(capsys=capsys)
    moved = made["jobs"][0]
    assert "aaaa" == moved["job_id"]
    assert 2 * 8 * 0.412 * 30 / 1000 == pytest.approx(moved["footprint"]["emissions_kg"]["dynamic"], abs=1e-12)
    assert 2 * 8 * 0.412 * 1.2 * 270 / 1000 == pytest.approx(moved["reduced_allocated"]["central_kg"])
    assert (0.5, "reduced", "2024-03-05T01:00:00Z") == (
        moved["planned_kg"], moved["reduced_allocated"]["verdict"], moved["counterfactual"]["start"],
    )  # fmt: skip
    assert ("failed", "none: it ran as it would have") == (
        made["jobs"][1]["state"], made["jobs"][1]["reduced_allocated"]["verdict"],
    )  # fmt: skip
    assert (2, 1, 0) == (made["real"]["jobs"], made["simulated"]["jobs"], made["real"]["unpriced_jobs"])


def test_markdown_is_the_default(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """For people first."""
    assert told(capsys=capsys).startswith("# Emissions report: PROVISIONAL\n")
    assert told("--format", "md", capsys=capsys).startswith("# Emissions report: PROVISIONAL\n")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), ["aaaa", "bbbb", "cccc"]),
        (("--since", "2024-03-05T10:00:00Z"), ["bbbb", "cccc"]),
        (("--until", "2024-03-05T10:00:00Z"), ["aaaa"]),
        (("--since", "2024-03-05T01:00:00Z", "--until", "2024-03-05T20:00:00Z"), ["aaaa", "bbbb"]),
        (("--since", "2024-03-05T02:00:00+01:00", "--until", "2024-03-05T01:00:00.5Z"), ["aaaa"]),
        (("--since", "2025-01-01T00:00:00Z"), []),
        (("--job", "bb"), ["bbbb"]),
        (("--job", "job-aaaa"), ["aaaa"]),
        (("--job", "aaaa", "--since", "2024-03-05T01:00:00Z"), ["aaaa"]),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(
    store: Store, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], ids: list[str]
) -> None:
    """By the submission of a job; one job by its id, the beginning of it, or its name."""
    assert ids == [job["job_id"] for job in read(*options, capsys=capsys)["jobs"]]


def test_one_job_is_reported_as_it_is_among_all(store: Store, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its start at home hangs on the jobs before it, whether they are shown or not."""
    for n in range(7):
        add(store, place, f"d{n}", QUEBEC, 11.5 + n / 32, 14)
    for twin in ("e0", "e1"):
        add(store, place, twin, QUEBEC, 12, 14)
    everyone = {job["job_id"]: job for job in read(capsys=capsys)["jobs"]}
    assert everyone["e1"]["counterfactual"]["start"] > everyone["e1"]["submitted_at"]
    for job_id in ("aaaa", "d0", "e0", "e1"):
        (alone,) = read("--job", job_id, capsys=capsys)["jobs"]
        ours = {"hindsight", "hindsight_reason"}  # worked out for a job that is asked for alone
        assert {key: value for key, value in everyone[job_id].items() if key not in ours} == {
            key: value for key, value in alone.items() if key not in ours
        }
        assert alone["hindsight"] is not None


def test_a_report_is_written_to_a_file(store: Store, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it would have been printed, and said on stderr."""
    expected = told("--job", "aaaa", capsys=capsys)
    assert main.run(["report", "--job", "aaaa", "-o", "out.md"]) == 0
    assert ("", "wrote out.md\n") == capsys.readouterr()
    written = (place / "out.md").read_text()
    assert [line for line in expected.splitlines() if "Made" not in line] == [
        line for line in written.splitlines() if "Made" not in line
    ]
    assert written.endswith("\n")


REFUSED = [
    (("--json", "--format", "csv"), 2, "--json and --format csv", "one of the two"),
    (("--format", "pdf"), 2, "unknown format 'pdf'", "csv, html, json, md, parquet"),
    (("--format", "parquet"), 2, "Parquet is no text to print", "-o report.parquet"),
    (("--project", "zzz"), 2, "unknown project 'zzz'", "known: "),
    (("--group-by", "colour"), 2, "unknown way to group 'colour'", "cluster, group, home, model, month, owner"),
    (("--period", "2024-13"), 2, "there is no period 2024-13", "2026-Q1"),
    (("--period", "2024", "--since", "2024-01-01T00:00:00Z"), 2, "--period was given with --since", "one or the other"),
    (("--since", "2024-03-05"), 2, "--since '2024-03-05' is not an ISO 8601", "2026-03-01T06:00:00Z"),
    (("--until", "2024-03-05T10:00:00"), 2, "--until 2024-03-05T10:00:00 has no time zone", "offset"),
    (("--since", ""), 2, "--since ''", "2026-03-01T06:00:00Z"),
    (
        ("--since", "2024-03-05T10:00:00Z", "--until", "2024-03-05T10:00:00Z"),
        2,
        "is not before --until",
        "its start, not its end",
    ),
    (("--job", "zzzz"), 2, "unknown job 'zzzz'", "aaaa, bbbb, cccc"),
    (("--job", "aaaa", "--since", "2024-03-06T00:00:00Z"), 2, "outside the period", "--since, --until and --period"),
    (("--output", "no/such/folder/x.md"), 1, "no/such/folder/x.md cannot be written", "another file"),
    (("--output", "."), 1, "cannot be written", "another file"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: " ".join(case[0]))
def test_what_cannot_be_meant_is_refused_with_the_way_out(
    store: Store, capsys: pytest.CaptureFixture[str], case: tuple[tuple[str, ...], int, str, str]
) -> None:
    """One line that names the thing, one that says what to do; nothing on stdout."""
    options, code, error, hint = case
    found = refused(*options, capsys=capsys)
    assert code == found[0]
    assert error in found[1]
    assert hint in found[2]


@pytest.mark.parametrize("change", ["'france', 'quebec'", "'\"home\"', '\"house\"'", "'\"not_before\"', '\"when\"'"])
@pytest.mark.parametrize("options", [(), ("--job", "aaaa")])
def test_a_rule_that_was_changed_in_the_store_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str], change: str, options: tuple[str, ...]
) -> None:
    """No report is made over a home or a start that was moved after the fact."""
    with store.writing() as tx:
        tx.connection.exec_driver_sql(
            f"UPDATE job SET counterfactual = replace(counterfactual, {change}) WHERE id = 'aaaa'"
        )
    code, error, _ = refused(*options, capsys=capsys)
    assert (1, "the counterfactual of job-aaaa was changed after it was registered") == (code, error)


def test_a_table_that_is_gone_costs_its_jobs_their_price_and_no_other(
    store: Store, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every job is in; what cannot be priced says why, and the sums say that they are too low."""
    (place / "other.csv").write_text((place / "table.csv").read_text())
    add(store, place, "dddd", FRANCE, 12, 13, table="other.csv")
    (place / "other.csv").unlink()
    made = read(capsys=capsys)
    gone = made["jobs"][2]
    assert ("dddd", None) == (gone["job_id"], gone["footprint"])
    assert "other.csv is gone" in gone["footprint_reason"]
    assert (3, 1) == (made["real"]["jobs"], made["real"]["unpriced_jobs"])


def test_hours_after_the_table_are_estimated_against_the_job(
    store: Store, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that ends in the middle of a run prices the rest by its month, and claims nothing."""
    add(store, place, "dddd", FRANCE, 47, 49)
    job = read("--job", "dddd", capsys=capsys)["jobs"][0]
    assert (0.5, None) == (job["footprint"]["intensity_coverage"], job["reduced_allocated"])
    assert 8 * 0.6 * 1.2 * 300 / 1000 == pytest.approx(job["footprint"]["estimated_kg"])


def test_evidence_that_cannot_be_read_costs_its_job_the_claim(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """All that was reserved counts as running, flagged, and the file is named."""
    (wiring.state_folder().evidence("aaaa") / "carbonsched-cs-aaaa-s1-a1.outcome.json").write_text("garbage")
    job = read("--job", "aaaa", capsys=capsys)["jobs"][0]
    assert (0.0, None) == (job["footprint"]["run_coverage"], job["reduced_allocated"])
    assert "cs-aaaa-s1-a1: an outcome is not JSON" in job["notes"][0]


def test_every_form_is_written_by_the_ending_of_its_file(
    store: Store, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page, Markdown, JSON, CSV and Parquet of the same jobs."""
    for ending in ("html", "md", "json", "csv", "parquet"):
        assert main.run(["report", "-o", f"out.{ending}"]) == 0
        assert ("", f"wrote out.{ending}\n") == capsys.readouterr()
    page = (place / "out.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    rows = list(csv.DictReader((place / "out.csv").read_text().splitlines()))
    frame = pd.read_parquet(place / "out.parquet")
    assert ["aaaa", "bbbb", "cccc"] == [row["job_id"] for row in rows] == list(frame["job_id"])
    assert list(rows[0]) == list(frame.columns)
    made = json.loads((place / "out.json").read_text())
    for job, row, total_kg in zip(made["jobs"], rows, frame["total_kg"], strict=True):
        assert job["footprint"]["emissions_kg"]["total"] == float(row["total_kg"]) == total_kg
        assert f"<small>{job['job_id']}</small>" in page


def test_a_page_shows_the_grid_around_its_jobs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it ran and where it would have; a table read in full was no forecast."""
    page = told("--job", "aaaa", "--format", "html", capsys=capsys)
    assert all(f">{text}<" in page for text in ("CA-QC", "FR", "quebec", "home: france"))
    assert "Dotted: the forecast" not in page


def test_jobs_are_chosen_by_project_owner_and_policy(
    store: Store, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of the names in each respect, all respects together; said in the report."""
    with store.writing() as tx:
        for job_id, project in (("aaaa", "nlp"), ("bbbb", "vision"), ("cccc", "nlp")):
            tx.connection.exec_driver_sql(
                "UPDATE job SET spec = json_set(spec, '$.project', ?, '$.owner', ?) WHERE id = ?",
                (project, f"o-{project}", job_id),
            )
    cases: list[tuple[tuple[str, ...], list[str]]] = [
        (("--project", "nlp"), ["aaaa", "cccc"]),
        (("--project", "nlp", "--project", "vision"), ["aaaa", "bbbb", "cccc"]),
        (("--project", "nlp", "--owner", "o-vision"), []),
        (("--policy", "carbon-aware", "--owner", "o-vision"), ["bbbb"]),
        (("--project", "nlp", "--until", "2024-03-05T10:00:00Z"), ["aaaa"]),
    ]
    for options, ids in cases:
        made = read(*options, capsys=capsys)
        assert ids == [job["job_id"] for job in made["jobs"]]
    assert ["project nlp"] == read("--project", "nlp", capsys=capsys)["filters"]
    assert "is not among those asked for" in refused("--job", "bbbb", "--project", "nlp", capsys=capsys)[1]


def test_groups_are_combined(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each cluster and month, real and simulated apart."""
    made = read("--group-by", "cluster", "--group-by", "month", capsys=capsys)
    assert ["cluster", "month"] == made["group_by"]
    assert [("france", "2024-03"), ("quebec", "2024-03")] == [(g["cluster"], g["month"]) for g in made["groups"]]
    assert ["lab"] == [g["cluster"] for g in made["simulated_groups"]]
    assert sum(g["total_kg"] for g in made["groups"]) == pytest.approx(made["real"]["emissions_kg"]["total"])


def test_a_period_is_named(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A month, a quarter or a year."""
    for name, count in (("2024-03", 3), ("2024-Q1", 3), ("2024", 3), ("2024-04", 0)):
        assert count == len(read("--period", name, capsys=capsys)["jobs"])


def test_without_what_draws_it_a_page_says_what_to_install(
    store: Store, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other forms go on; nothing half is left."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for name in [each for each in sys.modules if each.startswith("scheduler.reporting.") and "html" in each]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "scheduler.reporting.charts", raising=False)
    assert 1 == main.run(["report", "-o", "out.html"])
    assert [
        "error: an HTML report needs vl_convert, which is not here",
        "hint: pip install 'carbonsched[report]'",
    ] == capsys.readouterr().err.splitlines()
    assert not (place / "out.html").exists()
    told(capsys=capsys)


def test_a_page_of_a_period_bridges_from_the_one_that_was_closed_before(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """In steps that add up; without a closed one there is no bridge."""
    title = "The bridge to an earlier period"
    assert title not in told("--period", "2024-03", "--format", "html", capsys=capsys)
    assert main.run(["period", "close", "2024-02"]) == 0
    capsys.readouterr()
    page = told("--period", "2024-03", "--format", "html", capsys=capsys)
    assert title in page
    assert "kg CO2e in 2024-02 to " in page
    assert title not in told("--period", "2024", "--format", "html", capsys=capsys)
