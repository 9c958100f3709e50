"""The report of a period: every job of it, real and simulated apart, with sums that hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scheduler.domain.basis import Basis
from scheduler.records.budgets import Use
from scheduler.records.difference import DRAWS, SEED, Draws
from scheduler.records.identity import Closing
from scheduler.records.settlement import Status
from scheduler.reporting.groups import Group, Totals, grouped, totals
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.sensitivity import Row, sensitivity

_FIRMEST_LAST: Final[tuple[Status, ...]] = ("provisional", "settled", "final")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """All that is said of a period.

    Args:
        basis: of every figure; None where there is none.
        real, simulated: totals, never summed together.
        by_project, by_cluster: the real jobs of each.
        group_by: what else the jobs are grouped by, together; groups, simulated_groups: the real ones, the others.
        filters: what was asked for; only jobs that meet all of it are in.
        config_sha256: of the settings in force; empty where there were none.
        closings: whether the accounts close with each cluster, real or simulated, by month; empty where not looked at.
        budgets: of a month, of the projects that have one.
        sensitivity: the real jobs' figures under other choices of counterfactual, boundary and factors.
    """

    since: datetime | None
    until: datetime | None
    made_at: datetime
    version: str
    basis: Basis | None
    jobs: tuple[JobReport, ...]
    real: Totals
    simulated: Totals
    by_project: tuple[Group, ...]
    by_cluster: tuple[Group, ...]
    group_by: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    simulated_groups: tuple[Group, ...] = ()
    filters: tuple[str, ...] = ()
    config_sha256: str = ""
    sensitivity: tuple[Row, ...] = ()
    closings: tuple[Closing, ...] = ()
    budgets: tuple[Use, ...] = ()
    seed: int = SEED
    draws: int = DRAWS

    @property
    def status(self) -> Status:
        """How firm the report is: as firm as its least firm part."""
        found = {part.status for part in (self.real, self.simulated) if part.jobs}
        return next((status for status in _FIRMEST_LAST if status in found), "provisional")


def period_report(
    jobs: Sequence[JobReport],
    *,
    since: datetime | None,
    until: datetime | None,
    made_at: datetime,
    version: str,
    group_by: Sequence[str] = (),
    filters: Sequence[str] = (),
    config_sha256: str = "",
    draws: Draws | None = None,
    closings: Sequence[Closing] = (),
    budgets: Sequence[Use] = (),
) -> PeriodReport:
    """The report of the jobs submitted in ``[since, until)``.

    Raises:
        BasisMismatch: two jobs were accounted on different bases.
        UnknownName: jobs cannot be grouped by that.
    """
    bases = [job.basis for job in jobs if job.basis is not None]
    for basis in bases[1:]:
        bases[0].require_same(basis)
    real, simulated = [j for j in jobs if not j.simulated], [j for j in jobs if j.simulated]
    drawn = draws or Draws()
    return PeriodReport(
        since=since,
        until=until,
        made_at=made_at,
        version=version,
        basis=bases[0] if bases else None,
        jobs=tuple(jobs),
        real=totals(real, drawn),
        simulated=totals(simulated, drawn),
        by_project=grouped(real, ["project"], drawn),
        by_cluster=grouped(real, ["cluster"], drawn),
        group_by=tuple(group_by),
        groups=grouped(real, group_by, drawn) if group_by else (),
        simulated_groups=grouped(simulated, group_by, drawn) if group_by else (),
        filters=tuple(filters),
        config_sha256=config_sha256,
        sensitivity=sensitivity(real, drawn),
        closings=tuple(closings),
        budgets=tuple(budgets),
    )
