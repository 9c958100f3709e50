"""When plans are looked at again: news from the grid, room that comes and goes, runs that end early or late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from scheduler.domain.placement import Placement
from scheduler.records.reservations import reservations
from scheduler.records.rows import JobState
from tests.execution.engine_world import FIRST, HOUR, START, NewWorld, World, document, stretch

OTHER = "zzzzzzzz"


def at(hours_h: float) -> datetime:
    """The instant so many hours after the start."""
    return START + hours_h * HOUR


def submit(world: World, *segments: object, job_id: str = OTHER, **changes: object) -> None:
    """One more job, planned as the test says."""
    with world.store.writing() as tx:
        before = tx.job("abcdefgh")
        job = before.job.model_copy(update=changes)
        tx.add_job(replace(before, id=job_id, job=job, state=JobState.PLANNED, wanted="run", progress=0.0, reason=""))
        tx.add_plan(job_id, START, document(Placement(segments=tuple(segments))))  # type: ignore[arg-type]  # segments
        tx.add_event(job_id, world.clock.at, "submitted", "planned by a test")


def looked(world: World) -> int:
    """How often a waiting plan was looked at again."""
    return len(world.engine.placer.asked)  # type: ignore[attr-defined]  # the fake's own


def waits(new_world: NewWorld) -> World:
    """A job that starts in nine hours on cluster one, seen once."""
    world = new_world(stretch("one", 9, 12))
    world.at(0)
    world.at(0.02)
    return world


def test_nothing_new_is_no_reason(new_world: NewWorld) -> None:
    """Before the hour is over nobody asks for another plan."""
    world = waits(new_world)
    for minute in range(2, 59):
        world.at(minute / 60)
    assert 0 == looked(world)


def test_a_new_forecast_is_looked_at_within_minutes(new_world: NewWorld) -> None:
    """Once for each that comes: the table changed, or a provider issued a newer one."""
    world = waits(new_world)
    world.engine.placer.stamp = "second issue"  # type: ignore[attr-defined]  # the fake's own
    for minute in (3, 4, 5, 6, 7):
        world.at(minute / 60)
    assert 1 == looked(world)


def test_a_forecast_that_cannot_be_had_is_no_news_twice(new_world: NewWorld) -> None:
    """A table that is gone is looked at once, and again when it is back."""
    world = waits(new_world)
    placer = world.engine.placer
    for minute in range(3, 20):
        placer.stamp = "" if 6 <= minute < 12 else "first issue"  # type: ignore[attr-defined]  # the fake's own
        world.at(minute / 60)
    assert 2 == looked(world)


def test_a_bug_in_a_source_holds_up_nothing_else(new_world: NewWorld) -> None:
    """The job starts when it is due."""
    world = waits(new_world)

    def bug(*_: object, **__: object) -> object:
        """Fail."""
        raise ZeroDivisionError

    world.engine.placer.freshen = bug  # type: ignore[method-assign]  # the fake is the test's own
    world.at(9)
    assert [FIRST] == world.one.started


@pytest.mark.parametrize(("wanted", "state"), [("cancel", JobState.CANCELLED), ("hold", JobState.HELD)])
def test_room_that_a_person_gives_back_is_news(new_world: NewWorld, wanted: str, state: JobState) -> None:
    """Another job was to run before: now its hours are free."""
    world = waits(new_world)
    submit(world, stretch("one", 5, 8))
    world.at(0.05)
    with world.store.writing() as tx:
        tx.set_job(OTHER, wanted=wanted)  # type: ignore[arg-type]  # one of its words
    before = looked(world)
    for minute in (6, 8, 10):
        world.at(minute / 60)
    with world.store.reading() as tx:
        assert state is tx.job(OTHER).state
    assert before + 1 == looked(world)


def test_a_run_that_ends_early_is_news(new_world: NewWorld) -> None:
    """Two of its three hours are free."""
    world = waits(new_world)
    submit(world, stretch("one", 0.1, 3.1))
    world.at(0.1)
    world.at(0.2)
    before = looked(world)
    world.one.end(f"cs-{OTHER}-s1-a1", "succeeded", at(0.5))
    for hours_h in (0.5, 0.55, 0.6):
        world.at(hours_h)
    assert before + 1 == looked(world)


def test_room_that_it_may_not_use_is_no_news(new_world: NewWorld) -> None:
    """It is allowed on cluster one alone."""
    world = new_world(stretch("one", 9, 12), allowed=["one"])
    world.at(0)
    submit(world, stretch("two", 5, 8), allowed=())
    world.at(0.05)
    with world.store.writing() as tx:
        tx.set_job(OTHER, wanted="cancel")
    for minute in (6, 8, 10):
        world.at(minute / 60)
    assert 0 == looked(world)


@pytest.mark.parametrize(("cluster", "news"), [("one", 1), ("two", 0)])
def test_a_new_job_is_news_for_plans_on_its_clusters(new_world: NewWorld, cluster: str, news: int) -> None:
    """Elsewhere it takes nothing that they count on."""
    world = waits(new_world)
    submit(world, stretch(cluster, 9, 15))
    for minute in (3, 5, 7):
        world.at(minute / 60)
    plans = world.engine.placer.asked  # type: ignore[attr-defined]  # the fake's own
    assert news == plans.count((stretch("one", 9, 12),))


def test_a_plan_that_moved_away_is_news_for_the_others(new_world: NewWorld) -> None:
    """The room it leaves is looked at by a job that could use it."""
    world = waits(new_world)
    submit(world, stretch("two", 5, 8))
    world.at(0.05)
    placer = world.engine.placer
    placer.improved = Placement(segments=(stretch("one", 2, 5),))  # type: ignore[attr-defined]  # the fake's own
    placer.stamp = "second issue"  # type: ignore[attr-defined]  # the same
    world.at(0.1)
    world.at(0.11)
    placer.improved = None  # type: ignore[attr-defined]  # the same
    before = looked(world)
    for minute in (9, 11, 13):
        world.at(minute / 60)
    assert before < looked(world)


def test_a_run_past_its_end_is_left_alone_and_others_are_planned_around_it(new_world: NewWorld) -> None:
    """Told once; the later it is, the longer it is taken to need, and those whose start that blocks are looked at."""
    world = new_world(stretch("one", 0, 0.5))
    submit(world, stretch("one", 1.2, 4))
    for hours_h in (0, 0.05, 0.4, 0.51):
        world.at(hours_h)
    assert [] == world.events("overruns")
    for hours_h in (0.52, 0.6, 0.7):
        world.at(hours_h)
    before = looked(world)
    for hours_h in (0.9, 0.91):
        world.at(hours_h)
    assert ([], before + 1) == (world.one.stopped, looked(world))
    assert ["past 2026-03-01T00:30:00Z, when it was to end; others are planned around it"] == world.events("overruns")
    with world.store.reading() as tx:
        [held, *_] = reservations(tx, at(0.9), but=OTHER)
    assert at(1.3) == held.end


def tells(world: World, *told: tuple[float, float]) -> None:
    """The training says at these hours how far it is."""
    for hours_h, progress in told:
        world.one.sample(FIRST, at(hours_h), progress=progress)


def test_progress_moves_the_end_that_others_plan_around(new_world: NewWorld) -> None:
    """A tenth in half an hour is ten tenths in five hours, not in the three that it states."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.01)
    tells(world, (0, 0), (0.5, 0.1))
    world.at(0.5)
    world.at(0.51)
    with world.store.reading() as tx:
        [held] = reservations(tx, world.clock.at)
    assert at(5) == held.end
    assert ["to end at 2026-03-01T05:00:00Z, by its progress"] == world.events("expects")


def test_progress_that_runs_ahead_gives_room_back(new_world: NewWorld) -> None:
    """Half in half an hour: the rest of its three hours is free, and a waiting job's plan is looked at."""
    world = new_world(stretch("one", 0, 3))
    submit(world, stretch("one", 3.5, 6))
    world.at(0)
    world.at(0.01)
    before = looked(world)
    tells(world, (0, 0), (0.5, 0.5))
    for hours_h in (0.5, 0.51, 0.53):
        world.at(hours_h)
    assert at(1) == world.segments[0].planned_end
    assert before < looked(world)


def test_progress_as_planned_is_no_news(new_world: NewWorld) -> None:
    """A minute more or less changes nobody's plan, and fills no log."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    for minute in range(60):
        tells(world, (minute / 60, minute / 180 + 0.001))
        world.at(minute / 60)
    assert (at(3), []) == (world.segments[0].planned_end, world.events("expects"))


def test_a_segment_is_launched_at_the_width_of_its_plan(new_world: NewWorld) -> None:
    """Four of its eight GPUs: that is what is asked of the cluster, claimed while it starts, and billed."""
    narrow = replace(stretch("one", 0, 5), gpus=4)
    world = new_world(narrow)
    world.one.free = 4
    world.at(0)
    assert (4, 4) == (world.one.launches[FIRST].gpus, world.segments[0].gpus)
    with world.store.reading() as tx:
        assert [4] == [held.gpus for held in reservations(tx, world.clock.at)]
