"""The report of a period: every job of it, real and simulated apart, with sums that hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from scheduler.domain.basis import Basis
from scheduler.domain.emissions import LINES
from scheduler.records.difference import DRAWS, SEED, Difference, difference
from scheduler.reporting.job_report import JobReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over jobs of one kind.

    Args:
        unpriced: jobs that ran and whose emissions are not known, so that the sums are too low.
        emissions_kg: by line and in total; low_kg, high_kg: ends of the range. [kg]
        gpu_hours: reserved and held. [GPU-h]
        compared: jobs whose difference may be stated; difference: theirs, together; None where there is none.
    """

    jobs: int
    unpriced: int
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
        basis: of every figure; None where there is none.
        real, simulated: totals, never summed together.
        by_project: jobs, kilograms and GPU-hours of each project's real jobs.
    """

    since: datetime | None
    until: datetime | None
    made_at: datetime
    version: str
    basis: Basis | None
    jobs: tuple[JobReport, ...]
    real: Totals
    simulated: Totals
    by_project: tuple[Mapping[str, object], ...]
    seed: int = SEED
    draws: int = DRAWS


def period_report(
    jobs: Sequence[JobReport],
    *,
    since: datetime | None,
    until: datetime | None,
    made_at: datetime,
    version: str,
) -> PeriodReport:
    """The report of the jobs submitted in ``[since, until)``.

    Raises:
        BasisMismatch: two jobs were accounted on different bases.
    """
    bases = [job.basis for job in jobs if job.basis is not None]
    for basis in bases[1:]:
        bases[0].require_same(basis)
    return PeriodReport(
        since=since,
        until=until,
        made_at=made_at,
        version=version,
        basis=bases[0] if bases else None,
        jobs=tuple(jobs),
        real=_totals([j for j in jobs if not j.simulated]),
        simulated=_totals([j for j in jobs if j.simulated]),
        by_project=_by_project([j for j in jobs if not j.simulated]),
    )


def _totals(jobs: Sequence[JobReport]) -> Totals:
    """Sums over jobs; what nothing ran of counts as a job and adds nothing."""
    accounts = [job.account for job in jobs if job.account is not None]
    compared = [job for job in jobs if job.difference is not None]
    return Totals(
        jobs=len(jobs),
        unpriced=sum(job.unpriced for job in jobs),
        emissions_kg={line: sum(a.central.as_dict()[line] for a in accounts) for line in (*LINES, "total")},
        low_kg=sum(a.emissions["low"].total for a in accounts),
        high_kg=sum(a.emissions["high"].total for a in accounts),
        gpu_hours=sum(a.gpu_h for a in accounts),
        it_energy_kwh=sum(a.it_energy_kwh for a in accounts),
        compared=len(compared),
        difference=difference(term for job in compared for term in job.terms) if compared else None,
    )


def _by_project(jobs: Sequence[JobReport]) -> tuple[Mapping[str, object], ...]:
    """Kilograms and GPU-hours by project."""
    rows = [
        {
            "project": job.history.row.job.project or "(none)",
            "jobs": 1,
            "unpriced_jobs": int(job.unpriced),
            "gpu_hours": job.account.gpu_h if job.account else 0.0,
            "total_kg": job.account.central.total if job.account else 0.0,
        }
        for job in jobs
    ]
    if not rows:
        return ()
    sums = pd.DataFrame(rows).groupby("project", as_index=False, sort=True).sum()
    return tuple({str(name): value for name, value in row.items()} for row in sums.to_dict(orient="records"))
