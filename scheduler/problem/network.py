"""What a suspendable job can do at each border of the grid: start, run, suspend, wait, resume elsewhere.

A job that does not run waits in one of three ways on each cluster, so waits are numbered x = way x C + c:
READY (it resumes on c, nothing accrues), HELD (it resumes on c, whose nodes are kept) and FRESH (it never ran,
so its start needs no restart).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.grid import Grid
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints

READY, HELD, FRESH = range(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """The moves that the rules allow, by border e, cluster c and wait x.

    Args:
        grid: borders, room and integrals.
        speed: shape [C]. [-]
        row: cluster of each wait, shape [3C].
        restart_h: occupied time before progress that a start from it needs, shape [3C]. [h]
        accrued_g: what waiting has cost since the first border, shape [3C, N+1]. [g]
        lasts: whether waiting goes on through the slot behind e, shape [3C, N].
        startable: whether a segment can start at e from x, shape [3C, N].
        matures: border at which a segment started at e from x may be suspended first, N if never, shape [3C, N].
        target: the wait on d after a suspend on c, shape [C, C].
        arrives: border from which it can resume there, N if never, shape [C, C, N].
        transfer_g: emissions of the way, shape [C, C, N]. [g]
        checkpoint_h: occupied time without progress before a suspend. [h]
        work_h: work to do, in hours at speed 1. [h]
    """

    grid: Grid
    speed: Floats
    row: Ints
    restart_h: Floats
    accrued_g: Floats
    lasts: NDArray[np.bool_]
    startable: NDArray[np.bool_]
    matures: Ints
    target: Ints
    arrives: Ints
    transfer_g: Floats
    checkpoint_h: float
    work_h: float


def network(problem: Problem, on: Grid, rules: Interruption) -> Network:
    """The network of a job that may be suspended."""
    surface = problem.surface
    own = np.arange(len(surface.clusters))
    row = np.tile(own, 3)
    way = np.repeat([READY, HELD, FRESH], len(own))
    restart_h = np.where(way == FRESH, 0.0, surface.restart_h[row])
    startable = on.room[row] & (on.t_h[:-1] >= problem.earliest_h - INSTANT_TOLERANCE_H)
    shortest_h = np.maximum(
        rules.min_segment_h - INSTANT_TOLERANCE_H, restart_h + rules.checkpoint_h + INSTANT_TOLERANCE_H
    )
    target = np.tile(own, (len(own), 1))
    target[own, own] = np.where(surface.holds, HELD * len(own) + own, own)
    return Network(
        grid=on,
        speed=surface.speed,
        row=row,
        restart_h=restart_h,
        accrued_g=np.where((way == HELD)[:, None], on.hold_g[row], 0.0),
        lasts=(way != HELD)[:, None] | on.room[row],
        startable=startable,
        matures=_matures(on, row, startable, shortest_h),
        target=target,
        arrives=_arrives(problem, on),
        transfer_g=np.where(np.eye(len(own), dtype=bool)[:, :, None], 0.0, surface.move_g[:, :, on.slot]),
        checkpoint_h=rules.checkpoint_h,
        work_h=problem.work_h,
    )


def _matures(on: Grid, row: Ints, startable: NDArray[np.bool_], shortest_h: Floats) -> Ints:
    """The first border that leaves a segment long enough, N where room or time ends before."""
    never = len(on.slot)
    border = np.searchsorted(on.t_h, on.t_h[:-1] + shortest_h[:, None])
    return np.where(startable & (border <= on.room_to[row, :-1]) & (border < never), border, never)


def _arrives(problem: Problem, on: Grid) -> Ints:
    """The first border at which a checkpoint that leaves at each has arrived, N where it never does.

    A resume where it was suspended leaves at least a slot between; held nodes need room in it.
    """
    surface, never = problem.surface, len(on.slot)
    border = np.searchsorted(on.t_h, on.t_h[:-1] + surface.move_h[:, :, None] - INSTANT_TOLERANCE_H)
    own = np.arange(len(surface.clusters))
    stays = ~surface.holds[:, None] | on.room
    border[own, own] = np.where(stays, np.arange(1, never + 1), never)
    return np.minimum(border, never)
