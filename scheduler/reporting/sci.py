"""Software Carbon Intensity: emissions of some jobs for each unit of what they were for.

Reference: ISO/IEC 21031:2024, Software Carbon Intensity (SCI) specification, from the Green Software Foundation's SCI
1.1: SCI = ((E x I) + M) per R, location-based; E holds the energy of all hardware that is reserved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.domain.basis import Basis
from scheduler.domain.errors import InvalidInput
from scheduler.domain.units import G_PER_KG
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.words import share_text

STANDARD: Final = "ISO/IEC 21031:2024"
GPU_HOUR: Final = "GPU-hour"
INCLUDED: Final = ("GPUs and their share of the nodes, at work, idle and held", "the facility", "transfers of data")
EXCLUDED: Final = ("the network between sites beyond the transfers", "storage", "end of life", "people's own machines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sci:
    """A score and its terms.

    Args:
        operational_kg: E x I, each interval by its own intensity, transfers included. [kg CO2e]
        energy_kwh: E, of the facility, transfers apart. [kWh]
        embodied_kg: M, over the hours that hardware is allocated. [kg CO2e]
        embodied_wall_clock_kg: M as the standard spreads it: over every hour of the hardware's life. [kg CO2e]
        units: R, how many; unit: of what.
        basis: what the intensities mean.
        jobs: that are in it; measured_share: of their IT energy [-]; status: of the intensities.
        simulated: whether the hardware is declared and not there.
    """

    operational_kg: float
    energy_kwh: float
    embodied_kg: float
    embodied_wall_clock_kg: float
    units: float
    unit: str
    basis: Basis
    jobs: tuple[str, ...]
    measured_share: float
    status: tuple[str, ...]
    simulated: bool

    @property
    def score_g(self) -> float:
        """((E x I) + M) / R, hardware spread over the hours that it is allocated. [g/unit]"""
        return G_PER_KG * (self.operational_kg + self.embodied_kg) / self.units

    @property
    def score_wall_clock_g(self) -> float:
        """The same, hardware spread over its whole life. [g/unit]"""
        return G_PER_KG * (self.operational_kg + self.embodied_wall_clock_kg) / self.units

    @property
    def intensity_g_per_kwh(self) -> float | None:
        """The intensity that E met on the whole; None where nothing was drawn. [g/kWh]"""
        return G_PER_KG * self.operational_kg / self.energy_kwh if self.energy_kwh > 0 else None

    def as_json(self) -> Mapping[str, object]:
        """The score as plain data."""
        return {
            "standard": STANDARD,
            "score_g_per_unit": self.score_g,
            "score_wall_clock_g_per_unit": self.score_wall_clock_g,
            "R": {"units": self.units, "unit": self.unit},
            "O_kg": self.operational_kg,
            "E_kwh": self.energy_kwh,
            "I_g_per_kwh": self.intensity_g_per_kwh,
            "M_kg": self.embodied_kg,
            "M_wall_clock_kg": self.embodied_wall_clock_kg,
            "location_based": True,
            "basis": str(self.basis),
            "measured_share": self.measured_share,
            "boundary": {"included": INCLUDED, "excluded": EXCLUDED},
            "jobs": list(self.jobs),
            "status": list(self.status),
            "simulated": self.simulated,
        }

    def text(self) -> str:
        """The score as people read it."""
        hardware = "hardware spread over its whole life"
        lines = [
            f"SCI ({STANDARD}): {self.score_g:.6g} g CO2e per {self.unit}",
            f"((E x I) + M) per R: ({self.operational_kg:.6g} kg + {self.embodied_kg:.6g} kg) / {self.units:,.6g}",
            f"with {hardware}, as the standard has it: {self.score_wall_clock_g:.6g} g per {self.unit}",
            f"E: {self.energy_kwh:.6g} kWh of the facility; {share_text(self.measured_share)} of the IT's was metered",
            f"I: {self.basis}, location-based, {' and '.join(self.status)}",
            f"in it: {'; '.join(INCLUDED)}",
            f"not in it: {'; '.join(EXCLUDED)}",
            f"jobs: {', '.join(self.jobs)}",
        ]
        return "\n".join([*lines, *(["simulated: this hardware is not there"] if self.simulated else [])])


def sci(reports: Sequence[JobReport], *, units: float | None = None, unit: str = GPU_HOUR) -> Sci:
    """The score of some jobs together.

    Args:
        reports: the jobs; what simulated hardware would have emitted is no software's score.
        units: R, such as the tokens that were trained on; None for the jobs' GPU-hours.
        unit: what R counts.

    Raises:
        InvalidInput: there is nothing to score, a part of it is not known, or R is not over 0.
        BasisMismatch: two jobs were accounted on different bases.
    """
    accounts = [report.account for report in reports if report.account is not None]
    unknown = [report.history.row.id for report in reports if report.unpriced]
    if unknown:
        raise InvalidInput(
            f"the emissions of {', '.join(unknown)} are not known, so that a score would be too low",
            hint="carbonsched report says why; --job leaves them out by naming the others",
        )
    if len({report.simulated for report in reports if report.account is not None}) > 1:
        raise InvalidInput(
            "some of these jobs ran on hardware that is not there, which is never added to what is",
            hint="choose jobs of one kind with --job or --project",
        )
    if not accounts:
        raise InvalidInput("no job of these ran, so there is nothing to score", hint="carbonsched list shows the jobs")
    bases = [report.basis for report in reports if report.basis is not None]
    for basis in bases[1:]:
        bases[0].require_same(basis)
    counted = sum(each.gpu_h for each in accounts) if units is None else units
    if not (math.isfinite(counted) and counted > 0):
        raise InvalidInput(f"R is {counted:g} {unit}", hint="give a number of units over 0")
    it_kwh = sum(each.it_energy_kwh for each in accounts)
    embodied_kg = sum(each.central.embodied for each in accounts)
    return Sci(
        operational_kg=sum(each.central.total for each in accounts) - embodied_kg,
        energy_kwh=sum(each.facility_energy_kwh for each in accounts),
        embodied_kg=embodied_kg,
        embodied_wall_clock_kg=sum(
            accrual.emissions.embodied * accrual.cluster.lifetime_use.central
            for each in accounts
            for accrual in each.accruals
        ),
        units=counted,
        unit=unit,
        basis=bases[0],
        jobs=tuple(report.history.row.id for report in reports if report.account is not None),
        measured_share=sum(each.measured_kwh for each in accounts) / it_kwh if it_kwh > 0 else 0.0,
        status=tuple(sorted({report.status for report in reports if report.account is not None})),
        simulated=any(report.simulated for report in reports if report.account is not None),
    )
