"""A report as flat rows for tables elsewhere: a row a job or a group, the same in every language.

Numbers have a point, times are ISO 8601 in UTC, a mass is in kilograms; what is not known is empty, its reason beside.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from scheduler.domain.basis import Signal
from scheduler.domain.emissions import LINES
from scheduler.domain.instant import format_instant
from scheduler.records.accounts import Account
from scheduler.records.comparison import Comparison
from scheduler.records.difference import Difference
from scheduler.reporting.groups import Group, clusters_of
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import PeriodReport
from scheduler.reporting.statements import Claim, job_claim, signal_of

Cell = str | float | int | bool | datetime | None
Rows = list[dict[str, Cell]]

_FLOATS: Final = ("_kg", "_kwh", "_gpu_h", "_share", "_coverage", "gpu_hours")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or skips to find one."""


def rows_of(report: PeriodReport) -> Rows:
    """A row a group where the report is grouped, else one a job."""
    if report.group_by:
        kinds = ((False, report.groups), (True, report.simulated_groups))
        return [_of_group(group, simulated=simulated) for simulated, groups in kinds for group in groups]
    return [_of_job(job) for job in report.jobs]


def columns_of(report: PeriodReport) -> list[str]:
    """The names of the columns, also where there are no rows."""
    rows = rows_of(report)
    if rows:
        return list(rows[0])
    return [*report.group_by, *_GROUP_COLUMNS] if report.group_by else list(_JOB_COLUMNS)


def type_of(column: str) -> str:
    """The type of a column's values, in the words of pandas: the same whatever a report holds."""
    if column.endswith(_FLOATS):
        return "Float64"
    if column.endswith("_at"):
        return "datetime64[us, UTC]"
    if column in ("simulated", "reduced_summed"):
        return "boolean"
    return "Int64" if column in ("jobs", "unpriced_jobs") else "string"


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> str:
    """Rows as CSV (RFC 4180); a text that a spreadsheet would run as a formula has an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_text(name) for name in columns])
    writer.writerows([_text(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def _text(cell: Cell) -> str:
    """A cell as text."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return format_instant(cell)
    return "" if cell is None else repr(cell)


def _of_job(job: JobReport) -> dict[str, Cell]:
    """One job."""
    return {name: fill(job) for name, fill in _JOB_COLUMNS.items()}


def _of_group(group: Group, *, simulated: bool) -> dict[str, Cell]:
    """One group."""
    return {**group.names, **{name: fill(group) for name, fill in _GROUP_COLUMNS.items()}, "simulated": simulated}


def _account(of: Callable[[Account], Cell]) -> Callable[[JobReport], Cell]:
    """A column of the account, empty where there is none."""
    return lambda job: None if job.account is None else of(job.account)


def _line(name: str) -> Callable[[JobReport], Cell]:
    """The column of one line of the footprint. [kg]"""

    def mass(account: Account) -> Cell:
        """Its central figure. [kg]"""
        return float(getattr(account.central, name))

    return _account(mass)


def _said(job: JobReport, signal: Signal) -> tuple[Comparison, Claim] | None:
    """The comparison of a job on a signal with what may be said of it; None where there is none on that one."""
    made = job.comparison if signal_of(job.basis) == signal else job.marginal if signal == "marginal" else None
    return None if made is None else (made, job_claim(job, made, signal))


def _told(signal: Signal, of: Callable[[Difference], float]) -> Callable[[JobReport], Cell]:
    """A figure of the difference on a signal, empty where none may be given. [kg]"""

    def figure(job: JobReport) -> Cell:
        """The figure of one job. [kg]"""
        said = _said(job, signal)
        return of(said[0].difference) if said is not None and said[1].told else None

    return figure


def _verdict(signal: Signal) -> Callable[[JobReport], Cell]:
    """What may be said of the difference on a signal, in its words."""

    def words(job: JobReport) -> Cell:
        """The words of one job."""
        said = _said(job, signal)
        return said[1].words if said is not None else None

    return words


_JOB_COLUMNS: Final[Mapping[str, Callable[[JobReport], Cell]]] = {
    "job_id": lambda job: job.history.row.id,
    "name": lambda job: job.history.row.job.name,
    "project": lambda job: job.history.row.job.project,
    "owner": lambda job: job.history.row.job.owner,
    "model": lambda job: job.history.row.job.model,
    "stage": lambda job: job.history.row.job.stage,
    "group": lambda job: job.history.row.job.group,
    "policy": lambda job: job.history.row.job.policy,
    "state": lambda job: job.history.row.state.value,
    "reason": lambda job: job.history.row.reason,
    "simulated": lambda job: job.simulated,
    "status": lambda job: job.status,
    "provisional_share": lambda job: job.provisional_share,
    "submitted_at": lambda job: job.history.row.submitted_at,
    "finished_at": lambda job: job.history.row.finished_at,
    "clusters": lambda job: " ".join(clusters_of(job)),
    "zones": lambda job: " ".join(dict.fromkeys(each.cluster.zone for each in job.history.attempts)),
    "home": lambda job: job.history.row.counterfactual.get("home") or None,
    "basis": lambda job: str(job.basis) if job.basis else None,
    "intensity_sources": lambda job: "; ".join(job.sources),
    "intensity_coverage": _account(lambda account: account.intensity_coverage),
    "run_coverage": _account(lambda account: account.run_coverage),
    "energy_source": _account(lambda account: account.energy_source),
    "measured_share": _account(lambda account: account.measured_share),
    "reserved_gpu_h": _account(lambda account: account.reserved_gpu_h),
    "ran_gpu_h": _account(lambda account: account.ran_gpu_h),
    "held_gpu_h": _account(lambda account: account.held_gpu_h),
    "gpu_energy_running_kwh": _account(lambda account: account.gpu_energy_kwh),
    "it_energy_kwh": _account(lambda account: account.it_energy_kwh),
    "facility_energy_kwh": _account(lambda account: account.facility_energy_kwh),
    "planned_kg": lambda job: job.planned_kg,
    **{f"{name}_kg": _line(name) for name in LINES},
    "total_kg": _account(lambda account: account.central.total),
    "low_kg": _account(lambda account: account.emissions["low"].total),
    "high_kg": _account(lambda account: account.emissions["high"].total),
    "estimated_kg": _account(lambda account: account.estimated_kg),
    "no_figure_reason": lambda job: job.no_account or None,
    "home_total_kg": lambda job: job.counterfactual.account.central.total if job.counterfactual else None,
    "no_counterfactual_reason": lambda job: job.no_counterfactual or None,
    "reduced_verdict": _verdict("average"),
    "reduced_p5_kg": _told("average", lambda difference: difference.p5_kg),
    "reduced_p50_kg": _told("average", lambda difference: difference.p50_kg),
    "reduced_p95_kg": _told("average", lambda difference: difference.p95_kg),
    "avoided_verdict": _verdict("marginal"),
    "avoided_p5_kg": _told("marginal", lambda difference: difference.p5_kg),
    "avoided_p50_kg": _told("marginal", lambda difference: difference.p50_kg),
    "avoided_p95_kg": _told("marginal", lambda difference: difference.p95_kg),
    "reduced_summed": lambda job: job.summed,
    "no_difference_reason": lambda job: job.no_difference or None,
}
_GROUP_COLUMNS: Final[Mapping[str, Callable[[Group], Cell]]] = {
    "simulated": lambda _group: None,
    "jobs": lambda group: group.jobs,
    "unpriced_jobs": lambda group: group.unpriced,
    "gpu_hours": lambda group: group.gpu_hours,
    "it_energy_kwh": lambda group: group.it_energy_kwh,
    **{f"{name}_kg": (lambda group, name=name: group.emissions_kg[name]) for name in (*LINES, "total")},  # type: ignore[misc]  # mypy gives a lambda's default no type
    "low_kg": lambda group: group.low_kg,
    "high_kg": lambda group: group.high_kg,
}
