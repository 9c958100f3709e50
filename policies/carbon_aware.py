"""The default: the least emissions over place, time, suspends and moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from scheduler.domain.placement import Placement
from scheduler.ports import Need, Together
from scheduler.problem.exact import cheapest, cheapest_first_start
from scheduler.problem.narrow import only_on
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonAware:
    """The cheapest feasible placement, if it saves enough.

    Notes:
        min over segments of the sum of gpus x hours x rate[c, s] while running, held rates while paused on held nodes,
        and transfers; restart and checkpoint hours run without progress. Exact on the edges of the surface, and
        over every instant for a placement in one piece.
        `min_saving_pct` is asked of it twice: against the cheapest placement in one piece that starts first, and,
        where it leaves home, against the first start at home. A reference that is priced in part asks nothing.
        Suspending and resuming with the grid: Wiesner et al., Middleware 2021, DOI 10.1145/3464298.3493399; that its
        overheads decide: Sukprasert et al., EuroSys 2024, DOI 10.1145/3627703.3650079.

    Options:
        allowed: the clusters that it chooses among; all.
        min_saving: least saving worth a wait, a suspend or leaving home; 0 [%].
        objective: lifecycle, or operational without embodied emissions; lifecycle.
        interruptible: absent: in one piece.
            checkpoint, restart: what a suspend and a resume take; 0 [s].
            min_segment: shortest run that may be suspended; 0 [s].
            max_suspends: how often it may be suspended; no limit.
            max_moves: how often it may resume on another cluster; no limit.

    Guarantees:
        Feasible whenever anything is; with min_saving 0 no feasible placement is cheaper on the same forecast, where
        all clusters are combined: up to 218 over a week of hours. With more, plans in pieces use the best of them; past
        a million partial plans the best one found is taken, and `plan` says how far it can be from the cheapest.
    """

    name: ClassVar[str] = "carbon-aware"
    needs: ClassVar[frozenset[Need]] = frozenset({"forecast", "duration"})

    def place(self, problem: Problem) -> Placement:
        """The cheapest placement, or the reference that it does not beat by enough.

        Raises:
            Infeasible: nothing keeps every constraint.
        """
        chosen = cheapest(problem)
        if chosen is None:
            raise infeasible(problem)
        if problem.min_saving_pct == 0:
            return chosen
        chosen = if_worth(problem, chosen, cheapest_first_start(problem))
        if problem.home is not None and _leaves(problem, chosen, problem.home):
            home = only_on(problem, [problem.home])
            chosen = if_worth(problem, chosen, cheapest_first_start(home))
        return chosen

    def place_many(self, problems: Sequence[Problem], together: Together) -> Sequence[Placement | None]:
        """The placements that are cheapest together; a job that asks for a least saving is placed alone."""
        chosen = [number for number, problem in enumerate(problems) if problem.min_saving_pct == 0]
        placed: list[Placement | None] = [None] * len(problems)
        for number, placement in zip(chosen, together([problems[number] for number in chosen]), strict=True):
            placed[number] = placement
        return placed


def if_worth(problem: Problem, chosen: Placement, reference: Placement | None) -> Placement:
    """`chosen` where it saves enough against `reference`, else that."""
    if reference is None:
        return chosen
    one, other = price(problem, chosen), price(problem, reference)
    if one.unpriced_gpu_h > 0 or other.unpriced_gpu_h > 0:
        return chosen
    chosen_kg, reference_kg = one.objective_kg(problem.objective), other.objective_kg(problem.objective)
    return chosen if 100 * (reference_kg - chosen_kg) >= problem.min_saving_pct * reference_kg else reference


def _leaves(problem: Problem, placement: Placement, home: int) -> bool:
    """Whether any of a placement is away from home."""
    return any(segment.cluster != problem.surface.clusters[home] for segment in placement.segments)
