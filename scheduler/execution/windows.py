"""What is wanted of a zone, and what was found: the terms in which the grid's door speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from scheduler.domain.basis import Basis
from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.joining import joined, within
from scheduler.execution.freshness import whole_hour

_DUST_H: Final = 1e-6
"""Less than this is the rounding of hours. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is wanted: ``[start, end)``, with forecasts from `now` on, or without any where that is None.

    Args:
        known_at: leaves out what was said later; None for all that was said.
    """

    start: datetime
    end: datetime
    now: datetime | None = None
    known_at: datetime | None = None

    @property
    def hours_h(self) -> float:
        """Its length. [h]"""
        return hours_between(self.start, self.end)

    @property
    def past(self) -> tuple[datetime, datetime]:
        """The part in which something can have been observed, in whole hours; may be empty."""
        end = self.end if self.now is None else min(self.end, self.now)
        return whole_hour(self.start), whole_hour(max(end, self.start), up=True)

    @property
    def looks_ahead(self) -> bool:
        """Whether a forecast may say something of it."""
        return self.now is not None and self.end > self.now

    def lacks_past(self, parts: Sequence[IntensitySeries]) -> bool:
        """Whether the part that can have been observed is not all known."""
        start, end = self.past
        return start < end and replace(self, start=start, end=end).unknown_h(parts) > 0

    def unknown_h(self, parts: Sequence[IntensitySeries]) -> float:
        """How much of it no part knows. [h]"""
        touching = [part for each in parts if (part := within(each, self.start, self.end)) is not None]
        if not touching:
            return self.hours_h
        whole = joined(touching)
        edges = np.clip(whole.edges_h(self.start), 0.0, self.hours_h)
        known_h = float(np.diff(edges)[~np.isnan(whole.g_per_kwh)].sum())
        left_h = self.hours_h - known_h
        return left_h if left_h > _DUST_H else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of some zones.

    Args:
        series: by zone; one joined from several sources says so in its pieces, and why in its notes.
        lacking: why nothing is known of the other zones, by zone.
    """

    series: Mapping[str, IntensitySeries]
    lacking: Mapping[str, str]

    @property
    def why(self) -> str:
        """Why nothing is known of the zones that lack, each reason once with its zones."""
        zones: dict[str, list[str]] = {}
        for zone, reason in self.lacking.items():
            zones.setdefault(reason, []).append(zone)
        return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in zones.items())

    def filled(self, start: datetime, end: datetime, basis: Basis) -> dict[str, IntensitySeries]:
        """The series, and one that knows nothing for each zone that lacks: its clusters can be used, at no price."""
        return dict(self.series) | {zone: unknown(zone, start, end, basis, why) for zone, why in self.lacking.items()}


def unknown(zone: str, start: datetime, end: datetime, basis: Basis, why: str) -> IntensitySeries:
    """A series that knows nothing of ``[start, end)``, and says why."""
    return IntensitySeries(
        zone=zone,
        basis=basis,
        start=start,
        step=end - start,
        g_per_kwh=np.array([np.nan]),
        kind="estimated",
        source=Provenance(name="no source"),
        notes=(f"nothing is known: {why}",),
    )
