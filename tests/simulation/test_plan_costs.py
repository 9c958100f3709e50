"""What plans cost on a forecast, many at once: the bill of the same stretches, each as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.simulation.bill import bill
from scheduler.simulation.prices import Prices
from scheduler.simulation.run import Run, Stretch, held_between
from scheduler.simulation.table import US_PER_H
from tests.simulation.replay_worlds import request, world

TURNS = st.lists(st.floats(0.1, 9.0), min_size=2, max_size=8)
PLANS = st.lists(st.tuples(TURNS, st.lists(st.integers(0, 1), min_size=4, max_size=4)), min_size=1, max_size=4)


def stretches(turns_h: list[float], rows: list[int]) -> list[Stretch]:
    """Runs and pauses by turns, each on one of two clusters."""
    at_us = [round(hour * US_PER_H) for hour in np.cumsum(turns_h).tolist()]
    return [(rows[n], at_us[2 * n], at_us[2 * n + 1]) for n in range(len(at_us) // 2)]


@settings(max_examples=80, deadline=None)
@given(plans=PLANS, gpu_w=st.sampled_from([None, 250.0]))
def test_plans_cost_what_they_are_billed(plans: list[tuple[list[float], list[int]]], gpu_w: float | None) -> None:
    """On a forecast of what comes, nodes that are held included, whatever the other plans are."""
    on = world(paused_nodes="held")
    jobs = [request(str(n), gpu_w=gpu_w if n % 2 else None) for n in range(len(plans))]
    planned = [stretches(*plan) for plan in plans]
    runs = [Run(stretches=tuple(each), held=held_between(each, on.holds)) for each in planned]
    billed_g = 1000 * bill(on, jobs, runs).total_kg

    prices = Prices(on, 0, on.table.g_per_kwh)

    assert billed_g.tolist() == pytest.approx(prices.costs_g(list(zip(jobs, planned, strict=True)), 0).tolist())
    assert billed_g[0] == pytest.approx(prices.cost_g(jobs[0], planned[0], 0))


def test_what_lies_before_an_instant_costs_nothing_more() -> None:
    """Half of a run is left, and of one that is through nothing."""
    on = world()
    prices, job = Prices(on, 0, np.full_like(on.table.g_per_kwh, 100.0)), request()
    plan = [(0, 0, 4 * US_PER_H)]

    left_g = prices.costs_g([(job, plan), (job, [])], 2 * US_PER_H)

    assert left_g.tolist() == pytest.approx([prices.cost_g(job, plan, 0) / 2, 0.0])
    assert [0.0] == prices.costs_g([(job, plan)], 4 * US_PER_H).tolist()
