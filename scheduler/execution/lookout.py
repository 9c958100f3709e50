"""Looking: a job as it stands, from what is stored of it and what its cluster said."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from scheduler.cluster_ports import Capacity, Observation
from scheduler.domain.job import Interruptible, Job
from scheduler.domain.placement import Segment
from scheduler.execution.circuits import Circuits
from scheduler.execution.harvest import Harvester
from scheduler.execution.leases import TELL_EVERY, Leases
from scheduler.execution.pace import expected_end, is_news
from scheduler.execution.questions import Answer, Questions
from scheduler.execution.saves import SaveWatch
from scheduler.execution.shifts import Shifts
from scheduler.execution.sites import Site, Sites
from scheduler.execution.transitions import TERMINAL, Situation
from scheduler.ports import Clock
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
_LOOK_AGAIN: Final = timedelta(hours=1)
"""A waiting job's plan is looked at again so often, whether or not anything is known to have changed."""
_FROZEN: Final = timedelta(minutes=10)
"""A start so near is not moved any more."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One job as it stands: what is stored, what its cluster says, and what follows.

    Args:
        ahead: the stretch of the plan that comes next.
        silence: why its cluster does not answer, empty where it does.
        unread: why the evidence of a segment that is over cannot be read, empty where it can.
        expected: when the run will end by its progress, where that differs from what is planned around it.
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
    unread: str = ""
    expected: datetime | None = None
    wake: datetime | None = None

    @property
    def live(self) -> SegmentRow | None:
        """The segment that may be on a cluster."""
        return live_segment(self.segments)


@dataclass(slots=True, kw_only=True)
class Lookout:
    """Sees jobs as they stand.

    Args:
        lease: how long an agent that nobody sees may still run.
    """

    store: Store
    sites: Sites
    harvester: Harvester
    clock: Clock
    lease: timedelta
    circuits: Circuits = field(init=False)
    leases: Leases = field(init=False)
    shifts: Shifts = field(init=False)
    _questions: Questions = field(init=False)
    _watches: dict[str, SaveWatch] = field(init=False, default_factory=dict)
    _judged_at: dict[int, datetime] = field(init=False, default_factory=dict)
    _untold: dict[int, SegmentRow] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self.circuits = Circuits(clock=self.clock)
        self.leases = Leases(clock=self.clock, lease=self.lease)
        self.shifts = Shifts(clock=self.clock)
        self._questions = Questions(harvester=self.harvester, circuits=self.circuits, clock=self.clock)

    # On the cluster's lane

    def ask(self, site: Site, job: JobRow, live: SegmentRow) -> Answer:
        """What the segment's cluster says of it."""
        return self._questions.ask(site, job, live, watched=live.sid in self._watches)

    def probe(self, name: str) -> Capacity:
        """What the cluster of that name has."""
        with self.circuits.asking(name):
            return self.sites.named(name).executor.probe()

    # On the engine's own thread

    def look(self, stored: StoredJob, answer: Answer | None, stops_sent: Container[str]) -> View:
        """The job's situation now.

        Args:
            stored: what the store says of the job.
            answer: what its cluster says of its open segment, None where it has none.
            stops_sent: submissions that this process has asked to stop.
        """
        live = live_segment(stored.segments)
        if live is None or answer is None:
            return self._idle(stored)
        segments = stored.segments
        if answer.seen in ("running", "pending"):
            live = self._note_alive(live, answer)
            segments = tuple(live if s.fence == live.fence else s for s in segments)
        elif answer.seen in TERMINAL:
            self.leases.over(live)
        expected = self._expected(stored.job, live, answer)
        situation = self._busy(stored, live, answer, sent=live.sid in stops_sent)
        return View(
            job=stored.job, plan=stored.plan, segments=segments, ahead=_ahead(stored), observation=answer.observation,
            situation=replace(situation, end_moved=expected is not None), outcome=answer.outcome,
            silence=answer.silence, unread=answer.unread, expected=expected,
        )  # fmt: skip

    def before_asking(self, stored: StoredJob) -> None:
        """Note what is asked about now, and whether its next checkpoint is waited for."""
        live, job = live_segment(stored.segments), stored.job
        if live is None:
            return
        self.leases.asked(live)
        pause = job.job.interruptible
        if pause is None or pause.save != "periodic" or live.phase != "granted":
            return
        now, by_plan = self.clock.now(), planned_stop(live, job.job, stored.plan)
        due = now if job.wanted == "hold" else by_plan
        if job.wanted == "cancel" or live.stop_asked_at is not None or due is None or now < due:
            self._watches.pop(live.sid, None)  # also where a hold was taken back
        elif live.sid not in self._watches:
            self._watches[live.sid] = SaveWatch(began_s=self.clock.monotonic_s(), due=due)

    def _idle(self, stored: StoredJob) -> View:
        """A job of which nothing is on a cluster."""
        job, plan, ahead, now = stored.job, stored.plan, _ahead(stored), self.clock.now()
        waits = job.state in (JobState.PLANNED, JobState.SUSPENDED)
        due = stale = False
        wake = _NEVER if job.state == JobState.HELD and job.wanted == "hold" else None
        if waits and plan is not None and ahead is not None:
            again = plan.next_decision or _NEVER
            due = ahead.start <= now < again
            look = ahead.start if due else min(again, self._next_look(job, plan, stored.segments, ahead))
            stale = not due and look <= now
            wake = look if job.wanted == "run" and look > now else None
        return View(
            job=job, plan=plan, segments=stored.segments, ahead=ahead, wake=wake,
            situation=Situation(state=job.state, wanted=job.wanted, start_due=due, plan_stale=stale),
        )  # fmt: skip

    def _busy(self, stored: StoredJob, live: SegmentRow, answer: Answer, *, sent: bool) -> Situation:
        """The situation of a job whose segment may be on a cluster."""
        job, stop_at = stored.job, planned_stop(live, stored.job.job, stored.plan)
        awaits, in_vain = self._save(job, live, answer, job.job.interruptible or Interruptible())
        return Situation(
            state=job.state,
            wanted=job.wanted,
            phase=live.phase,
            seen=answer.seen,
            outcome=answer.outcome,
            stop_sent=sent,
            stop_due=live.stop_asked_at is not None or (stop_at is not None and self.clock.now() >= stop_at),
            awaits_save=awaits,
            no_save=in_vain,
            decision_due=self._decides(stored, live),
            restarted=answer.restarted,
            may_land=self.leases.may_land(live),
            pending_long=self.leases.pending_long(job, live),
            never_ran=answer.observation is not None and _never_ran(answer.observation),
            lease_over=answer.seen in TERMINAL and self.leases.run_out(job, live),
        )

    def _save(self, job: JobRow, live: SegmentRow, answer: Answer, pause: Interruptible) -> tuple[bool, bool]:
        """Whether a due stop waits for the next checkpoint, and whether it has done so in vain."""
        watch = self._watches.get(live.sid)
        if watch is None or pause.every is None or job.wanted == "cancel" or live.stop_asked_at is not None:
            return False, False
        if watch.has_come(answer.ends[1] if answer.ends else None):
            return False, False
        waited = timedelta(seconds=self.clock.monotonic_s() - watch.began_s)
        if waited < 2 * pause.every + pause.checkpoint:
            return True, False
        return False, job.wanted == "run"  # a person who holds it gets what they want, and is told what it cost

    def _expected(self, job: JobRow, live: SegmentRow, answer: Answer) -> datetime | None:
        """When the last segment will end by its progress, where that is news."""
        if answer.ends is None or not live.is_last or live.phase != "granted" or live.stop_asked_at is not None:
            return None
        pause, cluster, now = job.job.interruptible, self.sites.named(live.cluster).cluster, self.clock.now()
        restart = pause.restart if pause is not None and live.n > 1 else timedelta(0)
        whole = job.job.duration_on(cluster.gpu.model)
        end = expected_end(*answer.ends, before=job.progress, restart=restart, whole=whole, now=now)
        return end if end is not None and is_news(end, max(live.planned_end, now), now) else None

    def _next_look(self, job: JobRow, plan: PlanRow, segments: Sequence[SegmentRow], ahead: Segment) -> datetime:
        """When a waiting plan is to be looked at again: hourly, after a run, and when something has changed."""
        now = self.clock.now()
        if ahead.start - now < _FROZEN:
            return ahead.start
        judged = self._judged_at.get(plan.id, plan.made_at)
        ran = max((s.released_at for s in segments if s.released_at), default=judged)
        if ran > judged:
            return now
        look = self._by_age(job, plan, judged)
        return ahead.start if ahead.start - look < _FROZEN else look

    def _by_age(self, job: JobRow, plan: PlanRow, judged: datetime) -> datetime:
        """When a plan that was judged then is to be looked at again: hourly, and when something has changed."""
        now = self.clock.now()
        if judged > now + _LOOK_AGAIN:  # a wall clock that went back makes no plan young
            return now
        concern = self.shifts.concern(job, plan)
        return judged + _LOOK_AGAIN if concern is None else min(judged + _LOOK_AGAIN, now + concern)

    def _decides(self, stored: StoredJob, live: SegmentRow) -> bool:
        """Whether a job that runs is to be asked whether it goes on, or what follows; not one that only runs on."""
        job, plan, now = stored.job, stored.plan, self.clock.now()
        pause = job.job.interruptible
        if plan is None or pause is None or live.phase != "granted" or live.stop_asked_at is not None:
            return False
        if live.n > 1 and now - live.intended_at < pause.restart:
            return False
        judged = self._judged_at.get(plan.id)
        if plan.next_decision is not None:
            return plan.next_decision <= now and (judged is None or abs(now - judged) >= _LOOK_AGAIN)
        return self._by_age(job, plan, max(judged or plan.made_at, live.intended_at)) <= now

    def kept(self, plan: PlanRow) -> None:
        """Note that a plan was looked at again and stays."""
        self._judged_at[plan.id] = self.clock.now()
        self.shifts.judged(plan.id)

    def replaced(self, plan: PlanRow | None, plan_id: int) -> None:
        """Note that a plan was just made, in the place of another one."""
        if plan is not None:
            self._judged_at.pop(plan.id, None)
            self.shifts.forget(plan.id)
        self.shifts.judged(plan_id)

    def closed(self, live: SegmentRow) -> None:
        """Forget a segment that is over."""
        self.leases.forget(live)
        self._questions.forget(live)
        self._watches.pop(live.sid, None)

    def let_run(self, live: SegmentRow) -> None:
        """Wait no more for a checkpoint of a segment."""
        self._watches.pop(live.sid, None)

    def clusters(self) -> Mapping[str, Mapping[str, object]]:
        """What there is to tell of every cluster: whether it answers, and how its circuit stands."""
        fine = {"silent": "", "circuit": "closed", "failures": 0, "since": None}
        return dict.fromkeys(sorted(self.sites.by_name), fine) | dict(self.circuits.told())

    def _note_alive(self, live: SegmentRow, answer: Answer) -> SegmentRow:
        """Note that it was seen, and where; the store is told now and then, for a lookout that comes after this one."""
        now, node_id = self.clock.now(), answer.observation.node_id if answer.observation else ""
        seen = replace(live, seen_at=now, node_id=node_id or live.node_id)
        self.leases.alive(live)
        told = live.seen_at is not None and abs(now - live.seen_at) < TELL_EVERY
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


def planned_stop(segment: SegmentRow, job: Job, plan: PlanRow | None) -> datetime | None:
    """When its plan asks the segment to stop, so that its save ends in time; None for the last one."""
    return None if segment.is_last or plan is None else segment.planned_end - plan.saves_in(job)


def _ahead(stored: StoredJob) -> Segment | None:
    """The stretch of a job's plan that comes next."""
    return None if stored.plan is None else next_segment(stored.plan, stored.segments)


def _never_ran(observation: Observation) -> bool:
    """Whether the cluster says that the training cannot have run."""
    if observation.status == "stopped":
        return not observation.node_id  # withdrawn before it was given a node
    if observation.status != "failed":
        return False
    blamed = observation.error_type in INFRASTRUCTURE + _ENVIRONMENT
    return blamed or observation.exit_code in _AGENT_NOT_RUN
