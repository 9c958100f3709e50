"""All that a plan is made from, so that the same job can be assembled at each level of its uncertain figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.planning.forecasting.deviations import Deviations
from scheduler.problem.assemble import Assembled, assemble
from scheduler.problem.learnt import Learnt
from scheduler.problem.limits import NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A job, the clusters and the grid at a moment of decision; `assemble` says what each field means.

    `may_come` is what the intensity may do instead, for the band of the saving; None where nothing is known of that.
    `lacking` says of each zone without a series why there is none.
    `beyond` is the intensity up to a day more than the deadline, `other` the same as `intensity` on another basis; a
    job is moved to where that one opposes only with `allow_opposed`. `running` is for a policy that asks for more
    before it pauses a job than before it lets one wait.
    """

    job: Job
    clusters: Sequence[Cluster]
    intensity: Mapping[str, IntensitySeries]
    now: datetime
    submitted_at: datetime | None = None
    allowed: Sequence[str] | None = None
    operator_home: str | None = None
    default_slack: timedelta = NO_TIME
    deadline_margin: timedelta = NO_TIME
    learnt: Learnt | None = None
    reservations: Sequence[Segment] = ()
    progress: float = 0.0
    resumed_from: str | None = None
    suspends_done: int = 0
    moves_done: int = 0
    step: timedelta | None = None
    until: datetime | None = None
    moments: Sequence[datetime] = ()
    may_come: Deviations | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)
    history: Mapping[str, IntensitySeries] | None = None
    beyond: Mapping[str, IntensitySeries] | None = None
    other: Mapping[str, IntensitySeries] | None = None
    allow_opposed: bool = False
    running: bool = False

    def at(self, level: Level) -> Assembled:
        """The problem with every figure taken at one corner of its range."""
        assembled = assemble(
            self.job,
            self.clusters,
            self.intensity,
            self.now,
            level=level,
            submitted_at=self.submitted_at,
            allowed=self.allowed,
            operator_home=self.operator_home,
            default_slack=self.default_slack,
            deadline_margin=self.deadline_margin,
            learnt=self.learnt,
            reservations=self.reservations,
            progress=self.progress,
            resumed_from=self.resumed_from,
            suspends_done=self.suspends_done,
            moves_done=self.moves_done,
            step=self.step,
            until=self.until,
            moments=self.moments,
            history=self.history,
        )
        return replace(assembled, problem=replace(assembled.problem, running=True)) if self.running else assembled
