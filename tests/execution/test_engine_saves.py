"""Suspends and what is safe after them: checkpoints that come late or never, saves that fail, refused stops."""

from __future__ import annotations

from datetime import datetime

import pytest

from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable
from scheduler.domain.placement import Placement
from scheduler.records.rows import JobState
from tests.execution.engine_world import FIRST, HOUR, START, NewWorld, World, stretch

PERIODIC = {"save": "periodic", "every": "30m", "checkpoint": "6m"}
DUE_H = 0.9
"""Six minutes before the planned end, by the checkpoint that it states."""


def at(hours_h: float) -> datetime:
    """The instant so many hours after the start."""
    return START + hours_h * HOUR


def periodic(new_world: NewWorld, **pause: object) -> World:
    """A training that saves itself every half hour, seen running; its plan suspends it after an hour."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4), interruptible={**PERIODIC, **pause})
    world.at(0)
    world.at(0.1)
    return world


def test_a_periodic_save_is_waited_for_and_then_stopped_at_once(new_world: NewWorld) -> None:
    """The checkpoint of before the due time is not the one; right after the next one came it is stopped."""
    world = periodic(new_world)
    world.one.sample(FIRST, at(0.89), progress=0.2, saved=at(0.6))
    world.at(DUE_H)
    world.at(0.95)
    assert ([], JobState.RUNNING) == (world.one.stopped, world.job.state)
    assert "its suspend is due and waits for its next checkpoint" == world.job.reason
    world.one.sample(FIRST, at(1.1), progress=0.3, saved=at(1.1))
    world.at(1.1)
    assert ([FIRST], JobState.SUSPENDING) == (world.one.stopped, world.job.state)
    stopped = {"reason": "stopped", "exit_code": -15, "stop_received_unix": at(1.101).timestamp(), "progress": 0.301}
    world.one.end(FIRST, "stopped", at(1.102), saved_unix=at(1.1).timestamp(), **stopped)
    world.at(1.12)
    assert (JobState.SUSPENDED, 0.3) == (world.job.state, world.job.progress)
    [said] = world.events("repeats")
    assert said.endswith("the work since 2026-03-01T01:06:00Z is repeated: it saves itself in its own time")


def test_a_node_whose_clock_is_behind_is_believed_by_what_changes(new_world: NewWorld) -> None:
    """By the node's clock the new checkpoint is older than the due time, but it was not there before."""
    world = periodic(new_world)
    world.one.sample(FIRST, at(0.5), progress=0.2, saved=at(0.1))
    world.at(DUE_H)
    world.at(0.95)
    assert [] == world.one.stopped
    world.one.sample(FIRST, at(0.6), progress=0.3, saved=at(0.6))
    world.at(1)
    assert [FIRST] == world.one.stopped


def test_where_no_checkpoint_comes_it_runs_on_and_says_so(new_world: NewWorld) -> None:
    """Twice the period and a checkpoint are waited for; then others are planned around a run that goes on."""
    world = periodic(new_world)
    for hours_h in (DUE_H, 1.5, 1.95):
        world.at(hours_h)
        assert [] == world.one.stopped
    world.at(2.01)
    world.at(2.02)
    why = "runs on: no checkpoint within 1h6m of its suspend at 2026-03-01T00:54:00Z"
    assert (JobState.RUNNING, why, [why]) == (world.job.state, world.job.reason, world.events("planned"))
    [segment] = world.segments
    assert segment.is_last
    assert segment.planned_end > at(2.5)
    world.one.end(FIRST, "succeeded", at(4))
    world.at(4)
    assert (JobState.SUCCEEDED, []) == (world.job.state, world.two.started)


@pytest.mark.parametrize(("comes", "stops_at_h"), [(True, 0.5), (False, 1.4)])
def test_a_hold_waits_for_a_checkpoint_but_not_for_ever(new_world: NewWorld, *, comes: bool, stops_at_h: float) -> None:
    """A person gets what they asked for, with as little work repeated as can be."""
    world = periodic(new_world)
    world.want("hold")
    for hours_h in (0.2, 0.3, 0.4):
        world.at(hours_h)
    assert [] == world.one.stopped
    if comes:
        world.one.sample(FIRST, at(0.45), saved=at(0.45))
    world.at(stops_at_h)
    assert [FIRST] == world.one.stopped


def test_a_hold_that_is_taken_back_is_waited_for_no_longer(new_world: NewWorld) -> None:
    """Its plan is as it was: it is suspended when that says so, and is not left to run on before."""
    world = new_world(stretch("one", 0, 4), stretch("two", 5, 6), interruptible=PERIODIC)
    world.at(0)
    world.at(0.1)
    world.want("hold")
    world.at(0.2)
    world.want("run")
    for hours_h in (0.3, 1.4, 1.5):
        world.at(hours_h)
    assert ([], [], "") == (world.one.stopped, world.events("planned"), world.job.reason)
    assert not world.segments[0].is_last


def test_a_cancel_waits_for_no_checkpoint(new_world: NewWorld) -> None:
    """Nobody wants what it would save."""
    world = periodic(new_world)
    world.at(DUE_H)
    world.want("cancel")
    world.at(0.92)
    assert [FIRST] == world.one.stopped


@pytest.mark.parametrize(
    ("exit_code", "saved_h", "progress", "why"),
    [
        (0, 0.5, 0.2, "the work since 2026-03-01T00:30:00Z is repeated: it saved nothing new"),
        (-9, 0.5, 0.2, "the work since 2026-03-01T00:30:00Z is repeated: its save was cut off when its grace was over"),
        (-9, None, 0.0, "the work of this segment is repeated: its save was cut off when its grace was over"),
    ],
)
def test_a_save_that_failed_is_said_and_its_work_is_repeated(
    new_world: NewWorld, exit_code: int, saved_h: float | None, progress: float, why: str
) -> None:
    """The plan's suspend stands, never as a success; progress falls back to what the checkpoint holds."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.at(0)
    saved = None if saved_h is None else at(saved_h)
    for hours_h, done in ((0.1, 0.0), (0.5, 0.2), (0.9, 0.35)):
        world.one.sample(FIRST, at(hours_h), progress=done, saved=saved if hours_h >= 0.5 else None)
    world.at(0.95)
    world.at(1)
    world.one.end(
        FIRST, "stopped", at(1.03), reason="stopped", exit_code=exit_code, stop_received_unix=at(1).timestamp(),
        progress=0.4, saved_unix=saved.timestamp() if saved else None,
    )  # fmt: skip
    world.at(1.04)
    assert (JobState.SUSPENDED, progress) == (world.job.state, world.job.progress)
    assert f"suspended by the plan; {why}" == world.job.reason
    assert [f"segment 1: {why}"] == world.events("repeats")


def test_a_save_after_the_stop_keeps_all_of_it(new_world: NewWorld) -> None:
    """Nothing is repeated, and nothing is said to be."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    for hours_h in (0, 0.1, 1):
        world.at(hours_h)
    stopped = {"reason": "stopped", "stop_received_unix": at(1).timestamp(), "progress": 0.4}
    world.one.end(FIRST, "stopped", at(1.03), saved_unix=at(1.02).timestamp(), **stopped)
    world.at(1.04)
    assert (JobState.SUSPENDED, 0.4, []) == (world.job.state, world.job.progress, world.events("repeats"))


def test_what_a_dead_run_had_saved_is_planned_as_done(new_world: NewWorld) -> None:
    """Its cluster lost it: the next attempt goes on from the newest checkpoint that was seen, not from the start."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    world.at(0)
    world.one.sample(FIRST, at(0.5), progress=0.15, saved=at(0.5))
    world.one.sample(FIRST, at(0.9), progress=0.3, saved=at(0.5))
    world.at(0.95)
    world.one.status[FIRST] = "failed"
    world.at(1)
    world.at(1.3)
    assert ("unknown", 0.15) == (world.segments[0].end, world.job.progress)


@pytest.mark.parametrize("error", [ClusterRefused, ClusterUnreachable])
def test_a_stop_that_is_refused_leaves_it_running_and_is_asked_again(
    new_world: NewWorld, error: type[CarbonschedError]
) -> None:
    """Said once in its events however often it is asked, and forgotten once the cluster took it."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.at(0)
    world.at(0.1)

    def refuses(sid: str) -> None:
        """No."""
        raise error("fake says no")

    stop, world.one.stop = world.one.stop, refuses  # type: ignore[method-assign]  # the fake is the test's own
    for hours_h in (1, 1.05, 1.1):
        world.at(hours_h)
    assert JobState.RUNNING is world.job.state
    assert world.job.reason.startswith("could not be asked to stop, and is asked again: fake says no")
    assert 1 == len(world.events("waits"))
    world.one.stop = stop  # type: ignore[method-assign]  # the same
    world.at(1.2)
    assert ([FIRST], JobState.SUSPENDING, "") == (world.one.stopped, world.job.state, world.job.reason)


def test_a_suspend_that_would_cost_the_deadline_is_taken_back(new_world: NewWorld) -> None:
    """Its training is behind: it runs on where it is, says why, and is not asked to stop later either."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.engine.placer.late = "12h of work do not fit before the deadline"  # type: ignore[attr-defined]  # the fake's own
    world.at(0)
    world.one.sample(FIRST, at(0.5), progress=0.05)
    for hours_h in (0.6, 1, 1.1, 1.5):
        world.at(hours_h)
    assert ([], JobState.RUNNING) == (world.one.stopped, world.job.state)
    assert "runs on: its deadline is in danger: 12h of work do not fit before the deadline" == world.job.reason
    assert [0.05] == world.engine.placer.weighed  # type: ignore[attr-defined]  # the same
