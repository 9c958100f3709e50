"""Groups: whatever jobs are grouped by, the parts add up, and what cannot be split is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from scheduler.domain.errors import UnknownName
from scheduler.records.difference import Draws
from scheduler.reporting.groups import NONE, RESPECTS, TRANSFERS, Group, clusters_of, grouped, totals
from scheduler.reporting.job_report import JobReport, job_report
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run
from tests.reporting.reports import REPORTS

FRANCE, QUEBEC = make_cluster(), make_cluster("quebec", "CA-QC")
HOURS = 24 * 40
GRID = {zone: make_series(zone, [value] * HOURS) for zone, value in (("FR", 60.0), ("CA-QC", 30.0))}
STRADDLING_H = 24 * 26
"""Half an hour before this the month still is March 2024: the tests' time begins on the fifth."""


def mover(project: str = "a", checkpoint_gb: float = 0.0) -> JobReport:
    """A job that ran in France to the end of a month, and in Quebec from there on."""
    job = make_job(project=project, checkpoint={"gb": checkpoint_gb})
    first, second = 24 * 26.5, 24 * 27.0
    attempts = [run(FRANCE, first - 2, first, ended_by="plan"), run(QUEBEC, second, second + 3)]
    return job_report(make_history(attempts, job=job), GRID, home_start=at(first - 2))


def total_kg(groups: Sequence[Group]) -> float:
    """Kilograms of all groups. [kg]"""
    return sum(each.emissions_kg["total"] for each in groups)


@pytest.mark.parametrize("by", [[name] for name in RESPECTS] + [["project", "month"], ["cluster", "owner", "month"]])
def test_the_parts_add_up_to_the_whole(by: list[str]) -> None:
    """Kilograms, energy and GPU-hours, transfers among them, whatever the jobs are."""
    jobs = [*(make() for make in REPORTS.values()), mover(), mover("b", checkpoint_gb=500)]
    whole, parts = totals(jobs, Draws()), grouped(jobs, by, Draws())
    assert whole.emissions_kg["total"] == pytest.approx(total_kg(parts))
    assert (whole.gpu_hours, whole.it_energy_kwh) == pytest.approx(
        (sum(each.gpu_hours for each in parts), sum(each.it_energy_kwh for each in parts))
    )


def test_a_job_that_moved_is_laid_to_both_clusters_and_months() -> None:
    """Each hour where and when it fell; a job counts in every group that it has a part in."""
    found = {tuple(each.names.values()): each for each in grouped([mover()], ["cluster", "month"], Draws())}
    assert {("france", "2024-03"), ("quebec", "2024-04")} == set(found)
    assert (16.0, 24.0) == pytest.approx(tuple(each.gpu_hours for each in found.values()))
    assert [1, 1] == [each.jobs for each in found.values()]


def test_a_group_is_as_firm_as_its_own_jobs() -> None:
    """A small project may rest on provisional intensities within a report that does not."""
    settled = replace(mover("large"), status="settled", provisional_share=0.0)
    found = {each.names["project"]: each.status for each in grouped([mover("small"), settled], ["project"], Draws())}
    assert {"small": "provisional", "large": "settled"} == found


def test_a_range_and_a_difference_belong_to_whole_jobs() -> None:
    """By project they are there, by cluster they are not."""
    (whole,) = grouped([mover()], ["project"], Draws())
    assert whole.low_kg is not None
    assert whole.high_kg is not None
    assert whole.low_kg < whole.emissions_kg["total"] < whole.high_kg
    assert whole.difference is not None
    for cut in grouped([mover()], ["cluster"], Draws()):
        assert (None, None, None) == (cut.low_kg, cut.high_kg, cut.difference)


def test_copies_of_data_stand_between_the_clusters() -> None:
    """They are of neither, and only there where there are any."""
    names = [each.names["cluster"] for each in grouped([mover(checkpoint_gb=500)], ["cluster"], Draws())]
    assert [TRANSFERS, "france", "quebec"] == names
    assert ["france", "quebec"] == [each.names["cluster"] for each in grouped([mover()], ["cluster"], Draws())]


def test_jobs_without_a_figure_are_counted_where_they_are() -> None:
    """One that waits has no cluster; one that could not be priced is under the one that it ran on."""
    found = {each.names["cluster"]: each for each in grouped(
        [REPORTS["waiting"](), REPORTS["unpriced"]()], ["cluster"], Draws()
    )}  # fmt: skip
    assert {NONE: (1, 0), "quebec": (1, 1)} == {name: (each.jobs, each.unpriced) for name, each in found.items()}


def test_what_nothing_is_grouped_by_is_refused() -> None:
    """With what there is."""
    with pytest.raises(UnknownName) as caught:
        grouped([], ["colour"], Draws())
    assert "known: cluster, group, home, model, month, owner, policy, project, stage, state, zone" in caught.value.hint


def test_clusters_are_named_once_in_order_of_time() -> None:
    """However often a job came back."""
    attempts = [run(QUEBEC, 0, 1), run(FRANCE, 2, 3), run(QUEBEC, 4, 5)]
    made = job_report(make_history(attempts), GRID, home_start=at(0))
    assert ("quebec", "france") == clusters_of(made)


def test_status_is_that_of_the_kilograms() -> None:
    """Of jobs whose intensities nobody settled it is provisional, of none it cannot be."""
    assert ("provisional", 1.0) == (totals([mover()], Draws()).status, totals([mover()], Draws()).provisional_share)
    assert 0.0 == totals([], Draws()).provisional_share
