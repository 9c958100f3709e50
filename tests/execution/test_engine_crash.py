"""The process killed at any write of the store: no job lost, none started twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.domain.placement import Placement
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store
from tests.execution.engine_world import (
    FIRST,
    START,
    NewWorld,
    World,
    stretch,
)

SECOND = "cs-abcdefgh-s2-a1"
AGAIN = "cs-abcdefgh-s1-a2"


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Crashing:
    """A store that kills the process before, or right after, its n-th write."""

    store: Store
    at: int
    after: bool
    writes: int = 0

    @property
    def folder(self) -> StateFolder:
        """The real folder."""
        return self.store.folder

    def reading(self) -> object:
        """The real view."""
        return self.store.reading()

    def writing(self) -> object:
        """The real transaction, unless this is where it dies."""
        self.writes += 1
        if self.writes == self.at:
            if not self.after:
                raise Killed
            return _dying(self.store)
        return self.store.writing()


class _dying:  # noqa: N801  # a context manager used like a function
    """A transaction that commits, and then the process dies."""

    def __init__(self, store: Store) -> None:
        """Open the real one."""
        self.inner = store.writing()

    def __enter__(self) -> object:
        """Begin."""
        return self.inner.__enter__()

    def __exit__(self, *exc: object) -> None:
        """Commit, then die."""
        self.inner.__exit__(*exc)  # type: ignore[arg-type]  # what the statement hands over
        raise Killed


def live_on(world: World, at: int, side: str, turns: Iterable[int], happens: Callable[[int, datetime], None]) -> None:
    """Pass at these minutes; the process dies at one write and begins anew, and after each pass the world goes on."""
    world.engine = world.reborn(Crashing(world.store, at, side == "after"))
    for minute in turns:
        world.clock.at = START + timedelta(minutes=minute)
        try:
            world.engine.step()
        except Killed:
            world.engine = world.reborn()
        happens(minute, world.clock.at)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 25))
def test_a_crash_at_any_write_neither_loses_nor_doubles_the_job(new_world: NewWorld, at: int, side: str) -> None:
    """Whichever write the process dies at, the next one finishes the job, each segment started exactly once."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))

    def happens(minute: int, now: datetime) -> None:
        """A stop is obeyed; the work is done in the fifth hour."""
        if FIRST in world.one.stopped and world.one.status[FIRST] == "running":
            world.one.end(FIRST, "stopped", now, reason="stopped", stop_received_unix=now.timestamp())
        if minute >= 4 * 60 and world.two.status.get(SECOND) == "running":
            world.two.end(SECOND, "succeeded", now)

    live_on(world, at, side, range(0, 5 * 60, 15), happens)
    assert world.job.state is JobState.SUCCEEDED
    assert (world.one.started, world.two.started) == ([FIRST], [SECOND])


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 13))
def test_a_crash_while_an_unknown_end_is_closed_leaves_the_fence_up(
    new_world: NewWorld, tmp_path: Path, at: int, side: str
) -> None:
    """Also between the raised fence and the stored end: no new attempt before the fence is above the old one."""
    (tmp_path / "saves").mkdir()
    world = new_world(
        stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),) * 3,
        checkpoint={"dir": str(tmp_path / "saves" / "a")},
    )  # fmt: skip
    fences = tmp_path / "saves" / "a.carbonsched"

    def happens(minute: int, now: datetime) -> None:
        """The supervisor dies without a word; the second attempt does the work."""
        if minute >= 10 and world.one.status.get(FIRST) == "running":
            world.one.status[FIRST] = "failed"
        if AGAIN in world.two.started:
            assert max(int(each.suffix[1:]) for each in fences.iterdir()) > world.segments[0].fence
            assert world.segments[0].fence < world.two.launches[AGAIN].fence
        if minute >= 120 and world.two.status.get(AGAIN) == "running":
            world.two.end(AGAIN, "succeeded", now)

    live_on(world, at, side, range(0, 150, 10), happens)
    assert world.job.state is JobState.SUCCEEDED
    assert (world.one.started, world.two.started) == ([FIRST], [AGAIN])


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 13))
def test_a_crash_while_a_suspend_waits_for_a_checkpoint_loses_nothing(new_world: NewWorld, at: int, side: str) -> None:
    """No checkpoint comes, the job is left to run, its end moves by its progress: at every write it may die."""
    pause = {"save": "periodic", "every": "10m"}
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4), interruptible=pause)

    def happens(minute: int, now: datetime) -> None:
        """It says how far it is and never saves itself; it is done in the fourth hour."""
        if world.one.status.get(FIRST) == "running":
            world.one.sample(FIRST, now, progress=minute / 300)
            if minute >= 200:
                world.one.end(FIRST, "succeeded", now)

    live_on(world, at, side, range(0, 240, 12), happens)
    assert (world.job.state, world.one.stopped, world.two.started) == (JobState.SUCCEEDED, [], [])
