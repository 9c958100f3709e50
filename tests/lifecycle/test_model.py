"""The emission model: its worked case, its corners, and its refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import LEVELS
from scheduler.lifecycle.model import (
    TRANSFER_KWH_PER_GB,
    embodied_g_per_gpu_h,
    gpu_hour,
    reserved_gpus,
    transfer_g,
)
from scheduler.problem.surface import HOLD_LINES, RUN_LINES


def cluster(**changes: object) -> Cluster:
    """The worked case's cluster, with some keys changed."""
    data: dict[str, object] = {
        "name": "lab",
        "zone": "FR",
        "gpus": 8,
        "source": "invented",
        "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
        "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        "lifetime_years": 6,
        "lifetime_use": 0.85,
        "pue": 1.2,
    }
    return Cluster.from_mapping(data | changes, what="lab.yaml")


def ranged() -> Cluster:
    """A cluster whose every figure has a range."""
    return cluster(
        gpu={
            "model": "A100",
            "tdp_w": {"low": 192, "central": 400, "high": 400},
            "idle_w": {"low": 60, "central": 63, "high": 66},
            "embodied_kg": {"low": 127.6, "central": 150, "high": 319},
        },
        node={
            "gpus": 8,
            "host_w": {"low": 1000, "central": 1600, "high": 2000},
            "idle_w": {"low": 800, "central": 1000, "high": 1200},
            "embodied_kg": {"low": 1178, "central": 2500, "high": 2740},
        },
        lifetime_years={"low": 4, "central": 6, "high": 6},
        pue={"low": 1.1, "central": 1.2, "high": 1.3},
    )


def test_worked_case_has_its_energies() -> None:
    """8 GPUs for 100 h draw 329.6 kWh dynamic, 150.4 idle, and the building adds 96.0."""
    hour = gpu_hour(cluster(), None)
    facility_kwh = hour.it_kwh * (hour.pue - 1)
    assert [329.6, 150.4, 96.0] == pytest.approx(
        [800 * kwh for kwh in (hour.dynamic_kwh, hour.idle_kwh, facility_kwh)], rel=1e-4
    )


def test_worked_case_has_its_emissions() -> None:
    """At 33 g/kWh it emits 19.008 kg of electricity and 8.2818 kg of hardware, 27.290 kg in all."""
    kg = {line: float(rate) * 800 / 1000 for line, rate in gpu_hour(cluster(), None).running(33.0).items()}
    operational = kg["dynamic"] + kg["idle_running"] + kg["facility"]
    assert 19.008 == pytest.approx(operational, rel=1e-4)
    assert 8.2818 == pytest.approx(kg["embodied"], rel=1e-4)
    assert 27.290 == pytest.approx(sum(kg.values()), rel=1e-4)


def test_bloom_per_gpu_hour_follows_from_its_figures() -> None:
    """Nameplate 400 W, no idle GPU power and equal host powers give 0.400 and 0.236979 kWh."""
    bloom = cluster(
        gpu={"model": "A100", "tdp_w": 400, "idle_w": 0, "embodied_kg": 150},
        node={"gpus": 8, "host_w": 1895.83, "idle_w": 1895.83, "embodied_kg": 2500},
        pue=1,
    )
    hour = gpu_hour(bloom, None)
    assert [0.400, 0.236979, 10.3523] == pytest.approx([hour.dynamic_kwh, hour.idle_kwh, hour.embodied_g], rel=1e-4)


def test_lines_are_those_of_the_surface() -> None:
    """Running and holding give the lines that the surface keeps, no more and no fewer."""
    hour = gpu_hour(cluster(), None)
    assert set(RUN_LINES) == set(hour.running(1.0))
    assert set(HOLD_LINES) == set(hour.holding(1.0))


def test_rates_have_the_shape_of_the_intensity() -> None:
    """Two zones by three slots stay so in every line, embodied included."""
    hour = gpu_hour(cluster(), None)
    intensity = np.array([[10.0, 20.0, 30.0], [0.0, 5.0, 500.0]])
    for rates in (hour.running(intensity), hour.holding(intensity)):
        assert {(2, 3)} == {rate.shape for rate in rates.values()}


def test_a_gap_stays_a_gap_but_hardware_is_still_made() -> None:
    """Where the intensity is NaN the operational lines are NaN and embodied is not."""
    rates = gpu_hour(cluster(), None).running(np.array([math.nan, 33.0]))
    assert all(math.isnan(rates[line][0]) for line in ("dynamic", "idle_running", "facility"))
    assert rates["embodied"][0] == rates["embodied"][1] > 0


def test_holding_costs_the_idle_floor_and_the_hardware() -> None:
    """A held GPU-hour draws 0.188 kWh and the building's share, and embodies as much as a running one."""
    hour = gpu_hour(cluster(), None)
    held = {line: float(rate) for line, rate in hour.holding(100.0).items()}
    assert {"idle_held": 18.8, "facility": 3.76, "embodied": hour.embodied_g} == pytest.approx(held)


def test_a_power_of_the_job_replaces_the_nameplate() -> None:
    """310 W a GPU draw 90 W less than 400, all of it dynamic."""
    at_nameplate, at_given = gpu_hour(cluster(), None), gpu_hour(cluster(), 310.0)
    assert 0.090 == pytest.approx(at_nameplate.dynamic_kwh - at_given.dynamic_kwh)
    assert at_nameplate.idle_kwh == at_given.idle_kwh
    assert (0.4, 0.31) == (at_nameplate.gpu_kwh, at_given.gpu_kwh)


@pytest.mark.parametrize("gpu_w", [62.9, -1.0, 0.0, math.nan, math.inf])
def test_a_power_below_idle_is_refused(gpu_w: float) -> None:
    """A job that draws less than an idle GPU is a mistake; the error names the cluster and both powers."""
    with pytest.raises(InvalidInput, match=f"lab: {gpu_w:g} W a GPU .* 63 W"):
        gpu_hour(cluster(), gpu_w)


def test_a_power_equal_to_idle_is_taken() -> None:
    """At exactly the idle power only the host computes."""
    assert 0.075 == pytest.approx(gpu_hour(cluster(), 63.0).dynamic_kwh)


def test_an_absent_pue_is_the_default() -> None:
    """Without a PUE of its own a cluster is priced at 1.5, from 1.2 to 1.8."""
    bare = cluster(pue=None)
    assert [1.2, 1.5, 1.8] == [gpu_hour(bare, None, level).pue for level in LEVELS]


def test_corners_of_the_published_evidence() -> None:
    """The evidence on A100 servers gives 6.15, 10.35 and 22.21 g a GPU-hour: the divisors take the other end."""
    rates = [gpu_hour(ranged(), None, level).embodied_g for level in LEVELS]
    assert [6.152, 10.3523, 22.210] == pytest.approx(rates, rel=1e-4)


def test_longest_life_and_highest_use_are_the_low_corner() -> None:
    """Hardware that lasts longer and is used more embodies less an hour."""
    wide = cluster(
        lifetime_years={"low": 3, "central": 5, "high": 8}, lifetime_use={"low": 0.5, "central": 0.7, "high": 1}
    )
    expected = [
        embodied_g_per_gpu_h(hardware_kg=462.5, lifetime_years=years, lifetime_use=use)
        for years, use in ((8, 1), (5, 0.7), (3, 0.5))
    ]
    assert expected == pytest.approx([gpu_hour(wide, None, level).embodied_g for level in LEVELS])


def test_sci_rule_is_use_one() -> None:
    """Spread over wall-clock life, BLOOM's hardware embodies 8.80 g a GPU-hour."""
    rate = embodied_g_per_gpu_h(hardware_kg=462.5, lifetime_years=6, lifetime_use=1)
    assert 8.80 == pytest.approx(rate, rel=1e-3)


@settings(max_examples=100, deadline=None)
@given(intensity=st.floats(0, 2000), gpu_w=st.none() | st.floats(66, 800))
def test_totals_rise_from_low_to_high(intensity: float, gpu_w: float | None) -> None:
    """At any intensity a run or a hold emits no more at a lower corner."""
    hours = [gpu_hour(ranged(), gpu_w, level) for level in LEVELS]
    running = [sum(map(float, hour.running(intensity).values())) for hour in hours]
    holding = [sum(map(float, hour.holding(intensity).values())) for hour in hours]
    assert sorted(running) == running
    assert sorted(holding) == holding


@settings(max_examples=100, deadline=None)
@given(intensity=st.floats(0, 2000), factor=st.floats(0, 10))
def test_scaling_the_intensity_leaves_embodied(intensity: float, factor: float) -> None:
    """Operational lines scale with the intensity, embodied does not move."""
    hour = gpu_hour(cluster(), None)
    once, scaled = hour.running(intensity), hour.running(intensity * factor)
    for line in ("dynamic", "idle_running", "facility"):
        assert float(once[line]) * factor == pytest.approx(float(scaled[line]))
    assert once["embodied"] == scaled["embodied"]


@settings(max_examples=100, deadline=None)
@given(gpu_w=st.floats(63, 800), intensity=st.floats(0, 2000))
def test_power_of_a_run_is_gpu_plus_its_share_of_the_host(gpu_w: float, intensity: float) -> None:
    """However idle is split off, the lines add to (GPU + host / GPUs a node) x PUE."""
    rates = gpu_hour(cluster(), gpu_w).running(intensity)
    operational = sum(float(rates[line]) for line in ("dynamic", "idle_running", "facility"))
    assert (gpu_w + 200) / 1000 * 1.2 * intensity == pytest.approx(operational)


def test_transfer_pays_half_at_each_end() -> None:
    """100 GB from 30 to 400 g/kWh move 1 kWh: half at each."""
    assert 215.0 == pytest.approx(float(transfer_g(100, 30.0, 400.0)))


def test_transfer_is_vectorised_and_ranged() -> None:
    """A slot each gets its own figure, and low and high follow the range of kWh a GB."""
    moved = transfer_g(10, np.array([10.0, math.nan]), 30.0)
    assert 2.0 == pytest.approx(moved[0])
    assert math.isnan(moved[1])
    ends = [float(transfer_g(1, 1.0, 1.0, level)) for level in LEVELS]
    assert [TRANSFER_KWH_PER_GB.at(level) for level in LEVELS] == pytest.approx(ends)


@pytest.mark.parametrize("size_gb", [-1.0, math.nan, math.inf])
def test_transfer_of_no_size_is_refused(size_gb: float) -> None:
    """A size that cannot be is named."""
    with pytest.raises(InvalidInput, match="GB"):
        transfer_g(size_gb, 1.0, 1.0)


@pytest.mark.parametrize(
    ("gpus", "exclusive", "expected"), [(1, True, 8), (8, True, 8), (9, True, 16), (9, False, 9), (4, False, 4)]
)
def test_exclusive_reserves_whole_nodes(gpus: int, exclusive: bool, expected: int) -> None:  # noqa: FBT001  # a parameter of the table
    """A job that shares with nobody reserves every GPU of its nodes."""
    assert expected == reserved_gpus(gpus, node_gpus=8, exclusive=exclusive)
