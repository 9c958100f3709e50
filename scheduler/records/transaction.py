"""One transaction on the store: the only place that reads and writes its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from scheduler.domain.errors import InvalidInput, StoreError, UnknownName
from scheduler.domain.instant import parse_instant
from scheduler.records import schema
from scheduler.records.rows import (
    FINAL,
    EventRow,
    FleetRow,
    JobEvent,
    JobMark,
    JobRow,
    JobState,
    PlanMark,
    PlanRow,
    SegmentRow,
    StoredJob,
    Wanted,
    event_from_row,
    fleet_from_row,
    job_event_from_row,
    job_from_row,
    plan_from_row,
    segment_from_row,
    to_column,
)

_SEGMENT: Final = tuple(column.name for column in schema.segment.columns)
_NO_ROOM_CHANGED: Final = (
    "waits", "asked", "evidence", "fence", "late", "missed", "running", "suspending", "cancelling", "repeats",
)  # fmt: skip
"""Kinds of events after which every job holds as much of the clusters as before; all others may have changed that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the store remembers of one job that accounts are made from.

    Args:
        plans: the first, the newest, and all that a segment was launched by; oldest first.
        segments: oldest first.
        cancelling: whether it was ever stopped by a person's cancel.
    """

    plans: tuple[PlanRow, ...]
    segments: tuple[SegmentRow, ...]
    cancelling: bool

    def used(self, plan: PlanRow) -> bool:
        """Whether a segment was launched by the plan."""
        return any(segment.plan_id == plan.id for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Reads and writes that happen together or not at all.

    Args:
        connection: to the store.
        touched: the jobs of which something was written that their chains are to hold.
    """

    connection: sa.Connection
    touched: set[str] = field(default_factory=set)

    # Jobs

    def add_job(self, row: JobRow) -> None:
        """Store a new job.

        Raises:
            InvalidInput: a job with the same key is there; read it with `job_by_key` first.
        """
        if row.key is not None and self.job_by_key(row.key) is not None:
            raise InvalidInput(f"there is a job with the key {row.key!r}", hint="use its id, or another key")
        values = {
            name: to_column(getattr(row, name))
            for name in (
                "id", "key", "spec_sha256", "package", "state", "wanted", "reason", "progress", "failures",
                "interruptions", "submitted_at", "deadline_at", "finished_at",
            )
        }  # fmt: skip
        values |= {name: getattr(row.job, name) for name in ("name", "project", "owner", "group")}
        values |= {
            "after": json.dumps(row.job.after),
            "spec": row.job.model_dump_json(exclude_defaults=True),
            "intensity": json.dumps(dict(row.intensity)),
            "counterfactual": json.dumps(dict(row.counterfactual)),
        }
        self.connection.execute(schema.job.insert().values(values))
        self.touched.add(row.id)

    def job(self, prefix: str) -> JobRow:
        """The job of that id, else the one whose id begins with `prefix` or whose name it is, where only one does."""
        column = schema.job.c
        begins = column.id.startswith(prefix, autoescape=True) if prefix else sa.false()
        rows = self._jobs(begins | (column.name == prefix))
        rows = [row for row in rows if row.id == prefix] or rows
        if not rows:
            raise UnknownName("job", prefix, [row.id for row in self._jobs(sa.true())[-10:]])
        if len(rows) > 1:
            raise InvalidInput(
                f"{prefix!r} names {len(rows)} jobs", hint=f"one of {', '.join(row.id for row in rows[-10:])}"
            )
        return rows[0]

    def job_by_key(self, key: str) -> JobRow | None:
        """The job that was submitted with `key`."""
        return next(iter(self._jobs(schema.job.c.key == key)), None)

    def jobs(self) -> list[JobRow]:
        """All jobs in order of submission."""
        return self._jobs(sa.true())

    def open_jobs(self) -> list[JobRow]:
        """Jobs that are not in a final state, in order of submission."""
        return self._jobs(schema.job.c.state.not_in([state.value for state in FINAL]))

    def succeeded(self, name: str, most: int) -> list[JobRow]:
        """The last `most` jobs of a name that succeeded, oldest first."""
        job = schema.job.c
        newest = (
            sa.select(job.id)
            .where((job.name == name) & (job.state == JobState.SUCCEEDED.value))
            .order_by(job.submitted_at.desc())
            .limit(most)
        )
        return self._jobs(job.id.in_(newest))

    def open_marks(self) -> list[JobMark]:
        """The marks of the open jobs, in order of submission; cheap, whatever the jobs hold."""
        job = schema.job.c
        query = (
            sa.select(job.id, job.state, job.wanted)
            .where(job.state.not_in([state.value for state in FINAL]))
            .order_by(job.submitted_at, job.id)
        )
        return [JobMark(row.id, JobState(row.state), row.wanted) for row in self.connection.execute(query)]

    def plan_marks(self) -> list[PlanMark]:
        """Which plan binds each open job, in order of submission; cheap, whatever the plans say."""
        job, plan = schema.job.c, schema.plan.c
        query = (
            sa.select(job.id, job.state, sa.func.max(plan.id).label("plan_id"))
            .select_from(schema.job.outerjoin(schema.plan))
            .where(job.state.not_in([state.value for state in FINAL]))
            .group_by(job.id)
            .order_by(job.submitted_at, job.id)
        )
        return [PlanMark(row.id, JobState(row.state), row.plan_id or 0) for row in self.connection.execute(query)]

    def overdue(self, now: datetime) -> dict[str, datetime]:
        """The deadlines of the open jobs that have missed theirs."""
        column = schema.job.c
        is_open = column.state.not_in([state.value for state in FINAL])
        query = sa.select(column.id, column.deadline_at).where(is_open & (column.deadline_at < to_column(now)))
        return {row.id: parse_instant(row.deadline_at) for row in self.connection.execute(query)}

    def open_references(self) -> dict[str, tuple[dict[str, str], datetime]]:
        """The intensity sources that the open jobs are planned on, by their text, and the last deadline of each."""
        column = schema.job.c
        query = (
            sa.select(column.intensity, sa.func.max(column.deadline_at).label("until"))
            .where(column.state.not_in([state.value for state in FINAL]))
            .group_by(column.intensity)
        )
        rows = self.connection.execute(query)
        return {row.intensity: (json.loads(row.intensity), parse_instant(row.until)) for row in rows}

    def reservations_revision(self) -> int:
        """A number that grows whenever what accepted jobs hold of the clusters may have changed."""
        kind = schema.event.c.kind
        query = (
            sa.select(schema.event.c.id)
            .where(kind.not_in(_NO_ROOM_CHANGED) & kind.not_like("%notified:%"))
            .order_by(schema.event.c.id.desc())
            .limit(1)
        )
        return int(self.connection.execute(query).scalar() or 0)

    def stored(self, job_ids: Sequence[str]) -> list[StoredJob]:
        """Jobs with their plans and segments, by three queries for all of them, in order of submission."""
        jobs = self._jobs(schema.job.c.id.in_(job_ids))
        plans = self.newest_plans(job_ids)
        segments: dict[str, list[SegmentRow]] = {}
        for segment in self._segments(schema.segment.c.job_id.in_(job_ids)):
            segments.setdefault(segment.job_id, []).append(segment)
        return [StoredJob(job=j, plan=plans.get(j.id), segments=tuple(segments.get(j.id, ()))) for j in jobs]

    def _jobs(self, condition: sa.ColumnElement[bool]) -> list[JobRow]:
        """Jobs that meet a condition."""
        query = schema.job.select().where(condition).order_by(schema.job.c.submitted_at, schema.job.c.id)
        return [job_from_row(row) for row in self.connection.execute(query).mappings()]

    def set_job(
        self,
        job_id: str,
        *,
        state: JobState | None = None,
        reason: str | None = None,
        wanted: Wanted | None = None,
        progress: float | None = None,
        failures: int | None = None,
        interruptions: int | None = None,
        finished_at: datetime | None = None,
    ) -> None:
        """Change what is given of a job."""
        given = {
            "state": state, "reason": reason, "wanted": wanted, "progress": progress, "failures": failures,
            "interruptions": interruptions, "finished_at": finished_at,
        }  # fmt: skip
        self._update(schema.job, job_id, given)
        if state in FINAL:
            self.touched.add(job_id)

    # Plans

    def add_plan(self, job_id: str, made_at: datetime, document: Mapping[str, object]) -> int:
        """Store a plan; the newest one binds. Returns its id."""
        values = {"job_id": job_id, "made_at": to_column(made_at), "document": json.dumps(document)}
        self.touched.add(job_id)
        return self._insert(schema.plan, values)

    def plans(self, job_id: str) -> list[PlanRow]:
        """All plans of a job, oldest first."""
        query = schema.plan.select().where(schema.plan.c.job_id == job_id).order_by(schema.plan.c.id)
        return [plan_from_row(row) for row in self.connection.execute(query).mappings()]

    def newest_plans(self, job_ids: Iterable[str]) -> dict[str, PlanRow]:
        """The binding plan of each job that has one."""
        newest = (
            sa.select(sa.func.max(schema.plan.c.id))
            .where(schema.plan.c.job_id.in_(list(job_ids)))
            .group_by(schema.plan.c.job_id)
        )
        rows = self.connection.execute(schema.plan.select().where(schema.plan.c.id.in_(newest))).mappings()
        return {row["job_id"]: plan_from_row(row) for row in rows}

    def pasts(self, job_ids: Sequence[str]) -> dict[str, Past]:
        """What accounts are made from, of each job, by three queries for all of them."""
        plan, segment, event = schema.plan.c, schema.segment.c, schema.event.c
        ends = (sa.func.min, sa.func.max)
        wanted = [sa.select(end(plan.id)).where(plan.job_id.in_(job_ids)).group_by(plan.job_id) for end in ends]
        used = sa.select(segment.plan_id).where(segment.job_id.in_(job_ids))
        query = schema.plan.select().where(plan.id.in_(sa.union(*wanted, used))).order_by(plan.id)
        plans: dict[str, list[PlanRow]] = {job_id: [] for job_id in job_ids}
        for row in self.connection.execute(query).mappings():
            plans[row["job_id"]].append(plan_from_row(row))
        segments: dict[str, list[SegmentRow]] = {job_id: [] for job_id in job_ids}
        for found in self._segments(segment.job_id.in_(job_ids)):
            segments[found.job_id].append(found)
        stopped = sa.select(event.job_id).where(event.job_id.in_(job_ids) & (event.kind == JobState.CANCELLING.value))
        cancelling = set(self.connection.execute(stopped).scalars())
        return {
            job_id: Past(plans=tuple(plans[job_id]), segments=tuple(segments[job_id]), cancelling=job_id in cancelling)
            for job_id in job_ids
        }

    # Segments

    def add_segment(self, row: SegmentRow) -> SegmentRow:
        """Write the intent to run a segment; the store gives it its fence."""
        values = {name: to_column(getattr(row, name)) for name in _SEGMENT if name != "fence"}
        self.touched.add(row.job_id)
        fence = self._insert(schema.segment, values)
        return self._segments(schema.segment.c.fence == fence)[0]

    def set_segment(self, fence: int, **given: object) -> None:
        """Change what is given of a segment."""
        self._update(schema.segment, fence, given)
        if given.keys() & {"phase", "granted_at"}:
            self.touched.update(segment.job_id for segment in self._segments(schema.segment.c.fence == fence))

    def segments(self, job_id: str) -> list[SegmentRow]:
        """The segments of a job, oldest first."""
        return self._segments(schema.segment.c.job_id == job_id)

    def on_nodes_of(self, job_id: str) -> set[str]:
        """The jobs that were ever on a node that a job was on."""
        mine, theirs = schema.segment.alias(), schema.segment.alias()
        query = (
            sa.select(theirs.c.job_id)
            .join(mine, (theirs.c.node_id == mine.c.node_id) & (theirs.c.cluster == mine.c.cluster))
            .where((mine.c.job_id == job_id) & (mine.c.node_id != "") & (theirs.c.job_id != job_id))
        )
        return set(self.connection.execute(query).scalars())

    def open_segments(self) -> list[SegmentRow]:
        """Segments that may be on a cluster."""
        return self._segments(schema.segment.c.phase != "over")

    def _segments(self, condition: sa.ColumnElement[bool]) -> list[SegmentRow]:
        """Segments that meet a condition, oldest first."""
        query = schema.segment.select().where(condition).order_by(schema.segment.c.fence)
        return [segment_from_row(row) for row in self.connection.execute(query).mappings()]

    # Events and the scheduler

    def add_event(self, job_id: str, at: datetime, kind: str, text: str) -> None:
        """Note what happened to a job."""
        values = {"job_id": job_id, "at": to_column(at), "kind": kind, "text": text}
        self.connection.execute(schema.event.insert().values(values))

    def events(self, job_id: str) -> list[EventRow]:
        """What happened to a job, oldest first."""
        query = schema.event.select().where(schema.event.c.job_id == job_id).order_by(schema.event.c.id)
        return [event_from_row(row) for row in self.connection.execute(query).mappings()]

    def events_after(self, event_id: int) -> list[JobEvent]:
        """What happened to any job after the event of that number, in order."""
        query = schema.event.select().where(schema.event.c.id > event_id).order_by(schema.event.c.id)
        return [job_event_from_row(row) for row in self.connection.execute(query).mappings()]

    def last_event_before(self, at: datetime) -> int:
        """The number of the last event before `at`, 0 where there is none."""
        query = sa.select(sa.func.max(schema.event.c.id)).where(schema.event.c.at < to_column(at))
        return int(self.connection.execute(query).scalar() or 0)

    def set_scheduler(self, pid: int, started_at: datetime, pass_at: datetime) -> None:
        """Say who runs the loop, and when it last passed."""
        self.connection.execute(schema.scheduler.delete())
        values = {"id": 1, "pid": pid, "started_at": to_column(started_at), "pass_at": to_column(pass_at)}
        self.connection.execute(schema.scheduler.insert().values(values))

    def scheduler_pid(self) -> int | None:
        """The process that last ran the loop."""
        return self.connection.execute(sa.select(schema.scheduler.c.pid)).scalar()

    def scheduler_pass_at(self) -> datetime | None:
        """When the loop last ended a pass; None before its first."""
        found = self.connection.execute(sa.select(schema.scheduler.c.pass_at)).scalar()
        return None if found is None else parse_instant(found)

    def set_fleet(self, row: FleetRow) -> None:
        """Say what the jobs of a policy that are planned together come to, in the place of the last time."""
        self.connection.execute(schema.fleet.delete().where(schema.fleet.c.policy == row.policy))
        if row.jobs:
            names = ("policy", "at", "jobs", "cost_kg", "bound_kg")
            values = {name: to_column(getattr(row, name)) for name in names}
            self.connection.execute(schema.fleet.insert().values(values))

    def fleets(self) -> list[FleetRow]:
        """What the jobs that are planned together came to the last time, by policy."""
        query = schema.fleet.select().order_by(schema.fleet.c.policy)
        return [fleet_from_row(row) for row in self.connection.execute(query).mappings()]

    def _insert(self, table: sa.Table, values: Mapping[str, object]) -> int:
        """Add a row; the number that the store gave it."""
        key = self.connection.execute(table.insert().values(values)).inserted_primary_key
        assert key is not None  # noqa: S101  # SQLite gives every row its number
        return int(key[0])

    def _update(self, table: sa.Table, key: str | int, given: Mapping[str, object]) -> None:
        """Write the values that are not None into the row of that key."""
        values = {name: to_column(value) for name, value in given.items() if value is not None}
        (column,) = table.primary_key.columns
        if values and self.connection.execute(table.update().where(column == key).values(values)).rowcount != 1:
            raise StoreError(f"there is no {table.name} {key} in the store", hint="it was made in another store")
