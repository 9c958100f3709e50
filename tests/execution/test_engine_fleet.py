"""Jobs that wait for one another's room are planned together: what that gains, what it never breaks, what is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from scheduler.domain.basis import MARGINAL_BASIS
from scheduler.domain.errors import Infeasible
from scheduler.execution.placing import PlanningPlacer
from scheduler.planning.situation import Situation
from scheduler.records.reservations import Reservations
from scheduler.records.rows import FleetRow, JobState
from tests.execution.engine_world import HOUR, START
from tests.execution.fleet_world import FleetWorld, new_fleet_world

LATER = {"deadline": "40h"}
SOON = {"deadline": "20h"}
PLACER = ("clusters", "grid", "policies", "default_slack", "home", "least_margin")
"""What a placer is made of here."""


def two_chances(hour: int) -> tuple[float, float]:
    """One cluster is clean at ten and nearly so at thirty, for two hours, and dirtiest before; the other never is."""
    return {10: 50.0, 11: 50.0, 30: 80.0, 31: 80.0}.get(hour, 400.0 if hour > 11 else 500.0), 900.0


@pytest.fixture
def world(tmp_path: Path) -> FleetWorld:
    """Two clusters of one node."""
    return new_fleet_world(tmp_path, two_chances)


def fleet_of(world: FleetWorld) -> FleetRow | None:
    """What the store says of the jobs that are planned together."""
    with world.store.reading() as tx:
        return next(iter(tx.fleets()), None)


def overbooked(world: FleetWorld) -> list[str]:
    """Clusters of which jobs hold more than there is, at some instant."""
    with world.store.reading() as tx:
        held = [each for one in Reservations().by_job(tx, world.clock.at).values() for each in one]
    found = []
    for name, site in world.engine.sites.by_name.items():
        mine = [each for each in held if each.cluster == name]
        moments = sorted({moment for each in mine for moment in (each.start, each.end)})
        for one, other in pairwise(moments):
            middle = one + (other - one) / 2
            if other - one > timedelta(seconds=1) and (
                sum(each.gpus for each in mine if each.start < middle < each.end) > site.cluster.gpus
            ):
                found.append(f"{name} at {middle}")
    return found


def test_together_they_emit_less_than_one_after_the_other(world: FleetWorld) -> None:
    """The first took the clean hours, which the second needs more: they give way for little, and all gain."""
    first, second = world.submit(**LATER), world.submit(**SOON)
    assert ("one", 10.0) == world.starts(first)[0]
    world.at(0.01)
    assert [("one", 30.0), ("one", 10.0)] == world.starts(first, second)


def test_what_was_planned_together_says_all_that_a_first_plan_does(world: FleetWorld) -> None:
    """The document has every key with why and baseline, and beside them how good the fleet is."""
    first, second = world.submit(**LATER), world.submit(**SOON)
    before = world.plan(first).document
    world.at(0.01)
    after = world.plan(first).document
    assert {"fleet"} == after.keys() - before.keys()
    assert (True, 2) == (after["feasible"], after["fleet"]["jobs"])  # type: ignore[index]  # a mapping in the document
    assert after["why"] is not None
    assert after["baseline"] is not None
    assert "planned again together with 1 others" in world.events(second, "planned")


def test_the_store_says_what_they_cost_and_at_least(world: FleetWorld) -> None:
    """The bound is under the cost, and near it."""
    world.submit(**LATER)
    world.submit(**SOON)
    world.at(0.01)
    row = fleet_of(world)
    assert row is not None
    assert row.cost_kg is not None
    assert row.bound_kg is not None
    assert ("carbon-aware", 2) == (row.policy, row.jobs)
    assert row.bound_kg <= row.cost_kg
    assert row.gap_pct is not None
    assert row.gap_pct < 1


def test_one_alone_has_the_exact_plan_and_is_no_fleet(world: FleetWorld) -> None:
    """It is looked at as ever: nothing is written while nothing is better."""
    job = world.submit(**LATER)
    for hours_h in (0.01, 0.02, 1.5):
        world.at(hours_h)
    assert ([("one", 10.0)], 1, None) == (world.starts(job), world.plans(job), fleet_of(world))


def test_a_gain_that_is_too_small_replaces_no_reservation(world: FleetWorld) -> None:
    """The next forecast is a little better elsewhere: under two percent is no reason."""
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01)
    plans = world.plans(first), world.plans(second)
    world.write_grid(lambda hour: (79.5 if hour in {33, 34} else two_chances(hour)[0], 900.0))
    for hours_h in (0.1, 0.2, 0.3, 1.5, 2.5):
        world.at(hours_h)
    assert plans == (world.plans(first), world.plans(second))


def test_a_new_forecast_moves_them_all(world: FleetWorld) -> None:
    """What is clean now is another hour."""
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01)
    world.write_grid(lambda hour: ({5: 20.0, 6: 20.0, 25: 30.0, 26: 30.0}.get(hour, 400.0 + 9 * (hour < 5)), 900.0))
    for hours_h in (0.1, 0.2):
        world.at(hours_h)
    assert [("one", 25.0), ("one", 5.0)] == world.starts(first, second)


def test_a_start_within_minutes_stays(world: FleetWorld) -> None:
    """Five minutes before its start the forecast turns: it runs all the same."""
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01)
    world.at(9.9)
    world.write_grid(lambda hour: (20.0 if hour in {14, 15} else 400.0, 900.0))
    for hours_h in (9.95, 9.97, 10, 10.02):
        world.at(hours_h)
    assert JobState.RUNNING is world.job(second).state
    assert ("one", 14.0) == world.starts(first)[0]


def test_another_policy_is_planned_on_what_they_leave(world: FleetWorld) -> None:
    """Its reservation is left alone, and theirs stay beside it."""
    other = world.submit(policy="lowest-carbon-window", **SOON)
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01)
    assert ("one", 10.0) == world.starts(other)[0]
    assert 1 == world.plans(other)
    assert ("one", 30.0) == world.starts(first)[0]
    assert [] == overbooked(world)
    assert world.plan(second).placement.finish <= START + 20 * HOUR


def test_who_finds_no_room_is_admitted_late_and_makes_nobody_late(world: FleetWorld) -> None:
    """Two nodes are full until its deadline: it is flagged, and starts as soon as one is free."""
    early = [world.submit(duration="3h", deadline="3h") for _ in range(2)]
    late = world.submit(duration="2h", deadline="4h")
    assert world.plan(late).document["late_at_admission"]
    assert world.job(late).reason.startswith("late: ")
    assert START + 4 * HOUR == world.job(late).deadline_at
    for hours_h in (0.0, 0.02, 0.5, 1.5, 3, 3.02, 3.05, 5, 5.1, 5.2):
        world.at(hours_h)
    assert [JobState.SUCCEEDED] * 3 == [world.job(each).state for each in (*early, late)]
    assert world.plans(late) <= 3, "it is not planned again for nothing"
    assert all(world.job(each).finished_at <= START + 3 * HOUR for each in early)  # type: ignore[operator]  # it is over


def test_what_is_impossible_on_empty_clusters_is_refused_all_the_same(world: FleetWorld) -> None:
    """Others' reservations are not what stands in its way."""
    world.submit(**LATER)
    with pytest.raises(Infeasible):
        world.submit(duration="5h", deadline="4h")


def test_a_suspend_between_two_hours_is_not_lost(world: FleetWorld) -> None:
    """A plan made at a quarter past, with its own instants as edges, stays while another joins the fleet."""
    world.at(0.0)
    world.clock.at = START + 0.25 * HOUR
    held = world.submit(deadline="40h", duration="3h15m", interruptible={"checkpoint": "5m", "restart": "5m"})
    before = world.plan(held).placement
    assert before.suspends
    world.submit(**SOON)
    for hours_h in (0.26, 0.27, 0.28):
        world.at(hours_h)
    after = world.plan(held).placement
    assert [] == overbooked(world)
    assert after.finish <= START + 40.25 * HOUR


def test_a_search_without_any_time_keeps_what_is_held(tmp_path: Path) -> None:
    """The budget is nothing: the reservations stay, and none is lost."""
    world = new_fleet_world(tmp_path, two_chances)
    whole = world.engine.together
    assert whole is not None
    world.engine = replace(world.engine, together=replace(whole, budget=timedelta(0)))
    first, second = world.submit(**LATER), world.submit(**SOON)
    for hours_h in (0.01, 0.02):
        world.at(hours_h)
    assert [] == overbooked(world)
    assert world.plan(first).placement.finish <= START + 40 * HOUR
    assert world.plan(second).placement.finish <= START + 20 * HOUR


def test_the_same_jobs_are_planned_the_same(tmp_path: Path) -> None:
    """The seed comes from their ids."""
    found = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        world = new_fleet_world(tmp_path / name, lambda hour: (300 - 10 * (hour % 7), 250 + 9 * (hour % 5)))
        jobs = [world.submit(duration=f"{1 + n % 3}h", deadline=f"{12 + 3 * n}h") for n in range(4)]
        world.at(0.01)
        found.append(world.starts(*jobs))
    assert found[0] == found[1]


def test_room_that_runs_hold_is_not_planned_on(world: FleetWorld) -> None:
    """A job that runs keeps its node while the others are moved around it."""
    running = world.submit(duration="11h", deadline="11h")
    world.at(0.0)
    world.at(0.02)
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.05)
    world.at(0.06)
    assert JobState.RUNNING is world.job(running).state
    assert [] == overbooked(world)
    assert all(start >= 11 or cluster == "two" for cluster, start in world.starts(first, second))


def test_a_suspended_job_is_planned_with_those_that_wait(tmp_path: Path) -> None:
    """It gives the clean hours to one that needs them more, and resumes in later ones."""
    world = new_fleet_world(tmp_path, lambda hour: (two_chances(hour)[0] if hour >= 2 else 50.0, 900.0))
    job = world.submit(duration="4h", deadline="40h", interruptible={})
    for hours_h in (0, 0.02, 1, 2, 2.02, 2.04):
        world.at(hours_h)
    assert (JobState.SUSPENDED, [("one", 10.0)]) == (world.job(job).state, world.starts(job))
    world.submit(duration="2h", deadline="18h")
    for hours_h in (2.1, 2.15, 3.2, 3.25):
        world.at(hours_h)
    assert [("one", 30.0)] == world.starts(job)
    assert [] == overbooked(world)


def test_jobs_of_two_bases_are_never_added_up(world: FleetWorld) -> None:
    """The one that is planned on marginal figures keeps its room, and is planned by itself."""
    other = world.submit_on(MARGINAL_BASIS, LATER)
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.at(0.01)
    assert (row := fleet_of(world)) is not None
    assert (2, 1) == (row.jobs, world.plans(other))
    assert [("one", 10.0), ("one", 30.0)] == world.starts(other, first)
    assert [] == overbooked(world)
    assert world.plan(second).placement.finish <= START + 20 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class WithMarginal(PlanningPlacer):
    """Plans with marginal intensities at hand, the same figures as the average ones."""

    def again(self, *args: object, **more: object) -> Situation:
        """The situation with them beside."""
        situation = PlanningPlacer.again(self, *args, **more)  # type: ignore[arg-type]  # handed on as they are
        other = {zone: replace(series, basis=MARGINAL_BASIS) for zone, series in situation.intensity.items()}
        return replace(situation, other=other)


@pytest.mark.parametrize("marginal", [False, True])
def test_where_a_marginal_price_is_at_hand_the_others_move_nobody_to_another_zone(
    world: FleetWorld, *, marginal: bool
) -> None:
    """Only a job's own plan is weighed against it, so that together they move in time, and in their own zones."""
    whole, placer = world.engine.together, world.engine.placer
    assert whole is not None
    kind = WithMarginal if marginal else PlanningPlacer
    own = kind(**{name: getattr(placer, name) for name in PLACER})
    world.engine = replace(world.engine, together=replace(whole, placer=own))
    first, second = world.submit(**LATER), world.submit(**SOON)
    world.write_grid(lambda hour: (two_chances(hour)[0], 30.0 if hour in {20, 21} else 900.0))
    world.at(0.01)
    assert [("one" if marginal else "two"), "one"] == [cluster for cluster, _ in world.starts(first, second)]
