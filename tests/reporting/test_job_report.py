"""One job: its footprint, and apart from it what the choice of place and time changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from scheduler.domain.basis import Basis
from scheduler.domain.errors import BasisMismatch, CarbonschedError
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.records.gather import JobHistory
from scheduler.records.home_queue import starts_at_home
from scheduler.reporting.job_notes import HOMELESS, WEAK
from scheduler.reporting.job_report import JobReport, job_report
from scheduler.reporting.period_report import period_report
from tests.records.cases import T0, at, make_cluster, make_history, make_job, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
DAY = [60, 50, 40, 40, 60, 120, 300, 420, 400, 350, 300, 280, 260, 240, 260, 300, 380, 450, 420, 360, 280, 200, 120, 80]
GRID = {"FR": make_series("FR", DAY * 10), "CA-QC": make_series("CA-QC", [30] * 240)}


def report(
    history: JobHistory, grid: Mapping[str, IntensitySeries] = GRID, *, start_h: float | None = 0.0
) -> JobReport:
    """The report of a history with its start at home at an hour."""
    return job_report(history, grid, home_start=None if start_h is None else at(start_h))


def test_a_job_that_moved_has_a_footprint_and_a_difference() -> None:
    """The footprint holds all lines; the difference only dynamic energy with its facility share."""
    made = report(make_history([run(AWAY, 10, 12)]))
    assert made.account is not None
    assert made.counterfactual is not None
    assert made.difference is not None
    real, home = made.account.central, made.counterfactual.account.central
    assert 1.2 * (home.dynamic - real.dynamic) == pytest.approx(made.difference.central_kg)
    assert ("reduced", "", "", "") == (
        made.difference.verdict, made.no_account, made.no_counterfactual, made.no_difference,
    )  # fmt: skip
    assert ("france", at(0), (at(0), at(2))) == (
        made.counterfactual.home, made.counterfactual.start, made.counterfactual.run.ran,
    )  # fmt: skip


def test_a_job_of_which_nothing_ran_has_neither() -> None:
    """And says so."""
    made = report(make_history([]), {})
    assert (None, None, None, "nothing ran") == (made.account, made.counterfactual, made.difference, made.no_account)
    assert (None, False, (), 1.0) == (made.basis, made.unpriced, made.terms, made.planned_kg)


def test_a_rule_that_was_changed_is_refused() -> None:
    """No report is made of a job whose home was moved after the fact."""
    history = make_history([run(AWAY, 0, 1)])
    rule = dict(history.row.counterfactual) | {"home": "quebec"}
    with pytest.raises(CarbonschedError, match="changed after it was registered"):
        report(replace(history, row=replace(history.row, counterfactual=rule)))


def test_two_bases_are_refused() -> None:
    """A life-cycle intensity on one side and a direct one on the other make no difference."""
    direct = make_series("CA-QC", [30] * 240, basis=Basis(boundary="direct"))
    with pytest.raises(BasisMismatch):
        report(make_history([run(AWAY, 0, 1)]), {"FR": GRID["FR"], "CA-QC": direct})


def test_without_a_home_the_place_is_not_in_question() -> None:
    """The work is laid where it ran, from when it might have started: what changed is the time alone."""
    history = make_history([run(HOME, 6, 8)])
    made = report(replace(history, clusters={}))
    assert made.account is not None
    assert made.counterfactual is not None
    assert made.comparison is not None
    assert ("france", at(0)) == (made.counterfactual.home, made.counterfactual.start)
    assert (made.difference and made.difference.central_kg, 0.0, 0.0) == (
        made.comparison.parts.temporal_kg, made.comparison.parts.spatial_kg, made.comparison.parts.interaction_kg,
    )  # fmt: skip
    assert HOMELESS in made.notes


def test_other_hardware_without_a_ratio_is_not_comparable() -> None:
    """A flat duration says nothing of how an H100 compares with an A100."""
    hopper = make_cluster("toronto", "CA-QC", gpu={"model": "H100"})
    made = report(make_history([run(hopper, 0, 1)]))
    assert made.account is not None
    assert "not comparable: other hardware, and no ratio was registered" == made.no_difference


def test_other_hardware_with_durations_by_model_is_compared_by_their_ratio() -> None:
    """Two hours at home for each of an H100."""
    hopper = make_cluster("toronto", "CA-QC", gpu={"model": "H100"})
    made = report(make_history([run(hopper, 0, 1)], job=make_job(duration={"A100": "10h", "H100": "5h"})))
    assert made.counterfactual is not None
    assert (at(0), at(2)) == made.counterfactual.run.ran


def test_a_home_too_small_is_not_comparable() -> None:
    """It could never have run the job."""
    assert (
        "not comparable: france never has the GPUs that it used"
        == report(make_history([run(AWAY, 0, 1)]), start_h=None).no_difference
    )


@pytest.mark.parametrize(("home_simulated", "away_simulated"), [(True, False), (False, True)])
def test_real_and_declared_hardware_are_never_compared(*, home_simulated: bool, away_simulated: bool) -> None:
    """A gain over hardware that is not there is none."""
    home, away = make_cluster(simulated=home_simulated), make_cluster("quebec", "CA-QC", simulated=away_simulated)
    made = report(make_history([run(away, 0, 1)], home=home))
    assert (away_simulated, None) == (made.simulated, made.difference)
    assert "one is simulated" in made.no_difference


def test_two_simulated_clusters_are_compared_as_such() -> None:
    """Their difference is of the simulation, and marked."""
    home, away = make_cluster(simulated=True), make_cluster("quebec", "CA-QC", simulated=True)
    made = report(make_history([run(away, 10, 12)], home=home))
    assert (True, True) == (made.simulated, made.difference is not None)


def test_a_job_that_waits_is_simulated_where_it_will_run() -> None:
    """A queued job on declared hardware is no real job."""
    assert report(make_history([], home=make_cluster(simulated=True))).simulated


def test_a_zone_without_intensity_makes_the_job_unpriced_and_not_free() -> None:
    """It ran, and what it emitted is not known."""
    made = report(make_history([run(AWAY, 0, 1)]), {"FR": GRID["FR"]})
    assert (None, True, "there is no intensity of zone CA-QC") == (made.account, made.unpriced, made.no_account)


def test_a_source_that_cannot_be_asked_makes_the_job_unpriced() -> None:
    """With the source's own words."""
    made = job_report(make_history([run(AWAY, 0, 1)]), {}, home_start=T0, no_intensity="the table is gone")
    assert (None, True, "the table is gone") == (made.account, made.unpriced, made.no_account)


def test_a_home_zone_without_intensity_leaves_the_footprint_alone() -> None:
    """Only the comparison is missing."""
    made = report(make_history([run(AWAY, 0, 1)]), {"CA-QC": GRID["CA-QC"]})
    assert made.account is not None
    assert "there is no intensity of zone FR" == made.no_difference


def test_too_many_gaps_allow_no_difference() -> None:
    """Under 95 % of the hours known, on either side, the figures of the footprint stand alone."""
    holes = make_series("CA-QC", [30, 30, math.nan] * 80)
    made = report(make_history([run(AWAY, 0, 3)]), {**GRID, "CA-QC": holes})
    assert "only 66.6 % of the hours have a known intensity, 95 % are needed" == made.no_difference
    holes = make_series("FR", [30, 90, math.nan] * 80)
    made = report(make_history([run(AWAY, 0, 3)]), {**GRID, "FR": holes})
    assert made.counterfactual is not None
    assert 8 * 0.6 * 1.2 * 30 / 1000 == pytest.approx(made.counterfactual.account.estimated_kg)
    assert "only 66.6 % of the hours have a known intensity, 95 % are needed" == made.no_difference


def test_unseen_hours_allow_no_difference() -> None:
    """What nobody saw run is in the footprint and in no claim."""
    made = report(make_history([run(AWAY, 0, 1), run(AWAY, 1, 2, known_by="nothing")]))
    assert made.account is not None
    assert "only 50 % of the reserved hours have evidence, 95 % are needed" == made.no_difference


def test_an_attempt_that_was_lost_unseen_weighs_against_the_job() -> None:
    """It is charged in full; to leave the job out of the sums for it would be to hide a loss."""
    lost = run(AWAY, 0, 20, ended_by="infrastructure", known_by="nothing")
    made = report(make_history([lost, run(AWAY, 20, 21)]))
    assert made.account is not None
    assert made.difference is not None
    assert ("added", True) == (made.difference.verdict, made.account.run_coverage < 0.05)


def test_a_forecast_allows_no_difference() -> None:
    """What was expected is not what was."""
    forecast = make_series("CA-QC", [30] * 240, kind="forecast")
    made = report(make_history([run(AWAY, 0, 1)]), {**GRID, "CA-QC": forecast})
    assert "forecast" in made.no_difference
    assert "the intensity of CA-QC is forecast" in made.notes


def test_what_was_assumed_is_noted() -> None:
    """A PUE that nobody stated, evidence that nobody can read, data that lie nobody knows where."""
    job = make_job(data={"size_gb": 10})
    away = make_cluster("quebec", "CA-QC", pue=None)
    history = replace(make_history([run(away, 0, 1)], job=job), problems=("cs-x: torn",))
    assert (
        "quebec states no PUE: 1.5 [1.2, 1.8] stands in",
        "evidence that cannot be read: cs-x: torn",
        "copies of its 10 GB of data are not counted: where they lie is not known",
        WEAK,
    ) == report(history).notes


def test_a_home_without_a_stated_pue_is_noted_too() -> None:
    """It enters the comparison."""
    made = report(make_history([run(AWAY, 0, 1)], home=make_cluster(pue=None)))
    assert ("france states no PUE: 1.5 [1.2, 1.8] stands in", WEAK) == made.notes


def test_a_move_to_quebec_is_said_to_be_a_weak_claim_on_averages() -> None:
    """Hydro that is used there is not exported; a job whose home is there moved nowhere."""
    assert WEAK in report(make_history([run(AWAY, 0, 1)])).notes
    assert WEAK not in report(make_history([run(AWAY, 0, 1)], home=AWAY)).notes
    assert WEAK not in report(make_history([run(HOME, 0, 1)])).notes


def test_data_that_had_to_come_are_in_the_footprint() -> None:
    """And in the difference, since home has them."""
    job = make_job(data={"size_gb": 100, "at": "france"})
    made = report(make_history([run(AWAY, 0, 1)], job=job))
    assert made.account is not None
    assert made.counterfactual is not None
    assert (100 * 0.01 * (60 + 30) / 2 / 1000, 0.0) == pytest.approx(
        (made.account.central.transfer, made.counterfactual.account.central.transfer)
    )
    assert (WEAK,) == made.notes


def test_sources_are_named_with_licence_and_credit() -> None:
    """Share-alike data ask for no less."""
    made = report(make_history([run(AWAY, 0, 1)]))
    assert (("table.csv (ODbL 1.0)",), ("Electricity Maps",)) == (made.sources, made.credits)


def test_a_pause_so_far_is_in_the_footprint() -> None:
    """A job that waits on nodes it keeps costs more every hour."""
    history = make_history([run(HOME, 0, 1, ended_by="plan")])
    waits = report(replace(history, paused_until=at(3)))
    assert waits.account is not None
    assert 16.0 == waits.account.held_gpu_h


def test_infrastructure_retries_are_charged_to_the_real_side_alone() -> None:
    """At home the work would have been done once."""
    made = report(make_history([run(HOME, 0, 2, ended_by="infrastructure"), run(HOME, 2, 4)]))
    assert made.counterfactual is not None
    assert made.difference is not None
    assert (at(0), at(2)) == made.counterfactual.run.ran
    assert "added" == made.difference.verdict


def test_shifting_at_home_with_its_overheads_is_compared_whole() -> None:
    """A save, a restart and a second boot are ours; the useful work is on both sides."""
    job = make_job(interruptible={"checkpoint": "6m", "restart": "12m"})
    attempts = [run(HOME, 0, 1.1, ended_by="plan"), run(HOME, 26, 27.2, reserved=(25.9, 27.3))]
    made = report(make_history(attempts, job=job), start_h=6)
    assert made.counterfactual is not None
    assert made.difference is not None
    assert (at(6), at(8)) == made.counterfactual.run.ran
    dynamic = 8 * 0.412 * 1.2
    overhead = 8 * 0.188 * 1.2 * (0.1 * 50 + 0.1 * 40)
    real = dynamic * (60 + 0.1 * 50 + 1 * 40 + 0.2 * 40) + overhead
    assert (dynamic * (300 + 420) - real) / 1000 == pytest.approx(made.difference.central_kg)


@pytest.mark.parametrize("changes", [{}, {"gpu_w": 200}])
def test_a_hundred_jobs_that_never_moved_changed_nothing(changes: dict[str, object]) -> None:
    """Forty of them fail after an hour, all queue for a full home: 0.000 kg, at TDP as at half of it."""
    histories = never_moved(make_job(**changes))
    starts = starts_at_home(histories)
    assert any(history.attempts[0].reserved[0] > history.row.submitted_at for history in histories)
    reports = [job_report(history, GRID, home_start=starts[history.row.id]) for history in histories]
    assert {(0.0, 0.0, 0.0, "none: it ran as it would have")} == {
        (d.central_kg, d.p5_kg, d.p95_kg, d.verdict) for d in (made.difference for made in reports) if d is not None
    }
    total = period_report(reports, since=None, until=None, made_at=T0, version="0").real
    assert total.difference is not None
    assert (100, 100, 0, 0.0) == (total.jobs, total.compared, total.unpriced, total.difference.central_kg)
    homes = [made.counterfactual.account.central.total for made in reports if made.counterfactual]
    assert total.emissions_kg["total"] == pytest.approx(sum(homes))


def never_moved(job: Job, seats: int = 8) -> Sequence[JobHistory]:
    """A hundred jobs, one every quarter of an hour, each on the seat of eight GPUs that is free first."""
    free = [0.0] * seats
    found = []
    for n in range(100):
        submitted, length = n * 0.25, 1.0 if n % 5 in (0, 3) else 3.0
        start = max(submitted, min(free))
        end = start + length + 0.125
        free[free.index(min(free))] = end
        attempt = run(HOME, start + 0.0625, end - 0.0625, reserved=(start, end))
        found.append(make_history([attempt], job=job, submitted_h=submitted, job_id=f"j{n:03}"))
    return found
