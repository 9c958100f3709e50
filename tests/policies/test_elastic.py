"""The policy that chooses widths too, by hand and against every possibility."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.elastic import Elastic
from scheduler.domain.errors import Infeasible
from scheduler.problem.exact import cheapest
from scheduler.problem.feasible import violations
from scheduler.problem.greedy import by_greed
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem, Width
from scheduler.problem.widths import unfolded
from tests.problem.brute_force import brute_force
from tests.problem.strategies import small_problem
from tests.surfaces import problem, surface

NARROW = Width(gpus=4, speed=0.55, rows=(0,))
WIDE = Width(gpus=16, speed=1.8, rows=(0,))


def shape(posed: Problem) -> list[tuple[float, float, int]]:
    """The segments that it chooses, as (start, end, GPUs)."""
    placement, hour = Elastic().place(posed), posed.surface.hour
    return [(round(hour(s.start), 6), round(hour(s.end), 6), s.gpus) for s in placement.segments]


def elastic(rates: list[float], work: float, *widths: Width, restart: float = 0.0) -> Problem:
    """A job of 8 GPUs on one cluster of 16 that may be resized."""
    on = surface({"home": rates}, capacity={"home": 16}, restart=restart)
    return problem(on, work, gpus=8, interruption=Interruption(), widths=widths)


def test_it_runs_wide_while_the_grid_is_clean_and_narrow_while_it_is_not() -> None:
    """1.8 h of work in the clean hour, the rest at 4 GPUs, which do more with a GPU-hour."""
    assert shape(elastic([1, 9, 9, 9], 2.9, NARROW, WIDE)) == [(0, 1, 16), (1, 3, 4)]


def test_a_width_that_scales_badly_is_never_chosen() -> None:
    """Twice the GPUs for a tenth more work pays nowhere on a grid that hardly varies."""
    bad = Width(gpus=16, speed=1.1, rows=(0,))
    assert {gpus for _, _, gpus in shape(elastic([5, 6, 5, 6], 3, bad))} == {8}


def test_a_restart_keeps_it_at_one_width() -> None:
    """An hour of restart costs more than the change would save."""
    assert len(shape(elastic([5, 6, 6, 6, 6, 6, 6, 6], 2.9, NARROW, WIDE, restart=1.0))) == 1


def test_a_job_that_may_not_be_suspended_keeps_the_width_it_starts_at() -> None:
    """It may still choose which."""
    posed = replace(elastic([5, 5, 5, 5, 5, 5, 5, 5], 2.2, NARROW), interruption=None)
    assert shape(posed) == [(0, 4, 4)]


def test_resizes_are_limited() -> None:
    """No change of width where none is allowed, though one would pay."""
    posed = elastic([1, 9, 9, 9, 9, 9], 2.9, NARROW, WIDE)
    none = replace(posed, interruption=Interruption(max_resizes=0))
    assert len({gpus for _, _, gpus in shape(posed)}) == 2
    assert len({gpus for _, _, gpus in shape(none)}) == 1


def test_without_widths_it_is_carbon_aware() -> None:
    """The same placement."""
    posed = elastic([3, 1, 2, 9], 2)
    assert Elastic().place(posed) == CarbonAware().place(posed)


def test_min_saving_is_asked_of_another_width() -> None:
    """A gain of a few percent over one width is not worth it where twenty are wanted."""
    posed = elastic([5, 5, 5, 5, 5, 5], 2.2, NARROW)
    assert {gpus for _, _, gpus in shape(posed)} == {4}
    assert {gpus for _, _, gpus in shape(replace(posed, min_saving_pct=20.0))} == {8}


def test_what_fits_at_no_width_is_refused() -> None:
    """With the way out."""
    with pytest.raises(Infeasible) as caught:
        Elastic().place(elastic([1, 1], 9, NARROW, WIDE))
    assert caught.value.hint


def concave(dice: np.random.Generator, *, restart: float = 0.0) -> Problem:
    """A job on one or two clusters with widths of falling marginal work, none of whose slots is like another."""
    names = ("home", "away")[: dice.integers(1, 3)]
    rates = {name: dice.uniform(50, 400, 8).tolist() for name in names}
    on = surface(rates, capacity=dict.fromkeys(names, 32), restart=restart)
    rows = tuple(range(len(names)))
    steps = np.cumprod(dice.uniform(0.4, 0.9, 2))
    widths = (
        Width(gpus=4, speed=float(dice.uniform(0.55, 0.8)), rows=rows),
        Width(gpus=16, speed=float(1 + steps[0]), rows=rows),
        Width(gpus=24, speed=float(1 + steps.sum()), rows=rows),
    )
    return problem(on, 1.0, gpus=8, interruption=Interruption(), widths=widths)


def filling(posed: Problem, value_g: float) -> Problem:
    """The same with as much work as pays at a value of an hour of it, so that it fills its slots. [g]"""
    wide, _ = unfolded(posed)
    gain = value_g * wide.surface.speed[:, None] - wide.run_rate * wide.gpus
    work_h = float(wide.surface.speed[gain.argmax(axis=0)][gain.max(axis=0) > 0].sum())
    return replace(posed, work_h=max(work_h, 0.1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(600, 4000))
def test_greedy_steps_equal_the_programme_where_the_work_fills_its_slots(seed: int, value_g: float) -> None:
    """Without restart and with concave widths marginal work for a gram gives the optimum, and says so itself."""
    posed = filling(concave(np.random.default_rng(seed)), value_g)
    wide, options = unfolded(posed)
    greedy, exact = by_greed(posed, wide, options), cheapest(wide)
    assert exact is not None
    if posed.work_h > 0.1:
        assert greedy is not None
        assert price(posed, greedy).emissions.total == pytest.approx(price(wide, exact).emissions.total, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 9), st.sampled_from([0.0, 0.0, 0.2]))
def test_greedy_steps_are_never_taken_where_the_programme_is_cheaper(seed: int, work_h: float, restart: float) -> None:
    """Work that ends inside a slot, or restarts: either the same as the programme, or nothing."""
    posed = replace(concave(np.random.default_rng(seed), restart=restart), work_h=work_h)
    wide, options = unfolded(posed)
    greedy, exact = by_greed(posed, wide, options), cheapest(wide)
    if greedy is not None and exact is not None:
        assert violations(posed, greedy) == ()
        assert price(posed, greedy).emissions.total == pytest.approx(price(wide, exact).emissions.total, rel=1e-9)


def with_widths(seed: int) -> Problem:
    """A small problem of two widths more, the narrower one efficient and the wider one not."""
    dice = Random(seed)
    posed = replace(small_problem(dice, gaps=False, slots=4), gpus=2, min_saving_pct=0.0)
    rows = tuple(range(len(posed.surface.clusters)))
    rules = posed.interruption
    if rules is not None:
        rules = replace(rules, max_resizes=dice.choice([None, 0, 1]))
    capacity = np.where(posed.surface.capacity > 1, dice.choice([2, 4]), posed.surface.capacity)
    return replace(
        posed,
        surface=replace(posed.surface, capacity=capacity),
        interruption=rules,
        resumed_from=None,
        widths=(Width(gpus=1, speed=0.6, rows=rows), Width(gpus=4, speed=1.7, rows=rows[:1])),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_equals_brute_force_over_every_width(seed: int) -> None:
    """On every small problem the price is that of full enumeration, and never above carbon-aware's."""
    posed = with_widths(seed)
    best = brute_force(posed)
    if best is None:
        with pytest.raises(Infeasible):
            Elastic().place(posed)
        return
    chosen = Elastic().place(posed)
    assert violations(posed, chosen) == ()
    kg = price(posed, chosen).objective_kg(posed.objective)
    assert kg == pytest.approx(best.objective_kg(posed.objective), abs=1e-9)
