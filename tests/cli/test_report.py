"""`carbonsched report`: from the store and the evidence to figures, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

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
            job_id, T0, document([FRANCE, QUEBEC, LAB], [(cluster.name, start_h, end_h)], total_kg=0.5)
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
    assert told("--markdown", capsys=capsys).startswith("# Emissions report: PROVISIONAL\n")


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
        assert everyone[job_id] == alone


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
    (("--json", "--markdown"), 2, "--json and --markdown", "one of the two"),
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
    (("--job", "aaaa", "--since", "2024-03-06T00:00:00Z"), 2, "outside the period", "--since and --until"),
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
