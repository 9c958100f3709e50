"""What projects have used of their budgets, from the store: the month so far by accounts, the rest of it by plans.

Simulated jobs are never in it, nor what is held. A job counts in the month in which its hours lie.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from cli import accounting, wiring
from scheduler.domain.errors import NotCovered
from scheduler.domain.time_zone import parse_time_zone
from scheduler.records.budgets import HELD, Budgets, Use, held_why, parse_budgets, planned_kg
from scheduler.records.gather import JobHistory
from scheduler.records.periods_accrual import accrued, touches
from scheduler.records.periods_calendar import Period, parse_period
from scheduler.records.rows import FINAL, JobRow, JobState, PlanRow
from scheduler.records.store import Store

if TYPE_CHECKING:
    from cli.settings import Settings
    from scheduler.domain.job import Job
    from scheduler.domain.placement import Segment

_TWO_MONTHS: Final = timedelta(days=59)
"""No month is as long."""


def budgets_of(values: Settings) -> Budgets:
    """The budgets of the settings."""
    return parse_budgets(values.text("budgets"))


def month_of(values: Settings, at: datetime) -> Period:
    """The calendar month that holds an instant, between the midnights by which periods end."""
    zone = values.text("reporting_time_zone")
    return parse_period(f"{at.astimezone(parse_time_zone(zone)):%Y-%m}", zone)


def uses(
    store: Store, values: Settings, month: Period | None = None, books: accounting.Books | None = None
) -> tuple[Use, ...]:
    """What each project with a budget has used of it in a month.

    Args:
        store: where the jobs are; values: the settings in force.
        month: None for the one that now lies in.
        books: read so far, None to read them here, which is only done where there is a budget.
    """
    now = wiring.now()
    month = month or month_of(values, now)
    set_for = budgets_of(values).in_force(min(max(now, month.since), month.until))
    if not set_for:
        return ()
    opened = books or accounting.open_books(store)
    plans = _plans(store, [each.row for each in opened.histories.values() if _waits(each.row)])
    return tuple(
        _use(Use(project=project, month=month.name, budget=budget, realised_kg=0.0, projected_kg=0.0), opened,
             plans, month, now)
        for project, budget in set_for.items()
    )  # fmt: skip


def of_report(store: Store, period: str | None, projects: Sequence[str]) -> tuple[Use, ...]:
    """The budgets beside a report: of its month, or where it is of another time, of the month that now lies in.

    Args:
        store: where the jobs are.
        period: that was asked for; projects: that it is of, all where none is named.
    """
    values = wiring.settings()
    month = None if period is None else parse_period(period, values.text("reporting_time_zone"))
    alone = month if month is not None and month.until - month.since < _TWO_MONTHS else None
    return tuple(each for each in uses(store, values, alone) if not projects or each.project in projects)


def _use(none: Use, books: accounting.Books, plans: Mapping[str, PlanRow], month: Period, now: datetime) -> Use:
    """What a project has used, from nothing on."""
    mine = [each for each in books.histories.values() if each.row.job.project == none.project and not each.simulated]
    span = month.since, min(month.until, now)
    ran = [each for each in mine if span[0] < span[1] and touches(each.attempts, each.paused_until, span)]
    as_of = books.freshened(each.row.id for each in ran)
    realised = {each.row.id: _realised_kg(books, each, span, as_of) for each in ran}
    rest = max(now, month.since), month.until
    ahead = {
        each.row.id: _ahead_kg(each, plans[each.row.id], rest, now)
        for each in mine
        if each.row.id in plans and rest[0] < rest[1]
    }
    return replace(
        none,
        realised_kg=math.fsum(kg for kg in realised.values() if kg is not None),
        projected_kg=math.fsum(kg for kg in ahead.values() if kg is not None),
        unknown=tuple(sorted({job_id for each in (realised, ahead) for job_id, kg in each.items() if kg is None})),
        held=tuple(each.row.id for each in mine if is_held(each.row)),
    )


def is_held(row: JobRow) -> bool:
    """Whether a job is held by its project's budget."""
    return row.state == JobState.HELD and row.wanted == "hold" and row.reason.startswith(HELD)


def _realised_kg(
    books: accounting.Books, history: JobHistory, span: tuple[datetime, datetime], as_of: datetime
) -> float | None:
    """What a job emitted within a span; None where that cannot be priced. [kg]"""
    exposed = books.exposed(history.row.id, as_of)
    if exposed.problem:
        return None
    try:
        return accrued(
            history.row.job, history.attempts, exposed.series, span, data_at=history.data_at,
            paused_until=history.paused_until,
        ).central.total  # fmt: skip
    except NotCovered:
        return None


def _waits(row: JobRow) -> bool:
    """Whether a job has anything ahead of it that is planned."""
    return row.state not in FINAL and row.state != JobState.HELD and row.wanted == "run"


def _plans(store: Store, rows: Iterable[JobRow]) -> dict[str, PlanRow]:
    """The plans in force of some jobs."""
    with store.reading() as tx:
        return tx.newest_plans([row.id for row in rows])


def _ahead_kg(history: JobHistory, plan: PlanRow, rest: tuple[datetime, datetime], now: datetime) -> float | None:
    """What is planned of a job in the rest of a month; one that should have begun has all of it ahead. [kg]"""
    if not _real(history, plan):
        return 0.0
    segments = plan.placement.segments
    waited = max(timedelta(0), now - segments[0].start) if not history.attempts else timedelta(0)
    ahead = [replace(each, start=each.start + waited, end=each.end + waited) for each in segments]
    return planned_kg(_total_kg(plan.document), ahead, rest)


def _real(history: JobHistory, plan: PlanRow) -> bool:
    """Whether a plan is of hardware that is there."""
    return not any(_simulated(plan.document, each.cluster) for each in plan.placement.segments) or bool(
        history.attempts
    )


def _simulated(document: Mapping[str, object], cluster: str) -> bool:
    """Whether a plan's document declares a cluster as simulated."""
    declared = cast("Mapping[str, Mapping[str, object]]", document["clusters"])
    return bool(declared.get(cluster, {}).get("simulated", False))


def _total_kg(document: Mapping[str, object]) -> float | None:
    """What a plan emits by its document; None where it has no price. [kg]"""
    return cast("Mapping[str, float | None]", document["emissions_kg"])["total"]


@dataclass(slots=True)
class Gate:
    """Decides which new jobs their project's budget holds; each that passes counts for the next ones.

    Args:
        month: that is looked at.
        by_project: what was used when it was opened, of budgets that hold.
    """

    month: Period
    by_project: dict[str, Use] = field(default_factory=dict)

    def why_held(self, job: Job, document: Mapping[str, object], segments: Iterable[Segment]) -> str:
        """Why a job with that plan is held; empty where it is not."""
        use, stretches = self.by_project.get(job.project), tuple(segments)
        if use is None or any(_simulated(document, each.cluster) for each in stretches):
            return ""
        return self._why(use, planned_kg(_total_kg(document), stretches, (self.month.since, self.month.until)))

    def why_held_again(self, project: str, document: Mapping[str, object]) -> str:
        """Why a held job stays so, whose plan is out of date: all of that is taken to fall into this month."""
        use = self.by_project.get(project)
        return "" if use is None else self._why(use, _total_kg(document))

    def _why(self, use: Use, more_kg: float | None) -> str:
        """Why so much more [kg] does not fit; empty where it does, and counts from now on."""
        if not use.has_room(more_kg):
            return held_why(use, more_kg)
        self.by_project[use.project] = replace(use, projected_kg=use.projected_kg + (more_kg or 0.0))
        return ""


def gate_of(store: Store, projects: Iterable[str]) -> Gate:
    """The gate for new jobs of some projects; it reads the store only where one of them has a budget that holds."""
    values, now = wiring.settings(), wiring.now()
    month = month_of(values, now)
    holding = {project for project, budget in budgets_of(values).in_force(now).items() if budget.hold}
    if not holding & set(projects):
        return Gate(month)
    return Gate(month, {use.project: use for use in uses(store, values, month) if use.budget.hold})
