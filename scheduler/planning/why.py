"""Why a plan is no better: what binds it, what giving way would save, and how far it is from the cheapest there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import Infeasible
from scheduler.domain.placement import Placement
from scheduler.planning.plan import FULL, Relief, Why
from scheduler.planning.situation import Situation
from scheduler.problem.assemble import Assembled
from scheduler.problem.draft import TIE
from scheduler.problem.exact import cheapest
from scheduler.problem.pricing import Price, price
from scheduler.problem.problem import Problem
from scheduler.problem.promising import combines_all
from scheduler.problem.widths import folded, unfolded

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
        others have reserved, one more cluster. Nothing is said of plans with hours that have no intensity, nor of more
        clusters than are all combined.
    """
    problem = assembled.problem
    best = least_kg(problem) if chosen.coverage >= FULL and combines_all(problem) else None
    if best is None:
        return Why(bound_kg=None, gap_kg=None, gap_pct=None, reliefs=())
    ours = chosen.objective_kg(problem.objective)
    gap_kg = ours - best if abs(ours - best) > TIE * max(abs(ours), abs(best)) else 0.0
    return Why(
        bound_kg=best,
        gap_kg=gap_kg,
        gap_pct=100 * gap_kg / best if best > 0 else None,
        reliefs=tuple(
            Relief(constraint=constraint, what=what, saving_kg=_saved_kg(relaxed, best))
            for constraint, what, relaxed in _relaxed(situation, assembled.limits.promised, assembled.ground.home)
        ),
    )


def least_kg(problem: Problem) -> float | None:
    """The least that any feasible placement costs, at any width that the job lists; None where it is not known. [kg]"""
    found = [cheapest(replace(problem, widths=()))]
    if problem.widths:
        wide, options = unfolded(problem)
        widest = cheapest(wide)
        found.append(None if widest is None else folded(problem, options, widest))
    known = [_known_kg(problem, placement) for placement in found if placement is not None]
    return min((kg for kg in known if kg is not None), default=None)


def _known_kg(problem: Problem, placement: Placement) -> float | None:
    """What a placement costs where all of it has a price. [kg]"""
    cost = price(problem, placement)
    return cost.objective_kg(problem.objective) if cost.coverage >= FULL else None


def _saved_kg(relaxed: Situation | None, best_kg: float) -> float | None:
    """How much less the optimum is once a constraint has given way; None where that has no price. [kg]"""
    if relaxed is None:
        return None
    try:
        problem = relaxed.at("central").problem
    except Infeasible:
        return None
    if problem.surface.capacity.size > MOST_CELLS:
        return None
    found = least_kg(problem)
    if found is None:
        return None
    saved = best_kg - found
    if saved > TIE * best_kg:
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
    allowed = tuple(situation.job.allowed if situation.allowed is None else situation.allowed)
    shut = [cluster for cluster in situation.clusters if allowed and cluster.name not in allowed]
    for cluster in shut[:MOST_CLUSTERS]:
        wider = replace(situation, allowed=(*allowed, cluster.name), operator_home=home)
        yield "allowed clusters", cluster.name, wider if cluster.zone in situation.intensity else None
