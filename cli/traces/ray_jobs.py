"""Ray's own list as a trace: `GET /api/jobs/`, ``ray list jobs --format json``, or what ``ray job list`` prints.

Ray's `start_time` is when a job was submitted, in milliseconds since 1970, so a length holds the wait inside Ray.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, cast

from cli.traces.formats import START, Row, Rows
from cli.traces.status import fate_of
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.simulation.screening import Why

_GPU_KEYS: Final = ("entrypoint_num_gpus", "num_gpus", "gpus")
"""Where a job of Ray may say its GPUs: its own field, or its metadata."""
_HINT: Final = "save what GET /api/jobs/ answers, or what `ray job list` prints"
_ENUM: Final = re.compile(r"<\w+\.\w+: ('\w+')>")
_PRINTED: Final = re.compile(r"\s*\[\s*JobDetails\(")
Job = Mapping[str, object]


def is_ray(text: str) -> bool:
    """Whether a text is a list of jobs rather than a table."""
    return text.lstrip()[:1] in ("[", "{")


def of_ray(text: str, what: str) -> Rows:
    """The jobs that say how many GPUs they took; those that are not over, or took no time, are named.

    Raises:
        InvalidInput: it is no such list, or an entry is no job.
    """
    rows, without = [], 0
    for number, job in enumerate(_jobs(text, what), start=1):
        if not isinstance(job, dict):
            raise InvalidInput(f"{what} entry {number} is no job", hint=_HINT)
        gpus = _gpus(job)
        if not gpus:
            without += 1
            continue
        try:
            rows.append(_row(number, job, gpus))
        except InvalidInput as exc:
            raise InvalidInput(f"{what} entry {number}: {exc.message}", hint=exc.hint) from exc
    notes = (f"{without:,} jobs that say no GPUs of Ray's list are passed over",) if without else ()
    return Rows(rows=tuple(rows), notes=(*notes, "lengths of Ray's list hold the waits inside Ray"))


def _jobs(text: str, what: str) -> list[object]:
    """The entries of a list; those of a mapping by id too, which is how Ray 1 answered."""
    try:
        found = _printed(text) if _PRINTED.match(text) else json.loads(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as exc:
        said = str(exc).partition("\n")[0][:80] or "nested too deep"
        raise InvalidInput(f"{what} is no list of jobs: {said}", hint=_HINT) from exc
    if isinstance(found, dict):
        return [{"submission_id": key, **job} if isinstance(job, dict) else job for key, job in found.items()]
    return cast("list[object]", found)


def _printed(text: str) -> list[object]:
    """What ``ray job list`` prints, which is Python: read as data, nothing of it is called."""
    tree = ast.parse(_ENUM.sub(r"\1", text).strip(), mode="eval").body
    return [_plain(each) for each in tree.elts] if isinstance(tree, ast.List) else []


def _plain(node: ast.expr) -> object:
    """A call as the mapping of its arguments, everything else as the literal that it is."""
    if isinstance(node, ast.Call):
        return {each.arg: _plain(each.value) for each in node.keywords if each.arg}
    return ast.literal_eval(node)


def _row(number: int, job: Job, gpus: str) -> Row:
    """One job; why it cannot be replayed, where it is not over or took nothing."""
    began, ended, status = job.get("start_time"), job.get("end_time"), str(job.get("status") or "")
    name = str(job.get("submission_id") or job.get("job_id") or "")
    if not name:
        raise InvalidInput("the job has no id", hint=_HINT)
    why: Why | None = None
    reason, taken_ms = "", 0.0
    if fate_of(status) == "not_over" or not _is_moment(ended):
        why, reason = "not_over", f"it is {status or 'without an end'}: how long it takes nobody knows yet"
    elif not _is_moment(began) or ended == began:
        why, reason = "never_ran", f"it never ran{f': {status}' if status else ''}"
    else:
        taken_ms = cast("float", ended) - cast("float", began)
    cells = {"duration_s": str(taken_ms / 1000), "gpus": gpus, "status": status}
    return Row(line=number, job_id=name, submitted=_submitted(began), cells=cells, why=why, reason=reason)


def _is_moment(value: object) -> bool:
    """Whether a field holds an instant; Ray writes 0 or nothing where there is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _submitted(began: object) -> str:
    """When a job was submitted, as text; empty where it does not say."""
    if not _is_moment(began):
        return ""
    try:
        return format_instant(START + timedelta(milliseconds=cast("float", began)))
    except (OverflowError, ValueError) as exc:
        raise InvalidInput(f"start_time is {began}", hint="milliseconds since 1970") from exc


def _gpus(job: Job) -> str:
    """The GPUs that a job of Ray says, empty where it says none."""
    metadata = job.get("metadata")
    places = (job, cast("Job", metadata) if isinstance(metadata, dict) else {})
    said = next((place[key] for place in places for key in _GPU_KEYS if place.get(key)), "")
    return str(int(said) if isinstance(said, float) and said == int(said) else said)
