"""What a cluster file keeps back or closes holds at launch too, and is no part of what others use."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import Infeasible
from scheduler.domain.placement import Placement
from scheduler.execution.sites import Sites
from scheduler.records.rows import JobState
from tests.execution.engine_world import FIRST, HOUR, START, NewWorld, World, document, stretch
from tests.execution.fleet_world import FleetWorld, new_fleet_world


def limited(cluster: Cluster, **changes: object) -> Cluster:
    """A cluster with keys of its file changed."""
    return Cluster.from_mapping(cluster.model_dump(exclude_defaults=True) | changes, what="a test")


def shut(start_h: float, end_h: float, **more: object) -> dict[str, list[object]]:
    """A calendar that closes a cluster between two hours."""
    since, until = (START + hour * HOUR for hour in (start_h, end_h))
    return {"closed": [{"since": since.isoformat(), "until": until.isoformat(), **more}]}


def keep(world: World, name: str = "one", **changes: object) -> None:
    """Have a cluster of a world keep something, as if its file had been changed."""
    sites = dict(world.engine.sites.by_name)
    sites[name] = replace(sites[name], cluster=limited(sites[name].cluster, **changes))
    world.engine = replace(world.engine, sites=Sites(sites))


def test_nothing_is_sent_into_a_closure(new_world: NewWorld) -> None:
    """A start that is due waits, and says why; once the cluster opens it is sent."""
    world = new_world(stretch("one", 0, 3))
    keep(world, calendar=shut(0, 0.1))
    world.at(0)
    assert world.one.started == []
    assert world.job.reason == "no room on one: 0 of 8 GPUs left beside what is kept back or closed"
    world.at(0.1)
    world.at(0.2)
    assert (world.job.state, world.one.started) == (JobState.RUNNING, [FIRST])


def test_what_the_reserve_leaves_is_given_once(new_world: NewWorld) -> None:
    """Free GPUs are no room where they are those kept back: 8 of 16 are, and 8 run."""
    world = new_world(stretch("one", 0, 3))
    keep(world, gpus=16, reserve=8)
    world.one.free = 16
    with world.store.writing() as tx:
        tx.add_job(replace(tx.job("abcdefgh"), id="zzzzzzzz", submitted_at=START + timedelta(seconds=1)))
        tx.add_plan("zzzzzzzz", START, document(Placement(segments=(stretch("one", 0.01, 3),))))
    world.at(0)
    world.at(0.02)
    with world.store.reading() as tx:
        second = tx.job("zzzzzzzz")
    assert (world.one.started, second.state) == ([FIRST], JobState.PLANNED)
    assert second.reason == "no room on one: 0 of 8 GPUs left beside what is kept back or closed"


@pytest.mark.parametrize(
    ("free", "keeps", "others"),
    [
        (8, {"reserve": 4}, []),
        (3, {"reserve": 4}, [("one", 4)]),
        (3, {"calendar": shut(1, 1.5, gpus=4)}, [("one", 4), ("one", 8)]),
    ],
)
def test_others_are_taken_to_use_first_what_is_kept_for_them(
    new_world: NewWorld, free: int, keeps: dict[str, object], others: list[tuple[str, int]]
) -> None:
    """What they use beyond that takes room from plans, and for as long as it is beyond."""
    world = new_world(stretch("two", 9, 12))
    keep(world, **keeps)  # type: ignore[arg-type]  # keys of a cluster file
    world.at(0)
    world.one.free = free
    world.at(1.1)
    taken = [each for one in world.engine.placer.taken for each in one]  # type: ignore[attr-defined]  # the fake's own
    assert others == [(each.cluster, each.gpus) for each in taken]


@pytest.fixture
def fleet(tmp_path: Path) -> FleetWorld:
    """Two clusters of one node, cleanest in the third and fourth hour of one, and clean in two pairs after them."""
    clean = {2: 50.0, 3: 50.0, 6: 80.0, 7: 80.0, 9: 90.0, 10: 90.0}
    return new_fleet_world(tmp_path, lambda hour: (clean.get(hour, 500.0), 900.0))


def keep_in(fleet: FleetWorld, **changes: dict[str, object]) -> None:
    """Have clusters of a fleet's world keep something, for its planners and its engine."""
    placer, sites = fleet.engine.placer, dict(fleet.engine.sites.by_name)
    made = {name: limited(each, **changes.get(name, {})) for name, each in placer.clusters.items()}
    placer = replace(placer, clusters=made)
    together = fleet.engine.together
    assert together is not None
    fleet.engine = replace(
        fleet.engine,
        placer=placer,
        together=replace(together, placer=placer),
        sites=Sites({name: replace(site, cluster=made[name]) for name, site in sites.items()}),
    )


def test_jobs_planned_together_keep_out_of_closed_hours(fleet: FleetWorld) -> None:
    """The cleanest hours are closed, and so is one of those after them: neither is there, alone or together."""
    keep_in(fleet, one={"calendar": {"closed": [*shut(1, 5)["closed"], *shut(7.5, 8)["closed"]]}})
    ids = [fleet.submit(deadline="12h") for _ in range(2)]
    fleet.at(0.01)
    with fleet.store.reading() as tx:
        assert [2] == [row.jobs for row in tx.fleets()]
    assert {("one", 5.5), ("one", 9.0)} == set(fleet.starts(*ids))


def test_a_job_over_every_walltime_is_refused_at_submission(fleet: FleetWorld) -> None:
    """With the reason of each cluster."""
    keep_in(fleet, one={"walltime": "1h"}, two={"walltime": "1h"})
    with pytest.raises(Infeasible) as refused:
        fleet.submit()
    assert "one: its walltime is 1h, and the run takes 2h; runs are not cut to fit it" in refused.value.hint
