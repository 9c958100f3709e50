"""Running while the grid is cleaner than in most of the next day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from policies.home import best_in_one_piece, home_grid, kept
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.executed import Chosen, executed, open_slots
from scheduler.problem.grid import Grid
from scheduler.problem.narrow import at_home
from scheduler.problem.problem import Problem
from scheduler.problem.surface import INSTANT_TOLERANCE_H

QUANTILE: Final = 0.3
AHEAD_H: Final = 24.0
"""The threshold is this quantile of the intensities of so many hours ahead. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcovisorThreshold:
    """Runs at home while the intensity is under the 30th percentile of the next 24 hours, until the slack is used up.

    Notes:
        run in slot t if rate(home, t) <= q30 of rate(home, [t, t + 24 h)), or if the work would not be through in time
        when it did not; from then on it runs to its end. Where pauses break a constraint it runs in its best window.
        Carbon thresholds: Souza et al., Ecovisor, ASPLOS 2023, DOI 10.48550/arXiv.2210.04951; with this percentile:
        Hanafy et al., Going Green for Less Green, ASPLOS 2024, DOI 10.1145/3620666.3651374.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        interruptible: absent: the best window.
            checkpoint, restart: what a suspend and a resume take; 0 [s].
            min_segment: shortest run that may be suspended; 0 [s].
            max_suspends: how often it may be suspended; no limit.

    Guarantees:
        It keeps the deadline.
    """

    name: ClassVar[str] = "ecovisor-threshold"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The run by the threshold.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        if problem.interruption is None:
            return best_in_one_piece(at_home(problem))
        home, on, row = home_grid(problem)
        chosen = _under_threshold(home, on, row)
        if not chosen.any() or np.isnan(on.run_rate[row]).all():
            return best_in_one_piece(home)
        return kept(home, executed(home, on, row, chosen))


def _under_threshold(problem: Problem, on: Grid, row: int) -> Chosen:
    """The slots in which it runs, until the last one from which it must."""
    surface, rules, rate = problem.surface, problem.interruption, problem.run_rate[row, on.slot]
    speed, restart_h = float(surface.speed[row]), float(surface.restart_h[row])
    checkpoint_h = rules.checkpoint_h if rules else 0.0
    chosen, left_h, runs = np.zeros(len(rate), dtype=bool), problem.work_h, False
    begun = problem.resumed_from is not None
    for slot in np.flatnonzero(open_slots(problem, on, row)).tolist():
        start_h, end_h = float(on.t_h[slot]), float(on.t_h[slot + 1])
        day = rate[slot : int(np.searchsorted(on.t_h[:-1], start_h + AHEAD_H - INSTANT_TOLERANCE_H))]
        runs = runs and bool(chosen[slot - 1])
        latest_h = on.t_h[-1] - left_h / speed - (restart_h if begun else 0.0) - (checkpoint_h if runs else 0.0)
        if end_h > latest_h + INSTANT_TOLERANCE_H:
            chosen[slot:] = True
            return chosen
        known = day[np.isfinite(day)]
        if known.size and rate[slot] <= np.quantile(known, QUANTILE):
            left_h -= speed * max(0.0, end_h - start_h - (0.0 if runs or not begun else restart_h))
            chosen[slot] = runs = begun = True
            if left_h <= 0:
                return chosen
        elif runs:
            left_h, runs = left_h + speed * checkpoint_h, False
    return chosen
