"""A plan with suspends that is near the best, and what none costs less than, in a millisecond.

The best value of an hour of work is sought in two rounds. What plans cost at it is under every plan, and the pieces
that pay at it make one that is hardly dearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.problem.draft import TIE, Draft
from scheduler.problem.pieces import Pieces
from scheduler.problem.relaxed import Relaxed
from scheduler.problem.surface import Floats

_SPREAD: Final = np.array([0.9, 0.97, 1.0, 1.03, 1.07, 1.13, 1.25, 1.6])
"""Values of a first round, as multiples of that of the cheapest slots: overheads make an hour of work dearer. [-]"""
_FINER: Final = 9
"""Values of a second round, between the neighbours of the best one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What was found.

    Args:
        draft: a plan with a suspend, or a later piece of one; None where none was found that is worth it.
        least_g: none costs less; -inf where that is not known. [g]
    """

    draft: Draft | None
    least_g: float


def nearly_best(pieces: Pieces, worth_g: float) -> Near:
    """A plan in some pieces, and the bound, which ends the search where it reaches what a plan may cost. [g]"""
    value_g = np.maximum(_critical_g(pieces), TIE) * _SPREAD
    least_g = Relaxed(pieces, value_g).least_g(traced=False)
    if least_g.max() >= worth_g:
        return Near(draft=None, least_g=float(least_g.max()))
    best = int(least_g.argmax())
    finer_g = np.linspace(value_g[max(0, best - 1)], value_g[min(len(value_g) - 1, best + 1)], _FINER)
    relaxed = Relaxed(pieces, finer_g)
    bound_g = float(max(least_g.max(), relaxed.least_g(traced=True).max()))
    return Near(draft=None if bound_g >= worth_g else relaxed.draft(), least_g=bound_g)


def _critical_g(pieces: Pieces) -> float:
    """The value at which the cheapest slots just do the work, without overheads. [g/h]"""
    rows, on = pieces.rows, pieces.on
    paid_g: Floats = np.where(on.room[rows], on.run_rate[rows] / pieces.speed[:, None], np.inf)
    least_g, speed = paid_g.min(axis=0), pieces.speed[paid_g.argmin(axis=0)]
    order = np.argsort(least_g)
    done_h = np.cumsum((np.diff(on.t_h) * speed)[order])
    last = min(int(done_h.searchsorted(pieces.work_h)), int(np.isfinite(least_g).sum()) - 1)
    return float(least_g[order[last]]) if last >= 0 else 0.0
