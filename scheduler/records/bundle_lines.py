"""What an ended job is as lines of text: itself, its plans, segments and events, and what its agents said.

What names a row inside one store only, such as its fence, is left out, so that two stores can be merged. Left out
too is what may hold a password: the job's environment, Ray's, and what it printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from scheduler.domain.errors import InvalidInput
from scheduler.records.evidence import outcome_name, received_name, samples_name
from scheduler.records.rows import FINAL, EventRow, JobRow, PlanRow, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.transaction import Transaction

Line = dict[str, object]
Row = TypeVar("Row", JobRow, PlanRow, SegmentRow, EventRow)

_JOBS: Final = TypeAdapter(JobRow)
_PLANS: Final = TypeAdapter(PlanRow)
_SEGMENTS: Final = TypeAdapter(SegmentRow)
_EVENTS: Final = TypeAdapter(EventRow)
_PRIVATE: Final = {"env", "runtime_env"}
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_ESCAPED: Final = "surrogateescape"  # bytes that are no UTF-8 come back as they were


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is remembered of one job; a segment's `plan_id` counts the job's plans from 1, its fence is 0.

    Args:
        evidence: the agents' files by name.
    """

    job: JobRow
    plans: tuple[PlanRow, ...]
    segments: tuple[SegmentRow, ...]
    events: tuple[EventRow, ...]
    evidence: Mapping[str, bytes]


def lines_of(tx: Transaction, folder: StateFolder, row: JobRow) -> list[Line]:
    """The lines of a stored job, the same in every store that holds it."""
    plans, segments = tx.plans(row.id), tx.segments(row.id)
    place = {plan.id: n for n, plan in enumerate(plans, 1)}
    lines = [job_line(row), *map(plan_line, plans)]
    lines += [segment_line(segment, place[segment.plan_id]) for segment in segments]
    lines += [event_line(row.id, event) for event in tx.events(row.id)]
    for name in _evidence_names(segments):
        path = folder.evidence(row.id) / name
        if path.exists():
            text = path.read_bytes().decode(errors=_ESCAPED)
            lines.append({"record": "evidence", "job_id": row.id, "name": name, "text": text})
    return lines


def job_line(row: JobRow) -> Line:
    """The line of a job itself, without what may hold a password."""
    job = _JOBS.dump_python(row, mode="json", exclude={"job"})
    job["job"] = row.job.model_dump(mode="json", exclude_defaults=True, exclude=_PRIVATE)
    return {"record": "job", **job}


def plan_line(plan: PlanRow) -> Line:
    """The line of a plan, without its number in this store."""
    return {"record": "plan", **_PLANS.dump_python(plan, mode="json", exclude={"id"})}


def segment_line(segment: SegmentRow, plan: int) -> Line:
    """The line of a segment, its plan by its place among the job's."""
    values = _SEGMENTS.dump_python(segment, mode="json", exclude={"fence"})
    return {"record": "segment", **values, "plan_id": plan}


def event_line(job_id: str, event: EventRow) -> Line:
    """The line of an event."""
    return {"record": "event", "job_id": job_id, **_EVENTS.dump_python(event, mode="json")}


def text_of(line: Mapping[str, object]) -> str:
    """A line as it stands in the file: keys in order, so that equal records are equal text."""
    return json.dumps(line, sort_keys=True, allow_nan=False)


def line_from(text: str, *, what: str) -> Line:
    """The object that a line of the file holds."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(f"{what} is not JSON", hint="give a file that carbonsched export wrote") from exc
    if not isinstance(data, dict) or not isinstance(data.get("record"), str):
        raise InvalidInput(f"{what} is no record", hint="give a file that carbonsched export wrote")
    return data


def record_from(lines: Iterable[Line], *, ended: bool = True) -> Record:
    """The record that the lines of one job say.

    Args:
        lines: all of them.
        ended: whether one that has not ended is refused.

    Raises:
        InvalidInput: they do not fit together, or the job had not ended.
    """
    by_kind: dict[object, list[Line]] = {"job": [], "plan": [], "segment": [], "event": [], "evidence": []}
    for line in lines:
        kind = line["record"]
        if kind not in by_kind:
            raise InvalidInput(f"{kind!r} is no kind of record", hint="a newer carbonsched may know it")
        by_kind[kind].append({key: value for key, value in line.items() if key != "record"})
    (job_line,) = by_kind["job"]
    what = f"job {job_line.get('id')!r}"
    own = {"job_id": job_line.get("id")}
    job = _made(_JOBS, JobRow, job_line, what)
    plans = tuple(_made(_PLANS, PlanRow, line | own | {"id": n}, what) for n, line in enumerate(by_kind["plan"], 1))
    segments = tuple(_made(_SEGMENTS, SegmentRow, line | own | {"fence": 0}, what) for line in by_kind["segment"])
    events = tuple(_made(_EVENTS, EventRow, _without_job(line), what) for line in by_kind["event"])
    if not _ID.fullmatch(job.id) or not all(_SID.fullmatch(segment.sid) for segment in segments):
        raise InvalidInput(f"{what}: an id is none of carbonsched's", hint="the file was changed by hand")
    if ended and (job.state not in FINAL or any(segment.phase != "over" for segment in segments)):
        raise InvalidInput(f"{what} has not ended: it cannot be imported", hint="move it with backup and restore")
    if not plans or not all(0 < segment.plan_id <= len(plans) for segment in segments):
        raise InvalidInput(f"{what}: a segment names no plan of it", hint="the file was changed by hand")
    evidence = dict(_evidence_from(by_kind["evidence"], set(_evidence_names(segments)), what))
    return Record(job=job, plans=plans, segments=segments, events=events, evidence=evidence)


def _evidence_names(segments: Iterable[SegmentRow]) -> Iterator[str]:
    """The files that the agents of the segments write, their logs apart, and when samples reached us."""
    for segment in segments:
        yield samples_name(segment.sid)
        yield received_name(segment.sid)
        yield outcome_name(segment.sid)


def _evidence_from(lines: Iterable[Line], known: set[str], what: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; a name that no segment has is refused, as it could lead anywhere."""
    for line in lines:
        name, text = line.get("name"), line.get("text")
        if set(line) != {"job_id", "name", "text"} or not isinstance(text, str) or name not in known:
            raise InvalidInput(f"{what}: {name!r} is no evidence of it", hint="the file was changed by hand")
        yield str(name), text.encode(errors=_ESCAPED)


def _without_job(line: Line) -> Line:
    """A line without the job that it belongs to, which its place in the file says."""
    return {key: value for key, value in line.items() if key != "job_id"}


def _made(adapter: TypeAdapter[Row], kind: type[Row], values: Line, what: str) -> Row:
    """The row that the values make; a key too many or too few is refused."""
    odd = sorted(set(values) ^ {field.name for field in fields(kind)})
    if odd:
        raise InvalidInput(f"{what}: {', '.join(odd)} of a {kind.__name__} is missing or unknown",
                           hint="use the carbonsched that wrote the file, or a newer one")  # fmt: skip
    try:
        row = adapter.validate_json(json.dumps(values))
    except ValidationError as exc:
        problem = exc.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise InvalidInput(f"{what}: {where}: {problem['msg']}", hint="the file was changed by hand") from exc
    again = adapter.dump_python(row, mode="json", exclude={"job"})
    odd = sorted(key for key in again if again[key] != values[key])
    if odd:
        raise InvalidInput(f"{what}: {odd[0]} is not as carbonsched writes it", hint="the file was changed by hand")
    return row
