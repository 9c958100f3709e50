"""Looking: what is stored of a job, what its cluster says of it now, and its evidence brought home on the way."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from scheduler.domain.errors import ClusterRefused, ClusterUnreachable
from scheduler.domain.job import Interruptible
from scheduler.domain.placement import Segment
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import checkpoint_dir, evidence_beside
from scheduler.execution.sites import Sites
from scheduler.execution.transitions import TERMINAL, Seen, Situation
from scheduler.ports import Capacity, Clock, Executor, Observation
from scheduler.records.evidence import Outcome
from scheduler.records.rows import JobRow, JobState, PlanRow, SegmentRow, StoredJob
from scheduler.records.store import Store

INFRASTRUCTURE: Final = (
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT",
    "JOB_SUPERVISOR_ACTOR_START_FAILURE",
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE",
)
"""Ray's error types where the cluster could not start the entrypoint; one whose supervisor died may still run."""
_ENVIRONMENT: Final = ("RUNTIME_ENV_SETUP_FAILURE", "JOB_ENTRYPOINT_COMMAND_START_ERROR")
_AGENT_NOT_RUN: Final = (126, 127)
"""Exit codes of a shell that could not run the agent."""
_MAY_LAND: Final = timedelta(seconds=60)
"""A launch whose answer was lost may reach its cluster so late; four times the longest wait for an answer."""
_LONG_START: Final = timedelta(seconds=60)
"""Ray starts a job with room within seconds; after this something else took the room."""
_LONG_BUILD: Final = timedelta(minutes=15)
"""The same for one whose environment is built first; Ray itself gives up after 900 s."""
_TELL_EVERY: Final = timedelta(seconds=30)
"""How often the store is told that a segment lives; what it says may be so much too old."""
_LOOK_AGAIN: Final = timedelta(hours=1)
"""A waiting job's plan is looked at again so often: forecasts move, and others free what they had reserved."""
_FROZEN: Final = timedelta(minutes=10)
"""A start so near is not moved any more."""
_BACKOFF_S: Final = (2.0, 60.0)
"""First and longest pause before a silent cluster is asked again. [s]"""
_BLIND_S: Final = 30.0
"""Pause before a cluster that runs a job, but hands out none of its evidence, is asked for some again. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One job as it stands: what is stored, what its cluster says, and what follows.

    Args:
        ahead: the stretch of the plan that comes next.
        silence: why its cluster does not answer, empty where it does.
        wake: when it is to be looked at again, if nobody changes it; None for the next pass.
    """

    job: JobRow
    plan: PlanRow | None
    segments: tuple[SegmentRow, ...]
    ahead: Segment | None
    situation: Situation
    observation: Observation | None = None
    outcome: Outcome | None = None
    silence: str = ""
    wake: datetime | None = None

    @property
    def live(self) -> SegmentRow | None:
        """The segment that may be on a cluster."""
        return live_segment(self.segments)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a cluster said of a segment."""

    seen: Seen
    observation: Observation | None = None
    outcome: Outcome | None = None
    silence: str = ""
    restarted: bool = False


@dataclass(slots=True, kw_only=True)
class Lookout:
    """Sees jobs as they stand; a cluster that is silent is asked less and less often.

    Args:
        lease: how long an agent that nobody sees may still run.
    """

    store: Store
    sites: Sites
    harvester: Harvester
    clock: Clock
    lease: timedelta
    _silent_until_s: dict[str, float] = field(default_factory=dict)
    _pause_s: dict[str, float] = field(default_factory=dict)
    _silence: dict[str, str] = field(default_factory=dict)
    _blind_until_s: dict[str, float] = field(default_factory=dict)
    _judged_at: dict[int, datetime] = field(default_factory=dict)
    _alive_at: dict[str, datetime] = field(default_factory=dict)
    _untold: dict[int, SegmentRow] = field(default_factory=dict)

    def look(self, stored: StoredJob, stops_sent: Container[str]) -> View:
        """The job's situation now.

        Args:
            stored: what the store says of the job.
            stops_sent: submissions that this process has asked to stop.
        """
        job, plan, segments = stored.job, stored.plan, stored.segments
        ahead = None if plan is None else next_segment(plan, segments)
        live = live_segment(segments)
        if live is not None:
            answer = self._ask(job, live)
            if answer.seen in ("running", "pending"):
                live = self._note_alive(live, answer)
                segments = tuple(live if s.fence == live.fence else s for s in segments)
            situation = self._situation(job, live, answer, sent=live.sid in stops_sent)
            return View(
                job=job, plan=plan, segments=segments, ahead=ahead, situation=situation,
                observation=answer.observation, outcome=answer.outcome, silence=answer.silence,
            )  # fmt: skip
        waits = job.state in (JobState.PLANNED, JobState.SUSPENDED)
        due = waits and ahead is not None and self.clock.now() >= ahead.start
        stale = waits and not due and plan is not None and self._stale(plan, segments, ahead)
        situation = Situation(state=job.state, wanted=job.wanted, start_due=due, plan_stale=stale)
        wake = self._wake(job, plan, ahead) if not stale else None
        return View(job=job, plan=plan, segments=segments, ahead=ahead, situation=situation, wake=wake)

    def _wake(self, job: JobRow, plan: PlanRow | None, ahead: Segment | None) -> datetime | None:
        """When a job of which nothing runs is next to be looked at."""
        if job.state == JobState.HELD and job.wanted == "hold":
            return datetime.max.replace(tzinfo=UTC)
        if job.wanted != "run" or plan is None or ahead is None:
            return None
        look = self._judged_at.get(plan.id, plan.made_at) + _LOOK_AGAIN
        return ahead.start if ahead.start - look < _FROZEN else look

    def kept(self, plan: PlanRow) -> None:
        """Note that a plan was looked at again and stays."""
        self._judged_at[plan.id] = self.clock.now()

    def _stale(self, plan: PlanRow, segments: Sequence[SegmentRow], ahead: Segment | None) -> bool:
        """Whether a plan is to be looked at again: hourly, and after a run; a start within ten minutes is frozen."""
        now = self.clock.now()
        if ahead is None or ahead.start - now < _FROZEN:
            return False
        judged = self._judged_at.get(plan.id, plan.made_at)
        ran = max((s.released_at for s in segments if s.released_at), default=judged)
        return now - judged >= _LOOK_AGAIN or ran > judged

    def _situation(self, job: JobRow, live: SegmentRow, answer: _Answer, *, sent: bool) -> Situation:
        """The situation of a job whose segment may be on a cluster."""
        now = self.clock.now()
        pause = job.job.interruptible or Interruptible()
        return Situation(
            state=job.state,
            wanted=job.wanted,
            phase=live.phase,
            seen=answer.seen,
            outcome=answer.outcome,
            stop_sent=sent,
            stop_due=_stop_due(live, now, pause.checkpoint),
            restarted=answer.restarted,
            may_land=now - live.intended_at < _MAY_LAND,
            pending_long=now >= live.intended_at + (_LONG_BUILD if job.job.runtime_env else _LONG_START),
            never_ran=answer.observation is not None and _never_ran(answer.observation),
            lease_over=answer.seen in TERMINAL and now >= self.lease_end(job, live),
        )

    def lease_end(self, job: JobRow, live: SegmentRow) -> datetime:
        """When even an agent that nobody sees has ended the training: lease and grace after it was last seen alive."""
        grace = (job.job.interruptible or Interruptible()).grace
        told_at = live.seen_at + _TELL_EVERY if live.seen_at else live.intended_at
        return max(told_at, self._alive_at.get(live.sid, told_at)) + self.lease + grace

    def silent(self) -> dict[str, str]:
        """The clusters that did not answer when last asked, and what is wrong."""
        return {name: self._silence[name] for name in self._pause_s}

    def _ask(self, job: JobRow, live: SegmentRow) -> _Answer:
        """What the segment's cluster says, its evidence brought home on the way."""
        site = self.sites.named(live.cluster)
        executor, beside = site.executor, evidence_beside(checkpoint_dir(job.id, job.job, site.cluster))
        try:
            with self._asking(live.cluster):
                observation = executor.observe(live.sid)
                outcome = self._evidence(live, executor, observation, beside)
                unsent = live.phase == "intended" and observation.status == "absent"
                restarted = unsent and executor.probe().session != live.session
        except ClusterUnreachable as exc:
            return _Answer("unreachable", silence=exc.message)
        return _Answer(observation.status, observation, outcome, restarted=restarted)

    def probe(self, name: str) -> Capacity:
        """What the cluster of that name has; one that is silent costs every job that waits for it one try in all."""
        with self._asking(name):
            return self.sites.named(name).executor.probe()

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Ask a cluster, unless it was silent a moment ago: then its silence is raised again without a try."""
        if self.clock.monotonic_s() < self._silent_until_s.get(name, 0.0):
            raise ClusterUnreachable(self._silence[name])
        try:
            yield
        except ClusterUnreachable as exc:
            first, longest = _BACKOFF_S
            self._pause_s[name] = min(longest, 2 * self._pause_s.get(name, first / 2))
            self._silent_until_s[name] = self.clock.monotonic_s() + self._pause_s[name]
            self._silence[name] = exc.message
            raise
        self._pause_s.pop(name, None)

    def _evidence(self, live: SegmentRow, executor: Executor, observation: Observation, beside: Path) -> Outcome | None:
        """Bring evidence home; what is not handed out of one that runs can wait, and holds up no stop meanwhile."""
        now_s, runs = self.clock.monotonic_s(), observation.status == "running"
        if runs and now_s < self._blind_until_s.get(live.cluster, 0.0):
            return None
        try:
            outcome = None
            if live.phase == "granted" or observation.status in TERMINAL - {"absent"}:
                outcome = self.harvester.outcome(live, executor, observation, beside)
            if runs:
                self.harvester.samples(live, executor, observation.node_id, last=False)
        except (ClusterRefused, ClusterUnreachable):
            if not runs:
                raise
            self._blind_until_s[live.cluster] = now_s + _BLIND_S
            return None
        return outcome

    def _note_alive(self, live: SegmentRow, answer: _Answer) -> SegmentRow:
        """Note that it was seen, and where; the store is told now and then, for a lookout that comes after this one."""
        now, node_id = self.clock.now(), answer.observation.node_id if answer.observation else ""
        seen = replace(live, seen_at=now, node_id=node_id or live.node_id)
        self._alive_at[live.sid] = now
        told = live.seen_at is not None and abs(now - live.seen_at) < _TELL_EVERY
        if not told or seen.node_id != live.node_id:
            self._untold[live.fence] = seen
        return seen

    def tell(self) -> None:
        """Store what was seen alive since the last time, all of it at once."""
        if not self._untold:
            return
        with self.store.writing() as tx:
            for fence, seen in self._untold.items():
                tx.set_segment(fence, seen_at=seen.seen_at, node_id=seen.node_id or None)
        self._untold.clear()


def live_segment(segments: Sequence[SegmentRow]) -> SegmentRow | None:
    """The segment that may be on a cluster; there is never more than one."""
    return next((s for s in segments if s.phase != "over"), None)


def next_segment(plan: PlanRow, segments: Sequence[SegmentRow]) -> Segment | None:
    """The stretch of the plan that comes next, given the job's segments so far."""
    done = sum(s.plan_id == plan.id and s.end == "suspended" for s in segments)
    stretches = plan.placement.segments
    return stretches[done] if done < len(stretches) else None


def planned_stop(segment: SegmentRow, checkpoint: timedelta) -> datetime | None:
    """When the plan asks the segment to stop, so that its save ends in time; None for the last one."""
    return None if segment.is_last else segment.planned_end - checkpoint


def _stop_due(segment: SegmentRow, now: datetime, checkpoint: timedelta) -> bool:
    """Whether the plan suspends the segment by now, its save included, or a stop was asked for before."""
    stop_at = planned_stop(segment, checkpoint)
    by_plan = stop_at is not None and now >= stop_at
    return by_plan or segment.stop_asked_at is not None


def _never_ran(observation: Observation) -> bool:
    """Whether the cluster says that the training cannot have run."""
    if observation.status == "stopped":
        return not observation.node_id  # withdrawn before it was given a node
    if observation.status != "failed":
        return False
    blamed = observation.error_type in INFRASTRUCTURE + _ENVIRONMENT
    return blamed or observation.exit_code in _AGENT_NOT_RUN
