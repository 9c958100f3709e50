"""Everything the store and the evidence hold of jobs, brought together for their accounts.

Many are read by a few queries for all of them, and a plan's clusters are made once for as many plans as declare them
alike: a report of ten thousand jobs reads ten thousand plans.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, cast

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.records.attempts import Attempt, attempt
from scheduler.records.energy import EnergyCurve
from scheduler.records.evidence import BadEvidence, Outcome, Sample
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.received import Received
from scheduler.records.rows import JobRow, JobState, PlanRow, SegmentRow
from scheduler.records.taken_up import taken_up
from scheduler.records.transaction import Past, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A job with what it was promised and what it did.

    Args:
        row: as it is stored now.
        planned: the plan it was accepted with, but for what only explains it.
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
    def simulated(self) -> bool:
        """Whether any of it ran, or where nothing ran yet will run, on hardware that is not there."""
        if self.attempts:
            return any(attempt.cluster.simulated for attempt in self.attempts)
        return any(self.clusters[segment.cluster].simulated for segment in self.planned.placement.segments)

    @property
    def data_at(self) -> Cluster | None:
        """The cluster that its data lie on; None where that is not known."""
        return self.clusters.get(self.row.job.data.at or "")


_AT_ONCE: Final = 500
"""Jobs that one query asks for."""
_LARGE: Final = frozenset(("alternatives", "baseline", "candidates", "clusters", "intensity", "other_basis", "why"))
"""What a plan says to explain itself: most of it, and nothing that an account is made from."""

_KEPT: Final = frozenset(("calendar", "quotas", "reserve", "walltime"))
"""What clusters kept from plans binds no account and no hindsight, and older plans have it in any form."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The clusters of plans, each declaration made once."""

    _made: dict[str, Cluster] = field(default_factory=dict)

    def of(self, plan: PlanRow) -> dict[str, Cluster]:
        """The clusters as they were declared when the plan was made."""
        declared = cast("dict[str, dict[str, object]]", plan.document["clusters"])
        return {name: self._cluster(name, data) for name, data in declared.items()}

    def _cluster(self, name: str, data: dict[str, object]) -> Cluster:
        """One cluster, by its text."""
        text = json.dumps(data)
        if text not in self._made:
            counted = {key: said for key, said in data.items() if key not in _KEPT}
            self._made[text] = Cluster.from_mapping(counted, what=f"cluster {name}")
        return self._made[text]


def gather(tx: Transaction, evidence: EvidenceFiles, row: JobRow, *, now: datetime) -> JobHistory:
    """The history of one job up to `now`; evidence that cannot be read counts as none and is named."""
    return next(gather_all(tx, evidence, [row], now=now))


def gather_all(
    tx: Transaction, evidence: EvidenceFiles, rows: Sequence[JobRow], *, now: datetime
) -> Iterator[JobHistory]:
    """The histories of many jobs, in their order."""
    declared = Declared()
    for first in range(0, len(rows), _AT_ONCE):
        batch = rows[first : first + _AT_ONCE]
        pasts = tx.pasts([row.id for row in batch])
        for row in batch:
            yield _history(evidence, row, pasts[row.id], declared, now)


def clusters_of(plan: PlanRow) -> dict[str, Cluster]:
    """The clusters as they were declared when the plan was made."""
    return Declared().of(plan)


def _history(evidence: EvidenceFiles, row: JobRow, past: Past, declared: Declared, now: datetime) -> JobHistory:
    """The history of a job from what the store says of it."""
    by_id = {plan.id: plan for plan in past.plans}
    clusters = {plan.id: declared.of(plan) for plan in past.plans if plan is past.plans[0] or past.used(plan)}
    attempts, progress, problems = [], row.progress, []
    for segment in past.segments:
        found = _evidence(evidence, row, segment)
        problems += [found.problem] if found.problem else []
        made = attempt(
            segment,
            found.outcome,
            found.samples,
            cluster=clusters[segment.plan_id][segment.cluster],
            checkpoint=by_id[segment.plan_id].saves_in(row.job),
            now=now,
            energy=found.energy,
            received=found.received,
        )
        if made is not None:
            attempts.append(made)
        progress = next((s.progress for s in reversed(found.samples) if s.progress is not None), progress)
    outright = row.state == JobState.CANCELLED and past.cancelling
    return JobHistory(
        row=row,
        planned=_short(past.plans[0]),
        clusters=clusters[past.plans[0].id],
        attempts=taken_up(attempts, lambda sid: evidence.samples(row.id, sid)),
        # a person's cancel that stopped it as it ran is no pause before its end
        paused_until=None if outright else _paused_until(row, past.plans[-1], past.segments, attempts, now),
        progress=progress,
        problems=tuple(problems),
    )


def _short(plan: PlanRow) -> PlanRow:
    """A plan without what only explains it, so that ten thousand can be held."""
    return replace(plan, document={name: said for name, said in plan.document.items() if name not in _LARGE})


def _compact(curve: EnergyCurve | None) -> EnergyCurve | None:
    """The same curve, one that was metered throughout without a row of equal shares. [-]"""
    if curve is None or (curve.measured != curve.measured[0]).any():
        return curve
    return replace(curve, measured=np.broadcast_to(curve.measured[0].copy(), curve.measured.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What agents said of one segment; `problem` is what cannot be read of it."""

    outcome: Outcome | None = None
    samples: Sequence[Sample] = ()
    energy: EnergyCurve | None = None
    received: Received | None = None
    problem: str = ""


def _evidence(evidence: EvidenceFiles, row: JobRow, segment: SegmentRow) -> _Evidence:
    """Outcome of a segment, what was metered of it, and the samples of an open one."""
    try:
        outcome = evidence.outcome(row.id, segment.sid)
        samples = () if segment.phase == "over" else evidence.samples(row.id, segment.sid)
        received = _received(segment, evidence.received(row.id, segment.sid))
        energy = _compact(evidence.energy(row.id, segment.sid, gpus=segment.gpus, received=received))
        return _Evidence(outcome=outcome, samples=samples, energy=energy, received=received)
    except BadEvidence as exc:
        return _Evidence(problem=f"{segment.sid}: {exc.message}")


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


def _received(segment: SegmentRow, samples: Received | None) -> Received | None:
    """Between which instants of our clock its agent began: after it was asked for, and as its samples reached us."""
    last = segment.seen_at or segment.released_at
    if last is None:
        return samples
    seen = Received(not_before=segment.intended_at, not_after=last)
    return seen if samples is None else seen.and_also(samples)
