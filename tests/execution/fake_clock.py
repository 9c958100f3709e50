"""A clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class FakeClock:
    """The wall clock, and a monotonic one that goes with it."""

    at: datetime
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        """The monotonic clock starts at 0."""
        self.began = self.at

    def now(self) -> datetime:
        """The moment the test set."""
        return self.at

    def monotonic_s(self) -> float:
        """Seconds since the start. [s]"""
        return (self.at - self.began).total_seconds()

    def jump(self, by: timedelta) -> None:
        """Set the wall clock to another time; the monotonic one does not notice."""
        self.at += by
        self.began += by

    def sleep(self, duration: timedelta) -> None:
        """Move on."""
        self.at += duration
