"""Accounts from the store: histories, the intensities they were exposed to, and the starts at home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cli import wiring
from scheduler.domain.errors import InvalidInput, SourceUnavailable
from scheduler.domain.instant import parse_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.execution.windows import Found
from scheduler.records.counterfactual import verify
from scheduler.records.exposure import month_start, next_month
from scheduler.records.gather import JobHistory, gather
from scheduler.records.home_queue import starts_at_home
from scheduler.records.home_run import home_run, useful_length
from scheduler.records.rows import JobRow
from scheduler.records.store import Store
from scheduler.reporting.job_report import JobReport, job_report


def one(store: Store, history: JobHistory) -> JobReport:
    """The report of one job; the jobs before it at its home are read too, for its start there."""
    rule = history.row.counterfactual
    verify(rule, history.row.job)
    not_before = parse_instant(rule["not_before"])
    evidence, now = wiring.evidence(), wiring.now()
    with store.reading() as tx:
        others = [
            gather(tx, evidence, row, now=now)
            for row in tx.jobs()
            if row.id != history.row.id
            and row.counterfactual.get("home") == rule["home"]
            and row.submitted_at <= not_before  # one submitted later stands behind it in the queue
        ]
    return _report(history, starts_at_home([*others, history]))


def many(store: Store, since: datetime | None, until: datetime | None) -> list[JobReport]:
    """The reports of the jobs submitted in ``[since, until)``."""
    books = open_books(store)
    return [books.report(job_id) for job_id, each in books.histories.items() if within(each.row, since, until)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All jobs of the store as they stood when it was read: each report is one step from here.

    Args:
        histories: by job id, in order of submission; starts: at home, by job id.
    """

    histories: Mapping[str, JobHistory]
    starts: Mapping[str, datetime]

    def report(self, job_id: str) -> JobReport:
        """The report of one job."""
        return _report(self.histories[job_id], self.starts)


def open_books(store: Store) -> Books:
    """The store, read once."""
    evidence, now = wiring.evidence(), wiring.now()
    with store.reading() as tx:
        histories = {row.id: gather(tx, evidence, row, now=now) for row in tx.jobs()}
    return Books(histories=histories, starts=starts_at_home(histories.values()))


def intensity(row: JobRow, zones: Iterable[str], start: datetime, end: datetime) -> Found:
    """What the job's own sources have observed of some zones; they are asked for what is missing or may be revised."""
    grid, named = wiring.shared_grid(), tuple(zones)
    grid.freshen(row.intensity, named, start, min(end, wiring.now()))
    return grid.observed(row.intensity, named, start, end)


def within(row: JobRow, since: datetime | None, until: datetime | None) -> bool:
    """Whether the job was submitted in ``[since, until)``."""
    return (since is None or row.submitted_at >= since) and (until is None or row.submitted_at < until)


def _report(history: JobHistory, starts: Mapping[str, datetime]) -> JobReport:
    """The report of one history; where its source cannot be asked, the report says why it has no figures."""
    start = starts.get(history.row.id)
    used = [each.cluster for each in history.attempts]
    used += [cluster for cluster in (history.home, history.data_at) if cluster is not None]
    series: Mapping[str, IntensitySeries] = {}
    try:
        found = intensity(history.row, [cluster.zone for cluster in used], *_months(history, start))
        series, problem = found.series, "" if found.series else found.why
    except (InvalidInput, SourceUnavailable) as exc:
        problem = exc.message
    return job_report(history, series, home_start=start, no_intensity=problem)


def _months(history: JobHistory, start: datetime | None) -> tuple[datetime, datetime]:
    """Whole months that hold the job and its run at home, since a gap is priced by what is known of its month."""
    moments = [moment for each in history.attempts for moment in each.reserved]
    if history.home is not None and start is not None:
        useful = useful_length(history.row.job, history.attempts, history.home)
        if useful is not None:
            moments += home_run(history.attempts, history.home, start, useful).reserved
    moments += [history.paused_until] if history.paused_until else []
    moments = moments or [history.row.submitted_at]
    return month_start(min(moments)), next_month(max(moments))
