"""Emissions by line, additive and without overlap."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal

Line = Literal["dynamic", "idle_running", "idle_held", "facility", "overhead", "embodied", "transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emissions:
    """Kilograms of CO2e by line; their sum is the total. [kg]

    Args:
        dynamic: computing above the idle floor.
        idle_running: the idle floor while running.
        idle_held: the idle floor of nodes held while paused.
        facility: (dynamic + idle) x (PUE - 1).
        overhead: reserved but outside the run: boot, image pull, teardown.
        embodied: making the hardware, over the hours reserved.
        transfer: moving data and checkpoints between clusters.
    """

    dynamic: float = 0.0
    idle_running: float = 0.0
    idle_held: float = 0.0
    facility: float = 0.0
    overhead: float = 0.0
    embodied: float = 0.0
    transfer: float = 0.0

    @property
    def total(self) -> float:
        """All lines. [kg]"""
        return self.operational + self.embodied

    @property
    def operational(self) -> float:
        """All lines but embodied. [kg]"""
        return self.dynamic + self.idle_running + self.idle_held + self.facility + self.overhead + self.transfer

    def __add__(self, other: Emissions) -> Emissions:
        """Line by line."""
        return Emissions(**{name: getattr(self, name) + getattr(other, name) for name in LINES})

    def scaled(self, factor: float) -> Emissions:
        """Every line times `factor` [-]."""
        return Emissions(**{name: getattr(self, name) * factor for name in LINES})

    def as_dict(self) -> dict[str, float]:
        """Line names to kilograms, then the total. [kg]"""
        return {name: getattr(self, name) for name in LINES} | {"total": self.total}


LINES: Final[tuple[str, ...]] = tuple(field.name for field in fields(Emissions))
NOTHING: Final = Emissions()
