"""A provider's issues: their bias goes, nothing is learnt from what was not known, and a gap stays one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.planning.forecasting.issue_features import without_bias
from scheduler.planning.forecasting.issues import corrected, outcomes_of, with_errors_since
from tests.planning.forecast_worlds import Floats, weather

FIRST = 20
COUNT = 16
LEADS = 72


def world(seed: int = 0, noise: float = 5.0) -> tuple[Floats, Floats]:
    """A zone's days, and issues of what will come with some noise that grows with the lead."""
    days = weather(FIRST + COUNT + 3, seed)[None]
    came = outcomes_of(days, FIRST, COUNT, LEADS)
    drift = np.random.default_rng(seed).normal(0, noise, (1, COUNT, 1)) * np.arange(LEADS) / LEADS
    return days, came + drift


def test_a_constant_bias_is_removed() -> None:
    """An issue that is always 30 g/kWh too high is right once an outcome at that lead is known."""
    days, _ = world()
    came = outcomes_of(days, FIRST, COUNT, LEADS)
    assert np.allclose(came[:, 3:], corrected(days, came + 30.0, FIRST)[:, 3:], atol=1e-6)


def test_a_bias_that_differs_by_lead_is_removed() -> None:
    """Each lead has its own."""
    days, _ = world()
    came = outcomes_of(days, FIRST, COUNT, LEADS)
    wrong = np.maximum(came + np.linspace(-40, 60, LEADS), 0.0)
    assert np.allclose(came[:, 3:], corrected(days, wrong, FIRST)[:, 3:], atol=1e-6)


def test_the_first_issue_is_taken_as_it_is() -> None:
    """Nothing was known of the provider."""
    days, issued = world()
    assert np.allclose(np.maximum(issued[:, 0], 0.0), corrected(days, issued, FIRST)[:, 0])


def test_the_mean_error_by_hand() -> None:
    """Lead 0 of the third issue knows two outcomes, lead 24 one, lead 48 none."""
    outcomes, issued = np.full((1, 3, 49), 10.0), np.full((1, 3, 49), 10.0)
    issued[0, 0, [0, 24, 48]] += [4.0, 6.0, 8.0]
    issued[0, 1, [0, 24, 48]] += [2.0, 3.0, 5.0]
    assert [7.0, 4.0, 10.0] == without_bias(outcomes, issued)[0, 2, [0, 24, 48]].tolist()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 500), st.integers(1, COUNT - 1))
def test_what_comes_later_changes_no_earlier_issue(seed: int, at: int) -> None:
    """Days from an issue on, and the issues after it, teach it nothing."""
    days, issued = world(seed)
    changed_days, changed = days.copy(), issued.copy()
    changed_days[:, FIRST + at :] = 700.0 - changed_days[:, FIRST + at :] / 3
    changed[:, at + 1 :] = 400.0
    before = corrected(days, issued, FIRST)[:, : at + 1]
    assert np.array_equal(before, corrected(changed_days, changed, FIRST)[:, : at + 1])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 500), st.integers(1, 23), st.integers(1, COUNT - 1))
def test_the_error_since_an_issue_knows_no_later_hour(seed: int, hours: int, at: int) -> None:
    """What comes more than so many hours after an issue does not move it."""
    days, issued = world(seed)
    later = days.reshape(1, -1).copy()
    later[:, 24 * (FIRST + at) + hours :] = 700.0
    before = with_errors_since(days, issued, FIRST, hours)[:, : at + 1]
    assert np.array_equal(before, with_errors_since(later.reshape(days.shape), issued, FIRST, hours)[:, : at + 1])


def test_an_error_that_lasts_is_carried_on() -> None:
    """Issues that are off by one amount all day are moved by nearly that once it is seen."""
    days = np.full((1, FIRST + 80, 24), 200.0)
    off = np.random.default_rng(1).normal(0, 30.0, 80)
    moved = with_errors_since(days, np.full((1, 80, LEADS), 200.0) + off[:, None], FIRST, 6)
    assert np.abs(moved[0, 60:, :42] - 200.0).mean() < 0.5 * np.abs(off[60:]).mean()


def test_a_missing_issue_stays_missing_and_spoils_no_other() -> None:
    """The one after it is still corrected, near what it is with it."""
    days, issued = world()
    holed = issued.copy()
    holed[:, 12] = np.nan
    fixed = corrected(days, holed, FIRST)
    assert np.isnan(fixed[:, 12]).all()
    assert np.isfinite(fixed[:, 13:]).all()
    assert np.array_equal(corrected(days, issued, FIRST)[:, :12], fixed[:, :12])


def test_unknown_outcomes_are_no_errors() -> None:
    """Days without observations teach nothing, and break nothing."""
    days, issued = world()
    days[:, FIRST:] = np.nan
    assert np.allclose(np.maximum(issued, 0.0), corrected(days, issued, FIRST))


@pytest.mark.parametrize("leads", [1, 6, 24, 25, 49, 96])
def test_issues_of_any_length_are_corrected(leads: int) -> None:
    """Under a day by their bias alone; beyond three days too."""
    days, _ = world()
    days = np.concatenate([days, days[:, :1]], axis=1)
    came = outcomes_of(days, FIRST, COUNT, leads)
    assert np.allclose(came[:, 4:], corrected(days, came + 12.0, FIRST)[:, 4:], atol=1e-6)


def test_a_correction_beats_the_issues_it_corrects() -> None:
    """A provider who halves every anomaly is found out."""
    days = weather(FIRST + 50 + 3, 5, spread=40.0)[None]
    came = outcomes_of(days, FIRST, 50, LEADS)
    usual = days.mean(1)[:, None, np.arange(LEADS) % 24]
    issued = usual + 0.5 * (came - usual) + 25.0
    plain = without_bias(came, issued)
    ours = corrected(days, issued, FIRST)
    assert np.std((ours - came)[:, 30:]) < 0.7 * np.std((plain - came)[:, 30:])
