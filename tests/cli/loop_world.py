"""A world for the loop: two clusters in memory, a store, and a clock that only sleeping moves."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from cli import serve_log
from cli.serve_loop import Loop
from scheduler.cluster_ports import Launch
from scheduler.execution.dry_run import DryRun
from scheduler.execution.engine import Engine
from scheduler.execution.harvest import Harvester
from scheduler.execution.health import Health
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout
from scheduler.execution.notify import Emitted, Notifier
from scheduler.execution.secret_files import SecretFiles
from scheduler.execution.sites import Site, Sites
from scheduler.execution.slips import Slips
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
            launcher=Launcher(
                state=folder, secrets=SecretFiles(environ={}, folder=folder.root), sample_every=timedelta(seconds=30)
            ),
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

    def freshen(self, _reference: Mapping[str, str], _until: datetime, *, now: datetime) -> object:
        """There is never anything new."""
        return ""


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
    serve_log.configure(stream, as_json=True)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(log: StringIO) -> list[dict[str, str]]:
    """The log's lines."""
    return [json.loads(line) for line in log.getvalue().splitlines()]
