"""A job beside what would have happened: parts that sum, a second opinion, and what it asks intensities of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.records.attempts import Attempt, EndedBy
from scheduler.records.comparison import Comparison, agreed, all_agree, compare, coverage, worlds, would_have_run
from scheduler.records.difference import Difference
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import HomeRun
from scheduler.records.project_past import Reference
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
HOPPER = make_cluster("toronto", "CA-ON", gpu={"model": "H100"})
GRID = {
    "FR": make_series("FR", [100, 400] * 60),
    "CA-QC": make_series("CA-QC", [50, 10, 30] * 40),
    "CA-ON": make_series("CA-ON", [70] * 120),
}
DYNAMIC = 8 * 0.412 * 1.2 / 1000
"""Kilograms for each gram per kWh and hour."""


def laid(history: JobHistory, home_h: float = 0.0) -> HomeRun:
    """The run at home from an hour on."""
    made = would_have_run(history, at(home_h))
    assert isinstance(made, HomeRun)
    return made


def compared(*attempts: Attempt, home_h: float = 0.0, reference: Reference | None = None) -> Comparison:
    """The comparison of some attempts with home."""
    history = make_history(attempts)
    return compare(history, GRID, laid(history, home_h), reference)


def habits(*shares: tuple[Cluster, float], delay_h: float = 0.0) -> Reference:
    """What a project did."""
    return Reference(since=at(0), until=at(0), shares=shares, delay=timedelta(hours=delay_h), gpu_h=100.0)


def test_a_move_at_once_is_all_place() -> None:
    """Nothing came with the time."""
    parts = compared(run(AWAY, 0, 1)).parts
    assert (0.0, DYNAMIC * 50, 0.0) == pytest.approx((parts.temporal_kg, parts.spatial_kg, parts.interaction_kg))


def test_a_wait_at_home_is_all_time() -> None:
    """With what suspends cost: they are of the time."""
    made = compared(run(HOME, 2, 2.5, ended_by="plan"), run(HOME, 4, 4.5), home_h=1.0)
    parts = made.parts
    assert (made.difference.central_kg, 0.0, 0.0) == (parts.temporal_kg, parts.spatial_kg, parts.interaction_kg)
    assert DYNAMIC * 300 == pytest.approx(parts.temporal_kg)


def test_a_move_to_another_time_and_place_has_all_three() -> None:
    """Home at its own time 400, home then 100, quebec at home's time 10, quebec then 30."""
    parts = compared(run(AWAY, 2, 3), home_h=1.0).parts
    assert tuple(DYNAMIC * g for g in (300, 390, 400 - 30 - 300 - 390)) == pytest.approx(
        (parts.temporal_kg, parts.spatial_kg, parts.interaction_kg)
    )


ENDS: Sequence[EndedBy] = ("plan", "infrastructure", "itself")
ATTEMPTS = st.lists(
    st.tuples(st.sampled_from([HOME, AWAY]), st.integers(0, 8), st.sampled_from(ENDS)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=50, deadline=None)
@given(rows=ATTEMPTS, home_h=st.floats(0, 20))
def test_the_parts_sum_to_the_difference(rows: Sequence[tuple[Cluster, int, EndedBy]], home_h: float) -> None:
    """Whatever happened: suspends, repeats, moves there and back, copies of checkpoints."""
    job = make_job(checkpoint={"gb": 10}, interruptible={"checkpoint": "6m", "restart": "6m"})
    attempts = [
        replace(run(cluster, 10 * n + 1, 10 * n + 1 + hours, reserved=(10 * n, 10 * n + 9.5)), ended_by=ended_by)
        for n, (cluster, hours, ended_by) in enumerate(rows)
    ]
    history = make_history(attempts, job=job)
    made = compare(history, GRID, laid(history, home_h), None)
    parts = made.parts
    assert made.difference.central_kg == pytest.approx(
        parts.temporal_kg + parts.spatial_kg + parts.interaction_kg, abs=1e-9
    )
    if all(each.cluster is HOME for each in attempts):
        assert 0.0 == parts.spatial_kg


# The second counterfactual


def test_the_projects_history_lays_the_work_by_its_shares_after_its_delay() -> None:
    """Three quarters in Quebec and one at home, an hour after it might have started."""
    made = compared(run(AWAY, 0, 1), reference=habits((HOME, 0.25), (AWAY, 0.75), delay_h=1.0))
    assert made.second is not None
    assert DYNAMIC * (0.25 * 400 + 0.75 * 10 - 50) == pytest.approx(made.second.central_kg)
    assert ("", True) == (made.no_second, made.agreed)


def test_a_history_that_says_the_opposite_allows_no_claim() -> None:
    """Home would have emitted more, and the project's habit less."""
    made = compared(run(AWAY, 0, 1), reference=habits((AWAY, 1.0), delay_h=1.0))
    assert made.second is not None
    assert (True, True, False) == (made.difference.central_kg > 0, made.second.central_kg < 0, made.agreed)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (None, "no GPU-hours in the reference period"),
        (habits((HOPPER, 1.0)), "also used toronto: other hardware"),
        (habits((make_cluster("small", gpus=4), 1.0)), "small, which never has the GPUs"),
        (habits((make_cluster("far", "PL"), 1.0)), "no intensity of zone PL"),
    ],
)
def test_a_history_that_cannot_be_laid_out_says_why(reference: Reference | None, why: str) -> None:
    """And leaves the first counterfactual alone."""
    made = compared(run(AWAY, 0, 1), reference=reference)
    assert (None, True) == (made.second, made.agreed)
    assert why in made.no_second


def test_no_difference_contradicts_nobody() -> None:
    """Only two opposite signs do."""
    one = Difference(central_kg=1, p5_kg=0, p50_kg=1, p95_kg=2, baseline_kg=3)
    assert (True, True, False) == tuple(agreed(one, other) for other in (None, replace(one, central_kg=0), _minus(one)))


def test_jobs_together_agree_or_not_by_their_sums() -> None:
    """Over those that have both counterfactuals: one that has no history speaks neither for nor against."""
    for_it = compared(run(AWAY, 0, 1), reference=habits((HOME, 1.0)))
    against = compared(run(AWAY, 1, 2), reference=habits((AWAY, 1.0), delay_h=4.0))
    silent = compared(run(AWAY, 0, 1))
    assert (True, True, True) == (all_agree([]), all_agree([for_it]), all_agree([silent, for_it]))
    more = compared(run(AWAY, 0, 10), reference=habits((AWAY, 1.0), delay_h=1.0))
    assert (False, False) == (all_agree([more]), all_agree([silent, more, against]))


def _minus(difference: Difference) -> Difference:
    """Its opposite."""
    return replace(difference, central_kg=-difference.central_kg)


# What is asked for


def test_a_comparison_says_which_hours_of_which_zones_it_needs() -> None:
    """Where it ran, home's own time there and here, and where its project used to run."""
    history = make_history([run(AWAY, 30, 32)])
    asked = set(worlds(history, at(3), habits((HOPPER, 0.5), (make_cluster("polish", "PL"), 0.5), delay_h=1.0)))
    assert {("CA-QC", at(30), at(32)), ("CA-QC", at(3), at(5)), ("FR", at(3), at(5)), ("PL", at(1), at(3))} == asked
    assert [] == list(worlds(make_history([]), None, None))


def test_a_job_that_home_could_not_take_asks_for_what_it_used() -> None:
    """There is nothing else to price."""
    history = make_history([run(AWAY, 30, 32)])
    assert [("CA-QC", at(30), at(32))] == list(worlds(history, None, None))


def test_coverage_is_that_of_the_side_of_which_less_is_known() -> None:
    """Half of home's hours are a gap."""
    history = make_history([run(AWAY, 0, 2)])
    grid = {**GRID, "FR": make_series("FR", [100, float("nan")] * 60)}
    assert (1.0, 0.5) == (coverage(history, laid(history), GRID), coverage(history, laid(history), grid))


def test_a_comparison_names_its_basis_and_sources() -> None:
    """Two columns on two bases are told apart."""
    made = compared(run(AWAY, 0, 1))
    assert ("average lifecycle consumption CO2e", ("table.csv (ODbL 1.0)",)) == (str(made.basis), made.sources)
