"""Starting in the cleanest slot, whatever comes behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policies.home import best_in_one_piece, home_grid, kept
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.draft import Draft
from scheduler.problem.executed import emitted_g, starts_h
from scheduler.problem.problem import Problem
from scheduler.problem.window import occupied_h


@dataclass(frozen=True, slots=True, kw_only=True)
class LowestSlot:
    """The start at home in the slot of the least intensity, in one piece.

    Notes:
        start = the first argmin of rate(home, t) over the slots from which the run keeps its deadline and has intensity
        in all; where there is none, the best window.
        Lowest-Slot of GAIA: Hanafy et al., Going Green for Less Green, ASPLOS 2024, DOI 10.1145/3620666.3651374,
        where the job's length is not known; here it is used for the deadline alone.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.

    Guarantees:
        It keeps the deadline; nothing is said of what lies behind its first slot.
    """

    name: ClassVar[str] = "lowest-slot"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The run from the cleanest slot.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        home, on, row = home_grid(problem)
        start_h = starts_h(home, on, row)
        known = np.isfinite(emitted_g(home, on, row, start_h))
        rate = np.where(known, on.run_rate[row, on.border(start_h)], np.inf)
        if not known.any():
            return best_in_one_piece(home)
        chosen_h = float(start_h[int(rate.argmin())])
        end_h = chosen_h + float(occupied_h(home)[row])
        return kept(home, Draft(cost_g=0.0, stretches=((row, chosen_h, end_h),)).placement(home))
