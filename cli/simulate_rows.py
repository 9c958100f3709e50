"""The rows of a job trace, by the format that its header shows, before their values are read."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cli.simulate_formats import PAI, SACCT, Row, Rows, of_pai, of_ray, of_sacct
from scheduler.domain.errors import InvalidInput

_GZIP_MAGIC: Final = b"\x1f\x8b"
_NEEDED: Final = ("job_id", "submit_time", "gpus")
_LENGTHS: Final = ("duration_hours", "duration_s")
_MORE: Final = ("slack_hours", "deadline", "home", "interruptible", "restart_minutes", "checkpoint_minutes", "gpu_w")
_FATES: Final = ("ended", "status")


def read_rows(path: Path) -> Rows:
    """The jobs of a CSV or gzipped CSV file, of ``sacct --parsable2``, or of Ray's own list as JSON.

    Raises:
        InvalidInput: it is not there, not text, or has no header of a format that is known.
    """
    what, text = path.name, _text(path)
    found = of_ray(text, what) if text.lstrip()[:1] == "[" else _of_table(text, what)
    if not found.rows:
        raise InvalidInput(f"{what} holds no job that takes a GPU", hint="a trace has a row a job under its header")
    return found


def _of_table(text: str, what: str) -> Rows:
    """The jobs of a table, by its header."""
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
    if set(SACCT) <= set(header):
        return of_sacct(header, lines)
    if set(PAI) <= set(header):
        return of_pai(header, lines, what)
    return _of_contract(header, lines, what)


def _of_contract(header: Sequence[str], lines: Sequence[tuple[int, list[str]]], what: str) -> Rows:
    """The rows of our own format, of which the Philly file is one with seconds."""
    lengths = [name for name in _LENGTHS if name in header]
    missing = [name for name in _NEEDED if name not in header] + ([] if lengths else [_LENGTHS[0]])
    if missing:
        raise InvalidInput(
            f"{what} line 1: there is no column {missing[0]!r}",
            hint="a trace has job_id, submit_time, duration_hours and gpus; or it is what sacct --parsable2 prints "
            "with JobID, Submit, ElapsedRaw and AllocTRES, or Ray's list of jobs as JSON",
        )
    if len(lengths) > 1 or len(set(header)) < len(header):
        raise InvalidInput(f"{what} line 1: a column is there twice", hint="keep one of them")
    known = {*_NEEDED, *_LENGTHS, *_MORE, *_FATES}
    unused = [name for name in header if name not in known]
    rows = []
    for line, cells in lines:
        named = dict(zip(header, cells, strict=True))
        if not named["job_id"]:
            raise InvalidInput(f"{what} line {line}: the job has no id")
        rows.append(Row(line=line, job_id=named["job_id"], submitted=named["submit_time"], cells=named))
    return Rows(rows=tuple(rows), notes=(f"{what}: columns not used: {', '.join(unused)}",) if unused else ())


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
