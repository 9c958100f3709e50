"""Room: whole launches only, what was sent counts before it shows, and patience has an end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.cluster_ports import Capacity
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement
from scheduler.execution.sites import Claim, claim, coming, room, usable
from scheduler.records.rows import JobState
from tests.execution.engine_world import (
    FIRST,
    START,
    NewWorld,
    cluster,
    document,
    stretch,
)


def test_no_room_is_said_and_waited_for(new_world: NewWorld) -> None:
    """Ray never queues for us: with too few free GPUs nothing is sent, and the reason is shown."""
    world = new_world(stretch("one", 0, 3))
    world.one.free = 4
    world.at(0)
    assert world.one.started == []
    assert world.job.reason == "no room on one: 4 of 8 GPUs free on a node"
    world.one.free = 8
    world.at(0.1)
    world.at(0.2)
    assert (world.job.state, world.job.reason) == (JobState.RUNNING, "")


def test_after_ten_minutes_without_room_it_is_planned_around_what_others_use(new_world: NewWorld) -> None:
    """Patience first; then a plan that knows that the cluster is full, and a start on the other one."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 3),)),))
    world.one.free = 4
    world.at(0)
    world.at(0.16)
    assert world.job.state is JobState.PLANNED
    world.at(0.17)
    [taken] = world.engine.placer.taken  # type: ignore[attr-defined]  # the fake's own
    assert [(s.cluster, s.gpus) for s in taken] == [("one", 8)]
    world.at(0.2)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, [FIRST])


def test_a_plan_that_is_looked_at_again_knows_what_others_use(new_world: NewWorld) -> None:
    """Or it would be moved to where somebody else's job runs, and wait there for nothing."""
    world = new_world(stretch("one", 9, 12))
    world.at(0)
    world.two.free = 3
    world.at(1.1)
    [taken] = world.engine.placer.taken  # type: ignore[attr-defined]  # the fake's own
    assert [(s.cluster, s.gpus) for s in taken] == [("two", 8)]


def test_what_was_sent_and_not_yet_shown_as_taken_is_not_given_twice(new_world: NewWorld) -> None:
    """A cluster that still shows its GPUs free right after a launch gets no second job for them."""
    world = new_world(stretch("one", 0, 3))
    with world.store.writing() as tx:
        tx.add_job(replace(tx.job("abcdefgh"), id="zzzzzzzz", submitted_at=START + timedelta(seconds=1)))
        tx.add_plan("zzzzzzzz", START, document(Placement(segments=(stretch("one", 0, 3),))))
    world.at(0)
    assert world.one.started == [FIRST]


@pytest.mark.parametrize(
    ("free", "sent", "left"),
    [((8,), (), 8), ((8, 8), (8,), 8), ((8, 4), (4,), 8), ((8, 4), (4, 8), 0), ((), (), 0), ((2,), (8,), 2)],
)
def test_room_is_what_is_left_on_the_emptiest_node(free: tuple[int, ...], sent: tuple[int, ...], left: int) -> None:
    """Launches on the way take the fullest node they fit on; one that fits nowhere is on its node already."""
    assert room(free, [Claim(gpus) for gpus in sent]) == left


@pytest.mark.parametrize(
    ("free", "one_node", "spread", "left", "left_in_all"),
    [((8, 8), 0, 0, 8, 16), ((8, 8), 4, 0, 8, 12), ((8, 8), 0, 12, 4, 4), ((8, 4), 4, 4, 4, 4), ((2, 2), 0, 8, 0, 0)],
)
def test_a_driver_takes_and_finds_gpus_on_any_node(
    free: tuple[int, ...], one_node: int, spread: int, left: int, left_in_all: int
) -> None:
    """Its workers may stand on several, so what they will take may be what a script counted on."""
    sent = [Claim(one_node), Claim(spread, spans=True)]
    assert (left, left_in_all) == (room(free, sent), room(free, sent, spans=True))


def test_the_gpus_of_a_drivers_workers_count_from_its_start() -> None:
    """The cluster shows them minutes later; those of a script soon, and then they count once."""
    capacity = Capacity(session="s", ray_version="2", gpus_total=16, gpus_free=12, free_by_node=(8, 4))
    script, driver = Claim(4), Claim(8, spans=True)
    assert [] == coming(capacity, [script], [])
    assert [script] == coming(capacity, [script, script], [script])
    assert [driver] == coming(capacity, [script, driver], [])
    assert [script, Claim(4, spans=True)] == coming(capacity, [script, driver], [script])


def test_a_driver_waits_for_room_in_all(new_world: NewWorld) -> None:
    """Two halves of nodes do; and while it runs nobody else gets what its workers have not asked for yet."""
    world = new_world(stretch("one", 0, 3), launch="ray")
    with world.store.writing() as tx:
        tx.add_job(replace(tx.job("abcdefgh"), id="zzzzzzzz", submitted_at=START + timedelta(seconds=1)))
        tx.add_plan("zzzzzzzz", START, document(Placement(segments=(stretch("one", 0.01, 3),))))
    world.one.free = 4
    world.at(0)
    assert world.job.reason == "no room on one: 4 of 8 GPUs free"
    world.one.free = 8
    world.at(0.01)
    world.at(0.1)
    assert world.job.state is JobState.RUNNING
    assert world.one.started == [FIRST]


def test_what_launches_can_get_at_is_whole_ones_on_a_node_or_any_gpu() -> None:
    """Five and three free GPUs are one launch of four, or eight for a driver's workers."""
    assert (4, 8) == (usable((5, 3), Claim(4)), usable((5, 3), Claim(4, spans=True)))


@pytest.mark.parametrize(
    ("free", "sent", "left"),
    [((8, 8, 4), (), 16), ((8, 8, 4), (4,), 16), ((8, 8), (4,), 8), ((7, 7), (), 0), ((8, 8), (8,), 8)],
)
def test_a_launch_over_several_nodes_finds_whole_ones(free: tuple[int, ...], sent: tuple[int, ...], left: int) -> None:
    """What lies free on a node that somebody uses is of no use to it."""
    assert left == room(free, [Claim(gpus) for gpus in sent], node=8)


def test_a_launch_over_several_nodes_takes_whole_ones() -> None:
    """From a script, from the next of its kind, and from a driver's workers."""
    two = Claim(16, node=8)
    assert ([8, 8], [4], []) == (two.on_nodes, Claim(4).on_nodes, Claim(4, spans=True).on_nodes)
    assert (0, 0, 4) == (room((8, 8), [two]), room((8, 8), [two], node=8), room((8, 8, 4), [two], spans=True))
    assert (16, 0) == (usable((8, 8, 4), two), usable((4, 4), two))


@pytest.mark.parametrize(
    ("launch", "gpus", "taken"),
    [
        ("torchrun", 8, Claim(8)),
        ("torchrun", 16, Claim(16, node=8)),
        ("ray", 16, Claim(16, spans=True)),
        ("script", 4, Claim(4)),
    ],
)
def test_a_claim_is_of_the_width_that_a_segment_has(launch: str, gpus: int, taken: Claim) -> None:
    """Whatever the job was submitted with."""
    job = Job.from_mapping({"name": "a", "entrypoint": "t", "gpus": 2, "launch": launch}, what="job")
    assert taken == claim(job, cluster("one"), gpus)


def test_a_job_over_two_nodes_waits_for_two_whole_ones(new_world: NewWorld) -> None:
    """And says what it found."""
    world = new_world(stretch("one", 0, 3), launch="torchrun", gpus=16)
    plan = replace(stretch("one", 0, 3), gpus=16)
    with world.store.writing() as tx:
        tx.add_plan("abcdefgh", START, document(Placement(segments=(plan,))))
    world.at(0)
    assert "no room on one: 8 of 16 GPUs free in whole nodes of 8" == world.job.reason
    assert [] == world.one.started
