"""The default policy: the exact optimum, and what a saving must be worth."""

from __future__ import annotations

import pytest

from policies.carbon_aware import CarbonAware
from scheduler.domain.errors import Infeasible
from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import problem, stretches, surface

NAN = float("nan")
RULES = Interruption()


def placed(posed: Problem) -> tuple[tuple[str, float, float], ...]:
    """What the policy does."""
    return stretches(posed.surface, CarbonAware().place(posed))


def test_it_takes_the_optimum_over_place_time_and_suspends() -> None:
    """Away, then home when that is clean."""
    on = surface({"home": [9.0, 9.0, 1.0], "away": [2.0, 9.0, 9.0]})
    assert placed(problem(on, 2, interruption=RULES)) == (("away", 0, 1), ("home", 2, 3))
    assert placed(problem(on, 2)) == (("home", 1, 3),)


@pytest.mark.parametrize(("least", "start"), [(0.0, 1.0), (9.9, 1.0), (10.0, 1.0), (10.1, 0.0), (99.0, 0.0)])
def test_a_wait_must_save_enough(least: float, start: float) -> None:
    """Waiting an hour saves ten percent of starting now."""
    posed = problem(surface({"a": [10.0, 9.0]}), 1, min_saving_pct=least)
    assert placed(posed) == (("a", start, start + 1),)


@pytest.mark.parametrize(("least", "cluster"), [(0.0, "away"), (20.0, "away"), (20.1, "home")])
def test_leaving_home_must_save_enough(least: float, cluster: str) -> None:
    """Away saves a fifth of home now."""
    posed = problem(surface({"home": [10.0], "away": [8.0]}), 1, min_saving_pct=least)
    assert placed(posed) == ((cluster, 0, 1),)


def test_a_wait_is_measured_against_the_best_start_now_not_against_home() -> None:
    """Away now is at 8, away later at 7.9: the wait is not worth 5 percent, leaving home is."""
    posed = problem(surface({"home": [10.0, 10.0], "away": [8.0, 7.9]}), 1, min_saving_pct=5.0)
    assert placed(posed) == (("away", 0, 1),)


def test_a_suspend_must_save_enough() -> None:
    """Skipping the hour at 14 saves a sixth, and 30 percent are asked."""
    on = surface({"a": [10.0, 14.0, 10.0]})
    assert placed(problem(on, 2, interruption=RULES)) == (("a", 0, 1), ("a", 2, 3))
    assert placed(problem(on, 2, interruption=RULES, min_saving_pct=30.0)) == (("a", 0, 2),)


def test_without_home_only_the_start_now_is_compared() -> None:
    """The cheapest cluster now is the reference."""
    posed = problem(surface({"x": [10.0, 10.0], "y": [8.0, 7.9]}), 1, home=None, min_saving_pct=5.0)
    assert placed(posed) == (("y", 0, 1),)


def test_a_reference_that_keeps_no_deadline_asks_nothing() -> None:
    """Starting now in one piece is impossible, so whatever works is worth it."""
    on = surface({"home": [1.0, 1.0, 1.0], "away": [50.0] * 3}, capacity={"home": [1, 0, 1], "away": [0, 0, 0]})
    posed = problem(on, 2, interruption=RULES, min_saving_pct=50.0)
    assert placed(posed) == (("home", 0, 1), ("home", 2, 3))


def test_an_unpriced_reference_asks_nothing() -> None:
    """A saving that cannot be told is not refused on a guess."""
    posed = problem(surface({"a": [NAN, 9.0]}), 1, min_saving_pct=50.0)
    assert placed(posed) == (("a", 1, 2),)


def test_infeasible_says_what_to_relax() -> None:
    """By how much, and until when."""
    with pytest.raises(Infeasible) as caught:
        CarbonAware().place(problem(surface({"a": [1.0, 1.0]}), 2.5, interruption=RULES))
    assert caught.value.hint == "extend the deadline by 30m, to 2026-03-01T02:30:00Z"
