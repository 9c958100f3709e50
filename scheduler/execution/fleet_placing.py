"""Jobs that wait, placed together: solved as one fleet, and written up where that changed them.

A fleet begins with a feasible set of reservations and ends with one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, cast

import numpy as np

from scheduler.domain.job import Job
from scheduler.domain.placement import Placement, Segment
from scheduler.domain.units import kg_from_g
from scheduler.execution.fleet_posing import Posed, Waiting, posed_together
from scheduler.execution.improving import borders
from scheduler.execution.placed import Placed
from scheduler.execution.placing import PlanningPlacer
from scheduler.planning.fleet.planner import FleetPlan
from scheduler.planning.fleet.problems import names_of, placement_of
from scheduler.planning.fleet.replan import TRIES, replanned
from scheduler.planning.fleet.warm import Warm
from scheduler.planning.situation import Situation
from scheduler.ports import Clock, FleetPolicy
from scheduler.problem.problem import Problem
from scheduler.records.rows import FleetRow, PlanRow

_HOUR: Final = timedelta(hours=1)
_SAME: Final = timedelta(seconds=1)
"""Two instants of one plan differ by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A job that a fleet placed elsewhere or at another time: what that was made from, and where it is now."""

    situation: Situation
    placement: Placement
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What became of the jobs of one policy.

    Args:
        changes: by id, those that were placed anew; all of them together are feasible, and no part of them need be.
        stays: ids of those that stay where they are.
        alone: ids of those that are to be planned by themselves.
        held: by id, what each job holds of the clusters then.
        row: what the fleet comes to.
    """

    changes: Mapping[str, Change]
    stays: frozenset[str]
    alone: frozenset[str]
    held: Mapping[str, Sequence[Segment]]
    row: FleetRow


@dataclass(slots=True, kw_only=True)
class FleetPlacer:
    """Places the waiting jobs of a policy together.

    Args:
        placer: poses and writes up single jobs.
        clock: says when time is over.
        budget: time for one search.
        max_wait: wait after which carbon is no matter of a job's turn.
        tries: how often a few jobs are taken out and put back at most.
    """

    placer: PlanningPlacer
    clock: Clock
    budget: timedelta
    max_wait: timedelta
    tries: int = TRIES
    _warm: dict[str, tuple[Warm, datetime]] = field(init=False, default_factory=dict)

    def shares(self, job: Job) -> bool:
        """Whether the job's policy places its jobs together."""
        return isinstance(self.placer.policies.get(job.policy), FleetPolicy)

    def fleet(
        self,
        policy: str,
        waiting: Sequence[Waiting],
        *,
        now: datetime,
        taken: Sequence[Segment],
        held: Mapping[str, Sequence[Segment]],
        dirty: Collection[str] | None,
        share: float = 1.0,
    ) -> Fleet:
        """The waiting jobs of a policy, placed together.

        Args:
            policy: its name.
            waiting: all of them, in order of their submission.
            now: the moment of decision.
            taken: what every other job holds; held: what each of the waiting ones does, by id.
            dirty: ids of those that changed since the last time; None for all, as after a new forecast.
            share: of the budget. [-]
        """
        rule = self.placer.policies[policy]
        assert isinstance(rule, FleetPolicy), policy  # noqa: S101  # `shares` was asked
        posed = posed_together(self.placer, rule, waiting, now=now, taken=taken, held=held)
        ends_s = self.clock.monotonic_s() + self.budget.total_seconds() * share  # the search has all of it
        known = {id(each.problem): each for each in posed}
        solved: list[FleetPlan] = []

        def together(problems: Sequence[Problem]) -> Sequence[Placement | None]:
            """Those that the policy wants to have placed together."""
            chosen = [known[id(problem)] for problem in problems]
            plan = self._solved(policy, chosen, now, dirty, lambda: self.clock.monotonic_s() < ends_s)
            if plan is None:
                return [None] * len(chosen)
            solved.append(plan)
            names = names_of([each.member(fresh=False) for each in chosen])
            return [placement_of(each.problem, plan.places[each.waiting.row.id], names) for each in chosen]

        placed = rule.place_many([each.problem for each in posed], together)
        done = {each.waiting.row.id: (each, made) for each, made in zip(posed, placed, strict=True) if made is not None}
        changes = {
            job_id: Change(situation=each.situation, placement=made, kept=_not_moved(each.waiting.plan))
            for job_id, (each, made) in done.items()
            if not _same(each.held, made)
        }
        return Fleet(
            changes=changes,
            stays=frozenset(done) - changes.keys(),
            alone=frozenset(job.row.id for job in waiting) - done.keys(),
            held={**held, **{job_id: each.takes_at(made) for job_id, (each, made) in done.items()}},
            row=_row(policy, now, solved[-1] if solved else None, [each for each, _ in done.values()]),
        )

    def written(self, change: Change, row: FleetRow, others: Sequence[Segment], *, explain: bool) -> Placed | None:
        """The plan of a job that was placed anew, beside what the others hold then; None where it breaks a limit."""
        moments = borders(change.placement.segments)
        situation = replace(change.situation, moments=moments, reservations=others)
        placed = self.placer.planned(situation, explain=explain, decided=(change.placement, change.kept))
        if not placed.plan.feasible:
            return None
        fleet = {"jobs": row.jobs, "cost_kg": row.cost_kg, "bound_kg": row.bound_kg, "gap_pct": row.gap_pct}
        return replace(placed, document={**placed.document, "fleet": fleet})

    def _solved(
        self,
        policy: str,
        chosen: Sequence[Posed],
        now: datetime,
        dirty: Collection[str] | None,
        left: Callable[[], bool],
    ) -> FleetPlan | None:
        """The fleet's plan, None for less than two jobs, or where there is none in which each keeps its time.

        A job that has just come is placed as if it held nothing, so that its turn and the spread of starts count; where
        somebody would then be late it keeps its reservation as the others do.
        """
        if len(chosen) < 2:  # noqa: PLR2004  # one alone has the exact plan
            return None
        warm = self._after(policy, now)
        ways = (True, False) if any(each.waiting.new for each in chosen) else (False,)
        plan = replanned(
            [[each.member(fresh=fresh) for each in chosen] for fresh in ways],
            tries=self.tries,
            left=left,
            warm=warm,
            dirty=None if dirty is None else set(dirty),
            max_wait_h=self.max_wait / _HOUR,
        )
        if plan is not None:
            self._warm[policy] = (plan.warm, now)
        return plan

    def _after(self, policy: str, now: datetime) -> Warm | None:
        """What the last plan left."""
        if policy not in self._warm:
            return None
        warm, at = self._warm[policy]
        return warm.after((now - at) / _HOUR) if now >= at else None


def _row(policy: str, now: datetime, plan: FleetPlan | None, jobs: Sequence[Posed]) -> FleetRow:
    """What a fleet comes to; unknown where an hour that it could use has no intensity."""
    if plan is None:
        return FleetRow(policy=policy, at=now, jobs=0, cost_kg=None, bound_kg=None)
    known = all(np.isfinite(each.problem.run_rate[each.problem.surface.capacity > 0]).all() for each in jobs)
    bound_kg = kg_from_g(plan.bound_g) if known and math.isfinite(plan.bound_g) else None
    cost_kg = kg_from_g(plan.cost_g) if known else None
    return FleetRow(policy=policy, at=now, jobs=len(jobs), cost_kg=cost_kg, bound_kg=bound_kg)


def _same(one: Placement, other: Placement) -> bool:
    """Whether two placements are one but for rounding."""
    if len(one.segments) != len(other.segments):
        return False
    return all(
        (a.cluster, a.gpus) == (b.cluster, b.gpus) and abs(a.start - b.start) < _SAME and abs(a.end - b.end) < _SAME
        for a, b in zip(one.segments, other.segments, strict=True)
    )


def _not_moved(plan: PlanRow) -> tuple[str, ...]:
    """Where the plan before was not moved to because the marginal price opposes."""
    said = plan.document.get("other_basis")
    return tuple(cast("dict[str, list[str]]", said)["not_moved"]) if said else ()
