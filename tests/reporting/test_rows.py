"""Flat rows: neutral in language, safe in a spreadsheet, the same columns whatever a report holds."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import PeriodReport, period_report
from scheduler.reporting.rows import as_csv, columns_of, rows_of, type_of
from tests.records.cases import T0, at
from tests.reporting.reports import REPORTS, job_of


def period(*jobs: JobReport, by: tuple[str, ...] = ()) -> PeriodReport:
    """The report of some jobs."""
    return period_report(jobs, since=at(0), until=at(9), made_at=T0, version="1.2.3", group_by=by)


def read(report: PeriodReport) -> list[dict[str, str]]:
    """Its CSV, read back."""
    return list(csv.DictReader(io.StringIO(as_csv(columns_of(report), rows_of(report)), newline="")))


def called(name: str) -> JobReport:
    """A job of a project of that name."""
    made = job_of()
    job = made.history.row.job.model_copy(update={"project": name})
    return replace(made, history=replace(made.history, row=replace(made.history.row, job=job)))


def test_every_job_is_a_row_with_every_column() -> None:
    """Failed, simulated, waiting or moved; a figure that is not known is empty and has its reason beside it."""
    made = period(*(make() for make in REPORTS.values()))
    rows = read(made)
    assert len(REPORTS) == len(rows)
    for row in rows:
        assert columns_of(made) == list(row)
        assert (row["total_kg"] == "") == (row["no_figure_reason"] != "")
        assert (row["reduced_verdict"] == "") == (row["no_difference_reason"] != "")


def test_the_figures_are_those_of_the_report() -> None:
    """In full, with a point; times in UTC; yes and no as true and false."""
    made = job_of()
    (row,) = read(period(made))
    assert made.account is not None
    assert made.account.central.total == float(row["total_kg"])
    assert sum(float(row[f"{line}_kg"]) for line in ("dynamic", "idle_running", "facility", "embodied")) == (
        pytest.approx(float(row["total_kg"]))
    )
    assert ("false", "2024-03-05T00:00:00Z", "quebec") == (row["simulated"], row["submitted_at"], row["clusters"])


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"])
def test_a_text_is_never_a_formula(name: str) -> None:
    """It has an apostrophe before it; a negative number has none."""
    (row,) = read(period(called(name)))
    assert f"'{name}" == row["project"]
    assert all(not each.startswith("'") for key, each in row.items() if key != "project")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_name_comes_back(name: str) -> None:
    """Quotes, commas, line ends, other scripts."""
    (back,) = csv.DictReader(io.StringIO(as_csv(["name"], [{"name": name}]), newline=""))
    assert back["name"] in (name, f"'{name}")


def test_a_grouped_report_is_a_row_a_group() -> None:
    """Real and simulated apart, the simulated ones marked."""
    rows = read(period(called("a"), called("b"), called("b"), REPORTS["simulated"](), by=("project", "month")))
    assert [("a", "2024-03", "1", "false"), ("b", "2024-03", "2", "false"), ("(none)", "2024-03", "1", "true")] == [
        (row["project"], row["month"], row["jobs"], row["simulated"]) for row in rows
    ]


@pytest.mark.parametrize("by", [(), ("project",), ("owner", "cluster")])
def test_an_empty_report_has_its_columns(by: tuple[str, ...]) -> None:
    """A reader of many months needs no exception for a quiet one."""
    assert columns_of(period(job_of(), by=by)) == columns_of(period(by=by))
    assert 1 == len(as_csv(columns_of(period(by=by)), rows_of(period(by=by))).splitlines())


def test_every_column_has_one_type() -> None:
    """By its name, whatever is in it."""
    kinds = {name: type_of(name) for name in columns_of(period())}
    assert ("Float64", "datetime64[us, UTC]", "boolean", "string") == (
        kinds["dynamic_kg"], kinds["submitted_at"], kinds["simulated"], kinds["reason"],
    )  # fmt: skip
    assert "Int64" == type_of("jobs")
