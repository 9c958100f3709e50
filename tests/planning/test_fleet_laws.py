"""The laws of the fleet planner, on small fleets of every shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.planning.fleet.fleet import Fleet
from scheduler.planning.fleet.planner import FleetPlan, plan_fleet
from scheduler.planning.fleet.segments import problem_of
from scheduler.problem.exact import best_draft
from tests.planning.fleet_worlds import cheapest_of_all, fits, small_fleet

seeds = st.integers(0, 2**32 - 1)


def planned(on: Fleet, **given: object) -> FleetPlan:
    """A plan of few tries."""
    return plan_fleet(on, **({"tries": 5, "gap": 0.0} | given))  # type: ignore[arg-type]  # keywords of plan_fleet


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_more_is_never_taken_than_is_there(seed: int) -> None:
    """At every instant each cluster has the GPUs that run there, and those that are kept meanwhile."""
    on = small_fleet(seed, jobs=8)
    assert fits(on, planned(on).places)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_the_bound_lies_under_the_cost(seed: int) -> None:
    """No set of reservations costs less than the bound, so the one that was found does not."""
    found = planned(small_fleet(seed, jobs=8))
    assert found.bound_g <= found.cost_g


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_bound_lies_under_the_best_of_all_choices(seed: int) -> None:
    """On three jobs every choice of placements is tried, and none costs less than the bound."""
    on = small_fleet(seed, jobs=3, slots=4)
    found = planned(on, tries=0)
    if not (found.late or found.unplaced):
        assert found.bound_g <= cheapest_of_all(on) * (1 + 1e-9)


def test_plans_are_near_the_best_of_all_choices() -> None:
    """Over twelve fleets of three jobs the plans cost at most a tenth more than the best choices."""
    cost_g = best_g = 0.0
    for seed in range(12):
        on = small_fleet(seed, jobs=3, slots=4)
        found = planned(on, tries=60)
        if not (found.late or found.unplaced):
            cost_g, best_g = cost_g + found.cost_g, best_g + cheapest_of_all(on)
    assert 0 < cost_g <= 1.1 * best_g


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_one_job_alone_costs_what_the_exact_planner_says(seed: int) -> None:
    """Where nobody else needs room the fleet's plan is that of one job, and its own bound."""
    on = small_fleet(seed, jobs=1)
    posed = problem_of(on, on.jobs[0])
    draft = None if posed is None else best_draft(posed)
    found = planned(on)
    if draft is None:
        assert found.late or found.unplaced
        return
    assert draft.cost_g == pytest.approx(found.cost_g, rel=1e-9)
    assert draft.cost_g == pytest.approx(found.bound_g, rel=1e-6)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_a_job_with_a_reservation_keeps_its_deadline_when_others_come(seed: int) -> None:
    """Whoever was on time is on time in every later plan, however many are added."""
    on = small_fleet(seed, jobs=8)
    before = replace(on, jobs=on.jobs[:4])
    first = planned(before)
    known = {each.id: each for each in before.jobs}
    held = tuple(
        replace(each, incumbent=first.places[each.id]) if each.id in first.places else each for each in on.jobs
    )
    later = planned(replace(on, jobs=held))
    on_time = set(first.places) - set(first.late)
    assert all(later.places[name].finish_h <= known[name].deadline_h + 1e-9 for name in on_time)
    assert not on_time & set(later.late)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_a_change_of_reservations_gains_more_than_its_changes_must(seed: int) -> None:
    """Together the reservations that are replaced gain at least 2 % of each, or 0.05 kg where that is more."""
    on = small_fleet(seed, jobs=6)
    first = planned(on, tries=0)
    if first.late or first.unplaced:
        return
    held = tuple(replace(each, incumbent=first.places[each.id]) for each in on.jobs)
    later = planned(replace(on, jobs=held), tries=30)
    changed = [name for name, place in later.places.items() if place.stretches != first.places[name].stretches]
    needed_g = sum(max(0.02 * first.places[name].cost_g, 50.0) for name in changed)
    assert later.cost_g <= first.cost_g - needed_g + 1e-6


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_seed_says_it_all(seed: int) -> None:
    """The same fleet and seed make the same plan."""
    on = small_fleet(seed, jobs=6)
    assert planned(on, seed=3).places == planned(on, seed=3).places


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_plan_on_the_last_prices_keeps_a_valid_bound(seed: int) -> None:
    """With only one job solved again the bound still lies under the cost, and nothing more is taken than is there."""
    on = small_fleet(seed, jobs=6)
    first = planned(on)
    if first.late or first.unplaced:
        return
    held = tuple(replace(each, incumbent=first.places[each.id]) for each in on.jobs)
    changed = (*held[:-1], replace(held[-1], work_h=held[-1].work_h / 2, incumbent=None))
    again = replace(on, jobs=changed)
    later = planned(again, warm=first.warm, dirty={changed[-1].id})
    assert later.bound_g <= later.cost_g
    assert later.bound_g <= planned(again).cost_g
    assert fits(again, later.places)


def test_time_that_is_up_still_leaves_a_feasible_plan() -> None:
    """Without any time left every job has its reservation all the same."""
    on = small_fleet(7, jobs=8)
    found = planned(on, left=lambda: False)
    assert fits(on, found.places)
    assert {each.id for each in on.jobs} == {*found.places, *found.unplaced}
    assert np.isfinite(found.cost_g)
