"""A rate by cluster and slot, integrated: what it comes to between any two instants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.problem.surface import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Integral:
    """The running integral of rates that are constant in each slot.

    Args:
        edges_h: borders, shape [S+1]. [h]
        rate: per hour, shape [C, S].
        sums: from the first border to each, shape [C, S+1].
    """

    edges_h: Floats
    rate: Floats
    sums: Floats

    def to(self, row: Ints | int, hour_h: Floats | float) -> Floats:
        """From the first border to each time, of rows and times that go together."""
        slot = slots_of(self.edges_h, hour_h)
        return np.asarray(self.sums[row, slot] + self.rate[row, slot] * (hour_h - self.edges_h[slot]))

    def over(self, row: int, start_h: float, end_h: float) -> float:
        """Between two times on one cluster."""
        return float(self.to(row, end_h) - self.to(row, start_h))


def integral(edges_h: Floats, rate: Floats) -> Integral:
    """The integral of `rate`, shape [C, S]."""
    sums = np.zeros((rate.shape[0], rate.shape[1] + 1))
    np.cumsum(rate * np.diff(edges_h), axis=1, out=sums[:, 1:])
    return Integral(edges_h=edges_h, rate=rate, sums=sums)


def slots_of(edges_h: Floats, hour_h: Floats | float) -> Ints:
    """The slot that each time lies in; the last one for what lies behind it."""
    found = edges_h.searchsorted(hour_h, side="right") - 1
    return np.asarray(np.minimum(np.maximum(found, 0), len(edges_h) - 2))
