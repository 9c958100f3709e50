"""Why a plan is no better: what binds it, what giving way would save, and how far it is from the cheapest there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import Infeasible
from scheduler.domain.units import kg_from_g
from scheduler.planning.plan import FULL, Relief, Why
from scheduler.planning.situation import Situation
from scheduler.problem.assemble import Assembled
from scheduler.problem.draft import TIE
from scheduler.problem.exact import Found, cheapest_known
from scheduler.problem.free import least_free_g
from scheduler.problem.pricing import Price, price
from scheduler.problem.problem import Problem
from scheduler.problem.promising import combines_all
from scheduler.problem.widths import unfolded

MORE_SLACK: Final = timedelta(days=1)
"""How much later the deadline is that is tried."""
MOST_CLUSTERS: Final = 8
"""Clusters that are tried one by one: each is one more solution."""
MOST_CELLS: Final = 20_000
"""Clusters times slots up to which it is solved again: 10 clusters over a week in slots of 5 minutes."""


def why(situation: Situation, assembled: Assembled, chosen: Price) -> Why:
    """What stands between a plan and a better one.

    Args:
        situation: what the plan was made from.
        assembled: its problem, every figure central.
        chosen: what the plan costs.

    Notes:
        A constraint binds where the exact optimum falls when that one alone gives way: the deadline by a day, what
        others have reserved, one more cluster. Nothing is said of plans with hours that have no intensity. Where the
        search for the optimum was given up, or there are more clusters than are all combined, the bound is a lower one,
        and what giving way would save is not known.
    """
    problem = assembled.problem
    known = least(problem) if chosen.coverage >= FULL else None
    if known is None:
        return Why(bound_kg=None, gap_kg=None, gap_pct=None, reliefs=())
    best, ours = known.kg, chosen.objective_kg(problem.objective)
    gap_kg = ours - best if abs(ours - best) > TIE * max(abs(ours), abs(best)) else 0.0
    return Why(
        bound_kg=best,
        gap_kg=gap_kg,
        gap_pct=100 * gap_kg / best if best > 0 else None,
        reached=known.reached,
        reliefs=tuple(
            Relief(constraint=constraint, what=what, saving_kg=_saved_kg(relaxed, known))
            for constraint, what, relaxed in _relaxed(situation, assembled.limits.promised, assembled.ground.home)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """What no feasible placement costs less than.

    Args:
        kg: the cost. [kg]
        reached: whether a placement costs that, so that it is the optimum.
    """

    kg: float
    reached: bool


def least(problem: Problem) -> Least | None:
    """The least that any feasible placement costs, at any width that the job lists; None where it is not known."""
    if not combines_all(problem):
        bound_g = least_free_g(problem)
        return None if bound_g is None else Least(kg=kg_from_g(bound_g), reached=False)
    found = [(problem, cheapest_known(replace(problem, widths=())))]
    if problem.widths:
        wide, _ = unfolded(problem)
        found.append((wide, cheapest_known(wide)))
    known = [least_of(posed, each) for posed, each in found if each is not None]
    return min((each for each in known if each is not None), key=lambda each: each.kg, default=None)


def least_of(problem: Problem, found: Found) -> Least | None:
    """What a placement costs where all of it has a price, or the bound where it may not be the cheapest."""
    cost = price(problem, found.placement)
    if cost.coverage < FULL:
        return None
    if found.bound_g is not None:
        return Least(kg=kg_from_g(found.bound_g), reached=False)
    return Least(kg=cost.objective_kg(problem.objective), reached=True)


def _saved_kg(relaxed: Situation | None, best: Least) -> float | None:
    """How much less the optimum is once a constraint has given way; None where one of them is not known. [kg]"""
    if relaxed is None or not best.reached:
        return None
    try:
        problem = relaxed.at("central").problem
    except Infeasible:
        return None
    if problem.surface.capacity.size > MOST_CELLS:
        return None
    found = least(problem)
    if found is None or not found.reached:
        return None
    saved = best.kg - found.kg
    if saved > TIE * best.kg:
        return saved
    unknown = np.isnan(problem.run_rate) & (problem.surface.capacity >= problem.gpus)
    return None if unknown.any() else 0.0  # an hour that nobody knows may be the one that would have saved


def _relaxed(situation: Situation, promised: datetime, home: str) -> Iterator[tuple[str, str, Situation | None]]:
    """The constraint, what gives way, and the situation in which it alone does; None where that has no intensity."""
    later = {"deadline": promised + MORE_SLACK}
    intensity = situation.intensity if situation.beyond is None else {**situation.intensity, **situation.beyond}
    yield (
        "deadline",
        "one more day",
        replace(situation, job=situation.job.model_copy(update=later), intensity=intensity, until=None),
    )
    if situation.reservations:
        yield "capacity", "all GPUs that others have reserved", replace(situation, reservations=())
    if any(cluster.calendar is not None for cluster in situation.clusters):
        open_ = [cluster.model_copy(update={"calendar": None}) for cluster in situation.clusters]
        yield "calendar", "all hours in which clusters are closed", replace(situation, clusters=open_)
    allowed = tuple(situation.job.allowed if situation.allowed is None else situation.allowed)
    shut = [cluster for cluster in situation.clusters if allowed and cluster.name not in allowed]
    for cluster in shut[:MOST_CLUSTERS]:
        wider = replace(situation, allowed=(*allowed, cluster.name), operator_home=home)
        yield "allowed clusters", cluster.name, wider if cluster.zone in situation.intensity else None
