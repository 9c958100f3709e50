"""The report of a period: every job of it, real and simulated apart, with sums that hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import LINES
from scheduler.records.difference import DRAWS, SEED, Difference, difference
from scheduler.reporting.job_report import JobReport

LIMITS: Final = (
    "Energy is modelled from stated powers, not metered; the range shown carries the stated ranges of the figures.",
    "Intensities are provisional until the grid's data are settled, so no headline of a reduction is given.",
    "On average intensities a difference is an allocated one; 'avoided' needs a marginal signal, which is absent.",
    "Not counted: water, minerals, networks, storage, cooling water, end of life, and the work of people.",
    "Not an offset, and not to be deducted from scope 1, 2 or 3; there is no settled standard for shifting load.",
)
"""What a reader must know, printed with every report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over jobs of one kind.

    Args:
        emissions_kg: by line and in total; low_kg, high_kg: ends of the range. [kg]
        compared: jobs whose difference may be stated; difference: theirs, together; None where there is none.
    """

    jobs: int
    emissions_kg: Mapping[str, float]
    low_kg: float
    high_kg: float
    gpu_hours: float
    it_energy_kwh: float
    compared: int
    difference: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """All that is said of a period.

    Args:
        real, simulated: totals, never summed together.
        by_project: project, cluster -> kilograms and GPU-hours of real jobs.
    """

    since: datetime | None
    until: datetime | None
    made_at: datetime
    version: str
    jobs: tuple[JobReport, ...]
    real: Totals
    simulated: Totals
    by_project: tuple[Mapping[str, object], ...]
    seed: int = SEED
    draws: int = DRAWS


def period_report(
    jobs: Sequence[JobReport],
    clusters: Mapping[str, Cluster],
    *,
    since: datetime | None,
    until: datetime | None,
    made_at: datetime,
    version: str,
) -> PeriodReport:
    """The report of the jobs submitted in ``[since, until)``."""
    return PeriodReport(
        since=since,
        until=until,
        made_at=made_at,
        version=version,
        jobs=tuple(jobs),
        real=_totals([j for j in jobs if not j.simulated], clusters),
        simulated=_totals([j for j in jobs if j.simulated], clusters),
        by_project=_by_project([j for j in jobs if not j.simulated]),
    )


def _totals(jobs: Sequence[JobReport], clusters: Mapping[str, Cluster]) -> Totals:
    """Sums over jobs; what nothing ran of counts as a job and adds nothing."""
    accounts = [job.account for job in jobs if job.account is not None]
    terms = [term for job in jobs for term in job.terms]
    return Totals(
        jobs=len(jobs),
        emissions_kg={line: sum(a.central.as_dict()[line] for a in accounts) for line in (*LINES, "total")},
        low_kg=sum(a.emissions["low"].total for a in accounts),
        high_kg=sum(a.emissions["high"].total for a in accounts),
        gpu_hours=sum(a.reserved_gpu_h + a.held_gpu_h for a in accounts),
        it_energy_kwh=sum(a.it_energy_kwh for a in accounts),
        compared=sum(job.difference is not None for job in jobs),
        difference=difference(terms, clusters) if terms else None,
    )


def _by_project(jobs: Sequence[JobReport]) -> tuple[Mapping[str, object], ...]:
    """Kilograms and GPU-hours by project."""
    rows = [
        {
            "project": job.history.row.job.project or "(none)",
            "jobs": 1,
            "gpu_hours": job.account.reserved_gpu_h + job.account.held_gpu_h if job.account else 0.0,
            "total_kg": job.account.central.total if job.account else 0.0,
        }
        for job in jobs
    ]
    if not rows:
        return ()
    sums = pd.DataFrame(rows).groupby("project", as_index=False, sort=True).sum()
    return tuple({str(name): value for name, value in row.items()} for row in sums.to_dict(orient="records"))
