"""The bound that leaves pauses free: under every plan, and met where pauses are free."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from policies.elastic import Elastic
from scheduler.problem.exact import best_draft
from scheduler.problem.free import least_free_g
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem, Width
from tests.problem.strategies import small_problems
from tests.surfaces import problem, surface

NAN = float("nan")
SOME = {"a": [5.0, 1.0, 4.0, 2.0], "b": [3.0, 6.0, 1.0, 9.0]}


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_it_lies_under_the_optimum(posed: Problem) -> None:
    """With every constraint that the planner knows."""
    optimum, least_g = best_draft(posed), least_free_g(posed)
    if optimum is not None:
        assert least_g is not None
        assert least_g <= optimum.cost_g + 1e-9


def test_it_is_met_where_pauses_and_moves_are_free() -> None:
    """Three hours at 1, 1 and 2."""
    assert least_free_g(problem(surface(SOME), 3)) == pytest.approx(4.0)


def test_hours_without_intensity_or_room_and_before_the_earliest_start_do_not_count() -> None:
    """The 1s are unknown, full, or too early."""
    on = surface({"a": [1.0, NAN, 7.0, 1.0, 5.0]}, capacity={"a": [8, 8, 8, 0, 8]})
    assert least_free_g(problem(on, 1, earliest_h=1.0)) == pytest.approx(5.0)


def test_every_width_counts() -> None:
    """Two GPUs that do three times the work are cheaper than one."""
    one = problem(surface(SOME), 3, interruption=Interruption())
    wide = replace(one, widths=(Width(gpus=2, speed=3.0, rows=(0, 1)),))
    placed = price(wide, Elastic().place(wide)).emissions.total * 1000
    least_g = least_free_g(wide)
    assert least_g is not None
    assert least_g == pytest.approx(placed) == pytest.approx(2.0)


def test_there_is_none_where_nothing_can_run() -> None:
    """No hour known, or no time left."""
    assert least_free_g(problem(surface({"a": [NAN, NAN]}), 1)) is None
    assert least_free_g(problem(surface({"a": [1.0]}), 1, 0.0)) is None
