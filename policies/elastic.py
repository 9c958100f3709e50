"""Running wider while the grid is clean and narrower while it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from policies.carbon_aware import CarbonAware, if_worth
from scheduler.domain.placement import Placement
from scheduler.ports import Need
from scheduler.problem.exact import cheapest
from scheduler.problem.greedy import by_greed
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible
from scheduler.problem.widths import folded, unfolded


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """The cheapest placement over place, time and the widths that the job lists.

    Notes:
        min over segments (c, w) of the sum of w x hours x rate[c, s], with s(w) hours of work done in an hour: every
        cluster at every width is a state of the exact programme, and a resize is a suspend that stays. Where restart,
        checkpoint and holds cost nothing and the work fills its slots, greedy steps by marginal work for a gram give
        the same, with their own proof, and the programme is not asked. A width that scales badly, s(w) / w far under
        1, pays its embodied and idle share for little work and is not chosen.
        Carbon-scaling by marginal work: Hanafy et al., CarbonScaler, SIGMETRICS 2024, DOI 10.48550/arXiv.2302.08681.

    Options:
        elastic: absent: as carbon-aware.
            min_gpus, max_gpus: the widths between which it chooses [GPUs].
            speedup: work done in an hour at each width that it may have, 1 at `gpus` [-].
            max_resizes: how often the width may change; no limit.
        allowed: the clusters that it chooses among; all.
        min_saving: least saving worth another width, against carbon-aware; 0 [%].
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        interruptible: absent: one width from the start to the end.
            checkpoint, restart: what a suspend and a resume take; 0 [s].
            min_segment: shortest run that may be suspended; 0 [s].
            max_suspends: how often it may be suspended; no limit.
            max_moves: how often it may resume on another cluster; no limit.

    Guarantees:
        Feasible whenever anything is; on the same forecast nothing at any listed width is cheaper, as for carbon-aware,
        each width of a cluster counting as one.
    """

    name: ClassVar[str] = "elastic"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The cheapest placement at any width.

        Raises:
            Infeasible: nothing keeps every constraint.
        """
        if not problem.widths:
            return CarbonAware().place(problem)
        wide, options = unfolded(problem)
        placement = by_greed(problem, wide, options)
        if placement is None:
            chosen = cheapest(wide)
            if chosen is None:
                raise infeasible(problem)
            placement = folded(problem, options, chosen)
        if problem.min_saving_pct == 0 or cheapest(replace(problem, widths=())) is None:
            return placement
        return if_worth(problem, placement, CarbonAware().place(problem))
