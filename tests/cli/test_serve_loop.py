"""The loop: what it tells, what it survives, and when it ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from cli import serve_log
from cli.serve import LogFormat
from cli.serve_loop import IDLE_EXIT_S, Loop
from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.execution.dry_run import DryRun
from scheduler.execution.engine import Engine
from scheduler.execution.harvest import Harvester
from scheduler.execution.health import Health
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout
from scheduler.execution.notify import Emitted, Notifier
from scheduler.execution.sites import Site, Sites
from scheduler.execution.slips import Slips
from scheduler.ports import Capacity, Launch, Observation
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.records.cases import T0, document, make_cluster, make_job, make_row


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    at: datetime = T0
    at_each: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The moment it came to."""
        return self.at

    def monotonic_s(self) -> float:
        """Seconds since the start. [s]"""
        return (self.at - T0).total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Move on."""
        self.at += duration
        self.at_each()


class Buggy(DryRun):
    """A cluster whose answer meets a bug of ours."""

    def observe(self, sid: str) -> Observation:
        """Meet it."""
        raise ZeroDivisionError(sid)


@dataclass
class World:
    """Two clusters, of which one may be buggy, and what runs on them."""

    store: Store
    clock: Clock
    one: DryRun
    two: DryRun
    stopping: list[int] = field(default_factory=list)
    builds: int = 0
    trouble: list[Exception] = field(default_factory=list)
    stamps: int = 0

    def stamp(self) -> object:
        """What changes when the test says so; fails where it says so."""
        if self.trouble:
            raise self.trouble.pop(0)
        return self.stamps

    def build(self) -> Engine:
        """An engine on both."""
        self.builds += 1
        sites = Sites(
            {
                name: Site(cluster=make_cluster(name), executor=dry)
                for name, dry in (("one", self.one), ("two", self.two))
            }
        )
        folder = self.store.folder
        return Engine(
            store=self.store,
            sites=sites,
            placer=Placer(),  # type: ignore[arg-type]  # these jobs are not planned again
            launcher=Launcher(state=folder, secrets_dir=folder.root, environ={}, sample_every=timedelta(seconds=30)),
            lookout=Lookout(
                store=self.store,
                sites=sites,
                harvester=Harvester(evidence=EvidenceFiles(folder), clock=self.clock, every=timedelta(seconds=30)),
                clock=self.clock,
                lease=timedelta(minutes=15),
            ),
            clock=self.clock,
        )

    def loop(self) -> Loop:
        """A loop on them."""
        tick = timedelta(seconds=10)
        return Loop(
            store=self.store,
            clock=self.clock,
            engines=self,
            notifier=Notifier(
                store=self.store, ways=Nobody(), clock=self.clock, emitted=lambda _: Emitted(), start=lambda _: None
            ),
            slips=Slips(store=self.store, clock=self.clock, tick=tick),
            health=Health(clock=self.clock, tick=tick),
            tick=tick,
            stopping=self.stopping,
        )

    def submit(self, job_id: str, cluster: str) -> None:
        """A job of one hour there, from now on."""
        row = replace(make_row(make_job(name=job_id), job_id=job_id), state=JobState.PLANNED, finished_at=None)
        with self.store.writing() as tx:
            tx.add_job(replace(row, progress=0.0))
            tx.add_plan(job_id, T0, document([make_cluster("one"), make_cluster("two")], [(cluster, 0, 1)]))

    def job(self, job_id: str) -> JobRow:
        """A job as it is stored."""
        with self.store.reading() as tx:
            return tx.job(job_id)

    def run_for(self, seconds_s: float) -> Loop:
        """Run a loop for some time, then ask it to end."""
        end_s = self.clock.monotonic_s() + seconds_s

        def look() -> None:
            """Ask when it is time."""
            if self.clock.monotonic_s() >= end_s and not self.stopping:
                self.stopping.append(15)

        self.clock.at_each = look
        loop = self.loop()
        loop.run()
        self.stopping.clear()
        return loop


class Placer:
    """Is not asked for plans here."""

    def worked(self, *_: object) -> float:
        """All of it."""
        return 1.0


class Nobody:
    """Is told nothing."""

    def send(self, target: str, body: bytes) -> None:
        """Nobody asked."""
        raise AssertionError


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two sound clusters, where a launch runs for a minute."""
    clock = Clock()

    def minute(_launch: Launch) -> timedelta:
        return timedelta(minutes=1)

    one, two = (DryRun(clock=clock, runs_for=minute) for _ in range(2))
    return World(open_store(StateFolder(tmp_path / "state")), clock, one, two)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The log as JSON; logging is as it was afterwards."""
    root, stream = logging.getLogger(), StringIO()
    before, level = root.handlers[:], root.level
    serve_log.configure(LogFormat.JSON, stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(log: StringIO) -> list[dict[str, str]]:
    """The log's lines."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_every_event_is_a_line_once(world: World, log: StringIO) -> None:
    """With the job, the kind and the event's own time; a second loop does not tell the past again."""
    world.submit("aaaa", "one")
    world.run_for(70)
    assert JobState.SUCCEEDED is world.job("aaaa").state
    told = [(line["job"], line["event"]) for line in lines(log)]
    assert [("aaaa", "launching"), ("aaaa", "running"), ("aaaa", "succeeded")] == told
    assert {"time": "2024-03-05T00:00:00Z", "level": "info", "job": "aaaa", "event": "launching"}.items() <= lines(log)[
        0
    ].items()
    world.run_for(70)
    assert 3 == len(lines(log))


def test_a_bug_holds_up_its_own_job_and_is_told(world: World, log: StringIO) -> None:
    """The other job runs and ends; the first waits with its reason, is tried again, and goes on once it can."""
    world.two = Buggy(clock=world.clock)
    world.submit("aaaa", "two")
    world.submit("bbbb", "one")
    world.run_for(70)
    assert JobState.SUCCEEDED is world.job("bbbb").state
    assert world.job("aaaa").reason.startswith("internal error: ZeroDivisionError at test_serve_loop.py:")
    bugs = [line for line in lines(log) if "traceback" in line]
    assert {"aaaa"} == {bug["job"] for bug in bugs}
    assert "ZeroDivisionError" in bugs[0]["traceback"]
    assert 3 <= len(bugs) <= 5
    world.two = DryRun(clock=world.clock, runs_for=lambda _: timedelta(minutes=1))
    world.run_for(130)
    assert (JobState.SUCCEEDED, "") == (world.job("aaaa").state, world.job("aaaa").reason)


def test_a_bug_outside_of_jobs_does_not_end_the_loop(world: World, log: StringIO) -> None:
    """It is logged with its traceback, and the next pass does the work."""
    world.submit("aaaa", "one")
    loop = world.loop()
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 100 else None
    slips, calls = loop.slips, iter([RuntimeError("a bug"), KeyError("another")])
    loop.slips = Failing(slips, calls)  # type: ignore[assignment]  # all that is used of it
    loop.run()
    assert JobState.SUCCEEDED is world.job("aaaa").state
    traced = [line["traceback"] for line in lines(log) if "traceback" in line]
    assert ["RuntimeError: a bug", "KeyError: 'another'"] == [text.splitlines()[-1] for text in traced]


@dataclass
class Failing:
    """Fails before a pass as often as there are errors."""

    inner: Slips
    errors: Iterator[Exception]

    def before(self) -> None:
        """Fail, or be as always."""
        for error in self.errors:
            raise error
        self.inner.before()

    def after(self) -> None:
        """As always."""
        self.inner.after()


def test_trouble_that_lasts_is_told_once(world: World, log: StringIO) -> None:
    """A full disk fails every pass: one line, and the loop goes on when there is room again."""
    world.submit("aaaa", "one")
    loop = world.loop()
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 100 else None
    loop.slips = Failing(loop.slips, iter([StoreError("disk full", hint="free some")] * 3))  # type: ignore[assignment]  # the same
    loop.run()
    assert JobState.SUCCEEDED is world.job("aaaa").state
    assert 1 == sum(line["text"] == "disk full (free some)" for line in lines(log))


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


@pytest.mark.parametrize(
    ("kind", "level"),
    [("running", "info"), ("waits", "warning"), ("lost", "warning"), ("not notified:lost", "warning")],
)
def test_what_may_need_a_person_is_a_warning(world: World, log: StringIO, kind: str, level: str) -> None:
    """So that a log can be filtered by its level."""
    world.submit("aaaa", "one")
    with world.store.writing() as tx:
        tx.add_event("aaaa", T0, kind, "two\nlines")
    with world.store.reading() as tx:
        serve_log.tell(tx.events_after(0)[-1])
    expected = {"time": "2024-03-05T00:00:00Z", "level": level, "job": "aaaa", "event": kind, "text": "two lines"}
    assert [expected] == lines(log)


def test_text_is_a_line_for_people(world: World, log: StringIO) -> None:
    """Time, level, job, event, text."""
    stream = StringIO()
    serve_log.configure(LogFormat.TEXT, stream)
    world.submit("aaaa", "one")
    with world.store.writing() as tx:
        tx.add_event("aaaa", T0, "running", "segment 1 on one")
    with world.store.reading() as tx:
        serve_log.tell(tx.events_after(0)[-1])
    assert "2024-03-05T00:00:00Z info    aaaa running: segment 1 on one\n" == stream.getvalue()


def test_a_silent_cluster_costs_one_try_whoever_waits_for_it(world: World) -> None:
    """Ten jobs that are due there wait for one answer, not for ten; health names it, and they run once it is back."""
    silent = Counting(clock=world.clock, runs_for=lambda _: timedelta(minutes=1), reachable=False)
    world.two = silent
    for n in range(10):
        world.submit(f"job{n}", "two")
    told = world.run_for(15).health.as_json()
    assert silent.probes <= 3
    assert {"one": {"silent": ""}, "two": {"silent": "the dry run was cut off"}} == told["clusters"]
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
