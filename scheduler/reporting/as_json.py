"""A report as plain data for machines; every null has its reason beside it."""

from __future__ import annotations

from scheduler.domain.basis import Basis
from scheduler.domain.instant import format_instant
from scheduler.records.accounts import Account
from scheduler.records.difference import Difference
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import LIMITS, PeriodReport, Totals

NO_MARGINAL = "no marginal signal was given, and nothing is called avoided on an average one"


def report_json(report: PeriodReport) -> dict[str, object]:
    """The whole report."""
    return {
        "schema": 1,
        "status": "provisional",
        "since": format_instant(report.since) if report.since else None,
        "until": format_instant(report.until) if report.until else None,
        "made_at": format_instant(report.made_at),
        "version": report.version,
        "headline": None,
        "headline_reason": "provisional: the intensities are not settled",
        "real": _totals(report.real),
        "simulated": _totals(report.simulated),
        "by_project": [dict(row) for row in report.by_project],
        "jobs": [job_json(job) for job in report.jobs],
        "draws": report.draws,
        "seed": report.seed,
        "limits": list(LIMITS),
    }


def job_json(job: JobReport) -> dict[str, object]:
    """One job of a report."""
    row, other = job.history.row, job.counterfactual
    return {
        "job_id": row.id,
        "name": row.job.name,
        "project": row.job.project,
        "state": row.state.value,
        "reason": row.reason,
        "status": job.status,
        "simulated": job.simulated,
        "basis": basis_json(job.basis),
        "intensity_sources": list(job.sources),
        "submitted_at": format_instant(row.submitted_at),
        "finished_at": format_instant(row.finished_at) if row.finished_at else None,
        "segments": [
            {
                "sid": a.sid,
                "cluster": a.cluster,
                "gpus": a.gpus,
                "reserved": [format_instant(t) for t in a.reserved],
                "ran": [format_instant(t) for t in a.ran],
                "known_by": a.known_by,
            }
            for a in job.history.attempts
        ],
        "planned_kg": job.planned_kg,
        "footprint": None if job.account is None else account_json(job.account),
        "counterfactual": None
        if other is None
        else {
            "home": other.home,
            "start": format_instant(other.start),
            "rule_sha256": row.counterfactual["sha256"],
            "registration": "self-attested",
            "emissions_kg": other.account.central.as_dict(),
        },
        "counterfactual_reason": job.no_counterfactual or None,
        "reduced_allocated": _difference(job.difference),
        "reduced_allocated_reason": job.no_difference or None,
        "avoided": None,
        "avoided_reason": NO_MARGINAL,
        "reallocated_embodied_kg": None
        if other is None or job.account is None
        else other.account.central.embodied - job.account.central.embodied,
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
        "measured_share": 0.0,
    }


def basis_json(basis: Basis) -> dict[str, str]:
    """What an intensity means, in its four words."""
    return {"signal": basis.signal, "boundary": basis.boundary, "flow": basis.flow, "gas": basis.gas}


def _totals(totals: Totals) -> dict[str, object]:
    """Sums over jobs of one kind."""
    return {
        "jobs": totals.jobs,
        "emissions_kg": dict(totals.emissions_kg) | {"low": totals.low_kg, "high": totals.high_kg},
        "gpu_hours": totals.gpu_hours,
        "it_energy_kwh": totals.it_energy_kwh,
        "compared_jobs": totals.compared,
        "reduced_allocated": _difference(totals.difference),
    }


def _difference(difference: Difference | None) -> dict[str, object] | None:
    """A difference with its verdict; no figure where none can be told from nothing."""
    if difference is None:
        return None
    told = difference.verdict in ("reduced", "added")
    return {
        "verdict": difference.verdict,
        "p5_kg": difference.p5_kg,
        "p50_kg": difference.p50_kg,
        "p95_kg": difference.p95_kg,
        "central_kg": difference.central_kg if told else None,
        "baseline_kg": difference.baseline_kg,
        "lines": ["dynamic", "its facility share", "transfer", "overhead of later segments"],
    }
