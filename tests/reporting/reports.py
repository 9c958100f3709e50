"""One report of each kind of job that a period may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries
from scheduler.records.attempts import Attempt
from scheduler.records.rows import JobState
from scheduler.reporting.job_report import JobReport, job_report
from tests.records.cases import at, make_cluster, make_history, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC", gpu={"embodied_kg": 300})
HOPPER = make_cluster("toronto", "CA-QC", gpu={"model": "H100"}, pue=None)
LAB = make_cluster("lab", "FR", simulated=True)
GRID: Mapping[str, IntensitySeries] = {
    "FR": make_series("FR", [300] * 48),
    "CA-QC": make_series("CA-QC", [30] * 47 + [float("nan")]),
}


def job_of(
    *attempts: Attempt,
    grid: Mapping[str, IntensitySeries] = GRID,
    home: Cluster = HOME,
    state: JobState = JobState.SUCCEEDED,
    reason: str = "",
    job_id: str = "j1",
) -> JobReport:
    """A job that ran in Quebec instead of France, or whatever its attempts say."""
    history = make_history(attempts or [run(AWAY, 10, 12)], home=home, job_id=job_id)
    row = replace(history.row, state=state, reason=reason)
    return job_report(replace(history, row=row), grid, home_start=at(10))


def waiting(*, simulated: bool = False) -> JobReport:
    """A job of which nothing ran yet."""
    history = make_history([], home=LAB if simulated else HOME, job_id="waiting")
    row = replace(history.row, state=JobState.PLANNED, finished_at=None)
    plan = replace(history.planned, document={**history.planned.document, "emissions_kg": {"total": None}})
    return job_report(replace(history, row=row, planned=plan), {}, home_start=None)


REPORTS: Final[Mapping[str, Callable[[], JobReport]]] = {
    "moved": job_of,
    "stayed": lambda: job_of(run(HOME, 10, 12)),
    "failed": lambda: job_of(run(HOME, 10, 10.5), state=JobState.FAILED, reason="exit code 1"),
    "cancelled": lambda: job_of(run(HOME, 10, 11, ended_by="person"), state=JobState.CANCELLED),
    "lost": lambda: job_of(run(AWAY, 10, 11, ended_by="infrastructure", known_by="nothing"), state=JobState.LOST),
    "gaps": lambda: job_of(run(AWAY, 46, 48)),
    "other hardware": lambda: job_of(run(HOPPER, 10, 12)),
    "unpriced": lambda: job_of(grid={}),
    "waiting": waiting,
    "simulated": lambda: job_of(run(LAB, 10, 12), home=LAB, job_id="sim"),
    "simulated, waiting": lambda: waiting(simulated=True),
}
