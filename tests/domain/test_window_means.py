"""A mean over a window by running sums is the mean by hand, and costs the same however long the window."""

from __future__ import annotations

import itertools
import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.errors import InvalidInput
from scheduler.domain.intensity import IntensitySeries, Provenance

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def series(values: list[float], step: timedelta) -> IntensitySeries:
    """Figures from midnight on."""
    return IntensitySeries(
        zone="FR", basis=DEFAULT_BASIS, start=T0, step=step, g_per_kwh=np.array(values), kind="observed",
        source=Provenance(name="a test"),
    )  # fmt: skip


def by_hand(said: IntensitySeries, start: datetime, end: datetime) -> float:
    """The mean, interval by interval."""
    if start < said.start or end > said.end:
        return math.nan
    borders = sorted(
        {start, end, *(b for i in range(len(said) + 1) if start < (b := said.start + i * said.step) < end)}
    )
    total = math.fsum((b - a).total_seconds() * said.at(a) for a, b in itertools.pairwise(borders))
    return total / (end - start).total_seconds()


@settings(max_examples=200)
@given(
    st.lists(st.one_of(st.floats(0, 2000), st.just(math.nan)), min_size=1, max_size=40),
    st.sampled_from([1, 5, 7, 15, 60]),
    st.integers(-30, 2400),
    st.integers(1, 2400),
)
def test_a_mean_is_the_mean_by_hand(values: list[float], step_min: int, first_min: int, length_min: int) -> None:
    """Parts of intervals, gaps and what lies outside included."""
    said = series(values, step_min * MINUTE)
    start = T0 + first_min * MINUTE + timedelta(seconds=7)
    end = start + length_min * MINUTE
    expected = by_hand(said, start, end)
    assert expected == pytest.approx(said.mean_over(start, end), rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_flat_series_has_its_own_value_as_every_mean() -> None:
    """To the last bit."""
    said = series([33.1] * 1000, 5 * MINUTE)
    assert {33.1} == {said.mean_over(T0 + i * MINUTE, T0 + (7 * i + 3) * MINUTE) for i in range(1, 300)}


def test_a_gap_matters_only_where_it_is() -> None:
    """A window that touches one is unknown, its neighbours are not."""
    said = series([10, math.nan, 30], timedelta(hours=1))
    hour = timedelta(hours=1)
    assert 10 == said.mean_over(T0, T0 + hour)
    assert 30 == said.mean_over(T0 + 2 * hour, T0 + 3 * hour)
    assert math.isnan(said.mean_over(T0 + hour / 2, T0 + hour + MINUTE))
    with pytest.raises(InvalidInput, match="is empty"):
        said.mean_over(T0, T0)


def test_after_the_first_a_mean_costs_the_same_however_long_it_is() -> None:
    """A year of five-minute figures: a thousand means of most of it in less than the first one takes by hand."""
    said = series([float(i % 97) for i in range(105_120)], 5 * MINUTE)
    said.mean_over(said.start, said.end)
    began = time.perf_counter()
    for i in range(1000):
        said.mean_over(T0 + i * MINUTE, said.end - i * MINUTE)
    assert time.perf_counter() - began < 0.5
