"""How sure a footprint is: terms that sum to it, and a spread that no number of jobs narrows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scheduler.records.accounts import Account, account
from scheduler.records.attempts import Attempt
from scheduler.records.difference import Draws
from scheduler.records.energy import EnergyCurve
from scheduler.records.footprint_draws import footprint_terms, spread
from scheduler.records.terms import Term
from tests.records.cases import make_cluster, make_job, make_series, run

FRANCE = make_cluster(gpu={"embodied_kg": {"low": 120, "central": 150, "high": 320}})
QUEBEC = make_cluster("quebec", "CA-QC")
GRID = {"FR": make_series("FR", [100, 400] * 20), "CA-QC": make_series("CA-QC", [50] * 40)}
JOB = make_job(checkpoint={"gb": 100})


def terms(*attempts: Attempt) -> tuple[Account, tuple[Term, ...]]:
    """The account of some attempts and its terms."""
    made = account(JOB, attempts, GRID)
    return made, footprint_terms(JOB, made, GRID)


def test_the_terms_sum_to_the_footprint() -> None:
    """Every line of it: a boot, a move with its copy, hardware."""
    made, found = terms(run(FRANCE, 1, 2, reserved=(0, 3), ended_by="plan"), run(QUEBEC, 5, 6))
    assert made.central.total == pytest.approx(sum(term.kg for term in found))
    assert made.central.embodied == pytest.approx(sum(term.kg for term in found if "embodied" in term.factors[0].name))


def test_embodied_is_triangular_over_what_the_cluster_states() -> None:
    """Its range is the hardware's, in hours of a GPU."""
    _, found = terms(run(FRANCE, 0, 1))
    (factor,) = {term.factors[0] for term in found if term.factors[0].name == "embodied of france"}
    share = 150 + 2500 / 8
    assert "triangular" == factor.shape
    assert (120 + 2500 / 8, 320 + 2500 / 8) == pytest.approx((factor.low * share, factor.high * share))


def test_a_meter_is_surer_than_a_model() -> None:
    """The same energy, read or modelled: the spread is narrower by what is known."""
    plain = run(QUEBEC, 0, 4)
    curve = EnergyCurve(
        start=plain.ran[0],
        at_h=np.array([0.0, 4.0]),
        gpu_kwh=np.array([0.0, 8 * 0.4 * 4]),
        measured=np.ones(1),
        source="nvml_counter",
        gpus=8,
    )
    modelled, read = (spread([terms(each)[1]], Draws()) for each in (plain, replace(plain, energy=curve)))
    assert modelled.p95_kg - modelled.p5_kg > 1.2 * (read.p95_kg - read.p5_kg)
    assert modelled.p50_kg == pytest.approx(read.p50_kg, rel=0.02)


def test_a_thousand_footprints_spread_like_one() -> None:
    """Their sum is inside each draw; what nothing ran of spreads not at all."""
    _, found = terms(run(FRANCE, 0, 4))
    one, many = spread([found], Draws()), spread([found] * 1000, Draws())
    assert 1000 * one.p5_kg == pytest.approx(many.p5_kg)
    assert one.p5_kg < one.p50_kg < one.p95_kg
    assert 0.0 == spread([], Draws()).p95_kg


def test_a_range_that_a_source_states_is_believed() -> None:
    """Not the one that is assumed of others."""
    values = np.array([100.0] * 40)
    narrow = replace(make_series("FR", [100.0] * 40), low=values * 0.99, high=values * 1.02)
    made = account(JOB, [run(FRANCE, 0, 1)], {"FR": narrow})
    found = {f for term in footprint_terms(JOB, made, {"FR": narrow}) for f in term.factors if "intensity" in f.name}
    assert [(0.99, 1.02)] == [(factor.low, factor.high) for factor in found]
