"""What becomes of one job in a replay: where it ran, and what it kept meanwhile."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Stretch = tuple[int, int, int]
"""Row, start and end. [us]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one job.

    Args:
        stretches: that it ran; held: pauses in which its nodes were kept.
        late_at_admission: whether no placement kept its deadline beside the reservations at its submission.
        solves: how often a plan was made for it.
    """

    stretches: tuple[Stretch, ...]
    held: tuple[Stretch, ...] = ()
    late_at_admission: bool = False
    solves: int = 1

    @property
    def start_us(self) -> int:
        """When it started. [us]"""
        return self.stretches[0][1]

    @property
    def moves(self) -> int:
        """How often it went on elsewhere."""
        return sum(one[0] != other[0] for one, other in pairwise(self.stretches))

    @property
    def finish_us(self) -> int:
        """When it was through. [us]"""
        return self.stretches[-1][2]


def held_between(stretches: Sequence[Stretch], holds: Flags) -> tuple[Stretch, ...]:
    """The pauses of a run in which its nodes are kept: between two stretches on one cluster that keeps them."""
    if len(stretches) < 2:  # noqa: PLR2004  # most runs are in one piece
        return ()
    return tuple(
        (one[0], one[2], other[1])
        for one, other in pairwise(stretches)
        if one[0] == other[0] and one[2] < other[1] and holds[one[0]]
    )


def reaching(stretches: Sequence[Stretch], at_us: int) -> Sequence[Stretch]:
    """The stretches that end behind an instant [us], and the one before them, since its pause may go on behind it."""
    first = bisect_right(stretches, at_us, key=_end_us)
    return stretches[max(0, first - 1) :]


def _end_us(stretch: Stretch) -> int:
    """Where it ends. [us]"""
    return stretch[2]


def merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same with stretches that touch on one cluster as one."""
    whole: list[Stretch] = []
    for row, start_us, end_us in stretches:
        if whole and whole[-1][0] == row and whole[-1][2] == start_us:
            whole[-1] = (row, whole[-1][1], end_us)
        else:
            whole.append((row, start_us, end_us))
    return whole


def split_at(stretches: Sequence[Stretch], at_us: int) -> tuple[list[Stretch], list[Stretch]]:
    """What of some stretches lies before an instant [us], and what behind it."""
    before = [(row, start, min(end, at_us)) for row, start, end in stretches if start < at_us]
    behind = [(row, max(start, at_us), end) for row, start, end in stretches if end > at_us]
    return before, behind
