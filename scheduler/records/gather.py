"""Everything the store and the evidence hold of a job, brought together for an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from scheduler.domain.cluster import Cluster
from scheduler.records.attempts import Attempt, attempt
from scheduler.records.evidence import BadEvidence, Outcome, Sample
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, JobState, PlanRow, SegmentRow
from scheduler.records.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A job with what it was promised and what it did.

    Args:
        row: as it is stored now.
        planned: the plan it was accepted with.
        clusters: by name, as declared when it was accepted.
        attempts: what ran, in order of time, each with its cluster as declared when it was planned.
        paused_until: end so far of the pause that it is in where it will resume; None where it is in none.
        progress: the last fraction of the work that is known. [-]
        problems: evidence that is there and cannot be read.
    """

    row: JobRow
    planned: PlanRow
    clusters: Mapping[str, Cluster]
    attempts: tuple[Attempt, ...]
    paused_until: datetime | None
    progress: float
    problems: tuple[str, ...]

    @property
    def home(self) -> Cluster | None:
        """The cluster that its counterfactual is laid on; None where that was not declared."""
        return self.clusters.get(self.row.counterfactual.get("home", ""))

    @property
    def data_at(self) -> Cluster | None:
        """The cluster that its data lie on; None where that is not known."""
        return self.clusters.get(self.row.job.data.at or "")


def gather(tx: Transaction, evidence: EvidenceFiles, row: JobRow, *, now: datetime) -> JobHistory:
    """The history of one job up to `now`; evidence that cannot be read counts as none and is named."""
    plans, segments = tx.plans(row.id), tx.segments(row.id)
    declared = {plan.id: clusters_of(plan) for plan in plans if plan is plans[0] or _used(plan, segments)}
    by_id = {plan.id: plan for plan in plans}
    attempts, progress, problems = [], row.progress, []
    for segment in segments:
        outcome, samples, problem = _evidence(evidence, row, segment)
        problems += [problem] if problem else []
        cluster = declared[segment.plan_id][segment.cluster]
        saves_in = by_id[segment.plan_id].saves_in(row.job)
        made = attempt(segment, outcome, samples, cluster=cluster, checkpoint=saves_in, now=now)
        if made is not None:
            attempts.append(made)
        progress = next((s.progress for s in reversed(samples) if s.progress is not None), progress)
    return JobHistory(
        row=row,
        planned=plans[0],
        clusters=declared[plans[0].id],
        attempts=tuple(attempts),
        paused_until=None if _cancelled_outright(tx, row) else _paused_until(row, plans[-1], segments, attempts, now),
        progress=progress,
        problems=tuple(problems),
    )


def clusters_of(plan: PlanRow) -> dict[str, Cluster]:
    """The clusters as they were declared when the plan was made."""
    declared = cast("dict[str, dict[str, object]]", plan.document["clusters"])
    return {name: Cluster.from_mapping(data, what=f"cluster {name}") for name, data in declared.items()}


def _used(plan: PlanRow, segments: Sequence[SegmentRow]) -> bool:
    """Whether a segment was launched by the plan."""
    return any(segment.plan_id == plan.id for segment in segments)


def _evidence(
    evidence: EvidenceFiles, row: JobRow, segment: SegmentRow
) -> tuple[Outcome | None, Sequence[Sample], str]:
    """Outcome of a segment, samples of an open one, and what is wrong with either."""
    try:
        outcome = evidence.outcome(row.id, segment.sid)
        return outcome, () if segment.phase == "over" else evidence.samples(row.id, segment.sid), ""
    except BadEvidence as exc:
        return None, (), f"{segment.sid}: {exc.message}"


def _cancelled_outright(tx: Transaction, row: JobRow) -> bool:
    """Whether a person's cancel stopped it as it ran, so that no pause came before its end."""
    if row.state != JobState.CANCELLED:
        return False
    return any(event.kind == JobState.CANCELLING for event in tx.events(row.id))


def _paused_until(
    row: JobRow, newest: PlanRow, segments: Sequence[SegmentRow], attempts: Sequence[Attempt], now: datetime
) -> datetime | None:
    """The end so far of a pause; it costs nothing where the job goes on elsewhere, and is held where nobody knows."""
    if not attempts or not attempts[-1].paused:
        return None
    live = next((segment.cluster for segment in segments if segment.phase != "over"), None)
    goal = live or _next_cluster(newest, segments)
    return row.finished_at or now if goal in (None, attempts[-1].cluster.name) else None


def _next_cluster(newest: PlanRow, segments: Sequence[SegmentRow]) -> str | None:
    """Where the newest plan goes on, None where it says nothing of that."""
    done = [segment.planned_end for segment in segments if segment.plan_id == newest.id and segment.end == "suspended"]
    ahead = (stretch for stretch in newest.placement.segments if not done or stretch.start >= max(done))
    return next((stretch.cluster for stretch in ahead), None)
