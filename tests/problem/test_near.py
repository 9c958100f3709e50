"""The quick planner of pieces: feasible, priced as it says, and never under what it says that none costs less than."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.problem.exact import best_draft
from scheduler.problem.feasible import violations
from scheduler.problem.grid import grid
from scheduler.problem.near import Near, nearly_best
from scheduler.problem.pieces import GoesOn, is_simple, pieces_on
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from tests.problem.strategies import small_problem
from tests.surfaces import problem, surface

DAY = [9.0, 8, 2, 2, 3, 9, 9, 9, 1, 1, 2, 8, 9, 9, 9, 9, 4, 3, 3, 9, 9, 9, 9, 9]


def simple_problem(seed: int) -> Problem:
    """A job that may be suspended, of any shape, where checkpoints are at once wherever they can be."""
    dice = Random(seed)
    posed = small_problem(dice, gaps=False, slots=8)
    count = len(posed.surface.clusters)
    ways = np.array([[dice.choice([0.0, np.inf]) for _ in range(count)] for _ in range(count)])
    np.fill_diagonal(ways, 0.0)
    if dice.random() < 0.5:
        ways[~np.eye(count, dtype=bool)] = np.inf
    calm = replace(posed.surface, move_h=ways, move_g=np.zeros(posed.surface.move_g.shape))
    rules = replace(posed.interruption or Interruption(), max_moves=None)
    return replace(posed, surface=calm, interruption=rules)


SIMPLE = st.integers(0, 2**32 - 1).map(simple_problem)


def near_of(posed: Problem, goes_on: GoesOn | None = None) -> Near:
    """What is found on all clusters together."""
    on = grid(posed)
    assert on is not None
    return nearly_best(pieces_on(posed, on, np.arange(len(posed.surface.clusters)), goes_on), np.inf)


@settings(max_examples=100, deadline=None)
@given(SIMPLE)
def test_bound_is_under_the_optimum_and_the_plan_over_it(posed: Problem) -> None:
    """Where the optimum is suspended it costs the bound at least; the plan is feasible, and costs what it says."""
    assert is_simple(posed)
    best, near = best_draft(posed), near_of(posed)

    if best is not None and best.suspends > 0:
        assert near.least_g <= best.cost_g * (1 + 1e-9) + 1e-9
    if near.draft is not None:
        placed = near.draft.placement(posed)
        assert violations(posed, placed) == ()
        assert 1000 * price(posed, placed).objective_kg(posed.objective) == pytest.approx(near.draft.cost_g, abs=1e-6)
        assert near.least_g <= near.draft.cost_g * (1 + 1e-9) + 1e-9


def wavy_problem(seed: int) -> Problem:
    """A job of two days of hours on two clusters, one of them taken now and then."""
    dice = Random(seed)
    rates = {name: [rate * dice.uniform(0.8, 1.2) for rate in DAY * 2] for name in ("a", "b")}
    shut = [int(dice.random() < 0.85) for _ in DAY * 2]
    move_h = 0.0 if dice.random() < 0.5 else np.where(np.eye(2, dtype=bool), 0.0, np.inf).tolist()
    hold = {"a": 0.2} if dice.random() < 0.5 else {}
    on = surface(rates, restart=1 / 6, capacity={"b": shut}, move_h=move_h, hold=hold)
    return problem(on, round(dice.uniform(8, 16), 2), interruption=Interruption(checkpoint_h=0.05))


def test_plans_of_wavy_days_are_near_the_optimum() -> None:
    """They are over the optima by half a per cent in the mean, and their bounds are under them by two."""
    over, under = [], []
    for seed in range(30):
        posed = wavy_problem(seed)
        best, near = best_draft(posed), near_of(posed)
        assert best is not None
        assert near.draft is not None
        over.append(near.draft.cost_g / best.cost_g - 1)
        under.append(1 - near.least_g / best.cost_g)

    assert np.mean(over) < 0.005
    assert np.mean(under) < 0.02


def test_hand_case_runs_the_cheap_hours() -> None:
    """Two valleys of three hours with a dear one between: both are run, from the first on, and the last is cut."""
    on = surface({"a": [9, 2, 2, 2, 9, 9, 1, 1, 1, 9]}, restart=0.25)
    near = near_of(problem(on, 5.0, interruption=Interruption()))

    assert near.draft is not None
    assert near.draft.stretches == ((0, 1.0, 4.0), (0, 6.0, 8.25))
    assert near.draft.cost_g == pytest.approx(3 * 2 + 2.25)


@pytest.mark.parametrize(("most", "suspends"), [(None, 2), (1, 1)])
def test_limit_of_suspends_is_kept(most: int | None, suspends: int) -> None:
    """Three valleys are run where nobody counts, two where one suspend is allowed."""
    on = surface({"a": [1, 9, 1, 9, 1, 9, 9, 9]})
    near = near_of(problem(on, 3.0, interruption=Interruption(max_suspends=most)))

    assert near.draft is not None
    assert near.draft.suspends == suspends


def test_run_that_goes_on_is_suspended_later() -> None:
    """It goes on from now, for the least time that is asked, though an hour of now is dear."""
    on = surface({"a": [5, 9, 9, 9, 1, 1, 1], "b": [1] * 7}, move_h=[[0.0, float("inf")], [float("inf"), 0.0]])
    near = near_of(problem(on, 3.0, interruption=Interruption()), GoesOn(row=0, least_h=0.5))

    assert near.draft is not None
    assert near.draft.stretches == ((0, 0.0, 1.0), (0, 4.0, 6.0))


def test_search_ends_where_nothing_can_be_worth_it() -> None:
    """No plan is sought where the bound says that all cost as much."""
    on = surface({"a": DAY})
    posed = problem(on, 5.0, interruption=Interruption())
    at = grid(posed)
    assert at is not None

    near = nearly_best(pieces_on(posed, at, np.array([0])), 1.0)

    assert near.draft is None
    assert near.least_g >= 1.0


@pytest.mark.parametrize(
    "changed",
    [{"interruption": None}, {"interruption": Interruption(max_moves=1)}, {"surface": {"move_h": 1.0}}],
    ids=["never suspended", "moves counted", "moves take time"],
)
def test_what_is_not_simple(changed: dict[str, object]) -> None:
    """A job that may not be suspended, one whose moves are counted, and ways that take time are left to the search."""
    move_h = changed.get("surface", {"move_h": 0.0})
    on = surface({"a": DAY, "b": DAY}, **move_h)  # type: ignore[arg-type]  # the hours of every way
    rules = changed.get("interruption", Interruption())

    assert not is_simple(problem(on, 5.0, interruption=rules))
