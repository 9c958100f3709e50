"""What a job was said to have emitted, each time that it changed: numbered, sealed, never overwritten."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, cast

import sqlalchemy as sa

from scheduler.domain.errors import StoreError
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records import schema
from scheduler.records.settlement import Status
from scheduler.records.transaction import Transaction

Cause = Literal["first", "data", "method", "error", "boundary"]
CAUSES: Final[tuple[Cause, ...]] = ("data", "method", "error", "boundary")
"""Why a figure that was stated may be stated anew; the first of all has none of these causes."""
INPUTS: Final = "inputs"
"""The part of the figures that tells what they were made from: it explains a change and is none itself."""
_DIGITS: Final = 12
"""Figures are the same when they agree to so many digits: more than that is the order of additions."""

Figures = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The figures of a job as they were stated once.

    Args:
        number: 1 for the first of the job, then one more each time; 0 for one that is not stored.
        as_of: what sources said later is not in it; made_at: when it was stored.
        cause, why: what made it differ from the one before, as one word and as a sentence.
        figures: plain data, as JSON holds it.
    """

    job_id: str
    number: int
    as_of: datetime
    made_at: datetime
    status: Status
    cause: Cause
    why: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure before and after."""

    name: str
    before: float
    after: float

    @property
    def share(self) -> float:
        """The change over what it was before; infinite where that was nothing. [-]"""
        if self.before == self.after:
            return 0.0
        return (self.after - self.before) / abs(self.before) if self.before else math.inf


def statements_of(tx: Transaction, job_id: str) -> list[Statement]:
    """All statements of a job, the first one first."""
    table = schema.statement
    query = table.select().where(table.c.job_id == job_id).order_by(table.c.number)
    return [_from_row(row) for row in tx.connection.execute(query).mappings()]


def newest_statements(tx: Transaction) -> dict[str, Statement]:
    """The last statement of each job that has one."""
    table = schema.statement
    last = sa.select(sa.func.max(table.c.id)).group_by(table.c.job_id)
    rows = tx.connection.execute(table.select().where(table.c.id.in_(last)).order_by(table.c.id)).mappings()
    return {row["job_id"]: _from_row(row) for row in rows}


def state(tx: Transaction, drafted: Statement) -> Statement:
    """Store a statement behind the others of its job; what is stored, the last one where that says the same."""
    before = statements_of(tx, drafted.job_id)
    stated = following(before[-1] if before else None, drafted)
    if stated.number:
        return stated
    number = before[-1].number + 1 if before else 1
    tx.connection.execute(schema.statement.insert().values(row_of(stated, number)))
    return replace(stated, number=number)


def following(before: Statement | None, drafted: Statement) -> Statement:
    """A statement with the cause for which it follows the last one; the last one itself where it says the same."""
    if before is None:
        return replace(drafted, cause="first", why="stated for the first time")
    if says_the_same(before, drafted):
        return before
    cause, why = cause_of(before, drafted)
    return replace(drafted, cause=cause, why=why)


def row_of(statement: Statement, number: int) -> dict[str, object]:
    """The columns of a statement, its seal among them."""
    row: dict[str, object] = {
        "job_id": statement.job_id,
        "number": number,
        "as_of": format_instant(statement.as_of),
        "made_at": format_instant(statement.made_at),
        "status": statement.status,
        "cause": statement.cause,
        "why": statement.why,
        "figures": canonical(statement.figures),
    }
    return {**row, "sha256": sealed(row)}


def says_the_same(one: Statement, other: Statement) -> bool:
    """Whether two statements have the same status and figures, whatever they were made from."""
    return one.status == other.status and told(one.figures) == told(other.figures)


def changes(before: Figures, after: Figures) -> list[Change]:
    """The figures that differ, by their names, of those that both have."""
    one, other = _numbers(before), _numbers(after)
    return [
        Change(name=name, before=one[name], after=other[name])
        for name in one
        if name in other and one[name] != other[name]
    ]


def cause_of(before: Statement, after: Statement) -> tuple[Cause, str]:
    """Why figures differ from those stated before, as a word and as a sentence."""
    old, new = (cast("Mapping[str, str]", each.figures.get(INPUTS, {})) for each in (before, after))
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if "boundary" in changed:
        return "boundary", f"what is counted changed: {old.get('boundary')} before, {new.get('boundary')} now"
    if "method" in changed:
        return "method", f"the method changed: {old.get('method')} before, {new.get('method')} now"
    if "activity" in changed:
        return "error", "the record of the run was corrected after it had been stated"
    if "intensity" in changed:
        return "data", "its sources revised the intensities of its hours"
    if "home" in changed:
        return "data", "by the jobs that are known now its home would have seated it at another time"
    if before.status != after.status:
        return "data", f"its intensities are {after.status} now"
    return "data", "other of its intensities are provisional now"


def canonical(figures: Figures) -> str:
    """Plain data as the one text that stands for it."""
    return json.dumps(figures, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sealed(row: Mapping[str, object]) -> str:
    """The checksum over what a row says, its number in the store apart."""
    said = {name: value for name, value in row.items() if name not in ("id", "sha256")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def require_sealed(row: Mapping[str, object], what: str) -> None:
    """Refuse a row that does not say what it said when it was stored."""
    if sealed(row) != row["sha256"]:
        raise StoreError(
            f"{what} was changed after it had been stated",
            hint="put a backup back: carbonsched restore FILE --replace",
        )


def _from_row(row: sa.RowMapping) -> Statement:
    """The statement that a row holds."""
    require_sealed(dict(row), f"statement {row['number']} of {row['job_id']}")
    return Statement(
        job_id=row["job_id"],
        number=row["number"],
        as_of=parse_instant(row["as_of"]),
        made_at=parse_instant(row["made_at"]),
        status=row["status"],
        cause=row["cause"],
        why=row["why"],
        figures=json.loads(row["figures"]),
    )


def told(figures: Figures) -> object:
    """The figures without what they were made from, to the digits that count."""
    return _rounded({name: value for name, value in figures.items() if name != INPUTS})


def _rounded(value: object) -> object:
    """Plain data with every number cut to the digits that count."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _numbers(figures: Figures) -> dict[str, float]:
    """Every number of plain data by its path, to the digits that count."""
    found: dict[str, float] = {}
    left: list[tuple[str, object]] = [("", told(figures))]
    while left:
        path, value = left.pop(0)
        if isinstance(value, Mapping):
            left += [(f"{path}.{name}".lstrip("."), each) for name, each in value.items()]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[path] = float(value)
    return found


def total_kg(figures: Figures) -> float | None:
    """The total that figures state, None where they state none. [kg]"""
    lines = figures.get("emissions_kg")
    total = lines.get("total") if isinstance(lines, Mapping) else None
    return float(total) if isinstance(total, int | float) else None


def rows_of(tx: Transaction, job_id: str) -> list[dict[str, object]]:
    """A job's statements as they are stored, but for their numbers in this store; the first one first."""
    table = schema.statement
    query = table.select().where(table.c.job_id == job_id).order_by(table.c.number)
    rows = tx.connection.execute(query).mappings()
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def merged(tx: Transaction, job_id: str, rows: Sequence[Mapping[str, object]]) -> bool:
    """Add what is new of a job's statements from elsewhere; False where neither list begins with the other."""
    there = [row["sha256"] for row in rows_of(tx, job_id)]
    given = [row["sha256"] for row in rows]
    if there[: len(given)] != given[: len(there)]:
        return False
    for row in rows[len(there) :]:
        tx.connection.execute(schema.statement.insert().values(**row))
    return True
