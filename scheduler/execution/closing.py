"""Closing a segment: its evidence brought home, its storage fenced, then its end written with what it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.errors import StorageUnreachable
from scheduler.execution.lanes import Lanes
from scheduler.execution.lookout import INFRASTRUCTURE, Lookout, View, planned_stop
from scheduler.execution.placing import PlanningPlacer
from scheduler.execution.saves import Safe, safe
from scheduler.execution.sites import Sites
from scheduler.execution.storage import storage_of
from scheduler.execution.verdict import Verdict, by_outcome, unknown, unstarted
from scheduler.ports import Clock
from scheduler.records.evidence import BadEvidence, Outcome
from scheduler.records.rows import FINAL, JobRow, SegmentRow
from scheduler.records.store import Store

_RELEASE_WITHIN: Final = timedelta(seconds=5)
"""Ray frees the GPUs within this time of the entrypoint's end; used where nobody was looking at that moment."""


@dataclass(frozen=True, slots=True)
class _Brought:
    """What was done on the lane before the end is written, each in words where it did not go well."""

    unread: str
    unfenced: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Closes segments; each of these is one step, after which another may follow at once."""

    store: Store
    sites: Sites
    placer: PlanningPlacer
    lookout: Lookout
    lanes: Lanes
    clock: Clock

    async def by_outcome(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment whose outcome was read."""
        outcome = view.outcome
        assert outcome is not None, segment.sid  # noqa: S101  # the table closes by an outcome only where there is one
        brought = await self._bring(view.job, segment, fence=False)
        worked = self.placer.worked(view.job, segment, outcome)
        asked_at = segment.stop_asked_at
        planned = planned_stop(segment, view.job.job, view.plan)
        verdict = by_outcome(
            view.job,
            outcome,
            stop_asked=asked_at is not None,
            worked=worked,
            granted=segment.phase == "granted",
            by_plan=asked_at is not None and planned is not None and asked_at >= planned,
            safe=self._safe(view.job, segment, outcome, worked),
        )
        released = min(self.clock.now(), outcome.ended_at + _RELEASE_WITHIN)
        return self._close(view, segment, verdict, brought, released_at=released)

    async def unstarted(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment whose entrypoint never ran; one that was called back and lands yet finds a higher fence."""
        said = view.observation
        why = " ".join((said.message if said else "").split())[:300] or "its cluster could not start it"
        infrastructure = said is not None and said.error_type in INFRASTRUCTURE
        withdrawn = segment.stop_asked_at is not None
        verdict = unstarted(view.job, why, infrastructure=infrastructure, withdrawn=withdrawn)
        brought = await self._bring(view.job, segment, fence=withdrawn or view.job.wanted != "run")
        return self._close(view, segment, verdict, brought, released_at=self.clock.now())

    async def unknown(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment of which no outcome was read until its lease had run out."""
        brought = await self._bring(view.job, segment, fence=True)
        verdict = unknown(view.job, view.unread, safe=self._safe(view.job, segment, None, None))
        return self._close(view, segment, verdict, brought, released_at=self.clock.now())

    async def _bring(self, job: JobRow, segment: SegmentRow, *, fence: bool) -> _Brought:
        """Bring the rest of the evidence home, and where no outcome says that the training is over, raise the fence.

        The fence goes up before the end is written: a crash in between leaves it higher than any attempt there is,
        and the next attempt's number is as high.
        """
        site, harvester = self.sites.named(segment.cluster), self.lookout.harvester

        def work() -> _Brought:
            """On the cluster's lane."""
            unfenced = ""
            if fence:
                storage = storage_of(job.id, job.job, site.cluster)
                try:
                    if storage is None:
                        unfenced = "its storage is not reached from here"
                    else:
                        storage.raise_fence(segment.fence + 1)
                except StorageUnreachable as exc:
                    unfenced = exc.message
            return _Brought(harvester.close(segment, site.executor), unfenced)

        return await self.lanes.ask(segment.cluster, work)

    def _safe(self, job: JobRow, segment: SegmentRow, outcome: Outcome | None, worked: float | None) -> Safe:
        """What the segment's checkpoint holds, by what its agent saw."""
        try:
            samples = self.lookout.harvester.evidence.samples(segment.job_id, segment.sid)
        except BadEvidence:
            samples = []  # the report says of the same file that it cannot be read
        return safe(samples, outcome, before=job.progress, worked=worked)

    def _close(
        self, view: View, segment: SegmentRow, verdict: Verdict, brought: _Brought, *, released_at: datetime
    ) -> bool:
        """Write the end of the segment, and what it means for the job."""
        job, now = view.job, self.clock.now()
        with self.store.writing() as tx:
            tx.set_segment(
                segment.fence,
                phase="over",
                end=verdict.end,
                granted_at=segment.granted_at or segment.intended_at,
                released_at=max(released_at, segment.intended_at),
            )
            tx.set_job(
                job.id,
                state=verdict.state,
                reason=verdict.reason,
                progress=verdict.progress,
                failures=job.failures + verdict.failures,
                interruptions=job.interruptions + verdict.interruptions,
                finished_at=now if verdict.state in FINAL else None,
            )
            text = f"segment {segment.n} on {segment.cluster} {verdict.end.replace('_', ' ')}"
            tx.add_event(job.id, now, verdict.state.value, f"{text}: {verdict.reason}" if verdict.reason else text)
            for kind, what in self._beside(segment, verdict, brought):
                tx.add_event(job.id, now, kind, what)
        self._freed(view, segment, verdict)
        return True

    @staticmethod
    def _beside(segment: SegmentRow, verdict: Verdict, brought: _Brought) -> list[tuple[str, str]]:
        """What else there is to say of an end, by kind of event."""
        said = [("repeats", verdict.repeats), ("evidence", brought.unread)]
        found = [(kind, f"segment {segment.n}: {what}") for kind, what in said if what]
        if brought.unfenced:
            found.append(("fence", f"segment {segment.n}: the fence was not raised: {brought.unfenced}"))
        return found

    def _freed(self, view: View, segment: SegmentRow, verdict: Verdict) -> None:
        """Have others look at the room that an end leaves."""
        stretches = view.plan.placement.segments if view.plan is not None else ()
        gone = verdict.state in FINAL or verdict.state == "held"
        later = {s.cluster for s in stretches if s.start >= segment.planned_end} if gone else set()
        self.lookout.shifts.ended(segment.sid, segment.cluster, segment.planned_end, later)
        self.lookout.closed(segment)
