"""What may come instead of a forecast: whole past errors, zones together, the same with the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.planning.forecasting.deviations import deviations
from scheduler.planning.forecasting.outlook import Outlook, forecast
from scheduler.planning.forecasting.scenarios import FEWEST_PATHS, band, scenarios, skill
from tests.planning.forecast_worlds import Floats, after, observed, usual_day, weather

DAYS = 60


def outlook(days: Floats, zone: str = "FR", hours: int = 30) -> Outlook:
    """The forecast after all of them."""
    return forecast(observed(days, zone), after(len(days)), after(len(days), hours))


def opposed() -> dict[str, Outlook]:
    """Two zones of which one has more wind whenever the other has less."""
    days = weather(DAYS)
    beside = days - usual_day()
    return {"FR": outlook(days), "DE": outlook(usual_day() - beside + 150.0, "DE")}


def test_a_path_is_one_past_error_from_its_first_hour_to_its_last() -> None:
    """No path is put together hour by hour."""
    found = outlook(weather(DAYS))
    paths = scenarios({"FR": found}, 50, 1)["FR"]
    errors = found.errors[np.isfinite(found.errors).all(1)]
    possible = np.maximum(found.series.g_per_kwh + errors, 0.0)
    assert all(np.isclose(possible, path).all(1).any() for path in paths)


def test_the_same_seed_gives_the_same_paths() -> None:
    """And another one others."""
    found = {"FR": outlook(weather(DAYS))}
    one, again, other = (scenarios(found, 20, seed)["FR"] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_zones_keep_the_sign_of_their_covariance() -> None:
    """Where one is above its forecast the other is below, hour by hour."""
    found = opposed()
    paths = scenarios(found, 200, 1)
    beside = [(paths[zone] - found[zone].series.g_per_kwh)[:, 5] for zone in ("FR", "DE")]
    assert np.corrcoef(beside[0], beside[1])[0, 1] < -0.9


def test_hours_beside_each_other_err_together() -> None:
    """Weather lasts; independent quantiles would say that it does not."""
    found = outlook(weather(DAYS))
    beside = scenarios({"FR": found}, 200, 1)["FR"] - found.series.g_per_kwh
    assert np.corrcoef(beside[:, 10], beside[:, 12])[0, 1] > 0.5


def test_too_few_past_errors_make_no_band() -> None:
    """Two weeks of whole paths are the least."""
    assert {} == scenarios({"FR": outlook(weather(FEWEST_PATHS + 7))}, 10, 1)
    assert {} == scenarios({}, 10, 1)
    assert deviations({"FR": outlook(weather(10))}, seed=1) is None


def test_no_path_is_below_zero() -> None:
    """Whatever the error."""
    found = outlook(np.maximum(weather(DAYS, spread=60.0) - 100.0, 0.0))
    assert scenarios({"FR": found}, 100, 1)["FR"].min() >= 0.0


def test_the_band_lies_around_the_middle() -> None:
    """Quantiles in order, and of nine in ten paths."""
    paths = scenarios({"FR": outlook(weather(DAYS))}, 400, 1)["FR"]
    low, middle, high = band(paths)
    assert ((low <= middle) & (middle <= high)).all()
    assert 0.9 == pytest.approx(((paths >= low) & (paths <= high)).mean(), abs=0.03)


def test_deviations_are_paths_less_the_forecast() -> None:
    """Hours that nobody forecasts deviate by nothing."""
    days = weather(DAYS)
    days[:, 7] = np.nan
    found = {"FR": outlook(days)}
    beside = deviations(found, seed=4, count=10)
    assert beside is not None
    assert found["FR"].series.start == beside.start
    assert 0.0 == np.abs(beside.g_per_kwh["FR"][:, 7]).max()
    expected = scenarios(found, 10, 4)["FR"] - found["FR"].series.g_per_kwh
    assert np.allclose(np.nan_to_num(expected), beside.g_per_kwh["FR"])


def test_skill_is_how_much_smaller_errors_were_than_those_of_persistence() -> None:
    """Weather that returns to the usual is forecast better than by yesterday, at every lead that was asked."""
    found = skill(outlook(weather(DAYS + 60, lasts_h=6.0), hours=60))
    assert [(0, 6), (6, 12), (12, 24), (24, 48), (48, 60)] == [(each.from_h, each.to_h) for each in found]
    assert all((each.skill_pct or 0.0) > 10.0 for each in found[1:])
    assert all(each.origins > 60 for each in found)


def test_a_guess_without_error_has_no_skill_beside_it() -> None:
    """Nothing can do better than persistence where every day is the same."""
    found = skill(outlook(np.tile(usual_day(), (DAYS, 1))))
    assert found[0].skill_pct is None


def test_no_past_forecast_has_no_skill() -> None:
    """A week of history has no origins to show."""
    assert () == skill(outlook(weather(7)))
