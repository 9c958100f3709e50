"""Jobs that wait, posed beside what all others hold: a problem each, with its reservation fitted to the work left.

A job whose reservation no longer keeps its limits is no part of a fleet: it is planned by itself, which repairs it or
says why it is late. So a fleet begins with a feasible set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.placement import Placement, Segment
from scheduler.execution.improving import borders
from scheduler.execution.placing import PlanningPlacer
from scheduler.planning.fleet.problems import Member
from scheduler.planning.situation import Situation
from scheduler.ports import FleetPolicy
from scheduler.problem.assemble import Assembled, basis_of
from scheduler.problem.candidates import width_on
from scheduler.problem.feasible import violations
from scheduler.problem.pauses import pauses_of
from scheduler.problem.problem import Problem
from scheduler.problem.refit import refit
from scheduler.records.rows import JobRow, PlanRow, SegmentRow

_HOUR: Final = timedelta(hours=1)
_FROZEN: Final = timedelta(minutes=10)
"""A start so near is not moved any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that waits with a reservation.

    Args:
        row: the job, with what its own suspends took; past: its segments.
        plan: what binds it; ahead: the stretches of that which are still to come.
        new: whether it has just come, so that no fleet has placed it yet.
    """

    row: JobRow
    past: tuple[SegmentRow, ...]
    plan: PlanRow
    ahead: tuple[Segment, ...]
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """A waiting job as its problem, with the reservation that it holds fitted to the work that is left."""

    waiting: Waiting
    situation: Situation
    assembled: Assembled
    held: Placement

    @property
    def problem(self) -> Problem:
        """What is left of it."""
        return self.assembled.problem

    def member(self, *, fresh: bool) -> Member:
        """It as one of the fleet; with `fresh` one that has just come is placed as if it held nothing."""
        row, now = self.waiting.row, self.situation.now
        whole = len(self.held.segments) == 1 and self.problem.resumed_from is None
        free = fresh and self.waiting.new and whole and self.held.start - now >= _FROZEN
        clusters, zones = self._clusters(), self._open_zones()
        return Member(
            id=row.id,
            problem=self.problem,
            takes={
                cluster.name: width_on(row.job, cluster) if zones is None or cluster.zone in zones else 0
                for cluster in (clusters[name] for name in self.problem.surface.clusters)
            },
            held=None if free else self.held,
            waited_h=max(0.0, (now - row.submitted_at) / _HOUR),
            priority=row.job.priority,
        )

    def takes_at(self, placement: Placement) -> tuple[Segment, ...]:
        """What it takes of the clusters at a placement: whole nodes where it shares with nobody, and kept ones."""
        surface, clusters = self.problem.surface, self._clusters()
        kept = [
            Segment(cluster=surface.clusters[p.left], start=surface.instant(p.start_h), end=surface.instant(p.end_h),
                    gpus=p.gpus)
            for p in pauses_of(self.problem, placement) if p.held and p.end_h > p.start_h
        ]  # fmt: skip
        return tuple(
            replace(one, gpus=width_on(self.waiting.row.job, clusters[one.cluster], one.gpus))
            for one in (*placement.segments, *kept)
        )

    def _clusters(self) -> dict[str, Cluster]:
        """Those that are declared."""
        return {cluster.name: cluster for cluster in self.situation.clusters}

    def _open_zones(self) -> set[str] | None:
        """Zones that it may be in where a marginal price could oppose others; None for all.

        Its own plan was weighed against that price, so it stays in the zones of that and of its home.
        """
        other, central = self.situation.other, self.assembled
        if self.situation.allow_opposed or not other or central.problem.home is None:
            return None
        if basis_of(other).signal != "marginal" or central.basis.signal == "marginal":
            return None
        names = {segment.cluster for segment in self.held.segments} | {central.ground.home}
        if self.situation.resumed_from is not None:
            names.add(self.situation.resumed_from)
        clusters = self._clusters()
        return {clusters[name].zone for name in names}


def posed_together(
    placer: PlanningPlacer,
    rule: FleetPolicy,
    waiting: Sequence[Waiting],
    *,
    now: datetime,
    taken: Sequence[Segment],
    held: Mapping[str, Sequence[Segment]],
) -> list[Posed]:
    """The jobs that are placed together, posed beside what all the others hold, those left to themselves too.

    Args:
        placer: says what a job's plan is made from.
        rule: says which of them it wants to have placed together.
        waiting: all that wait, in order of their submission.
        now: the moment of decision.
        taken: what every other job holds; held: what each of the waiting ones does, by id.
    """
    left = [(job, alone) for job in waiting if (alone := _situation(placer, job, now)) is not None]
    while True:
        sharing = {job.row.id for job, _ in left}
        beside = [one for job in waiting if job.row.id not in sharing for one in held[job.row.id]]
        room = (*taken, *beside)
        found = [each for job, alone in left if (each := _fitted(job, replace(alone, reservations=room))) is not None]
        kept = _of_one_kind(rule, found)
        if len(kept) == len(left):  # only now its own borders are no edges of it any more
            return [replace(each, assembled=each.situation.at("central")) for each in kept]
        left = [(each.waiting, each.situation) for each in kept]


def _situation(placer: PlanningPlacer, job: Waiting, now: datetime) -> Situation | None:
    """What a job's problem is made from, but for the room; None where it cannot be posed: its own plan says why."""
    try:
        return placer.again(job.row, job.past, now=now, taken=())
    except CarbonschedError:
        return None


def _fitted(job: Waiting, situation: Situation) -> Posed | None:
    """A job with the reservation that it holds; None where that breaks a limit, or it cannot be posed."""
    try:
        checked = replace(situation, moments=borders(job.ahead)).at("central")
    except CarbonschedError:
        return None
    held = refit(checked.problem, job.ahead)
    if held is None or violations(checked.problem, held):
        return None
    return Posed(waiting=job, situation=situation, assembled=checked, held=held)


def _of_one_kind(rule: FleetPolicy, found: Sequence[Posed]) -> list[Posed]:
    """Those that the policy wants to have placed together, on the basis of most: two are never added up."""
    asked: set[int] = set()

    def note(problems: Sequence[Problem]) -> Sequence[Placement | None]:
        """See which they are."""
        asked.update(id(problem) for problem in problems)
        return [None] * len(problems)

    rule.place_many([each.problem for each in found], note)
    bases = Counter(str(each.assembled.basis) for each in found)
    basis = max(bases, key=lambda name: bases[name], default="")
    return [each for each in found if id(each.problem) in asked and str(each.assembled.basis) == basis]
