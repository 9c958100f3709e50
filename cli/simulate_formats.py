"""Traces as other systems write them: Slurm's accounting, the Alibaba PAI sample, and Ray's own list of jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant

SACCT: Final = ("JobID", "Submit", "ElapsedRaw")
"""Columns by which sacct's table is known."""
PAI: Final = ("arrival_s", "length_s", "units")
"""Columns of the sample of Alibaba's PAI trace that the carbon-aware literature replays: seconds since its start."""
START: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the beginning of a trace whose times only count."""
_TRES: Final = ("AllocTRES", "ReqTRES")
_GPUS: Final = re.compile(r"(?:^|,)gres/gpu=(\d+)(?:,|$)")
_TYPED_GPUS: Final = re.compile(r"(?:^|,)gres/gpu:[^=,]+=(\d+)")
_GPU_KEYS: Final = ("entrypoint_num_gpus", "num_gpus", "gpus")
"""Where a job of Ray may say its GPUs: its own field, or its metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job as text.

    Args:
        line: where it stands; job_id, submitted: as written.
        cells: the other columns by the contract's names, stripped.
    """

    line: int
    job_id: str
    submitted: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All jobs of a file.

    Args:
        notes: what was passed over.
        counted: whether its times count from the beginning of the trace, so that it says no date.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    counted: bool = False


def of_sacct(header: Sequence[str], lines: Sequence[tuple[int, list[str]]]) -> Rows:
    """The jobs that ran on GPUs; steps, jobs that never ran and jobs without a GPU are counted, not taken."""
    rows, steps, idle, without = [], 0, 0, 0
    for line, cells in lines:
        named = dict(zip(header, cells, strict=True))
        gpus = next((count for name in _TRES if (count := _gpus_of(named.get(name, "")))), 0)
        if "." in named["JobID"]:
            steps += 1
        elif named["ElapsedRaw"] in ("", "0"):
            idle += 1
        elif not gpus:
            without += 1
        else:
            taken = {"duration_s": named["ElapsedRaw"], "gpus": str(gpus)}
            rows.append(Row(line=line, job_id=named["JobID"], submitted=named["Submit"], cells=taken))
    passed = ((steps, "steps of jobs"), (idle, "jobs that never ran"), (without, "jobs without a GPU"))
    notes = tuple(f"{count} {kind} of sacct are passed over" for count, kind in passed if count)
    return Rows(rows=tuple(rows), notes=notes)


def _gpus_of(tres: str) -> int:
    """The GPUs in a list of trackable resources; of typed ones the sum, where no total is given."""
    total = _GPUS.search(tres)
    return int(total.group(1)) if total else sum(int(count) for count in _TYPED_GPUS.findall(tres))


def of_pai(header: Sequence[str], lines: Sequence[tuple[int, list[str]]], what: str) -> Rows:
    """The jobs of the PAI sample, numbered in their order; a unit is a GPU."""
    rows = []
    for number, (line, cells) in enumerate(lines, start=1):
        named = dict(zip(header, cells, strict=True))
        try:
            submitted = START + timedelta(seconds=float(named["arrival_s"]))
        except (ValueError, OverflowError) as exc:
            raise InvalidInput(
                f"{what} line {line}: arrival_s is {named['arrival_s']!r}", hint="write seconds since the trace began"
            ) from exc
        taken = {"duration_s": named["length_s"], "gpus": named["units"]}
        rows.append(Row(line=line, job_id=f"pai-{number}", submitted=format_instant(submitted), cells=taken))
    return Rows(rows=tuple(rows), notes=(), counted=True)


def of_ray(text: str, what: str) -> Rows:
    """The jobs of `GET /api/jobs/`, or of ``ray list jobs --format json``, that ended and say how many GPUs they took.

    Ray's `start_time` is when a job was submitted, in milliseconds since 1970; a length holds its wait inside Ray.
    """
    try:
        jobs = json.loads(text)
    except ValueError as exc:
        raise InvalidInput(f"{what} is no JSON: {exc}", hint="save what GET /api/jobs/ answers") from exc
    rows, running, without = [], 0, 0
    for number, job in enumerate(jobs, start=1):
        if not isinstance(job, dict):
            raise InvalidInput(f"{what} entry {number} is no job", hint="save what GET /api/jobs/ answers")
        began, ended, gpus = job.get("start_time"), job.get("end_time"), _gpus_of_ray(job)
        if not isinstance(began, int | float) or not isinstance(ended, int | float) or not ended:
            running += 1
        elif not gpus:
            without += 1
        else:
            name = job.get("submission_id") or job.get("job_id") or ""
            taken = {"duration_s": str((ended - began) / 1000), "gpus": gpus}
            try:
                moment = START + timedelta(milliseconds=began)
            except OverflowError as exc:
                raise InvalidInput(
                    f"{what} entry {number}: start_time is {began}", hint="milliseconds since 1970"
                ) from exc
            rows.append(Row(line=number, job_id=str(name), submitted=format_instant(moment), cells=taken))
    passed = ((running, "jobs that have not ended"), (without, "jobs that say no GPUs"))
    notes = tuple(f"{count} {kind} of Ray's list are passed over" for count, kind in passed if count)
    return Rows(rows=tuple(rows), notes=(*notes, "lengths of Ray's list hold the waits inside Ray"))


def _gpus_of_ray(job: Mapping[str, object]) -> str:
    """The GPUs that a job of Ray says, empty where it says none."""
    metadata = job.get("metadata")
    places = (job, cast("Mapping[str, object]", metadata) if isinstance(metadata, dict) else {})
    said = next((place[key] for place in places for key in _GPU_KEYS if place.get(key)), "")
    return str(int(said) if isinstance(said, float) and said == int(said) else said)
