"""Going where it is cleanest, without waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.exact import cheapest_first_start
from scheduler.problem.narrow import in_one_piece
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible


@dataclass(frozen=True, slots=True, kw_only=True)
class LowestCarbonRegion:
    """The cluster with the least emissions over the run, of those that can start it now.

    Notes:
        min over c with room throughout [earliest, earliest + length_c) of the integral of gpus x rate(c, t) over it;
        where none has room now, the same over the clusters that have it first.
        Placing a training run by region: Dodge et al., Measuring the Carbon Intensity of AI in Cloud Instances,
        FAccT 2022, DOI 10.1145/3531146.3533234.

    Options:
        allowed: the clusters that it chooses among; all.
        objective: lifecycle, or operational without embodied emissions; lifecycle.

    Guarantees:
        It starts as early as any cluster can, in one piece; of those starts none is cheaper.
    """

    name: ClassVar[str] = "lowest-carbon-region"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The cheapest of the placements in one piece that start first.

        Raises:
            Infeasible: no cluster has room in time.
        """
        placement = cheapest_first_start(problem)
        if placement is None:
            raise infeasible(in_one_piece(problem))
        return placement
