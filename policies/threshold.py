"""Running while the grid is clean by its own past, without any forecast."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.blind import without_forecast
from scheduler.problem.exact import cheapest, cheapest_window
from scheduler.problem.narrow import at_home, in_one_piece
from scheduler.problem.pause_resume import Thresholds, thresholds
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible

LEAST_PCT: Final = 5.0
MOST_PCT: Final = 95.0
"""Percentiles of the past weeks that stand for the least and the most rate; this project's choice. [%]"""
_LEAST_KNOWN_H: Final = 24
"""Fewer hours of the past than a day tell no bounds; this project's choice. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Decides each hour whether to run at home, by the current rate, the past weeks and the deadline alone.

    Notes:
        not running: run if rate <= lo; running: go on if rate <= lo + B; with lo^2 + B lo = L U, L and U the 5th and
        95th percentile of the home's rate over the past four weeks, and B = U x (checkpoint + restart) what a pause
        costs at most. A wait ends at the next whole hour, when it decides again; it waits only where the work still
        fits behind that. Of its placement only what lies before the next decision binds. With under a day of known
        past it runs at once.
        Two thresholds with a switching cost: Lechowicz et al., The Online Pause and Resume Problem, POMACS 7(3) 2023,
        DOI 10.1145/3626776.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        interruptible: absent: once started it runs to its end, from lo = sqrt(L U) down.
            checkpoint, restart: what a suspend and a resume take; 0 [s].
            min_segment: shortest run that may be suspended; 0 [s].
            max_suspends: how often it may be suspended; no limit.

    Guarantees:
        Feasible whenever anything at home is. Where L and U stay, every rate lies between them, home has room, slots
        are equal and a pause costs B and no slot, it emits at most U / lo times the offline optimum at home; a job that
        is not paused, U / L times. Beyond the percentiles, or where a pause takes up slots, nothing is promised but
        the deadline.
    """

    name: ClassVar[str] = "threshold"
    needs: ClassVar[frozenset[Need]] = frozenset({"duration", "history"})

    def place(self, problem: Problem) -> Placement:
        """The run from now on, or from the next decision on where the current rate is too high.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        home = without_forecast(at_home(problem))
        row = 0 if problem.home is None else problem.home
        if problem.past is not None and _waits(problem, row):
            later = replace(home, earliest_h=max(home.earliest_h, problem.past.next_h))
            placement = cheapest_window(in_one_piece(later)) if later.earliest_h < home.deadline_h else None
            if placement is not None:
                return placement
        placement = cheapest_window(in_one_piece(home)) or cheapest(home)
        if placement is None:
            raise infeasible(home)
        return placement


def _waits(problem: Problem, row: int) -> bool:
    """Whether the current rate is over the threshold that counts for the job as it is."""
    rule, past = _rule(problem, row), problem.past
    if rule is None or past is None or problem.earliest_h > past.next_h:
        return False
    rate = float(past.now_rate[row])
    return math.isfinite(rate) and not rule.run(rate, running=problem.running)


def _rule(problem: Problem, row: int) -> Thresholds | None:
    """The thresholds by the past of the home; None where too little is known of it."""
    assert problem.past is not None  # noqa: S101  # asked for by its needs
    rates, rules = problem.past.run_rate[row], problem.interruption
    known = rates[np.isfinite(rates)]
    if len(known) < _LEAST_KNOWN_H:
        return None
    least, most = (float(each) for each in np.percentile(known, (LEAST_PCT, MOST_PCT)))
    if least <= 0:
        return None
    pauses = rules is not None and rules.max_suspends != 0
    pause_h = float(problem.surface.restart_h[row]) + rules.checkpoint_h if rules is not None else 0.0
    return thresholds(least=least, most=most, pause=most * pause_h if pauses else math.inf)
