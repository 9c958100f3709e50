"""Planning for stored jobs: read, plan on a lane of its own, and write only if what was read is still so.

A plan may take seconds, and a provider's forecast longer; neither a command that writes to the store nor a suspend
that is due waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.placement import Segment
from scheduler.execution.going_on import GoesOn
from scheduler.execution.lanes import Lanes, Within
from scheduler.execution.lookout import Lookout, View
from scheduler.execution.placed import Placed
from scheduler.execution.placing import PlanningPlacer
from scheduler.execution.probes import Probes
from scheduler.execution.sites import Sites, claim, usable
from scheduler.ports import Clock
from scheduler.problem.candidates import width_on
from scheduler.problem.closed import others_beyond
from scheduler.records.reservations import Reservations
from scheduler.records.rows import JobRow, JobState, PlanRow, SegmentRow, StoredJob
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

LANE: Final = "planning"
_GRID_LANE: Final = "intensities"
_AT_ONCE: Final = 16
"""So many jobs may wait for a plan in one pass; the others have their turn in the next ones."""
OTHERS_STAY: Final = timedelta(hours=1)
"""How long a plan takes others to stay where they are; their jobs say no end."""
_WEIGHED_WITHIN_S: Final = 5.0
"""A suspend that is due waits so long at most to hear whether it would cost the deadline. [s]"""
_HELD_FOR: Final = timedelta(seconds=10)
"""What jobs hold from a moment on is about what they hold from one so much later on."""
_FRESHEN_S: Final = 60.0
"""Time between two looks at what the providers of intensities say. [s]"""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A plan that is not written yet, and what it was made from."""

    placed: Placed | None
    stored: StoredJob
    revision: int


@dataclass(frozen=True, slots=True)
class _Held:
    """What the jobs held when that was read."""

    revision: int
    at: datetime
    by_job: Mapping[str, Sequence[Segment]]


@dataclass(slots=True, kw_only=True)
class Replanner:
    """Makes and replaces plans."""

    store: Store
    placer: PlanningPlacer
    lookout: Lookout
    sites: Sites
    probes: Probes
    lanes: Lanes
    clock: Clock
    _waiting: int = field(init=False, default=0)
    _reservations: Reservations = field(init=False, default_factory=Reservations)
    _held: _Held | None = field(init=False, default=None)
    _freshened_s: float = field(init=False, default=float("-inf"))

    @property
    def busy(self) -> bool:
        """Whether as many plans are being made as may be at once."""
        return self._waiting >= _AT_ONCE

    async def plan(self, view: View) -> bool:
        """Plan what is left of a queued job; whether another step may follow at once."""
        others = await self._taken_by_others(view.job)
        draft = await self._drafted(view.job.id, others)
        if draft.placed is None:
            return False
        resumes = any(segment.end == "suspended" for segment in draft.stored.segments)
        state = JobState.SUSPENDED if resumes else JobState.PLANNED
        self._write(draft, draft.placed, state, draft.placed.reason or "planned again")
        return True

    async def reconsider(self, view: View) -> bool:
        """Plan again, and keep the older plan unless it no longer works or the gain is worth a change."""
        plan = view.plan
        assert plan is not None and view.ahead is not None, view.job.id  # noqa: S101, PT018  # only a plan can be stale
        start = view.ahead.start
        ahead = tuple(stretch for stretch in plan.placement.segments if stretch.start >= start)
        others = await self._taken_by_others(view.job)
        draft = await self._drafted(view.job.id, others, ahead)
        if draft.placed is None or self._is_same(draft.placed, view, ahead):
            self.lookout.kept(plan)
            return False
        told = "its policy decided again" if plan.next_decision else "planned again: the older plan is worse now"
        why = draft.placed.reason or told
        plan_id = self._write(draft, draft.placed, None, why)
        if plan_id is not None:
            self.lookout.shifts.room({stretch.cluster for stretch in ahead})
            self.lookout.shifts.judged(plan_id)  # what it left itself is no news to it
        return True

    @staticmethod
    def _is_same(placed: Placed, view: View, ahead: tuple[Segment, ...]) -> bool:
        """Whether a plan says what the one before did, as of a job that is late anyway; a new decision is news."""
        if placed.document.get("next_decision") is not None or placed.reason != view.job.reason:
            return False
        made = PlanRow(id=0, job_id=view.job.id, made_at=view.job.submitted_at, document=placed.document)
        return made.placement.segments == ahead

    async def going_on(self, view: View, live: SegmentRow, progress: float) -> bool:
        """Plan anew what follows of a job that runs, and whether it goes on; whether anything was changed.

        Args:
            view: the job.
            live: its run.
            progress: how far it says it is. [-]
        """
        plan, now = view.plan, self.clock.now()
        assert plan is not None, view.job.id  # noqa: S101  # what runs was planned
        others = await self._taken_by_others(view.job)

        def work() -> tuple[GoesOn | None, StoredJob, int]:
            """Read, then plan."""
            with self.store.reading() as tx:
                revision, [stored] = tx.reservations_revision(), tx.stored([view.job.id])
                taken = (*self._taken(tx, view.job.id, now), *others)
            past = tuple(s for s in stored.segments if s.fence != live.fence)
            row = replace(self._as_seen(stored.job, past), progress=progress)
            later = tuple(s for s in plan.placement.segments if s.start >= live.planned_end)
            try:
                found = self.placer.going_on(row, past, live, later, now=now, taken=taken)
            except CarbonschedError:
                return None, stored, revision  # what cannot be planned now is no reason to do other than was planned
            return found, stored, revision

        self._waiting += 1
        try:
            found, stored, revision = await self.lanes.ask(LANE, work)
        finally:
            self._waiting -= 1
        if found is None:
            self.lookout.kept(plan)
            return False
        return self._write_run(_Draft(found.placed, stored, revision), found, live)

    def _write_run(self, draft: _Draft, found: GoesOn, live: SegmentRow) -> bool:
        """Write what follows of a run with the new end of that, together."""
        why = "goes on" if found.covers and found.is_last else "planned again while it runs"
        plan_id = self._write(draft, found.placed, None, why if found.covers else "pauses: its policy says so", found)
        if plan_id is None:
            return False
        known = next(s.planned_end for s in draft.stored.segments if s.fence == live.fence)
        if found.until > known:
            self.lookout.shifts.less_room([live.cluster], found.until)
        elif found.until < known:
            self.lookout.shifts.room([live.cluster])
        self.lookout.shifts.judged(plan_id)
        return True

    async def late_if_stopped(self, view: View, live: SegmentRow, progress: float) -> str:
        """Why a job would be late if it were suspended as planned now; empty where it would not, or nobody knows soon.

        Args:
            view: the job.
            live: its segment that is to be suspended.
            progress: how far it says it is. [-]
        """
        stopped = replace(live, phase="over", end="suspended")
        job = replace(view.job, progress=progress)
        past = (*(s for s in view.segments if s.fence != live.fence), stopped)
        now = self.clock.now()

        def work() -> str:
            """What there is to say of a plan that is made as if it were suspended."""
            with self.store.reading() as tx:
                taken = self._taken(tx, job.id, now)
            return self.placer.lateness(self._as_seen(job, past), past, now=now, taken=taken)

        within = Within(self.lanes.ask(LANE, work), self.clock, self.clock.monotonic_s() + _WEIGHED_WITHIN_S)
        return await within or ""

    async def freshen(self) -> None:
        """Now and then, see whether the providers of intensities have anything new, for which plans are looked at."""
        self._freshened_s = self.clock.monotonic_s()
        with self.store.reading() as tx:
            wanted = tx.open_references()
        now = self.clock.now()
        for name, (reference, until) in wanted.items():

            def work(reference: dict[str, str] = reference, until: datetime = until) -> object:
                """What tells one issue from the next; where there is none to be had, why."""
                try:
                    return self.placer.freshen(reference, until, now=now)
                except CarbonschedError as exc:
                    return exc.message

            self.lookout.shifts.stamped(name, reference, await self.lanes.ask(_GRID_LANE, work))

    @property
    def freshen_due(self) -> bool:
        """Whether it is time to ask the providers again."""
        return self.clock.monotonic_s() - self._freshened_s >= _FRESHEN_S

    async def _drafted(self, job_id: str, others: tuple[Segment, ...], ahead: tuple[Segment, ...] = ()) -> _Draft:
        """A plan for a job as it is stored when its turn comes; with `ahead`, only if it is better than that."""
        now = self.clock.now()

        def work() -> _Draft:
            """Read, then plan."""
            with self.store.reading() as tx:
                revision, [stored] = tx.reservations_revision(), tx.stored([job_id])
                taken = (*self._taken(tx, job_id, now), *others)
            row = self._as_seen(stored.job, stored.segments)
            if ahead:
                placed = self.placer.better(row, stored.segments, ahead, now=now, taken=taken)
            else:
                placed = self.placer.place(row, stored.segments, now=now, taken=taken)
            return _Draft(placed, stored, revision)

        self._waiting += 1
        try:
            return await self.lanes.ask(LANE, work)
        finally:
            self._waiting -= 1

    def _write(
        self, draft: _Draft, placed: Placed, state: JobState | None, why: str, run: GoesOn | None = None
    ) -> int | None:
        """Write a plan, its id told; None where what it was made from has changed meanwhile: then it is made again.

        With `run` it is of a job that runs, whose segment ends when that says and which stays as it is.
        """
        before, now = draft.stored, self.clock.now()
        job_id = before.job.id
        with self.store.writing() as tx:
            [still] = tx.stored([job_id])
            same = replace(still, job=replace(still.job, reason=before.job.reason)) == before
            if not same or tx.reservations_revision() != draft.revision:
                return None
            plan_id = tx.add_plan(job_id, now, placed.document)
            if run is not None:
                [live] = [segment.fence for segment in before.segments if segment.phase != "over"]
                own = {"plan_id": plan_id} if run.covers else {}
                tx.set_segment(live, planned_end=run.until, is_last=run.is_last, **own)
            else:
                tx.set_job(job_id, state=state, reason=placed.reason)
            tx.add_event(job_id, now, "planned", why)
        self.lookout.replaced(before.plan, plan_id)
        return plan_id

    def _taken(self, tx: Transaction, but: str, now: datetime) -> tuple[Segment, ...]:
        """What other jobs hold; read again only when that has changed. On the planning lane alone."""
        revision = tx.reservations_revision()
        if self._held is None or self._held.revision != revision or abs(now - self._held.at) > _HELD_FOR:
            self._held = _Held(revision, now, self._reservations.by_job(tx, now))
        return tuple(each for job_id, held in self._held.by_job.items() if job_id != but for each in held)

    def _as_seen(self, job: JobRow, segments: tuple[SegmentRow, ...]) -> JobRow:
        """The job with what its own suspends and resumes took in the place of what it states."""
        return replace(job, job=self.lookout.harvester.seen(job.id, segments).applied(job.job))

    async def _taken_by_others(self, job: JobRow) -> tuple[Segment, ...]:
        """What others use of each cluster now, taken to last a while; all of one that does not answer."""
        now, taken = self.clock.now(), list[Segment]()
        shown = await self.probes.soon(self.sites.by_name)
        with self.store.reading() as tx:
            own = {name: own_gpus(tx, self.sites.named(name).cluster) for name in shown}
        for name, capacity in shown.items():
            cluster = self.sites.named(name).cluster
            # what does not answer is full: nothing can be sent there now, which its own jobs' waiting says already
            free = -own[name] if capacity is None else usable(capacity.free_by_node, claim(job.job, cluster))
            others = min(cluster.gpus, cluster.gpus - own[name] - free)
            taken += others_beyond(cluster, others, now, now + OTHERS_STAY)
        return tuple(taken)


def own_gpus(tx: Transaction, cluster: Cluster) -> int:
    """What our own launches take of a cluster. [GPUs]"""
    there = [s for s in tx.open_segments() if s.cluster == cluster.name]
    return sum(width_on(tx.job(s.job_id).job, cluster, s.gpus) for s in there)
