"""What an auditor tries first: cases whose answer is known before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cli.files import load_clusters
from intensity_sources.static_tables import StaticTables
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.records.attempts import Attempt
from scheduler.records.difference import Draws
from scheduler.records.drawn import drawn
from scheduler.records.energy import EnergyCurve
from scheduler.records.exposure import slots
from scheduler.records.gather import JobHistory
from scheduler.records.home_queue import starts_at_home
from scheduler.records.neighbours import beside
from scheduler.records.stretches import cuts
from scheduler.reporting.as_json import job_json
from scheduler.reporting.groups import Totals, totals
from scheduler.reporting.job_report import JobReport, job_report
from tests.records.cases import at, make_cluster, make_history, make_job, make_series, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")
DAY = [60, 50, 40, 40, 60, 120, 300, 420, 400, 350, 300, 280, 260, 240, 260, 300, 380, 450, 420, 360, 280, 200, 120, 80]
GRID = {"FR": make_series("FR", DAY * 10), "CA-QC": make_series("CA-QC", [30] * 240)}
UNMOVED = "none: it ran as it would have"
CONFIGS = Path(__file__).parents[2] / "cluster_configs"


def metered(attempt: Attempt, gpu_w: float) -> Attempt:
    """The attempt with a meter that saw so many watts a GPU, unsteadily, from its boot to its teardown. [W]"""
    hours = hours_between(*attempt.reserved)
    at_h = np.linspace(0.0, hours, 121)
    kw = attempt.gpus * gpu_w / 1000 * (1 + 0.5 * np.sin(np.arange(120)))
    curve = EnergyCurve(
        start=attempt.reserved[0],
        at_h=at_h,
        gpu_kwh=np.concatenate([[0.0], np.cumsum(kw * hours / 120)]),
        measured=np.ones(120),
        source="nvml_counter",
        gpus=attempt.gpus,
    )
    return replace(attempt, energy=curve)


def never_moved(job: Job, meter: Callable[[Attempt], Attempt], seats: int = 8) -> Sequence[JobHistory]:
    """A hundred jobs, one every quarter of an hour, each on the seat of eight GPUs that is free first; 40 fail."""
    free = [0.0] * seats
    found = []
    for n in range(100):
        submitted, length = n * 0.25, 1.0 if n % 5 in (0, 3) else 3.0
        start = max(submitted, min(free))
        end = start + length + 0.125
        free[free.index(min(free))] = end
        attempt = meter(run(HOME, start + 0.0625, end - 0.0625, reserved=(start, end)))
        found.append(make_history([attempt], job=job, submitted_h=submitted, job_id=f"j{n:03}"))
    return found


def summed(reports: Sequence[JobReport]) -> Totals:
    """The sums of some reports."""
    return totals(reports, Draws())


@pytest.mark.parametrize(
    ("stated", "meter"),
    [
        ({}, lambda attempt: attempt),
        ({"gpu_w": 400}, lambda attempt: metered(attempt, 200.0)),
        ({}, lambda attempt: metered(attempt, 200.0)),
    ],
    ids=["modelled", "planned at TDP, metered at half of it", "metered"],
)
def test_a_hundred_jobs_that_never_moved_changed_nothing(
    stated: dict[str, object], meter: Callable[[Attempt], Attempt]
) -> None:
    """Forty fail after an hour, all queue for a full home: 0.000 kg, whatever the plan said and the meter saw."""
    histories = never_moved(make_job(**stated), meter)
    starts = starts_at_home(histories)
    assert any(history.attempts[0].reserved[0] > history.row.submitted_at for history in histories)
    reports = [job_report(history, GRID, home_start=starts[history.row.id]) for history in histories]
    assert {(0.0, 0.0, 0.0, UNMOVED)} == {
        (d.central_kg, d.p5_kg, d.p95_kg, d.verdict) for d in (made.difference for made in reports) if d is not None
    }
    total = summed(reports)
    assert total.difference is not None
    assert (100, 100, 0, 0.0, UNMOVED) == (
        total.jobs, total.compared, total.listed, total.difference.central_kg, total.difference.verdict,
    )  # fmt: skip
    homes = [made.counterfactual.account.central.total for made in reports if made.counterfactual]
    assert total.emissions_kg["total"] == pytest.approx(sum(homes))
    assert (total.measured_kwh > 0) == (histories[0].attempts[0].energy is not None)


def test_a_meter_at_half_of_the_plan_changes_a_claim_by_as_much_on_both_sides() -> None:
    """What home would have drawn is what was drawn, not what the plan said it would be."""
    flat = {"FR": make_series("FR", [300] * 48), "CA-QC": make_series("CA-QC", [30] * 48)}
    made = job_report(make_history([metered(run(AWAY, 0, 2), 200.0)]), flat, home_start=at(0))
    assert made.difference is not None
    work_kwh = 8 * 0.2 * 2 * float(np.mean(1 + 0.5 * np.sin(np.arange(120))))
    dynamic_kwh = work_kwh + 8 * 2 * (0.075 - 0.063)
    assert dynamic_kwh * 1.2 * (300 - 30) / 1000 == pytest.approx(made.difference.central_kg)
    assert dynamic_kwh * 1.2 * 300 / 1000 == pytest.approx(made.difference.baseline_kg)


def test_two_always_on_clusters_of_equal_intensity_avoid_nothing() -> None:
    """Their making differs: that is reallocated, and claiming it would be a third and more of a false claim."""
    dirty = make_cluster("young", "FR", gpu={"embodied_kg": 1000}, node={"embodied_kg": 9000})
    clean = make_cluster("old", "FR")
    made = job_report(make_history([run(clean, 0, 6)], home=dirty), GRID, home_start=at(0))
    shown = job_json(made)
    assert made.difference is not None
    assert 0.0 == pytest.approx(made.difference.central_kg, abs=1e-12)
    assert ("no distinguishable effect", False) == (made.difference.verdict, made.difference.told)
    moved = shown["reallocated_embodied_kg"]
    assert isinstance(moved, float)
    assert 8 * 6 * (1000 - 150 + (9000 - 2500) / 8) / (6 * 8760 * 0.85) == pytest.approx(moved)


@pytest.mark.parametrize(("year", "verdict"), [(2023, "reduced"), (2024, "no distinguishable effect"), (2025, "added")])
def test_france_to_quebec_on_the_yearly_tables(year: int, verdict: str) -> None:
    """By the cluster files that ship: 49 to 31 g a gain, 33 to 35 nothing that can be told, 31 to 41 a loss."""
    france, quebec = (load_clusters(CONFIGS / f"{name}.yaml")[0] for name in ("france", "quebec"))
    start = datetime(year, 5, 1, tzinfo=UTC)
    whole = start, start + timedelta(days=2)
    grid = {zone: StaticTables().series(zone, DEFAULT_BASIS, *whole) for zone in ("FR", "CA-QC")}
    ran = replace(run(quebec, 0, 1), reserved=whole, ran=whole)
    history = make_history([ran], home=france)
    rows = replace(history.row, deadline_at=whole[1], submitted_at=start)
    made = job_report(replace(history, row=rows), grid, home_start=start)
    assert made.difference is not None
    assert verdict == made.difference.verdict


def test_a_thousand_copies_of_a_job_keep_its_relative_interval() -> None:
    """Sums are inside the draws: what is not known of the model is not averaged away."""
    made = job_report(make_history([metered(run(AWAY, 0, 6), 300.0)]), GRID, home_start=at(0))
    one, many = summed([made]).difference, summed([made] * 1000).difference
    assert one is not None
    assert many is not None
    assert (one.p95_kg - one.p5_kg) / one.p50_kg == pytest.approx((many.p95_kg - many.p5_kg) / many.p50_kg, rel=1e-9)
    assert 1000 * one.central_kg == pytest.approx(many.central_kg)


def test_two_jobs_on_one_node_never_come_to_more_than_the_node_in_either_world() -> None:
    """Each asks for half of the GPUs and all of the CPUs: together they carry one host, here and at home."""
    nodes: dict[str, object] = {"cpus": 64}
    there, home = make_cluster("quebec", "CA-QC", node=nodes), make_cluster(node=nodes)
    job = make_job(gpus=4, cpus=64)
    attempts = [replace(run(there, 0, 4, gpus=4, sid=f"cs-{n}-s1-a1"), node="n1") for n in range(2)]
    histories = beside(make_history([a], job=job, home=home, job_id=f"j{n}") for n, a in enumerate(attempts))
    node_kwh = 4 * (1.6 + 8 * 0.4)
    real = [a for history in histories for a in history.attempts]
    reports = [job_report(history, GRID, home_start=at(0)) for history in histories]
    pieces = [p for made in reports if made.counterfactual for p in made.counterfactual.run.pieces]
    for world in (real, pieces):
        assert node_kwh == pytest.approx(it_kwh(job, world, GRID))
    assert 2 == len(pieces)


def it_kwh(job: Job, attempts: Sequence[Attempt], grid: Mapping[str, IntensitySeries]) -> float:
    """What some attempts draw together. [kWh]"""
    total = 0.0
    for cut in (cut for each in attempts for cut in cuts(each)):
        laid = slots(grid[cut.cluster.zone], cut.start, cut.end, gap_percentile=95)
        total += float(drawn(job, cut, laid).it_kwh.sum())
    return total


def test_the_case_of_the_docs_can_be_redone_by_hand() -> None:
    """Eight A100 for an hour at 30 g instead of 300: 1.068 kg, all of it by the place."""
    flat = {"FR": make_series("FR", [300] * 48), "CA-QC": make_series("CA-QC", [30] * 48)}
    made = job_report(make_history([run(AWAY, 0, 1)]), flat, home_start=at(0))
    assert made.difference is not None
    assert made.comparison is not None
    assert (1.1866, 1.0679) == (round(made.difference.baseline_kg, 4), round(made.difference.central_kg, 4))
    assert (0.0, 1.0679) == (round(made.comparison.parts.temporal_kg, 9), round(made.comparison.parts.spatial_kg, 4))


def test_a_negative_is_kept_and_its_headline_is_the_worse_end() -> None:
    """A loss weighs in the sum, and is told by the most that it may be."""
    loss = job_report(make_history([run(HOME, 6, 8)]), GRID, home_start=at(1))
    gain = job_report(make_history([run(HOME, 1, 3)], job_id="j2"), GRID, home_start=at(6))
    both, alone = summed([loss, gain, gain]), summed([gain, gain])
    assert both.difference is not None
    assert alone.difference is not None
    assert loss.difference is not None
    assert alone.difference.central_kg + loss.difference.central_kg == pytest.approx(both.difference.central_kg)
    assert "added" == loss.difference.verdict
