"""Counts over all that the store holds, each by one query: what a monitor asks for every few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from scheduler.domain.emissions import LINES
from scheduler.records import schema
from scheduler.records.rows import JobState
from scheduler.records.transaction import Transaction

_STATED: Final = sa.text("""
    SELECT job.project, line.key, newest.status, json_extract(newest.figures, '$.basis'),
           json_extract(newest.figures, '$.simulated'), sum(line.value)
    FROM statement AS newest
    JOIN job ON job.id = newest.job_id
    JOIN json_each(newest.figures, '$.emissions_kg') AS line
    WHERE newest.id IN (SELECT max(id) FROM statement GROUP BY job_id) AND line.key IN :lines
    GROUP BY 1, 2, 3, 4, 5
""").bindparams(sa.bindparam("lines", LINES, expanding=True))
"""Read by SQLite itself: to parse every statement here would cost a second for ten thousand jobs."""


class Stated(NamedTuple):
    """What statements are summed over; of different words none are ever added."""

    project: str
    line: str
    status: str
    basis: str
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How much there is of what.

    Args:
        jobs: by state, each state there; overdue: open ones past their deadline.
        granted_gpus: that trainings have now, by cluster. [GPUs]
        ended: segments that are over, by cluster and how they ended.
        stated_kg: by the newest statement of each job that has one. [kg]
    """

    jobs: Mapping[JobState, int]
    overdue: int
    granted_gpus: Mapping[str, int]
    ended: Mapping[tuple[str, str], int]
    stated_kg: Mapping[Stated, float]


def tally(tx: Transaction, now: datetime) -> Tally:
    """The counts as they stand."""
    job, segment = schema.job, schema.segment
    by_state = sa.select(job.c.state, sa.func.count()).group_by(job.c.state)
    there = sa.select(segment.c.cluster, sa.func.sum(segment.c.gpus)).where(segment.c.phase == "granted")
    over = sa.select(segment.c.cluster, segment.c.end, sa.func.count()).where(segment.c.phase == "over")
    ended = over.group_by(segment.c.cluster, segment.c.end)
    ask = tx.connection.execute
    states = {row[0]: row[1] for row in ask(by_state)}
    return Tally(
        jobs={state: states.get(state.value, 0) for state in JobState},
        overdue=len(tx.overdue(now)),
        granted_gpus={row[0]: row[1] for row in ask(there.group_by(segment.c.cluster))},
        ended={(row[0], row[1]): row[2] for row in ask(ended)},
        stated_kg={Stated(row[0], row[1], row[2], row[3], bool(row[4])): row[5] for row in ask(_STATED)},
    )
