"""The real engine and store, with a small random planner, in the simulated world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.execution.engine import Engine
from scheduler.execution.going_on import GoesOn
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout
from scheduler.execution.placed import Placed
from scheduler.execution.secret_files import SecretFiles
from scheduler.execution.sites import Site, Sites
from scheduler.ports import Clock
from scheduler.records.evidence import Outcome
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.store import Store
from tests.chaos.faults import DyingStore, Faults, FullEvidence
from tests.chaos.sim_cluster import SimCluster

LEASE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPlacer:
    """Plans anywhere, soon, in one stretch or two."""

    rng: Random
    clusters: dict[str, Cluster]
    clock: Clock

    def place(self, row: JobRow, past: list[SegmentRow], *, now: datetime, taken: tuple[Segment, ...]) -> Placed:
        """A plan for what is left."""
        document = self.document(row.job, row.progress, now)
        return Placed(plan=None, document=document, reason="")  # type: ignore[arg-type]  # the engine stores the document only

    def better(
        self, row: JobRow, past: list[SegmentRow], ahead: list[Segment], *, now: datetime, taken: tuple[Segment, ...]
    ) -> Placed | None:
        """Another plan, now and then."""
        return self.place(row, past, now=now, taken=taken) if self.rng.random() < 0.2 else None

    def going_on(self, row: JobRow, past: object, live: SegmentRow, later: object, **_more: object) -> GoesOn | None:
        """Now and then a run that goes on, is cut short or pauses at once."""
        now, left = self.clock.now(), max(timedelta(minutes=1), live.planned_end - self.clock.now())
        if self.rng.random() < 0.7:
            return None
        covers = self.rng.random() < 0.5
        document = self.document(row.job, row.progress, now + left if covers else now)
        if covers:
            rest = {
                "cluster": live.cluster,
                "start": now.isoformat(),
                "end": (now + left).isoformat(),
                "gpus": live.gpus,
            }
            document["placement"] = [rest, *document["placement"]]  # type: ignore[misc]  # a list in every document
        placed = Placed(plan=None, document=document)  # type: ignore[arg-type]  # the engine stores the document only
        return GoesOn(placed=placed, until=now + left if covers else now, is_last=False, covers=covers)

    def worked(self, row: JobRow, segment: SegmentRow, outcome: Outcome) -> float:
        """Progress by the clock. [-]"""
        whole = row.job.duration_on("A100")
        assert whole is not None
        return min(0.999, row.progress + outcome.duration_s / whole.total_seconds())

    def lateness(self, row: JobRow, past: list[SegmentRow], *, now: datetime, taken: tuple[Segment, ...]) -> str:
        """There is always time enough."""
        return ""

    def whole(self, job: Job, segment: SegmentRow) -> timedelta | None:
        """What the job states."""
        return job.duration_on("A100")

    def freshen(self, reference: Mapping[str, str], until: datetime, *, now: datetime) -> object:
        """No provider has anything new."""
        return ""

    def document(self, job: Job, progress: float, now: datetime) -> dict[str, object]:
        """A plan's document: where, when, and the clusters as they are declared."""
        whole = job.duration_on("A100")
        assert whole is not None
        start = now + timedelta(minutes=self.rng.uniform(0, 20))
        left = max(timedelta(minutes=1), whole * (1 - progress))
        first, second = self.rng.sample([*self.clusters], 2)
        stretches = [(first, start, start + left)]
        if job.interruptible is not None and left > timedelta(minutes=8) and self.rng.random() < 0.6:
            cut = start + left * self.rng.uniform(0.3, 0.7)
            resume = cut + timedelta(minutes=self.rng.uniform(2, 15))
            stretches = [(first, start, cut), (second, resume, resume + (start + left - cut))]
        return {
            "placement": [
                {"cluster": name, "start": begin.isoformat(), "end": end.isoformat(), "gpus": job.gpus}
                for name, begin, end in stretches
            ],
            "clusters": {name: each.model_dump(mode="json", exclude_defaults=True)
                         for name, each in self.clusters.items()},
        }  # fmt: skip


def declared(name: str) -> Cluster:
    """A cluster of two nodes."""
    return Cluster.from_mapping(
        {
            "name": name, "zone": "FR", "gpus": 16, "source": "made up", "pue": 1.2,
            "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        },
        what=name,
    )  # fmt: skip


def new_job(rng: Random, number: int, folder: Path, now: datetime) -> JobRow:
    """A job of 5 to 40 minutes; some may not be interrupted, some may be tried again, some save out of our sight."""
    spec: dict[str, object] = {
        "name": f"job{number}",
        "entrypoint": "train",
        "gpus": rng.choice([2, 4, 8]),
        "duration": f"{rng.randint(5, 40)}m",
        "retries": rng.choice([0, 0, 1]),
        "checkpoint": {"dir": str(folder / f"job{number}")},
    }
    if rng.random() < 0.8:
        spec["interruptible"] = {"checkpoint": "10s", "grace": "2m"}
    return JobRow(
        id=f"job{number:05d}", key=None, job=Job.from_mapping(spec, what="job"), spec_sha256="spec", package=None,
        intensity={}, counterfactual={}, state=JobState.PLANNED, wanted="run", reason="", progress=0.0, failures=0,
        interruptions=0, submitted_at=now, deadline_at=now + timedelta(days=2), finished_at=None,
    )  # fmt: skip


def new_engine(
    store: Store, clock: Clock, placer: RandomPlacer, clusters: dict[str, SimCluster], faults: Faults
) -> Engine:
    """The engine as a fresh process has it: it remembers nothing but the store."""
    dying = DyingStore(store, faults)
    sites = Sites({name: Site(cluster=placer.clusters[name], executor=each) for name, each in clusters.items()})
    every = timedelta(seconds=30)
    return Engine(
        store=dying,  # type: ignore[arg-type]  # all that is used of a store
        sites=sites,
        placer=placer,  # type: ignore[arg-type]  # lists for sequences
        launcher=Launcher(
            state=store.folder, secrets=SecretFiles(environ={}, folder=store.folder.root), sample_every=every
        ),
        lookout=Lookout(
            store=dying,  # type: ignore[arg-type]  # the same
            sites=sites,
            harvester=Harvester(evidence=FullEvidence(store.folder, faults), clock=clock, every=every),
            clock=clock,
            lease=LEASE,
        ),
        clock=clock,
    )
