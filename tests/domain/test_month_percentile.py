"""What a gap of an intensity is priced at: a percentile of its month."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from tests.records.cases import at, make_series

NAN = math.nan
NEW_YEAR = datetime(2023, 12, 31, 22, tzinfo=UTC)


def test_it_is_of_the_month_alone() -> None:
    """Two hours of December, three of January."""
    series = make_series(values=[10, 20, 100, NAN, 300], start=NEW_YEAR)
    assert 20.0 == series.month_percentile(NEW_YEAR, 100, "central")
    assert 200.0 == series.month_percentile(datetime(2024, 1, 31, tzinfo=UTC), 50, "central")


def test_a_month_of_which_nothing_is_known_takes_all() -> None:
    """Rather another month than nothing; of nothing at all there is none."""
    series = make_series(values=[10, 30], start=NEW_YEAR)
    assert 20.0 == series.month_percentile(at(0), 50, "central")
    assert math.isnan(make_series(values=[NAN]).month_percentile(at(0), 50, "central"))


def test_it_is_taken_at_the_end_of_the_range_that_is_asked_for() -> None:
    """Fifteen percent either way where the source states none; asked twice it is the same."""
    series = make_series(values=[100])
    for _ in range(2):
        found = [series.month_percentile(at(0), 95, level) for level in ("low", "central", "high")]
        assert [85.0, 100.0, 115.0] == pytest.approx(found)


def test_part_of_a_series_is_as_in_the_whole() -> None:
    """At each end of its range."""
    series = make_series(values=[10, 20, 30, 40])
    for level in ("low", "central", "high"):
        assert series.at_level(level)[1:3].tolist() == series.at_level(level, slice(1, 3)).tolist()
