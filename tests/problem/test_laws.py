"""What holds of the exact optimum whatever the numbers."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.problem.exact import best_draft, cheapest
from scheduler.problem.feasible import violations
from scheduler.problem.narrow import only_on
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import Surface
from scheduler.problem.ways import by_slot, weighted
from tests.problem.strategies import small_problems
from tests.surfaces import problem, surface

LAW = settings(max_examples=100, deadline=None)
NEVER = float("inf")


def optimum_g(posed: Problem) -> float:
    """The least cost, inf where nothing fits. [g]"""
    draft = best_draft(posed)
    return NEVER if draft is None else draft.cost_g


def is_no_worse(better: Problem, than: Problem) -> None:
    """The first problem's optimum is at most the second's, up to rounding."""
    assert optimum_g(better) <= optimum_g(than) * (1 + 1e-9) + 1e-9


@LAW
@given(small_problems(slots=9), st.floats(0.1, 1.0))
def test_longer_deadline_never_worsens_the_optimum(posed: Problem, share: float) -> None:
    """Every plan that keeps the earlier deadline keeps the later one."""
    earlier = replace(posed, deadline_h=max(posed.earliest_h, 0.01) + share * posed.deadline_h)
    assume(earlier.deadline_h <= posed.deadline_h)
    is_no_worse(posed, earlier)


@LAW
@given(small_problems(slots=9))
def test_another_allowed_cluster_never_worsens_the_optimum(posed: Problem) -> None:
    """What was possible without it stays possible."""
    is_no_worse(posed, only_on(posed, range(len(posed.surface.clusters) - 1)))


@LAW
@given(small_problems(slots=9), st.integers(1, 2))
def test_more_capacity_never_worsens_the_optimum(posed: Problem, more: int) -> None:
    """Free GPUs force nothing."""
    is_no_worse(replace(posed, surface=replace(posed.surface, capacity=posed.surface.capacity + more)), posed)


@LAW
@given(small_problems(slots=9), st.floats(0.0, 0.9))
def test_smaller_overheads_never_worsen_the_optimum(posed: Problem, factor: float) -> None:
    """Shorter restart, checkpoint, travel and least segment, and lighter transfers."""
    on, rules = posed.surface, posed.interruption or Interruption()
    lighter = replace(
        on,
        restart_h=on.restart_h * factor,
        move_h=on.move_h * max(factor, 0.1),
        move_g=weighted(on.move_g, scale=factor, unknown_g=0.0),
    )
    shorter = replace(
        rules, checkpoint_h=rules.checkpoint_h * factor, min_segment_h=rules.min_segment_h * factor, max_suspends=None
    )
    interruption = None if posed.interruption is None else shorter
    is_no_worse(replace(posed, surface=lighter, interruption=interruption), posed)


@LAW
@given(small_problems(slots=6))
def test_more_edges_never_worsen_the_optimum(posed: Problem) -> None:
    """Each slot cut in two at the same rates."""
    is_no_worse(replace(posed, surface=halved(posed.surface)), posed)


def halved(on: Surface) -> Surface:
    """The same surface with an edge in the middle of each slot."""
    edges = np.sort(np.append(on.edges_h, (on.edges_h[1:] + on.edges_h[:-1]) / 2))
    return replace(
        on,
        edges_h=edges,
        run_g={line: g.repeat(2, axis=1) for line, g in on.run_g.items()},
        hold_g={line: g.repeat(2, axis=1) for line, g in on.hold_g.items()},
        capacity=on.capacity.repeat(2, axis=1),
        move_g=by_slot(on.move_g, lambda g: g.repeat(2, axis=-1)),
    )


@LAW
@given(small_problems(slots=9))
def test_the_optimum_is_feasible_and_always_the_same(posed: Problem) -> None:
    """No breach, and the same placement again."""
    found = cheapest(posed)
    assert found == cheapest(posed)
    assert found is None or violations(posed, found) == ()


@LAW
@given(small_problems(slots=9))
def test_the_solver_and_the_price_agree(posed: Problem) -> None:
    """What the solver minimised is what the placement is priced at."""
    draft = best_draft(posed)
    assume(draft is not None)
    assert draft is not None
    priced = price(posed, draft.placement(posed))
    assert draft.cost_g == pytest.approx(1000 * priced.objective_kg(posed.objective), abs=1e-5)


STEPS_MIN = (5, 15, 30, 60)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3.0))
def test_carbon_aware_is_no_worse_than_a_window_and_a_window_than_now(seed: int, work_h: float) -> None:
    """With zones of 5, 15, 30 and 60 minutes side by side and a duration off the grid."""
    dice = Random(seed)
    rates = {f"every{m}": np.repeat([float(dice.randint(1, 90)) for _ in range(300 // m)], m // 5) for m in STEPS_MIN}
    on = surface(
        {name: row.tolist() for name, row in rates.items()},
        edges=[minute / 60 for minute in range(0, 301, 5)],
        hold={name: 0.5 for name in rates if dice.random() < 0.5},
        restart=0.05,
        move_g=2.0,
    )
    posed = problem(on, work_h, interruption=Interruption(checkpoint_h=0.01), home=dice.randrange(len(rates)))
    aware, window, now = (
        price(posed, policy.place(posed)).objective_kg("lifecycle")
        for policy in (CarbonAware(), LowestCarbonWindow(), RunNow())
    )
    assert aware <= window * (1 + 1e-9)
    assert window <= now * (1 + 1e-9)


@LAW
@given(st.lists(st.lists(st.integers(1, 99), min_size=12, max_size=12), min_size=1, max_size=3), st.integers(1, 12))
def test_without_overheads_the_optimum_is_the_sum_of_the_cheapest_slots(rates: list[list[int]], work_h: int) -> None:
    """Released nodes, free restarts and free moves: take the cleanest cluster of each slot, and the cleanest slots."""
    on = surface({f"c{number}": [float(g) for g in row] for number, row in enumerate(rates)})
    cheapest_slots = np.sort(np.array(rates).min(axis=0))[:work_h].sum()
    assert optimum_g(problem(on, float(work_h), interruption=Interruption())) == pytest.approx(cheapest_slots)
