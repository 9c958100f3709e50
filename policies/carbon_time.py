"""Waiting only as long as each hour of waiting saves enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policies.home import best_in_one_piece, home_grid, kept
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.draft import TIE, Draft
from scheduler.problem.executed import emitted_g, starts_h
from scheduler.problem.problem import Problem
from scheduler.problem.window import occupied_h


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonTime:
    """The start at home that saves the most for each hour until the job is through, in one piece.

    Notes:
        start = argmax of (E(first) - E(x)) / (x - now + length), E(x) the emissions of the run from x and `first` the
        first start; where no wait saves anything, that one. Starts whose run has no intensity in part are left out;
        where all are, the best window.
        Carbon-Time of GAIA: Hanafy et al., Going Green for Less Green, ASPLOS 2024, DOI 10.1145/3620666.3651374, where
        the length is the mean of the queue; here it is what the job states, or the median of what past runs of its name
        took on such GPUs, with a margin before the deadline from how they differ.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        duration: one uninterrupted run [h]; absent: learnt from past runs of the name, without any an error.

    Guarantees:
        It keeps the deadline, and never emits more than the first start at home on the same forecast, where that is
        known.
    """

    name: ClassVar[str] = "carbon-time"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The run from the start of the best saving per hour.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        home, on, row = home_grid(problem)
        start_h, length_h = starts_h(home, on, row), float(occupied_h(home)[row])
        cost_g = emitted_g(home, on, row, start_h)
        known = np.isfinite(cost_g)
        if not known.any():
            return best_in_one_piece(home)
        start_h, cost_g = start_h[known], cost_g[known]
        saved_g = cost_g[0] - cost_g
        saved_g[np.abs(saved_g) <= TIE * abs(cost_g[0])] = 0.0  # rounding is nothing to wait for
        gain = saved_g / (start_h + length_h)
        chosen_h = float(start_h[int(gain.argmax())])
        return kept(home, Draft(cost_g=0.0, stretches=((row, chosen_h, chosen_h + length_h),)).placement(home))
