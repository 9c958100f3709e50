"""Small worlds that the tests of records and reports are set in: hours count from `T0`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import after_hours, format_instant
from scheduler.domain.intensity import IntensitySeries, Kind, Provenance
from scheduler.domain.job import Job
from scheduler.records.attempts import Attempt, EndedBy, RunKnownBy
from scheduler.records.counterfactual import register
from scheduler.records.evidence import Outcome
from scheduler.records.gather import JobHistory
from scheduler.records.rows import JobRow, JobState, PlanRow, SegmentRow

T0 = datetime(2024, 3, 5, tzinfo=UTC)
HARDWARE: Mapping[str, object] = {
    "gpus": 64,
    "source": "design, section 4",
    "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
    "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
    "lifetime_years": 6,
    "lifetime_use": 0.85,
    "pue": 1.2,
}
"""The worked case of the emission model: dynamic 412 W, idle 188 W and 10.3523 g a GPU-hour."""


def at(hours_h: float) -> datetime:
    """The instant so many hours after `T0`."""
    return after_hours(T0, hours_h)


def make_cluster(name: str = "france", zone: str = "FR", **changes: object) -> Cluster:
    """A cluster of the worked case; a mapping in `changes` changes only the figures it names."""
    data: dict[str, object] = {"name": name, "zone": zone, **HARDWARE}
    for key, value in changes.items():
        before = data.get(key)
        data[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return Cluster.from_mapping(data, what=name)


def make_job(**changes: object) -> Job:
    """A job of 8 GPUs and ten hours."""
    data: dict[str, object] = {"name": "train", "entrypoint": "python train.py", "gpus": 8, "duration": "10h"}
    return Job.from_mapping({**data, **changes}, what="job")


def make_series(
    zone: str = "FR",
    values: Sequence[float] = (50.0,) * 240,
    *,
    start: datetime = T0,
    step: timedelta = timedelta(hours=1),
    basis: Basis = DEFAULT_BASIS,
    kind: Kind = "observed",
    source: str = "table.csv",
) -> IntensitySeries:
    """An hourly series from `T0` on; NaN is a gap. [g/kWh]"""
    return IntensitySeries(
        zone=zone,
        basis=basis,
        start=start,
        step=step,
        g_per_kwh=np.array(values, dtype=np.float64),
        kind=kind,
        source=Provenance(name=source, licence="ODbL 1.0", attribution="Electricity Maps"),
    )


def run(
    cluster: Cluster,
    start_h: float,
    end_h: float,
    *,
    reserved: tuple[float, float] | None = None,
    ended_by: EndedBy = "itself",
    known_by: RunKnownBy = "outcome",
    gpus: int = 8,
    sid: str = "cs-x-s1-a1",
) -> Attempt:
    """An attempt that ran from hour to hour, reserved for just as long unless it says otherwise."""
    first_h, last_h = reserved or (start_h, end_h)
    return Attempt(
        sid=sid,
        cluster=cluster,
        gpus=gpus,
        reserved=(at(first_h), at(last_h)),
        ran=(at(start_h), at(end_h)),
        known_by=known_by,
        ended_by=ended_by,
    )


def make_row(job: Job | None = None, *, home: str = "france", submitted_h: float = 0.0, job_id: str = "j1") -> JobRow:
    """A job that succeeded, submitted at an hour."""
    job = job or make_job()
    submitted = at(submitted_h)
    return JobRow(
        id=job_id,
        key=job.key,
        job=job,
        spec_sha256="0" * 64,
        package=None,
        intensity={"source": "csv-file", "path": "table.csv"},
        counterfactual=register(job, home, submitted, submitted),
        state=JobState.SUCCEEDED,
        wanted="run",
        reason="",
        progress=1.0,
        failures=0,
        interruptions=0,
        submitted_at=submitted,
        deadline_at=submitted + timedelta(days=2),
        finished_at=submitted + timedelta(days=1),
    )


def document(
    clusters: Sequence[Cluster], placed: Sequence[tuple[str, float, float]], *, total_kg: float | None = 1.0
) -> dict[str, object]:
    """What a plan of 8 GPUs says that accounts look at: where from hour to hour, and the clusters as declared."""
    return {
        "placement": [
            {"cluster": name, "start": format_instant(at(start)), "end": format_instant(at(end)), "gpus": 8}
            for name, start, end in placed
        ],
        "emissions_kg": {"total": total_kg},
        "clusters": {
            each.name: each.model_dump(mode="json", exclude_defaults=True, exclude={"ray"}) for each in clusters
        },
    }


def make_plan(clusters: Sequence[Cluster], placed: Sequence[tuple[str, float, float]], plan_id: int = 1) -> PlanRow:
    """A plan of one job."""
    return PlanRow(id=plan_id, job_id="j1", made_at=T0, document=document(clusters, placed))


def make_history(
    attempts: Sequence[Attempt],
    *,
    job: Job | None = None,
    home: Cluster | None = None,
    clusters: Sequence[Cluster] = (),
    submitted_h: float = 0.0,
    job_id: str = "j1",
) -> JobHistory:
    """The history of a job with those attempts; every cluster that it names is declared, home first."""
    home = home or make_cluster()
    declared = {each.name: each for each in (home, *clusters, *(attempt.cluster for attempt in attempts))}
    row = make_row(job, home=home.name, submitted_h=submitted_h, job_id=job_id)
    return JobHistory(
        row=row,
        planned=make_plan(list(declared.values()), [(home.name, submitted_h, submitted_h + 10)]),
        clusters=declared,
        attempts=tuple(attempts),
        paused_until=None,
        progress=1.0,
        problems=(),
    )


def make_segment(**changes: object) -> SegmentRow:
    """A segment that was granted at hour 0, released at hour 2, and finished."""
    row = SegmentRow(
        fence=1,
        job_id="j1",
        plan_id=1,
        n=1,
        attempt=1,
        sid="cs-j1-s1-a1",
        cluster="france",
        gpus=8,
        planned_end=at(2),
        is_last=True,
        phase="over",
        stop_asked_at=None,
        intended_at=at(0),
        granted_at=at(0),
        seen_at=at(1.9),
        released_at=at(2),
        node_id="node-1",
        end="finished",
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # each test names fields of the row


def make_outcome(started_h: float = 0.1, ended_h: float = 1.9, **changes: object) -> Outcome:
    """A training that exited by itself between two hours."""
    outcome = Outcome(
        sid="cs-j1-s1-a1",
        fence=1,
        started_at=at(started_h),
        ended_at=at(ended_h),
        duration_s=max(0.0, 3600 * (ended_h - started_h)),
        exit_code=0,
        reason="exited",
        stop_received_at=None,
        progress=None,
        energy_j=None,
        energy_source="model",
        error="",
    )
    return replace(outcome, **changes)  # type: ignore[arg-type]  # each test names fields of the outcome
