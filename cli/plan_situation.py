"""What `carbonsched plan` is made from: the clusters, their intensities, the store's past runs, and the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import wiring
from scheduler.domain.instant import parse_instant
from scheduler.planning.planner import may_be_late
from scheduler.planning.situation import Situation
from scheduler.planning.why import MORE_SLACK
from scheduler.problem.limits import horizon
from scheduler.problem.past import PAST
from scheduler.records.homes import parse_homes

if TYPE_CHECKING:
    from cli.settings import Settings
    from scheduler.domain.intensity import IntensitySeries
    from scheduler.domain.job import Job
    from scheduler.execution.grid import Grid
    from scheduler.ports import Policy

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for, beside the job.

    Args:
        clusters: file or folder of them, None for those declared.
        grid: where intensities come from; table: the table to plan on, None for the grid's own sources.
        other_table: table on the other basis, None for the sources of that.
        now: moment of decision as text, None for now.
        allowed: clusters that stand in for the job's own list, None for that.
        allow_opposed: whether it may move to where the marginal price opposes.
    """

    clusters: Path | None
    grid: Grid
    table: str | None
    other_table: str | None
    now: str | None
    allowed: Sequence[str] | None
    allow_opposed: bool


def situation_of(job: Job, values: Settings, asked: Asked, policy: Policy | None) -> tuple[Situation, tuple[str, ...]]:
    """What the plan is made from, and what there is to know about its intensities.

    Args:
        job: what is to run; values: the settings in force; asked: what the command line says.
        policy: the one that decides, None where there is none of that name.
    """
    declared = wiring.clusters(asked.clusters)
    start = parse_instant(asked.now, what="--now") if asked.now else wiring.now().replace(microsecond=0)
    slack, learnt = values.duration("default_slack"), wiring.past_runs()(job)
    end = max(horizon(job, start, default_slack=slack, learnt=learnt), start + _HOUR)
    grid, reference = asked.grid, asked.grid.reference(asked.table)
    zones = [cluster.zone for cluster in declared]
    if not grid.is_replay(start):
        grid.freshen(reference, zones, start, end)
    needs = policy.needs if policy is not None else {"forecast"}
    until = end + MORE_SLACK if may_be_late(policy) else None
    found = grid.to_plan_on(reference, zones, start, until or end, start, at_no_price="forecast" not in needs)
    past = grid.ahead(reference, zones, start - PAST, start, start).series if "history" in needs else None
    situation = Situation(
        job=job,
        clusters=declared,
        intensity=found.series,
        lacking=found.lacking,
        may_come=grid.may_come(reference, zones, start, end),
        beyond=grid.ahead(reference, zones, start, end + MORE_SLACK, start).series,
        history=past,
        other=_other(values, asked, zones, start, end),
        allow_opposed=asked.allow_opposed,
        now=start,
        allowed=asked.allowed,
        operator_home=parse_homes(values.text("homes")).of(job.project, start) or values.text("home") or None,
        default_slack=slack,
        learnt=learnt,
        until=until,
    )
    return situation, _year_notes(reference, start)


def _other(
    values: Settings, asked: Asked, zones: Sequence[str], start: datetime, end: datetime
) -> Mapping[str, IntensitySeries]:
    """What lies ahead on the other basis, by zone; asks its providers where the plan is not of the past."""
    grid = wiring.other_grid(values, asked.grid.basis)
    reference = grid.reference(asked.other_table)
    if not grid.is_replay(start):
        grid.freshen(reference, zones, start, end)
    return grid.ahead(reference, zones, start, end, start).series


def _year_notes(reference: Mapping[str, str], start: datetime) -> tuple[str, ...]:
    """That yearly averages stand in for hours, and where they are of another year."""
    if "year" not in reference:
        return ()
    used = reference["year"]
    note = f"no intensity table was given: yearly averages of {used} stand in for hours"
    other = f", in {start.year}; low and high are those of a projection" if used != str(start.year) else ""
    return (note + other,)
