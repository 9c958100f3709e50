"""The BLOOM paper's comparison of language models, each row checked: does energy times intensity give its tonnes?

Reference: Luccioni, Viguier and Ligozat, JMLR 24(253), 2023; arXiv 2211.02001. The table prints tonnes
before and after the PUE. The energy column holds the PUE in one row and not in others, so it ranks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

WARNING: Final = "do not rank models on this table: one energy is with PUE, others without; boundaries differ"
ROUNDING_T: Final = 0.5
"""The table prints whole tonnes. [t CO2e]"""

Matches = Literal["before PUE", "after PUE", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model as the table prints it.

    Args:
        name: of the model.
        parameters_b: size. [10^9 parameters]
        energy_mwh: of the training. [MWh]
        intensity_g_per_kwh: of its electricity. [g/kWh]
        pue: of its data centre. [-]
        before_pue_t: emissions as printed. [t CO2e]
        after_pue_t: emissions times PUE as printed. [t CO2e]
        note: what to know of the row.
    """

    name: str
    parameters_b: int
    energy_mwh: float
    intensity_g_per_kwh: float
    pue: float
    before_pue_t: float
    after_pue_t: float
    note: str

    @property
    def computed_t(self) -> float:
        """Energy times intensity. [t CO2e]"""
        return self.energy_mwh * self.intensity_g_per_kwh / 1000.0

    @property
    def matches(self) -> Matches:
        """Which printed figure energy times intensity reproduces."""
        if abs(self.computed_t - self.before_pue_t) <= ROUNDING_T:
            return "before PUE"
        if abs(self.computed_t - self.after_pue_t) <= ROUNDING_T:
            return "after PUE"
        return "neither"


MODELS: Final = (
    ModelRow(
        name="GPT-3",
        parameters_b=175,
        energy_mwh=1287,
        intensity_g_per_kwh=429,
        pue=1.1,
        before_pue_t=502,
        after_pue_t=552,
        note="the energy already includes the PUE: 502 t is 552 / 1.1",
    ),
    ModelRow(
        name="Gopher",
        parameters_b=280,
        energy_mwh=1066,
        intensity_g_per_kwh=330,
        pue=1.08,
        before_pue_t=352,
        after_pue_t=380,
        note="the energy excludes the PUE",
    ),
    ModelRow(
        name="OPT",
        parameters_b=175,
        energy_mwh=324,
        intensity_g_per_kwh=231,
        pue=1.09,
        before_pue_t=70,
        after_pue_t=76.3,
        note="energy times intensity is 74.8 t: neither printed figure",
    ),
    ModelRow(
        name="BLOOM",
        parameters_b=176,
        energy_mwh=433,
        intensity_g_per_kwh=57,
        pue=1.2,
        before_pue_t=25,
        after_pue_t=30,
        note="nameplate power x hours; the energy excludes the PUE",
    ),
)
"""The rows of the table."""
