"""What takes more than a job's own hours: the best that it could have done, and whether accounts close."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from cli import wiring
from cli.accounting import Books
from scheduler.domain.errors import NotCovered
from scheduler.domain.instant import parse_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.execution.settling import Wanted
from scheduler.records.accounts import Accrual, account
from scheduler.records.attempts import Interval
from scheduler.records.exposure import month_start, next_month
from scheduler.records.gather import JobHistory
from scheduler.records.hindsight import NoHindsight, hindsight
from scheduler.records.identity import Closing, Declaration, closings, declarations
from scheduler.reporting.job_report import JobReport

_INSTANT: Final = timedelta(microseconds=1)


def with_hindsight(books: Books, report: JobReport) -> JobReport:
    """A report with the best that its job could have done, where that is known; asks no source anew."""
    history, real = report.history, report.account
    if real is None:
        return replace(report, no_hindsight=report.no_account)
    start = parse_instant(history.row.counterfactual["not_before"])
    wanted = Wanted(
        reference=tuple(history.row.intensity.items()),
        zones=tuple(sorted({cluster.zone for cluster in history.clusters.values()})),
        start=month_start(start),
        end=next_month(max([history.row.deadline_at, *(each.reserved[1] for each in history.attempts)])),
    )
    try:
        seen = books.read(wanted, report.as_of or wiring.now()).series
        return replace(report, hindsight=hindsight(history, real, seen), no_hindsight="")
    except NoHindsight as exc:
        return replace(report, no_hindsight=exc.message)


def closings_of(
    books: Books, reports: Iterable[JobReport], as_of: datetime, since: datetime | None, until: datetime | None
) -> tuple[Closing, ...]:
    """The identity of each cluster and calendar month that a period touches, over every job that ever ran there."""
    histories = list(books.histories.values())
    seen = [(each.planned.made_at, each.clusters) for each in histories]
    declared = [cut for each in declarations(seen, now=as_of) if (cut := _within(each, since, until)) is not None]
    if not declared:
        return ()
    known = {report.history.row.id: report for report in reports}
    span = min(each.since for each in declared), max(each.until for each in declared)
    there = [each.row.id for each in histories if _touches(each, span)]
    accruals = [accrual for job_id in there for accrual in _accruals(books, job_id, known.get(job_id), as_of)]
    return tuple(closings(histories, accruals, declared, _intensity(books, declared, as_of)))


def _within(declared: Declaration, since: datetime | None, until: datetime | None) -> Declaration | None:
    """The part of a declaration in the calendar months that a period touches; None where there is none."""
    first = declared.since if since is None else max(declared.since, month_start(since))
    last = declared.until if until is None else min(declared.until, next_month(until - _INSTANT))
    return replace(declared, since=first, until=last) if first < last else None


def _touches(history: JobHistory, span: Interval) -> bool:
    """Whether a job had any GPUs, or kept any, in a span of time."""
    ends = [moment for each in history.attempts for moment in each.reserved]
    ends += [history.paused_until] if history.paused_until else []
    return bool(ends) and min(ends) < span[1] and max(ends) > span[0]


def _accruals(books: Books, job_id: str, report: JobReport | None, as_of: datetime) -> Sequence[Accrual]:
    """What falls to each cluster and month of a job, in the report or not; nothing where it cannot be priced."""
    if report is not None:
        return report.account.accruals if report.account else ()
    history = books.histories[job_id]
    try:
        made = account(
            history.row.job,
            history.attempts,
            books.exposed(job_id, as_of).series,
            data_at=history.data_at,
            paused_until=history.paused_until,
        )
    except NotCovered:
        return ()  # its energy is then in the difference, which is shown
    return made.accruals


def _intensity(books: Books, declared: Sequence[Declaration], as_of: datetime) -> dict[str, IntensitySeries]:
    """The intensity of the clusters' zones over all months, by the source of the newest job."""
    newest = max(books.histories.values(), key=lambda each: each.row.submitted_at)
    wanted = Wanted(
        reference=tuple(newest.row.intensity.items()),
        zones=tuple(sorted({each.cluster.zone for each in declared})),
        start=month_start(min(each.since for each in declared)),
        end=next_month(max(each.until for each in declared)),
    )
    return books.read(wanted, as_of).series
