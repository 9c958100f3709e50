"""The intensity over a stretch, slot by slot, and what its gaps are priced at."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.errors import NotCovered
from scheduler.domain.estimate import Level
from scheduler.records.exposure import (
    AGAINST_COUNTERFACTUAL,
    AGAINST_REAL,
    Slots,
    intensity_at,
    month_start,
    next_month,
    series_of,
    slots,
)
from tests.records.cases import at, make_series

NAN = math.nan


def known_g(cut: Slots, level: Level = "central") -> float:
    """The integral over what is known. [g h/kWh]"""
    return float((cut.hours_h * cut.g_per_kwh[level])[cut.known].sum())


def estimated_g(cut: Slots, level: Level = "central") -> float:
    """The integral over the gaps. [g h/kWh]"""
    return float((cut.hours_h * cut.g_per_kwh[level])[~cut.known].sum())


def total_g(cut: Slots, level: Level = "central") -> float:
    """Both. [g h/kWh]"""
    return float(cut.hours_h @ cut.g_per_kwh[level])


def test_partial_hours_count_by_their_part() -> None:
    """Each interval weighs as long as the stretch lies in it."""
    cut = slots(make_series(values=[10, 20, 40]), at(0.25), at(2.5), gap_percentile=AGAINST_REAL)
    assert 0.75 * 10 + 1 * 20 + 0.5 * 40 == pytest.approx(total_g(cut), abs=1e-12)
    assert (2.25, 2.25) == (cut.edges_h[-1], cut.known_h)
    assert [0.0, 0.75, 1.75, 2.25] == cut.edges_h.tolist()


def test_an_empty_stretch_has_no_exposure() -> None:
    """Nothing times anything is nothing, in a gap too."""
    assert 0.0 == total_g(slots(make_series(values=[NAN]), at(0), at(0), gap_percentile=95))


@pytest.mark.parametrize(("percentile", "price"), [(AGAINST_REAL, 95.0), (AGAINST_COUNTERFACTUAL, 5.0)])
def test_a_gap_is_priced_against_the_tool(percentile: float, price: float) -> None:
    """High on the real side and low on the other: percentiles of what is known of the month."""
    series = make_series(values=[NAN, 0, 50, 100])
    cut = slots(series, at(0), at(2), gap_percentile=percentile)
    assert price == pytest.approx(estimated_g(cut))
    assert (0.0, 1.0, 2.0) == (known_g(cut), cut.known_h, cut.edges_h[-1])


def test_hours_before_and_after_the_series_are_gaps() -> None:
    """A table that ends too early prices the rest by what it knows."""
    cut = slots(make_series(values=[10, 10]), at(-1), at(4), gap_percentile=AGAINST_REAL)
    assert (2.0, 5.0, 30.0) == pytest.approx((cut.known_h, cut.edges_h[-1], estimated_g(cut)))


def test_each_gap_is_priced_by_its_own_month() -> None:
    """A run over New Year does not price January's gap by December."""
    start = datetime(2023, 12, 31, 22, tzinfo=UTC)
    series = make_series(values=[100, NAN, NAN, 7], start=start)
    cut = slots(series, start, series.end, gap_percentile=AGAINST_REAL)
    assert (107.0, 107.0) == pytest.approx((known_g(cut), estimated_g(cut)))


def test_a_month_of_which_nothing_is_known_takes_all_that_is() -> None:
    """Rather another month's percentile than nothing."""
    start = datetime(2023, 12, 31, 23, tzinfo=UTC)
    series = make_series(values=[80, NAN], start=start)
    cut = slots(series, at(-64 * 24), at(-64 * 24 + 1), gap_percentile=AGAINST_REAL)
    assert datetime(2024, 1, 1, tzinfo=UTC) == at(-64 * 24)
    assert 80.0 == estimated_g(cut)


def test_a_zone_of_which_nothing_is_known_is_an_error() -> None:
    """It is never priced at zero."""
    with pytest.raises(NotCovered, match="FR"):
        slots(make_series(values=[NAN, NAN]), at(0), at(1), gap_percentile=AGAINST_REAL)


def test_a_zone_that_is_not_there_is_an_error() -> None:
    """And so is a zone without any series."""
    with pytest.raises(NotCovered, match="CA-QC"):
        series_of({"FR": make_series()}, "CA-QC")


def test_the_intensity_of_an_instant_is_that_of_its_interval_or_the_gaps_price() -> None:
    """Transfers take it."""
    series = make_series(values=[10, NAN, 30])
    found = [intensity_at(series, at(hour), gap_percentile=100) for hour in (0, 0.99, 1, 2, 3)]
    assert [10.0, 10.0, 30.0, 30.0, 30.0] == found


def test_levels_move_every_price() -> None:
    """Low and high are the corners of the intensity, gaps included."""
    series = make_series(values=[100, NAN])
    cut = slots(series, at(0), at(2), gap_percentile=95)
    assert (170.0, 230.0) == pytest.approx((total_g(cut, "low"), total_g(cut, "high")))
    assert {"central"} == set(slots(series, at(0), at(2), gap_percentile=95, levels=("central",)).g_per_kwh)


def test_an_interval_whose_range_is_not_stated_takes_the_assumed_one() -> None:
    """A hole in the range is no hole in the intensity."""
    series = replace(make_series(values=[100, 100]), low=np.array([60, NAN]))
    cut = slots(series, at(0), at(2), gap_percentile=95)
    assert (60 + 85, 2.0) == pytest.approx((total_g(cut, "low"), cut.known_h))


def test_months_begin_and_end_where_the_calendar_says() -> None:
    """December is followed by January of the next year."""
    last = datetime(2023, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert (datetime(2023, 12, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)) == (
        month_start(last),
        next_month(last),
    )


@given(
    values=st.lists(st.floats(0, 1000) | st.just(NAN), min_size=1, max_size=30).filter(
        lambda found: not all(math.isnan(value) for value in found)
    ),
    cuts=st.tuples(st.floats(-5, 40), st.floats(-5, 40), st.floats(-5, 40)).map(sorted),
    percentile=st.sampled_from([5.0, 95.0]),
)
def test_exposure_is_additive_over_split_stretches(values: list[float], cuts: list[float], percentile: float) -> None:
    """A stretch is worth its two parts, gaps and all, and no more is known of it than its length."""
    series = make_series(values=values)
    start, middle, end = (at(cut) for cut in cuts)
    whole, first, last = (
        slots(series, a, b, gap_percentile=percentile) for a, b in ((start, end), (start, middle), (middle, end))
    )
    assert total_g(whole) == pytest.approx(total_g(first) + total_g(last), rel=1e-9, abs=1e-6)
    assert whole.known_h == pytest.approx(first.known_h + last.known_h, abs=1e-9)
    assert 0 <= whole.known_h <= whole.edges_h[-1]
    assert whole.hours_h.sum() == pytest.approx(whole.edges_h[-1])
