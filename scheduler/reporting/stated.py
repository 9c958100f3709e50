"""What a job's report says that is kept when it is stated: its figures, and the seals of what they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from scheduler.domain.emissions import LINES
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.joining import within
from scheduler.records.attempts import Attempt
from scheduler.records.statements import INPUTS, Figures
from scheduler.reporting.job_report import JobReport

METHOD: Final = "carbonsched-accounts-1"
"""How accounts are made from evidence and intensities. It rises when the same input gives another figure."""


def figures_of(report: JobReport, intensity: Mapping[str, IntensitySeries]) -> Figures:
    """The figures of a job that was priced, as plain data.

    Args:
        report: what is said of it; it has an account.
        intensity: zone -> what it was accounted with.
    """
    account, other = report.account, report.counterfactual
    assert account is not None  # noqa: S101  # the caller asks for no other
    low, high = account.emissions["low"].total, account.emissions["high"].total
    difference = report.difference
    return {
        "basis": str(report.basis),
        "simulated": report.simulated,
        "emissions_kg": account.central.as_dict() | {"low": low, "high": high},
        "estimated_kg": account.estimated_kg,
        "provisional_share": report.provisional_share,
        "counterfactual_kg": None if other is None else other.account.central.total,
        "verdict": None if difference is None else difference.verdict,
        "difference_kg": difference.central_kg if difference is not None and difference.told else None,
        "it_energy_kwh": account.it_energy_kwh,
        "facility_energy_kwh": account.facility_energy_kwh,
        "gpu_hours": account.gpu_h,
        "intensity_coverage": account.intensity_coverage,
        INPUTS: {
            "method": METHOD,
            "boundary": f"{report.basis}; {', '.join(LINES)}",
            "home": "" if other is None else f"{other.home} from {format_instant(other.start)}",
            "activity": _digest([_attempt(each) for each in report.history.attempts]),
            "intensity": _digest([_series(intensity[zone], report) for zone in sorted(intensity)]),
        },
    }


def _attempt(attempt: Attempt) -> object:
    """What an attempt did, and on what, as plain data."""
    metered = None if attempt.energy is None else float(attempt.energy.gpu_kwh[-1])
    return {
        "sid": attempt.sid,
        "cluster": attempt.cluster.model_dump(mode="json", exclude_defaults=True, exclude={"ray"}),
        "gpus": attempt.gpus,
        "reserved": [format_instant(moment) for moment in attempt.reserved],
        "ran": [format_instant(moment) for moment in attempt.ran],
        "ended_by": attempt.ended_by,
        "metered_kwh": metered,
    }


def _series(series: IntensitySeries, report: JobReport) -> object:
    """What was known of a zone while the job lasted, as plain data; what else became of its month is another's."""
    other = report.counterfactual
    moments = [moment for each in report.history.attempts for moment in each.reserved]
    moments += [] if other is None else other.run.reserved
    part = within(series, min(moments), max(moments))
    if part is None:
        return [series.zone]
    return [series.zone, format_instant(part.start), [repr(float(value)) for value in part.g_per_kwh]]


def _digest(value: object) -> str:
    """SHA-256 of plain data in canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
