"""A policy in the shadow of the live ones: it plans every new job, beside its own plans alone, and launches nothing.

Each job is planned once, as of the instant of its first plan, on the forecasts of that instant, and the plan that binds
the job is priced on the very same surface. Jobs that the shadow did not see come hold there what they really hold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from scheduler.domain.errors import CarbonschedError, Infeasible, InvalidInput
from scheduler.domain.placement import Placement, Segment
from scheduler.execution.improving import borders
from scheduler.execution.placed import Placed
from scheduler.execution.placing import PlanningPlacer
from scheduler.planning.plan import FULL
from scheduler.planning.planner import decides_again
from scheduler.ports import Clock, Policy
from scheduler.problem.pricing import price
from scheduler.problem.problem import Problem
from scheduler.records.reservations import Reservations, planned_reservations
from scheduler.records.rows import JobRow, JobState, PlanRow, StoredJob
from scheduler.records.shadows import ShadowRow, add_shadow, shadowed, shadows
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

LANE: Final = "shadow"
_SEEN_WITHIN: Final = timedelta(hours=1)
"""A job whose first plan is older came before the shadow: the forecasts of then are not at hand any more."""
_AT_ONCE: Final = 200
"""Jobs that are read together."""
_KEPT: Final = ("policy", "now", "basis", "placement", "finish", "suspends", "emissions_kg", "clusters", "deadline")
"""What a shadow's document says of its plan."""

_log = logging.getLogger(__name__)


def shadow_policy(name: str, policies: Mapping[str, Policy]) -> str:
    """The name of a policy that can be a shadow.

    Raises:
        InvalidInput: there is none of that name, or it decides hour by hour on what really runs.
    """
    if name not in policies:
        raise InvalidInput(f"there is no policy {name!r}", hint="carbonsched policy list shows them")
    if decides_again(policies[name]):
        raise InvalidInput(
            f"{name} decides again each hour on what runs, and a shadow decides once a job",
            hint="take one that plans ahead, such as carbon-aware",
        )
    return name


@dataclass(frozen=True, slots=True)
class _New:
    """A job that the shadow has not seen: as it is stored, and the first plan that it was given."""

    stored: StoredJob
    first: PlanRow


@dataclass(slots=True, kw_only=True)
class Shadow:
    """Plans of one policy beside the live ones.

    Args:
        placer: as the engine's, made anew where the clusters may have changed.
        policy: the one in the shadow.
        longest_s: after so long no further job is begun in a round; the next one goes on. [s]
    """

    store: Store
    placer: Callable[[], PlanningPlacer]
    policy: str
    clock: Clock
    longest_s: float
    _passed_over: set[str] = field(init=False, default_factory=set)

    def round(self) -> int:
        """Plan the jobs that are new; how many were."""
        with self.store.reading() as tx:
            new = self._new(tx)
            if not new:
                return 0
            live, own = self._held_live(tx, new), self._held_here(tx)
        placer, made, began_s = self.placer(), 0, self.clock.monotonic_s()
        for each in new:
            if made and self.clock.monotonic_s() - began_s > self.longest_s:
                break
            row = self._planned(placer, each, (*live, *own))
            if row is None:
                self._passed_over.add(each.stored.job.id)
                continue
            with self.store.writing() as tx:
                add_shadow(tx, row)
            own += planned_reservations(each.stored.job.job, row.document, row.made_at)
            made += 1
        return made

    def _new(self, tx: Transaction) -> list[_New]:
        """The open jobs that were planned lately and that the shadow has not seen, in order of submission."""
        open_ids = [mark.job_id for mark in tx.open_marks() if mark.state != JobState.HELD]
        seen = self._passed_over | shadowed(tx, self.policy)
        asked = [job_id for job_id in open_ids if job_id not in seen]
        stored = [each for at in range(0, len(asked), _AT_ONCE) for each in tx.stored(asked[at : at + _AT_ONCE])]
        new = [_New(each, plans[0]) for each in stored if (plans := tx.plans(each.job.id))]
        self._passed_over |= {each.stored.job.id for each in new if self._is_old(each)}
        return [each for each in new if not self._is_old(each)]

    def _is_old(self, new: _New) -> bool:
        """Whether a job came before the shadow did."""
        return self.clock.now() - new.first.made_at > _SEEN_WITHIN

    def _held_live(self, tx: Transaction, new: Sequence[_New]) -> list[Segment]:
        """What the jobs that the shadow never plans really hold."""
        apart = shadowed(tx, self.policy) | {each.stored.job.id for each in new}
        held = Reservations().by_job(tx, self.clock.now())
        return [each for job_id, all_of_it in held.items() if job_id not in apart for each in all_of_it]

    def _held_here(self, tx: Transaction) -> list[Segment]:
        """What the shadow's own plans hold from an hour ago on; a job that a person cancelled holds nothing."""
        since = self.clock.now() - _SEEN_WITHIN
        ahead = {each.job_id: each for each in shadows(tx, policy=self.policy, until_after=since)}
        held: list[Segment] = []
        for stored in tx.stored(list(ahead)):
            if stored.job.state != JobState.CANCELLED:
                held += planned_reservations(stored.job.job, ahead[stored.job.id].document, since)
        return held

    def _planned(self, placer: PlanningPlacer, new: _New, taken: tuple[Segment, ...]) -> ShadowRow | None:
        """What the policy would do with a job; None where it can plan nothing, which is logged."""
        first, job = new.first, new.stored.job.job
        row = replace(new.stored.job, job=job.model_copy(update={"policy": self.policy}), progress=0.0)
        try:
            placed = _placed(placer, row, first, taken)
        except CarbonschedError as exc:
            _log.warning("shadow %s: job %s: %s", self.policy, row.id, exc.message)
            return None
        except Exception as exc:  # noqa: BLE001  # a policy is anybody's code, and one job must not stop the others
            _log.error("shadow %s: job %s: a bug of the policy, %r", self.policy, row.id, exc)  # one line a job
            return None
        live = {
            "plan_id": first.id,
            "policy": job.policy,
            "placement": first.document["placement"],
            "emissions_kg": {"total": total_kg(placed.plan.assembled.problem, first.placement)},
        }
        document = {name: placed.document[name] for name in _KEPT} | {"live": live, "reason": placed.reason}
        return ShadowRow(job_id=row.id, policy=self.policy, made_at=first.made_at, document=document)


def _placed(placer: PlanningPlacer, row: JobRow, first: PlanRow, taken: tuple[Segment, ...]) -> Placed:
    """The plan of a job as of the instant of its first one, late where nothing keeps its deadline."""
    situation = placer.again(row, (), now=first.made_at, taken=taken)
    try:
        return placer.planned(replace(situation, moments=borders(first.placement.segments)))
    except Infeasible:
        return placer.place(row, (), now=first.made_at, taken=taken)


def total_kg(problem: Problem, placement: Placement) -> float | None:
    """What a placement emits on a surface; None where that lacks a cluster, an hour or an intensity of it. [kg]"""
    surface = problem.surface
    if any(each.cluster not in surface.clusters for each in placement.segments):
        return None
    if placement.start < surface.instant(surface.edges_h[0]) or placement.finish > surface.instant(surface.edges_h[-1]):
        return None
    priced = price(problem, placement)
    return priced.emissions.total if priced.coverage >= FULL else None
