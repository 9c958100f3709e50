"""Slots without intensity are a last resort, and then used as little as possible."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.problem.exact import cheapest, cheapest_window
from scheduler.problem.pricing import price
from scheduler.problem.problem import Interruption, Problem
from tests.surfaces import problem, stretches, surface

NAN = float("nan")
RULES = Interruption()


def placed(posed: Problem) -> tuple[tuple[str, float, float], ...]:
    """The cheapest placement."""
    found = cheapest(posed)
    assert found is not None
    return stretches(posed.surface, found)


def test_priced_slots_are_used_however_dear() -> None:
    """An unknown hour is never guessed to be cheap."""
    posed = problem(surface({"a": [NAN, NAN, 900]}), 1)
    assert placed(posed) == (("a", 2, 3),)


def test_unknown_slots_keep_a_deadline_and_are_used_least() -> None:
    """Two and a half hours of which two are known."""
    posed = problem(surface({"a": [NAN, 5, 7, NAN]}), 2.5)
    assert placed(posed) == (("a", 0.5, 3.0),)
    found = cheapest(posed)
    assert found is not None
    assert price(posed, found).coverage == pytest.approx(0.8)


def test_among_the_least_unknown_the_cheapest_wins() -> None:
    """Both clusters need one unknown hour; the rest is cheaper on the second."""
    on = surface({"a": [NAN, 50, 60], "b": [40, NAN, 30]}, move_h=np.inf)
    assert placed(problem(on, 3)) == (("b", 0, 3),)


def test_a_dear_plan_with_less_unknown_beats_a_cheap_one_with_more() -> None:
    """However large the difference in price."""
    on = surface({"a": [NAN, NAN, 1], "b": [1e6, NAN, 1e6]}, move_h=np.inf)
    assert placed(problem(on, 3)) == (("b", 0, 3),)


def test_half_a_minute_less_of_unknown_time_outweighs_any_price() -> None:
    """0.01 h against 0.02 h, at a thousand times the emissions."""
    on = surface({"a": [NAN, NAN, 1], "b": [NAN, 1000, 1000]}, edges=[0, 0.01, 0.02, 1.02], move_h=np.inf)
    assert placed(problem(on, 1.02)) == (("b", 0, 1.02),)


def test_a_pause_on_held_nodes_through_the_unknown_counts_as_unknown() -> None:
    """Holding through an hour without intensity is as unpriced as running in it, so the job runs."""
    on = surface({"a": [1, NAN, 1, 1]}, hold={"a": [0.5, NAN, 0.5, 0.5]})
    assert placed(problem(on, 2, interruption=RULES)) == (("a", 2, 4),)
    assert placed(problem(on, 2.5, 3, interruption=RULES)) == (("a", 0, 2.5),)


def test_a_transfer_without_emissions_is_avoided() -> None:
    """A known stay is taken before an unknown move, and the move before an impossible deadline."""
    on = surface({"a": [1, 90, 90], "b": [90, 1, 1]}, move_g=NAN)
    assert placed(problem(on, 3, interruption=RULES)) == (("b", 0, 3),)
    shut = surface({"a": [1, 90, 90], "b": [90, 1, 1]}, move_g=NAN, capacity={"a": [1, 0, 0], "b": [0, 1, 1]})
    assert placed(problem(shut, 3, interruption=RULES)) == (("a", 0, 1), ("b", 1, 3))


def test_windows_follow_the_same_rule() -> None:
    """The window in known slots, else the one with the least unknown time."""
    on = surface({"a": [NAN, 8, 9, NAN, NAN]})
    short, long = cheapest_window(problem(on, 2)), cheapest_window(problem(on, 3))
    assert short is not None
    assert long is not None
    assert stretches(on, short) == (("a", 1, 3),)
    assert stretches(on, long) == (("a", 0, 3),)


def test_nothing_known_is_still_placed() -> None:
    """No intensity at all: at once."""
    assert placed(problem(surface({"a": [NAN] * 4}), 2, interruption=RULES)) == (("a", 0, 2),)


def test_nothing_fits_stays_nothing() -> None:
    """Unknown slots add no room."""
    assert cheapest(problem(surface({"a": [NAN, 1]}), 3)) is None
