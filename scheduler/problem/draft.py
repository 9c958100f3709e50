"""A placement under construction: rows and hours instead of names and instants, with its cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scheduler.domain.placement import Placement, Segment
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats

TIE = 1e-9
"""Two costs nearer than this share of them are one: sums of some thousand slots differ by less. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a solver makes.

    Args:
        cost_g: the objective. [g]
        stretches: (row, start, end) of each segment. [h from the origin]
        bound_g: what nothing costs less than, where the search was given up; None for the least there is. [g]
    """

    cost_g: float
    stretches: tuple[tuple[int, float, float], ...]
    bound_g: float | None = None

    @property
    def finish_h(self) -> float:
        """When the work ends. [h]"""
        return self.stretches[-1][2]

    @property
    def suspends(self) -> int:
        """How many times it is suspended."""
        return len(self.stretches) - 1

    def placement(self, problem: Problem) -> Placement:
        """The same with names and instants."""
        surface = problem.surface
        return Placement(
            segments=tuple(
                Segment(
                    cluster=surface.clusters[row],
                    start=surface.instant(start_h),
                    end=surface.instant(end_h),
                    gpus=problem.gpus,
                )
                for row, start_h, end_h in self.stretches
            )
        )


def traced(
    ended: Sequence[tuple[int, int, int, int]], t_h: Floats, number: int
) -> tuple[tuple[int, float, float], ...]:
    """The stretches up to segment `number`, each (row, start, end) [h], -1 for none.

    Args:
        ended: segments as (number of the one before, row, border of its start, border of its end).
        t_h: the borders. [h]
        number: the last segment.
    """
    found: list[tuple[int, float, float]] = []
    while number >= 0:
        number, row, start, end = ended[number]
        found.append((row, float(t_h[start]), float(t_h[end])))
    return tuple(reversed(found))


def is_tie(one_g: float, other_g: float) -> bool:
    """Whether two costs are the same but for rounding."""
    return abs(one_g - other_g) <= TIE * max(abs(one_g), abs(other_g))


def preferred(problem: Problem, drafts: Iterable[Draft]) -> Draft | None:
    """The cheapest; of ties the one that finishes first, then with the fewest suspends, then home, then by name."""
    found = tuple(drafts)
    if not found:
        return None
    least_g = min(draft.cost_g for draft in found)
    ties = [draft for draft in found if is_tie(draft.cost_g, least_g)]
    first_h = min(draft.finish_h for draft in ties)
    names = problem.surface.clusters

    def rank(draft: Draft) -> tuple[float, int, tuple[bool, ...], tuple[str, ...], tuple[float, ...]]:
        """Sorts by the rule; finishes within the tolerance are the same."""
        rows = [row for row, _, _ in draft.stretches]
        late_h = draft.finish_h - first_h
        return (
            late_h if late_h > INSTANT_TOLERANCE_H else 0.0,
            draft.suspends,
            tuple(row != problem.home for row in rows),
            tuple(names[row] for row in rows),
            tuple(start_h for _, start_h, _ in draft.stretches),
        )

    return min(ties, key=rank)
