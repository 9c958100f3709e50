"""What is left of an older plan, on the work that is left now."""

from __future__ import annotations

import pytest

from scheduler.domain.placement import Segment
from scheduler.problem.feasible import violations
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.refit import refit
from tests.surfaces import placement, problem, stretches, surface


def today(work_h: float, *, checkpoint_h: float = 0.0, restart_h: float = 0.0) -> Problem:
    """Six hourly slots on two clusters."""
    on = surface({"one": [1.0] * 6, "two": [2.0] * 6}, restart=restart_h)
    return problem(on, work_h, interruption=Interruption(checkpoint_h=checkpoint_h))


def older(of: Problem) -> tuple[Segment, ...]:
    """A plan of an hour on one and, after two, an hour on two."""
    return placement(of.surface, ("one", 0, 1), ("two", 3, 4)).segments


@pytest.mark.parametrize(
    ("work_h", "expected"),
    [
        (2.0, (("one", 0, 1), ("two", 3, 4))),
        (2.5, (("one", 0, 1), ("two", 3, 4.5))),
        (1.5, (("one", 0, 1), ("two", 3, 3.5))),
        (0.5, (("one", 0, 0.5),)),
    ],
)
def test_the_end_moves_with_the_work(work_h: float, expected: tuple[tuple[str, float, float], ...]) -> None:
    """The same work gives the same plan; more makes its end later, less earlier, or drops the last stretch."""
    now = today(work_h)
    kept = refit(now, older(now))
    assert kept is not None
    assert (expected, ()) == (stretches(now.surface, kept), violations(now, kept))


def test_restart_and_checkpoint_are_no_progress() -> None:
    """An hour with a save of a quarter did three quarters; the resume repeats its restart first."""
    now = today(2.0, checkpoint_h=0.25, restart_h=0.5)
    kept = refit(now, older(now))
    assert kept is not None
    assert (("one", 0, 1), ("two", 3, 4.75)) == stretches(now.surface, kept)


def test_what_cannot_be_fitted_is_none() -> None:
    """A cluster that is gone, a stretch too short for its own save, nothing ahead."""
    now = today(2.0, checkpoint_h=1.0)
    elsewhere = surface({"two": [1.0] * 6})
    assert refit(problem(elsewhere, 2.0), older(now)) is None
    assert refit(now, older(now)) is None
    assert refit(now, ()) is None
