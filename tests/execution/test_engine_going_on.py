"""A job that runs is asked again: by a policy without a forecast each hour, by the others when there is news."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scheduler.records.rows import JobState
from tests.execution.engine_world import HOUR, START
from tests.execution.fleet_world import FleetWorld, new_fleet_world
from tests.execution.test_engine_crash import Crashing, Killed

PAUSE = {"checkpoint": "1m", "restart": "2m"}


def daily(hour: int) -> tuple[float, float]:
    """Clean from six to fourteen o'clock, everywhere."""
    rate = 100.0 if 6 <= hour % 24 < 14 else 300.0
    return rate, rate


def live_on(world: FleetWorld, hours: Sequence[float]) -> None:
    """Pass at these hours, and a moment after each."""
    for hour in hours:
        world.at(hour, 1)
        world.at(hour + 0.02, 1)


@pytest.fixture
def world(tmp_path: Path) -> FleetWorld:
    """Two clusters on the daily grid."""
    return new_fleet_world(tmp_path, daily)


def online(world: FleetWorld, **changes: object) -> str:
    """A job of twelve hours in two days that decides by the past alone."""
    said = {"policy": "threshold", "duration": "12h", "deadline": "48h", "interruptible": PAUSE}
    return world.submit(**(said | changes))


def test_a_job_without_a_forecast_runs_while_it_is_clean_and_pauses_while_it_is_not(world: FleetWorld) -> None:
    """It waits for the clean hours, is asked each hour, is suspended when they end, and resumes the next day."""
    job = online(world)
    live_on(world, [0, 5, 6, 7, 10, 13, 14, 15, 29, 30, 31, 34])
    ran = [(cluster, round(start), round(end)) for cluster, start, end in world.segments(job)]
    assert [("one", 6, 14), ("one", 30, 34)] == ran
    assert ["pauses: its policy says so"] == [t for t in world.events(job, "planned") if t.startswith("pauses")]
    assert JobState.SUCCEEDED is world.job(job).state


def test_it_decides_the_same_whatever_comes(tmp_path: Path) -> None:
    """The hours behind the present are turned around: what it has done until then is the same."""
    done = []
    for name, after in (("as it comes", 100.0), ("otherwise", 900.0)):
        (tmp_path / name).mkdir()
        world = new_fleet_world(tmp_path / name, daily)
        world.write_grid(lambda hour, after=after: daily(hour) if hour < 12 else (after, after))  # type: ignore[misc]  # its default is the loop's
        job = online(world)
        live_on(world, [0, 5, 6, 7, 10, 11])
        done.append((world.segments(job)[0][:2], world.events(job, "planned")))
    assert done[0] == done[1]


def test_a_job_that_may_not_be_suspended_is_not_asked(world: FleetWorld) -> None:
    """Once it runs it runs to its end."""
    job = online(world, interruptible=None)
    live_on(world, [0, 5, 6, 7, 14, 15, 18])
    assert [("one", 6, 18)] == [(c, round(start), round(end)) for c, start, end in world.segments(job)]
    assert "goes on" not in world.events(job, "planned")


def test_it_does_not_pause_where_that_would_cost_the_deadline(world: FleetWorld) -> None:
    """Twelve hours in thirteen: at fourteen o'clock there is no time to wait for a clean hour."""
    job = online(world, deadline="19h")
    live_on(world, [0, 1, 5, 6, 7, 13, 14, 15, 18, 18.5, 19])
    assert JobState.SUCCEEDED is world.job(job).state
    assert (finished := world.job(job).finished_at) is not None
    assert finished <= world.job(job).deadline_at


@pytest.mark.parametrize(("at", "side"), [(8, "before"), (13, "after"), (18, "before"), (18, "after"), (23, "before")])
def test_a_crash_at_any_write_of_an_online_job_neither_loses_nor_doubles_it(
    world: FleetWorld, at: int, side: str
) -> None:
    """Also between the decision to pause and the stop: each segment is started once, and the job ends."""
    job = online(world, duration="10h")
    world.engine = world.reborn(Crashing(world.store, at, side == "after"))
    for hour in (5, 6, 6.1, 7, 8, 14, 14.1, 14.2, 29, 30, 30.1, 30.2, 31, 34):
        try:
            world.at(hour)
        except Killed:
            world.engine = world.reborn()
    assert JobState.SUCCEEDED is world.job(job).state
    started = world.clusters["one"].started
    assert len(started) == len(set(started))
    assert len(started) == len(world.segments(job))


def later_clean(first: int, last: int) -> object:
    """Clean in the first three hours and in some later ones."""

    def rates(hour: int) -> tuple[float, float]:
        """Of one cluster; the other is dirty always."""
        return (50.0 if 0 <= hour < 3 or first <= hour < last else 400.0), 900.0

    return rates


def rolling(tmp_path: Path) -> tuple[FleetWorld, str]:
    """A job of six hours that runs, is to be suspended at three, and to resume at twelve."""
    world = new_fleet_world(tmp_path, later_clean(12, 15))  # type: ignore[arg-type]  # a function of the hour
    job = world.submit(duration="6h", deadline="40h", interruptible={})
    live_on(world, [0, 1])
    assert [("one", 0, 3), ("one", 12, 15)] == spans(world, job)
    return world, job


def spans(world: FleetWorld, job: str) -> list[tuple[str, int, int]]:
    """The stretches of the plan that binds, in whole hours."""
    return [
        (s.cluster, round((s.start - START) / HOUR), round((s.end - START) / HOUR))
        for s in world.plan(job).placement.segments
    ]


def test_a_new_forecast_moves_what_follows_a_run(tmp_path: Path) -> None:
    """The second clean stretch comes at twenty: the run under way is still suspended at three, and resumes then."""
    world, job = rolling(tmp_path)
    world.write_grid(later_clean(20, 23))  # type: ignore[arg-type]  # a function of the hour
    live_on(world, [1.1, 1.2])
    assert [("one", 1, 3), ("one", 20, 23)] == spans(world, job)
    live_on(world, [2, 3, 3.1, 19, 20, 20.1, 23])
    assert [("one", 0, 3), ("one", 20, 23)] == [(c, round(a), round(b)) for c, a, b in world.segments(job)]
    assert JobState.SUCCEEDED is world.job(job).state


def test_a_forecast_that_makes_a_pause_senseless_takes_it_back(tmp_path: Path) -> None:
    """All hours are clean now: the run goes on to its end without a suspend."""
    world, job = rolling(tmp_path)
    world.write_grid(lambda _hour: (50.0, 900.0))
    live_on(world, [1.1, 1.2, 3, 5, 6])
    assert [("one", 0, 6)] == [(c, round(a), round(b)) for c, a, b in world.segments(job)]


def test_a_run_to_its_end_is_given_a_suspend_where_that_gains(tmp_path: Path) -> None:
    """It was to run through; now four of its hours are very dirty, and others far cleaner."""
    world = new_fleet_world(tmp_path, lambda _hour: (50.0, 900.0))
    job = world.submit(duration="6h", deadline="40h", interruptible={})
    live_on(world, [0, 1])
    assert [("one", 0, 6)] == spans(world, job)
    world.write_grid(later_clean(20, 23))  # type: ignore[arg-type]  # a function of the hour
    live_on(world, [1.1, 1.2, 3, 3.1, 19, 20, 20.1, 23])
    assert [("one", 0, 3), ("one", 20, 23)] == [(c, round(a), round(b)) for c, a, b in world.segments(job)]


def test_nothing_new_changes_nothing_that_follows(tmp_path: Path) -> None:
    """It is looked at each hour, and stays as it was planned."""
    world, job = rolling(tmp_path)
    plans = world.plans(job)
    live_on(world, [1.5, 2, 2.5])
    assert plans == world.plans(job)


def test_a_plan_of_a_run_says_all_that_a_first_plan_does(tmp_path: Path) -> None:
    """Price, baseline and candidates are there, and what is left of the run is its first stretch."""
    world, job = rolling(tmp_path)
    first = world.plan(job).document
    world.write_grid(later_clean(20, 23))  # type: ignore[arg-type]  # a function of the hour
    live_on(world, [1.1, 1.2])
    again = world.plan(job).document
    assert first.keys() == again.keys()
    assert again["feasible"]
    assert again["baseline"] is not None
    assert again["candidates"]
