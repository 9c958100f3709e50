"""The engine: one pass looks at every open job and takes the steps that its situation calls for.

What is wanted lives in the store, what is real on the clusters; each step writes its intent before it acts
and may be repeated, so the process can die at any instant. A cluster that does not answer delays its own
jobs only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError, ClusterUnreachable, UnknownName
from scheduler.domain.job import Interruptible
from scheduler.domain.placement import Segment
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import Launcher
from scheduler.execution.placing import Placer
from scheduler.execution.transitions import TERMINAL, Action, Seen, Situation, decide
from scheduler.execution.verdict import Verdict, by_outcome, unknown, unstarted
from scheduler.ports import Clock, Executor, Observation
from scheduler.records.evidence import Outcome
from scheduler.records.reservations import reservations
from scheduler.records.rows import FINAL, JobRow, JobState, PlanRow, SegmentRow
from scheduler.records.store import Store

_STEPS_A_PASS: Final = 6
"""A job takes at most so many steps before the others have their turn."""
_BACKOFF_S: Final = (2.0, 60.0)
"""First and longest pause before a silent cluster is asked again. [s]"""
_RELEASE_WITHIN: Final = timedelta(seconds=5)
"""Ray frees the GPUs within this time of the entrypoint's end; used where nobody was looking at that moment."""
_AGENT_NOT_RUN: Final = (126, 127)
"""Exit codes of a shell that could not run the agent."""
_INFRASTRUCTURE: Final = ("JOB_SUPERVISOR",)
_ENVIRONMENT: Final = ("RUNTIME_ENV", "JOB_ENTRYPOINT_COMMAND_START")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A cluster and the executor that drives it."""

    cluster: Cluster
    executor: Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What a pass left: how many jobs are open, and when the next planned step is due."""

    open_jobs: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One job as it stands: what is stored, what its cluster says, and what follows."""

    job: JobRow
    plan: PlanRow | None
    segment: SegmentRow | None
    observation: Observation | None
    outcome: Outcome | None
    situation: Situation


@dataclass(slots=True, kw_only=True)
class Engine:
    """Reconciles the store with the clusters.

    Args:
        sites: clusters by name.
        lease: how long an agent that nobody sees may still run.
    """

    store: Store
    sites: Mapping[str, Site]
    placer: Placer
    launcher: Launcher
    harvester: Harvester
    clock: Clock
    lease: timedelta
    _silent_until_s: dict[str, float] = field(default_factory=dict)
    _pause_s: dict[str, float] = field(default_factory=dict)
    _stops_sent: set[str] = field(default_factory=set)

    def step(self) -> Passed:
        """One pass over the open jobs."""
        with self.store.reading() as tx:
            jobs = tx.open_jobs()
        for job in jobs:
            self._advance(job.id)
        with self.store.reading() as tx:
            jobs = tx.open_jobs()
            plans = tx.newest_plans(job.id for job in jobs)
        starts = [s.start for plan in plans.values() for s in plan.placement.segments]
        ends = [s.end for plan in plans.values() for s in plan.placement.segments[:-1]]
        ahead = [moment for moment in starts + ends if moment > self.clock.now()]
        return Passed(open_jobs=len(jobs), next_due=min(ahead, default=None))

    def _advance(self, job_id: str) -> None:
        """Take a job's steps until there is none to take now."""
        for _ in range(_STEPS_A_PASS):
            job = self._job(job_id)
            if job.state in FINAL:
                return
            try:
                view = self._look(job)
                action, _ = decide(view.situation)
                if action is Action.WAIT or not self._do(action, view):
                    self._progress(view)
                    return
            except CarbonschedError as exc:
                self._reason(job, exc.message)
                return

    # Looking

    def _look(self, job: JobRow) -> View:
        """The job's situation now."""
        with self.store.reading() as tx:
            plan = tx.newest_plans([job.id]).get(job.id)
            segments = tx.segments(job.id)
        segment = next((s for s in segments if s.phase != "over"), None)
        ahead = None if plan is None else next_segment(plan, segments)
        waits = job.state in (JobState.PLANNED, JobState.SUSPENDED)
        start_due = segment is None and waits and ahead is not None and self.clock.now() >= ahead.start
        if segment is None:
            situation = Situation(state=job.state, wanted=job.wanted, start_due=start_due)
            return View(job=job, plan=plan, segment=None, observation=None, outcome=None, situation=situation)
        return self._look_at(job, plan, segment)

    def _look_at(self, job: JobRow, plan: PlanRow | None, segment: SegmentRow) -> View:
        """The situation of a job whose segment may be on a cluster."""
        observation, outcome, seen = self._observe(segment)
        if seen in ("running", "pending"):
            segment = self._seen_alive(segment, observation)
        now = self.clock.now()
        interruption = job.job.interruptible or Interruptible()
        alive_at = segment.seen_at or segment.intended_at
        situation = Situation(
            state=job.state,
            wanted=job.wanted,
            phase=segment.phase,
            seen=seen,
            outcome=outcome,
            stop_sent=segment.sid in self._stops_sent,
            stop_due=_stop_due(segment, now, interruption.checkpoint),
            never_ran=observation is not None and _never_ran(observation),
            lease_over=seen in TERMINAL and now >= alive_at + self.lease + interruption.grace,
        )
        return View(job=job, plan=plan, segment=segment, observation=observation, outcome=outcome, situation=situation)

    def _observe(self, segment: SegmentRow) -> tuple[Observation | None, Outcome | None, Seen]:
        """What the segment's cluster says, its evidence brought home on the way."""
        executor = self._site(segment.cluster).executor
        if self.clock.monotonic_s() < self._silent_until_s.get(segment.cluster, 0.0):
            return None, None, "unreachable"
        try:
            observation = executor.observe(segment.sid)
            outcome = None
            if segment.phase == "granted" or observation.status in TERMINAL - {"absent"}:
                outcome = self.harvester.outcome(segment, executor, observation)
            if observation.status == "running":
                self.harvester.samples(segment, executor, observation.node_id, last=False)
        except ClusterUnreachable as exc:
            first, longest = _BACKOFF_S
            pause_s = min(longest, 2 * self._pause_s.get(segment.cluster, first / 2))
            self._pause_s[segment.cluster] = pause_s
            self._silent_until_s[segment.cluster] = self.clock.monotonic_s() + pause_s
            self._reason(self._job(segment.job_id), exc.message)
            return None, None, "unreachable"
        self._pause_s.pop(segment.cluster, None)
        return observation, outcome, observation.status

    def _seen_alive(self, segment: SegmentRow, observation: Observation | None) -> SegmentRow:
        """Note that it lives; `granted_at` is the last moment it surely had no GPUs yet."""
        node_id = observation.node_id if observation else ""
        with self.store.writing() as tx:
            tx.set_segment(segment.fence, seen_at=self.clock.now(), node_id=node_id or None)
            return next(s for s in tx.segments(segment.job_id) if s.fence == segment.fence)

    # Acting: each returns whether another step may follow at once

    def _do(self, action: Action, view: View) -> bool:
        """Take one step."""
        match action:
            case Action.PLAN:
                return self._plan(view)
            case Action.CANCEL:
                return self._settle(view.job, JobState.CANCELLED, "cancelled by a person")
            case Action.HOLD:
                return self._settle(view.job, JobState.HELD, "held by a person")
            case Action.QUEUE:
                return self._settle(view.job, JobState.QUEUED, "released")
            case Action.INTEND:
                return self._intend(view)
        segment = view.segment
        assert segment is not None, action  # noqa: S101  # the table asks for the rest only where one is open
        match action:
            case Action.SUBMIT:
                return self._submit(view.job, segment)
            case Action.GRANT:
                return self._grant(view.job, segment)
            case Action.STOP:
                return self._stop(view.job, segment)
            case Action.CLOSE:
                return self._close_by_outcome(view, segment)
            case Action.CLOSE_UNSTARTED:
                return self._close_unstarted(view, segment)
            case _:
                return self._close(view.job, segment, unknown(view.job), released_at=self.clock.now())

    def _plan(self, view: View) -> bool:
        """Plan what is left of a queued job."""
        now = self.clock.now()
        with self.store.writing() as tx:
            past = tx.segments(view.job.id)
            placed = self.placer.place(view.job, past, now=now, taken=reservations(tx, now, but=view.job.id))
            tx.add_plan(view.job.id, now, placed.document)
            resumes = any(segment.end == "suspended" for segment in past)
            tx.set_job(view.job.id, state=JobState.SUSPENDED if resumes else JobState.PLANNED, reason=placed.reason)
            tx.add_event(view.job.id, now, "planned", placed.reason or "planned again")
        return True

    def _intend(self, view: View) -> bool:
        """Write the intent to run the next segment, once its cluster has room for all of it."""
        job, plan, now = view.job, view.plan, self.clock.now()
        assert plan is not None, job.id  # noqa: S101  # a start is due only by a plan
        with self.store.reading() as tx:
            past = tx.segments(job.id)
        ahead = next_segment(plan, past)
        assert ahead is not None, job.id  # noqa: S101
        site = self._site(ahead.cluster)
        free = site.executor.probe().free_by_node
        if max(free, default=0) < ahead.gpus:
            self._reason(job, f"no room on {ahead.cluster}: {max(free, default=0)} of {ahead.gpus} GPUs free on a node")
            return False
        safe = [s for s in past if s.end == "suspended"]
        n = len(safe) + 1
        attempt = 1 + sum(s.n == n for s in past)
        row = SegmentRow(
            fence=0, job_id=job.id, plan_id=plan.id, n=n, attempt=attempt, sid=f"cs-{job.id}-s{n}-a{attempt}",
            cluster=ahead.cluster, gpus=ahead.gpus, planned_end=ahead.end,
            is_last=ahead == plan.placement.segments[-1], phase="intended", stop_asked_at=None, intended_at=now,
            granted_at=None, seen_at=None, released_at=None, node_id="", end="",
        )  # fmt: skip
        with self.store.writing() as tx:
            if tx.job(job.id).wanted != "run":
                return True
            tx.add_segment(row)
            tx.set_job(job.id, state=JobState.LAUNCHING, reason="")
            tx.add_event(job.id, now, "launching", f"segment {n}, attempt {attempt}, on {ahead.cluster}")
        return True

    def _submit(self, job: JobRow, segment: SegmentRow) -> bool:
        """Hand the launch to the cluster; safe to repeat, the id is the key."""
        site = self._site(segment.cluster)
        site.executor.submit(self.launcher.launch(job, segment, site.cluster))
        return False

    def _grant(self, job: JobRow, segment: SegmentRow) -> bool:
        """Note that the segment runs."""
        now = self.clock.now()
        with self.store.writing() as tx:
            tx.set_segment(segment.fence, phase="granted", granted_at=segment.intended_at)
            tx.set_job(job.id, state=JobState.RUNNING, reason="")
            tx.add_event(job.id, now, "running", f"segment {segment.n} on {segment.cluster}")
        return True

    def _stop(self, job: JobRow, segment: SegmentRow) -> bool:
        """Ask the cluster to stop it, for the plan or for a person; the intent is written first, so that it is ours."""
        state = JobState.CANCELLING if job.wanted == "cancel" else JobState.SUSPENDING
        if segment.stop_asked_at is None:
            now = self.clock.now()
            with self.store.writing() as tx:
                tx.set_segment(segment.fence, stop_asked_at=now)
                tx.set_job(job.id, state=state)
                tx.add_event(job.id, now, state.value, f"segment {segment.n} on {segment.cluster} asked to stop")
        self._site(segment.cluster).executor.stop(segment.sid)
        self._stops_sent.add(segment.sid)
        return False

    # Closing

    def _close_by_outcome(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment whose outcome was read."""
        outcome = view.outcome
        assert outcome is not None, segment.sid  # noqa: S101  # the table closes by an outcome only where there is one
        worked = self.placer.worked(view.job, segment, outcome)
        verdict = by_outcome(view.job, outcome, stop_asked=segment.stop_asked_at is not None, worked=worked)
        released = min(self.clock.now(), outcome.ended_at + _RELEASE_WITHIN)
        return self._close(view.job, segment, verdict, released_at=released)

    def _close_unstarted(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment whose entrypoint never ran."""
        said = view.observation
        why = " ".join((said.message if said else "").split())[:300] or "its cluster could not start it"
        infrastructure = said is not None and said.error_type.startswith(_INFRASTRUCTURE)
        verdict = unstarted(view.job, why, infrastructure=infrastructure)
        return self._close(view.job, segment, verdict, released_at=self.clock.now())

    def _close(self, job: JobRow, segment: SegmentRow, verdict: Verdict, *, released_at: datetime) -> bool:
        """Bring the rest of the evidence home, then write the end of the segment and what it means."""
        unread = self.harvester.close(segment, self._site(segment.cluster).executor)
        now = self.clock.now()
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
            if unread:
                tx.add_event(job.id, now, "evidence", f"segment {segment.n} {unread}")
        return True

    # Small things

    def _settle(self, job: JobRow, state: JobState, reason: str) -> bool:
        """Change the state of a job of which nothing runs."""
        now = self.clock.now()
        with self.store.writing() as tx:
            tx.set_job(job.id, state=state, reason=reason, finished_at=now if state in FINAL else None)
            tx.add_event(job.id, now, state.value, reason)
        return True

    def _progress(self, view: View) -> None:
        """Clear the reason of a job that waits for nothing but its time."""
        waits = view.job.state in (JobState.PLANNED, JobState.SUSPENDED) and not view.situation.start_due
        if waits and view.job.reason.startswith("no room"):
            self._reason(view.job, "")

    def _reason(self, job: JobRow, text: str) -> None:
        """Say why a job waits, once."""
        if job.reason == text:
            return
        with self.store.writing() as tx:
            tx.set_job(job.id, reason=text)
            if text:
                tx.add_event(job.id, self.clock.now(), "waits", text)

    def _job(self, job_id: str) -> JobRow:
        """A job as it is stored now."""
        with self.store.reading() as tx:
            return tx.job(job_id)

    def _site(self, cluster: str) -> Site:
        """A cluster by name."""
        if cluster not in self.sites:
            raise UnknownName("cluster", cluster, self.sites)
        return self.sites[cluster]


def next_segment(plan: PlanRow, segments: list[SegmentRow]) -> Segment | None:
    """The stretch of the plan that comes next, given the job's segments so far."""
    done = sum(s.plan_id == plan.id and s.end == "suspended" for s in segments)
    stretches = plan.placement.segments
    return stretches[done] if done < len(stretches) else None


def _stop_due(segment: SegmentRow, now: datetime, checkpoint: timedelta) -> bool:
    """Whether the plan suspends the segment by now, its save included, or a stop was asked for before."""
    by_plan = not segment.is_last and now >= segment.planned_end - checkpoint
    return by_plan or segment.stop_asked_at is not None


def _never_ran(observation: Observation) -> bool:
    """Whether the cluster says that the training cannot have run."""
    if observation.status != "failed":
        return False
    blamed = observation.error_type.startswith(_INFRASTRUCTURE + _ENVIRONMENT)
    return blamed or observation.exit_code in _AGENT_NOT_RUN
