"""The loop: when it goes on, when it ends, and whom it tells that it passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from cli.serve_loop import IDLE_EXIT_S
from scheduler.cluster_ports import Capacity
from scheduler.domain.errors import InvalidInput
from scheduler.execution.dry_run import DryRun
from scheduler.records.rows import JobState
from tests.cli.loop_world import World
from tests.cli.loop_world import world as world  # noqa: PLC0414  # a fixture
from tests.records.cases import T0, make_job, make_row


def test_clusters_that_cannot_be_read_at_the_start_end_it(world: World) -> None:
    """A person who starts it sees the error."""
    world.trouble = [InvalidInput("no cluster is declared")]
    with pytest.raises(InvalidInput):
        world.loop().run()


def test_a_changed_cluster_file_builds_the_engine_anew(world: World) -> None:
    """And only then."""
    world.run_for(20)
    assert 1 == world.builds
    loop = world.loop()
    ends_s = world.clock.monotonic_s() + 20

    def change() -> None:
        world.stamps = 1
        if world.clock.monotonic_s() > ends_s:
            world.stopping.append(15)

    world.clock.at_each = change
    loop.run()
    assert 3 == world.builds


def test_it_leaves_when_nothing_was_open_for_a_while(world: World) -> None:
    """And stays where a job came in between."""
    agrees = iter([False, True])
    world.loop().run(leave=lambda: next(agrees))
    assert IDLE_EXIT_S <= world.clock.monotonic_s() <= IDLE_EXIT_S + 20


def test_it_stays_while_something_is_open(world: World) -> None:
    """The job's minute, and then the wait."""
    world.submit("aaaa", "one")
    world.loop().run(leave=lambda: True)
    assert JobState.SUCCEEDED is world.job("aaaa").state
    assert 50 <= world.clock.monotonic_s() - IDLE_EXIT_S <= 80


def test_it_stays_while_a_notice_is_to_be_told(world: World) -> None:
    """A loop that a submit started would take the news with it."""
    with world.store.writing() as tx:
        tx.add_job(replace(make_row(make_job(notify="tell")), state=JobState.FAILED))
        tx.add_event("j1", T0, "failed", "exit code 3")
    loop = world.loop()
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 200 else None
    loop.notifier.start = lambda _: Busy()  # type: ignore[assignment, return-value]  # a thread that does not end
    loop.run(leave=lambda: True)
    assert world.clock.monotonic_s() > 200


class Busy:
    """A telling that takes for ever."""

    def is_alive(self) -> bool:
        """It does."""
        return True


def test_a_pass_is_told_to_whoever_watches(world: World) -> None:
    """Health has the open jobs and every cluster; the store has the process and the pass."""
    world.two.reachable = False
    world.submit("aaaa", "two")
    told = world.run_for(25).health.as_json()
    assert 1 == told["open_jobs"]
    assert {"one", "two"} == set(told["clusters"])  # type: ignore[call-overload]  # a mapping
    with world.store.reading() as tx:
        pass_at = tx.scheduler_pass_at()
    assert pass_at is not None
    assert pass_at > T0


def test_a_signal_ends_the_pass_between_two_jobs(world: World) -> None:
    """What is not begun is not begun."""
    for job_id in ("aaaa", "bbbb"):
        world.submit(job_id, "one")
    loop = world.loop()
    engine = world.build()
    assert 2 == engine.step(leave=lambda: True)
    assert JobState.PLANNED is world.job("aaaa").state
    world.stopping.append(15)
    loop.run()
    assert JobState.PLANNED is world.job("aaaa").state


def test_a_silent_cluster_costs_one_try_whoever_waits_for_it(world: World) -> None:
    """Ten jobs that are due there wait for one answer, not for ten; health names it, and they run once it is back."""
    silent = Counting(clock=world.clock, runs_for=lambda _: timedelta(minutes=1), reachable=False)
    world.two = silent
    for n in range(10):
        world.submit(f"job{n}", "two")
    told = world.run_for(15).health.as_json()
    assert silent.probes <= 3
    circuits = {name: (each["silent"], each["circuit"]) for name, each in told["clusters"].items()}  # type: ignore[attr-defined]  # a mapping
    assert ("", "closed") == circuits["one"]
    assert ("the dry run was cut off", "open") == circuits["two"]
    assert {"the dry run was cut off"} == {world.job(f"job{n}").reason for n in range(10)}
    silent.reachable = True
    world.run_for(30)
    assert JobState.RUNNING is world.job("job0").state


@dataclass(slots=True, kw_only=True)
class Counting(DryRun):
    """Counts how often it is asked what it has."""

    probes: int = 0

    def probe(self) -> Capacity:
        """One more."""
        self.probes += 1
        return DryRun.probe(self)


def test_it_ends_where_its_store_is_gone(world: World) -> None:
    """Somebody deleted the state folder: nobody will ever ask this loop for anything."""
    world.submit("aaaa", "one")
    loop = world.loop()
    loop.store.folder.database.rename(loop.store.folder.root / "elsewhere.db")
    loop.run()
    assert [] == world.stopping
