"""Planning as if a pause were free, and paying for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from policies.home import best_in_one_piece, home_grid
from policies.wait_awhile import WaitAwhile
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.executed import executed
from scheduler.problem.narrow import at_home
from scheduler.problem.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendResumeFree:
    """The cleanest slots at home as if pauses cost nothing, run with what they cost: it may be through late.

    Notes:
        The slots of `wait-awhile` on the same problem without restart and checkpoint. Run truly, each resume takes its
        restart and each suspend its checkpoint, and the work left at the end goes on behind the last slot.
        It shows what the overhead is worth knowing; that it decides: Sukprasert et al., On the Limitations of
        Carbon-Aware Temporal and Spatial Workload Shifting in the Cloud, EuroSys 2024, DOI 10.1145/3627703.3650079.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        interruptible: absent: the best window.
            checkpoint, restart: what a suspend and a resume take, which it does not look at; 0 [s].
            min_segment: shortest run that may be suspended; 0 [s].
            max_suspends: how often it may be suspended; no limit.

    Guarantees:
        None: it may be late and may emit more than run-now.
    """

    name: ClassVar[str] = "suspend-resume-free"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})
    keeps_deadline: ClassVar[bool] = False

    def place(self, problem: Problem) -> Placement:
        """The run of the slots that would be the best if pauses were free.

        Raises:
            Infeasible: there is no home, or not even a free pause would keep the deadline.
        """
        rules = problem.interruption
        if rules is None:
            return best_in_one_piece(at_home(problem))
        home, on, row = home_grid(problem)
        surface = replace(home.surface, restart_h=np.zeros_like(home.surface.restart_h))
        free = WaitAwhile().place(replace(home, surface=surface, interruption=replace(rules, checkpoint_h=0.0)))
        if free.suspends == 0:
            return best_in_one_piece(home)
        spans = [(home.surface.hour(segment.start), home.surface.hour(segment.end)) for segment in free.segments]
        chosen = [(on.t_h[1:] > start_h) & (on.t_h[:-1] < end_h) for start_h, end_h in spans]
        return executed(home, on, row, np.any(chosen, axis=0))
