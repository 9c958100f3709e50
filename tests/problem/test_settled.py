"""Of clusters that cost the same a plan in pieces takes home, else the first by name."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.problem.exact import best_draft
from scheduler.problem.problem import Interruption
from tests.surfaces import problem, surface

RATES = np.random.default_rng(3).uniform(10, 500, 48).tolist()
TWINS = surface({"z": RATES, "m": RATES, "a": RATES}, restart=0.3)


@pytest.mark.parametrize(("home", "row"), [(0, 0), (1, 1), (None, 2)])
@pytest.mark.parametrize("taken_up", [(100, 400, 2000), (0, 0)])
def test_a_plan_does_not_go_to_and_fro_between_twins(
    monkeypatch: pytest.MonkeyPatch, home: int | None, row: int, taken_up: tuple[int, ...]
) -> None:
    """A free move between clusters of one zone gains nothing, whichever way the optimum is found."""
    monkeypatch.setattr("scheduler.problem.dynamic._TAKEN_UP", taken_up)
    found = best_draft(problem(TWINS, 13.3, interruption=Interruption(), home=home))
    assert found is not None
    assert found.suspends > 3
    assert {row} == {at for at, _, _ in found.stretches}


def test_a_twin_without_room_is_no_choice() -> None:
    """Home has no room in the first cheap hour, and takes the other two."""
    on = surface({"h": [1, 9, 1, 9, 1], "t": [1, 9, 1, 9, 1]}, capacity={"h": [0, 8, 8, 8, 8]})
    found = best_draft(problem(on, 3, interruption=Interruption()))
    assert found is not None
    assert [1, 0, 0] == [row for row, _, _ in found.stretches]


def test_a_move_that_costs_is_not_made_for_a_name() -> None:
    """The plan stays where it began."""
    on = surface({"h": [9, 9, 1], "t": [1, 9, 1]}, move_g=5.0)
    found = best_draft(problem(on, 2, interruption=Interruption()))
    assert found is not None
    assert [1, 1] == [row for row, _, _ in found.stretches]
