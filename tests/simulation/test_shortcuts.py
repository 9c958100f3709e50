"""What a replay leaves out or makes coarser: never more than it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from scheduler.domain.errors import Infeasible
from scheduler.problem.feasible import violations
from scheduler.problem.hysteresis import least_gain_kg
from scheduler.problem.pieces import GoesOn
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import Floats
from scheduler.problem.window import best_start
from scheduler.simulation.bill import bill
from scheduler.simulation.coarser import coarser
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.job import Job
from scheduler.simulation.pausing import Enough, near_enough, paused_later
from scheduler.simulation.prices import Prices
from scheduler.simulation.replay import replay
from scheduler.simulation.table import US_PER_H, table_of
from scheduler.simulation.whole import in_one_piece
from scheduler.simulation.world import World
from tests.simulation.replay_worlds import cluster, pausing, request, series, world

TAKEN = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 20), st.floats(0.5, 9)), max_size=5)


def posed(at_h: float, hours: float, restart_h: float, paused: str, taken: list[tuple[int, float, float]]) -> Problem:
    """A job that may be suspended, beside what others have taken."""
    on = world(paused_nodes=paused)
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3), gpus=16), restart_h=round(restart_h, 2))
    free = on.free()
    for row, start_h, lasting_h in taken:
        start_us = int((at_h + start_h) * US_PER_H)
        if free[row].fits(start_us, start_us + int(lasting_h * US_PER_H), 8):
            free[row].take(start_us, start_us + int(lasting_h * US_PER_H), 8)
    left = Job.of(0, one, 1, on.table.us(one.deadline)).left(on.table.us(one.submitted), stopped=True)
    first = left.now_us // on.table.step_us
    return on.problem(one, left, free, Perfect(on.table).course(first, on.table.slots - first))


POSED = given(
    at_h=st.floats(0, 60), hours=st.floats(0.3, 12), restart_h=st.floats(0, 1), taken=TAKEN,
    paused=st.sampled_from(["off", "held", "idle"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@POSED
def test_no_plan_with_a_suspend_is_under_the_bound(
    at_h: float, hours: float, restart_h: float, taken: list[tuple[int, float, float]], paused: str
) -> None:
    """Where the optimum is suspended it costs the bound at least; where nothing is said to fit, nothing does."""
    problem = posed(at_h, hours, restart_h, paused, taken)
    found = in_one_piece(problem)
    assert found is not None
    try:
        best = CarbonAware().place(problem)
    except Infeasible:
        assert found.window is None
        return

    assert not found.nothing
    if len(best.segments) > 1:
        cost_g = 1000 * price(problem, best).objective_kg("lifecycle")
        assert found.paused_g <= cost_g * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@POSED
def test_a_plan_on_longer_slots_is_one_on_the_finer_ones(
    at_h: float, hours: float, restart_h: float, taken: list[tuple[int, float, float]], paused: str
) -> None:
    """It breaks no constraint there."""
    problem = posed(at_h, hours, restart_h, paused, taken)
    longer = coarser(problem, 10)
    try:
        plan = CarbonAware().place(longer)
    except Infeasible:
        return

    assert len(longer.surface.slot_h) <= len(problem.surface.slot_h)
    assert [] == list(violations(problem, plan))


@settings(max_examples=60, deadline=None)
@POSED
def test_a_plan_that_is_near_enough_is_as_near_as_one_stays(
    at_h: float, hours: float, restart_h: float, taken: list[tuple[int, float, float]], paused: str
) -> None:
    """It breaks nothing, is no worse than the best run in one piece, and the optimum gains less than a change needs."""
    problem = posed(at_h, hours, restart_h, paused, taken)
    found = in_one_piece(problem)
    assert found is not None
    enough = near_enough(problem, found)
    near = enough.draft
    if near is None or not enough.is_enough:
        return
    best = CarbonAware().place(problem)

    cost_g = 1000 * price(problem, near.placement(problem)).objective_kg("lifecycle")
    best_g = 1000 * price(problem, best).objective_kg("lifecycle")
    assert [] == list(violations(problem, near.placement(problem)))
    assert cost_g == pytest.approx(near.cost_g)
    assert found.window is None or cost_g <= found.window.cost_g * (1 + 1e-9)
    assert cost_g - best_g <= 1000 * least_gain_kg(cost_g / 1000) * (1 + 1e-9)


def test_no_suspend_is_sought_that_would_be_of_no_use() -> None:
    """Where a plan with a suspend would have to cost nothing, the best run in one piece is enough."""
    problem = posed(13.0, 8.0, 0.1, "off", [])
    found = in_one_piece(problem)
    assert found is not None

    assert near_enough(problem, found).draft is not found.window
    assert Enough(draft=found.window, is_enough=True) == near_enough(problem, found, 0.0)


@settings(max_examples=60, deadline=None)
@POSED
def test_a_run_is_suspended_only_where_that_gains_enough(
    at_h: float, hours: float, restart_h: float, taken: list[tuple[int, float, float]], paused: str
) -> None:
    """The plan goes on from now for the least time, breaks nothing, and betters going on by what a change needs."""
    problem = posed(at_h, hours, restart_h, paused, taken)
    if problem.surface.capacity[1, 0] < problem.gpus:
        return
    plan = paused_later(problem, GoesOn(row=1, least_h=0.5))
    if plan is None:
        return

    first = plan.segments[0]
    assert ("berlin", problem.surface.origin) == (first.cluster, first.start)
    assert first.end - first.start >= timedelta(minutes=30)
    assert len(plan.segments) > 1
    assert [] == list(violations(problem, plan))
    whole = best_start(problem, np.array([1]), np.zeros(1))
    if whole is not None:
        cost_g = 1000 * price(problem, plan).objective_kg("lifecycle")
        assert cost_g <= whole.cost_g - 1000 * least_gain_kg(whole.cost_g / 1000)


class Surprise:
    """A forecast that says from the second hour on that the hours from the third to the twentieth are dirty."""

    name = "a test"

    def course(self, first: int, count: int) -> Floats:
        """What is said at the start of hour `first`. [g/kWh]"""
        hour = first + np.arange(count)
        return np.where((first >= 2) & (hour >= 3) & (hour < 20), 900.0, 100.0)[None]


@pytest.mark.parametrize(("least_h", "until_h"), [(0.0, 3), (6.0, 6)])
def test_a_run_is_suspended_no_sooner_than_its_segment_is_long(least_h: float, until_h: int) -> None:
    """What it has run counts towards the least length."""
    on = World([cluster("berlin", "DE")], table_of({"DE": series("DE", [100.0] * 72)}))
    one = pausing(request(hours=10.0), restart_h=0.1)
    one = replace(one, interruption=Interruption(min_segment_h=least_h))

    (run,) = replay(on, [one], CarbonAware(), Surprise(), passes=tuple(hour * US_PER_H for hour in range(72)))

    assert (0, 0, until_h * US_PER_H) == run.stretches[0]
    assert run.stretches[1][1] == 20 * US_PER_H


@settings(max_examples=30, deadline=None)
@given(at_h=st.floats(0, 60), hours=st.floats(0.3, 12), paused=st.sampled_from(["off", "held"]))
def test_a_price_by_running_sums_is_the_bill(at_h: float, hours: float, paused: str) -> None:
    """On what came, a plan costs what it is billed."""
    on = world(paused_nodes=paused)
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3)))
    runs = replay(on, [one], CarbonAware(), Perfect(on.table))

    cost_g = Prices(on, 0, on.table.g_per_kwh).cost_g(one, runs[0].stretches, 0)

    assert cost_g == pytest.approx(1000 * bill(on, [one], runs).total_kg[0])
