"""What a choice of slots on one cluster comes to when it is run with the overheads that pauses really have.

Published policies choose hours as if a pause were free. Here the restart of each resume and the checkpoint of each
suspend take their time at running power, and work that is not done by then goes on behind the last slot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.errors import InvalidInput
from scheduler.domain.placement import Placement
from scheduler.problem.draft import Draft
from scheduler.problem.grid import Grid
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats
from scheduler.problem.window import first_start_h, occupied_h

Chosen = NDArray[np.bool_]


def executed(problem: Problem, on: Grid, row: int, chosen: Chosen) -> Placement:
    """The run of the slots in `chosen`, shape [N], on the cluster `row`; the last segment ends where the work does."""
    return Draft(cost_g=0.0, stretches=_run(problem, on, row, chosen)[0]).placement(problem)


def done_within(problem: Problem, on: Grid, row: int, chosen: Chosen) -> bool:
    """Whether the work is through inside the slots in `chosen`, overheads included."""
    return _run(problem, on, row, chosen)[1]


def _run(problem: Problem, on: Grid, row: int, chosen: Chosen) -> tuple[tuple[tuple[int, float, float], ...], bool]:
    """The stretches of such a run, and whether its work is through by the end of the last slot."""
    surface, speed = problem.surface, float(problem.surface.speed[row])
    checkpoint_h = problem.interruption.checkpoint_h if problem.interruption else 0.0
    borders = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2)
    left_h, stretches = problem.work_h, list[tuple[int, float, float]]()
    for number, (start_h, end_h) in enumerate(on.t_h[borders].tolist()):
        resumes = bool(stretches) or problem.resumed_from is not None
        begin_h = start_h + (float(surface.restart_h[row]) if resumes else 0.0)
        finish_h = begin_h + left_h / speed
        within = finish_h <= end_h + INSTANT_TOLERANCE_H
        if within or number == len(borders) - 1:
            return (*stretches, (row, start_h, finish_h)), within
        stretches.append((row, start_h, end_h))
        left_h -= speed * max(0.0, end_h - checkpoint_h - begin_h)
    raise InvalidInput("no slot is chosen to run in")


def open_slots(problem: Problem, on: Grid, row: int) -> Chosen:
    """The slots in which the cluster `row` has room, from the first start on, shape [N]."""
    return np.asarray(on.room[row] & (on.t_h[:-1] >= first_start_h(problem)[row] - INSTANT_TOLERANCE_H))


def starts_h(problem: Problem, on: Grid, row: int) -> Floats:
    """The borders, and the first start, from which the whole work fits in one piece on the cluster `row`. [h]"""
    first_h, length_h = float(first_start_h(problem)[row]), float(occupied_h(problem)[row])
    start_h = np.unique(np.append(on.t_h[:-1], first_h))
    start_h = start_h[np.isfinite(start_h) & (start_h >= first_h - INSTANT_TOLERANCE_H)]
    rows = np.full(len(start_h), row)
    return np.asarray(start_h[on.fits(rows, start_h, start_h + length_h)])
