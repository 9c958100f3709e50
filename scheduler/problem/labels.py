"""Partial plans side by side, as arrays, and which of them can still lead to an optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.surface import Floats, Ints

SAME_H = 1e-12
"""Work that differs by less is the same: far over rounding, far under an instant. [h]"""


class TooMany(Exception):
    """More partial plans had to be looked at than a search may."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """Partial plans, all arrays of shape [L].

    Args:
        state: the cluster it runs on, or the wait it is in.
        progress_h, cost_g: work done and cost so far, relative to integrals of the state. [h], [g]
        suspends, moves, resizes: so far.
        start: border at which the running segment started.
        parent: number of the last suspended segment, -1 where there is none.
    """

    state: Ints
    progress_h: Floats
    cost_g: Floats
    suspends: Ints
    moves: Ints
    resizes: Ints
    start: Ints
    parent: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.state)

    def take(self, which: Ints | NDArray[np.bool_]) -> Labels:
        """Some of them."""
        return Labels(
            state=self.state[which],
            progress_h=self.progress_h[which],
            cost_g=self.cost_g[which],
            suspends=self.suspends[which],
            moves=self.moves[which],
            resizes=self.resizes[which],
            start=self.start[which],
            parent=self.parent[which],
        )


_NO_INTS, _NO_FLOATS = np.zeros(0, dtype=np.int64), np.zeros(0)
NO_LABELS = Labels(
    state=_NO_INTS,
    progress_h=_NO_FLOATS,
    cost_g=_NO_FLOATS,
    suspends=_NO_INTS,
    moves=_NO_INTS,
    resizes=_NO_INTS,
    start=_NO_INTS,
    parent=_NO_INTS,
)


def together(parts: Sequence[Labels]) -> Labels:
    """All of them in one."""
    return Labels(
        state=np.concatenate([part.state for part in parts]),
        progress_h=np.concatenate([part.progress_h for part in parts]),
        cost_g=np.concatenate([part.cost_g for part in parts]),
        suspends=np.concatenate([part.suspends for part in parts]),
        moves=np.concatenate([part.moves for part in parts]),
        resizes=np.concatenate([part.resizes for part in parts]),
        start=np.concatenate([part.start for part in parts]),
        parent=np.concatenate([part.parent for part in parts]),
    )


def undominated(labels: Labels, layer: Ints, grain_g: float) -> Labels:
    """Those that no other of the same layer beats in work and cost at once.

    A label that has done more for less can do whatever the other does and is through no later, because rates are
    not negative. Costs of the same multiple of `grain_g` [g] are one, and then fewer suspends win.
    """
    if len(labels) <= 1:
        return labels
    work = np.rint(labels.progress_h / SAME_H)
    cost = np.rint(labels.cost_g / grain_g) if grain_g > 0 else labels.cost_g
    order = np.lexsort((labels.suspends, cost, -work, layer))
    rank = np.empty(len(order), dtype=np.int64)
    rank[np.lexsort((labels.suspends[order], cost[order]))] = np.arange(len(order))
    _, group = np.unique(layer[order], return_inverse=True)
    rank -= group * len(order)  # a later layer never meets the ranks of an earlier one
    least = np.minimum.accumulate(rank)
    keep = np.append(True, rank[1:] < least[:-1])
    return labels.take(order[keep])
