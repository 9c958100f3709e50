"""The grid around the jobs that a page shows by themselves: what came, and what was forecast at their acceptance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cli import wiring
from scheduler.domain.errors import InvalidInput, SourceUnavailable
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.joining import within
from scheduler.execution.freshness import whole_hour
from scheduler.reporting.charts_timeline import Trace
from scheduler.reporting.html_job import Traces, window
from scheduler.reporting.html_page import shown_alone
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import PeriodReport


def traces_of(report: PeriodReport) -> Traces:
    """The zones of each job that is shown by itself; none where its source cannot be asked."""
    return {job.history.row.id: tuple(_of_job(job)) for job in shown_alone(report)}


def _of_job(job: JobReport) -> Iterator[Trace]:
    """The zones that a job ran in, then the one it would have run in."""
    pieces = job.counterfactual.run.pieces if job.counterfactual else ()
    zones = list(dict.fromkeys(each.cluster.zone for each in (*job.history.attempts, *pieces)))
    start, end = (whole_hour(window(job)[0]), whole_hour(window(job)[1], up=True))
    reference = job.history.row.intensity
    try:
        came = wiring.shared_grid().observed(reference, zones, start, end, job.as_of).series
        expected = wiring.shared_grid().ahead(reference, zones, start, end, job.history.planned.made_at).series
    except (InvalidInput, SourceUnavailable):
        return
    for zone in zones:
        if zone in came:
            yield Trace(zone=zone, observed=came[zone], forecast=_forecast(expected.get(zone), job, end))


def _forecast(expected: IntensitySeries | None, job: JobReport, end: datetime) -> IntensitySeries | None:
    """The part of what was expected that was forecast; None where nothing was."""
    if expected is None or all(piece.kind != "forecast" for piece in expected.origins):
        return None
    return within(expected, job.history.planned.made_at, end)
