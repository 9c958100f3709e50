"""What the pieces of a plan can be where a checkpoint is at once wherever it can be: borders, room and overheads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.grid import Grid
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.ways import Ends

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoesOn:
    """A run that is to go on where it is, to be suspended later.

    Args:
        row: where it runs; least_h: so long it goes on at least. [h]
    """

    row: int
    least_h: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """The pieces on some rows of a problem, by border e and row c.

    Args:
        rows: their numbers in the problem, shape [C].
        on: borders, room and integrals of all its rows.
        work_h: work to do, in hours at speed 1; checkpoint_h: occupied time without progress before a suspend. [h]
        most: suspends at most, None for any number.
        speed, restart_h: shape [C]. [-], [h]
        holds: whether a pause between two pieces keeps the nodes, shape [C].
        run_g, hold_g: integrals, shape [N+1, C]. [g]
        shut: slots without room before each border, shape [N+1, C].
        startable, begins: whether a piece can begin at e, and the very first one, shape [N, C].
        latest, latest_first: the last border at which one that is suspended at e can have begun, -1 for none: one that
            resumes, and the very first; shape [N+1, C].
        ways: whether a checkpoint gets from row to row, shape [C, C].
        resumes: whether a job that was suspended before hour 0 can go on there, shape [C]; None for one that was not.
        own: whether that is the row that it was suspended on, shape [C].
    """

    rows: Ints
    on: Grid
    work_h: float
    checkpoint_h: float
    most: int | None
    speed: Floats
    restart_h: Floats
    holds: Flags
    run_g: Floats
    hold_g: Floats
    shut: Ints
    startable: Flags
    begins: Flags
    latest: Ints
    latest_first: Ints
    ways: Flags
    resumes: Flags | None
    own: Flags


def is_simple(problem: Problem) -> bool:
    """Whether a job may be suspended, and ways between clusters take no time, emit nothing, and nobody counts them."""
    surface, rules = problem.surface, problem.interruption
    if rules is None or problem.widths or surface.width is not None:
        return False
    travels = np.isfinite(surface.move_h)
    if travels.sum() == len(travels):
        return True
    move_g = surface.move_g.end_g if isinstance(surface.move_g, Ends) else surface.move_g
    return rules.max_moves is None and not surface.move_h[travels].any() and not move_g.any()


def pieces_on(problem: Problem, on: Grid, rows: Ints, goes_on: GoesOn | None = None) -> Pieces:
    """The pieces on some rows of a simple problem; only those of one that goes on where it runs, where one is given."""
    surface, rules, came_from = problem.surface, problem.interruption, problem.resumed_from
    assert rules is not None  # noqa: S101  # it is simple
    moved = surface.moved & np.isfinite(surface.move_h)
    restart_h, useless_h = surface.restart_h[rows], rules.checkpoint_h + INSTANT_TOLERANCE_H
    least_h = max(rules.min_segment_h - INSTANT_TOLERANCE_H, 0.0)
    first_h = max(least_h if goes_on is None else goes_on.least_h, useless_h)
    room = on.room[rows].T
    shut = np.zeros((len(on.t_h), len(rows)), dtype=np.int64)
    np.cumsum(~room, axis=0, out=shut[1:])
    own = rows == came_from
    startable = room & (on.t_h[:-1] >= problem.earliest_h - INSTANT_TOLERANCE_H)[:, None]
    begins = startable.copy()
    if goes_on is not None:
        begins[1:], begins[0] = False, begins[0] & (rows == goes_on.row)
    return Pieces(
        rows=rows, on=on, work_h=problem.work_h, checkpoint_h=rules.checkpoint_h, most=rules.max_suspends,
        speed=surface.speed[rows], restart_h=restart_h, holds=surface.holds[rows], run_g=on.run_g[rows].T,
        hold_g=on.hold_g[rows].T, shut=shut, startable=startable, begins=begins,
        latest=_latest(on.t_h, np.maximum(least_h, restart_h + useless_h)),
        latest_first=_latest(on.t_h, np.full(len(rows), first_h)), ways=moved[np.ix_(rows, rows)],
        resumes=None if came_from is None else own | moved[came_from, rows], own=own,
    )  # fmt: skip


def _latest(t_h: Floats, least_h: Floats) -> Ints:
    """The last border from which a piece of each row is long enough at each border, -1 for none, shape [N+1, C]."""
    found = [(t_h[:-1] + each).searchsorted(t_h, side="right") - 1 for each in least_h.tolist()]
    return np.stack(found, axis=1)
