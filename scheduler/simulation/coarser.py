"""A problem on fewer and longer slots: every plan of it is one of the finer problem, at the mean rates of its slots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scheduler.problem.problem import Problem
from scheduler.problem.surface import Floats, Ints


def coarser(problem: Problem, most: int) -> Problem:
    """The problem on at most about `most` slots; a slot of it has room where all that it joins have.

    Args:
        problem: with a table of ways of which none emits.
        most: slots.
    """
    surface = problem.surface
    edges_h = surface.edges_h
    lasting_h = float(edges_h[-1] - edges_h[0])
    step_h = max(1.0, np.ceil(lasting_h / most))
    # Borders fall on the slots of the grid where they can, since those are where rates change.
    phase_h = 1.0 - _into_hour_h(problem)
    wanted_h = np.append(edges_h[0], np.arange(edges_h[0] + phase_h, edges_h[-1], step_h))
    starts = np.unique(np.searchsorted(edges_h, wanted_h - 1e-9))
    starts = starts[starts < len(edges_h) - 1]
    length_h = np.diff(edges_h)
    whole_h = np.add.reduceat(length_h, starts)

    def mean(rates: Floats) -> Floats:
        """Rates by slot as their means over the longer slots."""
        return np.asarray(np.add.reduceat(rates * length_h, starts, axis=-1) / whole_h)

    capacity: Ints = np.minimum.reduceat(surface.capacity, starts, axis=-1)
    return replace(
        problem,
        surface=replace(
            surface,
            edges_h=np.append(edges_h[starts], edges_h[-1]),
            run_g={line: mean(rates) for line, rates in surface.run_g.items()},
            hold_g={line: mean(rates) for line, rates in surface.hold_g.items()},
            capacity=capacity,
            move_g=np.zeros((*surface.move_h.shape, len(starts))),
        ),
    )


def _into_hour_h(problem: Problem) -> float:
    """How far into its hour the moment of decision is. [h]"""
    origin = problem.surface.origin
    return (origin.minute * 60 + origin.second + origin.microsecond / 1e6) / 3600
