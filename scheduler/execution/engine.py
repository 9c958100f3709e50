"""The engine: one pass looks at every open job and takes the steps that its situation calls for.

What is wanted lives in the store, what is real on the clusters; each step writes its intent before it acts
and may be repeated, so the process can die at any instant. A cluster that does not answer delays its own
jobs only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import to_the_second
from scheduler.domain.job import Interruptible
from scheduler.domain.placement import Segment
from scheduler.execution.alarms import Alarms
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import INFRASTRUCTURE, Lookout, View, planned_stop
from scheduler.execution.mishaps import INTERNAL, Mishaps
from scheduler.execution.placing import Placer
from scheduler.execution.sites import Claim, Sites, claim, coming, room, usable
from scheduler.execution.transitions import TERMINAL, Action, decide
from scheduler.execution.verdict import Verdict, by_outcome, unknown, unstarted
from scheduler.ports import Capacity, Clock
from scheduler.problem.candidates import width_on
from scheduler.records.reservations import reservations
from scheduler.records.rows import FINAL, JobMark, JobRow, JobState, SegmentRow, StoredJob
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

_READ_AT_ONCE: Final = 200
"""Jobs are read from the store so many at a time."""
_STEPS_A_PASS: Final = 6
"""A job takes at most so many steps before the others have their turn."""
_RELEASE_WITHIN: Final = timedelta(seconds=5)
"""Ray frees the GPUs within this time of the entrypoint's end; used where nobody was looking at that moment."""
_NO_ROOM: Final = "no room"
_PATIENCE: Final = timedelta(minutes=10)
"""How long a job waits for room after its planned start before it is planned again."""
_ROOM_AGAIN: Final = timedelta(seconds=5)
"""How soon a cluster without room is asked again."""
_SHOWN_WITHIN: Final = timedelta(seconds=15)
"""Ray shows GPUs as taken within this time of a launch; about 7 s with its default intervals."""
_OTHERS_STAY: Final = timedelta(hours=1)
"""How long a plan takes others to stay where they are; their jobs say no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Reconciles the store with the clusters."""

    store: Store
    sites: Sites
    placer: Placer
    launcher: Launcher
    lookout: Lookout
    clock: Clock
    _stops_sent: set[str] = field(default_factory=set)
    _alarms: Alarms = field(default_factory=Alarms)
    _mishaps: Mishaps = field(default_factory=Mishaps)

    def step(self, *, leave: Callable[[], bool] = lambda: False) -> int:
        """One pass over the open jobs, cut short between two of them where `leave` says so; how many are left open."""
        for stored in self._awake():
            if leave():
                break
            self._guarded(stored)
        self.lookout.tell()
        with self.store.reading() as tx:
            return len(tx.open_marks())

    def _awake(self) -> Iterator[StoredJob]:
        """The jobs that may have something to do, as they are stored, a batch at a time."""
        with self.store.reading() as tx:
            marks = tx.open_marks()
        now = self.clock.now()
        awake = [mark.job_id for mark in marks if not self._alarms.asleep(mark, now)]
        for first in range(0, len(awake), _READ_AT_ONCE):
            yield from self._read(awake[first : first + _READ_AT_ONCE])

    def _read(self, job_ids: Sequence[str]) -> list[StoredJob]:
        """Jobs as they are stored now."""
        with self.store.reading() as tx:
            return tx.stored(job_ids)

    def _guarded(self, stored: StoredJob) -> None:
        """Advance a job; a bug met on the way holds up that job alone, and is told in the log and in its reason."""
        job_id, now_s = stored.job.id, self.clock.monotonic_s()
        if self._mishaps.rests(job_id, now_s):
            return
        try:
            self._advance(stored)
        except Exception as exc:  # noqa: BLE001  # whatever the bug is, the other jobs' suspends must come in time
            [stored] = self._read([job_id])
            self._reason(stored.job, self._mishaps.happened(job_id, exc, now_s))
        else:
            self._mishaps.over(job_id)

    def _advance(self, stored: StoredJob) -> None:
        """Take a job's steps until there is none to take now."""
        for _ in range(_STEPS_A_PASS):
            if stored.job.state in FINAL:
                return
            try:
                view = self.lookout.look(stored, self._stops_sent)
                action, _ = decide(view.situation)
                if action is Action.WAIT or not self._do(action, view):
                    self._say_why(view)
                    self._sleep(view)
                    return
            except CarbonschedError as exc:
                self._reason(stored.job, exc.message)
                return
            [stored] = self._read([stored.job.id])

    def _sleep(self, view: View) -> None:
        """Let a job that waits for its time sleep until then, and one that waits for room for a moment."""
        wake = self.clock.now() + _ROOM_AGAIN if view.situation.start_due else view.wake
        if wake is not None:
            self._alarms.set(JobMark(view.job.id, view.job.state, view.job.wanted), wake)

    def _say_why(self, view: View) -> None:
        """Keep the reason of a job that waits true."""
        now, live = view.situation, view.live
        waits = now.phase is None and not now.start_due and view.job.reason.startswith((_NO_ROOM, INTERNAL))
        if view.silence:
            self._reason(view.job, view.silence)
        elif live is not None and now.phase == "granted" and now.seen in TERMINAL:
            until = to_the_second(self.lookout.lease_end(view.job, live))
            self._reason(view.job, f"over on {live.cluster}, its outcome unread: given up at {until}")
        elif waits or now.seen in ("running", "pending"):
            self._reason(view.job, "")

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
            case Action.RECONSIDER:
                return self._reconsider(view)
        segment = view.live
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
        with self.store.reading() as tx:
            others = self._taken_by_others(view.job, tx, now)
        with self.store.writing() as tx:
            past = tx.segments(view.job.id)
            taken = (*reservations(tx, now, but=view.job.id), *others)
            placed = self.placer.place(self._as_seen(view), past, now=now, taken=taken)
            tx.add_plan(view.job.id, now, placed.document)
            resumes = any(segment.end == "suspended" for segment in past)
            tx.set_job(view.job.id, state=JobState.SUSPENDED if resumes else JobState.PLANNED, reason=placed.reason)
            tx.add_event(view.job.id, now, "planned", placed.reason or "planned again")
        return True

    def _as_seen(self, view: View) -> JobRow:
        """The job with what its own suspends and resumes took in the place of what it states."""
        seen = self.lookout.harvester.seen(view.job.id, view.segments)
        return replace(view.job, job=seen.applied(view.job.job))

    def _reconsider(self, view: View) -> bool:
        """Plan again, and keep the older plan unless it no longer works or the gain is worth a change."""
        now, plan = self.clock.now(), view.plan
        assert plan is not None and view.ahead is not None, view.job.id  # noqa: S101, PT018  # only a plan can be stale
        start = view.ahead.start
        ahead = [stretch for stretch in plan.placement.segments if stretch.start >= start]
        with self.store.writing() as tx:
            past = tx.segments(view.job.id)
            taken = reservations(tx, now, but=view.job.id)
            placed = self.placer.better(self._as_seen(view), past, ahead, now=now, taken=taken)
            if placed is None:
                self.lookout.kept(plan)
                return False
            tx.add_plan(view.job.id, now, placed.document)
            tx.set_job(view.job.id, reason=placed.reason)
            tx.add_event(view.job.id, now, "planned", placed.reason or "planned again: the older plan is worse now")
        return True

    def _intend(self, view: View) -> bool:
        """Write the intent to run the next segment, once its cluster has room for all of it."""
        job, plan, ahead, now = view.job, view.plan, view.ahead, self.clock.now()
        assert plan is not None and ahead is not None, job.id  # noqa: S101, PT018  # a start is due only by a plan
        site = self.sites.named(ahead.cluster)
        wanted, capacity = claim(job.job, site.cluster), self.lookout.probe(ahead.cluster)
        free = room(capacity.free_by_node, self._on_the_way(site.cluster, capacity), spans=wanted.spans)
        if free < wanted.gpus:
            where = "" if wanted.spans else " on a node"
            return self._crowded(view, f"{_NO_ROOM} on {ahead.cluster}: {free} of {wanted.gpus} GPUs free{where}")
        safe = [s for s in view.segments if s.end == "suspended"]
        n = len(safe) + 1
        attempt = 1 + sum(s.n == n for s in view.segments)
        row = SegmentRow(
            fence=0, job_id=job.id, plan_id=plan.id, n=n, attempt=attempt, sid=f"cs-{job.id}-s{n}-a{attempt}",
            cluster=ahead.cluster, gpus=ahead.gpus, planned_end=ahead.end,
            is_last=ahead == plan.placement.segments[-1], phase="intended", stop_asked_at=None, intended_at=now,
            granted_at=None, seen_at=None, released_at=None, node_id="", end="",
            session=capacity.session,
        )  # fmt: skip
        with self.store.writing() as tx:
            if tx.job(job.id).wanted != "run":
                return True
            tx.add_segment(row)
            tx.set_job(job.id, state=JobState.LAUNCHING, reason="")
            tx.add_event(job.id, now, "launching", f"segment {n}, attempt {attempt}, on {ahead.cluster}")
        return True

    def _crowded(self, view: View, why: str) -> bool:
        """Wait for room with patience, then look for another place: what others use now is known by then."""
        assert view.ahead is not None, view.job.id  # noqa: S101  # it waits for the next stretch
        if self.clock.now() - view.ahead.start < _PATIENCE:
            self._reason(view.job, why)
            return False
        return self._settle(view.job, JobState.QUEUED, why)

    def _on_the_way(self, cluster: Cluster, capacity: Capacity) -> list[Claim]:
        """What launches take that the cluster's free GPUs may not show yet."""
        now = self.clock.now()
        with self.store.reading() as tx:
            sent = [s for s in tx.open_segments() if s.cluster == cluster.name]
            claims = {s.fence: claim(tx.job(s.job_id).job, cluster) for s in sent}
        fresh = [s.fence for s in sent if s.phase == "intended" or now - s.intended_at < _SHOWN_WITHIN]
        return coming(capacity, list(claims.values()), [claims[fence] for fence in fresh])

    def _taken_by_others(self, job: JobRow, tx: Transaction, now: datetime) -> tuple[Segment, ...]:
        """What others use of each cluster now, taken to last a while; all of one that does not answer."""
        taken = []
        for site in self.sites.by_name.values():
            cluster = site.cluster
            own = sum(width_on(tx.job(s.job_id).job, cluster) for s in tx.open_segments() if s.cluster == cluster.name)
            try:
                free = usable(self.lookout.probe(cluster.name).free_by_node, claim(job.job, cluster))
            except CarbonschedError:
                free = -own  # nothing can be sent there now, which its own jobs' waiting says already
            others = min(cluster.gpus, cluster.gpus - own - free)
            if others > 0:
                taken.append(Segment(cluster=cluster.name, start=now, end=now + _OTHERS_STAY, gpus=others))
        return tuple(taken)

    def _submit(self, job: JobRow, segment: SegmentRow) -> bool:
        """Hand the launch to the cluster; safe to repeat, the id is the key."""
        site = self.sites.named(segment.cluster)
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
        self.sites.named(segment.cluster).executor.stop(segment.sid)
        self._stops_sent.add(segment.sid)
        return False

    # Closing

    def _close_by_outcome(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment whose outcome was read."""
        outcome = view.outcome
        assert outcome is not None, segment.sid  # noqa: S101  # the table closes by an outcome only where there is one
        worked = self.placer.worked(view.job, segment, outcome)
        asked_at = segment.stop_asked_at
        planned = planned_stop(segment, (view.job.job.interruptible or Interruptible()).checkpoint)
        verdict = by_outcome(
            view.job,
            outcome,
            stop_asked=asked_at is not None,
            worked=worked,
            granted=segment.phase == "granted",
            by_plan=asked_at is not None and planned is not None and asked_at >= planned,
        )
        released = min(self.clock.now(), outcome.ended_at + _RELEASE_WITHIN)
        return self._close(view.job, segment, verdict, released_at=released)

    def _close_unstarted(self, view: View, segment: SegmentRow) -> bool:
        """Close a segment whose entrypoint never ran."""
        said = view.observation
        why = " ".join((said.message if said else "").split())[:300] or "its cluster could not start it"
        infrastructure = said is not None and said.error_type in INFRASTRUCTURE
        withdrawn = segment.stop_asked_at is not None
        verdict = unstarted(view.job, why, infrastructure=infrastructure, withdrawn=withdrawn)
        return self._close(view.job, segment, verdict, released_at=self.clock.now())

    def _close(self, job: JobRow, segment: SegmentRow, verdict: Verdict, *, released_at: datetime) -> bool:
        """Bring the rest of the evidence home, then write the end of the segment and what it means."""
        unread = self.lookout.harvester.close(segment, self.sites.named(segment.cluster).executor)
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

    def _reason(self, job: JobRow, text: str) -> None:
        """Say why a job waits, once."""
        if job.reason == text:
            return
        with self.store.writing() as tx:
            tx.set_job(job.id, reason=text)
            if text:
                tx.add_event(job.id, self.clock.now(), "waits", text)
