"""Records of ended jobs as a text file, a line each, and back into any store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.records.backup_copy import whole_file
from scheduler.records.bundle_lines import Line, Record, line_from, lines_of, record_from, text_of
from scheduler.records.bundle_statements import (
    ISSUE,
    issue_lines,
    parted,
    statement_lines,
    take_issues,
    take_statements,
)
from scheduler.records.rows import FINAL
from scheduler.records.shadows import SHADOW, shadow_lines, take_shadows
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

HEADER: Final[Mapping[str, object]] = {"record": "header", "format": "carbonsched-records", "version": 1}
"""The first line; its version rises when a line changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many jobs an import added, and how many were there already, the same to the letter."""

    added: int
    known: int


def export_lines(store: Store) -> Iterator[str]:
    """The header, the issues of periods, then the lines of every job that has ended, as they stand in one instant."""
    with store.reading() as tx:
        yield text_of(HEADER)
        yield from map(text_of, issue_lines(tx))
        for row in tx.jobs():
            if row.state in FINAL:
                yield from map(text_of, lines_of(tx, store.folder, row))
                yield from map(text_of, statement_lines(tx, row.id))
                yield from map(text_of, shadow_lines(tx, row.id))


def import_lines(store: Store, lines: Iterable[str]) -> Imported:
    """Add every job of the lines to the store, or none of them.

    Raises:
        InvalidInput: a line is no record, or a job is in the store and differs.
        StoreError: its evidence cannot be written.
    """
    written: list[Path] = []
    try:
        with store.writing() as tx:
            return _merged(tx, store.folder, lines, written)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _merged(tx: Transaction, folder: StateFolder, lines: Iterable[str], written: list[Path]) -> Imported:
    """Add the jobs that are not there; one that is has to be the same."""
    added = known = 0
    there = {row.id: row for row in tx.jobs()}
    for job_id, group in _grouped(lines):
        if group[0]["record"] == ISSUE:
            take_issues(tx, group)
            continue
        beside = [line for line in group if line["record"] == SHADOW]
        record, statements = parted([line for line in group if line["record"] != SHADOW])
        if job_id not in there:
            add_record(tx, folder, record_from(record), written)
            added += 1
        elif record == lines_of(tx, folder, there[job_id]):
            known += 1
        else:
            raise InvalidInput(
                f"the job {job_id} is in the store already, and differs; nothing was imported",
                hint="import into another state folder (CARBONSCHED_STATE_DIR)",
            )
        take_statements(tx, job_id, statements)
        take_shadows(tx, beside)
    return Imported(added=added, known=known)


def _grouped(lines: Iterable[str]) -> Iterator[tuple[str, list[Line]]]:
    """The lines of each job, which stand together, its own first; those of periods before the first one."""
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    header = line_from(first, what="line 1")
    if header != HEADER:
        raise InvalidInput(
            f"the file says that it is {header.get('format')!r} version {header.get('version')!r}",
            hint=f"this carbonsched reads {HEADER['format']} version {HEADER['version']}",
        )
    group: list[Line] = []
    seen: set[object] = set()
    for number, text in numbered:
        line = line_from(text, what=f"line {number}")
        if line["record"] == ISSUE and not seen:
            yield "", [line]
        elif line["record"] == "job":
            if line.get("id") in seen:
                raise InvalidInput(f"line {number}: the job {line.get('id')!r} comes twice", hint="drop one of them")
            if group:
                yield str(group[0].get("id")), group
            seen.add(line.get("id"))
            group = [line]
        elif group and line.get("job_id") == group[0].get("id"):
            group.append(line)
        else:
            raise InvalidInput(f"line {number} belongs to no job before it", hint="the file was changed by hand")
    if group:
        yield str(group[0].get("id")), group


def add_record(tx: Transaction, folder: StateFolder, record: Record, written: list[Path]) -> None:
    """Store a record under numbers of this store; every new file of evidence is noted in `written`."""
    add_rows(tx, record)
    _add_evidence(folder, record, written)


def add_rows(tx: Transaction, record: Record) -> None:
    """Store what a record says of a job, its evidence apart."""
    tx.add_job(record.job)
    ids = [tx.add_plan(record.job.id, plan.made_at, plan.document) for plan in record.plans]
    for segment in record.segments:
        tx.add_segment(replace(segment, plan_id=ids[segment.plan_id - 1]))
    for event in record.events:
        tx.add_event(record.job.id, event.at, event.kind, event.text)


def _add_evidence(folder: StateFolder, record: Record, written: list[Path]) -> None:
    """Keep the evidence of a record; what is there already has to be the same."""
    for name, content in record.evidence.items():
        path = folder.evidence(record.job.id) / name
        if path.exists():
            if path.read_bytes() != content:
                raise InvalidInput(f"{path} is there already, and differs; nothing was imported", hint="move it away")
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_bytes(content)
        written.append(path)
