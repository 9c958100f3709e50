"""What serving a model emits: a day of it, a request of it, and how long until it equals the training.

Reference: Luccioni, Viguier and Ligozat, "Estimating the Carbon Footprint of BLOOM, a 176B Parameter Language Model",
JMLR 24(253), 2023, on deployment and inference; arXiv 2211.02001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate
from scheduler.domain.units import G_PER_KG

_HOURS_PER_DAY: Final = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """A deployment that was observed for a while.

    Args:
        energy_kwh: that it drew in all. [kWh]
        hours_h: for how long it was observed. [h]
        requests: that it answered; None where nobody counted.
        g_per_kwh: of its electricity. [g/kWh]
        pue: facility over IT energy; 1 where the energy is the facility's, or the facility is left out. [-]

    Raises:
        InvalidInput: energy or hours are not over 0, requests are under 1, or the PUE is under 1.

    Notes:
        kg = energy_kwh x pue x g_per_kwh / 1000; g a request = 1000 kg / requests; kg a day = 24 kg / hours_h.
        Making the hardware is not in it: the study that this follows counts the electricity alone.
    """

    energy_kwh: float
    hours_h: float
    requests: int | None
    g_per_kwh: Estimate
    pue: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, value, unit in (("--kwh", self.energy_kwh, "kWh"), ("--hours", self.hours_h, "h")):
            if not (math.isfinite(value) and value > 0):
                raise InvalidInput(f"{name} {value:g} is not a length or an energy", hint=f"give {unit} over 0")
        if self.requests is not None and self.requests < 1:
            raise InvalidInput(f"--requests {self.requests} are none", hint="leave them out where nobody counted")
        if not (math.isfinite(self.pue) and self.pue >= 1):
            raise InvalidInput(f"--pue {self.pue:g} is below 1", hint="PUE is facility energy over IT energy")

    @property
    def emissions_kg(self) -> Estimate:
        """Of the whole observation. [kg CO2e]"""
        return self._times(self.energy_kwh * self.pue / G_PER_KG)

    @property
    def per_day_kg(self) -> Estimate:
        """Of a day at the same rate. [kg CO2e/day]"""
        return self._times(self.energy_kwh * self.pue / G_PER_KG * _HOURS_PER_DAY / self.hours_h)

    @property
    def per_request_g(self) -> Estimate | None:
        """Of one request; None where nobody counted them. [g]"""
        return None if self.requests is None else self._times(self.energy_kwh * self.pue / self.requests)

    @property
    def requests_per_hour(self) -> float | None:
        """How many it answered in an hour; None where nobody counted. [1/h]"""
        return None if self.requests is None else self.requests / self.hours_h

    def days_to_equal(self, training_kg: float) -> float:
        """Days of serving at this rate that emit as much as a training did; infinite on electricity of 0 g. [days]

        Raises:
            InvalidInput: the training's emissions are not over 0.
        """
        if not (math.isfinite(training_kg) and training_kg > 0):
            raise InvalidInput(f"--training-kg {training_kg:g} is not over 0", hint="give the training's kg CO2e")
        daily_kg = self.per_day_kg.central
        return training_kg / daily_kg if daily_kg else math.inf

    def _times(self, kwh: float) -> Estimate:
        """So much electricity at each end of the intensity's range."""
        grid = self.g_per_kwh
        return Estimate(low=kwh * grid.low, central=kwh * grid.central, high=kwh * grid.high)
