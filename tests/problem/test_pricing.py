"""The one price of a placement: lines, partial slots, holds, transfers, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.emissions import Emissions
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption
from scheduler.problem.ways import weighted
from tests.surfaces import placement, problem, surface

NAN = float("nan")
RULES = Interruption()


def test_running_is_priced_by_line_over_partial_slots() -> None:
    """Half an hour at 100 and an hour at 40 g/GPU-h on two GPUs, and embodied beside."""
    posed = problem(surface({"a": [100, 40]}, embodied=10), 1.5, gpus=2)
    got = price(posed, placement(posed.surface, ("a", 0.5, 2), gpus=2))
    expected = Emissions(dynamic=0.09, idle_running=0.045, facility=0.045, embodied=0.03)
    assert got.emissions.as_dict() == pytest.approx(expected.as_dict())
    assert (got.occupied_gpu_h, got.held_gpu_h, got.coverage, got.suspends, got.moves) == (3.0, 0.0, 1.0, 0, 0)
    assert got.finish == posed.surface.instant(2)


def test_objective_operational_leaves_embodied_out() -> None:
    """The two objectives differ by the embodied line."""
    posed = problem(surface({"a": [100]}, embodied=10), 1)
    got = price(posed, placement(posed.surface, ("a", 0, 1)))
    assert got.objective_kg("lifecycle") == pytest.approx(0.110)
    assert got.objective_kg("operational") == pytest.approx(0.100)


def test_hold_accrues_only_between_segments_on_the_same_holding_cluster() -> None:
    """An hour held on `a` costs its hold rate and embodied; leaving for `b` costs nothing."""
    on = surface({"a": [10, 10, 10], "b": [10, 10, 10]}, hold={"a": [4, 8, 4]}, embodied=1)
    posed = problem(on, 2, interruption=RULES)
    stays = price(posed, placement(on, ("a", 0, 1), ("a", 2, 3)))
    leaves = price(posed, placement(on, ("a", 0, 1), ("b", 2, 3)))
    assert (stays.held_gpu_h, leaves.held_gpu_h) == (1.0, 0.0)
    assert stays.emissions.idle_held == pytest.approx(0.006)
    assert stays.emissions.embodied == pytest.approx(0.003)
    assert stays.emissions.total - leaves.emissions.total == pytest.approx(0.009)
    assert (stays.moves, leaves.moves) == (0, 1)


def test_released_nodes_cost_nothing_while_paused() -> None:
    """A pause on a cluster that does not hold is free."""
    on = surface({"a": [10, 10, 10]}, embodied=1)
    got = price(problem(on, 2, interruption=RULES), placement(on, ("a", 0, 1), ("a", 2, 3)))
    assert (got.held_gpu_h, got.emissions.idle_held) == (0.0, 0.0)


def test_transfer_is_priced_in_the_slot_of_its_suspend() -> None:
    """A suspend on an edge falls in the slot behind it."""
    way = [[[0, 0, 0], [5, 7, 9]], [[0, 0, 0], [0, 0, 0]]]
    on = surface({"a": [1, 1, 1], "b": [1, 1, 1]}, move_g=way)
    got = price(problem(on, 2, interruption=RULES), placement(on, ("a", 0, 1), ("b", 2, 3)))
    assert got.emissions.transfer == pytest.approx(0.007)


def test_resume_from_before_hour_zero_pays_the_hold_since_then() -> None:
    """Nodes held from hour 0 to the resume on the same cluster."""
    on = surface({"a": [10, 10, 10]}, hold={"a": [4, 8, 4]})
    got = price(problem(on, 1, resumed_from=0), placement(on, ("a", 1.5, 2.5)))
    assert (got.held_gpu_h, got.suspends, got.moves) == (1.5, 0, 0)
    assert got.emissions.idle_held == pytest.approx(0.75 * 0.008)


def test_resume_elsewhere_pays_the_transfer_and_counts_as_a_move() -> None:
    """The checkpoint leaves at hour 0; the nodes left behind are no longer held."""
    on = surface({"a": [10, 10], "b": [10, 10]}, hold={"a": 4.0}, move_g=3.0)
    got = price(problem(on, 1, resumed_from=0), placement(on, ("b", 1, 2)))
    assert (got.held_gpu_h, got.suspends, got.moves) == (0.0, 0, 1)
    assert got.emissions.transfer == pytest.approx(0.003)


def test_unknown_rates_are_priced_over_the_known_part_and_lower_coverage() -> None:
    """Of two hours one is unknown: half the coverage, no emissions but its embodied ones."""
    on = surface({"a": [10, NAN]}, embodied=1)
    got = price(problem(on, 2), placement(on, ("a", 0, 2)))
    assert (got.coverage, got.unpriced_gpu_h) == (0.5, 1.0)
    assert got.emissions.operational == pytest.approx(0.010)
    assert got.emissions.embodied == pytest.approx(0.002)


def test_time_outside_the_surface_is_not_covered() -> None:
    """An hour past the last edge is unknown, not free."""
    on = surface({"a": [10]})
    assert price(problem(on, 2), placement(on, ("a", 0, 2))).coverage == 0.5


def test_unknown_transfer_lowers_coverage() -> None:
    """A transfer without emissions weighs as an hour of the job unpriced: it is never free."""
    on = surface({"a": [1, 1], "b": [1, 1]}, move_g=NAN)
    got = price(problem(on, 2, interruption=RULES), placement(on, ("a", 0, 1), ("b", 1, 2)))
    assert (got.unpriced_gpu_h, got.coverage) == (1.0, 0.5)


def test_a_sliver_of_an_unknown_slot_does_not_count() -> None:
    """Rounding to the microsecond must not turn a total into null."""
    on = surface({"a": [10, NAN]}, edges=[0, 1 - 1e-10, 2])
    assert price(problem(on, 1), placement(on, ("a", 0, 1))).coverage == 1.0


@given(st.lists(st.integers(0, 500), min_size=3, max_size=3), st.integers(1, 59), st.integers(1, 59))
def test_emissions_are_additive_over_split_windows(rates: list[int], cut: int, start: int) -> None:
    """A window priced whole equals its two parts."""
    posed = problem(surface({"a": rates}, embodied=7), 1)
    first, middle, last = start / 60, 1 + cut / 60, 2.75
    whole = price(posed, placement(posed.surface, ("a", first, last))).emissions
    left = price(posed, placement(posed.surface, ("a", first, middle))).emissions
    right = price(posed, placement(posed.surface, ("a", middle, last))).emissions
    assert (left + right).as_dict() == pytest.approx(whole.as_dict())


@given(st.floats(0.01, 100))
def test_scaling_the_intensity_scales_operational_and_leaves_embodied(factor: float) -> None:
    """Rates, holds and transfers scale with the grid; making the hardware does not."""
    on = surface({"a": [3, 5, 7], "b": [2, 9, 4]}, hold={"a": 2.0}, embodied=6, move_g=4.0)
    scaled = replace(
        on,
        run_g={line: g if line == "embodied" else g * factor for line, g in on.run_g.items()},
        hold_g={line: g if line == "embodied" else g * factor for line, g in on.hold_g.items()},
        move_g=weighted(on.move_g, scale=factor, unknown_g=0.0),
    )
    made = (("a", 0, 0.5), ("a", 1, 2), ("b", 2, 2.7))
    one = price(problem(on, 2, interruption=RULES), placement(on, *made)).emissions
    other = price(problem(scaled, 2, interruption=RULES), placement(scaled, *made)).emissions
    assert other.operational == pytest.approx(one.operational * factor)
    assert other.embodied == pytest.approx(one.embodied)
