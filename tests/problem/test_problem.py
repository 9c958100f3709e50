"""A surface or a problem that cannot be is refused where it is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from scheduler.domain.errors import InvalidInput
from tests.surfaces import ORIGIN, problem, surface


@pytest.mark.parametrize("edges", [[0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 1.0]])
def test_edges_rise(edges: list[float]) -> None:
    """At least one slot, none empty or backward."""
    on = surface({"a": [1, 1]})
    with pytest.raises(InvalidInput, match="edges in rising order"):
        replace(on, edges_h=np.array(edges))


def test_every_array_has_its_shape() -> None:
    """The message names the array, what it has and what it needs."""
    on = surface({"a": [1, 1], "b": [1, 1]})
    with pytest.raises(InvalidInput, match=r"capacity has shape \(2,\), not \(2, 2\)"):
        replace(on, capacity=np.array([1, 1]))
    with pytest.raises(InvalidInput, match=r"run_g\[facility\] has shape"):
        replace(on, run_g=dict(on.run_g) | {"facility": np.zeros(3)})


def test_hours_and_instants_translate_both_ways() -> None:
    """Hour 0 is the origin."""
    on = surface({"a": [1, 1], "b": [1, 1]})
    assert on.instant(1.5) == ORIGIN + timedelta(minutes=90)
    assert on.hour(on.instant(1.5)) == 1.5
    assert on.index("b") == 1
    assert on.slot_h.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("given", [{"gpus": 0}, {"earliest_h": -1.0}])
def test_a_problem_needs_gpus_and_time_ahead(given: dict[str, float]) -> None:
    """No GPUs, or a start before the moment of decision."""
    with pytest.raises(InvalidInput):
        problem(surface({"a": [1]}), 1, None, **given)


@pytest.mark.parametrize("work_h", [0.0, -1.0, float("nan")])
def test_a_problem_needs_work(work_h: float) -> None:
    """Nothing left to do is not a problem."""
    with pytest.raises(InvalidInput, match="needs GPUs and work"):
        problem(surface({"a": [1]}), work_h)


def test_objectives_differ_by_embodied() -> None:
    """The rates that are minimised, while running and while held."""
    posed = problem(surface({"a": [8.0]}, hold={"a": 4.0}, embodied=2.0), 1)
    lean = replace(posed, objective="operational")
    assert (posed.run_rate.item(), posed.hold_rate.item()) == (10.0, 6.0)
    assert (lean.run_rate.item(), lean.hold_rate.item()) == (8.0, 4.0)
