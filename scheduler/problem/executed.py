"""What a choice of slots on one cluster comes to when it is run with the overheads that pauses really have.

Published policies choose hours as if a pause were free. Here the restart of each resume and the checkpoint of each
suspend take their time at running power, and work that is not done by then goes on behind the last slot.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    run = _run(problem, on, row, chosen)
    stretches = tuple((row, start_h, end_h) for start_h, end_h in zip(run.start_h, run.end_h, strict=True))
    return Draft(cost_g=0.0, stretches=stretches).placement(problem)


def done_within(problem: Problem, on: Grid, row: int, chosen: Chosen) -> bool:
    """Whether the work is through inside the slots in `chosen`, in segments that progress, as long and few as asked."""
    run, rules = _run(problem, on, row, chosen), problem.interruption
    if rules is None or not run.within:
        return run.within
    lengths_h = np.subtract(run.end_h, run.start_h)[:-1]
    few = rules.max_suspends is None or len(lengths_h) <= rules.max_suspends
    long = (lengths_h >= rules.min_segment_h - INSTANT_TOLERANCE_H).all()
    return bool(few and long and (run.progress_h > 0).all())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """The segments of such a run.

    Args:
        start_h, end_h: of each. [h]
        progress_h: work done by each but the last, which does the rest. [h]
        within: whether that is through by the end of the last slot.
    """

    start_h: list[float]
    end_h: list[float]
    progress_h: Floats
    within: bool


def _run(problem: Problem, on: Grid, row: int, chosen: Chosen) -> _Run:
    """The segments that the slots make."""
    borders = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2)
    if not len(borders):
        raise InvalidInput("no slot is chosen to run in")
    surface, speed = problem.surface, float(problem.surface.speed[row])
    checkpoint_h = problem.interruption.checkpoint_h if problem.interruption else 0.0
    start_h, end_h = on.t_h[borders].T
    begin_h = start_h + float(surface.restart_h[row])
    if problem.resumed_from is None:
        begin_h[0] = start_h[0]
    progress_h = speed * np.maximum(0.0, end_h - checkpoint_h - begin_h)
    done_h = np.append(0.0, np.cumsum(progress_h)[:-1])
    finish_h = begin_h + (problem.work_h - done_h) / speed
    through = np.flatnonzero(finish_h <= end_h + INSTANT_TOLERANCE_H)
    last = int(through[0]) if len(through) else len(borders) - 1
    return _Run(
        start_h=start_h[: last + 1].tolist(),
        end_h=[*end_h[:last].tolist(), float(finish_h[last])],
        progress_h=progress_h[:last],
        within=len(through) > 0,
    )


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


def emitted_g(problem: Problem, on: Grid, row: int, start_h: Floats) -> Floats:
    """Emissions of the whole work in one piece from each start, NaN where a part of it has no intensity. [g]"""
    end_h = start_h + float(occupied_h(problem)[row])
    rate, step_h = on.run_rate[row], np.diff(on.t_h)
    unknown = np.isnan(rate)

    def over(values: Floats) -> Floats:
        """The integral of values by slot over each run."""
        integral = np.append(0.0, np.cumsum(values * step_h))
        return np.asarray(np.interp(end_h, on.t_h, integral) - np.interp(start_h, on.t_h, integral))

    known_g = over(np.where(unknown, 0.0, rate))
    return np.where(over(unknown.astype(float)) > INSTANT_TOLERANCE_H, np.nan, known_g)
