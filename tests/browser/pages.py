"""A report of every kind of job, under names that would break a careless page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from scheduler.records.counterfactual import register
from scheduler.reporting.charts_timeline import Trace
from scheduler.reporting.html_page import shown_alone
from scheduler.reporting.job_report import JobReport, job_report
from scheduler.reporting.period_report import PeriodReport, period_report
from tests.records.cases import T0, at, make_cluster, make_history, make_series, run
from tests.reporting.reports import REPORTS

NAMES: Final = (
    "<script>document.title='broken'</script>", '"><img src=x onerror=alert(1)>', "=HYPERLINK(0)", "a|b & c's",
    "étude 🌍", "שלום עולם", "a-name-without-any-place-to-break-it-" + "x" * 80, "{{ 7 * 7 }} {name} %s",
)  # fmt: skip
"""Markup, a formula, a table's bar, an emoji, right to left, something long, and what templates react to."""
GRID: Final = {
    "FR": make_series("FR", [55 + 35 * math.sin(hour / 3.8) for hour in range(72)]),
    "CA-QC": make_series("CA-QC", [34 + 5 * math.cos(hour / 5) for hour in range(40)] + [math.nan] * 2 + [30.0] * 30),
}
FRANCE, QUEBEC = make_cluster(), make_cluster("quebec", "CA-QC")


def moved(name: str, number: int) -> JobReport:
    """A job that began in France, was suspended by its plan, and went on in Quebec."""
    start = 2.0 + number
    history = make_history(
        [
            run(FRANCE, start, start + 3, reserved=(start - 0.2, start + 3.1), ended_by="plan", sid="first"),
            run(QUEBEC, start + 8, start + 14, reserved=(start + 7.8, start + 14), sid="second"),
        ],
        home=FRANCE,
        job_id=f"m{number}",
    )
    job = history.row.job.model_copy(update={"name": name, "project": name, "owner": name})
    row = replace(history.row, job=job, reason=name, counterfactual=register(job, "france", at(0), at(0)))
    return job_report(replace(history, row=row), GRID, home_start=at(start))


def hostile_report() -> PeriodReport:
    """Real and simulated jobs, priced and not, and every name."""
    jobs = [moved(name, number) for number, name in enumerate(NAMES)]
    return report_of([*jobs, *(make() for make in REPORTS.values())])


def report_of(jobs: Sequence[JobReport]) -> PeriodReport:
    """The report of some jobs, grouped."""
    return period_report(
        jobs, since=at(0), until=at(99), made_at=T0, version="1.2.3", group_by=["project", "month"], filters=NAMES[:1]
    )


def traces(report: PeriodReport) -> dict[str, tuple[Trace, ...]]:
    """What came and what was forecast in both zones around each job that is shown by itself."""
    forecast = make_series("FR", [60 + 30 * math.sin(hour / 4.1) for hour in range(72)], kind="forecast")
    both = (Trace(zone="FR", observed=GRID["FR"], forecast=forecast), Trace(zone="CA-QC", observed=GRID["CA-QC"]))
    return {job.history.row.id: both for job in shown_alone(report)}
