"""A report as plain data for machines; every null has its reason beside it, under the same name and `_reason`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.domain.basis import Basis, Signal
from scheduler.domain.instant import format_instant
from scheduler.records.accounts import Account, Accrual
from scheduler.records.budgets import use_json
from scheduler.records.counterfactual import METHOD
from scheduler.records.difference import Difference
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL
from scheduler.records.hindsight import Hindsight
from scheduler.records.identity import Closing
from scheduler.records.split import Split
from scheduler.reporting import words
from scheduler.reporting.boundary import STAGES
from scheduler.reporting.difference_json import (
    column_json,
    headline_json,
    job_columns,
    or_why,
    row_json,
    spread_json,
    total_columns,
)
from scheduler.reporting.disclosure import disclosure_json
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.statements import Claim, claim, signal_of

if TYPE_CHECKING:
    from scheduler.reporting.groups import Group, Totals
    from scheduler.reporting.period_report import PeriodReport


def report_json(report: PeriodReport) -> dict[str, object]:
    """The whole report."""
    return {
        "schema": 1,
        "status": report.status,
        **or_why("since", report.since and format_instant(report.since), words.FROM_THE_FIRST),
        **or_why("until", report.until and format_instant(report.until), words.UP_TO_NOW),
        "made_at": format_instant(report.made_at),
        **or_why("as_of", _as_of(report), words.NO_CUT_OFF),
        "version": report.version,
        **or_why("basis", basis_json(report.basis), words.NOTHING_RAN),
        **headline_json(report.real, signal_of(report.basis)),
        "real": _totals(report.real, signal_of(report.basis)),
        "simulated": _totals(report.simulated, signal_of(report.basis), simulated=True),
        "by_project": [_group(row, report) for row in report.by_project],
        "by_cluster": [_group(row, report) for row in report.by_cluster],
        "group_by": list(report.group_by),
        "groups": [_group(row, report) for row in report.groups],
        "simulated_groups": [_group(row, report, simulated=True) for row in report.simulated_groups],
        "sensitivity": [row_json(row) for row in report.sensitivity],
        "cluster_months": [_closing(each) for each in report.closings],
        "budgets": [use_json(each) for each in report.budgets],
        "jobs": [job_json(job) for job in report.jobs],
        "draws": report.draws,
        "seed": report.seed,
        "counterfactual_method": METHOD,
        "gap_percentile": {"realised": AGAINST_REAL, "counterfactual": AGAINST_COUNTERFACTUAL},
        "filters": list(report.filters),
        "boundary": [{"stage": each.name, "counted": each.counted, "why": each.why} for each in STAGES],
        "disclosure": disclosure_json(report),
        "limits": list(words.LIMITS),
    }


def _as_of(report: PeriodReport) -> str | None:
    """The instant from which on nothing that sources said is in any figure of the report."""
    seen = [job.as_of for job in report.jobs if job.as_of is not None]
    return format_instant(max(seen)) if seen else None


def job_json(job: JobReport) -> dict[str, object]:
    """One job of a report."""
    row, other = job.history.row, job.counterfactual
    moved = other.account.central.embodied - job.account.central.embodied if other and job.account else None
    return {
        "job_id": row.id,
        "name": row.job.name,
        "project": row.job.project,
        "state": row.state.value,
        "reason": row.reason,
        "status": job.status,
        "provisional_share": job.provisional_share,
        "simulated": job.simulated,
        **or_why("basis", basis_json(job.basis), job.no_account),
        "intensity_sources": list(job.sources),
        "credits": list(job.credits),
        "submitted_at": format_instant(row.submitted_at),
        **or_why("finished_at", row.finished_at and format_instant(row.finished_at), words.NOT_ENDED),
        "segments": _segments(job),
        **or_why("planned_kg", job.planned_kg, words.NO_PLAN_PRICE),
        **or_why("planned_to_realised", job.split and _split(job.split), job.no_split),
        **or_why("hindsight", job.hindsight and _hindsight(job.hindsight), job.no_hindsight),
        **or_why("footprint", job.account and account_json(job.account), job.no_account),
        **or_why("counterfactual", _counterfactual(job), job.no_counterfactual),
        **or_why("footprint_spread_kg", job.spread and spread_json(job.spread), job.no_account),
        **job_columns(job),
        **or_why("reallocated_embodied_kg", moved, job.no_counterfactual),
        "notes": list(job.notes),
    }


def account_json(account: Account) -> dict[str, object]:
    """A footprint."""
    return {
        "emissions_kg": account.central.as_dict()
        | {"low": account.emissions["low"].total, "high": account.emissions["high"].total},
        "estimated_kg": account.estimated_kg,
        "gpu_energy_running_kwh": account.gpu_energy_kwh,
        "it_energy_kwh": account.it_energy_kwh,
        "facility_energy_kwh": account.facility_energy_kwh,
        "reserved_gpu_h": account.reserved_gpu_h,
        "ran_gpu_h": account.ran_gpu_h,
        "held_gpu_h": account.held_gpu_h,
        "intensity_coverage": account.intensity_coverage,
        "run_coverage": account.run_coverage,
        "energy_source": account.energy_source,
        "measured_share": account.measured_share,
        "measured_kwh": account.measured_kwh,
        "gap_model_kwh": account.gap_kwh,
        "energy_notes": list(account.notes),
        "by_month": [_accrual(each) for each in account.accruals],
    }


def _accrual(accrual: Accrual) -> dict[str, object]:
    """What falls to one cluster in one month."""
    return {
        "month": f"{accrual.month:%Y-%m}",
        "cluster": accrual.cluster.name,
        "gpu_h": accrual.gpu_h,
        "it_energy_kwh": accrual.it_kwh,
        "facility_energy_kwh": accrual.facility_kwh,
        "total_kg": accrual.emissions.total,
    }


def _closing(closing: Closing) -> dict[str, object]:
    """One cluster in one month: jobs + idle of nobody + head nodes beside its own energy, and what is left over."""
    return {
        "month": f"{closing.month:%Y-%m}",
        "cluster": closing.cluster.name,
        "simulated": closing.cluster.simulated,
        "installed_gpu_h": closing.installed_gpu_h,
        "reserved_gpu_h": closing.reserved_gpu_h,
        "jobs_kwh": closing.jobs_kwh,
        "counted_twice_kwh": closing.twice_kwh,
        "unallocated_idle_kwh": closing.unallocated_kwh,
        "head_nodes_kwh": closing.head_kwh,
        **or_why("head_w", closing.cluster.head_w and closing.cluster.head_w.central, words.NO_HEAD_W),
        "it_energy_kwh": closing.it_kwh,
        "difference_kwh": closing.difference_kwh,
        "facility_energy_kwh": closing.facility_kwh,
        **or_why("unallocated_kg", closing.unallocated_kg, words.NO_ZONE_INTENSITY),
    }


def _split(split: Split) -> dict[str, float]:
    """Realised less planned, in parts that add up to it. [kg]"""
    return {
        "difference_kg": split.difference_kg,
        "forecast_kg": split.forecast_kg,
        "duration_kg": split.duration_kg,
        "power_kg": split.power_kg,
        "overhead_kg": split.overhead_kg,
    }


def _hindsight(hindsight: Hindsight) -> dict[str, object]:
    """The best that it could have done, and what it regrets."""
    return {
        "best_kg": hindsight.best_kg,
        "regret_kg": hindsight.regret_kg,
        "placement": [
            {
                "cluster": each.cluster,
                "start": format_instant(each.start),
                "end": format_instant(each.end),
                "gpus": each.gpus,
            }
            for each in hindsight.placement.segments
        ],
    }


def basis_json(basis: Basis | None) -> dict[str, str] | None:
    """What an intensity means, in its four words."""
    if basis is None:
        return None
    return {"signal": basis.signal, "boundary": basis.boundary, "flow": basis.flow, "gas": basis.gas}


def _segments(job: JobReport) -> list[dict[str, object]]:
    """Where and when it ran."""
    return [
        {
            "sid": each.sid,
            "cluster": each.cluster.name,
            "zone": each.cluster.zone,
            "gpus": each.gpus,
            "reserved": [format_instant(moment) for moment in each.reserved],
            "ran": [format_instant(moment) for moment in each.ran],
            "known_by": each.known_by,
            "ended_by": each.ended_by,
        }
        for each in job.history.attempts
    ]


def _counterfactual(job: JobReport) -> dict[str, object] | None:
    """What would have happened at home."""
    other = job.counterfactual
    if other is None:
        return None
    return {
        "home": other.home,
        "home_by": job.history.row.counterfactual.get("home_by", "job"),
        "start": format_instant(other.start),
        "rule_sha256": job.history.row.counterfactual["sha256"],
        "registration": job.registration,
        "emissions_kg": other.account.central.as_dict(),
    }


def _totals(totals: Totals, signal: Signal, *, simulated: bool = False) -> dict[str, object]:
    """Sums over jobs of one kind."""
    return {
        "jobs": totals.jobs,
        "unpriced_jobs": totals.unpriced,
        "emissions_kg": dict(totals.emissions_kg) | {"low": totals.low_kg, "high": totals.high_kg},
        "gpu_hours": totals.gpu_hours,
        "it_energy_kwh": totals.it_energy_kwh,
        "compared_jobs": totals.compared,
        **or_why("footprint_spread_kg", totals.spread and spread_json(totals.spread), words.NOTHING_RAN),
        **total_columns(totals, signal, simulated=simulated),
    }


def _claim(group: Group, difference: Difference, report: PeriodReport, *, simulated: bool) -> Claim:
    """What may be said of a group's difference: a group is no firmer than its own jobs, nor than its report."""
    status = "provisional" if report.status == "provisional" else group.status
    return claim(difference, signal=signal_of(report.basis), status=status, agreed=group.agreed, simulated=simulated)


def _group(group: Group, report: PeriodReport, *, simulated: bool = False) -> dict[str, object]:
    """Sums over the jobs, or parts of jobs, that share a name."""
    return {
        **group.names,
        "jobs": group.jobs,
        "unpriced_jobs": group.unpriced,
        "gpu_hours": group.gpu_hours,
        "it_energy_kwh": group.it_energy_kwh,
        "total_kg": group.emissions_kg["total"],
        "emissions_kg": dict(group.emissions_kg),
        **or_why("low_kg", group.low_kg, words.CUTS_JOBS),
        **or_why("high_kg", group.high_kg, words.CUTS_JOBS),
        **or_why(
            "avoided" if signal_of(report.basis) == "marginal" else "reduced_allocated",
            group.difference
            and column_json(group.difference, _claim(group, group.difference, report, simulated=simulated)),
            words.NOTHING_COMPARED if group.low_kg is not None else words.CUTS_JOBS,
        ),
    }
