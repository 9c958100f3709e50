"""The best placement in one piece, by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.problem.draft import Draft
from scheduler.problem.problem import Problem
from scheduler.problem.window import best_start, best_window
from tests.surfaces import problem, surface


def found(posed: Problem) -> tuple[int, float, float]:
    """Row, start and end of the best window, to a billionth."""
    draft = best_window(posed)
    assert draft is not None
    row, start_h, end_h = draft.stretches[0]
    return row, round(start_h, 9), round(end_h, 9)


def test_window_ends_on_an_edge_when_that_is_cheaper() -> None:
    """An hour and a half at 10, 1, 50: the half hour goes before the cheap slot, not behind."""
    posed = problem(surface({"a": [10, 1, 50]}), 1.5)
    assert found(posed) == (0, 0.5, 2.0)
    assert best_window(posed) == Draft(cost_g=6.0, stretches=((0, 0.5, 2.0),))


def test_window_keeps_earliest_start_and_deadline() -> None:
    """Neither lies on an edge; the best window touches the deadline."""
    posed = problem(surface({"a": [1, 9, 9, 2]}), 1, 3.4, earliest_h=0.3)
    assert found(posed) == (0, 0.3, 1.3)
    later = problem(surface({"a": [9, 9, 9, 2]}), 1, 3.4, earliest_h=0.3)
    assert found(later) == (0, 2.4, 3.4)


def test_window_fits_between_reservations() -> None:
    """Only the last two hours have room for an hour and a half."""
    posed = problem(surface({"a": [1, 1, 1, 9, 9]}, capacity={"a": [1, 0, 1, 1, 1]}), 1.5)
    assert found(posed) == (0, 2.0, 3.5)


def test_window_runs_faster_on_a_faster_cluster() -> None:
    """Twice the rate at three times the speed is cheaper."""
    assert found(problem(surface({"a": [10] * 4, "b": [20] * 4}, speed={"b": 3.0}), 3)) == (1, 0.0, 1.0)


def test_ties_go_to_the_earliest_finish_then_home_then_name() -> None:
    """Flat rates: at once, and at home; without a home by name."""
    on = surface({"z": [5] * 4, "b": [5] * 4, "a": [5] * 4})
    assert found(problem(on, 2, home=0)) == (0, 0.0, 2.0)
    assert found(problem(on, 2, home=None)) == (2, 0.0, 2.0)


def test_a_resume_pays_restart_hold_and_transfer() -> None:
    """Waiting on held nodes costs 3 an hour; elsewhere it is cheaper in spite of the transfer, or not."""
    rates = {"a": [9.0, 9.0, 1.0, 1.0], "b": [2.0] * 4}
    cheap = surface(rates, move_g=1.0, hold={"a": 3.0}, restart=0.5)
    draft = best_window(problem(cheap, 1, resumed_from=0))
    assert draft == Draft(cost_g=4.0, stretches=((1, 0.0, 1.5),))
    dear = surface(rates, move_g=7.0, hold={"a": 3.0}, restart=0.5)
    assert best_window(problem(dear, 1, resumed_from=0)) == Draft(cost_g=7.5, stretches=((0, 2.0, 3.5),))


def test_a_checkpoint_on_its_way_delays_the_start() -> None:
    """The transfer leaves at hour 0; a window may start when it arrives, edge or not."""
    on = surface({"a": [1] * 3, "b": [1] * 3}, move_h=0.7, capacity={"a": 0})
    assert found(problem(on, 1, resumed_from=0)) == (1, 0.7, 1.7)


def test_no_window_where_there_is_no_room_or_no_time() -> None:
    """Too wide, too long, or a deadline that has passed."""
    on = surface({"a": [1] * 3}, capacity={"a": 2})
    assert best_window(problem(on, 1, gpus=3)) is None
    assert best_window(problem(on, 3.1)) is None
    assert best_window(problem(on, 1, 0.0)) is None


def started(posed: Problem, *start_h: float) -> Draft | None:
    """The best of some starts on the first cluster."""
    return best_start(posed, np.zeros(len(start_h), dtype=np.int64), np.array(start_h))


def test_the_best_of_some_starts_is_priced_or_none_fits() -> None:
    """Those from which it does not fit do not count."""
    posed = problem(surface({"a": [4, 8, 8]}, capacity={"a": [1, 1, 0]}), 1)
    assert started(posed, 0.5, 0.75, 1.5) == Draft(cost_g=6.0, stretches=((0, 0.5, 1.5),))
    assert started(posed, 1.5) is None
    assert started(problem(posed.surface, 1, earliest_h=0.75), 0.5) is None
    assert started(problem(posed.surface, 1, 0.0), 0.5) is None
    assert started(posed) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=6, max_size=6), st.floats(0.2, 3.0))
def test_no_start_on_a_fine_raster_beats_the_window(rates: list[int], work_h: float) -> None:
    """Every minute tried."""
    posed = problem(surface({"a": [float(g) for g in rates]}), work_h)
    best = best_window(posed)
    tried = started(posed, *np.arange(0, 6 - work_h, 1 / 60))
    assert best is not None
    assert tried is not None
    assert best.cost_g <= tried.cost_g + 1e-9
