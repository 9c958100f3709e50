"""Problems with less in them: other clusters shut, no suspend."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from scheduler.domain.errors import Infeasible
from scheduler.problem.problem import Problem
from scheduler.problem.surface import Ints, Surface
from scheduler.problem.ways import some_ways


def only_on(problem: Problem, rows: Collection[int]) -> Problem:
    """The same job with room on some clusters only; rows keep their numbers."""
    inside = np.zeros(len(problem.surface.clusters), dtype=bool)
    inside[list(rows)] = True
    if inside.all():
        return problem
    capacity = np.where(inside[:, None], problem.surface.capacity, 0)
    return replace(problem, surface=replace(problem.surface, capacity=capacity))


def among(problem: Problem, rows: Ints) -> Problem:
    """The problem with some of its clusters only, numbered anew; that of the checkpoint is one of them."""
    surface, numbers = problem.surface, rows.tolist()
    return replace(
        problem,
        surface=_some(surface, rows),
        home=numbers.index(problem.home) if problem.home in numbers else None,
        resumed_from=None if problem.resumed_from is None else numbers.index(problem.resumed_from),
        widths=(),
    )


def alone(problem: Problem, row: int) -> Problem:
    """The problem with room on one cluster, which is row 0, and no other but that of the checkpoint."""
    came_from = problem.resumed_from
    return only_on(among(problem, np.array([row] if came_from in {None, row} else [row, came_from])), [0])


def _some(surface: Surface, rows: Ints) -> Surface:
    """Some rows of a surface."""
    return replace(
        surface,
        clusters=tuple(surface.clusters[row] for row in rows.tolist()),
        run_g={line: rates[rows] for line, rates in surface.run_g.items()},
        hold_g={line: rates[rows] for line, rates in surface.hold_g.items()},
        holds=surface.holds[rows],
        capacity=surface.capacity[rows],
        speed=surface.speed[rows],
        restart_h=surface.restart_h[rows],
        move_h=surface.move_h[np.ix_(rows, rows)],
        move_g=some_ways(surface.move_g, rows),
        site=None if surface.site is None else surface.site[rows],
        width=None if surface.width is None else surface.width[rows],
    )


def at_home(problem: Problem) -> Problem:
    """The same job with room at home only, or on the only cluster there is.

    Raises:
        Infeasible: home is not among the clusters that can take the job.
    """
    if problem.home is not None:
        return only_on(problem, [problem.home])
    if len(problem.surface.clusters) == 1:
        return problem
    raise Infeasible(
        "this policy places at home, and home cannot take the job",
        hint=f"name a home among {', '.join(problem.surface.clusters)}, or choose the policy carbon-aware",
    )


def in_one_piece(problem: Problem) -> Problem:
    """The same job where it is not suspended any more."""
    rules = problem.interruption
    return problem if rules is None else replace(problem, interruption=replace(rules, max_suspends=0))
