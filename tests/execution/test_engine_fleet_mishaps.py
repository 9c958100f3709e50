"""Jobs that are planned together while something goes wrong: others act meanwhile, the process dies, a plan fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.domain.placement import Segment
from scheduler.execution.fleet_placing import Change, Fleet, FleetPlacer
from scheduler.execution.placed import Placed
from scheduler.execution.placing import PlanningPlacer
from scheduler.planning.situation import Situation
from scheduler.records.rows import FleetRow, JobState
from tests.execution.fleet_world import FleetWorld, new_fleet_world
from tests.execution.test_engine_crash import Crashing, Killed
from tests.execution.test_engine_fleet import LATER, PLACER, SOON, fleet_of, overbooked, two_chances


@pytest.fixture
def world(tmp_path: Path) -> FleetWorld:
    """Two clusters of one node."""
    return new_fleet_world(tmp_path, two_chances)


def refurnish(world: FleetWorld, kind: type[FleetPlacer], **more: object) -> None:
    """Have another kind of planner, with all else as it was."""
    whole = world.engine.together
    assert whole is not None
    own = {name: getattr(whole, name) for name in ("placer", "clock", "budget", "max_wait", "tries")}
    world.engine = replace(world.engine, together=kind(**own, **more))  # type: ignore[arg-type]  # fields by name


@dataclass(kw_only=True)
class Meddling(FleetPlacer):
    """A planner that takes so long that somebody does something meanwhile, once."""

    meddle: list[Callable[[], object]]

    def fleet(self, *args: object, **more: object) -> Fleet:
        """Plan, and let the others act."""
        found = FleetPlacer.fleet(self, *args, **more)  # type: ignore[arg-type]  # handed on as they are
        if self.meddle:
            self.meddle.pop()()
        return found


def meddle(world: FleetWorld, act: Callable[[], object]) -> None:
    """Have that done while the next plan is made."""
    refurnish(world, Meddling, meddle=[act])


def test_a_plan_that_something_overtook_is_not_written_but_made_again(world: FleetWorld) -> None:
    """While it was made another job took room: none of it is written; the next is made with that job in it."""
    meddle(world, lambda: world.submit(**SOON))
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01, 1)
    assert (1, 1) == (world.plans(first), world.plans(second))
    world.at(0.02, 1)
    assert (2, 2) == (world.plans(first), world.plans(second))
    assert [] == overbooked(world)


def test_a_person_s_wish_meanwhile_is_not_overwritten(world: FleetWorld) -> None:
    """One was held while the plan was made: nothing is written of it."""
    first, second = world.submit(**LATER), world.submit(**SOON)

    def hold() -> None:
        """Somebody holds the second."""
        with world.store.writing() as tx:
            tx.set_job(second, wanted="hold")
            tx.add_event(second, world.clock.at, "asked", "hold asked")

    meddle(world, hold)
    world.at(0.01, 1)
    assert (1, 1) == (world.plans(first), world.plans(second))
    world.at(0.02)
    assert JobState.HELD is world.job(second).state


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 4))  # the fleet's own; those of a run are killed at in test_engine_crash.py
def test_a_crash_at_any_write_leaves_all_of_the_old_or_all_of_the_new(world: FleetWorld, at: int, side: str) -> None:
    """There is never a set of which a part is written; in the end each has run once, on time."""
    jobs = [world.submit(**LATER), world.submit(**SOON), world.submit(deadline="18h")]
    before = [world.plans(job) for job in jobs]
    world.engine = world.reborn(Crashing(world.store, at, side == "after"))
    for hours_h in (0.01, 0.02, 10.02, 12.02, 12.04, 14.02, 16.02, 30.02, 32.02):
        try:
            world.at(hours_h)
        except Killed:
            world.engine = world.reborn()
            if hours_h == 0.01:  # the fleet was being written
                written = [world.plans(job) - count for job, count in zip(jobs, before, strict=True)]
                assert any(written) is (side == "after")
        assert hours_h > 5 or [] == overbooked(world)  # a launch comes some seconds after its time
    assert [JobState.SUCCEEDED] * 3 == [world.job(each).state for each in jobs]
    assert all(world.job(each).finished_at <= world.job(each).deadline_at for each in jobs)  # type: ignore[operator]  # all are over
    assert len(jobs) == sum(len(each.started) for each in world.clusters.values())


def test_one_plan_that_cannot_be_written_keeps_all_of_them_from_it(world: FleetWorld) -> None:
    """No part of a set need be feasible: each keeps what it holds, and nobody says what that costs together."""

    class Unwritten(FleetPlacer):
        """Finds that the plan of the first breaks a limit after all."""

        __slots__ = ()

        def written(self, change: Change, row: FleetRow, others: Sequence[Segment], *, explain: bool) -> Placed | None:
            """The plan of the others."""
            mine = change.situation.job.deadline == timedelta(hours=40)
            return None if mine else FleetPlacer.written(self, change, row, others, explain=explain)

    refurnish(world, Unwritten)
    first, second = world.submit(**LATER), world.submit(**SOON)
    before = world.starts(first, second)
    world.at(0.01)
    assert (before, 1, 1) == (world.starts(first, second), world.plans(first), world.plans(second))
    assert (row := fleet_of(world)) is not None
    assert (None, None) == (row.cost_kg, row.gap_pct)


def test_the_time_that_posing_takes_is_none_of_the_search(world: FleetWorld) -> None:
    """Every job takes longer to pose than a search may last, and still they are planned together."""
    whole, clock = world.engine.together, world.clock
    assert whole is not None

    class Slow(PlanningPlacer):
        """Takes its time to pose a job."""

        __slots__ = ()

        def again(self, *args: object, **more: object) -> Situation:
            """The situation, a minute later."""
            clock.at += timedelta(minutes=1)
            return PlanningPlacer.again(self, *args, **more)  # type: ignore[arg-type]  # handed on as they are

    slow = Slow(**{name: getattr(whole.placer, name) for name in PLACER})
    world.engine = replace(world.engine, together=replace(whole, placer=slow, budget=timedelta(seconds=20)))
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01, 1)
    assert [("one", 30.0), ("one", 10.0)] == world.starts(first, second)


def test_where_planning_together_fails_each_is_planned_by_itself(world: FleetWorld) -> None:
    """A bug there holds up no job."""

    class Broken(FleetPlacer):
        """Fails."""

        __slots__ = ()

        def fleet(self, *_args: object, **_more: object) -> Fleet:
            """Fail."""
            raise ZeroDivisionError

    refurnish(world, Broken)
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01)
    world.write_grid(lambda hour: (20.0 if hour in {14, 15} else 400.0, 900.0))
    for hours_h in (1.1, 1.2, 1.3, 2.5):
        world.at(hours_h)
    assert ("one", 14.0) in world.starts(first, second)
