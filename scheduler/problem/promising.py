"""The clusters that a plan in pieces is sought among, where there are too many for every way between them.

Ways take clusters squared times slots. Up to `MOST_WAYS` of them all clusters are kept and the plan is exact; past it,
as with hundreds of clusters, the ones that would do the most of the work are kept, and `plan` says how many.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.problem.draft import Draft
from scheduler.problem.grid import Grid
from scheduler.problem.problem import Problem
from scheduler.problem.surface import Ints

MOST_WAYS: Final = 8_000_000
"""Clusters squared times slots, half a gigabyte at work: 218 clusters over a week of hours, 20 over 20,000 slots."""
_AT_ONCE = 1000


def most_rows(slots: int) -> int:
    """How many clusters are kept over so many slots."""
    return max(2, int((MOST_WAYS / slots) ** 0.5))


def combines_all(problem: Problem) -> bool:
    """Whether a plan in pieces is sought among all clusters, at every width, so that it is the optimum."""
    rules, rows = problem.interruption, len(problem.surface.clusters) + sum(len(width.rows) for width in problem.widths)
    return rules is None or rules.max_suspends == 0 or rows <= most_rows(len(problem.surface.slot_h))


def promising(problem: Problem, on: Grid, window: Draft | None) -> Ints | None:
    """The rows that are kept, in their order; None where all are.

    Notes:
        With a value of lambda for an hour of work, the clusters of the most gain max(0, lambda speed - rate) in some
        slot come first, then those of the most gain in all, then those with the most room; lambda is the least at
        which the best clusters of all slots together do the work. Home, the cluster of the checkpoint and that of the
        best run in one piece are kept.
    """
    count, most = len(on.run_rate), most_rows(len(on.slot))
    if count <= most:
        return None
    step_h = np.diff(on.t_h)
    value_g = _value_g(problem, on)
    best, total = np.zeros(count), np.zeros(count)
    for first in range(0, len(on.slot), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        gain = np.maximum(value_g * problem.surface.speed[:, None] - on.run_rate[:, some], 0.0) * on.room[:, some]
        gain *= step_h[some]
        total += gain.sum(axis=1)
        best += np.where(gain == gain.max(axis=0), gain, 0.0).sum(axis=1)
    order = np.lexsort((np.arange(count), -(on.room @ step_h), -total, -best)).tolist()
    said = [problem.home, problem.resumed_from, window.stretches[0][0] if window else None]
    always = list(dict.fromkeys(row for row in said if row is not None))
    return np.array(sorted((always + [row for row in order if row not in always])[:most]))


def _value_g(problem: Problem, on: Grid) -> float:
    """The least value of an hour of work at which the slots that pay do all of it. [g/h]"""
    paid_g = np.where(on.room, on.run_rate / problem.surface.speed[:, None], np.inf)
    least_g = paid_g.min(axis=0)
    fastest = problem.surface.speed[paid_g.argmin(axis=0)]
    order = np.argsort(least_g)
    done_h = np.cumsum((np.diff(on.t_h) * fastest)[order])
    last = min(int(np.searchsorted(done_h, problem.work_h)), len(order) - 1)
    finite = least_g[np.isfinite(least_g)]
    return 1.1 * float(min(least_g[order[last]], finite.max(initial=0.0)))
