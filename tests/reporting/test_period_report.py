"""A period: every job of it, real and simulated apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.domain.basis import Basis
from scheduler.domain.emissions import LINES
from scheduler.domain.errors import BasisMismatch
from scheduler.records.attempts import Attempt
from scheduler.reporting.job_report import JobReport, job_report
from scheduler.reporting.period_report import PeriodReport, period_report
from tests.records.cases import T0, at, make_cluster, make_history, make_job, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
THERE = make_cluster("lab", "FR", simulated=True)
GRID = {"FR": make_series("FR", [300] * 48), "CA-QC": make_series("CA-QC", [30] * 48)}


def of(*attempts: Attempt, project: str = "", known: bool = True, basis: Basis | None = None) -> JobReport:
    """The report of one job."""
    grid = {zone: replace(series, basis=basis or series.basis) for zone, series in GRID.items()} if known else {}
    job = make_job(project=project)
    home = THERE if attempts and attempts[0].cluster.simulated else HOME
    return job_report(make_history(attempts, job=job, home=home), grid, home_start=at(0))


def period(*jobs: JobReport) -> PeriodReport:
    """The report of some jobs."""
    return period_report(jobs, since=at(0), until=at(9), made_at=T0, version="1.2.3")


def test_a_period_without_jobs_is_a_report_of_nothing() -> None:
    """Zeros, no basis, no difference."""
    made = period()
    assert (0, 0, 0.0, None) == (made.real.jobs, made.simulated.jobs, made.real.emissions_kg["total"], made.basis)
    assert (None, (), ()) == (made.real.difference, made.by_project, made.jobs)


def test_sums_are_the_sums_of_their_jobs() -> None:
    """Line by line, and the ends of the range."""
    jobs = [of(run(HOME, 0, 1)), of(run(AWAY, 0, 2), run(HOME, 3, 4)), of()]
    made = period(*jobs).real
    accounts = [job.account for job in jobs if job.account is not None]
    assert (3, 2, 2) == (made.jobs, len(accounts), made.compared)
    for line in (*LINES, "total"):
        assert sum(a.central.as_dict()[line] for a in accounts) == pytest.approx(made.emissions_kg[line])
    assert sum(a.emissions["low"].total for a in accounts) == pytest.approx(made.low_kg)
    assert sum(a.emissions["high"].total for a in accounts) == pytest.approx(made.high_kg)
    assert (32.0, sum(a.it_energy_kwh for a in accounts)) == pytest.approx((made.gpu_hours, made.it_energy_kwh))
    differences = [job.difference.central_kg for job in jobs if job.difference is not None]
    assert made.difference is not None
    assert sum(differences) == pytest.approx(made.difference.central_kg)


def test_simulated_jobs_are_never_in_the_real_sums() -> None:
    """Nor in the projects."""
    real, simulated = of(run(HOME, 0, 1), project="p"), of(run(THERE, 0, 5), project="p")
    alone, both = period(real), period(real, simulated)
    assert alone.real == both.real
    assert alone.by_project == both.by_project
    assert (1, 40.0) == (both.simulated.jobs, both.simulated.gpu_hours)


def test_a_job_that_could_not_be_priced_is_counted_as_such() -> None:
    """The sums are too low by it, and say so; one of which nothing ran is not among them."""
    made = period(of(run(HOME, 0, 1)), of(run(HOME, 0, 1), known=False), of(known=False))
    assert (3, 1) == (made.real.jobs, made.real.unpriced)


def test_a_difference_that_may_not_be_stated_is_in_no_sum() -> None:
    """A job whose run nobody saw adds its footprint and no claim."""
    unseen = of(run(AWAY, 0, 9, known_by="nothing"))
    seen = of(run(AWAY, 0, 1))
    alone, both = period(seen).real, period(seen, unseen).real
    assert (alone.difference, 1, 2) == (both.difference, both.compared, both.jobs)


def test_a_loss_weighs_against_the_gains() -> None:
    """Negatives are kept."""
    wasted = of(run(HOME, 0, 20, ended_by="infrastructure"), run(HOME, 20, 21))
    made = period(of(run(AWAY, 0, 1)), wasted).real
    assert made.difference is not None
    assert ("added", True) == (made.difference.verdict, made.difference.p95_kg < 0)


def test_projects_are_summed_by_name() -> None:
    """One without a name is listed as that."""
    made = period(
        of(run(HOME, 0, 1), project="b"),
        of(run(HOME, 0, 2), project="b"),
        of(run(HOME, 0, 1), project="a", known=False),
        of(),
    )
    assert [("(none)", 1, 0, 0.0), ("a", 1, 1, 0.0), ("b", 2, 0, 24.0)] == [
        (each.names["project"], each.jobs, each.unpriced, each.gpu_hours) for each in made.by_project
    ]
    assert made.real.emissions_kg["total"] == pytest.approx(made.by_project[2].emissions_kg["total"])


def test_two_bases_are_refused() -> None:
    """A total of two meanings is none."""
    with pytest.raises(BasisMismatch):
        period(of(run(HOME, 0, 1)), of(run(HOME, 0, 1), basis=Basis(boundary="direct")))


def test_jobs_that_only_wait_do_not_settle_the_basis() -> None:
    """It is that of the first that has one."""
    direct = Basis(boundary="direct")
    assert direct == period(of(known=False), of(run(HOME, 0, 1), basis=direct)).basis
