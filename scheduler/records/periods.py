"""The issues of a reporting period: its figures each time that they were published, numbered and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records import schema
from scheduler.records.periods_calendar import Period
from scheduler.records.settlement import Closed, Status
from scheduler.records.statements import Cause, Figures, canonical, require_sealed, sealed, total_kg
from scheduler.records.transaction import Transaction

MATERIAL: Final = 0.05
"""Change of a total from which on a restatement is due; this project's choice, a usual threshold of inventories. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """The figures of a period as they were published once.

    Args:
        number: 1 for the first of the period, then one more each time; 0 for one that is not stored.
        cause: why it was made anew.
    """

    period: Period
    number: int
    made_at: datetime
    status: Status
    cause: Cause
    figures: Figures

    @property
    def total_kg(self) -> float:
        """The organisation's total, real clusters alone. [kg]"""
        return total_kg(self.figures) or 0.0


def issues_of(tx: Transaction, name: str | None = None) -> list[Issue]:
    """All issues of a period, or of all of them, in order of their names and numbers."""
    table = schema.period_issue
    query = table.select().order_by(table.c.period, table.c.number)
    query = query if name is None else query.where(table.c.period == name)
    return [_from_row(row) for row in tx.connection.execute(query).mappings()]


def add_issue(tx: Transaction, issue: Issue) -> Issue:
    """Store an issue behind the others of its period, and return it with its number."""
    number = len(issues_of(tx, issue.period.name)) + 1
    row = {
        "period": issue.period.name,
        "number": number,
        "since": format_instant(issue.period.since),
        "until": format_instant(issue.period.until),
        "time_zone": issue.period.time_zone,
        "made_at": format_instant(issue.made_at),
        "status": issue.status,
        "cause": issue.cause,
        "figures": canonical(issue.figures),
    }
    tx.connection.execute(schema.period_issue.insert().values(**row, sha256=sealed(row)))
    return issues_of(tx, issue.period.name)[-1]


def closed_for_good(tx: Transaction) -> tuple[Closed, ...]:
    """The periods whose newest issue is final."""
    newest = {issue.period.name: issue for issue in issues_of(tx)}
    return tuple(
        Closed(span=(each.period.since, each.period.until), at=each.made_at)
        for each in newest.values()
        if each.status == "final"
    )


def restatement_share(published: Issue, restated_kg: float) -> float:
    """How far a total is now from the one published, over that one. [-]"""
    if published.total_kg == restated_kg:
        return 0.0
    return (restated_kg - published.total_kg) / abs(published.total_kg) if published.total_kg else float("inf")


def issue_rows(tx: Transaction) -> list[dict[str, object]]:
    """Every issue as it is stored, but for its number in this store."""
    table = schema.period_issue
    rows = tx.connection.execute(table.select().order_by(table.c.period, table.c.number)).mappings()
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def add_row(tx: Transaction, row: Mapping[str, object]) -> None:
    """Store an issue from elsewhere as it was published; one that is here already has to be the same.

    Raises:
        InvalidInput: another one of its period and number is here, or it is not the next one.
        StoreError: it is not as it was published.
    """
    what = f"issue {row['number']} of the period {row['period']}"
    require_sealed(row, what)
    there = {each["number"]: each["sha256"] for each in issue_rows(tx) if each["period"] == row["period"]}
    if there.get(row["number"]) == row["sha256"]:
        return
    if row["number"] != len(there) + 1:
        raise InvalidInput(
            f"{what} is in the store already, and differs; nothing was imported"
            if row["number"] in there
            else f"{what} came before the one it follows; nothing was imported",
            hint="import into another state folder (CARBONSCHED_STATE_DIR)",
        )
    tx.connection.execute(schema.period_issue.insert().values(**row))


def _from_row(row: sa.RowMapping) -> Issue:
    """The issue that a row holds."""
    require_sealed(dict(row), f"issue {row['number']} of the period {row['period']}")
    return Issue(
        period=Period(
            name=row["period"],
            time_zone=row["time_zone"],
            since=parse_instant(row["since"]),
            until=parse_instant(row["until"]),
        ),
        number=row["number"],
        made_at=parse_instant(row["made_at"]),
        status=row["status"],
        cause=row["cause"],
        figures=json.loads(row["figures"]),
    )
