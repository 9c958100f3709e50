"""A forecast from history continues what repeats, lets an anomaly decay, and never sees the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.planning.forecasting.history import AHEAD_H, from_history
from scheduler.planning.forecasting.profile import profile
from tests.planning.forecast_worlds import Floats, usual_day, weather


def last(days: Floats, leads: int = AHEAD_H) -> Floats:
    """The forecast after the last day of one zone."""
    return np.asarray(from_history(days[None], days.shape[0], leads)[0][0, -1])


@pytest.mark.parametrize("count", [7, 28, 100])
def test_a_day_that_repeats_is_continued_exactly(count: int) -> None:
    """Whether or not there was anything to learn from."""
    days = np.tile(usual_day(), (count, 1))
    assert np.allclose(np.tile(usual_day(), 5), last(days, 120), atol=1e-8)


@pytest.mark.parametrize("count", [28, 70, 100])
def test_a_week_that_repeats_is_continued_exactly(count: int) -> None:
    """Four weeks show that the weekend is another matter."""
    week = usual_day() * np.array([1, 1, 1, 1, 1, 0.7, 0.6])[:, None]
    days = np.stack([week[day % 7] for day in range(count)])
    ahead = np.concatenate([week[(count + day) % 7] for day in range(9)])
    assert np.allclose(ahead, last(days, 9 * 24), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 50.0), st.sampled_from([10, 40, 75]))
def test_scaling_the_history_scales_the_forecast(seed: int, factor: float, count: int) -> None:
    """The unit that intensities are in does not matter."""
    days = weather(count, seed)
    assert np.allclose(factor * last(days), last(factor * days), rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(8, 74))
def test_what_comes_later_changes_no_earlier_forecast(seed: int, origin: int) -> None:
    """Forecasts at every origin are made from the days before it alone."""
    days = weather(75, seed)
    changed = days.copy()
    changed[origin:] = 999.0 - changed[origin:] / 2
    before = from_history(days[None], 7)[0][0, : origin - 6]
    assert np.array_equal(before, from_history(changed[None], 7)[0][0, : origin - 6])


def test_an_anomaly_decays_by_a_day_where_nothing_was_learnt() -> None:
    """By hand: 28 days of 100, and 156 in the last hour, so that its usual is 102 and its anomaly 54."""
    days = np.full((28, 24), 100.0)
    days[-1, -1] = 156.0
    expected = 100.0 + 54.0 * np.exp(-np.arange(1, 24) / 24)
    assert np.allclose(expected, last(days)[:23])
    assert np.isclose(102.0 + 54.0 * np.exp(-1.0), last(days)[23])


def test_how_fast_an_anomaly_decays_is_learnt() -> None:
    """Where weather lasts 100 h and not 24 h, the forecast lets it, and errs less than with the prior."""
    days = weather(400, seed=3, lasts_h=100.0)
    learnt, shape = from_history(days[None], 300)
    anomaly = shape.anomaly[0, :-2, -1, -1]
    priors = shape.ahead(24)[0, :-2] + anomaly[:, None] * np.exp(-np.arange(1, 25) / 24)
    came = days[300:-1]
    assert np.std(learnt[0, :-2, :24] - came) < 0.97 * np.std(priors - came)


def test_an_hour_that_no_day_knows_stays_a_gap() -> None:
    """A gap is not filled from the hours beside it."""
    days = weather(30)
    days[:, 5] = np.nan
    ahead = last(days)
    assert {5} == set(np.flatnonzero(np.isnan(ahead)) % 24)


def test_a_day_of_gaps_is_left_out_of_the_mean() -> None:
    """The usual day is that of the days that are known."""
    days = np.tile(usual_day(), (30, 1))
    days[10] = np.nan
    days[-1, 20:] = np.nan
    assert np.allclose(np.tile(usual_day(), 3), last(days))


def test_no_forecast_is_below_zero() -> None:
    """An anomaly far below a low usual day ends at 0."""
    days = np.full((28, 24), 10.0)
    days[:-1, -1] = 500.0
    days[-1, -1] = 0.0
    assert 0.0 == last(days).min()


def test_chance_makes_no_weekday() -> None:
    """Noise that is alike on all days leaves the week nearly as it is without one."""
    rng = np.random.default_rng(1)
    days = rng.normal(100.0, 10.0, (1, 56, 24))
    shape = profile(days, np.array([56]))
    assert np.abs(shape.week - shape.daily[:, :, None]).max() < 6.0


def test_zones_that_learn_together_keep_their_own_level() -> None:
    """What is shared is how errors behave, not what a zone emits."""
    clean, dirty = weather(80, 1) / 10, weather(80, 2) * 3
    both = from_history(np.stack([clean, dirty]), 80)[0][:, -1]
    assert np.allclose(both.mean(1), [20.0, 600.0], rtol=0.15)
