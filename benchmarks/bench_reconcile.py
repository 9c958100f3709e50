"""What a pass of the loop costs: it grows with the jobs that run, not with those that wait.

The store is real, the clusters answer at once, each on a lane of its own as in earnest, so that what is timed is ours.
Jobs wait for starts far ahead; a part of them runs. The first pass looks at everything once; the steady one is what
every tick costs.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scheduler.cluster_ports import Capacity, Launch, Observation
from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import format_instant
from scheduler.domain.job import Job
from scheduler.execution.clock import SystemClock
from scheduler.execution.engine import Engine
from scheduler.execution.harvest import Harvester
from scheduler.execution.lanes import Threads
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout
from scheduler.execution.secret_files import SecretFiles
from scheduler.execution.sites import Site, Sites
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store

CLUSTERS = 10
NOW = datetime.now(UTC)


@dataclass
class Instant:
    """A cluster on which everything runs, and that answers at once."""

    sessions: Mapping[str, str] = field(default_factory=dict)

    def probe(self) -> Capacity:
        """Room for anything."""
        return Capacity(session="s", ray_version="2", gpus_total=8000, gpus_free=8000, free_by_node=(8,) * 1000)

    def submit(self, launch: Launch) -> None:
        """Take it."""

    def observe(self, sid: str) -> Observation:
        """It runs."""
        return Observation(sid=sid, status="running", node_id="n")

    def stop(self, sid: str) -> None:
        """Take note."""

    def logs(self, sid: str) -> str:
        """Nothing."""
        return ""

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """Nothing."""
        return None


class Still:
    """A planner that is asked for no plan, and whose provider has nothing new."""

    def freshen(self, reference: Mapping[str, str], until: datetime, *, now: datetime) -> object:
        """Nothing."""
        return ""


def fill(store: Store, jobs: int, active: int) -> None:
    """Store so many jobs, of which so many run."""
    later = NOW + timedelta(days=2)
    spec = {"name": "a", "entrypoint": "train", "gpus": 8, "duration": "3h", "interruptible": True}
    job = Job.from_mapping(spec, what="job")
    with store.writing() as tx:
        for number in range(jobs):
            runs, name = number < active, f"c{number % CLUSTERS}"
            start = NOW - timedelta(minutes=30) if runs else later
            row = JobRow(
                id=f"j{number:07}", key=None, job=job, spec_sha256="", package=None, intensity={}, counterfactual={},
                state=JobState.RUNNING if runs else JobState.PLANNED, wanted="run", reason="", progress=0.0,
                failures=0, interruptions=0, submitted_at=NOW, deadline_at=later, finished_at=None,
            )  # fmt: skip
            tx.add_job(row)
            end = start + timedelta(hours=3)
            entry = {"cluster": name, "start": format_instant(start), "end": format_instant(end), "gpus": 8}
            plan = tx.add_plan(row.id, NOW, {"placement": [entry]})
            if runs:
                tx.add_segment(
                    SegmentRow(
                        fence=0,
                        job_id=row.id,
                        plan_id=plan,
                        n=1,
                        attempt=1,
                        sid=f"cs-{row.id}-s1-a1",
                        cluster=name,
                        gpus=8,
                        planned_end=end,
                        is_last=True,
                        phase="granted",
                        stop_asked_at=None,
                        intended_at=start,
                        granted_at=start,
                        seen_at=start,
                        released_at=None,
                        node_id="n",
                        end="",
                    )
                )


def cluster(name: str) -> Cluster:
    """A declared cluster."""
    data = {
        "name": name, "zone": "FR", "gpus": 8000,
        "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
        "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
    }  # fmt: skip
    return Cluster.from_mapping(data, what=name)


def passes(jobs: int, active: int, turns: int) -> Sequence[float]:
    """How long each of some passes takes. [s]"""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(StateFolder(Path(folder) / "state"))
        fill(store, jobs, active)
        clock = SystemClock()
        sites = Sites({f"c{n}": Site(cluster=cluster(f"c{n}"), executor=Instant()) for n in range(CLUSTERS)})
        every = timedelta(seconds=30)
        harvester = Harvester(evidence=EvidenceFiles(store.folder), clock=clock, every=every)
        engine = Engine(
            store=store,
            sites=sites,
            placer=Still(),  # type: ignore[arg-type]  # nothing is planned here
            launcher=Launcher(
                state=store.folder, secrets=SecretFiles(environ={}, folder=Path(folder)), sample_every=every
            ),
            lookout=Lookout(store=store, sites=sites, harvester=harvester, clock=clock, lease=timedelta(minutes=15)),
            clock=clock,
            lanes=Threads(),
        )
        taken = []
        for _ in range(turns + 1):
            began = time.perf_counter()
            engine.step()
            taken.append(time.perf_counter() - began)
        store.close()
    return taken


def main() -> None:
    """Time passes at three sizes, and print what they take and how they grow."""
    print("jobs    active  first pass [s]  steady pass [s]")
    steady = {}
    for jobs, active in ((1_000, 50), (10_000, 50), (10_000, 500)):
        first, *rest = passes(jobs, active, 5)
        steady[jobs, active] = sorted(rest)[len(rest) // 2]
        print(f"{jobs:6}  {active:6}  {first:14.2f}  {steady[jobs, active]:15.3f}")
    print(f"ten times the jobs: {steady[10_000, 50] / steady[1_000, 50]:.1f} x the time")
    print(f"ten times the active ones: {steady[10_000, 500] / steady[10_000, 50]:.1f} x the time")
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
