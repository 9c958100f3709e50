"""Placements with suspends and moves, by hand."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.problem.draft import Draft
from scheduler.problem.dynamic import Memory, best_segments
from scheduler.problem.exact import best_draft, cheapest
from scheduler.problem.feasible import violations
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import Surface
from scheduler.problem.window import best_window
from tests.problem.strategies import small_problems
from tests.surfaces import problem, stretches, surface

RULES = Interruption()


@pytest.mark.parametrize(
    ("restart_h", "cost_g", "segments"),
    [
        (0.0, 2.0, ((0, 0.0, 1.0), (0, 2.0, 3.0))),  # 1 + 1 against 1 + 8 in one piece
        (0.5, 2.5, ((0, 0.0, 1.0), (0, 2.0, 3.5))),  # half an hour of restart at 1
    ],
)
def test_three_slots_with_a_dear_one_between(
    restart_h: float, cost_g: float, segments: tuple[tuple[int, float, float], ...]
) -> None:
    """Two hours of work over 1, 8, 1: the dear hour is skipped where the restart costs less than it."""
    on = surface({"a": [1, 8, 1]}, edges=[0, 1, 2, 4], restart=restart_h)
    posed = problem(on, 2, 3.5, interruption=RULES)
    assert best_draft(posed) == Draft(cost_g=cost_g, stretches=segments)


def test_three_slots_where_the_overhead_does_not_pay() -> None:
    """Over 4, 6, 4 a suspend saves 2 and its restart of half an hour costs 2: in one piece, which is through first."""
    posed = problem(surface({"a": [4, 6, 4]}, edges=[0, 1, 2, 4], restart=0.5), 2, interruption=RULES)
    assert best_draft(posed) == Draft(cost_g=8.0, stretches=((0, 2.0, 4.0),))
    tight = problem(posed.surface, 2, 3.5, interruption=RULES)
    assert best_draft(tight) == Draft(cost_g=9.0, stretches=((0, 1.5, 3.5),))


def test_a_checkpoint_ends_the_suspended_segment_without_progress() -> None:
    """A quarter of an hour of saving is run, paid, and made up for."""
    on = surface({"a": [1, 8, 1]}, edges=[0, 1, 2, 4])
    posed = problem(on, 2, interruption=Interruption(checkpoint_h=0.25))
    assert best_draft(posed) == Draft(cost_g=2.0, stretches=((0, 2.0, 4.0),))
    tight = problem(on, 2, 3.5, interruption=Interruption(checkpoint_h=0.25))
    assert best_draft(tight) == Draft(cost_g=2.25, stretches=((0, 0.0, 1.0), (0, 2.0, 3.25)))


def test_held_nodes_make_a_pause_cost() -> None:
    """At a hold of 8 an hour the pause saves nothing; at 2 it saves 5."""
    rates = {"a": [1.0, 8.0, 1.0]}
    dear = problem(surface(rates, hold={"a": 8.0}), 2, interruption=RULES)
    cheap = problem(surface(rates, hold={"a": 2.0}), 2, interruption=RULES)
    assert best_draft(dear) == Draft(cost_g=9.0, stretches=((0, 0.0, 2.0),))
    assert best_draft(cheap) == Draft(cost_g=4.0, stretches=((0, 0.0, 1.0), (0, 2.0, 3.0)))


def test_held_nodes_need_room_while_paused() -> None:
    """Another job's reservation in the pause rules it out, unless the nodes are given back."""
    room = {"a": [1, 0, 1]}
    held = surface({"a": [1, 8, 1]}, hold={"a": 0.0}, capacity=room)
    released = surface({"a": [1, 8, 1]}, capacity=room)
    assert best_draft(problem(held, 2, interruption=RULES)) is None
    assert best_draft(problem(released, 2, interruption=RULES)) is not None


def test_following_the_grid_pays_for_each_move() -> None:
    """Two clusters that are clean in turn: move while a transfer costs less than the difference."""
    rates = {"a": [1.0, 9.0, 1.0], "b": [9.0, 1.0, 9.0]}
    light = problem(surface(rates, move_g=2.0), 3, interruption=RULES)
    heavy = problem(surface(rates, move_g=9.0), 3, interruption=RULES)
    once = problem(surface(rates, move_g=2.0), 3, interruption=Interruption(max_moves=1))
    assert best_draft(light) == Draft(cost_g=7.0, stretches=((0, 0.0, 1.0), (1, 1.0, 2.0), (0, 2.0, 3.0)))
    assert best_draft(heavy) == Draft(cost_g=11.0, stretches=((0, 0.0, 3.0),))
    assert best_draft(once) == Draft(cost_g=11.0, stretches=((0, 0.0, 3.0),))


def test_a_transfer_leaves_in_the_slot_behind_its_suspend() -> None:
    """Moving at hour 2 is dearer than at hour 1."""
    way = np.zeros((2, 2, 3))
    way[0, 1] = [50.0, 3.0, 40.0]
    on = surface({"a": [1, 1, 90], "b": [90, 2, 2]}, move_g=way.tolist())
    assert best_draft(problem(on, 3, interruption=RULES)) == Draft(cost_g=8.0, stretches=((0, 0.0, 1.0), (1, 1.0, 3.0)))


def test_travel_time_leaves_a_gap() -> None:
    """Half an hour of travel: the resume waits for the next edge."""
    on = surface({"a": [1, 90, 90], "b": [90, 1, 1]}, move_h=0.5)
    assert best_draft(problem(on, 2, interruption=RULES)) == Draft(cost_g=2.0, stretches=((1, 1.0, 3.0),))
    found = cheapest(problem(on, 1.5, 2.5, interruption=RULES, earliest_h=0.0))
    assert found is not None
    assert stretches(on, found) == (("b", 1.0, 2.5),)


def test_least_segment_binds_all_but_the_last() -> None:
    """The first segment lasts two hours, the last half of one."""
    on = surface({"a": [1, 1, 9, 1]})
    posed = problem(on, 2.5, interruption=Interruption(min_segment_h=2))
    assert best_draft(posed) == Draft(cost_g=2.5, stretches=((0, 0.0, 2.0), (0, 3.0, 3.5)))
    longer = problem(on, 2.5, interruption=Interruption(min_segment_h=2.5))
    assert best_draft(longer) == best_window(longer)


@pytest.mark.parametrize(("most", "cost_g"), [(None, 3.0), (2, 3.0), (1, 11.0), (0, 19.0)])
def test_suspends_are_limited(most: int | None, cost_g: float) -> None:
    """Three cheap hours far apart: two suspends, one, none."""
    posed = problem(surface({"a": [1, 9, 9, 1, 9, 9, 1]}), 3, interruption=Interruption(max_suspends=most))
    found = best_draft(posed)
    assert found is not None
    assert found.cost_g == cost_g
    assert most is None or found.suspends <= most


@pytest.mark.parametrize("rules", [Interruption(max_suspends=2), Interruption(max_moves=2)])
def test_a_plan_with_suspends_left_is_not_dropped_for_a_cheaper_one_without(rules: Interruption) -> None:
    """Visiting `b` in hour 1 saves 4 at once, and then the way out of the hours at 99 is gone."""
    on = surface({"a": [1, 5, 1, 99, 99], "b": [90, 1, 90, 1, 1]})
    free = best_draft(problem(on, 5, interruption=RULES))
    assert free is not None
    assert (free.cost_g, free.suspends) == (5.0, 3)
    assert best_draft(problem(on, 5, interruption=rules)) == Draft(cost_g=9.0, stretches=((0, 0.0, 3.0), (1, 3.0, 5.0)))


def test_the_first_start_needs_no_restart() -> None:
    """An hour on `a` is worth starting in, though a restart there would take longer."""
    on = surface({"a": [1] * 3, "b": [1] * 3}, restart={"a": 1.5}, capacity={"a": [1, 0, 0], "b": [0, 1, 1]})
    assert best_draft(problem(on, 3, interruption=RULES)) == Draft(cost_g=3.0, stretches=((0, 0.0, 1.0), (1, 1.0, 3.0)))


def test_the_first_start_may_be_the_earliest_start() -> None:
    """It counts as an edge, so the first segment can use the rest of its slot."""
    on = surface({"a": [1, 9, 1]})
    posed = problem(on, 1.6, interruption=RULES, earliest_h=0.4)
    found = best_draft(posed)
    assert found is not None
    assert found.stretches == ((0, 0.4, 1.0), (0, 2.0, 3.0))
    assert found.cost_g == pytest.approx(1.6)


def test_a_resumed_job_may_move_on_or_wait_on_its_nodes() -> None:
    """Hold since hour 0 on the cluster of the checkpoint, or a transfer away, then both again."""
    rates = {"a": [9.0, 1.0, 9.0, 1.0], "b": [9.0, 9.0, 1.0, 9.0]}
    stays = problem(surface(rates, hold={"a": 1.0}, move_g=30.0), 2, interruption=RULES, resumed_from=0)
    leaves = problem(surface(rates, hold={"a": 9.0}, move_g=0.5), 2, interruption=RULES, resumed_from=1)
    assert best_draft(stays) == Draft(cost_g=4.0, stretches=((0, 1.0, 2.0), (0, 3.0, 4.0)))
    assert best_draft(leaves) == Draft(cost_g=2.5, stretches=((1, 2.0, 3.0), (0, 3.0, 4.0)))


def test_a_resumed_job_without_moves_left_stays() -> None:
    """Leaving the cluster of the checkpoint is a move."""
    on = surface({"a": [9] * 3, "b": [1] * 3})
    rules = Interruption(max_moves=0)
    assert best_draft(problem(on, 2, interruption=rules, resumed_from=0)) == Draft(
        cost_g=18.0, stretches=((0, 0.0, 2.0),)
    )


def test_ties_go_to_the_earliest_finish_and_then_to_fewer_suspends() -> None:
    """On a flat grid nothing waits and nothing is suspended, unless that is through earlier."""
    flat = surface({"a": [5] * 6, "b": [5] * 6})
    assert best_draft(problem(flat, 3, interruption=RULES)) == Draft(cost_g=15.0, stretches=((0, 0.0, 3.0),))
    busy = surface({"a": [5] * 6}, capacity={"a": [1, 1, 0, 1, 1, 1]})
    assert best_draft(problem(busy, 3, interruption=RULES)) == Draft(
        cost_g=15.0, stretches=((0, 0.0, 2.0), (0, 3.0, 4.0))
    )


def test_a_job_that_may_not_be_suspended_gets_its_window() -> None:
    """The same draft comes back."""
    posed = problem(surface({"a": [1, 8, 1]}), 2)
    window = best_window(posed)
    assert best_segments(posed, window) is window


def test_nothing_fits() -> None:
    """No room, no time, or a checkpoint that cannot leave."""
    shut = surface({"a": [1] * 3}, capacity={"a": 0})
    assert best_draft(problem(shut, 1, interruption=RULES)) is None
    assert best_draft(problem(surface({"a": [1] * 3}), 3.2, interruption=RULES)) is None
    assert best_draft(problem(surface({"a": [1] * 3}), 1, 0.0, interruption=RULES)) is None
    stuck = surface({"a": [1] * 3, "b": [1] * 3}, capacity={"a": 0}, move_h=np.inf)
    assert best_draft(problem(stuck, 1, interruption=RULES, resumed_from=0)) is None


def noisy(slots: int) -> Surface:
    """Three clusters of different speed over many slots."""
    dice = np.random.default_rng(7)
    rates = {name: dice.uniform(20, 400, slots).tolist() for name in "abc"}
    return surface(rates, restart=0.2, move_g=5.0, speed={"b": 1.13, "c": 0.87}, hold={"c": 9.0})


@pytest.mark.parametrize("most", [None, 1, 3])
def test_the_first_ceilings_change_nothing(monkeypatch: pytest.MonkeyPatch, most: int | None) -> None:
    """Without them, the one sweep that needs no luck finds the same."""
    posed = problem(noisy(40), 17.3, interruption=Interruption(max_suspends=most))
    found = best_draft(posed)
    monkeypatch.setattr("scheduler.problem.dynamic._GAPS", ())
    plain = best_draft(posed)
    assert found is not None
    assert plain is not None
    assert found.stretches == plain.stretches


@settings(max_examples=80, deadline=None)
@given(small_problems(slots=4), st.integers(0, 2**32 - 1))
def test_a_search_that_is_given_up_keeps_every_constraint_and_says_what_it_may_lack(posed: Problem, seed: int) -> None:
    """Allowed next to no partial plan it finds a feasible one wherever there is one, at or over a true bound."""
    dice = np.random.default_rng(seed)
    rates = {line: rate + dice.uniform(0, 1e-6, rate.shape) for line, rate in posed.surface.run_g.items()}
    posed = replace(posed, surface=replace(posed.surface, run_g=rates))
    window = best_window(posed)
    whole, given_up = best_segments(posed, window), best_segments(posed, window, Memory(noted=0))
    assert (whole is None) == (given_up is None)
    if whole is None or given_up is None:
        return
    assert violations(posed, given_up.placement(posed)) == ()
    slack = 1e-9 * abs(whole.cost_g) + 1e-9
    assert (given_up.bound_g or given_up.cost_g) - slack <= whole.cost_g <= given_up.cost_g + slack


def days_of_short_slots() -> Problem:
    """Three days in slots of 5 minutes on four clusters that differ by little, with next to no overhead."""
    dice = np.random.default_rng(3)
    hour = np.arange(3 * 288) / 12
    rates = {
        name: (100 + 5 * np.sin(hour * np.pi / 12 + n) + dice.uniform(0, 20, len(hour))).tolist()
        for n, name in enumerate("abcd")
    }
    on = surface(rates, edges=(np.arange(len(hour) + 1) / 12).tolist(), restart=0.02)
    return problem(on, 36.0, interruption=Interruption(checkpoint_h=0.01))


def test_memory_is_bounded_where_thousands_of_plans_are_as_good() -> None:
    """What the search notes is limited: under 20 MB for 3,000 segments, and the plan has its bound."""
    posed = days_of_short_slots()
    tracemalloc.start()
    found = best_segments(posed, best_window(posed), Memory(noted=3_000))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert found.bound_g is not None
    assert found.bound_g <= found.cost_g <= 1.02 * found.bound_g
    assert most_bytes < 20e6


@settings(max_examples=60, deadline=None)
@given(small_problems(slots=5))
def test_tables_without_a_layer_for_each_suspend_change_nothing(posed: Problem) -> None:
    """Where they would be too large the search alone keeps the limit, and finds the same."""
    window = best_window(posed)
    layered, plain = best_segments(posed, window), best_segments(posed, window, Memory(cells=0))
    assert (layered is None) == (plain is None)
    if layered is not None and plain is not None:
        assert layered.cost_g == pytest.approx(plain.cost_g, rel=1e-9, abs=1e-9)


def test_a_limit_of_hundreds_of_suspends_takes_no_table_for_each() -> None:
    """The tables of three days of hours take under 8 MB, whatever the limit."""
    dice = np.random.default_rng(3)
    rates = {name: dice.uniform(1, 9, 72).tolist() for name in "abcd"}
    posed = problem(surface(rates, restart=0.3), 30.0, interruption=Interruption(max_suspends=15))
    tracemalloc.start()
    found = best_segments(posed, best_window(posed), Memory(cells=10_000))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert found.suspends <= 15
    assert most_bytes < 8e6
