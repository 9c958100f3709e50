"""Plans for stored jobs: the planner, asked with what the store knows of a job."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import Infeasible
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Interruptible, Job
from scheduler.domain.placement import Segment
from scheduler.execution.going_on import GoesOn, decided_again, planned_again
from scheduler.execution.grid import Grid
from scheduler.execution.improving import improved
from scheduler.execution.placed import Placed
from scheduler.execution.windows import Found
from scheduler.planning.document import as_json
from scheduler.planning.plan import NoPlan
from scheduler.planning.planner import Decided, decides_again, make_plan
from scheduler.planning.situation import Situation
from scheduler.ports import Policy
from scheduler.problem.candidates import duration_on
from scheduler.problem.learnt import Learnt
from scheduler.problem.limits import horizon
from scheduler.problem.past import PAST
from scheduler.records.evidence import Outcome
from scheduler.records.homes import Homes
from scheduler.records.rows import JobRow, SegmentRow

_MARGIN_SHARE: Final = 0.02
"""Share of the time to the deadline that is kept free of plans. [-]"""
_ALMOST_DONE: Final = 0.999
"""Most progress that is taken from a clock; only the training itself can say that it is done. [-]"""
_LATE_ROOM: Final = timedelta(days=30)
"""How far ahead room is looked for, for a job that can no longer keep its deadline."""
_LATE_POLICY: Final = "lowest-carbon-region"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningPlacer:
    """Plans with the declared clusters and the installed sources and policies.

    Args:
        default_slack: of a job that states neither deadline nor slack.
        home: the operator's home for every job, None to follow the job; homes: by project and date, before that one.
        least_margin: kept free before a deadline, or 2 % of the time to it where that is more.
        past_runs: what past runs of a job's name took, for one that states no duration.
        other: intensities on another basis, priced beside; allow_opposed: whether a job moves to where those oppose.
    """

    clusters: Mapping[str, Cluster]
    grid: Grid
    policies: Mapping[str, Policy]
    default_slack: timedelta
    home: str | None
    least_margin: timedelta
    past_runs: Callable[[Job], Learnt | None] = field(default=lambda _job: None)
    other: Grid | None = None
    allow_opposed: bool = False
    homes: Homes = field(default_factory=Homes)

    def submitted(
        self,
        job: Job,
        reference: Mapping[str, str],
        *,
        now: datetime,
        taken: Sequence[Segment],
        explain: bool = True,
    ) -> Placed:
        """The first plan of a job; `explain` has it say what binds it, which takes time.

        A job that would keep its deadline on empty clusters, and does not beside what others hold, is admitted late:
        as early as it can be through then, and flagged.

        Raises:
            Infeasible: nothing keeps its deadline on empty clusters either; the hint says what to relax.
        """
        situation = self._situation(job, reference, now=now, submitted_at=now, taken=taken)
        try:
            return self.planned(situation, explain=explain)
        except Infeasible as exc:
            if not taken:
                raise
            alone = self.planned(replace(situation, reservations=()))
            placed = self._late(situation, exc.message)
            flagged = {"deadline": alone.document["deadline"], "late_at_admission": True}
            return replace(placed, document={**placed.document, **flagged})

    def place(self, row: JobRow, past: Sequence[SegmentRow], *, now: datetime, taken: Sequence[Segment]) -> Placed:
        """A plan for what is left of the job: anywhere it is allowed, as soon as it can, once it is late."""
        situation = self.again(row, past, now=now, taken=taken)
        try:
            return self.planned(situation)
        except Infeasible as exc:
            return self._late(situation, exc.message)

    def lateness(self, row: JobRow, past: Sequence[SegmentRow], *, now: datetime, taken: Sequence[Segment]) -> str:
        """Why nothing that is left of the job can be done before its deadline; empty where it can."""
        try:
            self.planned(self.again(row, past, now=now, taken=taken))
        except Infeasible as exc:
            return exc.message
        return ""

    def better(
        self,
        row: JobRow,
        past: Sequence[SegmentRow],
        ahead: Sequence[Segment],
        *,
        now: datetime,
        taken: Sequence[Segment],
    ) -> Placed | None:
        """A plan to replace what is left of an older one, where `improved` says so or it breaks a constraint.

        A policy without forecast decides anew.
        """
        if decides_again(self.policies.get(row.job.policy)):
            return self.place(row, past, now=now, taken=taken)
        try:
            return improved(self.again(row, past, now=now, taken=taken), ahead, self.planned)
        except Infeasible:
            return self.place(row, past, now=now, taken=taken)

    def going_on(
        self,
        row: JobRow,
        past: Sequence[SegmentRow],
        live: SegmentRow,
        later: tuple[Segment, ...],
        *,
        now: datetime,
        taken: Sequence[Segment],
    ) -> GoesOn | None:
        """What follows of a job that runs, by its policy now; None where what was planned stays.

        Args:
            row: the job, with the progress that it has now.
            past: its segments that are over; live: the one that runs.
            later: what was planned behind that.
            now: the moment of decision.
            taken: what others hold.
        """
        stopped = replace(live, phase="over", end="suspended")
        situation = self.again(row, (*past, stopped), now=now, taken=taken)
        if decides_again(self.policies.get(row.job.policy)):
            return decided_again(situation, live, self.planned)
        return planned_again(situation, live, later, self.planned)

    def whole(self, job: Job, segment: SegmentRow) -> timedelta | None:
        """One uninterrupted run of the job at the width and on the GPUs of a segment; None where nobody knows."""
        stated = duration_on(job, self.clusters[segment.cluster], self._learnt(job))
        speed = job.elastic.speedup.get(segment.gpus, 1.0) if job.elastic is not None else 1.0
        return None if stated is None else stated / speed

    def freshen(self, reference: Mapping[str, str], until: datetime, *, now: datetime) -> object:
        """Have the grid ask its providers for what is missing; what changes when plans may come out differently."""
        zones = [cluster.zone for cluster in self.clusters.values()]
        self.grid.freshen(reference, zones, now, until)
        if self.other is not None:
            self.other.freshen(self.other.reference(None), zones, now, until)
        return self.grid.stamp(reference)

    def worked(self, row: JobRow, segment: SegmentRow, outcome: Outcome) -> float:
        """Progress by the clock: time run, less restart and checkpoint, over the whole duration. [-]"""
        whole = self.whole(row.job, segment)
        if whole is None:
            return row.progress
        pause = row.job.interruptible or Interruptible()
        restart = pause.restart if segment.n > 1 else timedelta(0)
        spent = outcome.training[1] - pause.checkpoint - restart
        return min(_ALMOST_DONE, row.progress + max(timedelta(0), spent) / whole)

    def again(self, row: JobRow, past: Sequence[SegmentRow], *, now: datetime, taken: Sequence[Segment]) -> Situation:
        """The situation of what is left of a stored job."""
        saved = [segment for segment in past if segment.end == "suspended"]
        pairs = itertools.pairwise(saved)
        promised = {"deadline": row.deadline_at}  # what is learnt since moves no promise
        job = row.job if row.job.duration is not None or row.job.deadline else row.job.model_copy(update=promised)
        return replace(
            self._situation(job, row.intensity, now=now, submitted_at=row.submitted_at, taken=taken),
            operator_home=row.counterfactual["home"],
            resumed_from=saved[-1].cluster if saved else None,
            suspends_done=len(saved),
            moves_done=sum(before.cluster != after.cluster for before, after in pairs),
            progress=min(row.progress, _ALMOST_DONE),
        )

    def _situation(
        self,
        job: Job,
        reference: Mapping[str, str],
        *,
        now: datetime,
        submitted_at: datetime,
        taken: Sequence[Segment],
    ) -> Situation:
        """What a plan is made from."""
        declared = tuple(self.clusters.values())
        learnt, zones = self._learnt(job), [cluster.zone for cluster in declared]
        until = horizon(job, submitted_at, default_slack=self.default_slack, learnt=learnt)
        margin = max(self.least_margin, (until - now) * _MARGIN_SHARE)
        found = self._found(job, reference, now, max(until, now + _HOUR), promised=now > submitted_at)
        return Situation(
            job=job,
            clusters=declared,
            intensity=found.series,
            lacking=found.lacking,
            may_come=self.grid.may_come(reference, zones, now, max(until, now + _HOUR)),
            history=self._history(job, reference, zones, now),
            other=self._other(zones, now, max(until, now + _HOUR)),
            allow_opposed=self.allow_opposed,
            now=now,
            submitted_at=submitted_at,
            operator_home=self.homes.of(job.project, submitted_at) or self.home,
            default_slack=self.default_slack,
            deadline_margin=margin,
            learnt=learnt,
            reservations=taken,
        )

    def _home_by(self, job: Job, submitted_at: datetime) -> str:
        """Whose word a job's home is."""
        if self.homes.of(job.project, submitted_at) or self.home:
            return "operator"
        return "job" if job.home is not None else "the only cluster allowed"

    def _learnt(self, job: Job) -> Learnt | None:
        """What past runs took, for a job that states no duration."""
        return self.past_runs(job) if job.duration is None else None

    def _history(
        self, job: Job, reference: Mapping[str, str], zones: Sequence[str], now: datetime
    ) -> Mapping[str, IntensitySeries] | None:
        """What was observed in the weeks before, for a policy that looks at nothing else."""
        named = self.policies.get(job.policy)
        if named is None or "history" not in named.needs:
            return None
        return self.grid.ahead(reference, zones, now - PAST, now, now).series

    def _other(self, zones: Sequence[str], now: datetime, until: datetime) -> Mapping[str, IntensitySeries] | None:
        """What lies ahead on the other basis."""
        return (
            None if self.other is None else self.other.ahead(self.other.reference(None), zones, now, until, now).series
        )

    def _found(
        self, job: Job, reference: Mapping[str, str], now: datetime, until: datetime, *, promised: bool
    ) -> Found:
        """What is known of the clusters' zones; where nothing is, no price, for whom no price is needed.

        A policy that looks at no intensity needs none, and a job that was accepted keeps its deadline also while
        every source is down.
        """
        named = self.policies.get(job.policy)
        blind = named is not None and "forecast" not in named.needs
        zones = [cluster.zone for cluster in self.clusters.values()]
        return self.grid.to_plan_on(reference, zones, now, until, now, at_no_price=blind or promised)

    def planned(
        self,
        situation: Situation,
        policy: str | None = None,
        *,
        explain: bool = False,
        decided: Decided | None = None,
    ) -> Placed:
        """A plan, and beside it the clusters as declared and how early a stop is asked for: both may change later.

        Args:
            situation: what it is made from.
            policy: stands in for the job's own.
            explain: whether it says what binds it.
            decided: what was decided already.

        Raises:
            Infeasible: there is none; the hint says what to relax.
        """
        plan = make_plan(situation, self.policies, policy, explain=explain, decided=decided)
        if isinstance(plan, NoPlan):
            raise Infeasible(plan.message, hint="; ".join(plan.relax) or "relax the job's constraints")
        pause = situation.job.interruptible or Interruptible()
        declared = {
            name: cluster.model_dump(mode="json", exclude_defaults=True, exclude={"ray"})
            for name, cluster in self.clusters.items()
        }
        beside = {
            "checkpoint_s": pause.checkpoint.total_seconds(),
            "clusters": declared,
            "late_at_admission": False,
        }
        home_by = self._home_by(situation.job, situation.submitted_at or situation.now)
        return Placed(plan=plan, document={**as_json(plan), **beside}, home_by=home_by)

    def _late(self, situation: Situation, why: str) -> Placed:
        """A plan for a job that can no longer keep its deadline: as soon as it can be through."""
        job = situation.job.model_copy(update={"deadline": situation.now + _LATE_ROOM})
        placed = self.planned(replace(situation, job=job, until=None), policy=_LATE_POLICY)
        return replace(placed, reason=f"late: {why}")


_HOUR: Final = timedelta(hours=1)
