"""What another policy would have done with each job: plans that are kept apart, and that nobody plans around."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import sqlalchemy as sa

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.placement import Placement
from scheduler.records import schema
from scheduler.records.bundle_lines import Line
from scheduler.records.rows import PlanRow
from scheduler.records.transaction import Transaction

SHADOW: Final = "shadow"
_COLUMNS: Final = {"job_id": str, "policy": str, "made_at": str, "document": dict}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRow:
    """What one policy would have done with one job.

    Args:
        made_at: the instant at which it decides, that of the job's first plan.
        document: its plan; under `live` the plan that bound the job then, priced on the same surface.
    """

    job_id: str
    policy: str
    made_at: datetime
    document: Mapping[str, object]

    @property
    def placement(self) -> Placement:
        """Where and when it would have run."""
        return self._placed(self.document)

    @property
    def live_placement(self) -> Placement:
        """Where and when the job was planned to run."""
        return self._placed(cast("Mapping[str, object]", self.document["live"]))

    @property
    def planned_kg(self) -> float | None:
        """What it was expected to emit; None where a part has no intensity. [kg]"""
        return _total_kg(self.document)

    @property
    def live_planned_kg(self) -> float | None:
        """What the plan that bound the job was expected to emit then, on the same surface. [kg]"""
        return _total_kg(cast("Mapping[str, object]", self.document["live"]))

    def _placed(self, document: Mapping[str, object]) -> Placement:
        """The placement of a document."""
        return PlanRow(id=0, job_id=self.job_id, made_at=self.made_at, document=document).placement


def _total_kg(document: Mapping[str, object]) -> float | None:
    """The total of a document. [kg]"""
    return cast("Mapping[str, float | None]", document["emissions_kg"])["total"]


def add_shadow(tx: Transaction, row: ShadowRow) -> None:
    """Keep what a policy would have done; what is kept of the same job and policy stays."""
    if row.job_id in shadowed(tx, row.policy):
        return
    tx.connection.execute(
        schema.shadow.insert().values(
            job_id=row.job_id,
            policy=row.policy,
            made_at=format_instant(row.made_at),
            document=json.dumps(row.document),
        )
    )


def shadowed(tx: Transaction, policy: str) -> set[str]:
    """The jobs of which it is kept what a policy would have done."""
    column = schema.shadow.c
    return set(tx.connection.execute(sa.select(column.job_id).where(column.policy == policy)).scalars())


def shadows(
    tx: Transaction,
    job_ids: Sequence[str] | None = None,
    policy: str | None = None,
    *,
    until_after: datetime | None = None,
) -> list[ShadowRow]:
    """What is kept, in the order in which it was made.

    Args:
        tx: the store; job_ids: of these jobs alone; policy: of this one alone.
        until_after: those alone that would be through later.
    """
    column = schema.shadow.c
    query = schema.shadow.select().order_by(column.id)
    if until_after is not None:
        query = query.where(sa.func.json_extract(column.document, "$.finish") > format_instant(until_after))
    query = query if job_ids is None else query.where(column.job_id.in_(job_ids))
    query = query if policy is None else query.where(column.policy == policy)
    return [_from_row(row) for row in tx.connection.execute(query).mappings()]


def shadow_lines(tx: Transaction, job_id: str) -> list[Line]:
    """The lines of a job for another store."""
    return [
        {
            "record": SHADOW,
            "job_id": each.job_id,
            "policy": each.policy,
            "made_at": format_instant(each.made_at),
            "document": dict(each.document),
        }
        for each in shadows(tx, [job_id])
    ]


def take_shadows(tx: Transaction, lines: Sequence[Line]) -> None:
    """Keep what the lines of a job say.

    Raises:
        InvalidInput: a line is not as it was written.
    """
    for line in lines:
        odd = [name for name, kind in _COLUMNS.items() if not isinstance(line.get(name), kind)]
        if odd or set(line) != {"record", *_COLUMNS}:
            raise InvalidInput(f"a shadow of the job {line.get('job_id')!r} is not whole", hint="export it again")
        add_shadow(
            tx,
            ShadowRow(
                job_id=str(line["job_id"]),
                policy=str(line["policy"]),
                made_at=parse_instant(str(line["made_at"])),
                document=cast("Mapping[str, object]", line["document"]),
            ),
        )


def _from_row(row: sa.RowMapping) -> ShadowRow:
    """A row of the table."""
    return ShadowRow(
        job_id=row["job_id"],
        policy=row["policy"],
        made_at=parse_instant(row["made_at"]),
        document=json.loads(row["document"]),
    )
