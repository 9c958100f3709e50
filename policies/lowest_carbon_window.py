"""Waiting at home for the cleanest window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.exact import cheapest_window
from scheduler.problem.narrow import at_home, in_one_piece
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible


@dataclass(frozen=True, slots=True, kw_only=True)
class LowestCarbonWindow:
    """The start at home, at any instant, with the least emissions over the run.

    Notes:
        min over x of the integral of gpus x rate(home, t) over [x, x + length), subject to room and deadline; the
        integral is piecewise linear in x, so its minimum is found exactly.
        Shifting a whole job within its slack: Wiesner et al., Let's Wait Awhile, Middleware 2021,
        DOI 10.1145/3464298.3493399.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.
        objective: lifecycle, or operational without embodied emissions; lifecycle.

    Guarantees:
        Of all starts at home that keep the deadline none is cheaper; it never suspends.
    """

    name: ClassVar[str] = "lowest-carbon-window"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The cheapest placement in one piece at home.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        home = in_one_piece(at_home(problem))
        placement = cheapest_window(home)
        if placement is None:
            raise infeasible(home)
        return placement
