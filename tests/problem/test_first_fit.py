"""The grid of a problem, and the first start that each cluster has room for, against what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from scheduler.problem.blind import without_forecast
from scheduler.problem.grid import grid
from scheduler.problem.narrow import alone
from scheduler.problem.problem import Problem
from scheduler.problem.window import best_window, first_fit_h
from tests.problem.strategies import small_problems
from tests.surfaces import problem, surface


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_the_first_start_is_that_of_each_cluster_alone_without_rates(posed: Problem) -> None:
    """With nothing to wait for, the best window of one cluster is the first that it has room for."""
    rows = range(len(posed.surface.clusters))
    windows = [best_window(alone(without_forecast(posed), row)) for row in rows]

    expected = [np.inf if window is None else window.stretches[0][1] for window in windows]

    assert expected == pytest.approx(first_fit_h(posed, grid(posed)).tolist(), abs=1e-9)


def test_without_time_nothing_starts() -> None:
    """A deadline that has passed leaves no grid, and no start on any cluster."""
    late = problem(surface({"a": [1.0], "b": [1.0]}), 1, 0.0)

    assert [np.inf, np.inf] == first_fit_h(late, grid(late)).tolist()


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_the_borders_of_a_grid_are_the_edges_the_earliest_start_and_the_deadline(posed: Problem) -> None:
    """Used whole or cut, each piece has the room and the rates of the slot that it lies in."""
    on, edges_h = grid(posed), posed.surface.edges_h
    assert on is not None
    inner = [hour for hour in (posed.earliest_h, *edges_h) if 0 < hour < posed.deadline_h - 1e-9]
    borders = sorted({0.0, posed.deadline_h, *inner})

    assert borders == pytest.approx(on.t_h.tolist(), abs=1e-9)
    middles = np.add(borders[:-1], borders[1:]) / 2
    slots = [int(np.flatnonzero(edges_h <= middle)[-1]) for middle in middles]
    room = posed.surface.capacity[:, slots] >= posed.gpus
    rate = np.where(room, posed.run_rate[:, slots], 0.0) * posed.gpus
    area = np.cumsum(rate * np.diff(borders), axis=1)
    assert (slots, room.tolist()) == (on.slot.tolist(), on.room.tolist())
    assert rate.tolist() == on.run_rate.tolist()
    assert area.ravel().tolist() == pytest.approx(on.run_g[:, 1:].ravel().tolist(), abs=1e-9)
    for row, start in np.ndindex(room.shape):
        until = next((n for n in range(start, room.shape[1]) if not room[row, n]), room.shape[1])
        assert until == on.room_to[row, start]
