"""What the store remembers of a job, its plans, its segments and its events, as frozen values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, cast

from sqlalchemy import RowMapping

from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.job import Interruptible, Job
from scheduler.domain.placement import Placement, Segment


class JobState(StrEnum):
    """Where a job stands; the meaning of each word is the one in the docs' table of states."""

    QUEUED = "queued"
    HELD = "held"
    PLANNED = "planned"
    LAUNCHING = "launching"
    RUNNING = "running"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


FINAL: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST})
"""States a job never leaves."""

Wanted = Literal["run", "hold", "cancel"]
Phase = Literal["intended", "granted", "over"]
SegmentEnd = Literal["", "finished", "suspended", "failed", "interrupted", "unknown", "never_started"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job: what was asked, what a person wants of it now, and how far it is.

    Args:
        spec_sha256: hash of the job as submitted; package: digest of its folder's snapshot, if it has one.
        intensity: how to open the intensity source it was planned on.
        counterfactual: the rule registered at submission, with its hash.
        wanted: what a person asked for last; state: where it stands; reason: why, in words.
        progress: fraction of the work done and saved. [-]
        failures, interruptions: attempts that its own code, and that the infrastructure, ended.
    """

    id: str
    key: str | None
    job: Job
    spec_sha256: str
    package: str | None
    intensity: Mapping[str, str]
    counterfactual: Mapping[str, str]
    state: JobState
    wanted: Wanted
    reason: str
    progress: float
    failures: int
    interruptions: int
    submitted_at: datetime
    deadline_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobMark:
    """What tells whether anything about an open job has changed."""

    job_id: str
    state: JobState
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class PlanMark:
    """Which plan binds an open job; the number is 0 where there is none."""

    job_id: str
    state: JobState
    plan_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One plan of a job, as it was printed when it was made."""

    id: int
    job_id: str
    made_at: datetime
    document: Mapping[str, object]

    @property
    def next_decision(self) -> datetime | None:
        """When its policy decides again; None for one that plans to the end."""
        said = self.document.get("next_decision")
        return None if said is None else parse_instant(str(said))

    @property
    def placement(self) -> Placement:
        """Where and when."""
        entries = cast("list[dict[str, str]]", self.document["placement"])
        return Placement(
            segments=tuple(
                Segment(
                    cluster=entry["cluster"],
                    start=parse_instant(entry["start"]),
                    end=parse_instant(entry["end"]),
                    gpus=int(entry["gpus"]),
                )
                for entry in entries
            )
        )

    def saves_in(self, job: Job) -> timedelta:
        """How long before its end the plan asks a segment to stop; what the job states where the plan does not say."""
        told = self.document.get("checkpoint_s")
        if isinstance(told, int | float):
            return timedelta(seconds=told)
        return (job.interruptible or Interruptible()).checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One attempt of one segment on one cluster; `fence` is its number, larger than every earlier one's.

    Args:
        n, attempt: which segment of the job's life, and which try at it.
        planned_end: when the plan suspends it, or expects its end where `is_last`.
        phase: intended (may or may not be on the cluster), granted (seen running), over.
        intended_at, granted_at, seen_at, released_at: written before the request; first seen running;
            last seen alive; known to be over.
        end: how it ended.
        session: the cluster's session when the intent was written; another one means that it was restarted.
    """

    fence: int
    job_id: str
    plan_id: int
    n: int
    attempt: int
    sid: str
    cluster: str
    gpus: int
    planned_end: datetime
    is_last: bool
    phase: Phase
    stop_asked_at: datetime | None
    intended_at: datetime
    granted_at: datetime | None
    seen_at: datetime | None
    released_at: datetime | None
    node_id: str
    end: SegmentEnd
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """What the waiting jobs of a policy that are planned together come to.

    Args:
        policy: its name; at: when they were planned.
        jobs: how many; 0 for none.
        cost_kg: of all their plans, by their objectives; None where some hour has no intensity. [kg]
        bound_kg: what no feasible plans cost less than; None there too, and where there was no time to prove any. [kg]
    """

    policy: str
    at: datetime
    jobs: int
    cost_kg: float | None
    bound_kg: float | None

    @property
    def gap_pct(self) -> float | None:
        """How far the cost may lie over the least there is, of the bound; None where that is not known. [%]"""
        if self.cost_kg is None or self.bound_kg is None or self.bound_kg <= 0:
            return None
        return 100 * max(0.0, self.cost_kg - self.bound_kg) / self.bound_kg


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job with all that the loop needs of it: its binding plan, and its segments, oldest first."""

    job: JobRow
    plan: PlanRow | None
    segments: tuple[SegmentRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that happened to a job."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(EventRow):
    """An event with its place in the order of all events, and the job that it happened to."""

    id: int
    job_id: str


Row = RowMapping
"""A row as SQLAlchemy gives it, its values untyped; this module is the parser, past which they are not."""


def job_from_row(row: Row) -> JobRow:
    """The job that a row of the store holds."""
    same = ("id", "key", "spec_sha256", "package", "wanted", "reason", "progress", "failures", "interruptions")
    return JobRow(
        **{name: row[name] for name in same},
        job=Job.model_validate_json(row["spec"]),
        intensity=json.loads(row["intensity"]),
        counterfactual=json.loads(row["counterfactual"]),
        state=JobState(row["state"]),
        submitted_at=parse_instant(row["submitted_at"]),
        deadline_at=parse_instant(row["deadline_at"]),
        finished_at=_when(row["finished_at"]),
    )


def plan_from_row(row: Row) -> PlanRow:
    """The plan that a row of the store holds."""
    return PlanRow(
        id=row["id"],
        job_id=row["job_id"],
        made_at=parse_instant(row["made_at"]),
        document=json.loads(row["document"]),
    )


def segment_from_row(row: Row) -> SegmentRow:
    """The segment that a row of the store holds."""
    values = dict(row)
    for name in ("planned_end", "intended_at", "stop_asked_at", "granted_at", "seen_at", "released_at"):
        values[name] = _when(row[name])
    return SegmentRow(**values)


def event_from_row(row: Row) -> EventRow:
    """The event that a row of the store holds."""
    return EventRow(at=parse_instant(row["at"]), kind=row["kind"], text=row["text"])


def job_event_from_row(row: Row) -> JobEvent:
    """The event that a row of the store holds, with its number and its job."""
    at = parse_instant(row["at"])
    return JobEvent(id=row["id"], job_id=row["job_id"], at=at, kind=row["kind"], text=row["text"])


def fleet_from_row(row: Row) -> FleetRow:
    """The fleet that a row of the store holds."""
    return FleetRow(**{**row, "at": parse_instant(row["at"])})


def to_column(value: object) -> object:
    """A value as the store keeps it: instants as text, the rest as it is."""
    return format_instant(value) if isinstance(value, datetime) else value


def _when(text: str | None) -> datetime | None:
    """An instant that may not have come."""
    return None if text is None else parse_instant(text)
