"""A figure with its range: low, central, high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from scheduler.domain.errors import InvalidInput

Level = Literal["low", "central", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure known within a range, low <= central <= high, all in one unit."""

    low: float
    central: float
    high: float

    def __post_init__(self) -> None:
        """Refuse a range that is out of order (NaN included)."""
        if not self.low <= self.central <= self.high:
            raise InvalidInput(
                f"low {self.low:g}, central {self.central:g}, high {self.high:g} are not in rising order",
                hint="give low <= central <= high",
            )

    @classmethod
    def exactly(cls, value: float) -> Estimate:
        """A figure without a stated range."""
        return cls(low=value, central=value, high=value)

    def at(self, level: Level) -> float:
        """The figure at one of the three levels."""
        if level == "low":
            return self.low
        return self.central if level == "central" else self.high
