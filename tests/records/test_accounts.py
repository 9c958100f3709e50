"""The realised footprint, line by line."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import LINES, Emissions
from scheduler.domain.errors import NotCovered
from scheduler.domain.estimate import LEVELS
from scheduler.records.accounts import Account, account
from scheduler.records.attempts import Attempt, EndedBy, RunKnownBy
from tests.records.cases import at, make_cluster, make_job, make_series, run

FRANCE = make_cluster()
QUEBEC = make_cluster(
    "quebec",
    "CA-QC",
    gpu={"tdp_w": 500, "idle_w": 50, "embodied_kg": 200},
    node={"gpus": 4, "host_w": 1000, "idle_w": 600, "embodied_kg": 1000},
    lifetime_years=5,
    lifetime_use=0.8,
    pue=1.1,
)
GRID = {
    "FR": make_series("FR", [50, 100, 200, 400, 800, 800, 800]),
    "CA-QC": make_series("CA-QC", [10, 20, 30, 40, 50, 60, 70]),
}
FRANCE_EMBODIED_G = 1000 * (150 + 2500 / 8) / (6 * 8760 * 0.85)
QUEBEC_EMBODIED_G = 1000 * (200 + 1000 / 4) / (5 * 8760 * 0.8)


def assert_lines(expected: Emissions, actual: Emissions) -> None:
    """Every line to 1e-9 kg."""
    assert expected.as_dict() == pytest.approx(actual.as_dict(), abs=1e-9)


def test_the_worked_case_of_the_model_comes_out() -> None:
    """8 GPUs for 100 hours at a flat 33 g/kWh: the figures that the design works out by hand."""
    made = account(make_job(), [run(FRANCE, 0, 100)], {"FR": make_series("FR", [33] * 100)})
    assert (329.6 + 150.4, 329.6 + 150.4 + 96.0) == pytest.approx((made.it_energy_kwh, made.facility_energy_kwh))
    assert (19.008, 8.2818) == pytest.approx((made.central.operational, made.central.embodied), abs=1e-4)
    assert 27.290 == pytest.approx(made.central.total, abs=1e-3)


def test_two_segments_on_two_clusters_come_out_as_by_hand() -> None:
    """Hourly intensities, reservations before and after the runs, two PUEs, embodied, and a checkpoint that moves."""
    attempts = [
        run(FRANCE, 0.25, 2.5, reserved=(0, 2.75), ended_by="plan"),
        run(QUEBEC, 3.5, 5.5, reserved=(3, 6)),
    ]
    made = account(make_job(checkpoint={"gb": 100}), attempts, GRID)
    # France: 412 and 188 W a GPU; 237.5 g h/kWh while running, 12.5 + 50 beside. Quebec: 550 and 200 W; 100; 20 + 30.
    expected = Emissions(
        dynamic=0.7828 + 0.44,
        idle_running=0.3572 + 0.16,
        facility=0.2280 + 0.06,
        overhead=0.1128 + 0.088,
        embodied=8 * (2.75 * FRANCE_EMBODIED_G + 3 * QUEBEC_EMBODIED_G) / 1000,
        transfer=100 * 0.01 * (200 / 2 + 30 / 2) / 1000,
    )
    assert_lines(expected, made.central)
    assert (46.0, 34.0, 0.0) == (made.reserved_gpu_h, made.ran_gpu_h, made.held_gpu_h)
    it_kwh = 8 * (2.25 * 0.6 + 0.5 * 0.188) + 8 * (2 * 0.75 + 1 * 0.2)
    facility_kwh = 8 * (2.25 * 0.6 + 0.5 * 0.188) * 1.2 + 8 * (2 * 0.75 + 1 * 0.2) * 1.1
    assert (it_kwh, facility_kwh, 8 * (2.25 * 0.4 + 2 * 0.5)) == pytest.approx(
        (made.it_energy_kwh, made.facility_energy_kwh, made.gpu_energy_kwh), abs=1e-9
    )
    assert (1.0, 1.0, 0.0, "model_tdp") == (
        made.intensity_coverage, made.run_coverage, made.estimated_kg, made.energy_source,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("paused_nodes", "idle_kg", "embodied_h"), [("held", 0.2256, 0.5), ("idle", 0.2256, 0), ("off", 0, 0)]
)
def test_a_pause_costs_what_the_cluster_does_with_the_nodes(
    paused_nodes: str, idle_kg: float, embodied_h: float
) -> None:
    """Held nodes draw and wear for the job, idle ones draw, switched off ones do neither."""
    here = make_cluster(paused_nodes=paused_nodes)
    made = account(make_job(), [run(here, 0, 2.75, ended_by="plan"), run(here, 3.25, 4)], GRID)
    without = account(make_job(), [run(here, 0, 2.75, ended_by="plan")], GRID).central
    without += account(make_job(), [run(here, 3.25, 4)], GRID).central
    held = Emissions(
        idle_held=idle_kg, facility=0.2 * idle_kg, embodied=8 * embodied_h * FRANCE_EMBODIED_G / 1000
    )  # 150 g h/kWh x 8 GPUs x 188 W
    assert_lines(without + held, made.central)
    assert (4.0 if idle_kg else 0.0) == made.held_gpu_h


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (run(FRANCE, 0, 1, ended_by="plan"), run(QUEBEC, 2, 3)),
        (run(FRANCE, 0, 1, ended_by="infrastructure"), run(FRANCE, 2, 3)),
        (run(FRANCE, 0, 1), run(FRANCE, 2, 3)),
        (run(FRANCE, 0, 1.5, ended_by="plan"), run(FRANCE, 1.25, 3)),
    ],
)
def test_nothing_is_held_after_a_move_a_failure_or_no_time(before: Attempt, after: Attempt) -> None:
    """Only a suspend keeps nodes, only for a resume in the same place, and only for a time that passes."""
    assert 0.0 == account(make_job(), [before, after], GRID).held_gpu_h


def test_a_pause_that_lasts_is_held_up_to_now() -> None:
    """A job that waits on kept nodes costs more with every hour."""
    made = account(make_job(), [run(FRANCE, 0, 1, ended_by="plan")], GRID, paused_until=at(2))
    assert (8.0, 8 * 0.188 * 100 / 1000) == pytest.approx((made.held_gpu_h, made.central.idle_held))


def test_every_attempt_counts_however_it_ended() -> None:
    """Failed, cancelled, interrupted and unseen hours are in the footprint as successful ones are."""
    kgs = {account(make_job(), [run(FRANCE, 0, 1, ended_by=end)], GRID).central.total for end in get_args(EndedBy)}
    assert 1 == len(kgs)


def test_unseen_hours_count_as_running_and_are_flagged() -> None:
    """No evidence lowers the coverage and not the footprint."""
    seen, unseen = run(FRANCE, 0, 1), run(FRANCE, 1, 4, known_by="nothing")
    made = account(make_job(), [seen, unseen], GRID)
    assert (0.25, 32.0) == (made.run_coverage, made.ran_gpu_h)


def test_a_gap_in_the_intensity_is_estimated_and_shown() -> None:
    """It raises the total at the month's 95th percentile, and the coverage falls."""
    gap = {"FR": make_series("FR", [100, math.nan, 100, 100])}
    made = account(make_job(), [run(FRANCE, 0, 2)], gap)
    whole = account(make_job(), [run(FRANCE, 0, 2)], {"FR": make_series("FR", [100] * 4)})
    assert_lines(whole.central, made.central)
    assert (0.5, whole.central.operational / 2) == pytest.approx((made.intensity_coverage, made.estimated_kg))


def test_a_zone_without_any_intensity_is_an_error_and_never_free() -> None:
    """A footprint of which a part is unknown is no footprint."""
    with pytest.raises(NotCovered, match="CA-QC"):
        account(make_job(), [run(FRANCE, 0, 1), run(QUEBEC, 1, 2)], {"FR": GRID["FR"]})


def test_an_exclusive_job_pays_for_whole_nodes() -> None:
    """One GPU of a node of eight alone: the host, the other seven's idle power and all of the hardware."""
    job = make_job(gpus=1, exclusive=True)
    made = account(job, [run(FRANCE, 0, 1, gpus=1)], GRID)
    dynamic_kwh, idle_kwh = (400 - 63 + 600) / 1000, (8 * 63 + 1000) / 1000
    assert (dynamic_kwh + idle_kwh, 8.0, 8.0) == pytest.approx(
        (made.it_energy_kwh, made.reserved_gpu_h, made.ran_gpu_h)
    )
    assert 8 * FRANCE_EMBODIED_G / 1000 == pytest.approx(made.central.embodied)
    assert 1.0 == made.intensity_coverage


def test_data_travel_once_to_each_cluster_that_they_are_not_on() -> None:
    """The first copy counts, a second stay on the same cluster needs none."""
    job = make_job(data={"size_gb": 100, "at": "france"})
    attempts = [run(QUEBEC, 0, 1), run(FRANCE, 1, 2), run(QUEBEC, 2, 3)]
    made = account(job, attempts, GRID, data_at=FRANCE)
    assert 100 * 0.01 * (50 / 2 + 10 / 2) / 1000 == pytest.approx(made.central.transfer)
    assert 0.0 == account(job, attempts, GRID).central.transfer


@pytest.mark.parametrize(
    ("gpu_w", "source"),
    [
        (None, "model_tdp"),
        (200, "model_gpu_w"),
        ({"A100": 200}, "model_gpu_w and model_tdp"),
        ({"H100": 300}, "model_gpu_w and model_tdp"),
    ],
)
def test_how_the_energy_is_known_is_said_for_each_cluster(gpu_w: object, source: str) -> None:
    """A figure stated for one model of GPU says nothing of another."""
    hopper = make_cluster("toronto", "CA-QC", gpu={"model": "H100"})
    job = make_job(**({"gpu_w": gpu_w} if gpu_w else {}))
    assert source == account(job, [run(FRANCE, 0, 1), run(hopper, 1, 2)], GRID).energy_source


def test_nothing_ran_is_a_footprint_of_nothing() -> None:
    """An attempt of no length costs nothing, and its coverage is whole."""
    made = account(make_job(), [run(FRANCE, 1, 1)], GRID)
    assert (0.0, 1.0, 1.0) == (made.central.total, made.intensity_coverage, made.run_coverage)


def test_the_range_holds_the_ranges_of_the_figures_and_of_the_intensity() -> None:
    """Low and high are the corners: 15 % of an intensity that states no range, and the cluster's own."""
    here = make_cluster(pue={"low": 1.0, "central": 1.2, "high": 1.4})
    made = account(make_job(), [run(here, 0, 1)], GRID)
    kwh = 8 * 0.6
    expected = [kwh * 1.0 * 42.5 / 1000, kwh * 1.2 * 50 / 1000, kwh * 1.4 * 57.5 / 1000]
    assert expected == pytest.approx([made.emissions[level].operational for level in LEVELS])


# Laws

HOURS = st.floats(0, 20).map(lambda hours: round(hours, 3))


@st.composite
def attempts_of(draw: st.DrawFn) -> list[Attempt]:
    """Some attempts in order of time, on one cluster or two."""
    cuts = sorted(draw(st.lists(HOURS, min_size=4, max_size=12, unique=True)))
    found = []
    for granted, started, ended, released in zip(*(cuts[n::4] for n in range(4)), strict=False):
        cluster: Cluster = draw(st.sampled_from([FRANCE, QUEBEC]))
        end: EndedBy = draw(st.sampled_from(get_args(EndedBy)))
        known: RunKnownBy = draw(st.sampled_from(get_args(RunKnownBy)))
        found.append(run(cluster, started, ended, reserved=(granted, released), ended_by=end, known_by=known))
    return found


def close(expected: Account, actual: Account) -> None:
    """The same kilograms, hours and kilowatt-hours."""
    assert expected.central.as_dict() == pytest.approx(actual.central.as_dict(), rel=1e-9, abs=1e-9)
    names = ("it_energy_kwh", "facility_energy_kwh", "gpu_energy_kwh", "reserved_gpu_h", "ran_gpu_h", "estimated_kg")
    for name in names:
        assert getattr(expected, name) == pytest.approx(getattr(actual, name), rel=1e-9, abs=1e-9)


INTENSITIES = st.lists(st.floats(0, 900) | st.just(math.nan), min_size=2, max_size=24).filter(
    lambda found: not all(math.isnan(value) for value in found)
)


@settings(max_examples=60)
@given(attempts=attempts_of(), values=INTENSITIES, share=st.floats(0, 1), index=st.integers(0, 2))
def test_an_account_is_additive_over_a_split_attempt(
    attempts: list[Attempt], values: list[float], share: float, index: int
) -> None:
    """Cutting a run in two where it stands changes no line."""
    intensity = {zone: make_series(zone, values) for zone in ("FR", "CA-QC")}
    whole = attempts[index % len(attempts)]
    cut = whole.ran[0] + share * (whole.ran[1] - whole.ran[0])
    parts = [split(whole, first=True, cut=cut), split(whole, first=False, cut=cut)]
    position = attempts.index(whole)
    cut_up = [*attempts[:position], *parts, *attempts[position + 1 :]]
    close(account(make_job(), attempts, intensity), account(make_job(), cut_up, intensity))


def split(whole: Attempt, *, first: bool, cut: datetime) -> Attempt:
    """One part of an attempt cut in its run."""
    if first:
        return replace(whole, reserved=(whole.reserved[0], cut), ran=(whole.ran[0], cut), ended_by="itself")
    return replace(whole, reserved=(cut, whole.reserved[1]), ran=(cut, whole.ran[1]))


@settings(max_examples=60)
@given(attempts=attempts_of(), values=INTENSITIES, factor=st.floats(0.1, 10))
def test_scaling_the_intensity_scales_operation_and_leaves_embodied(
    attempts: list[Attempt], values: list[float], factor: float
) -> None:
    """Every line but embodied is proportional to the grid."""
    job = make_job(checkpoint={"gb": 10})
    once, scaled = (
        account(job, attempts, {zone: make_series(zone, [k * v for v in values]) for zone in ("FR", "CA-QC")})
        for k in (1.0, factor)
    )
    assert factor * once.central.operational == pytest.approx(scaled.central.operational, rel=1e-9, abs=1e-9)
    assert once.central.embodied == scaled.central.embodied


@settings(max_examples=60)
@given(attempts=attempts_of(), values=INTENSITIES)
def test_shares_are_shares_and_the_total_is_its_lines(attempts: list[Attempt], values: list[float]) -> None:
    """Coverage lies in [0, 1], the parts sum to the whole, and the corners enclose the centre."""
    made = account(make_job(), attempts, {zone: make_series(zone, values) for zone in ("FR", "CA-QC")})
    assert 0 <= made.intensity_coverage <= 1
    assert 0 <= made.run_coverage <= 1
    assert made.ran_gpu_h <= made.reserved_gpu_h * (1 + 1e-12)
    assert sum(getattr(made.central, line) for line in LINES) == pytest.approx(made.central.total)
    low, central, high = (made.emissions[level].total for level in LEVELS)
    assert low <= central * (1 + 1e-12)
    assert central <= high * (1 + 1e-12)
    assert made.estimated_kg <= made.central.operational * (1 + 1e-12)


def test_a_resized_segment_pays_for_its_own_width() -> None:
    """Four of its eight GPUs for two hours are half of what eight cost; exclusive, they take the whole node."""
    wide, narrow = (account(make_job(), [run(FRANCE, 0, 2, gpus=gpus)], GRID) for gpus in (8, 4))
    assert pytest.approx(wide.central.total / 2) == narrow.central.total
    assert (16, 8) == (wide.reserved_gpu_h, narrow.reserved_gpu_h)
    alone = account(make_job(exclusive=True), [run(FRANCE, 0, 2, gpus=4)], GRID)
    assert 16 == alone.reserved_gpu_h
    assert pytest.approx(wide.central.embodied) == alone.central.embodied
