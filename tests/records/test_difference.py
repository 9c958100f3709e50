"""What changed by the choice of place and time, and whether it can be told from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.static_tables import StaticTables
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.records.attempts import Attempt
from scheduler.records.difference import (
    DRAWS,
    RESOLUTION,
    SEED,
    Difference,
    Draws,
    difference,
    total_difference,
)
from scheduler.records.energy import EnergyCurve
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL
from scheduler.records.factors import Factor
from scheduler.records.terms import Sign, Term, terms_of
from tests.records.cases import T0, make_cluster, make_job, make_series, run

FRANCE = make_cluster()
QUEBEC = make_cluster("quebec", "CA-QC")
GRID = {"FR": make_series("FR", [100, 400] * 20), "CA-QC": make_series("CA-QC", [50] * 40)}
NAME = "none: it ran as it would have"


def side(
    sign: Sign,
    *attempts: Attempt,
    job: Job | None = None,
    grid: Mapping[str, IntensitySeries] = GRID,
    data_at: Cluster | None = None,
) -> tuple[Term, ...]:
    """The terms of one side."""
    percentile = AGAINST_COUNTERFACTUAL if sign > 0 else AGAINST_REAL
    return tuple(terms_of(sign, job or make_job(), attempts, grid, data_at=data_at, gap_percentile=percentile))


def total_kg(terms: Sequence[Term]) -> float:
    """What terms weigh, whatever their side. [kg]"""
    return sum(term.kg for term in terms)


# What enters


def test_only_dynamic_energy_and_its_facility_share_enter_for_a_run_in_one_piece() -> None:
    """Idle, embodied, and the boot and teardown that home would have had as well stay out."""
    terms = side(-1, run(FRANCE, 1, 2, reserved=(0, 4)))
    assert [8 * 0.075 * 400 * 1.2 / 1000, 8 * 0.337 * 400 * 1.2 / 1000] == pytest.approx([term.kg for term in terms])


def test_what_the_infrastructure_wasted_enters_whole() -> None:
    """Its boot and its hours in vain are on the real side; one boot of the job is on neither."""
    lost = run(QUEBEC, 1, 2, reserved=(0, 3), ended_by="infrastructure")
    terms = side(-1, lost, run(QUEBEC, 5, 6, reserved=(4, 7)))
    assert 8 * 1.2 * 50 * (0.412 * 2 + 0.188 * 2) / 1000 == pytest.approx(total_kg(terms))


def test_boots_after_a_cut_enter_in_full() -> None:
    """Idle energy of what shifting or the infrastructure made the job start again."""
    first = run(FRANCE, 0.5, 1, reserved=(0, 1.5), ended_by="plan")
    terms = side(-1, first, run(QUEBEC, 3, 4, reserved=(2.5, 4.5)))
    dynamic = 8 * 0.412 * 1.2 * (0.5 * 100 + 1 * 50)
    overhead = 8 * 0.188 * 1.2 * (0.5 + 0.5) * 50
    assert (dynamic + overhead) / 1000 == pytest.approx(total_kg(terms))


def test_a_boot_after_its_own_failure_would_have_been_at_home_too() -> None:
    """It is on neither side."""
    terms = side(-1, run(QUEBEC, 0, 1), run(QUEBEC, 3, 4, reserved=(2, 5)))
    assert 8 * 0.412 * 1.2 * 2 * 50 / 1000 == pytest.approx(total_kg(terms))


def test_a_pause_on_kept_nodes_stays_out() -> None:
    """The nodes stand in both worlds, and none is known to have been switched off."""
    together = side(-1, run(QUEBEC, 0, 1, ended_by="plan"), run(QUEBEC, 1, 2))
    apart = side(-1, run(QUEBEC, 0, 1, ended_by="plan"), run(QUEBEC, 9, 10))
    assert total_kg(together) == pytest.approx(total_kg(apart))


def test_copies_enter_with_half_of_them_at_each_end() -> None:
    """A checkpoint that moved is charged to the side that moved it; nothing of it is multiplied by a PUE."""
    job = make_job(checkpoint={"gb": 100})
    moved = side(-1, run(FRANCE, 0, 1, ended_by="plan"), run(QUEBEC, 1, 2), job=job)
    stayed = side(-1, run(FRANCE, 0, 1, ended_by="plan"), run(QUEBEC, 1, 2))
    assert 100 * 0.01 * (400 / 2 + 50 / 2) / 1000 == pytest.approx(total_kg(moved) - total_kg(stayed))
    names = {factor.name for term in moved[-2:] for factor in term.factors}
    assert {
        "energy of transfers",
        "intensity of FR by table.csv in 2024",
        "intensity of CA-QC by table.csv in 2024",
    } == names


def test_data_that_home_would_have_needed_are_on_both_sides() -> None:
    """Where the data lie counts for home as it does for anywhere else."""
    job = make_job(data={"size_gb": 100, "at": "quebec"})
    assert 100 * 0.01 * 150 / 2 == pytest.approx(
        1000 * total_kg(side(1, run(FRANCE, 0, 1), job=job, data_at=QUEBEC)[2:])
    )


def test_a_pue_is_drawn_within_its_stated_range_and_never_under_one() -> None:
    """A cluster that states a range is believed; one that does not is off by a tenth."""
    stated = make_cluster("stated", pue={"low": 1.1, "central": 1.25, "high": 1.5})
    bare = make_cluster("bare", pue=1.0)
    factors = {factor.name: factor for term in side(-1, run(stated, 0, 1), run(bare, 1, 2)) for factor in term.factors}
    for made in (
        Factor(name="PUE of stated in 2024", low=0.88, high=1.2, floor=0.8),
        Factor(name="PUE of bare in 2024", low=0.9, high=1.1, floor=1.0),
        Factor(name="energy of A100", low=0.7, high=1.3),
        Factor(name="host power of bare", low=0.7, high=1.3),
        Factor(name="intensity of FR by table.csv in 2024", low=0.85, high=1.15),
    ):
        assert made == factors[made.name]


def test_a_turn_of_the_year_brings_draws_of_its_own() -> None:
    """A PUE and an intensity are off by another ratio in another year; the parts add up to the whole."""
    grid = {"FR": make_series("FR", [100] * 8_000)}
    first_h = (datetime(2025, 1, 1, tzinfo=UTC) - T0) / timedelta(hours=1) - 2
    terms = side(-1, run(FRANCE, first_h, first_h + 5), grid=grid)
    by_year = {
        year: total_kg([t for t in terms if any(factor.name.endswith(year) for factor in t.factors)])
        for year in ("2024", "2025")
    }
    assert {"2024": 8 * 0.412 * 1.2 * 0.1 * 2, "2025": 8 * 0.412 * 1.2 * 0.1 * 3} == pytest.approx(by_year)


def test_a_marginal_intensity_is_off_by_half() -> None:
    """Whoever says what one more kilowatt-hour emits is far less sure of it."""
    marginal = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
    grid = {"FR": make_series("FR", [500] * 4, basis=marginal)}
    (factor,) = {f for t in side(-1, run(FRANCE, 0, 1), grid=grid) for f in t.factors if "intensity" in f.name}
    assert (0.5, 1.5) == (factor.low, factor.high)


def metered(attempt: Attempt, gpu_kwh: float, *, of: float = 1.0, idle_w: float | None = None) -> Attempt:
    """The same with a meter that counted so much of `of` of its GPUs, evenly."""
    hours = hours_between(*attempt.ran)
    curve = EnergyCurve(
        start=attempt.ran[0],
        at_h=np.array([0.0, hours]),
        gpu_kwh=np.array([0.0, gpu_kwh]),
        measured=np.array([of]),
        source="nvml_counter",
        gpus=attempt.gpus,
        idle_w=idle_w,
    )
    return replace(attempt, energy=curve)


def test_what_a_meter_read_is_off_by_a_twentieth_and_the_host_by_its_own_range() -> None:
    """The reading enters whole and the idle floor apart, which together are the dynamic energy."""
    terms = side(-1, metered(run(FRANCE, 0, 1), 1.6))
    by_factor = {t.factors[0].name: t.kg for t in terms}
    per_kwh = 100 * 1.2 / 1000
    assert {
        "energy by nvml_counter": 1.6 * per_kwh,
        "host power of france": 8 * 0.075 * per_kwh,
        "PUE of france in 2024": -8 * 0.063 * per_kwh,
    } == pytest.approx(by_factor)
    (meter,) = {t.factors[0] for t in terms if t.factors[0].name == "energy by nvml_counter"}
    assert (0.95, 1.05) == (meter.low, meter.high)


def test_missing_readings_are_no_meters() -> None:
    """Half of the GPUs were not metered: they count at their nameplate, and are off as a model is."""
    terms = side(-1, metered(run(FRANCE, 0, 1), 0.8, of=0.5))
    by_factor = {t.factors[0].name: t.kg for t in terms}
    per_kwh = 100 * 1.2 / 1000
    assert (0.8 * per_kwh, 4 * 0.4 * per_kwh) == pytest.approx(
        (by_factor["energy by nvml_counter"], by_factor["energy of A100"])
    )


def test_a_gap_is_priced_against_the_tool_on_each_side() -> None:
    """Low where it would have been, high where it was."""
    grid = {"FR": make_series("FR", [float("nan"), 0, 100, 200])}
    low, high = (total_kg(side(sign, run(FRANCE, 0, 1), grid=grid)) for sign in (1, -1))
    assert (8 * 0.412 * 1.2 * 10 / 1000, 8 * 0.412 * 1.2 * 190 / 1000) == pytest.approx((low, high))


# What comes out


def told(*terms: Term) -> Difference:
    """The difference of terms."""
    return difference(terms)


def test_two_equal_sides_differ_by_nothing_at_all() -> None:
    """The same run on both sides cancels to the last bit, and the words say so."""
    same = run(FRANCE, 0.3, 7.7)
    found = told(*side(1, same), *side(-1, same))
    assert (0.0, 0.0, 0.0, 0.0, NAME) == (found.central_kg, found.p5_kg, found.p50_kg, found.p95_kg, found.verdict)
    assert 0 < found.baseline_kg


def test_the_dust_of_floating_point_is_no_difference() -> None:
    """0.1 and 0.2 kg against 0.3: the last bit of a sum is not an emission."""
    factors = (Factor(name="x", low=0.9, high=1.1),)
    parts = [Term(sign=1, kg=kg, factors=factors) for kg in (0.1, 0.2)] + [Term(sign=-1, kg=0.3, factors=factors)]
    assert 0.1 + 0.2 != 0.3
    assert (0.0, NAME) == (told(*parts).central_kg, told(*parts).verdict)


def test_no_terms_are_no_difference() -> None:
    """Nothing on either side."""
    assert Difference(central_kg=0, p5_kg=0, p50_kg=0, p95_kg=0, baseline_kg=0) == told()


def test_a_clear_gain_is_told_with_its_interval() -> None:
    """Six hours of 250 g against six of 50 g: nine draws in ten agree."""
    found = told(*side(1, run(FRANCE, 0, 6)), *side(-1, run(QUEBEC, 0, 6)))
    assert 8 * 0.412 * 1.2 * 6 * 200 / 1000 == pytest.approx(found.central_kg)
    assert "reduced" == found.verdict
    assert 0 < found.p5_kg < found.p50_kg < found.p95_kg


def test_a_loss_is_told_as_plainly() -> None:
    """The same the other way round, negative and not hidden."""
    found = told(*side(1, run(QUEBEC, 0, 6)), *side(-1, run(FRANCE, 0, 6)))
    assert ("added", True) == (found.verdict, found.p95_kg < 0 and found.central_kg < 0)


def test_a_difference_within_the_layout_of_the_two_sides_is_not_told() -> None:
    """A start some seconds later is no effect, even where every draw agrees on its sign."""
    later_h = 10 / 3600
    found = told(*side(1, run(FRANCE, 0, 21)), *side(-1, run(FRANCE, later_h, 21 + later_h)))
    assert RESOLUTION * found.baseline_kg == found.resolution_kg > -found.p50_kg > -found.p95_kg > 0
    assert ("no distinguishable effect", False) == (found.verdict, found.told)


@pytest.mark.parametrize(("year", "verdict"), [(2023, "reduced"), (2024, "no distinguishable effect"), (2025, "added")])
def test_france_to_quebec_by_the_yearly_tables(year: int, verdict: str) -> None:
    """49 against 31 g is a gain, 33 against 35 nothing that can be told, 31 against 41 a loss."""
    start = datetime(year, 5, 1, tzinfo=UTC)
    whole = (start, start + timedelta(days=3))
    grid = {zone: StaticTables().series(zone, DEFAULT_BASIS, *whole) for zone in ("FR", "CA-QC")}
    attempts = [
        Attempt(sid="x", cluster=cluster, gpus=8, reserved=whole, ran=whole, known_by="outcome", ended_by="itself")
        for cluster in (FRANCE, QUEBEC)
    ]
    assert verdict == told(*side(1, attempts[0], grid=grid), *side(-1, attempts[1], grid=grid)).verdict


def test_a_projected_year_is_less_certain_than_a_closed_one() -> None:
    """The last closed year carried on holds the spread of five: what 2023 tells of itself it does not tell of 2026."""
    start = datetime(2026, 5, 1, tzinfo=UTC)
    whole = (start, start + timedelta(days=3))
    grid = {zone: StaticTables(year=2025).series(zone, DEFAULT_BASIS, *whole) for zone in ("FR", "CA-QC")}
    home, real = (
        Attempt(sid="x", cluster=here, gpus=8, reserved=whole, ran=whole, known_by="outcome", ended_by="itself")
        for here in (FRANCE, QUEBEC)
    )
    found = told(*side(1, home, grid=grid), *side(-1, real, grid=grid))
    assert ("no distinguishable effect", True) == (found.verdict, found.p5_kg < 0 < found.p95_kg)


def test_two_always_on_clusters_of_equal_intensity_differ_by_nothing_that_can_be_told() -> None:
    """What making their hardware emitted is no gain: only which of them it is allocated to changes."""
    young = make_cluster("young", "FR", gpu={"embodied_kg": 1000}, node={"embodied_kg": 9000})
    found = told(*side(1, run(FRANCE, 0, 6)), *side(-1, run(young, 0, 6)))
    assert 0.0 == pytest.approx(found.central_kg, abs=1e-12)
    assert ("no distinguishable effect", False) == (found.verdict, found.told)


def test_a_thousand_copies_of_a_job_keep_the_relative_interval_of_one() -> None:
    """What is not known of the model is not averaged away by running it often."""
    terms = (*side(1, run(FRANCE, 0, 6)), *side(-1, run(QUEBEC, 0, 6)))
    one, many = told(*terms), told(*(terms * 1000))
    assert (one.p95_kg - one.p5_kg) / one.p50_kg == pytest.approx((many.p95_kg - many.p5_kg) / many.p50_kg, rel=1e-9)
    assert 1000 * one.central_kg == pytest.approx(many.central_kg)


def test_jobs_that_never_moved_do_not_hide_one_that_did() -> None:
    """A hundred untouched ones beside it change neither what it saved nor whether that can be told."""
    moved = (*side(1, run(FRANCE, 0, 1)), *side(-1, run(QUEBEC, 0, 1)))
    same = (*side(1, run(FRANCE, 0, 30)), *side(-1, run(FRANCE, 0, 30)))
    alone, among = difference(moved), total_difference([moved, *[same] * 100])
    assert (alone.verdict, alone.p5_kg, alone.resolution_kg) == (among.verdict, among.p5_kg, among.resolution_kg)
    assert RESOLUTION * among.baseline_kg > among.p50_kg


def test_the_draws_of_a_report_are_those_of_its_jobs() -> None:
    """Kept or drawn anew, the figures are the same."""
    terms = (*side(1, run(FRANCE, 0, 6)), *side(-1, run(QUEBEC, 0, 6)))
    draws = Draws()
    assert difference(terms) == difference(terms, draws) == difference(terms, draws) == total_difference([terms], draws)


def test_a_triangular_factor_stays_within_its_ends() -> None:
    """What was stated as low, central and high is not drawn beyond."""
    drawn = Draws().of(Factor(name="embodied", low=0.6, high=2.0, shape="triangular"))
    assert (True, True) == (0.6 <= drawn.min() < 0.62, 1.95 < drawn.max() <= 2.0)
    assert (0.6 + 1 + 2.0) / 3 == pytest.approx(drawn.mean(), rel=0.01)
    assert 1.0 == Draws().of(Factor(name="sure", low=1, high=1, shape="triangular")).max()


def test_a_factor_is_drawn_alike_in_every_report() -> None:
    """Another job in the sum leaves the draws of this one as they were."""
    terms = (*side(1, run(FRANCE, 0, 6)), *side(-1, run(QUEBEC, 0, 6)))
    none = Term(sign=1, kg=0.0, factors=(Factor(name="a of another kind", low=0.5, high=1.5),))
    assert told(*terms) == told(*terms, none)


def test_the_draws_can_be_made_again_by_anyone() -> None:
    """PCG64 seeded by the printed number and the factor's name; 1.96 standard deviations lie at the ends."""
    term = Term(sign=1, kg=2.0, factors=(Factor(name="x", low=0.8, high=1.6, floor=0.9),))
    z = np.random.Generator(np.random.PCG64([SEED, ord("x")])).standard_normal(DRAWS) / 1.959963984540054
    drawn = 2.0 * np.maximum(0.9, 1 + np.where(z < 0, 0.2 * z, 0.6 * z))
    found = told(term)
    assert list(np.percentile(drawn, (5, 50, 95))) == pytest.approx([found.p5_kg, found.p50_kg, found.p95_kg])
    assert 1.8 == pytest.approx(drawn.min())


FACTORS = st.sampled_from([Factor(name=name, low=0.7, high=1.4) for name in "abc"])
TERMS = st.lists(
    st.builds(
        Term, sign=st.sampled_from([1, -1]), kg=st.floats(0, 1000), factors=st.lists(FACTORS, max_size=2).map(tuple)
    ),
    max_size=6,
)


@settings(max_examples=50)
@given(terms=TERMS, factor=st.floats(0.01, 100))
def test_the_difference_is_proportional_to_its_terms(terms: list[Term], factor: float) -> None:
    """Twice the emissions on both sides are twice the difference, and the same words."""
    once = difference(terms)
    scaled = difference([Term(sign=t.sign, kg=t.kg * factor, factors=t.factors) for t in terms])
    for name in ("central_kg", "p5_kg", "p50_kg", "p95_kg", "baseline_kg"):
        assert factor * getattr(once, name) == pytest.approx(getattr(scaled, name), rel=1e-6, abs=1e-6)


@settings(max_examples=50)
@given(terms=TERMS)
def test_changing_sides_changes_the_sign(terms: list[Term]) -> None:
    """The interval is mirrored: no side is favoured by the arithmetic."""
    here = difference(terms)
    there = difference([Term(sign=-1 if t.sign > 0 else 1, kg=t.kg, factors=t.factors) for t in terms])
    assert (here.central_kg, here.p5_kg, here.p95_kg) == pytest.approx(
        (-there.central_kg, -there.p95_kg, -there.p5_kg), rel=1e-6, abs=1e-6
    )


@settings(max_examples=50)
@given(terms=TERMS)
def test_terms_on_both_sides_leave_nothing(terms: list[Term]) -> None:
    """Whatever is added to both worlds cancels."""
    both = [Term(sign=sign, kg=t.kg, factors=t.factors) for t in terms for sign in (1, -1)]
    found = difference(both)
    assert (0.0, 0.0, 0.0, NAME) == (found.central_kg, found.p5_kg, found.p95_kg, found.verdict)
