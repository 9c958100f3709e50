"""The law of reservations, through the engine: who was accepted on time is on time, and nothing is promised twice."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scheduler.domain.errors import Infeasible
from scheduler.records.rows import JobState
from tests.execution.engine_world import START
from tests.execution.fleet_world import FleetWorld, new_fleet_world
from tests.execution.test_engine_fleet import fleet_of, overbooked

HOURS = 30
JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "gpus": st.sampled_from([2, 4, 8]),
            "duration": st.sampled_from(["45m", "2h", "3h20m"]),
            "deadline": st.sampled_from(["5h", "9h30m", "20h", "28h"]),
            "interruptible": st.sampled_from([None, {}, {"checkpoint": "3m", "restart": "12m"}]),
            "policy": st.sampled_from(["carbon-aware"] * 4 + ["run-now", "lowest-carbon-window"]),
            "exclusive": st.booleans(),
        }
    ),
    min_size=2,
    max_size=6,
)


def grid_of(seed: int) -> dict[int, tuple[float, float]]:
    """An intensity drawn for every hour."""
    dice = Random(seed)
    return {hour: (dice.choice([40.0, 200.0, 420.0]), dice.choice([60.0, 180.0, 500.0])) for hour in range(HOURS + 12)}


def new_world(folder: Path, seed: int) -> FleetWorld:
    """A world on a drawn grid."""
    rates = grid_of(seed)
    return new_fleet_world(folder, lambda hour: rates.get(hour, (300.0, 300.0)), tries=40)


def turn_grid(world: FleetWorld, seed: int) -> None:
    """Another forecast."""
    rates = grid_of(seed)
    world.write_grid(lambda hour: rates.get(hour, (300.0, 300.0)))


def submitted(world: FleetWorld, wishes: list[dict[str, object]]) -> list[str]:
    """Those jobs that are possible at all."""
    found = []
    for wish in wishes:
        try:
            found.append(world.submit(**wish))
        except Infeasible:
            continue
    return found


def late_plans(world: FleetWorld, jobs: list[str]) -> list[str]:
    """Jobs that were accepted on time and whose plan is not."""
    with world.store.reading() as tx:
        late = {job for job in jobs if tx.plans(job)[0].document["late_at_admission"]}
    return [job for job in jobs if job not in late and world.plan(job).placement.finish > world.job(job).deadline_at]


@given(wishes=JOBS, more=JOBS, seed=st.integers(0, 999))
@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_every_set_that_is_written_keeps_every_promise(
    wishes: list[dict[str, object]], more: list[dict[str, object]], seed: int
) -> None:
    """Jobs come, the forecast turns, more come: no instant is promised twice, and nobody becomes late."""
    with tempfile.TemporaryDirectory() as folder:
        world = new_world(Path(folder), seed)
        jobs = submitted(world, wishes)
        for step, hours_h in enumerate((0.01, 0.02, 0.1, 0.12)):
            if step == 2:  # once they were planned
                turn_grid(world, seed + 1000)
                jobs += submitted(world, more[:2])
            world.at(hours_h, 1)
            assert [] == overbooked(world)
            assert [] == late_plans(world, jobs)
        row = fleet_of(world)
        if row is not None and row.bound_kg is not None and row.cost_kg is not None:
            assert row.bound_kg <= row.cost_kg * (1 + 1e-9)
        world.store.close()


@pytest.mark.parametrize("seed", [3])
def test_given_true_durations_nobody_who_was_accepted_on_time_is_late(tmp_path: Path, seed: int) -> None:
    """A day and a half with jobs that come, wait, run, are suspended and resumed on full clusters."""
    dice, world = Random(seed), new_world(tmp_path, seed)
    jobs: list[str] = []
    for step in range(3 * HOURS):
        hours_h = step / 3
        world.at(hours_h, 1)
        if step % 5 == 0 and step < 45:  # the first half of it
            wish = {
                "gpus": dice.choice([2, 4, 8]), "duration": f"{dice.randint(2, 9) * 20}m",
                "deadline": f"{dice.randint(5, 14)}h", "interruptible": dice.choice([None, {}]),
            }  # fmt: skip
            jobs += submitted(world, [wish])
        if step == 20:  # some wait, some run
            turn_grid(world, seed + 1000)
        if jobs and not world.open_jobs() and step > 45:  # as above
            break
    with world.store.reading() as tx:
        on_time = [job for job in jobs if not tx.plans(job)[0].document["late_at_admission"]]
    assert len(on_time) > len(jobs) / 2
    assert {JobState.SUCCEEDED} == {world.job(job).state for job in jobs}
    slack = {job: (world.job(job).deadline_at - (world.job(job).finished_at or START)) for job in on_time}
    assert [] == [job for job, left in slack.items() if left.total_seconds() < -20 * 60]
    assert all(each.most <= each.gpus for each in world.clusters.values())
