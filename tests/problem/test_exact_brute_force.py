"""The exact planner finds what trying everything finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from scheduler.problem.exact import cheapest
from scheduler.problem.feasible import violations
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from tests.problem.brute_force import SECOND_H, brute_force
from tests.problem.strategies import small_problems


def agree(posed: Problem) -> None:
    """Both find the same price, or nothing; what the planner returns is feasible."""
    best, found = brute_force(posed), cheapest(posed)
    assert (best is None) == (found is None)
    if best is None or found is None:
        return
    assert violations(posed, found) == ()
    priced = price(posed, found)
    assert priced.unpriced_gpu_h == pytest.approx(best.unpriced_gpu_h, abs=posed.gpus * SECOND_H)
    kg, best_kg = priced.objective_kg(posed.objective), best.objective_kg(posed.objective)
    if best.unpriced_gpu_h > SECOND_H:  # plans within a second of the least count as equal: one of them may be cheaper
        assert kg <= best_kg + 1e-9
    else:
        assert kg == pytest.approx(best_kg, abs=1e-9)


@settings(max_examples=120, deadline=None)
@given(small_problems())
def test_exact_planner_equals_brute_force(posed: Problem) -> None:
    """On every small problem the optimum is that of full enumeration."""
    agree(posed)


@settings(max_examples=60, deadline=None)
@given(small_problems(gaps=True, slots=4))
def test_exact_planner_equals_brute_force_with_unknown_rates(posed: Problem) -> None:
    """Where rates are unknown, unpriced hours are least first and the cost second."""
    agree(posed)
