"""What serving a model emits, checked on the study of BLOOM's deployment."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate
from scheduler.lifecycle import bloom, bloom_inference
from scheduler.lifecycle.inference import Inference

STUDY = Inference(
    energy_kwh=bloom_inference.TRIMMED_KWH,
    hours_h=bloom_inference.TRIMMED_HOURS,
    requests=bloom_inference.REQUESTS,
    g_per_kwh=Estimate.exactly(bloom_inference.INTENSITY_G_PER_KWH),
)
POSITIVE = st.floats(min_value=1e-3, max_value=1e6)


def test_the_study_is_reproduced() -> None:
    """The trimmed log gives the printed emissions, about 19 kg a day as printed, and 1.4756 g a request."""
    request = STUDY.per_request_g
    assert request is not None
    assert pytest.approx(340.514, rel=1e-5) == STUDY.emissions_kg.central
    assert pytest.approx(1.4756, rel=1e-4) == request.central
    assert pytest.approx(bloom_inference.PRINTED_KG_PER_DAY, abs=1) == STUDY.per_day_kg.central
    assert pytest.approx(bloom_inference.REQUESTS_PER_HOUR, rel=0.01) == STUDY.requests_per_hour


def test_serving_bloom_equals_its_training_after_seven_years() -> None:
    """At the study's rate, the published training is equalled after 2,545 days."""
    assert pytest.approx(2545.5, abs=0.5) == STUDY.days_to_equal(bloom.PUBLISHED.emissions.total)


@given(kwh=POSITIVE, hours=POSITIVE, grams=POSITIVE, pue=st.floats(min_value=1, max_value=3))
def test_days_of_serving_add_up_to_the_training(kwh: float, hours: float, grams: float, pue: float) -> None:
    """The days that it says, at the rate that it says, emit the training's kilograms."""
    seen = Inference(energy_kwh=kwh, hours_h=hours, requests=None, g_per_kwh=Estimate.exactly(grams), pue=pue)
    assert seen.days_to_equal(500.0) * seen.per_day_kg.central == pytest.approx(500.0, rel=1e-9)


def test_the_range_of_the_intensity_is_carried_through() -> None:
    """Low and high are those of the grid."""
    seen = Inference(energy_kwh=10, hours_h=1, requests=4, g_per_kwh=Estimate(low=10, central=20, high=40))
    assert Estimate(low=0.1, central=0.2, high=0.4) == seen.emissions_kg
    assert Estimate(low=25, central=50, high=100) == seen.per_request_g


def test_electricity_of_nothing_never_equals_a_training() -> None:
    """Zero grams a kWh stay zero for ever."""
    seen = Inference(energy_kwh=1, hours_h=1, requests=None, g_per_kwh=Estimate.exactly(0.0))
    assert math.inf == seen.days_to_equal(1.0)
    assert seen.per_request_g is None
    assert seen.requests_per_hour is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"energy_kwh": 0.0}, "--kwh 0"),
        ({"energy_kwh": math.nan}, "--kwh nan"),
        ({"hours_h": -1.0}, "--hours -1"),
        ({"requests": 0}, "--requests 0"),
        ({"pue": 0.9}, "--pue 0.9"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change: dict[str, float], named: str) -> None:
    """The option that is wrong is named."""
    fields: dict[str, float] = {"energy_kwh": 1.0, "hours_h": 1.0, "requests": 1, **change}
    with pytest.raises(InvalidInput, match=named.replace(".", r"\.")):
        Inference(
            energy_kwh=fields["energy_kwh"],
            hours_h=fields["hours_h"],
            requests=int(fields["requests"]),
            g_per_kwh=Estimate.exactly(1.0),
            pue=fields.get("pue", 1.0),
        )


@pytest.mark.parametrize("mass_kg", [0.0, -1.0, math.nan, math.inf])
def test_a_training_of_no_emissions_is_refused(mass_kg: float) -> None:
    """There is nothing to equal."""
    with pytest.raises(InvalidInput, match="--training-kg"):
        STUDY.days_to_equal(mass_kg)
