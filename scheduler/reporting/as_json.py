"""A report as plain data for machines; every null has its reason beside it, under the same name and `_reason`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.domain.basis import Basis
from scheduler.domain.instant import format_instant
from scheduler.records.accounts import Account
from scheduler.records.counterfactual import METHOD
from scheduler.records.difference import Difference
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL
from scheduler.reporting import words
from scheduler.reporting.job_report import JobReport

if TYPE_CHECKING:
    # A job is shown without pandas, which the sums of a period load.
    from scheduler.reporting.period_report import PeriodReport, Totals


def report_json(report: PeriodReport) -> dict[str, object]:
    """The whole report."""
    return {
        "schema": 1,
        "status": "provisional",
        **_or_why("since", report.since and format_instant(report.since), words.FROM_THE_FIRST),
        **_or_why("until", report.until and format_instant(report.until), words.UP_TO_NOW),
        "made_at": format_instant(report.made_at),
        "version": report.version,
        **_or_why("basis", basis_json(report.basis), words.NOTHING_RAN),
        **_or_why("headline", None, words.NO_HEADLINE),
        "real": _totals(report.real),
        "simulated": _totals(report.simulated),
        "by_project": [dict(row) for row in report.by_project],
        "jobs": [job_json(job) for job in report.jobs],
        "draws": report.draws,
        "seed": report.seed,
        "counterfactual_method": METHOD,
        "gap_percentile": {"realised": AGAINST_REAL, "counterfactual": AGAINST_COUNTERFACTUAL},
        "limits": list(words.LIMITS),
    }


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
        "simulated": job.simulated,
        **_or_why("basis", basis_json(job.basis), job.no_account),
        "intensity_sources": list(job.sources),
        "credits": list(job.credits),
        "submitted_at": format_instant(row.submitted_at),
        **_or_why("finished_at", row.finished_at and format_instant(row.finished_at), words.NOT_ENDED),
        "segments": _segments(job),
        **_or_why("planned_kg", job.planned_kg, words.NO_PLAN_PRICE),
        **_or_why("footprint", job.account and account_json(job.account), job.no_account),
        **_or_why("counterfactual", _counterfactual(job), job.no_counterfactual),
        **_or_why("reduced_allocated", job.difference and _difference(job.difference), job.no_difference),
        **_or_why("avoided", None, words.NO_MARGINAL),
        **_or_why("reallocated_embodied_kg", moved, job.no_counterfactual),
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
        "measured_share": 0.0,
    }


def basis_json(basis: Basis | None) -> dict[str, str] | None:
    """What an intensity means, in its four words."""
    if basis is None:
        return None
    return {"signal": basis.signal, "boundary": basis.boundary, "flow": basis.flow, "gas": basis.gas}


def _or_why(name: str, value: object, why: str) -> dict[str, object]:
    """A value, or null with its reason beside it."""
    return {name: value, f"{name}_reason": why if value is None else None}


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
        "start": format_instant(other.start),
        "rule_sha256": job.history.row.counterfactual["sha256"],
        "registration": "self-attested",
        "emissions_kg": other.account.central.as_dict(),
    }


def _totals(totals: Totals) -> dict[str, object]:
    """Sums over jobs of one kind."""
    compared = totals.difference
    return {
        "jobs": totals.jobs,
        "unpriced_jobs": totals.unpriced,
        "emissions_kg": dict(totals.emissions_kg) | {"low": totals.low_kg, "high": totals.high_kg},
        "gpu_hours": totals.gpu_hours,
        "it_energy_kwh": totals.it_energy_kwh,
        "compared_jobs": totals.compared,
        **_or_why("reduced_allocated", compared and _difference(compared), words.NOTHING_COMPARED),
    }


def _difference(difference: Difference) -> dict[str, object]:
    """A difference with its verdict; no figure where none can be told from nothing."""
    figures = {name: getattr(difference, name) for name in ("central_kg", "p5_kg", "p50_kg", "p95_kg")}
    stated: dict[str, object] = {}
    for name, kg in figures.items():
        stated |= _or_why(name, kg if difference.told else None, words.INDISTINGUISHABLE)
    return {
        "verdict": difference.verdict,
        **stated,
        "baseline_kg": difference.baseline_kg,
        "lines": ["dynamic", "its facility share", "transfer", "overhead of later segments"],
    }
