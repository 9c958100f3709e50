"""What one fleet plan leaves for the next: the prices of the room, and what each job costs at least at them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from scheduler.planning.fleet.integral import slots_of
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warm:
    """Prices by cluster and slot, as hours of the plan that they were found in.

    Args:
        edges_h: borders of the slots, shape [S+1]. [h]
        price: of room, shape [C, S]. [g/GPU-h]
        least_g: what jobs in segments cost at least at these prices, by id. [g]
    """

    edges_h: Floats
    price: Floats
    least_g: dict[str, float] = field(default_factory=dict)

    def after(self, passed_h: float) -> Warm:
        """The same, some hours later: hour 0 of the next plan is so much later than that of the last. [h]

        A job that has lost time since then has fewer places, so that its least is not under what it was known to be.
        """
        return replace(self, edges_h=self.edges_h - passed_h)

    def on(self, edges_h: Floats) -> tuple[Floats, bool]:
        """The prices on other slots, and whether they are the same: not where borders are left out. [g/GPU-h]"""
        middle_h = (edges_h[:-1] + edges_h[1:]) / 2
        inside = (middle_h >= self.edges_h[0]) & (middle_h < self.edges_h[-1])
        price = np.where(inside, self.price[:, slots_of(self.edges_h, middle_h)], 0.0)
        known = self.edges_h[(self.edges_h > edges_h[0]) & (self.edges_h < edges_h[-1])]
        near = np.searchsorted(edges_h, known - INSTANT_TOLERANCE_H)
        same = bool((np.abs(edges_h[near] - known) <= INSTANT_TOLERANCE_H).all())
        return price, same and self.price.shape[0] == price.shape[0]
