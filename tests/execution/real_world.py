"""A world for the engine with real clusters: one job, planned by hand, and a clock that can be put ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement, Segment
from scheduler.execution.clock import SystemClock
from scheduler.execution.engine import Engine
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import Launcher
from scheduler.execution.local_ray import LocalRay
from scheduler.execution.lookout import Lookout
from scheduler.execution.ray_package import snapshot
from scheduler.execution.ray_rest import RayRest
from scheduler.execution.secret_files import SecretFiles
from scheduler.execution.sites import Site, Sites
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.execution.engine_world import FakePlacer, document

OFTEN = timedelta(seconds=0.2)


@dataclass
class AheadClock(SystemClock):
    """The machine's clock, and what a test put it ahead by."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The instant that the engine takes it to be."""
        return super().now() + self.ahead


@dataclass(frozen=True, kw_only=True)
class RealWorld:
    """One job, real clusters, and the engine between them."""

    store: Store
    clock: AheadClock
    engine: Engine
    executors: Mapping[str, RayRest]
    job_id: str

    @property
    def job(self) -> JobRow:
        """The job as it is stored."""
        with self.store.reading() as tx:
            return tx.job(self.job_id)

    @property
    def segments(self) -> list[SegmentRow]:
        """Its segments as they are stored."""
        with self.store.reading() as tx:
            return tx.segments(self.job_id)

    def log(self, segment: SegmentRow) -> str:
        """What a segment printed."""
        return self.executors[segment.cluster].logs(segment.sid)


def real_world(
    root: Path, local: LocalRay, spec: dict[str, object], folder: Path, stretches: Sequence[tuple[str, int]]
) -> RealWorld:
    """A world with a job that runs an hour on each of the `stretches`, clusters with the GPUs that it has there."""
    clock, store = AheadClock(), open_store(StateFolder(root / "state"))
    now, hour = clock.now(), timedelta(hours=1)
    clusters = {each.name: Cluster.from_yaml(each.file.read_text(), what=each.name) for each in local.status()}
    executors = {name: RayRest.connect(cluster, {}) for name, cluster in clusters.items()}
    sites = Sites({name: Site(cluster=clusters[name], executor=executors[name]) for name in clusters})
    segments = tuple(
        Segment(cluster=name, start=now + n * hour, end=now + (n + 1) * hour, gpus=gpus)
        for n, (name, gpus) in enumerate(stretches)
    )
    row = JobRow(
        id=f"real{root.name[-6:]}", key=None, job=Job.from_mapping(spec, what="job"), spec_sha256="spec",
        package=snapshot(folder, (), store.folder.packages).digest, intensity={}, counterfactual={},
        state=JobState.PLANNED, wanted="run", reason="", progress=0.0, failures=0, interruptions=0, submitted_at=now,
        deadline_at=now + 24 * hour, finished_at=None,
    )  # fmt: skip
    with store.writing() as tx:
        tx.add_job(row)
        tx.add_plan(row.id, now, document(Placement(segments=segments)))
    harvester = Harvester(evidence=EvidenceFiles(store.folder), clock=clock, every=OFTEN)
    engine = Engine(
        store=store,
        sites=sites,
        placer=FakePlacer([]),  # type: ignore[arg-type]  # a fake
        launcher=Launcher(
            state=store.folder, secrets=SecretFiles(environ={}, folder=root / "secrets"), sample_every=OFTEN
        ),
        lookout=Lookout(store=store, sites=sites, harvester=harvester, clock=clock, lease=timedelta(minutes=15)),
        clock=clock,
    )
    return RealWorld(store=store, clock=clock, engine=engine, executors=executors, job_id=row.id)
