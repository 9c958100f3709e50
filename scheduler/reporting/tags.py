"""A job's figures as flat tags, for tools that keep experiments; each name begins with `carbonsched.`."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.domain.errors import InvalidInput
from scheduler.reporting.job_report import JobReport


def tags_of(job: JobReport, *, version: str) -> Mapping[str, str | float | bool]:
    """The tags of a job that ran. [kg, kWh, GPU-h]

    Raises:
        InvalidInput: its emissions are not known.
    """
    row, account = job.history.row, job.account
    if account is None:
        raise InvalidInput(f"the job {row.id} has no account: {job.no_account}", hint="name a job that ran")
    return {
        "carbonsched.version": version,
        "carbonsched.job_id": row.id,
        "carbonsched.emissions_kg": account.central.total,
        "carbonsched.emissions_low_kg": account.emissions["low"].total,
        "carbonsched.emissions_high_kg": account.emissions["high"].total,
        "carbonsched.embodied_kg": account.central.embodied,
        "carbonsched.it_energy_kwh": account.it_energy_kwh,
        "carbonsched.facility_energy_kwh": account.facility_energy_kwh,
        "carbonsched.gpu_hours": account.gpu_h,
        "carbonsched.energy_source": account.energy_source,
        "carbonsched.measured_share": account.measured_share,
        "carbonsched.basis": str(job.basis),
        "carbonsched.status": job.status,
        "carbonsched.zones": ", ".join(sorted({attempt.cluster.zone for attempt in job.history.attempts})),
        "carbonsched.simulated": job.simulated,
    }
