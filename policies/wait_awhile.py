"""Running in the cleanest slots and pausing in the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policies.home import best_in_one_piece, home_grid
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.executed import done_within, executed, open_slots
from scheduler.problem.feasible import violations
from scheduler.problem.narrow import at_home
from scheduler.problem.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAwhile:
    """The cleanest slots at home, as many as the work takes; in one piece for a job that may not be suspended.

    Notes:
        run in slot t if rate(home, t) is among the k least, with the least k by which the work is through, the
        restarts and checkpoints of the pauses included. As published a pause is free, and then k is work / slot.
        Where no k keeps the constraints the job runs in its best window.
        Interruptible and non-interruptible shifting: Wiesner et al., Let's Wait Awhile, Middleware 2021,
        DOI 10.1145/3464298.3493399.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        interruptible: absent: the best window.
            checkpoint, restart: what a suspend and a resume take; 0 [s].
            min_segment: shortest run that may be suspended; 0 [s].
            max_suspends: how often it may be suspended; no limit.

    Guarantees:
        It keeps the deadline; where pauses are free, slots are equal and the work fills whole ones, it is the optimum
        at home.
    """

    name: ClassVar[str] = "wait-awhile"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The cleanest slots that do the work.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        rules = problem.interruption
        if rules is None or rules.max_suspends == 0:
            return best_in_one_piece(at_home(problem))
        home, on, row = home_grid(problem)
        rate = np.where(open_slots(home, on, row), home.run_rate[row, on.slot], np.nan)
        if np.isnan(rate).all():
            return best_in_one_piece(home)
        order = np.argsort(rate, kind="stable")[: int(np.isfinite(rate).sum())]
        offered_h = np.cumsum(np.diff(on.t_h)[order]) * float(home.surface.speed[row])
        fewest = int(np.searchsorted(offered_h, home.work_h * (1 - 1e-12)))
        for count in range(fewest + 1, len(order) + 1):
            chosen = np.zeros(len(rate), dtype=bool)
            chosen[order[:count]] = True
            if done_within(home, on, row, chosen):
                placement = executed(home, on, row, chosen)
                if not violations(home, placement):
                    return placement
        return best_in_one_piece(home)
