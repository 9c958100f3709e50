"""A described run is priced with its range, and what cannot be a run is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.emissions import Emissions
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate
from scheduler.lifecycle import bloom
from scheduler.lifecycle.footprint import footprint_of
from scheduler.lifecycle.presets import A100, BLOOM

LAB = A100.cluster(zone="FR", gpus=64).model_copy(update={"pue": Estimate.exactly(1.2)})


def test_worked_case() -> None:
    """8 GPUs for 100 h at 33 g/kWh emit 27.290 kg, of which 30.3 % are hardware."""
    found = footprint_of(LAB, gpus=8, hours_h=100, intensity_g_per_kwh=Estimate.exactly(33))
    assert 27.290 == pytest.approx(found.central.emissions.total, rel=1e-4)
    assert 8.2818 == pytest.approx(found.central.emissions.embodied, rel=1e-4)
    assert 30.35 == pytest.approx(found.embodied_pct, rel=1e-3)


def test_worked_case_energy() -> None:
    """It draws 480 kWh of IT, 320 of it in the GPUs' boards, and 576 in all."""
    energy = footprint_of(LAB, gpus=8, hours_h=100, intensity_g_per_kwh=Estimate.exactly(33)).central.energy
    assert [480.0, 320.0, 576.0] == pytest.approx([energy.it, energy.gpu_running, energy.total])


def test_bloom_run_priced_on_its_own_hardware_is_the_published_total() -> None:
    """The preset of the paper reproduces 50,532.4 kg through the ordinary road."""
    found = footprint_of(
        BLOOM.cluster(zone="FR", gpus=bloom.GPUS),
        gpus=bloom.GPUS,
        hours_h=bloom.GPU_HOURS / bloom.GPUS,
        intensity_g_per_kwh=Estimate.exactly(bloom.INTENSITY_G_PER_KWH),
    )
    assert 50532.4 == pytest.approx(found.central.emissions.total, rel=1e-4)
    assert found.low == found.central == found.high


@settings(max_examples=60, deadline=None)
@given(
    gpus=st.integers(1, 4096),
    hours_h=st.floats(0.01, 10_000),
    low=st.floats(0, 500),
    more=st.floats(0, 500),
    gpu_w=st.none() | st.floats(66, 700),
)
def test_low_central_high_are_in_order(gpus: int, hours_h: float, low: float, more: float, gpu_w: float | None) -> None:
    """The corners enclose the central figure, in emissions and in energy."""
    intensity = Estimate(low=low, central=low + more / 2, high=low + more)
    found = footprint_of(LAB, gpus=gpus, hours_h=hours_h, intensity_g_per_kwh=intensity, gpu_w=gpu_w)
    kg = [corner.emissions.total for corner in (found.low, found.central, found.high)]
    kwh = [corner.energy.total for corner in (found.low, found.central, found.high)]
    assert sorted(kg) == kg
    assert sorted(kwh) == kwh


def test_lines_of_pausing_and_moving_are_zero() -> None:
    """A run without pause, boot or move has four lines and no others."""
    kg = footprint_of(LAB, gpus=1, hours_h=1, intensity_g_per_kwh=Estimate.exactly(10)).central.emissions
    expected = Emissions(dynamic=kg.dynamic, idle_running=kg.idle_running, facility=kg.facility, embodied=kg.embodied)
    assert expected == kg


def test_nothing_emitted_has_no_embodied_share() -> None:
    """Hardware said to embody nothing, on a grid that emits nothing, divides by nothing."""
    free = LAB.gpu.model_copy(update={"embodied_kg": Estimate.exactly(0)})
    bare = LAB.node.model_copy(update={"embodied_kg": Estimate.exactly(0)})
    nothing = LAB.model_copy(update={"gpu": free, "node": bare})
    assert footprint_of(nothing, gpus=1, hours_h=1, intensity_g_per_kwh=Estimate.exactly(0)).embodied_pct == 0.0


@pytest.mark.parametrize(("gpus", "hours_h"), [(0, 1.0), (1, 0.0), (1, -1.0), (1, math.nan), (1, math.inf)])
def test_a_run_without_extent_is_refused(gpus: int, hours_h: float) -> None:
    """No GPUs, or no length, is no run."""
    with pytest.raises(InvalidInput, match="GPUs for"):
        footprint_of(LAB, gpus=gpus, hours_h=hours_h, intensity_g_per_kwh=Estimate.exactly(10))


@pytest.mark.parametrize("figure", [Estimate(low=-1, central=0, high=1), Estimate(low=0, central=1, high=math.inf)])
def test_an_intensity_that_cannot_be_is_refused(figure: Estimate) -> None:
    """Negative and infinite intensities are no intensities."""
    with pytest.raises(InvalidInput, match="finite"):
        footprint_of(LAB, gpus=1, hours_h=1, intensity_g_per_kwh=figure)
