"""A store with jobs that ran, moved, failed and run still, whose secrets and addresses all bear a mark."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli import wiring
from scheduler.domain.cluster import Cluster
from scheduler.execution.clock import SystemClock
from scheduler.records.rows import JobState
from scheduler.records.store import Store
from tests.records.agent_files import outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

SPOT = "m4rked"
"""In every text that a bundle for all may not show."""
HOURS = 48


def stopped(patch: pytest.MonkeyPatch) -> None:
    """The clock stands at the end of the second day, so that the job that runs has run for eight hours."""
    patch.setattr(SystemClock, "now", lambda _: at(HOURS))


def declared(name: str, zone: str, **changes: object) -> Cluster:
    """A cluster whose addresses and paths are marked."""
    return make_cluster(
        name,
        zone,
        source=f"the file of {SPOT}-author",
        storage=[{"name": "disk", "path": f"/scratch/{SPOT}-folder"}],
        ray={"address": f"http://{SPOT}-head.example:8265", "via": f"ssh://{SPOT}-user@10.1.2.3"},
        **changes,
    )


def table(place: Path) -> Path:
    """Two days of two zones, which change every hour, in a folder whose name is marked."""
    folder = place / f"{SPOT}-home"
    folder.mkdir(exist_ok=True)
    rows = [f"{(T0 + timedelta(hours=h)):%Y-%m-%dT%H:%M:%SZ},{300 + h % 7},{30 + h % 3}" for h in range(HOURS)]
    path = folder / "table.csv"
    path.write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    return path


def add(
    store: Store, place: Path, job_id: str, cluster: Cluster, hours: tuple[float, float], *, state: JobState
) -> None:
    """Store a job that was submitted at its start and ran on a cluster, with its evidence."""
    start_h, end_h = hours
    france, quebec = declared("france", "FR"), declared("quebec", "CA-QC")
    job = make_job(
        name=f"job-{job_id}",
        project="vision",
        owner=f"{SPOT}-owner",
        entrypoint=f"python /home/{SPOT}-me/train.py --token {SPOT}-token",
        working_dir=f"/home/{SPOT}-me/code",
        env={"TOKEN": f"{SPOT}-secret"},
        notify=f"https://{SPOT}-hook.example/x",
        checkpoint={"dir": f"/scratch/{SPOT}-checkpoints", "gb": 2},
        key=f"{SPOT}-key-{job_id}",
    )
    row = replace(
        make_row(job, submitted_h=start_h, job_id=job_id),
        state=state,
        intensity={"source": "csv-file", "path": str(table(place))},
        reason=f"ended on {SPOT}-node",
    )
    over = state is not JobState.RUNNING
    if not over:
        row = replace(row, finished_at=None)
    sid = f"cs-{job_id}-s1-a1"
    plan = document([france, quebec], [(cluster.name, start_h, end_h)], total_kg=0.5)
    # A plan's own document declares how a cluster is reached; that of the tests leaves it out.
    plan["clusters"] = {c.name: c.model_dump(mode="json", exclude_defaults=True) for c in (france, quebec)}
    plan["warnings"] = [f"{SPOT}-warning about /home/{SPOT}-me"]
    with store.writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(job_id, T0, plan)
        tx.add_segment(
            make_segment(
                job_id=job_id, plan_id=plan_id, sid=sid, cluster=cluster.name, planned_end=at(end_h),
                intended_at=at(start_h), granted_at=at(start_h), seen_at=None,
                released_at=at(end_h) if over else None, node_id=f"{SPOT}-node-10.0.0.7",
                session=f"{SPOT}-session", **({} if over else {"phase": "granted", "end": ""}),
            )
        )  # fmt: skip
        tx.add_event(job_id, at(start_h), f"succeeded notified:{SPOT}", f"told https://{SPOT}-hook.example/x")
    read = samples(start_h, end_h)
    wiring.evidence().keep_samples(job_id, sid, read)
    wiring.evidence().keep_received(job_id, sid, read, at=at(end_h), looked=at(start_h))
    if over:
        raw = outcome(
            sid=sid, started_unix=at(start_h + 0.05).timestamp(), ended_unix=at(end_h - 0.05).timestamp(),
            duration_s=3600 * (end_h - start_h - 0.1), exit_code=0, reason="exited", stop_received_unix=None,
            energy_j=None, energy_source="nvml_counter", error=f"on {SPOT}-node.example",
        )  # fmt: skip
        wiring.evidence().keep_outcome(job_id, sid, raw)


def samples(start_h: float, end_h: float) -> bytes:
    """A reading every five minutes of eight GPUs at 340 W by their counters, on a node whose name is marked."""
    lines = []
    for n in range(int((end_h - start_h) * 12) + 1):
        joules = 102_000.0 * n
        gpus = [
            {"node": f"{SPOT}-node-10.0.0.7", "uuid": f"GPU-{k}", "j": joules, "p_j": 0.99 * joules, "w": 340.0,
             "mode": "counter", "flag": ""}
            for k in range(8)
        ]  # fmt: skip
        line = {"v": 1, "n": n, "t_unix": at(start_h).timestamp() + 300 * n, "mono_s": 300.0 * n, "progress": n / 1000,
                "saved_unix": None, "energy_j": 8 * joules, "energy_source": "nvml_counter", "gpus": gpus,
                "host": f"{SPOT}-host"}  # fmt: skip
        lines.append(json.dumps(line))
    return "".join(f"{line}\n" for line in lines).encode()


def filled(place: Path) -> Store:
    """A job that moved, one that failed at home, and one that runs."""
    store = wiring.store()
    add(store, place, "aaaa", declared("quebec", "CA-QC"), (1, 3), state=JobState.SUCCEEDED)
    add(store, place, "bbbb", declared("france", "FR"), (10, 18), state=JobState.FAILED)
    add(store, place, "cccc", declared("france", "FR"), (40, 41), state=JobState.RUNNING)
    return store
