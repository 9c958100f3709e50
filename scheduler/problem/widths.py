"""A job of several widths as one of fixed width: each cluster at each width is a row, and a resize a way between two.

The exact planner then chooses cluster, time and width together, restarts of a resize included: nothing is relaxed, so
its plan is its own bound.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scheduler.domain.emissions import Line
from scheduler.domain.placement import Placement
from scheduler.problem.problem import Problem, Width
from scheduler.problem.surface import Floats
from scheduler.problem.ways import some_ways

Options = tuple[tuple[int, Width], ...]


def unfolded(problem: Problem) -> tuple[Problem, Options]:
    """The problem with a row for each cluster and width, and what each row is; the clusters' own rows come first.

    A row's rates are scaled so that its GPUs at the problem's width emit what the width does; it has room where its
    cluster has as many GPUs free.
    """
    surface = problem.surface
    options = tuple((row, width) for width in problem.every_width for row in width.rows)
    at = np.array([row for row, _ in options])
    gpus = np.array([width.gpus for _, width in options])
    share = gpus / problem.gpus

    def scaled(rates: Floats) -> Floats:
        """Rates of a GPU at the problem's width. [g/GPU-h]"""
        return np.asarray(rates[at] * share[:, None])

    run_g: dict[Line, Floats] = {line: scaled(rates) for line, rates in surface.run_g.items()}
    hold_g: dict[Line, Floats] = {line: scaled(rates) for line, rates in surface.hold_g.items()}
    widened = replace(
        surface,
        clusters=tuple(f"{surface.clusters[row]} x {width.gpus}" for row, width in options),
        run_g=run_g,
        hold_g=hold_g,
        holds=surface.holds[at],
        capacity=np.where(surface.capacity[at] >= gpus[:, None], problem.gpus, 0),
        speed=surface.speed[at] * np.array([width.speed for _, width in options]),
        restart_h=surface.restart_h[at],
        move_h=np.where(at[:, None] == at, 0.0, surface.move_h[np.ix_(at, at)]),
        move_g=some_ways(surface.move_g, at),
        site=at,
        width=gpus,
    )
    return replace(problem, surface=widened, widths=()), options


def folded(problem: Problem, options: Options, placement: Placement) -> Placement:
    """A placement of the unfolded problem as one of `problem`: clusters by their names, segments of their widths."""
    names = {f"{problem.surface.clusters[row]} x {width.gpus}": (row, width.gpus) for row, width in options}
    found = [(segment, *names[segment.cluster]) for segment in placement.segments]
    return Placement(
        segments=tuple(replace(one, cluster=problem.surface.clusters[row], gpus=gpus) for one, row, gpus in found)
    )
