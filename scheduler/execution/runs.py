"""While a segment runs: noting that it does, when it will end, and asking it to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.duration import format_duration
from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable
from scheduler.domain.instant import to_the_second
from scheduler.execution.lanes import Lanes
from scheduler.execution.lookout import Lookout, View, planned_stop
from scheduler.execution.replanning import Replanner
from scheduler.execution.sites import Sites
from scheduler.execution.words import Words
from scheduler.ports import Clock
from scheduler.records.reservations import overrun_until
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.store import Store

RUNS_ON: Final = "runs on"
"""Begins the reason of a job that was to be suspended and is not."""
NOT_STOPPED: Final = "could not be asked to stop"
"""Begins the reason of a job whose stop did not reach its cluster, or was refused there."""
_LATE_BY: Final = timedelta(minutes=1)
"""A start and an end take some seconds more than a plan says; that is no overrun."""
_STOP_AGAIN_S: Final = 5.0
"""Pause before a stop that failed is asked for again. [s]"""
_UNKNOWN: Final = timedelta(minutes=10)
"""What is left of a run whose length nobody knows."""


@dataclass(slots=True, kw_only=True)
class Runs:
    """Handles what runs.

    Args:
        stops_sent: submissions that this process has asked to stop.
    """

    store: Store
    sites: Sites
    lookout: Lookout
    replanner: Replanner
    lanes: Lanes
    clock: Clock
    words: Words
    stops_sent: set[str] = field(default_factory=set)
    _weighed: set[str] = field(init=False, default_factory=set)
    _again_s: dict[str, float] = field(init=False, default_factory=dict)

    def grant(self, job: JobRow, segment: SegmentRow) -> bool:
        """Note that the segment runs; another step may follow at once."""
        now = self.clock.now()
        with self.store.writing() as tx:
            tx.set_segment(segment.fence, phase="granted", granted_at=segment.intended_at)
            tx.set_job(job.id, state=JobState.RUNNING, reason="")
            tx.add_event(job.id, now, "running", f"segment {segment.n} on {segment.cluster}")
        return True

    def expect(self, view: View, segment: SegmentRow) -> bool:
        """Correct the end of a run, by how far it says it is; those whose room it takes or leaves are planned again."""
        end, known, now = view.expected, segment.planned_end, self.clock.now()
        assert end is not None, segment.sid  # noqa: S101  # the table asks for it only where it is news
        with self.store.writing() as tx:
            tx.set_segment(segment.fence, planned_end=end)
            tx.add_event(view.job.id, now, "expects", f"to end at {to_the_second(end)}, by its progress")
        if end > known:
            self.lookout.shifts.less_room([segment.cluster], end)
        else:
            self.lookout.shifts.room([segment.cluster])
        return False

    def overrun(self, view: View, segment: SegmentRow) -> None:
        """A run past its planned end is left alone; what it blocks is planned again, now and while it lasts."""
        now = self.clock.now()
        if not segment.is_last or segment.phase != "granted" or now - segment.planned_end < _LATE_BY:
            return
        if self.lookout.shifts.overran(segment.sid, segment.cluster, overrun_until(segment, now)):
            with self.store.writing() as tx:
                text = f"past {to_the_second(segment.planned_end)}, when it was to end; others are planned around it"
                tx.add_event(view.job.id, now, "overruns", text)

    async def stop(self, view: View, segment: SegmentRow) -> bool:
        """Ask the cluster to stop it, for the plan or for a person; the intent is written first, so that it is ours."""
        job = view.job
        state = JobState.CANCELLING if job.wanted == "cancel" else JobState.SUSPENDING
        if segment.stop_asked_at is None:
            danger = await self._danger(view, segment)
            if danger:
                return self.run_on(view, segment, danger)
            now = self.clock.now()
            with self.store.writing() as tx:
                tx.set_segment(segment.fence, stop_asked_at=now)
                tx.set_job(job.id, state=state)
                tx.add_event(job.id, now, state.value, f"segment {segment.n} on {segment.cluster} asked to stop")
        if self.clock.monotonic_s() < self._again_s.get(segment.sid, 0.0):
            return False
        try:
            await self.lanes.ask(segment.cluster, lambda: self._send_stop(segment))
        except (ClusterRefused, ClusterUnreachable) as exc:
            self._again_s[segment.sid] = self.clock.monotonic_s() + _STOP_AGAIN_S
            self._not_stopped(job, exc)
            return False
        self.stops_sent.add(segment.sid)
        if job.state != state or job.reason:
            with self.store.writing() as tx:
                tx.set_job(job.id, state=state, reason="")
        return False

    def run_on_unsaved(self, view: View, segment: SegmentRow) -> bool:
        """Let a training run on that saved itself in vain for too long after its suspend was due."""
        pause = view.job.job.interruptible
        assert pause is not None and pause.every is not None, view.job.id  # noqa: S101, PT018  # only periodic ones wait
        waited = format_duration(2 * pause.every + pause.checkpoint)
        return self.run_on(view, segment, f"no checkpoint within {waited} of its suspend at {_at(segment, view)}")

    def run_on(self, view: View, segment: SegmentRow, why: str) -> bool:
        """Take the suspend back: the segment runs until the work is done, and others are planned around that."""
        job, now = view.job, self.clock.now()
        whole = self.replanner.placer.whole(job.job, segment)
        left = _UNKNOWN if whole is None else (1 - self._progress(view, segment)) * whole
        end = max(segment.planned_end, now + left)
        reason = f"{RUNS_ON}: {why}"
        with self.store.writing() as tx:
            tx.set_segment(segment.fence, is_last=True, planned_end=end)
            tx.set_job(job.id, state=JobState.RUNNING, reason=reason)
            tx.add_event(job.id, now, "planned", reason)
        self.lookout.let_run(segment)
        self.lookout.shifts.less_room([segment.cluster], end)
        later = view.plan.placement.segments if view.plan is not None else ()
        self.lookout.shifts.room({s.cluster for s in later if s.start >= segment.planned_end})
        return True

    async def go_on(self, view: View, segment: SegmentRow) -> bool:
        """Ask whether it goes on, and what follows; whether another step may follow at once."""
        if self.replanner.busy or not await self.replanner.going_on(view, segment, self._progress(view, segment)):
            return False
        self._weighed.discard(segment.sid)  # another suspend than the one that was weighed
        return True

    async def _danger(self, view: View, segment: SegmentRow) -> str:
        """Why a planned suspend would now cost the deadline; asked once a segment, as its run gets no shorter."""
        due = planned_stop(segment, view.job.job, view.plan)
        by_plan = (
            view.job.wanted == "run" and segment.phase == "granted" and due is not None and self.clock.now() >= due
        )
        if not by_plan or segment.sid in self._weighed:
            return ""
        self._weighed.add(segment.sid)
        try:
            late = await self.replanner.late_if_stopped(view, segment, self._progress(view, segment))
        except CarbonschedError:
            return ""  # what cannot be planned now is no reason to do other than was planned
        return f"its deadline is in danger: {late}" if late else ""

    def forget(self, segment: SegmentRow) -> None:
        """Drop what is known of a segment that is closed."""
        self.stops_sent.discard(segment.sid)
        self._weighed.discard(segment.sid)
        self._again_s.pop(segment.sid, None)

    def _progress(self, view: View, segment: SegmentRow) -> float:
        """How far the job is: as its training says, else by the clock. [-]"""
        ends = self.lookout.harvester.evidence.first_and_last(segment.job_id, segment.sid)
        if ends is not None and ends[1].progress is not None:
            return ends[1].progress
        whole = self.replanner.placer.whole(view.job.job, segment)
        if whole is None:
            return view.job.progress
        return min(0.999, view.job.progress + (self.clock.now() - segment.intended_at) / whole)

    def _send_stop(self, segment: SegmentRow) -> None:
        """Send the request; on the cluster's lane."""
        with self.lookout.circuits.asking(segment.cluster):
            self.sites.named(segment.cluster).executor.stop(segment.sid)

    def _not_stopped(self, job: JobRow, exc: CarbonschedError) -> None:
        """It runs on until the request gets through, which is tried again; say so, once."""
        reason = f"{NOT_STOPPED}, and is asked again: {exc.message}"
        state = JobState.CANCELLING if job.wanted == "cancel" else JobState.RUNNING
        if (job.state, job.reason) == (state, reason):
            return
        with self.store.writing() as tx:
            tx.set_job(job.id, state=state, reason=reason)
            if job.reason != reason:
                tx.add_event(job.id, self.clock.now(), "waits", reason)


def _at(segment: SegmentRow, view: View) -> datetime | str:
    """When the plan wanted the segment to stop, in words."""
    due = planned_stop(segment, view.job.job, view.plan)
    return to_the_second(due) if due is not None else "its planned end"
