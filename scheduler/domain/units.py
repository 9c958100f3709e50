"""Conversions between units, in one place; names say from what to what."""

from __future__ import annotations

from typing import Final

W_PER_KW: Final = 1000.0
G_PER_KG: Final = 1000.0
J_PER_KWH: Final = 3.6e6
S_PER_H: Final = 3600.0
G_PER_LB: Final = 453.59237
"""International avoirdupois pound [g], exact by definition (1959)."""
KWH_PER_MWH: Final = 1000.0
HOURS_PER_YEAR: Final = 8760.0
"""A year of 365 days, as the amortisation of BLOOM's hardware uses it (Luccioni et al., arXiv 2211.02001)."""


def kwh_from_joules(energy_j: float) -> float:
    """Energy [kWh] of `energy_j` [J]."""
    return energy_j / J_PER_KWH


def kg_from_g(mass_g: float) -> float:
    """Mass [kg] of `mass_g` [g]."""
    return mass_g / G_PER_KG


def g_per_kwh_from_lb_per_mwh(intensity_lb_per_mwh: float) -> float:
    """Intensity [g/kWh] of `intensity_lb_per_mwh` [lb/MWh]."""
    return intensity_lb_per_mwh * G_PER_LB / KWH_PER_MWH
