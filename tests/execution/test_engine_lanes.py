"""Clusters apart: one that never answers delays its own jobs, and neither another's suspend nor a command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest

from scheduler.cluster_ports import Capacity, Observation
from scheduler.domain.errors import ClusterUnreachable
from scheduler.domain.placement import Placement
from scheduler.execution.lanes import Threads
from scheduler.records.rows import JobState
from tests.execution.engine_world import FIRST, START, NewWorld, World, document, stretch

OTHER = "cs-zzzzzzzz-s1-a1"


@pytest.fixture
def hung() -> Iterator[Event]:
    """Set at the end, so that no thread waits for ever."""
    event = Event()
    yield event
    event.set()


def beside(new_world: NewWorld) -> World:
    """A job on cluster one, and one on cluster two that is suspended after an hour, on a lane for each cluster."""
    world = new_world(stretch("one", 0, 3))
    with world.store.writing() as tx:
        tx.add_job(replace(tx.job("abcdefgh"), id="zzzzzzzz", submitted_at=START + timedelta(seconds=1)))
        tx.add_plan("zzzzzzzz", START, document(Placement(segments=(stretch("two", 0, 1), stretch("two", 2, 4)))))
    world.engine = replace(world.reborn(), lanes=Threads())
    return world


def state(world: World, job_id: str) -> JobState:
    """Where a job stands."""
    with world.store.reading() as tx:
        return tx.job(job_id).state


def passes_until(world: World, job_id: str, wanted: JobState) -> None:
    """Pass each second of the world's clock until a job stands so, for ten real seconds at most."""
    ends_s = time.monotonic() + 10
    while state(world, job_id) is not wanted:
        assert time.monotonic() < ends_s
        world.clock.at += timedelta(seconds=1)
        world.engine.step()


def test_a_cluster_that_never_answers_delays_no_others_suspend(new_world: NewWorld, hung: Event) -> None:
    """The pass does not wait for its answer; the other's job is stopped when it is due; it goes on when it answers."""
    world = beside(new_world)
    for hours_h in (0, 0.01, 0.02):
        world.at(hours_h)
    assert (JobState.RUNNING, JobState.RUNNING) == (state(world, "abcdefgh"), state(world, "zzzzzzzz"))
    observe = world.one.observe

    def hangs(sid: str) -> Observation:
        """Take very long."""
        hung.wait()
        return observe(sid)

    world.one.observe = hangs  # type: ignore[method-assign]  # the fake is the test's own
    began_s = time.monotonic()
    world.at(0.9)
    world.at(1)
    assert [OTHER] == world.two.stopped
    assert time.monotonic() - began_s < 10
    world.one.end(FIRST, "succeeded", world.clock.at)
    began_s = time.monotonic()
    for minute in range(61, 71):
        world.at(minute / 60)
    assert time.monotonic() - began_s < 10
    assert JobState.RUNNING is state(world, "abcdefgh")
    hung.set()
    passes_until(world, "abcdefgh", JobState.SUCCEEDED)


def test_a_plan_does_not_wait_for_a_cluster_that_hangs(new_world: NewWorld, hung: Event) -> None:
    """What is free there is asked for a few seconds, then it counts as full."""
    world = beside(new_world)
    world.engine.placer.placements.append(Placement(segments=(stretch("two", 9, 10),)))  # type: ignore[attr-defined]  # the fake's own
    with world.store.writing() as tx:
        tx.set_job("zzzzzzzz", state=JobState.QUEUED)

    def hangs() -> Capacity:
        """Take very long."""
        hung.wait()
        raise ClusterUnreachable("cut")

    world.one.probe = hangs  # type: ignore[method-assign]  # the fake is the test's own
    passes_until(world, "zzzzzzzz", JobState.PLANNED)
    [taken] = world.engine.placer.taken  # type: ignore[attr-defined]  # the same
    assert ("one", 8) in [(each.cluster, each.gpus) for each in taken]


def test_a_suspend_waits_for_no_plan(new_world: NewWorld, hung: Event) -> None:
    """Whether it would cost the deadline is asked first; where that takes long, it is suspended as planned."""
    world = beside(new_world)
    for hours_h in (0, 0.01, 0.02):
        world.at(hours_h)

    def thinks(*_: object, **__: object) -> str:
        """Take very long."""
        hung.wait()
        return "late"

    world.engine.placer.lateness = thinks  # type: ignore[method-assign]  # the fake is the test's own
    world.at(1)
    passes_until(world, "zzzzzzzz", JobState.SUSPENDING)
    assert [OTHER] == world.two.stopped
    assert world.clock.at < START + timedelta(hours=1, seconds=12)


def test_no_command_waits_for_a_plan(new_world: NewWorld, hung: Event) -> None:
    """While a plan is made another process writes to the store; what the plan was made from has changed: made again."""
    world = beside(new_world)
    placer = world.engine.placer
    place = placer.place
    placer.placements += [Placement(segments=(stretch("two", 7, 8),)), Placement(segments=(stretch("two", 9, 10),))]  # type: ignore[attr-defined]  # the fake's own

    def thinks(*args: object, **kwargs: object) -> object:
        """Take its time."""
        hung.wait()
        return place(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came

    placer.place = thinks  # type: ignore[method-assign, assignment]  # the same
    with world.store.writing() as tx:
        tx.set_job("zzzzzzzz", state=JobState.QUEUED)
    world.at(0.1)
    began_s = time.monotonic()
    with world.store.writing() as tx:
        tx.set_job("zzzzzzzz", progress=0.25)
    assert time.monotonic() - began_s < 1
    hung.set()
    passes_until(world, "zzzzzzzz", JobState.PLANNED)
    with world.store.reading() as tx:
        [plan] = tx.newest_plans(["zzzzzzzz"]).values()
    assert (stretch("two", 9, 10),) == plan.placement.segments


def test_one_probe_serves_all_that_ask_in_the_same_moment(new_world: NewWorld) -> None:
    """Ten jobs that are due on a cluster cost one question, and get no more room than there is."""
    world = new_world(stretch("one", 0, 3))
    with world.store.writing() as tx:
        for n in range(10):
            tx.add_job(replace(tx.job("abcdefgh"), id=f"zzzzzzz{n}", submitted_at=START + timedelta(seconds=n + 1)))
            tx.add_plan(f"zzzzzzz{n}", START, document(Placement(segments=(stretch("one", 0, 3),))))
    probe, asked = world.one.probe, []

    def counted() -> Capacity:
        """One more."""
        asked.append(1)
        return probe()

    world.one.probe = counted  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    assert ([FIRST], 2) == (world.one.started, len(asked))  # one for room, one for the session of what was sent


def test_a_run_is_asked_one_question_a_look(new_world: NewWorld) -> None:
    """Its evidence is fetched every half minute, not at every look."""
    world = new_world(stretch("one", 0, 3))
    for second in (0, 1, 2):
        world.at(second / 3600)
    evidence, asked = world.one.evidence, []

    def counted(node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """One more."""
        asked.append(name)
        return evidence(node_id, name, tail=tail)

    world.one.evidence = counted  # type: ignore[method-assign]  # the fake is the test's own
    for second in range(10, 130):
        world.at(second / 3600)
    assert len(asked) <= 2 * 5
