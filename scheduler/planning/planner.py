"""The planner: asks a policy for a placement, prices it beside its baseline, and says why nothing else was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np

from scheduler.domain.errors import Infeasible, UnknownName
from scheduler.domain.estimate import LEVELS
from scheduler.domain.instant import format_instant
from scheduler.domain.placement import Placement
from scheduler.planning.band import saving_band
from scheduler.planning.caveats import caveats
from scheduler.planning.other_basis import on_other_basis, opposed, unopposed
from scheduler.planning.plan import BASELINE, FULL, Alternative, Candidate, NoPlan, Plan, Priced, SavingBand
from scheduler.planning.saving import Levels, saving
from scheduler.planning.situation import Situation
from scheduler.planning.why import why
from scheduler.ports import Policy
from scheduler.problem.assemble import Assembled, basis_of
from scheduler.problem.blind import seen
from scheduler.problem.candidates import NoCandidate
from scheduler.problem.exact import cheapest_window
from scheduler.problem.feasible import violations
from scheduler.problem.narrow import alone
from scheduler.problem.pricing import overlap, price
from scheduler.problem.problem import Problem

Decided = tuple[Placement, tuple[str, ...]]
"""A placement, and why it was not moved to where the marginal price opposes, a line each."""


def make_plan(
    situation: Situation,
    policies: Mapping[str, Policy],
    name: str | None = None,
    *,
    explain: bool = True,
    decided: Decided | None = None,
) -> Plan | NoPlan:
    """What the policy `name` (default the job's) decides, with its price, its baseline and its explanation.

    Args:
        situation: the job, the clusters and the grid.
        policies: every policy there is, by name; `BASELINE` is one of them.
        name: the policy that decides.
        explain: whether to say what binds the plan, which takes more solutions.
        decided: what was decided already, as where several jobs are placed together; None to ask the policy.
    """
    chosen_name = name or situation.job.policy
    for wanted in (chosen_name, BASELINE):
        if wanted not in policies:
            raise UnknownName("policy", wanted, policies)
    try:
        levels = {level: situation.at(level) for level in LEVELS}
    except Infeasible as exc:
        return _refused(situation, chosen_name, exc, ())
    central, policy = levels["central"], policies[chosen_name]
    if decided is not None:
        return _explained(situation, policies, chosen_name, levels, decided, explain=explain)
    problem = central.problem
    try:
        placement = place(policy, problem)
    except Infeasible as exc:
        return _refused(situation, chosen_name, exc, _alternatives(problem, policies, chosen_name), central)
    decided = unopposed(situation, central, partial(place, policy), placement)
    return _explained(situation, policies, chosen_name, levels, decided, explain=explain)


def _explained(
    situation: Situation,
    policies: Mapping[str, Policy],
    name: str,
    levels: Levels,
    decided: Decided,
    *,
    explain: bool,
) -> Plan:
    """A decision with its price, its baseline and all that there is to say of it."""
    (placement, kept), central = decided, levels["central"]
    chosen = priced(placement, levels)
    baseline, baseline_on, missing = _baseline(situation, levels, policies[BASELINE])
    breaches = violations(central.problem, placement)
    other = on_other_basis(situation, central, placement, baseline.placement if baseline else None, kept)
    learnt = situation.learnt if situation.job.duration is None else None
    next_decision = _next_decision(policies[name], central.problem)
    return Plan(
        policy=name,
        assembled=central,
        zones={cluster.name: cluster.zone for cluster in situation.clusters},
        origins={zone: series.origins for zone, series in situation.intensity.items()},
        chosen=chosen,
        breaches=breaches,
        baseline=baseline,
        saving=saving(chosen, baseline, levels, baseline_on) if baseline else None,
        band=_band(situation, (chosen, levels), (baseline, baseline_on)) if baseline else None,
        alternatives=_alternatives(central.problem, policies, name),
        candidates=tuple(_candidate(levels, row) for row in range(len(central.ground.candidates))),
        warnings=(
            *breaches, *missing, *([learnt.note] if learnt else []), *_again(name, central, next_decision),
            *_coverage(chosen), *opposed(other, chosen, baseline), *caveats(situation, central, placement),
        ),
        why=why(situation, central, chosen.prices["central"]) if explain else None,
        other=other,
        learnt=learnt,
        next_decision=next_decision,
    )  # fmt: skip


def _band(situation: Situation, chosen: tuple[Priced, Levels], baseline: tuple[Priced, Levels]) -> SavingBand | None:
    """The saving over what may come instead of the forecast, where anything is known of that."""
    if situation.may_come is None:
        return None
    (ours, on), (theirs, theirs_on) = chosen, baseline
    return saving_band(ours, theirs, on["central"], theirs_on["central"], situation.may_come)


def place(policy: Policy, problem: Problem) -> Placement:
    """What a policy decides when it sees no more than it says it needs."""
    return policy.place(seen(problem, policy.needs))


def decides_again(policy: Policy | None) -> bool:
    """Whether it decides at every instant anew by the past alone, so that only what lies before the next one binds."""
    return policy is not None and "history" in policy.needs and "forecast" not in policy.needs


def may_be_late(policy: Policy | None) -> bool:
    """Whether its plans may end behind the deadline; such a policy says so itself."""
    return not getattr(policy, "keeps_deadline", True)


def _next_decision(policy: Policy, problem: Problem) -> datetime | None:
    """When a policy without forecast decides again; None for one that plans to the end."""
    if problem.past is None or not decides_again(policy):
        return None
    return problem.surface.instant(problem.past.next_h)


def _again(name: str, central: Assembled, next_decision: datetime | None) -> tuple[str, ...]:
    """That a plan binds up to the next decision alone, and of how much past it was made."""
    past, home = central.problem.past, central.problem.home
    if next_decision is None or past is None:
        return ()
    at = format_instant(next_decision)
    said = f"{name} decides again at {at}: what lies behind that does not bind"
    looked = past.run_rate[0 if home is None else home]
    known = int(np.isfinite(looked).sum())
    short = f"{name} looks at the past {len(looked)} h of {central.ground.home}, of which {known} h are known"
    return (said, short) if known < len(looked) else (said,)


def priced(placement: Placement, levels: Levels) -> Priced:
    """A placement with its price at each level."""
    return Priced(placement=placement, prices={level: price(levels[level].problem, placement) for level in LEVELS})


def _baseline(situation: Situation, levels: Levels, policy: Policy) -> tuple[Priced | None, Levels, tuple[str, ...]]:
    """The baseline, the problem it is priced on, and where there is none the reason.

    The job would have used its home whether or not its own file allows it there now, so a home that is left out by
    `allowed` alone is priced on a problem of its own.
    """
    central = levels["central"]
    home = central.ground.home
    try:
        if central.problem.home is None:
            homed = replace(situation, allowed=(home,), operator_home=home, resumed_from=None)
            levels = {level: homed.at(level) for level in LEVELS}
        placement = place(policy, levels["central"].problem)
    except Infeasible as exc:
        why = "; ".join(r.reason for r in exc.rejected) if isinstance(exc, NoCandidate) else exc.message
        return None, levels, (f"no baseline: {BASELINE} has no placement on the home {home}: {why}",)
    return priced(placement, levels), levels, ()


def _alternatives(problem: Problem, policies: Mapping[str, Policy], chosen: str) -> tuple[Alternative, ...]:
    """What each other policy would do where it keeps every constraint, in order of name."""
    found = []
    for name in sorted(policies):
        if name == chosen or (name == BASELINE and problem.home is None):
            continue  # without a home among the rows the baseline is priced apart
        if decides_again(policies[name]):
            continue  # what it will do is known hour by hour only
        try:
            placement = place(policies[name], problem)
        except Infeasible:
            continue  # a policy with less reach; what it lacks is no news about the one that was asked
        if violations(problem, placement):
            continue
        cost = price(problem, placement)
        total_kg = cost.emissions.total if cost.coverage >= FULL else None
        found.append(Alternative(policy=name, total_kg=total_kg, finish=placement.finish))
    return tuple(found)


def _candidate(levels: Levels, row: int) -> Candidate:
    """The best uninterrupted run on one cluster."""
    central = levels["central"]
    cluster = central.ground.candidates[row]
    placement = cheapest_window(alone(central.problem, row))
    if placement is None:
        return Candidate(cluster=cluster.name, zone=cluster.zone, mean_g_per_kwh=None, best=None)
    return Candidate(
        cluster=cluster.name,
        zone=cluster.zone,
        mean_g_per_kwh=_mean_g_per_kwh(central, row, placement),
        best=priced(placement, levels),
    )


def _mean_g_per_kwh(assembled: Assembled, row: int, placement: Placement) -> float | None:
    """Mean intensity over a run in one piece, None where a part is unknown. [g/kWh]"""
    surface = assembled.problem.surface
    slots, hours_h = overlap(surface, surface.hour(placement.start), surface.hour(placement.finish))
    mean = float(hours_h @ assembled.g_per_kwh[row, slots] / hours_h.sum())
    return mean if np.isfinite(mean) else None


def _coverage(chosen: Priced) -> tuple[str, ...]:
    """That a part of the plan has no price."""
    if chosen.coverage >= FULL:
        return ()
    unknown_pct = 100 * (1 - chosen.coverage)
    return (f"{unknown_pct:.3g} % of the plan's GPU-hours have no intensity: its emissions are unknown",)


def _refused(
    situation: Situation,
    name: str,
    exc: Infeasible,
    others: Sequence[Alternative],
    central: Assembled | None = None,
) -> NoPlan:
    """Why there is no plan, and every way out: the solver's, other policies, and clusters that were left out."""
    if isinstance(exc, NoCandidate):
        rejected, relax = exc.rejected, []
    else:
        rejected, relax = central.rejected if central else (), [exc.hint]
    relax += [f"policy {other.policy} finishes at {format_instant(other.finish)}" for other in others]
    relax += [f"{each.cluster}: {each.reason}" for each in rejected]
    return NoPlan(
        policy=name,
        now=situation.now,
        basis=basis_of(situation.intensity),
        message=exc.message,
        relax=tuple(relax),
        rejected=rejected,
    )
