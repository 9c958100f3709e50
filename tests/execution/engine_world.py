"""A world for the engine: one job, two clusters that a test tells what to say, and a clock it moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.cluster_ports import Capacity, JobStatus, Launch, Observation
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement, Segment
from scheduler.execution.engine import Engine
from scheduler.execution.going_on import GoesOn
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout
from scheduler.execution.placed import Placed
from scheduler.execution.secret_files import SecretFiles
from scheduler.execution.sites import Site, Sites
from scheduler.records.evidence import Outcome, outcome_name, samples_name
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.execution.fake_clock import FakeClock

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class FakeCluster:
    """A cluster that a test tells what to say; `started` counts how often each id really began."""

    free: int = 8
    session: str = "s"
    queues: bool = False
    cut: bool = False
    refuses: str = ""
    status: dict[str, JobStatus] = field(default_factory=dict)
    error_type: str = ""
    exit_code: int | None = None
    launches: dict[str, Launch] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def _answer(self) -> None:
        """Fail where the test cut the line."""
        if self.cut:
            raise ClusterUnreachable("fake does not answer")

    def probe(self) -> Capacity:
        """What is free."""
        self._answer()
        return Capacity(
            session=self.session, ray_version="2", gpus_total=8, gpus_free=self.free, free_by_node=(self.free,)
        )

    def submit(self, launch: Launch) -> None:
        """Start it once."""
        self._answer()
        if self.refuses:
            raise ClusterRefused(self.refuses)
        if launch.sid not in self.status:
            self.status[launch.sid] = "pending" if self.queues else "running"
            if not self.queues:
                self.started.append(launch.sid)
            self.launches[launch.sid] = launch

    def observe(self, sid: str) -> Observation:
        """What became of it."""
        self._answer()
        status = self.status.get(sid, "absent")
        node_id = "" if status == "pending" or (status == "stopped" and self.queues) else "n"
        return Observation(
            sid=sid, status=status, node_id=node_id, error_type=self.error_type, exit_code=self.exit_code
        )

    def stop(self, sid: str) -> None:
        """Note the request."""
        self._answer()
        self.stopped.append(sid)

    def logs(self, sid: str) -> str:
        """What it printed."""
        self._answer()
        return f"log of {sid}\n"

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """What its agent wrote."""
        self._answer()
        return self.files.get(name)

    def sample(self, sid: str, at: datetime, *, progress: float | None = None, saved: datetime | None = None) -> None:
        """Let the agent write one more sample."""
        before = self.files.get(samples_name(sid), b"")
        line = {
            "v": 1, "n": before.count(b"\n"), "t_unix": at.timestamp(), "mono_s": 0.0, "energy_j": None,
            "energy_source": "model", "progress": progress, "saved_unix": saved.timestamp() if saved else None,
        }  # fmt: skip
        self.files[samples_name(sid)] = before + json.dumps(line).encode() + b"\n"

    def end(self, sid: str, status: JobStatus, ended: datetime, **changes: object) -> None:
        """Let an attempt end with an outcome."""
        unix = ended.timestamp()
        outcome = {
            "v": 1, "sid": sid, "fence": 1, "started_unix": unix - 600, "ended_unix": unix, "duration_s": 600.0,
            "exit_code": 0, "reason": "exited", "stop_received_unix": None, "progress_before": 0.0, "progress": None,
            "samples": 1, "energy_j": None, "energy_source": "model", "error": "",
        } | changes  # fmt: skip
        self.status[sid] = status
        self.files[outcome_name(sid)] = json.dumps(outcome).encode()


@dataclass
class FakePlacer:
    """Hands out the placements that a test wrote."""

    placements: list[Placement]
    taken: list[tuple[Segment, ...]] = field(default_factory=list)
    asked: list[tuple[Segment, ...]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    improved: Placement | None = None
    stamp: str = "first issue"
    late: str = ""
    weighed: list[float] = field(default_factory=list)
    goes_on: list[Callable[[SegmentRow], GoesOn | None]] = field(default_factory=list)
    runs: list[tuple[float, tuple[Segment, ...]]] = field(default_factory=list)

    def place(self, row: JobRow, past: list[SegmentRow], *, now: datetime, taken: tuple[Segment, ...]) -> Placed:
        """The next placement; what was taken is kept for the test."""
        self.taken.append(taken)
        return Placed(plan=None, document=document(self.placements.pop(0)), reason="")  # type: ignore[arg-type]  # the engine stores the document only

    def better(
        self,
        row: JobRow,
        past: list[SegmentRow],
        ahead: list[Segment],
        *,
        now: datetime,
        taken: tuple[Segment, ...],
    ) -> Placed | None:
        """What the test wrote as better, if anything."""
        self.asked.append(tuple(ahead))
        self.taken.append(taken)
        self.jobs.append(row.job)
        return None if self.improved is None else Placed(plan=None, document=document(self.improved))  # type: ignore[arg-type]  # as above

    def going_on(
        self, row: JobRow, past: object, live: SegmentRow, later: tuple[Segment, ...], **_more: object
    ) -> GoesOn | None:
        """What the test wrote for a job that runs, once; the same as before otherwise."""
        self.runs.append((row.progress, later))
        return self.goes_on.pop(0)(live) if self.goes_on else None

    def worked(self, row: JobRow, segment: SegmentRow, outcome: Outcome) -> float:
        """A third of the work each time."""
        return row.progress + 1 / 3

    def lateness(self, row: JobRow, past: list[SegmentRow], *, now: datetime, taken: tuple[Segment, ...]) -> str:
        """What the test wrote."""
        self.weighed.append(row.progress)
        return self.late

    def whole(self, job: Job, segment: SegmentRow) -> timedelta | None:
        """What the job states."""
        return job.duration_on("A100")

    def freshen(self, reference: Mapping[str, str], until: datetime, *, now: datetime) -> object:
        """The provider has nothing new."""
        return self.stamp


def document(placement: Placement) -> dict[str, object]:
    """A plan's document with just what the engine reads."""
    return {
        "placement": [
            {"cluster": s.cluster, "start": s.start.isoformat(), "end": s.end.isoformat(), "gpus": s.gpus}
            for s in placement.segments
        ],
        "clusters": {},
    }


def stretch(cluster: str, start_h: float, end_h: float) -> Segment:
    """Eight GPUs for some hours after the start."""
    return Segment(cluster=cluster, start=START + start_h * HOUR, end=START + end_h * HOUR, gpus=8)


@dataclass
class World:
    """One job, two fake clusters and the engine between them."""

    store: Store
    clock: FakeClock
    one: FakeCluster
    two: FakeCluster
    engine: Engine

    @property
    def job(self) -> JobRow:
        """The job as it is stored."""
        with self.store.reading() as tx:
            return tx.job("abcdefgh")

    @property
    def segments(self) -> list[SegmentRow]:
        """Its segments as they are stored."""
        with self.store.reading() as tx:
            return tx.segments("abcdefgh")

    def events(self, kind: str) -> list[str]:
        """Texts of its events of a kind."""
        with self.store.reading() as tx:
            return [event.text for event in tx.events("abcdefgh") if event.kind == kind]

    def reborn(self, store: object = None) -> Engine:
        """The engine as a new process has it: it remembers nothing but the store."""
        lookout = replace(self.engine.lookout, store=store or self.store)  # type: ignore[arg-type]  # all that is used of a store
        return replace(self.engine, store=store or self.store, lookout=lookout)  # type: ignore[arg-type]  # the same

    def want(self, wanted: str) -> None:
        """Say what a person wants."""
        with self.store.writing() as tx:
            tx.set_job("abcdefgh", wanted=wanted)  # type: ignore[arg-type]  # one of its words

    def at(self, hours_h: float) -> None:
        """Move the clock to some hours after the start, and pass once."""
        self.clock.at = START + hours_h * HOUR
        self.engine.step()


NewWorld = Callable[..., World]


def cluster(name: str) -> Cluster:
    """A declared cluster."""
    return Cluster.from_mapping(
        {
            "name": name, "zone": "FR", "gpus": 8, "source": "made up",
            "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        },
        what=name,
    )  # fmt: skip


@pytest.fixture
def new_world(tmp_path: Path) -> NewWorld:
    """Builds a world with a job planned as the test says."""

    def build(*segments: Segment, replans: tuple[Placement, ...] = (), **changes: object) -> World:
        clock, one, two = FakeClock(START), FakeCluster(), FakeCluster()
        store = open_store(StateFolder(tmp_path / "state"))
        spec = {"name": "a", "entrypoint": "train", "gpus": 8, "duration": "3h", "interruptible": True} | changes
        row = JobRow(
            id="abcdefgh", key=None, job=Job.from_mapping(spec, what="job"), spec_sha256="spec", package=None,
            intensity={}, counterfactual={}, state=JobState.PLANNED, wanted="run", reason="", progress=0.0, failures=0,
            interruptions=0, submitted_at=START, deadline_at=START + 24 * HOUR, finished_at=None,
        )  # fmt: skip
        with store.writing() as tx:
            tx.add_job(row)
            tx.add_plan(row.id, START, document(Placement(segments=segments)))
        sites = Sites(
            {
                "one": Site(cluster=cluster("one"), executor=one),
                "two": Site(cluster=cluster("two"), executor=two),
            }
        )
        engine = Engine(
            store=store,
            sites=sites,
            placer=FakePlacer(list(replans)),  # type: ignore[arg-type]  # lists for sequences
            launcher=Launcher(
                state=store.folder,
                secrets=SecretFiles(environ={"TOKEN": "s3cret"}, folder=tmp_path),
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
        return World(store, clock, one, two, engine)

    return build


FIRST = "cs-abcdefgh-s1-a1"


def lost_answer(launch: Launch) -> None:
    """A submit whose answer never comes."""
    raise ClusterUnreachable("fake does not answer")
