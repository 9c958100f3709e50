"""The process killed at any write of the store: no job lost, none started twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store
from tests.execution.engine_world import (
    FIRST,
    START,
    NewWorld,
    stretch,
)


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


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 25))
def test_a_crash_at_any_write_neither_loses_nor_doubles_the_job(new_world: NewWorld, at: int, side: str) -> None:
    """Whichever write the process dies at, the next one finishes the job, each segment started exactly once."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    sound = world.engine
    dying = Crashing(world.store, at, side == "after")
    world.engine = replace(sound, store=dying, lookout=replace(sound.lookout, store=dying))  # type: ignore[arg-type]  # all that is used of a store
    for minute in range(0, 5 * 60, 15):
        now = START + timedelta(minutes=minute)
        world.clock.at = now
        try:
            world.engine.step()
        except Killed:
            world.engine = replace(sound, _stops_sent=set())
        if FIRST in world.one.stopped and world.one.status[FIRST] == "running":
            world.one.end(FIRST, "stopped", now, reason="stopped", stop_received_unix=now.timestamp())
        if minute >= 4 * 60 and world.two.status.get("cs-abcdefgh-s2-a1") == "running":
            world.two.end("cs-abcdefgh-s2-a1", "succeeded", now)
    assert world.job.state is JobState.SUCCEEDED
    assert (world.one.started, world.two.started) == ([FIRST], ["cs-abcdefgh-s2-a1"])
