"""What a stretch drew, metered and modelled, slot by slot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.records.drawn import Drawn, drawn
from scheduler.records.energy import EnergyCurve
from scheduler.records.exposure import slots
from scheduler.records.stretches import Kind, Stretch
from tests.records.cases import at, make_cluster, make_job, make_series
from tests.records.curves import make_curve

HERE = make_cluster()
GRID = make_series("FR", [50, 100, 200, 400, 800, 400, 200, 100])


def of(
    energy: EnergyCurve | None,
    start_h: float = 0.0,
    end_h: float = 4.0,
    *,
    job: Job | None = None,
    kind: Kind = "run",
    cluster: Cluster = HERE,
) -> Drawn:
    """What 8 GPUs drew from hour to hour, central."""
    stretch = Stretch(cluster=cluster, gpus=8, start=at(start_h), end=at(end_h), kind=kind, energy=energy)
    return drawn(job or make_job(), stretch, slots(GRID, stretch.start, stretch.end, gap_percentile=95))


def test_without_a_meter_it_is_the_model() -> None:
    """412 W above a floor of 188 W a GPU-hour, and 400 W of board, in each hour."""
    made = of(None, 0.0, 1.5)
    assert [8 * 0.412, 4 * 0.412] == pytest.approx(made.dynamic_kwh)
    assert [8 * 0.188, 4 * 0.188] == pytest.approx(made.idle_kwh)
    assert 12 * 0.4 == pytest.approx(made.gpu_kwh.sum())
    assert (0.0, 0.0) == (made.measured_kwh, made.estimated_kwh)


def test_a_meter_replaces_the_board_and_nothing_else() -> None:
    """At half of the nameplate the host draws as before: 200 - 63 + 75 W above the same floor."""
    made = of(make_curve(0, [(4, 1.6)]))
    assert [8 * (0.200 - 0.063 + 0.075)] * 4 == pytest.approx(made.dynamic_kwh)
    assert [8 * 0.188] * 4 == pytest.approx(made.idle_kwh)
    assert (6.4, 0.0) == pytest.approx((made.measured_kwh, made.estimated_kwh))


def test_a_meter_that_says_the_nameplate_is_the_model() -> None:
    """3.2 kW of 8 boards: what was modelled and what was metered are the same."""
    metered, modelled = of(make_curve(0, [(4, 3.2)])), of(None)
    assert modelled.dynamic_kwh == pytest.approx(metered.dynamic_kwh)
    assert modelled.idle_kwh == pytest.approx(metered.idle_kwh)


def test_energy_lies_in_the_hour_in_which_it_was_drawn() -> None:
    """Nothing is spread over a run: the peak is where the meter saw it."""
    made = of(make_curve(0, [(1, 1.0), (1, 3.0), (2, 0.8)]))
    assert [1.0, 3.0, 0.8, 0.8] == pytest.approx(made.gpu_kwh)


def test_missing_readings_count_at_the_nameplate_and_are_told() -> None:
    """An hour of silence is 8 x 400 W of boards; a dead meter never lowers a figure."""
    made = of(make_curve(0, [(1, 1.6), (1, None), (2, 1.6)]))
    assert [1.6, 3.2, 1.6, 1.6] == pytest.approx(made.gpu_kwh)
    assert (4.8, 3.2) == pytest.approx((made.measured_kwh, made.estimated_kwh))


def test_time_before_the_first_and_after_the_last_reading_is_missing_too() -> None:
    """A collector that came late and died early leaves two gaps."""
    made = of(make_curve(1, [(2, 1.6)]))
    assert [3.2, 1.6, 1.6, 3.2] == pytest.approx(made.gpu_kwh)


def test_a_stated_power_over_the_nameplate_stands_for_a_gap() -> None:
    """Of the two the one that is against the tool."""
    made = of(make_curve(1, [(3, 1.6)]), job=make_job(gpu_w=450))
    assert 3.6 == pytest.approx(made.gpu_kwh[0])


def test_gpus_that_were_not_metered_are_missing() -> None:
    """A node of four whose collector is dead leaves half of the GPU-hours without a reading."""
    half = replace(make_curve(0, [(4, 0.8)]), measured=np.array([0.5]))
    made = of(half)
    assert (3.2, 4 * 4 * 0.4) == pytest.approx((made.measured_kwh, made.estimated_kwh))


def test_a_meter_under_the_floor_makes_negative_dynamic_energy_that_is_kept() -> None:
    """Its sum with the floor is what was drawn: clipping would add what nobody drew."""
    made = of(make_curve(0, [(2, 0.04), (2, 1.6)]), cluster=make_cluster(node={"host_w": 1000}))
    assert made.under_the_floor
    assert (made.dynamic_kwh[:2] < 0).all()
    assert 2 * 0.04 + 2 * 1.6 + 4 * 8 * 0.125 == pytest.approx(made.it_kwh.sum())


def test_a_floor_that_was_seen_before_the_training_stands_in_for_the_stated_one() -> None:
    """The lines part elsewhere, their sum is the same."""
    stated, seen = of(make_curve(0, [(4, 1.6)])), of(make_curve(0, [(4, 1.6)], idle_w=83.0))
    assert [8 * (0.188 + 0.020)] * 4 == pytest.approx(seen.idle_kwh)
    assert stated.it_kwh == pytest.approx(seen.it_kwh)


def test_reserved_gpus_beside_the_training_draw_what_the_meter_says_and_idle_where_there_is_none() -> None:
    """A boot is no gap: a GPU that nobody metered before its training idled."""
    made = of(make_curve(1, [(1, 1.0)]), 0, 2, kind="overhead")
    assert [8 * 0.188, 1.0 + 8 * 0.125] == pytest.approx(made.it_kwh)
    assert 0.0 == made.estimated_kwh


def test_nobody_meters_a_pause() -> None:
    """The agent is gone: held nodes idle as declared."""
    assert [8 * 0.188] * 4 == pytest.approx(of(make_curve(0, [(4, 3.0)]), kind="hold").it_kwh)


def test_low_and_high_take_the_meter_at_its_range() -> None:
    """Five percent of what it says; the host has the range that the cluster states, here none."""
    stretch = Stretch(cluster=HERE, gpus=8, start=at(0), end=at(4), kind="run", energy=make_curve(0, [(4, 1.6)]))
    cut = slots(GRID, stretch.start, stretch.end, gap_percentile=95)
    low, central, high = (drawn(make_job(), stretch, cut, level).it_kwh.sum() for level in ("low", "central", "high"))
    assert (-0.05 * 6.4, 0.05 * 6.4) == pytest.approx((low - central, high - central))


steps = st.lists(st.tuples(st.floats(0.01, 3), st.one_of(st.none(), st.floats(0, 4))), min_size=1, max_size=12)


@given(steps=steps, start=st.floats(-3, 3), cuts=st.lists(st.floats(0, 8), min_size=3, max_size=3).map(sorted))
def test_a_stretch_draws_what_its_parts_draw(
    steps: list[tuple[float, float | None]], start: float, cuts: list[float]
) -> None:
    """However it is cut: energy, what was measured of it and what stands for gaps."""
    energy = make_curve(start, steps)
    first, middle, last = cuts
    whole, parts = of(energy, first, last), (of(energy, first, middle), of(energy, middle, last))
    for name in ("dynamic_kwh", "idle_kwh", "gpu_kwh", "measured_kwh", "estimated_kwh"):
        total = sum(float(np.sum(getattr(part, name))) for part in parts)
        assert float(np.sum(getattr(whole, name))) == pytest.approx(total, abs=1e-9)


@given(steps=steps, start=st.floats(-3, 3))
def test_no_metered_energy_is_dropped_and_no_hour_counted_twice(
    steps: list[tuple[float, float | None]], start: float
) -> None:
    """All of the curve lies in a stretch that holds it, and measured and missing hours make up the stretch."""
    energy = make_curve(start, steps)
    end = start + float(energy.at_h[-1])
    made = of(energy, start, end)
    assert float(energy.gpu_kwh[-1]) == pytest.approx(made.measured_kwh, abs=1e-9)
    dead_h = sum(length for length, power in steps if power is None)
    assert 8 * 0.4 * dead_h == pytest.approx(made.estimated_kwh, abs=1e-6)
    assert made.gpu_kwh.sum() == pytest.approx(made.measured_kwh + made.estimated_kwh)


@given(
    lengths=st.lists(st.floats(0.01, 3), min_size=2, max_size=8),
    share=st.floats(0, 1),
    start=st.floats(-3, 3),
    ends=st.tuples(st.floats(-2, 10), st.floats(-2, 10)).map(sorted),
)
def test_a_share_that_is_held_as_one_number_says_the_same(
    lengths: list[float], share: float, start: float, ends: list[float]
) -> None:
    """Ten thousand curves that were metered throughout need no row of equal shares each."""
    row = replace(make_curve(start, [(length, 2.0) for length in lengths]), measured=np.full(len(lengths), share))
    one = replace(row, measured=np.broadcast_to(share, len(lengths)))
    edges = np.linspace(ends[0], ends[1], 7)
    for expected, actual in zip(row.between(at(0.5), edges), one.between(at(0.5), edges), strict=True):
        assert expected == pytest.approx(actual, abs=1e-9)
