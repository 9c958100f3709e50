"""A job as a BoAmps report: the form in which Boavizta gathers what AI tasks draw, checked before it is given out.

Reference: Boavizta, BoAmps data model, github.com/Boavizta/BoAmps/tree/main/model (report, algorithm, dataset, measure
and hardware schemas); the fields below are those of it that a scheduler knows or is told.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scheduler.domain.errors import InvalidInput
from scheduler.domain.units import G_PER_KG, S_PER_H
from scheduler.records.accounts import Account
from scheduler.reporting.job_report import JobReport

FORMAT_VERSION: Final = "0.1"
FORMAT_URI: Final = "https://github.com/Boavizta/BoAmps/tree/main/model"
_REPORTS: Final = uuid.UUID("5f2f1a0e-0d8b-5f43-9a55-6f1a3d6f8a10")
"""Name space of report ids: the same job and moment give the same id."""
_METERED: Final = 0.9
"""Share of the boards' energy that meters must have counted for it to pass as metered. [-]"""

Infra = Literal["publicCloud", "privateCloud", "onPremise", "other"]
DataType = Literal["tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word", "other"]
Level = Literal["public", "internal", "confidential", "secret"]
_STAGES: Final = {
    "experiment": "training",
    "pretraining": "training",
    "finetuning": "finetuning",
    "evaluation": "evaluation",
    "inference": "inference",
}


class _Part(BaseModel):
    """A part of a report: its fields are written as the data model spells them, and no others are taken."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


class Publisher(_Part):
    """Who gives it out, and to whom."""

    name: str | None = None
    project_name: str | None = None
    confidentiality_level: Level = "internal"


class Header(_Part):
    """What kind of report it is."""

    licensing: str | None = None
    format_version: Literal["0.1"] = FORMAT_VERSION
    format_version_specification_uri: str = FORMAT_URI
    report_id: str
    report_datetime: str = Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
    report_status: Literal["draft", "final", "corrective", "other"]
    publisher: Publisher


class Algorithm(_Part):
    """What was computed."""

    algorithm_type: str | None = None
    algorithm_name: str | None = None
    framework: str | None = None


class Dataset(_Part):
    """What it was computed from."""

    data_usage: Literal["input", "output"] = "input"
    data_type: DataType = "other"
    data_size: float | None = Field(default=None, ge=0)


class Task(_Part):
    """The task."""

    task_stage: str
    task_family: str = Field(min_length=1)
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    dataset: tuple[Dataset, ...] = Field(min_length=1)
    task_description: str | None = None


class Measure(_Part):
    """What it drew. [kWh, s]"""

    measurement_method: str = "carbonsched"
    version: str
    cpu_tracking_mode: str
    gpu_tracking_mode: str
    power_consumption: float = Field(ge=0)
    measurement_duration: float = Field(ge=0)
    measurement_date_time: str = Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")


class Component(_Part):
    """Hardware that it ran on."""

    component_name: str
    component_type: Literal["gpu"] = "gpu"
    nb_component: int = Field(ge=1)
    share: float = Field(default=1.0, ge=0, le=1)


class Infrastructure(_Part):
    """Where it ran."""

    infra_type: Infra
    components: tuple[Component, ...] = Field(min_length=1)


class Environment(_Part):
    """The grid that it ran on."""

    country: str
    location: str
    power_source_carbon_intensity: float | None = Field(default=None, ge=0)


class System(_Part):
    """Of the nodes."""

    os: str = "linux"


class BoampsReport(_Part):
    """A whole report."""

    header: Header
    task: Task
    measures: tuple[Measure, ...] = Field(min_length=1)
    system: System = System()
    infrastructure: Infrastructure
    environment: Environment
    quality: Literal["high", "medium", "low"]

    def text(self) -> str:
        """The report as JSON, what is not known left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2)


def boamps(
    job: JobReport,
    *,
    family: str,
    made_at: datetime,
    version: str,
    publisher: Publisher,
    infra: Infra = "onPremise",
    data_type: DataType = "other",
) -> BoampsReport:
    """The report of one job.

    Args:
        job: its report.
        family: what the task is about, such as "text generation".
        made_at: now; version: of carbonsched.
        publisher: who gives it out.
        infra: whose hardware it is; data_type: what it was trained on.

    Raises:
        InvalidInput: nothing ran, what it emitted is not known, or it ran on hardware that is not there.
    """
    row, account, attempts = job.history.row, job.account, job.history.attempts
    if account is None:
        raise InvalidInput(f"the job {row.id} has no account: {job.no_account}", hint="name a job that ran")
    if job.simulated:
        raise InvalidInput(
            f"the job {row.id} ran on declared hardware that is not there",
            hint="BoAmps gathers what was really drawn: name a job of a real cluster",
        )
    spec, first = row.job, attempts[0]
    gpus: dict[str, int] = {}
    for attempt in attempts:
        gpus[attempt.cluster.gpu.model] = max(attempt.gpus, gpus.get(attempt.cluster.gpu.model, 0))
    countries = sorted({attempt.cluster.in_country for attempt in attempts})
    return BoampsReport(
        header=Header(
            report_id=str(uuid.uuid5(_REPORTS, f"{row.id} {_moment(made_at)}")),
            report_datetime=_moment(made_at),
            report_status="final" if job.status == "final" else "draft",
            publisher=publisher,
        ),
        task=Task(
            task_stage=_STAGES[spec.stage],
            task_family=family,
            algorithms=(Algorithm(algorithm_name=spec.model or spec.name),),
            dataset=(Dataset(data_type=data_type, data_size=spec.data.size_gb or None),),
            task_description=_described(job, account),
        ),
        measures=(
            Measure(
                version=version,
                cpu_tracking_mode="constant",
                gpu_tracking_mode="nvml" if _metered(account) else "constant",
                power_consumption=account.it_energy_kwh,
                measurement_duration=S_PER_H * sum(each.reserved_h for each in attempts),
                measurement_date_time=_moment(first.reserved[0]),
            ),
        ),
        infrastructure=Infrastructure(
            infra_type=infra,
            components=tuple(Component(component_name=name, nb_component=gpus[name]) for name in sorted(gpus)),
        ),
        environment=Environment(
            country=" and ".join(countries),
            location=", ".join(sorted({attempt.cluster.zone for attempt in attempts})),
            power_source_carbon_intensity=_met_g_per_kwh(account),
        ),
        quality="medium" if _metered(account) else "low",  # hosts are modelled within 30 %, boards alone are metered
    )


def _described(job: JobReport, account: Account) -> str:
    """What a reader of the one number must know."""
    segments = len(job.history.attempts)
    return (
        f"IT energy of the reserved hours, {account.facility_energy_kwh:.6g} kWh with the facility; boards by "
        f"{account.energy_source}, {100 * account.measured_share:.1f} % of the joules metered; "
        f"{segments} segment{'' if segments == 1 else 's'}; intensities {job.status}"
    )


def _metered(account: Account) -> bool:
    """Whether a meter counted nearly all that the boards drew."""
    return account.gpu_energy_kwh > 0 and account.measured_kwh >= _METERED * account.gpu_energy_kwh


def _met_g_per_kwh(account: Account) -> float | None:
    """The intensity that its energy met on the whole, transfers apart. [g/kWh]"""
    if account.facility_energy_kwh <= 0:
        return None
    mass_kg = account.central.total - account.central.embodied - account.central.transfer
    return G_PER_KG * mass_kg / account.facility_energy_kwh


def _moment(moment: datetime) -> str:
    """An instant in UTC as the data model writes it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"
