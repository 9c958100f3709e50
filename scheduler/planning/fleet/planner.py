"""The fleet's plan: a feasible set of reservations for many jobs, what it costs, and what none can cost less than.

Reservations that hold are the plan to beat. Prices of the room come next, and a plan made with them from nothing,
then better places for a few jobs at a time; another set takes the place of the first only as a whole, and only where
it gains more than its changes must. So a job that was accepted on time stays on time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.planning.fleet.admission import Admitted, admitted
from scheduler.planning.fleet.ascent import FIRST_STEP
from scheduler.planning.fleet.costs import Costs
from scheduler.planning.fleet.dive import dive, hardest_first
from scheduler.planning.fleet.dual import Dual, Left, forever
from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place
from scheduler.planning.fleet.improve import Improver
from scheduler.planning.fleet.order import MAX_WAIT_H, settle_order, starved
from scheduler.planning.fleet.placing import Placing
from scheduler.planning.fleet.spread import spread
from scheduler.planning.fleet.warm import Warm
from scheduler.problem.surface import Ints

GAP: Final = 0.01
"""The search ends this near to the bound, as a share of what no choice of a place could save. [-]"""
SWITCH_SHARE: Final = 0.02
SWITCH_G: Final = 50.0
"""Least gain for which a reservation that holds is replaced, as a share of its emissions [-] and in grams [g]; the
more of both counts. This project's choice."""
_ROUNDS: Final = 80
_AGAIN: Final = 30
_FINE: Final = 0.03
"""Rounds of prices from nothing and from prices that are nearly right, and the first step of those. [-]"""
_HEAT: Final = 0.03
"""First heat of the search, as a share of what a job costs on average. [-]"""
_COOLS: Final = 10
_COOLED: Final = 10_000
"""Tries for each job, and in all, after which a quarter of the heat is left; a search that may not make three times as
many stays cold."""
_PROVED_AGAIN: Final = (100, 800, 2400, 6400)
"""Tries after which the bound is proved once more, with the places in segments that were found; in finer steps. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """A feasible set of reservations.

    Args:
        places: by id; jobs in `unplaced` have none.
        cost_g: of all of them. [g]
        bound_g: what no feasible set costs less than; minus infinity where there was no time to prove any. [g]
        late: ids of the jobs that were admitted late just now, placed as early as they could be then.
        unplaced: ids of jobs that find no room before the last border; neither cost nor bound has them.
        warm: what a later plan starts from.
    """

    places: dict[str, Place]
    cost_g: float
    bound_g: float
    late: tuple[str, ...]
    unplaced: tuple[str, ...]
    warm: Warm

    @property
    def gap(self) -> float:
        """How far the cost may lie over the least there is, as a share of the bound. [-]"""
        if self.cost_g <= self.bound_g:
            return 0.0
        return (self.cost_g - self.bound_g) / self.bound_g if self.bound_g > 0 else np.inf


def plan_fleet(
    fleet: Fleet,
    *,
    seed: int = 0,
    gap: float = GAP,
    tries: int = 1000,
    left: Left = forever,
    warm: Warm | None = None,
    dirty: Collection[str] | None = None,
    max_wait_h: float = MAX_WAIT_H,
) -> FleetPlan:
    """The best set of reservations that is found until the gap, the tries or the time end.

    Args:
        fleet: the jobs, with the reservations that they hold.
        seed: of every draw; with it and without a limit of time the plan is always the same.
        gap: cost over bound at which it is good enough. [-]
        tries: how often a few jobs are taken out and put back.
        left: whether there is time left; asked often.
        warm: what the last plan left; None for a first one.
        dirty: ids of the jobs that changed since then; with `warm` only they are solved again. None for all.
        max_wait_h: wait after which carbon is no matter of a job's turn. [h]
    """
    dice = np.random.default_rng(seed)
    costs = Costs(fleet)
    dual = _dual(fleet, costs, warm)
    first = admitted(fleet, dual)
    if first.fleet is not fleet:
        dual = _dual(first.fleet, costs, warm)
    known = dirty if warm is not None and dual.least_g else None
    _price(dual, first, known, left)
    best = _kept(dual, first)
    order = hardest_first(dual, starved(dual.jobs, max_wait_h))
    if dual.jobs:
        best = _improved(dual, best, order, dice, gap=gap, tries=tries, left=left, whole=known is None)
        if len(dual.jobs) > 1:
            settle_order(best, max_wait_h)
            spread(best, dice)
    places = {job.id: place for job, place in zip(dual.jobs, best.places, strict=True) if place is not None}
    places |= {job.id: first.places[job.id] for job in first.fleet.jobs if job.frozen}
    return FleetPlan(
        places=places,
        cost_g=sum(place.cost_g for place in places.values()),
        bound_g=dual.bound_g,
        late=first.late,
        unplaced=first.unplaced,
        warm=Warm(edges_h=fleet.edges_h, price=dual.proved_price, least_g=dict(dual.least_g)),
    )


def penalty_g(job: FleetJob, place: Place) -> float:
    """What a change of a reservation must gain: 2 % of it or 0.05 kg, and its switching; 0 where it stays. [g]"""
    held = job.incumbent
    if held is None or held.stretches == place.stretches:
        return 0.0
    return max(SWITCH_SHARE * held.cost_g, SWITCH_G) + job.switch_g


def _dual(fleet: Fleet, costs: Costs, warm: Warm | None) -> Dual:
    """The prices to start with: the last ones, or none."""
    if warm is None:
        return Dual(fleet, costs)
    price, same = warm.on(fleet.edges_h)
    return Dual(fleet, costs, price, dict(warm.least_g) if same else None)


def _price(dual: Dual, first: Admitted, known: Collection[str] | None, left: Left) -> None:
    """Find prices and prove a bound; with `known`, at the last prices, for those jobs alone."""
    if known is not None:
        fresh = {job.id for job in first.fleet.jobs if job.id not in dual.least_g}
        dual.prove(dirty={*known, *fresh})
        return
    resumes = any(job.resumed_from is not None for job in dual.jobs)
    if resumes:
        dual.prove(left=left)  # the places of one that resumes are found in no other way
    begun = bool(dual.price.any())
    dual.climb(_AGAIN if begun else _ROUNDS, step=_FINE if begun else FIRST_STEP, left=left)
    dual.prove(left=left)
    if resumes:
        dual.climb(_AGAIN, step=_FINE, left=left)
        dual.prove(left=left)


def _kept(dual: Dual, first: Admitted) -> Placing:
    """The reservations that were admitted, as they are."""
    placing = Placing(dual)
    placing.put_all((number, first.places[job.id]) for number, job in enumerate(dual.jobs))
    return placing


def _improved(
    dual: Dual,
    kept: Placing,
    order: Ints,
    dice: np.random.Generator,
    *,
    gap: float,
    tries: int,
    left: Left,
    whole: bool,
) -> Placing:
    """A set that counts no more than the one kept: made anew where `whole`, then bettered a few jobs at a time."""

    def penalty(number: int, place: Place) -> float:
        """What counts beside emissions."""
        return penalty_g(dual.jobs[number], place)

    def worth_g(placing: Placing) -> float:
        """What counts in all."""
        return sum(place.cost_g + penalty(n, place) for n, place in enumerate(placing.places) if place is not None)

    best = kept
    if whole:
        dived = dive(dual, order, left=left)
        if dived is not None and worth_g(dived) < worth_g(kept):
            best = dived
    improver = Improver(best, order, penalty, dice)
    if left():
        improver.pass_over(order[::-1].tolist())
        improver.pass_over(order.tolist())
    _search(improver, best, worth_g(best), gap=gap, tries=tries, left=left, whole=whole)
    return best


def _search(
    improver: Improver, best: Placing, now_g: float, *, gap: float, tries: int, left: Left, whole: bool
) -> None:
    """Better a set that counts `now_g` [g] a few jobs at a time, until the gap, the tries or the time end."""
    dual, places, least_g = best.dual, list(best.places), now_g
    aim_g, cooling = dual.bound_g * (1 + gap), min(_COOLS * len(dual.jobs), _COOLED)
    first_g = _HEAT * now_g / len(dual.jobs) if tries > 3 * cooling else 0.0
    for number in range(tries):
        if now_g <= aim_g or not left():
            break
        if whole and number in _PROVED_AGAIN:
            dual.climb(_AGAIN, step=_FINE / (1 + _PROVED_AGAIN.index(number)), left=left)
            dual.prove(left=left)
            aim_g = dual.bound_g * (1 + gap)
        now_g -= improver.step(first_g / (1 + number / cooling) ** 2)
        if now_g < least_g:
            least_g, places = now_g, list(best.places)
    if now_g > least_g:
        best.set_all(places)
