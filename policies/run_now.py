"""First come, first served, at home: what happens without a carbon-aware scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.blind import without_forecast
from scheduler.problem.exact import cheapest_window
from scheduler.problem.narrow import at_home, in_one_piece
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNow:
    """The earliest instant at which home has the GPUs for the whole run.

    Notes:
        start = min{x >= earliest : free GPUs on home >= gpus throughout [x, x + length)}.
        The reservations that others hold are respected, so a job fills a gap only where it delays none of them:
        conservative backfill (Mu'alem and Feitelson, IEEE TPDS 12(6), 2001, DOI 10.1109/71.932708).
        It sees no rate: the problem it solves has them all at zero.

    Options:
        home: the cluster that it uses; the only one allowed where there is one, else an error.

    Guarantees:
        No feasible start at home is earlier; it never sees an intensity.
    """

    name: ClassVar[str] = "run-now"
    needs: ClassVar[frozenset[Need]] = frozenset({"duration"})

    def place(self, problem: Problem) -> Placement:
        """The earliest placement in one piece at home.

        Raises:
            Infeasible: there is no home, or home has no room in time.
        """
        home = in_one_piece(without_forecast(at_home(problem)))
        placement = cheapest_window(home)
        if placement is None:
            raise infeasible(home)
        return placement
