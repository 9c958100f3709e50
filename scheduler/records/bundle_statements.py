"""Statements of jobs and issues of periods as lines of text, and back: as they were sealed, to the byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.records import schema
from scheduler.records.bundle_lines import Line
from scheduler.records.periods import add_row, issue_rows
from scheduler.records.statements import merged, require_sealed, rows_of
from scheduler.records.transaction import Transaction

STATEMENT: Final = "statement"
ISSUE: Final = "period_issue"
_BY_HAND: Final = "the file was changed by hand"
_COLUMNS: Final = {
    kind: {column.name for column in table.columns} - {"id"}
    for kind, table in ((STATEMENT, schema.statement), (ISSUE, schema.period_issue))
}


def statement_lines(tx: Transaction, job_id: str) -> list[Line]:
    """The lines of a job's statements, the first one first."""
    return [{"record": STATEMENT, **row} for row in rows_of(tx, job_id)]


def issue_lines(tx: Transaction) -> list[Line]:
    """The lines of every issue of every period."""
    return [{"record": ISSUE, **row} for row in issue_rows(tx)]


def parted(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines of one job: its record, and its statements."""
    return [each for each in lines if each["record"] != STATEMENT], [
        each for each in lines if each["record"] == STATEMENT
    ]


def take_statements(tx: Transaction, job_id: str, lines: Sequence[Line]) -> None:
    """Add what is new of a job's statements.

    Raises:
        InvalidInput: they are not as they were sealed, or not those of the job that is here.
    """
    rows = [_row(STATEMENT, line) for line in lines]
    if [row["number"] for row in rows] != list(range(1, len(rows) + 1)):
        raise InvalidInput(f"job {job_id!r}: a statement is missing or comes twice", hint=_BY_HAND)
    if not merged(tx, job_id, rows):
        raise InvalidInput(
            f"the job {job_id} was stated otherwise in this store; nothing was imported",
            hint="import into another state folder (CARBONSCHED_STATE_DIR)",
        )


def take_issues(tx: Transaction, lines: Sequence[Line]) -> None:
    """Add the issues that are not here.

    Raises:
        InvalidInput: one is not as it was published, or is here and differs.
    """
    for line in lines:
        add_row(tx, _row(ISSUE, line))


def _row(kind: str, line: Line) -> Mapping[str, object]:
    """The columns that a line says, sealed."""
    row = {name: value for name, value in line.items() if name != "record"}
    odd = sorted(set(row) ^ _COLUMNS[kind])
    odd += [name for name, value in row.items() if not isinstance(value, int if name == "number" else str)]
    if odd:
        raise InvalidInput(f"{odd[0]} of a {kind} is missing, unknown or of another form", hint=_BY_HAND)
    try:
        require_sealed(row, f"{kind} {row['number']} of the file")
    except StoreError as exc:
        raise InvalidInput(exc.message, hint=_BY_HAND) from exc
    return row
