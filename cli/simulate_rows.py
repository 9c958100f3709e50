"""The rows of a job trace, by the format that its header shows, before their values are read."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scheduler.domain.errors import InvalidInput

_GZIP_MAGIC: Final = b"\x1f\x8b"
_NEEDED: Final = ("job_id", "submit_time", "gpus")
_LENGTHS: Final = ("duration_hours", "duration_s")
_MORE: Final = ("slack_hours", "deadline", "home", "interruptible", "restart_minutes", "checkpoint_minutes", "gpu_w")
_SACCT: Final = ("JobID", "Submit", "ElapsedRaw")
_TRES: Final = ("AllocTRES", "ReqTRES")
_GPUS: Final = re.compile(r"(?:^|,)gres/gpu=(\d+)(?:,|$)")
_TYPED_GPUS: Final = re.compile(r"(?:^|,)gres/gpu:[^=,]+=(\d+)")


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
    """All jobs of a file, and what was passed over."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def read_rows(path: Path) -> Rows:
    """The jobs of a CSV or gzipped CSV file, or of ``sacct --parsable2``.

    Raises:
        InvalidInput: it is not there, not text, or has no header of a format that is known.
    """
    what, text = path.name, _text(path)
    begin = text.partition("\n")[0]
    bar = "|" in begin
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="|" if bar else ",", strict=not bar)
    try:
        header = [name.strip() for name in next(reader, [])]
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except csv.Error as exc:
        raise InvalidInput(f"{what} line {reader.line_num}: {exc}", hint="mend the quoting there") from exc
    for line, cells in lines:
        if len(cells) != len(header):
            raise InvalidInput(f"{what} line {line}: {len(cells)} cells under a header of {len(header)}")
    found = _of_sacct(header, lines) if set(_SACCT) <= set(header) else _of_contract(header, lines, what)
    if not found.rows:
        raise InvalidInput(f"{what} holds no job that takes a GPU", hint="a trace has a row a job under its header")
    return found


def _of_contract(header: Sequence[str], lines: Sequence[tuple[int, list[str]]], what: str) -> Rows:
    """The rows of our own format, of which the Philly file is one with seconds."""
    lengths = [name for name in _LENGTHS if name in header]
    missing = [name for name in _NEEDED if name not in header] + ([] if lengths else [_LENGTHS[0]])
    if missing:
        raise InvalidInput(
            f"{what} line 1: there is no column {missing[0]!r}",
            hint="a trace has job_id, submit_time, duration_hours and gpus; or it is what sacct --parsable2 prints "
            "with JobID, Submit, ElapsedRaw and AllocTRES",
        )
    if len(lengths) > 1 or len(set(header)) < len(header):
        raise InvalidInput(f"{what} line 1: a column is there twice", hint="keep one of them")
    known = {*_NEEDED, *_LENGTHS, *_MORE}
    unused = [name for name in header if name not in known]
    rows = []
    for line, cells in lines:
        named = dict(zip(header, cells, strict=True))
        if not named["job_id"]:
            raise InvalidInput(f"{what} line {line}: the job has no id")
        rows.append(Row(line=line, job_id=named["job_id"], submitted=named["submit_time"], cells=named))
    return Rows(rows=tuple(rows), notes=(f"{what}: columns not used: {', '.join(unused)}",) if unused else ())


def _of_sacct(header: Sequence[str], lines: Sequence[tuple[int, list[str]]]) -> Rows:
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


def _text(path: Path) -> str:
    """The text of the file, unpacked where it is gzip."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as exc:
        raise InvalidInput(f"there is no file {path}", hint="check the path") from exc
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc.strerror or exc}", hint="name a file") from exc
    if content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as exc:
            raise InvalidInput(f"{path.name} is no whole gzip file: {exc}", hint="pack it again with gzip") from exc
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{path.name} is not UTF-8 text: byte {exc.start}", hint="save it as UTF-8") from exc
