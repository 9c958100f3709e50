"""What a scheduler does beside its passes: now and then, on its own lane, and no mishap in it stops a pass."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from cli.serve_beside import NowAndThen
from scheduler.domain.errors import StoreError
from scheduler.execution.lanes import InTurn, Threads
from scheduler.records.rows import JobState
from tests.cli.loop_world import Clock, World
from tests.cli.loop_world import world as world  # noqa: PLC0414  # a fixture

EVERY = timedelta(minutes=10)


def beside(clock: Clock, work: object) -> NowAndThen:
    """Such work."""
    assert callable(work)
    return NowAndThen(name="the shadow", lane="shadow", every=EVERY, work=work, clock=clock)


def test_a_round_follows_the_end_of_the_one_before() -> None:
    """At once when the scheduler starts, then after its time."""
    clock, did = Clock(), []
    each = beside(clock, lambda: did.append(1))
    for _ in range(3):
        each.step(InTurn())
    assert [1] == did
    clock.sleep(EVERY)
    for _ in range(3):
        each.step(InTurn())
    assert [1, 1] == did


def test_no_pass_waits_for_a_round_and_no_second_is_begun() -> None:
    """However long it takes."""
    clock, goes_on, began = Clock(), threading.Event(), []

    def work() -> None:
        """Wait to be let go."""
        began.append(1)
        goes_on.wait(10)

    each, lanes = beside(clock, work), Threads()
    for _ in range(5):
        each.step(lanes)
        clock.sleep(EVERY)
    goes_on.set()
    lanes.answered(5.0)
    assert [1] == began


@pytest.mark.parametrize(
    ("error", "says"), [(StoreError("the disk is full"), "the disk is full"), (KeyError("x"), "bug")]
)
def test_a_crash_beside_never_disturbs_the_jobs(
    world: World, error: Exception, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A job is run to its end while every round fails; an error that stays the same is told once."""
    rounds = []

    def fail() -> None:
        """As the test says."""
        rounds.append(1)
        raise error

    world.submit("a" * 8, "one")
    loop = world.loop()
    each = beside(world.clock, fail)
    each.every = timedelta(seconds=20)
    loop.beside = [each]
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 300 else None
    with caplog.at_level(logging.WARNING):
        loop.run()
    assert JobState.SUCCEEDED == world.job("a" * 8).state
    assert len(rounds) > 3
    assert (1 if says != "bug" else len(rounds)) >= caplog.text.count(says) > 0
