"""The same jobs under other choices: a table, not draws."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from scheduler.domain.basis import MARGINAL_BASIS
from scheduler.records.comparison import Beside
from scheduler.records.difference import Draws
from scheduler.records.project_past import Reference
from scheduler.reporting.difference_json import row_json
from scheduler.reporting.job_report import JobReport, job_report
from scheduler.reporting.sensitivity import Row, sensitivity
from tests.records.cases import at, make_cluster, make_history, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
GRID = {"FR": make_series("FR", [300, 200] * 24), "CA-QC": make_series("CA-QC", [30] * 48)}
MARGINAL = {zone: make_series(zone, [500] * 48, basis=MARGINAL_BASIS, source="moer") for zone in GRID}
HABITS = Reference(since=at(0), until=at(0), shares=((HOME, 1.0),), delay=timedelta(0), gpu_h=1.0)
DYNAMIC = 8 * 0.412 / 1000
"""Kilograms for each gram per kWh and hour, PUE apart."""


def moved(*, marginal: bool = True, share: float | None = None) -> JobReport:
    """A job that moved and waited: home at its own time 300 g, at the chosen one 200."""
    beside = Beside(reference=HABITS, home_share=share, marginal=MARGINAL if marginal else {})
    return job_report(make_history([run(AWAY, 1, 2)]), GRID, home_start=at(0), beside=beside)


def table(*jobs: JobReport) -> dict[str, Row]:
    """The rows by name."""
    return {row.name: row for row in sensitivity(jobs, Draws())}


def test_the_first_row_is_the_reports_own_and_the_others_stand_beside() -> None:
    """Counterfactuals, each a central figure."""
    job, rows = moved(), table(moved())
    assert job.difference is not None
    own = rows["the registered home"]
    assert (job.difference.central_kg, "reduced") == (own.kg, own.difference and own.difference.verdict)
    expected = {
        "the registered home": 270,
        "the projects' own history": 270,
        "home at the chosen time: the time alone": 100,
        "the chosen cluster at home's time: the place alone": 270,
    }
    assert {name: DYNAMIC * 1.2 * g for name, g in expected.items()} == pytest.approx(
        {name: rows[name].kg for name in expected}
    )


def test_what_cannot_be_told_is_told_in_no_row() -> None:
    """Neither by its parts, nor at other factors: only that footprints differ, which is no claim, has a figure."""
    grid = {zone: make_series(zone, [g] * 48) for zone, g in (("FR", 33.0), ("CA-QC", 35.0))}
    job = job_report(make_history([run(AWAY, 0, 2)]), grid, home_start=at(0))
    rows = [row for row in sensitivity([job], Draws()) if row.group != "footprint"]
    assert {"all lines, embodied too: the footprints' difference"} == {
        row.name for row in rows if row_json(row)["kg"] is not None
    }
    assert "no figure is given of what cannot be told from nothing" == rows[-1].why


def test_boundaries_are_never_mixed_in_a_row() -> None:
    """Another basis has no figure and says how to have one; a marginal one has its own row."""
    rows = table(moved())
    assert (None, True) == (rows["direct intensities"].kg, "never mixed" in rows["direct intensities"].why)
    assert "lifecycle intensities" not in rows
    assert 0.0 == rows["a marginal signal"].kg
    without = table(moved(marginal=False))["a marginal signal"]
    assert (None, "no marginal signal was given") == (without.kg, without.why)


def test_the_difference_of_footprints_is_larger_and_no_claim() -> None:
    """Idle energy and making stand in both worlds."""
    rows = table(moved())
    own, idle = rows["the registered home"].kg, rows["all operational lines, as if idle nodes were switched off"].kg
    naive = rows["all lines, embodied too: the footprints' difference"]
    assert own is not None
    assert idle is not None
    assert naive.kg is not None
    assert (True, True, True) == (idle > own, math.isclose(naive.kg, idle), "not a claim" in naive.why)


def test_factors_move_both_sides() -> None:
    """Without a PUE it is less by that; the ends of the ranges lie about the middle."""
    rows = table(moved())
    assert DYNAMIC * 270 == pytest.approx(rows["a PUE of 1 on both sides"].kg)
    low, high = (
        rows[f"every figure at its {end} end on both sides, dynamic energy and transfer"].kg for end in ("low", "high")
    )
    assert low is not None
    assert high is not None
    assert low < DYNAMIC * 270 < high


def test_what_is_listed_and_not_summed_has_a_row() -> None:
    """So that nobody has to guess what it would have been."""
    rows = table(moved(), moved(share=0.0))
    assert (1, 2) == (rows["the registered home"].jobs, rows["with the jobs that are listed and not summed"].jobs)
    assert "with the jobs that are listed and not summed" not in table(moved())


def test_footprints_are_counted_in_other_ways_too() -> None:
    """Without the hardware, and at the ends."""
    job, rows = moved(), table(moved())
    assert job.account is not None
    assert (job.account.central.total, job.account.central.operational) == (
        rows["all lines"].kg, rows["without making the hardware"].kg,
    )  # fmt: skip


def test_a_table_of_nothing_says_so() -> None:
    """No row without a job, and no figure without one that ran."""
    assert {} == table()
    rows = table(job_report(make_history([]), {}, home_start=None))
    assert rows
    assert all(row.kg is None and row.why for row in rows.values())


def test_a_row_that_cannot_be_told_shows_no_figure() -> None:
    """In a table as in a headline."""
    job = moved()
    assert job.difference is not None
    (own, *_) = sensitivity([job], Draws())
    assert DYNAMIC * 1.2 * 270 == pytest.approx(row_json(own)["kg"])
    shown = row_json(Row(group="boundary", name="x", kg=1.0, difference=table(job)["a marginal signal"].difference))
    assert (None, "no figure is given of what cannot be told from nothing") == (shown["kg"], shown["kg_reason"])
