"""What must hold whatever was injected, counted against what really happened in the simulated world."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations

from scheduler.domain.instant import hours_between
from scheduler.domain.job import Interruptible
from scheduler.execution.mishaps import INTERNAL
from scheduler.execution.verdict import INTERRUPTION_BUDGET
from scheduler.records.accounts import run_coverage
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.gather import gather
from scheduler.records.rows import FINAL, JobRow, JobState, SegmentRow
from scheduler.records.store import Store
from tests.chaos.sim_cluster import SimCluster
from tests.chaos.simulated import SAMPLE_S, SAVE_S, Training, World

LOST_JOBS = "jobs lost"
DOUBLE_RUNS = "double runs"
WRONG_STATES = "wrong final states"
CHANGED_STATES = "final states that changed"
UNASKED_STOPS = "stops nobody wanted"
STRAYS = "trainings that run on after their job was closed, the scheduler being to blame"
UNSAID_ENERGY = "runs whose energy is neither counted nor said to be missing"
BUGS = "bugs met in the scheduler"
VIOLATIONS = (LOST_JOBS, DOUBLE_RUNS, WRONG_STATES, CHANGED_STATES, UNASKED_STOPS, STRAYS, UNSAID_ENERGY, BUGS)

_WITHDRAWN_AFTER = timedelta(seconds=60)
_INTERRUPTED = ("interrupted", "unknown", "never_started")
_ROUNDING_H = 30 / 3600


@dataclass(slots=True, kw_only=True)
class Judge:
    """Sees everything; believes only the world.

    Args:
        asked: what people asked of each job.
        found: each violation in words.
    """

    world: World
    store: Store
    clusters: dict[str, SimCluster]
    asked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    found: list[tuple[str, str]] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    final: dict[str, JobState] = field(default_factory=dict)

    def stop_asked(self, sid: str) -> None:
        """A stop reached a cluster: somebody or the plan must have wanted it."""
        with self.store.reading() as tx:
            segment = next(each for each in tx.open_segments() if each.sid == sid)
            job = tx.job(segment.job_id)
            kinds = [each.kind for each in tx.events(job.id)]
        newest = kinds[len(kinds) - kinds[::-1].index("launching") :]
        stopped_before_it_ran = "running" not in newest or "suspending" in newest[: newest.index("running")]
        now = self.world.clock.now()
        pause = (job.job.interruptible or Interruptible()).checkpoint
        asked_at = segment.stop_asked_at or now
        by_plan = not segment.is_last and asked_at >= segment.planned_end - pause
        withdrawn = asked_at >= segment.intended_at + _WITHDRAWN_AFTER and stopped_before_it_ran
        if not (by_plan or withdrawn or self.asked[job.id] & {"cancel", "hold"}):
            self.found.append((UNASKED_STOPS, sid))

    def look(self) -> None:
        """Check what must hold at every moment."""
        with self.store.reading() as tx:
            jobs = tx.jobs()
        for job in jobs:
            before = self.final.get(job.id)
            if before is not None and before != job.state:
                self.found.append((CHANGED_STATES, f"{job.id}: {before} to {job.state}"))
            if job.state in FINAL:
                self.final[job.id] = job.state

    def verdict(self) -> None:
        """Check what must hold in the end."""
        with self.store.reading() as tx:
            rows = [(job, tx.segments(job.id)) for job in tx.jobs()]
            events = [(job.id, event.text) for job, _ in rows for event in tx.events(job.id)]
        self.found += [(BUGS, f"{job_id}: {text}") for job_id, text in events if text.startswith(INTERNAL)]
        for job, segments in rows:
            runs = [each for each in self.world.trainings if each.job_id == job.id]
            self.facts[f"jobs {job.state.value}"] += 1
            self.facts["segments"] += len(segments)
            self.facts["trainings begun"] += len(runs)
            self._double(job, runs)
            self._state(job, segments, runs)
            self._energy(job, runs)

    def _double(self, job: JobRow, runs: list[Training]) -> None:
        """No two trainings of a job may live longer together than an agent takes to see the higher fence."""
        now_s = self.world.clock.true_s
        for one, two in combinations(runs, 2):
            both_s = min(one.ended_s, two.ended_s, now_s) - max(one.begun_s, two.begun_s)
            self.facts["pairs that met until the fence was seen"] += 0 < both_s <= SAMPLE_S + SAVE_S
            if both_s > SAMPLE_S + SAVE_S + 0.01:
                self.found.append((DOUBLE_RUNS, f"{one.launch.sid} and {two.launch.sid} for {both_s:.0f} s"))

    def _state(self, job: JobRow, segments: list[SegmentRow], runs: list[Training]) -> None:
        """A job must end, as what happened to it."""
        finished = any(each.how == "finished" for each in runs)
        failed = sum(each.how == "failed" for each in runs)
        right = {
            JobState.SUCCEEDED: finished,
            JobState.CANCELLED: "cancel" in self.asked[job.id],
            JobState.FAILED: failed > job.job.retries and not finished,
            JobState.LOST: not finished and sum(map(self._struck, segments)) > INTERRUPTION_BUDGET,
        }
        if job.state not in FINAL:
            self.found.append((LOST_JOBS, f"{job.id} is {job.state.value}: {job.reason or 'no reason'}"))
        elif not right[job.state]:
            self.found.append((WRONG_STATES, f"{job.id} is {job.state.value}: {job.reason or 'no reason'}"))
        for run in runs:
            if job.state in FINAL and run.lives_at(self.world.clock.true_s):
                self.facts["orphans that outlive their job"] += not run.known
                if run.known:
                    self.found.append((STRAYS, run.launch.sid))

    def _struck(self, segment: SegmentRow) -> bool:
        """Whether the infrastructure really took this attempt."""
        if segment.end not in _INTERRUPTED:
            return False
        cluster = self.clusters[segment.cluster]
        restarted = segment.session != f"{segment.cluster}-{cluster.session}"
        return segment.sid in cluster.touched or (restarted and segment.sid not in cluster.ran)

    def _energy(self, job: JobRow, runs: list[Training]) -> None:
        """Every run lies in a reservation, or the report says that less than all is known."""
        with self.store.reading() as tx:
            history = gather(tx, EvidenceFiles(self.store.folder), job, now=self.world.clock.now())
        reserved = {each.sid: each for each in history.attempts}
        coverage = run_coverage(job.job, history.attempts)
        self.facts["jobs whose report says less than all is known"] += coverage < 1
        for run in runs:
            ran_h = (min(run.ended_s, self.world.clock.true_s) - run.begun_s) / 3600
            there = reserved.get(run.launch.sid)
            counted_h = 0.0 if there is None else hours_between(*there.reserved)
            missing_h = ran_h - counted_h
            said = there is not None and there.known_by == "nothing"
            if missing_h > _ROUNDING_H and not said and not run.known:
                self.facts["orphans' minutes outside every reservation"] += round(60 * missing_h)
            elif missing_h > _ROUNDING_H and not said:
                self.found.append((UNSAID_ENERGY, f"{run.launch.sid}: {60 * missing_h:.1f} minutes"))
