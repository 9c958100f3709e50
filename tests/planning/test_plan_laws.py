"""Laws of plans made from files and series: zones of mixed steps, durations and moments off every grid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.emissions import Emissions
from scheduler.domain.intensity import IntensitySeries
from scheduler.planning.planner import place
from scheduler.planning.situation import Situation
from scheduler.ports import Policy
from scheduler.problem.pricing import price
from tests.planning.worlds import SHARED, T0, cluster, job, series

ZONES = {"FR": 15, "CA-QC": 60, "DE": 5}
SPAN_MINUTES = 480
CLUSTERS = [cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED), cluster("ulm", "DE", storage=SHARED)]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A job of 10 to 200 minutes with slack, suspends and overheads, decided at some minute."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grid = {
        zone: series(zone, rng.integers(1, 800, SPAN_MINUTES // step).tolist(), step=timedelta(minutes=step))
        for zone, step in ZONES.items()
    }
    minutes, slack = draw(st.integers(10, 200)), draw(st.integers(0, 150))
    overheads = {"checkpoint": f"{draw(st.integers(0, 9))}m", "restart": f"{draw(st.integers(0, 9))}m"}
    the_job = job(
        duration=f"{minutes}m",
        deadline=f"{minutes + slack}m",
        interruptible=overheads | {"max_suspends": draw(st.integers(0, 4))},
        checkpoint={"gb": draw(st.sampled_from([0, 20]))},
    )
    now = T0 + timedelta(seconds=draw(st.integers(0, 3600)))
    return Situation(job=the_job, clusters=CLUSTERS, intensity=grid, now=now, allowed=("paris", "montreal"))


def emitted(situation: Situation, policy: Policy) -> Emissions:
    """What a policy's placement emits."""
    problem = situation.at("central").problem
    return price(problem, place(policy, problem)).emissions


def least_kg(situation: Situation) -> float:
    """The exact optimum. [kg]"""
    return emitted(situation, CarbonAware()).total


def scaled(grid: dict[str, IntensitySeries], factor: float) -> dict[str, IntensitySeries]:
    """Every intensity times a factor."""
    return {zone: replace_values(each, each.g_per_kwh * factor) for zone, each in grid.items()}


def replace_values(each: IntensitySeries, values: np.ndarray) -> IntensitySeries:
    """A series with other values."""
    return series(each.zone, values.tolist(), start=each.start, step=each.step)


@settings(max_examples=60)
@given(situations())
def test_carbon_aware_never_loses_to_a_window_nor_that_to_run_now(situation: Situation) -> None:
    """More freedom never emits more."""
    window_kg = emitted(situation, LowestCarbonWindow()).total
    assert least_kg(situation) <= window_kg * (1 + 1e-9)
    assert window_kg <= emitted(situation, RunNow()).total * (1 + 1e-9)


@settings(max_examples=40)
@given(situations(), st.integers(1, 120))
def test_a_longer_deadline_never_worsens_the_optimum(situation: Situation, more: int) -> None:
    """Minutes more before the end."""
    assert isinstance(situation.job.deadline, timedelta)
    later = situation.job.model_copy(update={"deadline": situation.job.deadline + timedelta(minutes=more)})
    assert least_kg(replace(situation, job=later)) <= least_kg(situation) * (1 + 1e-9)


@settings(max_examples=40)
@given(situations())
def test_another_cluster_never_worsens_the_optimum(situation: Situation) -> None:
    """Also where its zone has finer edges."""
    assert least_kg(replace(situation, allowed=())) <= least_kg(situation) * (1 + 1e-9)


@settings(max_examples=40)
@given(situations(), st.floats(0.1, 10))
def test_scaling_the_intensity_scales_electricity_and_leaves_hardware(situation: Situation, factor: float) -> None:
    """Of one placement."""
    central = situation.at("central").problem
    placement = place(RunNow(), central)
    other = replace(situation, intensity=scaled(dict(situation.intensity), factor)).at("central").problem
    one, two = price(central, placement).emissions, price(other, placement).emissions
    assert one.operational * factor == pytest.approx(two.operational, rel=1e-9)
    assert one.embodied == pytest.approx(two.embodied, rel=1e-12)


@settings(max_examples=40)
@given(situations())
def test_a_window_emits_the_integral_of_its_zones_intensity(situation: Situation) -> None:
    """The surface's price of a run equals 0.72 kWh a GPU-hour times the series' own mean over it."""
    problem = situation.at("central").problem
    placement = place(RunNow(), problem)
    mean = situation.intensity["FR"].mean_over(placement.start, placement.finish)
    hours = (placement.finish - placement.start) / timedelta(hours=1)
    assert 8 * hours * 0.72 * mean / 1000 == pytest.approx(price(problem, placement).emissions.operational, rel=1e-9)
