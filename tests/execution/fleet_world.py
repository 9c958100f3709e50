"""A world in which jobs share room: the real planners and engine, clusters that run what they are sent, a grid file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from intensity_sources.registry import find_sources
from policies.registry import installed
from scheduler.cluster_ports import Capacity
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.job import Job
from scheduler.execution.engine import Engine
from scheduler.execution.fleet_placing import FleetPlacer
from scheduler.execution.grid import Grid
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout, next_segment
from scheduler.execution.placing import PlanningPlacer
from scheduler.execution.references import one_source
from scheduler.execution.secret_files import SecretFiles
from scheduler.execution.sites import Site, Sites
from scheduler.records.counterfactual import register
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.reservations import reservations
from scheduler.records.rows import FINAL, JobRow, JobState, PlanRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.execution.engine_world import HOUR, START, FakeCluster
from tests.execution.fake_clock import FakeClock

ZONES = {"one": "FR", "two": "CA-QC"}
Rates = Callable[[int], tuple[float, float]]
"""Intensity of the two zones in each hour after the start. [g/kWh]"""


@dataclass
class BusyCluster(FakeCluster):
    """A cluster that runs each launch for as long as it truly takes, and saves at once when it is asked to stop.

    `work` is how long each job takes, `done` what it has done of it, here or elsewhere.
    """

    clock: FakeClock = field(kw_only=True)
    gpus: int = 8
    work: dict[str, timedelta] = field(default_factory=dict)
    done: dict[str, timedelta] = field(default_factory=dict)
    begun: dict[str, datetime] = field(default_factory=dict)
    most: int = 0

    def _running(self) -> list[str]:
        """What runs now."""
        return [sid for sid, status in self.status.items() if status == "running"]

    def taken(self) -> int:
        """GPUs in use. [GPUs]"""
        return sum(self.launches[sid].gpus for sid in self._running())

    def probe(self) -> Capacity:
        """What is free."""
        free = self.gpus - self.taken()
        return Capacity(
            session=self.session, ray_version="2", gpus_total=self.gpus, gpus_free=free, free_by_node=(free,)
        )

    def submit(self, launch: object) -> None:
        """Start it, and note how full that makes it."""
        before = set(self.status)
        super().submit(launch)  # type: ignore[arg-type]  # a launch
        for sid in self.status.keys() - before:
            self.begun[sid] = self.clock.at
        self.most = max(self.most, self.taken())

    def stop(self, sid: str) -> None:
        """Save and end."""
        super().stop(sid)
        job_id = sid.split("-")[1]
        if self.status[sid] == "running":
            self.done[job_id] = self.done.get(job_id, timedelta(0)) + (self.clock.at - self.begun[sid])
            share = min(0.999, self.done[job_id] / self.work[job_id])
            self.end(
                sid, "stopped", self.clock.at, reason="stopped", stop_received_unix=self.clock.at.timestamp(),
                progress=share, duration_s=(self.clock.at - self.begun[sid]).total_seconds(),
            )  # fmt: skip

    def pass_time(self) -> None:
        """End what is through."""
        for sid in self._running():
            job_id = sid.split("-")[1]
            left = self.work[job_id] - self.done.get(job_id, timedelta(0))
            if self.clock.at - self.begun[sid] >= left:
                self.end(sid, "succeeded", self.begun[sid] + left, duration_s=left.total_seconds())


@dataclass
class FleetWorld:
    """Jobs, two clusters and the engine with every planner."""

    store: Store
    clock: FakeClock
    grid: Path
    clusters: dict[str, BusyCluster]
    engine: Engine
    count: int = 0

    def submit(self, **changes: object) -> str:
        """One more job, planned beside what the others hold, as the command does; its id."""
        return self.submit_on(DEFAULT_BASIS, changes)

    def submit_on(self, on: Basis, changes: Mapping[str, object]) -> str:
        """The same on intensities of some basis."""
        means = {} if on == DEFAULT_BASIS else {"basis": str(on)}
        reference = one_source("csv-file", {"path": str(self.grid), **means}, on).text()
        spec = {"name": "a", "entrypoint": "train", "gpus": 8, "duration": "2h", "deadline": "24h", "home": "one"}
        job, now = Job.from_mapping({**spec, **changes}, what="job"), self.clock.at
        with self.store.reading() as tx:
            taken = reservations(tx, now)
        placed = self.engine.placer.submitted(job, reference, now=now, taken=taken, explain=False)  # nobody reads why
        job_id = f"{self.count:08d}".translate(str.maketrans("0123456789", "abcdefghij"))
        self.count += 1
        row = JobRow(
            id=job_id, key=None, job=job, spec_sha256="spec", package=None, intensity=reference,
            counterfactual=register(job, "one", now, now), state=JobState.PLANNED, wanted="run", reason=placed.reason,
            progress=0.0, failures=0, interruptions=0, submitted_at=now,
            deadline_at=parse_instant(str(placed.document["deadline"])), finished_at=None,
        )  # fmt: skip
        with self.store.writing() as tx:
            tx.add_job(row)
            tx.add_plan(job_id, now, placed.document)
            tx.add_event(job_id, now, "submitted", "planned by a test")
        whole = job.duration_on("A100")
        assert whole is not None
        for each in self.clusters.values():
            each.work[job_id] = whole
        return job_id

    def at(self, hours_h: float, passes: int = 2) -> None:
        """Move the clock to some hours after the start, and pass."""
        self.clock.at = START + hours_h * HOUR
        for each in self.clusters.values():
            each.pass_time()
        for _ in range(passes):
            self.engine.step()

    def job(self, job_id: str) -> JobRow:
        """A job as it is stored."""
        with self.store.reading() as tx:
            return tx.job(job_id)

    def plan(self, job_id: str) -> PlanRow:
        """The plan that binds it."""
        with self.store.reading() as tx:
            return tx.newest_plans([job_id])[job_id]

    def starts(self, *job_ids: str) -> list[tuple[str, float]]:
        """Where and when each begins next. [h after the start]"""
        found = []
        for job_id in job_ids:
            with self.store.reading() as tx:
                ahead = next_segment(self.plan(job_id), tx.segments(job_id))
            assert ahead is not None
            found.append((ahead.cluster, (ahead.start - START) / HOUR))
        return found

    def plans(self, job_id: str) -> int:
        """How often it was planned."""
        with self.store.reading() as tx:
            return len(tx.plans(job_id))

    def open_jobs(self) -> int:
        """How many are not over."""
        with self.store.reading() as tx:
            return sum(row.state not in FINAL for row in tx.jobs())

    def write_grid(self, g_per_kwh: Rates) -> None:
        """Another intensity of both zones, by the hour after the start. [g/kWh]"""
        write_grid(self.grid, g_per_kwh)

    def events(self, job_id: str, kind: str) -> list[str]:
        """Texts of a job's events of a kind."""
        with self.store.reading() as tx:
            return [event.text for event in tx.events(job_id) if event.kind == kind]

    def segments(self, job_id: str) -> list[tuple[str, float, float]]:
        """Where a job ran, from when to when. [h after the start]"""
        with self.store.reading() as tx:
            return [
                (s.cluster, (s.intended_at - START) / HOUR, ((s.released_at or s.planned_end) - START) / HOUR)
                for s in tx.segments(job_id)
            ]

    def reborn(self, store: object = None) -> Engine:
        """The engine as a new process has it."""
        lookout = replace(self.engine.lookout, store=store or self.store)  # type: ignore[arg-type]  # all that is used of a store
        return replace(self.engine, store=store or self.store, lookout=lookout)  # type: ignore[arg-type]  # the same


def write_grid(path: Path, g_per_kwh: Rates) -> None:
    """A table of both zones, from four weeks before the start to ten days after it."""
    hours = range(-28 * 24, 10 * 24)
    lines = ["{},{},{}".format(format_instant(START + hour * HOUR), *g_per_kwh(hour)) for hour in hours]
    path.write_text("\n".join(["utc,FR,CA-QC", *lines]) + "\n")


def declared(name: str, gpus: int) -> Cluster:
    """A cluster of nodes of eight that keeps none for a job that waits."""
    return Cluster.from_mapping(
        {
            "name": name, "zone": ZONES[name], "gpus": gpus, "source": "made up", "pue": 1.0, "paused_nodes": "off",
            "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
            "storage": [{"name": "shared", "path": "/shared"}],
        },
        what=name,
    )  # fmt: skip


def new_fleet_world(
    folder: Path, g_per_kwh: Rates, *, together: bool = True, tries: int = 300, **gpus: int
) -> FleetWorld:
    """A world with nothing in it, its grid as given by the hour, clusters of eight GPUs unless said otherwise."""
    clock, path = FakeClock(START), folder / "grid.csv"
    write_grid(path, g_per_kwh)
    width = {name: gpus.get(name, 8) for name in ZONES}
    done: dict[str, timedelta] = {}
    clusters = {name: BusyCluster(clock=clock, gpus=width[name], free=width[name], done=done) for name in ZONES}
    sites = Sites({name: Site(cluster=declared(name, width[name]), executor=each) for name, each in clusters.items()})
    placer = PlanningPlacer(
        clusters={name: site.cluster for name, site in sites.by_name.items()},
        grid=Grid(sources=find_sources()),
        policies={policy.name: policy for policy in installed().policies()[0]},
        default_slack=timedelta(0),
        home="one",
        least_margin=timedelta(minutes=2),
    )
    store = open_store(StateFolder(folder / "state"), chained=False)  # the chains have tests of their own
    budget = timedelta(seconds=20)
    engine = Engine(
        store=store,
        sites=sites,
        placer=placer,
        together=FleetPlacer(placer=placer, clock=clock, budget=budget, max_wait=timedelta(days=7), tries=tries)
        if together
        else None,
        launcher=Launcher(
            state=store.folder,
            secrets=SecretFiles(environ={}, folder=folder),
            sample_every=timedelta(seconds=30),
        ),
        lookout=Lookout(
            store=store,
            sites=sites,
            harvester=Harvester(evidence=EvidenceFiles(store.folder), clock=clock, every=timedelta(seconds=30)),
            clock=clock,
            lease=timedelta(minutes=15),
        ),
        clock=clock,
    )
    return FleetWorld(store, clock, path, clusters, engine)
