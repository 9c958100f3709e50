"""What a checkpoint's way from cluster to cluster emits, kept as what each of its two ends does.

A table of every way in every slot would take C x C x S numbers: with a thousand clusters more than a gigabyte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """Ways whose emissions are the sum of both ends'; a way from a row to itself emits nothing.

    Args:
        end_g: by row and slot, shape [C, S]; NaN where unknown. [g]
        unknown_g: what a way with an unknown end counts. [g]
    """

    end_g: Floats
    unknown_g: float = np.nan

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the table it stands for."""
        return (len(self.end_g), *self.end_g.shape)


Ways = Floats | Ends
"""A table of shape [C, C, S], or the ends it is made of. [g]"""


def way_g(ways: Ways, left: Ints | int, joined: Ints | int, slot: Ints | int) -> Floats:
    """Emissions of the ways from rows to rows that leave in slots, by the rules of broadcasting. [g]"""
    if isinstance(ways, Ends):
        total_g = ways.end_g[left, slot] + ways.end_g[joined, slot]
        known_g = np.where(np.isnan(total_g), ways.unknown_g, total_g)
        return np.where(np.equal(left, joined), 0.0, known_g)
    return np.asarray(ways[left, joined, slot])


def some_ways(ways: Ways, rows: Ints) -> Ways:
    """The ways between some rows, which may be named more than once."""
    if isinstance(ways, Ends):
        return replace(ways, end_g=ways.end_g[rows])
    return ways[np.ix_(rows, rows)]


def by_slot(ways: Ways, change: Callable[[Floats], Floats]) -> Ways:
    """The same with a change along its last axis."""
    return replace(ways, end_g=change(ways.end_g)) if isinstance(ways, Ends) else change(ways)


def has_unknown(ways: Ways) -> bool:
    """Whether any way is unknown."""
    return bool(np.isnan(ways.end_g if isinstance(ways, Ends) else ways).any())


def weighted(ways: Ways, *, scale: float, unknown_g: float) -> Ways:
    """Known ways times `scale`, and `unknown_g` for the others. [g]"""
    if isinstance(ways, Ends):
        return Ends(end_g=ways.end_g * scale, unknown_g=unknown_g)
    return np.where(np.isnan(ways), unknown_g, ways * scale)
