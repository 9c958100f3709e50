"""The exact planner finds what a mixed-integer solver (HiGHS) finds on middle problems."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.problem.exact import best_draft
from scheduler.problem.problem import Interruption
from tests.problem.milp import least_g
from tests.surfaces import problem, surface


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most_suspends", [None, 2])
def test_one_cluster_with_held_nodes(seed: int, most_suspends: int | None) -> None:
    """A day of slots, restart, checkpoint, nodes that cost while paused."""
    dice = np.random.default_rng(seed)
    rates, hold = dice.integers(5, 90, (1, 24)).astype(float), dice.integers(0, 12, 24).astype(float)
    on = surface({"a": rates[0].tolist()}, hold={"a": hold.tolist()}, restart=0.3)
    rules = Interruption(checkpoint_h=0.1, max_suspends=most_suspends)
    found = best_draft(problem(on, 9.45, interruption=rules))
    expected = least_g(
        rates, hold, 9.45, restart_h=0.3, checkpoint_h=0.1, move_g=0.0, speed=np.ones(1), most_suspends=most_suspends
    )
    assert found is not None
    assert found.suspends > 0
    assert found.cost_g == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("seed", "most_suspends"), [(0, None), (1, None), (3, None), (4, None), (0, 1), (4, 2)])
def test_two_clusters_of_different_speed_with_transfers(seed: int, most_suspends: int | None) -> None:
    """Follow the cheaper grid, paying for each move, as often as is allowed."""
    dice = np.random.default_rng(100 + seed)
    rates = dice.integers(5, 90, (2, 16)).astype(float)
    on = surface({"a": rates[0].tolist(), "b": rates[1].tolist()}, restart=0.2, move_g=11.0, speed={"b": 1.3})
    found = best_draft(problem(on, 6.3, interruption=Interruption(max_suspends=most_suspends)))
    expected = least_g(
        rates, None, 6.3, restart_h=0.2, checkpoint_h=0.0, move_g=11.0, speed=np.array([1.0, 1.3]),
        most_suspends=most_suspends,
    )  # fmt: skip
    assert found is not None
    assert found.suspends > 0
    assert found.cost_g == pytest.approx(expected, rel=1e-7)
