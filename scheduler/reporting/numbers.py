"""Figures as text, for forms of a report that know no language: three significant digits."""

from __future__ import annotations

from typing import Final

_WHOLE_FROM: Final = 999.5
"""From here on three significant digits hold no decimals."""


def kg_text(mass_kg: float) -> str:
    """A mass in kilograms, never a bare 0 for something small. [kg]"""
    return digits(mass_kg)


def digits(value: float) -> str:
    """Three significant digits, whole numbers where that is more."""
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.3g}"


class Mass(float):
    """A mass inside a text that is put together before its language is known. [kg]"""

    def __format__(self, spec: str) -> str:
        """As any other mass, whatever else is asked for."""
        return digits(float(self))
