"""Everything the store and the evidence hold of a job, brought together for an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from scheduler.domain.cluster import Cluster
from scheduler.records.attempts import Attempt, attempt
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, PlanRow
from scheduler.records.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A job with what it was promised and what it did.

    Args:
        planned: the plan it was accepted with; attempts: what ran, in order of time.
        progress: the last fraction of the work that is known. [-]
    """

    row: JobRow
    planned: PlanRow
    attempts: tuple[Attempt, ...]
    progress: float


def gather(tx: Transaction, evidence: EvidenceFiles, row: JobRow, *, now: datetime) -> JobHistory:
    """The history of one job up to `now`."""
    attempts, progress = [], row.progress
    for segment in tx.segments(row.id):
        samples = evidence.samples(row.id, segment.sid)
        made = attempt(segment, evidence.outcome(row.id, segment.sid), samples, now=now)
        if made is not None:
            attempts.append(made)
        if segment.phase != "over":
            progress = next((s.progress for s in reversed(samples) if s.progress is not None), progress)
    return JobHistory(row=row, planned=tx.plans(row.id)[0], attempts=tuple(attempts), progress=progress)


def clusters_of(plan: PlanRow) -> dict[str, Cluster]:
    """The clusters as they were declared when the plan was made."""
    declared = cast("dict[str, dict[str, object]]", plan.document["clusters"])
    return {name: Cluster.from_mapping(data, what=f"cluster {name}") for name, data in declared.items()}
