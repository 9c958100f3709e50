"""Planning the jobs that wait for one another's room together: read, solve on the planning lane, write all or nothing.

What is written takes the place of reservations that hold, so it is one transaction, and only while what it was made
from is still so. Else it is made again, in less time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from scheduler.domain.placement import Segment
from scheduler.execution.fleet_placing import Fleet, FleetPlacer
from scheduler.execution.fleet_posing import Waiting
from scheduler.execution.lanes import Lanes
from scheduler.execution.lookout import Lookout, live_segment, next_segment
from scheduler.execution.placed import Placed
from scheduler.execution.probes import Probes
from scheduler.execution.replanning import LANE, OTHERS_STAY, own_gpus
from scheduler.execution.sites import Sites
from scheduler.ports import Clock
from scheduler.problem.closed import others_beyond
from scheduler.records.reservations import Reservations
from scheduler.records.rows import JobMark, JobRow, JobState, StoredJob
from scheduler.records.store import Store

_AT_ONCE: Final = 20
"""So many plans are written up at once; between them the planning lane is free for others."""
_JUST_COME: Final = timedelta(minutes=10)
"""A job that was submitted so lately, and was in no fleet yet, has no turn to lose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A fleet that is not written yet, and what it was made from; plans say why they are no less until a moment. [s]"""

    fleet: Fleet
    stored: Mapping[str, StoredJob]
    taken: tuple[Segment, ...]
    revision: int
    explained_until_s: float


@dataclass(slots=True, kw_only=True)
class Fleets:
    """Plans jobs together that share room, by their policy.

    Args:
        placer: places them; None where every job is planned by itself.
    """

    store: Store
    placer: FleetPlacer | None
    lookout: Lookout
    sites: Sites
    probes: Probes
    lanes: Lanes
    clock: Clock
    _dirty: dict[str, set[str]] = field(init=False, default_factory=dict)
    _alone: dict[str, frozenset[str]] = field(init=False, default_factory=dict)
    _known: dict[str, frozenset[str]] = field(init=False, default_factory=dict)
    _forecasts: dict[str, int] = field(init=False, default_factory=dict)
    _in_vain: int = field(init=False, default=0)
    _reservations: Reservations = field(init=False, default_factory=Reservations)

    @property
    def due(self) -> bool:
        """Whether some fleet is to be looked at."""
        return bool(self._dirty)

    def came(self, stored: StoredJob) -> None:
        """Note a job that was not seen before."""
        if stored.job.state in (JobState.PLANNED, JobState.SUSPENDED):
            self.claims(stored.job)

    def claims(self, job: JobRow) -> bool:
        """Whether a waiting job is planned with others, which is then due; not one that they left to itself."""
        if self.placer is None or not self.placer.shares(job.job):
            return False
        policy = job.job.policy
        if job.id in self._alone.get(policy, ()):
            return False
        self._dirty.setdefault(policy, set()).add(job.id)
        return True

    async def plan(self) -> None:
        """Plan every fleet that is due."""
        for policy in sorted(self._dirty):
            dirty = self._dirty.pop(policy)
            try:
                done = await self._planned(policy, dirty)
            except Exception:  # whatever it was goes on up; each job still has a plan of its own
                self._alone[policy] = frozenset(dirty)
                raise
            if not done:
                self._dirty.setdefault(policy, set()).update(dirty)
                self._in_vain += 1
                return
            self._in_vain = 0

    async def _planned(self, policy: str, dirty: set[str]) -> bool:
        """Plan one; False where what it was made from has changed meanwhile."""
        forecasts = self.lookout.shifts.forecasts
        some = dirty if self._forecasts.get(policy) == forecasts else None
        others = await self._used_by_others()
        now = self.clock.now()
        draft = await self.lanes.ask(LANE, lambda: self._drafted(policy, some, others, now))
        ids, made = sorted(draft.fleet.changes), dict[str, Placed | None]()
        for first in range(0, len(ids), _AT_ONCE):
            part = ids[first : first + _AT_ONCE]
            made |= await self.lanes.ask(LANE, partial(self._written_up, draft, part))
        broken = frozenset(job_id for job_id, placed in made.items() if placed is None)
        whole = {job_id: placed for job_id, placed in made.items() if placed is not None}
        if broken:  # then none of it is written, and what they hold instead costs nobody knows what
            draft, whole = replace(draft, fleet=replace(draft.fleet, row=replace(draft.fleet.row, cost_kg=None))), {}
        if not self._write(draft, whole):
            return False
        self._alone[policy] = draft.fleet.alone | broken
        self._forecasts[policy] = forecasts
        self._known[policy] = frozenset(draft.stored)
        return True

    def _drafted(self, policy: str, dirty: set[str] | None, others: tuple[Segment, ...], now: datetime) -> _Draft:
        """Read, then solve."""
        assert self.placer is not None, policy  # noqa: S101  # nothing is due without one
        with self.store.reading() as tx:
            revision, by_job = tx.reservations_revision(), self._reservations.by_job(tx, now)
            waits = (JobState.PLANNED, JobState.SUSPENDED)
            marks = [mark.job_id for mark in tx.open_marks() if mark.state in waits and mark.wanted == "run"]
            stored = tx.stored(marks)
        waiting = [each for job in stored if (each := self._waiting(policy, job, now)) is not None]
        mine = {each.row.id for each in waiting}
        taken = (*(one for job_id, theirs in by_job.items() if job_id not in mine for one in theirs), *others)
        held = {job_id: tuple(by_job.get(job_id, ())) for job_id in mine}
        fleet = self.placer.fleet(
            policy, waiting, now=now, taken=taken, held=held, dirty=dirty, share=1 / (1 + self._in_vain)
        )
        return _Draft(
            fleet=fleet,
            stored={job.job.id: job for job in stored if job.job.id in mine},
            taken=taken,
            revision=revision,
            explained_until_s=self.clock.monotonic_s() + self.placer.budget.total_seconds(),
        )

    def _waiting(self, policy: str, stored: StoredJob, now: datetime) -> Waiting | None:
        """A job as the fleet of a policy sees it; None for one of another policy, or whose start has come."""
        job, plan = stored.job, stored.plan
        if job.job.policy != policy or plan is None or live_segment(stored.segments) is not None:
            return None
        first = next_segment(plan, stored.segments)
        if first is None or first.start <= now:
            return None
        return Waiting(
            row=replace(job, job=self.lookout.harvester.seen(job.id, stored.segments).applied(job.job)),
            past=stored.segments,
            plan=plan,
            ahead=tuple(stretch for stretch in plan.placement.segments if stretch.start >= first.start),
            new=job.id not in self._known.get(policy, ())
            and now - job.submitted_at < _JUST_COME
            and not stored.segments,
        )

    def _written_up(self, draft: _Draft, ids: Sequence[str]) -> dict[str, Placed | None]:
        """The plans of some jobs that were placed anew."""
        assert self.placer is not None, ids  # noqa: S101  # as above
        found: dict[str, Placed | None] = {}
        for job_id in ids:
            beside = (one for other, held in draft.fleet.held.items() if other != job_id for one in held)
            others = (*draft.taken, *beside)
            explain = self.clock.monotonic_s() < draft.explained_until_s
            found[job_id] = self.placer.written(draft.fleet.changes[job_id], draft.fleet.row, others, explain=explain)
        return found

    def _write(self, draft: _Draft, made: Mapping[str, Placed]) -> bool:
        """Write all of them, unless what they were made from has changed meanwhile; whether that was so."""
        now, ids = self.clock.now(), sorted(made)
        others = draft.fleet.row.jobs - 1
        plans: dict[str, int] = {}
        with self.store.writing() as tx:
            if tx.reservations_revision() != draft.revision:
                return False
            marks = {mark.job_id: mark for mark in tx.open_marks()}  # a wish of a person's changes no reservation yet
            if any(marks.get(job_id) != _mark(draft.stored[job_id].job) for job_id in ids):
                return False
            for job_id in ids:
                plans[job_id] = tx.add_plan(job_id, now, made[job_id].document)
                tx.set_job(job_id, reason=made[job_id].reason)
                tx.add_event(job_id, now, "planned", f"planned again together with {others} others")
            tx.set_fleet(draft.fleet.row)
        self._note(draft, plans)
        return True

    def _note(self, draft: _Draft, plans: Mapping[str, int]) -> None:
        """Have others look at the room that was left, and the fleet itself not for that."""
        before = {job_id: stored.plan for job_id, stored in draft.stored.items() if stored.plan is not None}
        if plans:
            self.lookout.shifts.room({s.cluster for job_id in plans for s in before[job_id].placement.segments})
        for job_id, plan in before.items():
            if job_id in plans:
                self.lookout.replaced(plan, plans[job_id])
            elif job_id not in draft.fleet.alone:
                self.lookout.kept(plan)

    async def _used_by_others(self) -> tuple[Segment, ...]:
        """What others use of each cluster now, taken to last a while; all of one that does not answer."""
        now, taken = self.clock.now(), list[Segment]()
        shown = await self.probes.soon(self.sites.by_name)
        with self.store.reading() as tx:
            own = {name: own_gpus(tx, self.sites.named(name).cluster) for name in shown}
        for name, capacity in shown.items():
            cluster = self.sites.named(name).cluster
            free = -own[name] if capacity is None else sum(capacity.free_by_node)
            others = min(cluster.gpus, cluster.gpus - own[name] - free)
            taken += others_beyond(cluster, others, now, now + OTHERS_STAY)
        return tuple(taken)


def _mark(job: JobRow) -> JobMark:
    """What tells that nobody wants anything else of a job since."""
    return JobMark(job.id, job.state, job.wanted)
