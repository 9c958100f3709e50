"""Accounts from the store: histories, the intensities they were exposed to, and the starts at home."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cli import wiring
from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import parse_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.records.counterfactual import HomeRun, home_starts, useful_length
from scheduler.records.gather import JobHistory, clusters_of, gather
from scheduler.records.rows import JobRow
from scheduler.records.store import Store
from scheduler.reporting.job_report import JobReport, job_report


def one(store: Store, history: JobHistory) -> JobReport:
    """The report of one job; the jobs that shared its home are read too, for its start there."""
    with store.reading() as tx:
        rows = tx.jobs()
        evidence = wiring.evidence()
        now = wiring.now()
        home = history.row.counterfactual["home"]
        same = [row for row in rows if row.counterfactual["home"] == home and row.id != history.row.id]
        others = [gather(tx, evidence, row, now=now) for row in same]
    return _report(history, starts_at_home([*others, history]))


def many(store: Store, since: datetime | None, until: datetime | None) -> tuple[list[JobReport], dict[str, Cluster]]:
    """The reports of the jobs submitted in ``[since, until)``, and the clusters they were planned on."""
    now = wiring.now()
    with store.reading() as tx:
        evidence = wiring.evidence()
        histories = [gather(tx, evidence, row, now=now) for row in tx.jobs()]
    starts = starts_at_home(histories)
    chosen = [h for h in histories if _within(h.row, since, until)]
    declared: dict[str, Cluster] = {}
    for history in chosen:
        declared |= clusters_of(history.planned)
    return [_report(history, starts) for history in chosen], declared


def starts_at_home(histories: Sequence[JobHistory]) -> dict[str, datetime]:
    """When each job would have started at its home, first come first served among the jobs of that home."""
    by_home: dict[str, list[HomeRun]] = {}
    gpus: dict[str, int] = {}
    for history in histories:
        clusters = clusters_of(history.planned)
        home = clusters.get(history.row.counterfactual["home"])
        if home is None or not history.attempts:
            continue
        length = useful_length(history.row.job, history.attempts, clusters, home)
        run = HomeRun(
            job_id=history.row.id,
            not_before=parse_instant(history.row.counterfactual["not_before"]),
            length=length or timedelta(0),
            gpus=history.attempts[0].gpus,
        )
        by_home.setdefault(home.name, []).append(run)
        gpus[home.name] = home.gpus
    return {job: at for home, runs in by_home.items() for job, at in home_starts(runs, gpus[home]).items()}


def intensity(row: JobRow, zones: Iterable[str], start: datetime, end: datetime) -> dict[str, IntensitySeries]:
    """What the job's own source says of some zones."""
    return wiring.shared_grid().series(row.intensity, zones, start, end)


def _report(history: JobHistory, starts: dict[str, datetime]) -> JobReport:
    """The report of one history."""
    clusters = clusters_of(history.planned)
    start = starts.get(history.row.id, history.row.submitted_at)
    moments = [start, *(t for a in history.attempts for t in a.reserved)]
    # The whole month, since a gap is priced by what is known of it; and the run at home may end after the real one.
    first = min(moments).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = max(moments) + sum((a.ran[1] - a.ran[0] for a in history.attempts), timedelta(days=1))
    zones = [cluster.zone for cluster in clusters.values()]
    return job_report(history, clusters, intensity(history.row, zones, first, last), home_start=start)


def _within(row: JobRow, since: datetime | None, until: datetime | None) -> bool:
    """Whether the job was submitted in the period."""
    return (since is None or row.submitted_at >= since) and (until is None or row.submitted_at < until)
