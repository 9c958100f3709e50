"""Masses as a plan and a report print them."""

from __future__ import annotations

from typing import Final

KG_PER_TONNE: Final = 1000.0
SMALL_KG: Final = 0.1


def kg(mass_kg: float) -> str:
    """A mass with three decimals, fewer over 1 t, and two significant digits where those would say 0."""
    if 0 < abs(mass_kg) < SMALL_KG:
        return f"{mass_kg:#.2g}"
    decimals = 3 if abs(mass_kg) < KG_PER_TONNE else 1
    return f"{mass_kg:,.{decimals}f}"
