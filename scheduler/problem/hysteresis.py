"""What a plan must gain before it takes the place of one that still works."""

from __future__ import annotations

from typing import Final

SHARE: Final = 0.02
"""Least gain for which a feasible plan is replaced, as a share of its emissions [-]; this project's choice."""
LEAST_KG: Final = 0.05
"""The same in absolute terms. [kg]"""


def least_gain_kg(cost_kg: float) -> float:
    """What a plan of some emissions [kg] must be bettered by: max(2 %, 0.05 kg), all overheads in both. [kg]"""
    return max(SHARE * cost_kg, LEAST_KG)
