"""The emissions section of a model card: the last run of a model, and all its runs, with the hub's front matter.

The BLOOM paper counts 50.5 t for the last run and 123.8 t for the project: a card that gives the last run alone
flatters. So the number in the front matter is that of all runs.

Reference: Hugging Face Hub documentation, "Displaying carbon emissions for your model": `co2_eq_emissions.emissions`
is in grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from scheduler.domain.emissions import LINES
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import to_the_second
from scheduler.domain.units import G_PER_KG
from scheduler.records.rows import JobState
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.numbers import kg_text
from scheduler.reporting.words import share_text

_TYPES: Final = {"pretraining": "pre-training", "finetuning": "fine-tuning"}
"""The hub's words for a stage; other stages have none there."""
NOT_COUNTED: Final = "Not counted: water, minerals, end of life, people's work and machines, and the use of the model."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """Some runs of a model together."""

    jobs: tuple[JobReport, ...]

    @property
    def total_kg(self) -> float:
        """All lines. [kg CO2e]"""
        return sum(job.account.central.total for job in self.jobs if job.account)

    def line_kg(self, line: str) -> float:
        """One line. [kg CO2e]"""
        return sum(job.account.central.as_dict()[line] for job in self.jobs if job.account)

    @property
    def gpu_hours(self) -> float:
        """Reserved and held. [GPU-h]"""
        return sum(job.account.gpu_h for job in self.jobs if job.account)

    @property
    def it_kwh(self) -> float:
        """Energy of the IT hardware. [kWh]"""
        return sum(job.account.it_energy_kwh for job in self.jobs if job.account)

    @property
    def measured_share(self) -> float:
        """Share of that energy that meters counted. [-]"""
        measured_kwh = sum(job.account.measured_kwh for job in self.jobs if job.account)
        return measured_kwh / self.it_kwh if self.it_kwh > 0 else 0.0


def model_card(name: str, reports: Sequence[JobReport], *, version: str) -> str:
    """The section, in Markdown under its front matter.

    Args:
        name: of the model.
        reports: of every job of it, in order of submission.
        version: of carbonsched.

    Raises:
        InvalidInput: no run of it succeeded, or the emissions of one that ran are not known.
        BasisMismatch: two runs were accounted on different bases.
    """
    ran = tuple(job for job in reports if job.history.attempts)
    done = [job for job in ran if job.history.row.state is JobState.SUCCEEDED]
    if not done:
        raise InvalidInput(f"no run of the model {name} has succeeded", hint="carbonsched list shows its runs")
    unknown = [job.history.row.id for job in ran if job.unpriced]
    if unknown:
        raise InvalidInput(
            f"the emissions of {', '.join(unknown)} are not known, and a card must not leave them out",
            hint="carbonsched report --job ID says why",
        )
    if any(job.simulated for job in ran):
        raise InvalidInput(
            f"a run of the model {name} was on declared hardware that is not there",
            hint="a card is for what really ran: give the simulated runs another model's name",
        )
    bases = [job.basis for job in ran if job.basis is not None]
    for basis in bases[1:]:
        bases[0].require_same(basis)
    every, final = _Runs(jobs=ran), _Runs(jobs=(done[-1],))
    return f"{_front_matter(every, final, version)}\n{_body(name, every, final, str(bases[0]), version)}"


def _front_matter(every: _Runs, final: _Runs, version: str) -> str:
    """What the hub reads."""
    attempts = [attempt for job in every.jobs for attempt in job.history.attempts]
    zones = sorted({f"{attempt.cluster.zone} ({attempt.cluster.in_country})" for attempt in attempts})
    widest: dict[str, int] = {}
    for attempt in attempts:
        widest[attempt.cluster.gpu.model] = max(attempt.gpus, widest.get(attempt.cluster.gpu.model, 0))
    stage = final.jobs[0].history.row.job.stage
    said: dict[str, object] = {
        "emissions": float(f"{G_PER_KG * every.total_kg:.6g}"),
        "source": f"carbonsched {version}: all {len(every.jobs)} runs, life cycle of the hardware included",
        **({"training_type": _TYPES[stage]} if stage in _TYPES else {}),
        "geographical_location": ", ".join(zones),
        "hardware_used": ", ".join(f"{widest[model]} x {model}" for model in sorted(widest)),
    }
    return f"---\n{yaml.safe_dump({'co2_eq_emissions': said}, sort_keys=False, allow_unicode=True, width=1000)}---\n"


def _body(name: str, every: _Runs, final: _Runs, basis: str, version: str) -> str:
    """What people read."""
    last = final.jobs[0].history.row
    ended = to_the_second(last.finished_at) if last.finished_at else "now"
    rows = [
        ("total", kg_text(final.total_kg), kg_text(every.total_kg)),
        *((line, kg_text(final.line_kg(line)), kg_text(every.line_kg(line))) for line in LINES),
    ]
    status = {job.status for job in every.jobs}
    firm = "final" if status == {"final"} else "settled" if status <= {"settled", "final"} else "PROVISIONAL"
    return "\n".join(
        [
            "## Environmental impact",
            "",
            f"Emissions of {name}: its last run, {last.id}, which ended {ended}, and all {len(every.jobs)} runs of it,",
            "those that failed or were stopped too.",
            "",
            "| kg CO2e | last run | all runs |",
            "|---|---|---|",
            *(f"| {line} | {one} | {other} |" for line, one, other in rows),
            "",
            f"- GPU-hours reserved: {final.gpu_hours:,.1f} of the last run, {every.gpu_hours:,.1f} of all.",
            f"- IT energy: {final.it_kwh:,.1f} kWh of the last run, {every.it_kwh:,.1f} kWh of all.",
            f"- Counted by meters: {share_text(every.measured_share)} of that energy; the rest is modelled.",
            f"- Intensities: {basis}; {firm}.",
            f"- {NOT_COUNTED}",
            *(f"- {credit}" for credit in sorted({credit for job in every.jobs for credit in job.credits})),
            "",
            f"Made with carbonsched {version}. Not an offset, and not to be deducted from scope 1, 2 or 3.",
            "",
        ]
    )
