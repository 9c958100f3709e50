"""An infeasible problem says what to relax and by how much, and doing so is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings

from scheduler.problem.exact import best_draft
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.relax import infeasible, relaxation
from tests.problem.strategies import small_problems
from tests.surfaces import problem, surface

RULES = Interruption()


def test_deadline_is_extended_by_the_least_that_suffices() -> None:
    """Three and a half hours of work, two to the deadline."""
    posed = problem(surface({"a": [1, 1]}), 3.5)
    needed = relaxation(posed)
    assert needed.extension == timedelta(hours=1, minutes=30)
    assert needed.deadline == posed.surface.instant(3.5)
    assert str(needed) == "extend the deadline by 1h30m, to 2026-03-01T03:30:00Z"


def test_the_fastest_cluster_decides() -> None:
    """Twice as fast elsewhere: half the time."""
    posed = problem(surface({"a": [1], "b": [1]}, speed={"b": 2.0}), 3)
    assert relaxation(posed).extension == timedelta(minutes=30)


def test_known_hours_behind_the_deadline_are_used() -> None:
    """The surface reaches further than the deadline, with a reservation on the way."""
    on = surface({"a": [1] * 5}, capacity={"a": [1, 0, 1, 1, 1]})
    assert relaxation(problem(on, 2, 2)).extension == timedelta(hours=2)
    assert relaxation(problem(on, 2, 2, interruption=RULES)).extension == timedelta(hours=1)


def test_capacity_alone_is_said_to_be_the_reason() -> None:
    """It would fit if nothing else were reserved."""
    posed = problem(surface({"a": [1] * 3}, capacity={"a": [1, 0, 0]}), 2)
    needed = relaxation(posed)
    assert needed.crowded
    assert str(needed) == (
        "other reservations, or hours in which clusters are closed, alone are in the way: free GPUs, or extend the "
        "deadline by 2h, "
        "to 2026-03-01T05:00:00Z"
    )


def test_a_job_too_wide_for_every_cluster_names_the_widest() -> None:
    """No deadline helps."""
    posed = problem(surface({"a": [1] * 2, "b": [1] * 2}, capacity={"a": [2, 3], "b": 1}), 1, gpus=4)
    assert str(relaxation(posed)) == (
        "at most 3 GPUs are ever free, on a, and the job needs 4: ask for fewer, or allow another cluster"
    )


def test_a_checkpoint_that_reaches_no_room_is_named() -> None:
    """Only clusters that the job can resume on count."""
    on = surface({"a": [1] * 2, "b": [1] * 2}, capacity={"a": 1}, move_h=[[0, np.inf], [np.inf, 0]])
    posed = problem(on, 1, gpus=2, resumed_from=0)
    assert relaxation(posed).widest == "a"
    held = surface({"a": [1] * 2}, hold={"a": 1.0}, capacity={"a": [0, 1]})
    stuck = problem(held, 1, resumed_from=0)
    assert str(relaxation(stuck)) == ("its checkpoint reaches no cluster with room: allow one that shares its storage")


def test_the_error_names_the_work_the_place_and_the_deadline() -> None:
    """And carries the way out as its hint."""
    posed = problem(surface({"a": [1], "b": [1]}, capacity={"b": 0}), 2, gpus=2)
    error = infeasible(posed)
    assert error.message == "2 h of work on 2 GPUs cannot be done on a by 2026-03-01T01:00:00Z"
    assert error.hint == "extend the deadline by 1h, to 2026-03-01T02:00:00Z"
    shut = problem(surface({"a": [1]}, capacity={"a": 0}), 2)
    assert "cannot be done anywhere" in infeasible(shut).message


def fits_at(posed: Problem, deadline_h: float) -> bool:
    """Whether the problem is feasible with another deadline, the surface being long enough."""
    return best_draft(replace(posed, deadline_h=deadline_h)) is not None


@settings(max_examples=80, deadline=None)
@given(small_problems(slots=9))
def test_the_extension_is_enough_and_a_minute_less_is_not(posed: Problem) -> None:
    """Cut to a deadline that cannot be kept, on a surface that knows the rest."""
    short = replace(posed, deadline_h=posed.deadline_h / 3)
    assume(not fits_at(posed, short.deadline_h))
    assume(fits_at(posed, posed.deadline_h))
    needed = relaxation(short)
    assert needed.extension is not None
    extended_h = short.deadline_h + needed.extension / timedelta(hours=1)
    assert fits_at(posed, extended_h)
    assert not fits_at(posed, extended_h - 1 / 60)


def test_a_feasible_problem_needs_nothing() -> None:
    """The extension is zero."""
    assert relaxation(problem(surface({"a": [1, 1]}), 1)).extension == timedelta(0)


@pytest.mark.parametrize("deadline", [0.0, -5.0])
def test_a_deadline_in_the_past_is_measured_too(deadline: float) -> None:
    """From the deadline as it is."""
    posed = problem(surface({"a": [1, 1]}), 1, deadline)
    assert relaxation(posed).extension == timedelta(hours=1 - deadline)
