"""What a suspendable job can do at each border of the grid: start, run, suspend, wait, resume elsewhere.

A job that does not run waits for a row c in one of several ways: READY (wait c: it resumes on c and nothing accrues)
or HELD by b (it resumes on c, and the nodes that it had as row b of the same cluster are kept).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.problem.grid import Grid
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints
from scheduler.problem.ways import way_g


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """The moves that the rules allow, by border e, cluster c and wait x.

    Args:
        grid: borders, room and integrals.
        work_h: work to do, in hours at speed 1. [h]
        checkpoint_h: occupied time without progress before a suspend. [h]
        speed, restart_h: shape [C]. [-], [h]
        row: cluster on which each wait resumes, shape [X].
        holder: cluster whose nodes are kept meanwhile, -1 for none, shape [X].
        accrued_g: what waiting has cost since the first border, shape [N+1, X]. [g]
        lasts: whether waiting goes on through the slot behind e, shape [N, X].
        startable: whether a segment can start at e, shape [N, C].
        matures, matures_fresh: first border at which a segment that starts at e may be suspended, N if never: one
            that resumes, and the very first; shape [N, C].
        target: the wait for d after a suspend on c, shape [C, C].
        arrives: border from which it can resume there, N if never, shape [N, C, C].
        transfer_g: emissions of the way, shape [N, C, C]. [g]
        moved, resized: whether the way leads to another cluster, and to another width, shape [C, C].
    """

    grid: Grid
    work_h: float
    checkpoint_h: float
    speed: Floats
    restart_h: Floats
    row: Ints
    holder: Ints
    accrued_g: Floats
    lasts: NDArray[np.bool_]
    startable: NDArray[np.bool_]
    matures: Ints
    matures_fresh: Ints
    target: Ints
    arrives: Ints
    transfer_g: Floats
    moved: NDArray[np.bool_]
    resized: NDArray[np.bool_]


def network(problem: Problem, on: Grid, rules: Interruption) -> Network:
    """The network of a job that may be suspended."""
    surface, own = problem.surface, np.arange(len(problem.surface.clusters))
    before, after = np.nonzero(~surface.moved & surface.holds[:, None])
    holder = np.concatenate([np.full_like(own, -1), before])
    startable = on.room & (on.t_h[:-1] >= problem.earliest_h - INSTANT_TOLERANCE_H)
    target = np.tile(own, (len(own), 1))
    target[before, after] = len(own) + np.arange(len(before))
    borders = len(on.t_h)
    return Network(
        grid=on,
        work_h=problem.work_h,
        checkpoint_h=rules.checkpoint_h,
        speed=surface.speed,
        restart_h=surface.restart_h,
        row=np.concatenate([own, after]),
        holder=holder,
        accrued_g=np.concatenate([np.zeros((borders, len(own))), on.hold_g.T[:, before]], axis=1),
        lasts=np.concatenate([np.ones_like(on.room.T), on.room.T[:, before]], axis=1),
        startable=startable.T,
        matures=_matures(on, startable, rules, surface.restart_h),
        matures_fresh=_matures(on, startable, rules, np.zeros(len(own))),
        target=target,
        arrives=_arrives(problem, on),
        transfer_g=np.where(surface.moved, way_g(surface.move_g, own[:, None], own, on.slot[:, None, None]), 0.0),
        moved=surface.moved,
        resized=surface.resized,
    )


def _matures(on: Grid, startable: NDArray[np.bool_], rules: Interruption, restart_h: Floats) -> Ints:
    """The first border that leaves a segment long enough and with progress, N where room or time ends before."""
    never = len(on.slot)
    least_h = rules.min_segment_h - INSTANT_TOLERANCE_H
    shortest_h = np.maximum(least_h, restart_h + rules.checkpoint_h + INSTANT_TOLERANCE_H)
    border = np.searchsorted(on.t_h, on.t_h[:-1] + shortest_h[:, None])
    return np.where(startable & (border <= on.room_to[:, :-1]) & (border < never), border, never).T


def _arrives(problem: Problem, on: Grid) -> Ints:
    """The first border at which a checkpoint that leaves at each has arrived, N where it never does.

    A resume where it was suspended leaves at least a slot between; held nodes need room in it.
    """
    surface, never = problem.surface, len(on.slot)
    lasting_h, kind = np.unique(surface.move_h, return_inverse=True)  # few, where there are many ways
    travelled_h = on.t_h[:-1, None] + lasting_h - INSTANT_TOLERANCE_H
    border = np.minimum(np.searchsorted(on.t_h, travelled_h), never)[:, kind]
    own = np.arange(len(surface.clusters))
    stays = ~surface.holds | on.room.T
    border[:, own, own] = np.where(stays, np.arange(1, never + 1)[:, None], never)
    return border
