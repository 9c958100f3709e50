"""Every constraint has a breach that is found and named."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.problem.feasible import violations
from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import placement, problem, surface

RULES = Interruption()
Stretch = tuple[str, float, float]


def breaches(posed: Problem, *made: Stretch, gpus: int = 1) -> tuple[str, ...]:
    """What is wrong with a placement."""
    return violations(posed, placement(posed.surface, *made, gpus=gpus))


def two(
    *,
    earliest_h: float = 0.0,
    interruption: Interruption | None = RULES,
    resumed_from: int | None = None,
) -> Problem:
    """Two clusters, four hours, two hours of work, suspends free."""
    on = surface({"a": [1] * 4, "b": [1] * 4})
    return problem(on, 2, earliest_h=earliest_h, interruption=interruption, resumed_from=resumed_from)


@pytest.mark.parametrize(
    "made",
    [
        (("a", 0, 2),),
        (("a", 1.3, 3.3),),
        (("a", 0, 1), ("b", 3, 4)),
        (("a", 0, 1), ("a", 2, 3)),
        (("a", 0, 1), ("b", 1, 2)),
        (("b", 2, 3), ("a", 3, 4)),
    ],
)
def test_feasible_placements_have_no_breach(made: tuple[Stretch, ...]) -> None:
    """In one piece at any instant, or in segments on edges."""
    assert breaches(two(), *made) == ()


def test_segments_may_start_at_the_earliest_start_and_end_the_work_anywhere() -> None:
    """Hour 0 and the earliest start count as edges for a start; the last end is free."""
    assert breaches(two(earliest_h=0.4), ("a", 0.4, 1), ("b", 2, 3.4)) == ()


@pytest.mark.parametrize(
    ("posed", "made", "said"),
    [
        (two(earliest_h=1), (("a", 0, 2),), "starts before the earliest start 2026-03-01T01:00:00Z"),
        (two(), (("a", 2.5, 4.5),), "outside the hours of the surface"),
        (problem(surface({"a": [1] * 4}), 2, 3), (("a", 1.5, 3.5),), "after the deadline 2026-03-01T03:00:00Z"),
        (two(), (("a", 0, 1.5), ("b", 2, 2.5)), "is suspended at 2026-03-01T01:30:00Z, between two edges"),
        (two(), (("a", 0, 1), ("b", 1.5, 2.5)), "starts between two edges"),
        (two(), (("a", 0.5, 1), ("b", 2, 3.5)), "starts between two edges"),
        (two(), (("a", 0, 1.5),), "does 1.5 h of work, not 2 h"),
        (two(), (("a", 0, 2.5),), "does 2.5 h of work, not 2 h"),
        (two(interruption=None), (("a", 0, 1), ("b", 2, 3)), "may not be suspended, and is 1 times"),
        (two(interruption=Interruption(max_suspends=0)), (("a", 0, 1), ("a", 2, 3)), "1 suspends, at most 0"),
        (two(interruption=Interruption(max_moves=0)), (("a", 0, 1), ("b", 2, 3)), "1 moves, at most 0"),
        (two(interruption=Interruption(max_moves=0), resumed_from=1), (("a", 0, 2),), "1 moves, at most 0"),
        (two(interruption=Interruption(min_segment_h=1.5)), (("a", 0, 1), ("b", 2, 3)), "lasts 1 h, less than the 1.5"),
    ],
)
def test_breach_is_found_and_named(posed: Problem, made: tuple[Stretch, ...], said: str) -> None:
    """The message has the cluster, the instant or the numbers."""
    assert any(said in breach for breach in breaches(posed, *made))


def test_last_segment_may_be_shorter_than_the_least() -> None:
    """The least length does not bind the last segment."""
    posed = problem(surface({"a": [1] * 4}), 1.5, interruption=Interruption(min_segment_h=1))
    assert breaches(posed, ("a", 0, 1), ("a", 2, 2.5)) == ()


def test_room_is_checked_for_occupied_gpus() -> None:
    """Cluster, instant, and how many are free."""
    posed = problem(surface({"a": [1] * 4}, capacity={"a": [2, 1, 2, 2]}), 2, gpus=2)
    assert breaches(posed, ("a", 0, 2), gpus=2) == ("a has 1 of 2 GPUs free at 2026-03-01T01:00:00Z",)
    assert breaches(posed, ("a", 2, 4), gpus=2) == ()


def test_room_is_checked_for_held_gpus() -> None:
    """A paused job that keeps its nodes needs them free; one that gives them back does not."""
    room = {"a": [1, 0, 1, 1]}
    held = problem(surface({"a": [1] * 4}, hold={"a": 1.0}, capacity=room), 2, interruption=RULES)
    released = problem(surface({"a": [1] * 4}, capacity=room), 2, interruption=RULES)
    made = (("a", 0, 1), ("a", 2, 3))
    assert breaches(held, *made) == ("a has 0 of 1 GPUs free at 2026-03-01T01:00:00Z",)
    assert breaches(released, *made) == ()


def test_room_is_checked_for_nodes_held_since_hour_zero() -> None:
    """A job suspended before hour 0 that resumes on the same nodes held them all the while."""
    on = surface({"a": [1] * 4}, hold={"a": 1.0}, capacity={"a": [0, 1, 1, 1]})
    assert breaches(problem(on, 2, resumed_from=0), ("a", 1, 3)) == ("a has 0 of 1 GPUs free at 2026-03-01T00:00:00Z",)


def test_restart_and_checkpoint_make_no_progress() -> None:
    """Two hours of work in two segments take a checkpoint and a restart more, at the cluster's speed."""
    on = surface({"a": [1] * 4, "b": [1] * 4}, restart=0.25, speed={"b": 2.0})
    posed = problem(on, 2, interruption=Interruption(checkpoint_h=0.1))
    assert breaches(posed, ("a", 0, 1), ("b", 2, 2 + 0.25 + (2 - 0.9) / 2)) == ()
    assert breaches(posed, ("a", 0, 1), ("b", 2, 2.5)) != ()


def test_segment_without_progress_is_a_breach() -> None:
    """A segment that only restarts and saves is refused, even where the work adds up."""
    on = surface({"a": [1] * 4, "b": [1] * 4}, restart={"b": 1.0})
    posed = problem(on, 2, interruption=RULES)
    assert "the segment on b from 2026-03-01T01:00:00Z makes no progress" in breaches(
        posed, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3)
    )


def test_a_move_waits_for_its_checkpoint() -> None:
    """Half an hour of travel leaves no resume on the same edge."""
    on = surface({"a": [1] * 4, "b": [1] * 4}, move_h=0.5)
    posed = problem(on, 2, interruption=RULES)
    said = "moving from a to b takes 0.5 h, and the pause lasts 0 h"
    assert breaches(posed, ("a", 0, 1), ("b", 1, 2)) == (said,)
    assert breaches(posed, ("a", 0, 1), ("b", 2, 3)) == ()
    assert breaches(problem(on, 1, resumed_from=0), ("b", 0, 1)) == (said,)


def test_a_checkpoint_that_cannot_travel_stays() -> None:
    """An infinite travel time is a breach whatever the gap."""
    on = surface({"a": [1] * 4, "b": [1] * 4}, move_h=[[0, np.inf], [np.inf, 0]])
    assert breaches(problem(on, 2, interruption=RULES), ("a", 0, 1), ("b", 3, 4)) != ()


def test_width_is_that_of_the_job() -> None:
    """Two GPUs for a job of one."""
    assert "has 2 GPUs, not 1" in breaches(two(), ("a", 0, 2), gpus=2)[0]


def test_unknown_cluster_is_named() -> None:
    """A placement from elsewhere is refused first."""
    other = surface({"z": [1] * 4})
    assert violations(two(), placement(other, ("z", 0, 2))) == ("z is not a cluster of this problem",)
