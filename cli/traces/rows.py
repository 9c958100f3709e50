"""The rows of a job trace, by the format that its header shows, before their values are read."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from cli.traces.formats import PAI, Row, Rows, of_pai
from cli.traces.ray_jobs import is_ray, of_ray
from cli.traces.sacct import is_sacct, of_sacct
from cli.traces.status import fate_of
from scheduler.domain.errors import InvalidInput

_GZIP_MAGIC: Final = b"\x1f\x8b"
_NEEDED: Final = ("job_id", "submit_time", "gpus")
_LENGTHS: Final = ("duration_hours", "duration_s")
_MORE: Final = ("slack_hours", "deadline", "home", "interruptible", "restart_minutes", "checkpoint_minutes", "gpu_w")
_FATES: Final = ("ended", "status")


def read_rows(path: Path) -> Rows:
    """The jobs of a CSV or gzipped CSV file, of ``sacct --parsable2``, or of Ray's own list.

    Raises:
        InvalidInput: it is not there, not text, or has no header of a format that is known.
    """
    what, text = path.name, _text(path)
    if not text.strip():
        raise InvalidInput(f"{what} is empty", hint="a trace has a header, and a row a job")
    found = of_ray(text, what) if is_ray(text) else _of_table(text, what)
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
    if bar and not header[-1]:  # sacct --parsable ends each line with a bar
        header, lines = header[:-1], [(line, cells[:-1] if not cells[-1] else cells) for line, cells in lines]
    for line, cells in lines:
        if len(cells) != len(header):
            raise InvalidInput(
                f"{what} line {line}: {len(cells)} cells under a header of {len(header)}", hint="mend that line"
            )
    if len(set(header)) < len(header):
        raise InvalidInput(f"{what} line 1: a column is there twice", hint="keep one of them")
    if is_sacct(header):
        return of_sacct(header, lines, what)
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
            hint=_separated(header)
            or _named_nearly(header, missing[0])
            or "a trace has job_id, submit_time, duration_hours and gpus; or it is what sacct --parsable2 prints "
            "with JobID, Submit, ElapsedRaw and AllocTRES, or Ray's list of jobs as JSON",
        )
    if len(lengths) > 1:
        raise InvalidInput(f"{what} line 1: a duration is there twice", hint=f"keep {_LENGTHS[0]} or {_LENGTHS[1]}")
    known = {*_NEEDED, *_LENGTHS, *_MORE, *_FATES}
    unused = [name for name in header if name not in known]
    rows = []
    for line, cells in lines:
        named = dict(zip(header, cells, strict=True))
        if not named["job_id"]:
            raise InvalidInput(f"{what} line {line}: the job has no id", hint="give each job an id of its own")
        rows.append(_row(line, named, what))
    said = [_with_guess(name, known - set(header)) for name in unused]
    return Rows(rows=tuple(rows), notes=(f"{what}: columns not used: {', '.join(said)}",) if unused else ())


def _row(line: int, named: dict[str, str], what: str) -> Row:
    """One job; that it is not over, where its status says so."""
    status = named.get("status", "")
    try:
        fate = fate_of(status)
    except InvalidInput as exc:
        raise InvalidInput(f"{what} line {line}: {exc.message}", hint=exc.hint) from exc
    if fate != "not_over":
        return Row(line=line, job_id=named["job_id"], submitted=named["submit_time"], cells=named)
    reason = f"it is {status}: how long it takes nobody knows yet"
    return Row(
        line=line, job_id=named["job_id"], submitted=named["submit_time"], cells=named, why="not_over", reason=reason
    )


def _separated(header: Sequence[str]) -> str:
    """What to do about a header that is parted by something else, empty where it is not."""
    other = next((sign for sign in (";", "\t") if len(header) == 1 and sign in header[0]), "")
    return (
        f"its cells are parted by {'tabs' if other == chr(9) else 'semicolons'}: part them by commas" if other else ""
    )


def _named_nearly(header: Sequence[str], missing: str) -> str:
    """That a column is there by nearly its name, empty where none is."""
    near = next((name for name in header if get_close_matches(name.lower(), [missing])), "")
    return f"it has {near!r}: write it {missing!r}" if near else ""


def _with_guess(name: str, known: Collection[str]) -> str:
    """An unknown column, with the one that may be meant."""
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.8)
    return f"{name} (did you mean {near[0]}?)" if near else name


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
