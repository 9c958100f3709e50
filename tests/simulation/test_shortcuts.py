"""What a replay leaves out or makes coarser: never more than it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from scheduler.domain.errors import Infeasible
from scheduler.problem.feasible import violations
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from scheduler.simulation.bill import bill
from scheduler.simulation.coarser import coarser
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.job import Job
from scheduler.simulation.prices import Prices
from scheduler.simulation.replay import replay
from scheduler.simulation.table import US_PER_H
from scheduler.simulation.whole import in_one_piece
from tests.simulation.replay_worlds import pausing, request, world

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


@settings(max_examples=30, deadline=None)
@given(at_h=st.floats(0, 60), hours=st.floats(0.3, 12), paused=st.sampled_from(["off", "held"]))
def test_a_price_by_running_sums_is_the_bill(at_h: float, hours: float, paused: str) -> None:
    """On what came, a plan costs what it is billed."""
    on = world(paused_nodes=paused)
    one = pausing(request(at_h=round(at_h, 3), hours=round(hours, 3)))
    runs = replay(on, [one], CarbonAware(), Perfect(on.table))

    cost_g = Prices(on, 0, on.table.g_per_kwh).cost_g(one, runs[0].stretches, 0)

    assert cost_g == pytest.approx(1000 * bill(on, [one], runs).total_kg[0])
