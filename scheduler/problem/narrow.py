"""Problems with less in them: other clusters shut, no suspend."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from scheduler.domain.errors import Infeasible
from scheduler.problem.problem import Problem


def only_on(problem: Problem, rows: Collection[int]) -> Problem:
    """The same job with room on some clusters only; rows keep their numbers."""
    inside = np.isin(np.arange(len(problem.surface.clusters)), list(rows))
    capacity = np.where(inside[:, None], problem.surface.capacity, 0)
    return replace(problem, surface=replace(problem.surface, capacity=capacity))


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
