"""Series as whole hours: exact means, gaps where any part is unknown, one issue a day."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.planning.forecasting.hourly import HOUR, days_before, hourly, issues_a_day, last_known
from tests.planning.forecast_worlds import T0, after, issue, observed


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([5, 15, 30, 45, 60, 180]),
    st.integers(-100, 100),
    st.lists(st.one_of(st.none(), st.floats(0, 900)), min_size=1, max_size=60),
)
def test_an_hour_is_its_mean_over_any_step(minutes: int, shift: int, values: list[float | None]) -> None:
    """As the series itself says it; an hour with an unknown part, or outside of it, is unknown."""
    known = np.array([np.nan if value is None else value for value in values])
    series = observed(known, start=T0 + timedelta(minutes=shift), step=timedelta(minutes=minutes))
    expected = [series.mean_over(after(hours=hour), after(hours=hour + 1)) for hour in range(-3, 9)]
    assert np.allclose(expected, hourly(series, after(hours=-3), 12), atol=1e-6, equal_nan=True)


@pytest.mark.parametrize(("minute", "hours"), [(0, 5), (59, 5), (0, 9)])
def test_the_last_hour_known_is_whole_and_over(minute: int, hours: int) -> None:
    """An hour that has not ended, or has no figure, is not known."""
    series = observed(np.array([1.0, 2, 3, 4, 5, np.nan]))
    assert after(hours=5) == last_known(series, after(hours=hours) + timedelta(minutes=minute))
    assert after(hours=3) == last_known(series, after(hours=3.5))
    assert last_known(series, T0) is None


def test_days_end_at_the_origin() -> None:
    """Filled up with unknown hours before the first, to a week at least."""
    days = days_before(observed(np.arange(30.0)), after(hours=30))
    assert (1, 7, 24) == days.shape
    assert np.arange(6.0, 30.0).tolist() == days[0, -1].tolist()
    assert 18 == int(np.isnan(days[0, -2]).sum())
    assert days_before(observed(np.ones(24 * 9)), after(9)).shape == (1, 9, 24)


def test_the_issue_nearest_to_the_hour_is_that_of_its_day() -> None:
    """One too far from it stands for no day; a day without one is unknown."""
    said = [
        issue(np.full(48, value), made) for value, made in ((1.0, after(1)), (2.0, after(1, 2)), (3.0, after(3, 6)))
    ]
    table = issues_a_day([*said, issue(np.full(48, 9.0), after(4, 1))], after(4, 1), after(6))
    assert (1, 4, 47) == table.shape
    assert [True, False, False, True] == np.isfinite(table[0, :, 0]).tolist()
    assert 1.0 == table[0, 0, 0]
    assert 9.0 == table[0, 3, 0]
    assert timedelta(hours=1) == HOUR
