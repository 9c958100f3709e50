"""What the Markdown says of energy, plans, hindsight and the identity."""

from __future__ import annotations

from dataclasses import replace

from scheduler.records.hindsight import hindsight
from scheduler.records.identity import Closing
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.markdown import report_markdown
from scheduler.reporting.period_report import period_report
from tests.records.cases import T0, at, make_cluster, run
from tests.records.curves import metered
from tests.reporting.reports import AWAY, GRID, HOME, job_of


def text_of(*jobs: JobReport, closings: tuple[Closing, ...] = ()) -> str:
    """The report of some jobs."""
    made = period_report(jobs, since=None, until=None, made_at=at(50), version="1", closings=closings)
    return report_markdown(made)


def closing(**changes: object) -> Closing:
    """A month of a cluster that closes."""
    made = Closing(
        cluster=HOME, month=T0.replace(day=1), installed_gpu_h=100.0, reserved_gpu_h=50.0, jobs_kwh=30.0,
        twice_kwh=0.0, unallocated_kwh=10.0, head_kwh=0.0, it_kwh=40.0, facility_kwh=48.0, unallocated_kg=1.0,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # each test names fields of it


def test_it_says_why_a_plan_was_missed() -> None:
    """The four parts of the difference, in words."""
    text = text_of(job_of(metered(run(AWAY, 10, 12), [(2, 1.6)])))
    assert "Realised less planned: " in text
    for part in ("forecast", "duration", "power", "overhead"):
        assert f"{part} " in text


def test_it_says_what_is_odd_about_the_energy() -> None:
    """What the meter noted stands with the footprint, and how much of it was measured."""
    text = text_of(job_of(metered(run(AWAY, 10, 12), [(2, 1.6)], notes=("1 of 8 GPUs: reset",))))
    assert "- 1 of 8 GPUs: reset" in text
    assert "Energy by nvml_counter, 50 % of it measured" in text


def test_it_tells_regret_only_where_it_was_worked_out() -> None:
    """Not of every job of a period."""
    job = job_of(run(AWAY, 10, 12))
    assert "hindsight" not in text_of(job)
    assert job.account is not None
    best = hindsight(job.history, job.account, GRID)
    assert "Best in hindsight" in text_of(replace(job, hindsight=best))


def test_it_shows_whether_the_accounts_close() -> None:
    """A difference is a figure, none is a word; what no file declares is not 0."""
    heads = make_cluster(head_w=100)
    text = text_of(job_of(), closings=(closing(), closing(cluster=heads, head_kwh=5.0, it_kwh=50.0)))
    first, second = (line for line in text.splitlines() if line.startswith("| 2024-03"))
    assert ["2024-03", "france", "30", "10", "not declared", "40", "none", "50 %"] == [
        cell.strip() for cell in first.strip("|").split("|")
    ]
    assert ["5", "50", "5", "50 %"] == [cell.strip() for cell in second.strip("|").split("|")][4:]


def test_a_simulated_cluster_is_marked() -> None:
    """Its row stands beside the real ones, never in them."""
    lab = make_cluster("lab", simulated=True)
    assert "lab, simulated" in text_of(job_of(), closings=(closing(cluster=lab),))
