"""The forecast of a zone: whose each hour is, what it was made from, and what it says where little is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.basis import Basis
from scheduler.domain.errors import BasisMismatch, InvalidInput, NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.planning.forecasting.outlook import OWN, extended, forecast
from tests.planning.forecast_worlds import HOUR, T0, after, issue, observed, usual_day, weather

DAYS = 40
NOW = after(DAYS, 10.5)
"""Half past ten, so that ten hours of the day are known."""


def past(seed: int = 0) -> IntensitySeries:
    """Forty days and some hours that lie after `NOW`."""
    return observed(weather(DAYS + 5, seed))


def issues(count: int, hours: int = 48, off: float = 30.0) -> list[IntensitySeries]:
    """Daily issues at midnight, the last on the day of `NOW`, each off by the same amount."""
    values = weather(DAYS + 5).reshape(-1) + off
    found = []
    for age in range(count):
        made = 24 * (DAYS - age)
        found.append(issue(values[made : made + hours], after(hours=made)))
    return found


def test_a_zone_without_a_provider_has_hours_that_are_all_ours() -> None:
    """From the hour that now lies in, signed as ours, and said to be."""
    found = forecast(past(), NOW, after(DAYS + 2))
    assert after(DAYS, 10) == found.series.start
    assert after(DAYS + 2) == found.series.end
    assert found.extension.all()
    assert ("forecast", OWN, NOW) == (found.series.kind, found.series.source.name, found.series.issued_at)
    assert ("forecast by carbonsched from no more than 41 days of history: nothing learnt from it yet",) == (
        found.series.notes
    )


def test_a_provider_is_carried_on_past_its_end() -> None:
    """Which hours are ours is flagged, and stands in the pieces and the notes."""
    found = forecast(past(), NOW, after(DAYS + 3), issues=issues(20))
    assert [False] * 38 + [True] * 24 == found.extension.tolist()
    assert [("provider", after(DAYS, 10), after(DAYS + 2)), (OWN, after(DAYS + 2), after(DAYS + 3))] == [
        (piece.source.name, piece.start, piece.end) for piece in found.series.pieces
    ]
    assert after(DAYS) == found.series.pieces[0].issued_at
    assert "by them" == found.series.source.attribution
    assert any("for 24 of 62 h" in note for note in found.series.notes)


def test_the_bias_of_a_provider_goes() -> None:
    """An issue that is always 30 too high is as good as what comes, once its past is known."""
    came = weather(DAYS + 5).reshape(-1)[24 * DAYS + 10 : 24 * (DAYS + 2)]
    found = forecast(past(), NOW, after(DAYS + 2), issues=issues(20))
    assert 19 == found.issues
    assert np.allclose(came, found.series.g_per_kwh, atol=1e-6)
    assert any("corrected by 19 of its past issues" in note for note in found.series.notes)


@pytest.mark.parametrize(("count", "said"), [(1, "taken as issued"), (4, "by its mean error in 3 past issues alone")])
def test_a_provider_without_a_past_is_taken_as_it_is_and_that_is_said(count: int, said: str) -> None:
    """Nothing is known of its errors."""
    found = forecast(past(), NOW, after(DAYS + 1), issues=issues(count))
    assert count - 1 == found.issues
    assert any(said in note for note in found.series.notes)


def test_there_is_no_step_where_a_provider_ends() -> None:
    """Our hours begin at its level and come back to the usual day."""
    flat = observed(np.full(24 * (DAYS + 1), 100.0))
    found = forecast(flat, NOW, after(DAYS + 8), issues=[issue(np.full(24, 160.0), after(DAYS))])
    ours = found.series.g_per_kwh[found.extension]
    assert 100.0 + 60.0 * np.exp(-1 / 24) == pytest.approx(ours[0])
    assert 100.0 == pytest.approx(ours[-1], abs=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.booleans())
def test_what_lies_after_now_changes_nothing(seed: int, with_provider: bool) -> None:  # noqa: FBT001  # drawn
    """Neither observations nor issues from then on are looked at."""
    before = past(seed)
    changed = before.g_per_kwh.copy()
    changed[24 * DAYS + 10 :] = 5.0
    said = issues(3) if with_provider else []
    later = issue(np.full(48, 900.0), NOW + timedelta(minutes=1))
    one = forecast(before, NOW, after(DAYS + 3), issues=said)
    other = forecast(replace(before, g_per_kwh=changed), NOW, after(DAYS + 3), issues=[*said, later])
    assert np.array_equal(one.series.g_per_kwh, other.series.g_per_kwh)
    assert np.array_equal(one.errors, other.errors, equal_nan=True)


def test_scaling_everything_scales_the_forecast() -> None:
    """Provider and history in another unit."""
    one = forecast(past(), NOW, after(DAYS + 3), issues=issues(12))
    thrice = [replace(each, g_per_kwh=3 * each.g_per_kwh) for each in issues(12)]
    other = forecast(replace(past(), g_per_kwh=3 * past().g_per_kwh), NOW, after(DAYS + 3), issues=thrice)
    assert np.allclose(3 * one.series.g_per_kwh, other.series.g_per_kwh, rtol=1e-6)


def test_a_history_that_ends_early_is_carried_on_from_its_end() -> None:
    """A provider publishes some hours late: the last hour known counts, not an anomaly of none."""
    flat = np.full(24 * DAYS, 100.0)
    flat[-1] = 128.0
    ended = observed(flat)
    found = forecast(ended, after(DAYS, 3), after(DAYS + 1))
    assert 100.0 + 27.0 * np.exp(-4 / 24) == pytest.approx(found.series.g_per_kwh[0], abs=0.01)
    assert 21 == len(found.series)


def test_a_provider_that_issues_while_the_history_lags_is_still_corrected() -> None:
    """The hours between the last one known and its issue are ours, and none of them is wanted."""
    lagging = observed(weather(DAYS + 5)[: DAYS + 1].reshape(-1)[: 24 * DAYS - 3])
    came = weather(DAYS + 5).reshape(-1)[24 * DAYS : 24 * (DAYS + 2)]
    found = forecast(lagging, after(DAYS, 0.5), after(DAYS + 2), issues=issues(20))
    assert not found.extension.any()
    assert np.allclose(came, found.series.g_per_kwh, atol=1e-6)


def test_a_history_that_ended_days_ago_tells_the_usual_day_only() -> None:
    """Its last anomaly is gone."""
    flat = np.full(24 * DAYS, 100.0)
    flat[-1] = 128.0
    found = forecast(observed(flat), after(DAYS + 5), after(DAYS + 6))
    assert 100.0 == pytest.approx(found.series.g_per_kwh[0], abs=1e-6)


def test_an_issue_of_yesterday_still_counts() -> None:
    """Its later hours are today's; it is not taken for one that begins now."""
    values = weather(DAYS + 5).reshape(-1)
    old = issue(values[24 * (DAYS - 1) : 24 * (DAYS + 2)], after(DAYS - 1))
    found = forecast(past(), NOW, after(DAYS + 2), issues=[old])
    assert not found.extension.any()
    assert np.allclose(values[24 * DAYS + 10 : 24 * (DAYS + 2)], found.series.g_per_kwh)


def test_a_provider_alone_is_taken_where_there_is_no_history() -> None:
    """What lies past its end stays a gap."""
    nothing = observed(np.full(24, np.nan))
    found = forecast(nothing, after(DAYS), after(DAYS + 1), issues=[issue(np.full(12, 50.0), after(DAYS))])
    assert [50.0] * 12 == found.series.g_per_kwh[:12].tolist()
    assert np.isnan(found.series.g_per_kwh[12:]).all()


def test_a_gap_of_the_provider_is_ours_and_flagged() -> None:
    """It is not passed off as the provider's."""
    values = np.full(48, 150.0)
    values[20:23] = np.nan
    found = forecast(past(), after(DAYS), after(DAYS + 2), issues=[issue(values, after(DAYS))])
    assert [20, 21, 22] == np.flatnonzero(found.extension).tolist()
    assert np.isfinite(found.series.g_per_kwh).all()


def test_half_hours_are_taken_as_whole_ones() -> None:
    """Means of both halves; an hour with one half unknown is unknown."""
    halves = np.repeat(np.tile(usual_day(), 30), 2) + np.tile([-5.0, 5.0], 24 * 30)
    found = forecast(observed(halves, step=HOUR / 2), after(30), after(31))
    assert np.allclose(usual_day(), found.series.g_per_kwh)


@pytest.mark.parametrize("hours", [1, 5, 24, 100])
def test_a_short_past_is_used_and_said(hours: int) -> None:
    """Hours that no day has shown stay gaps."""
    values = np.tile(usual_day(), 5)[:hours]
    found = forecast(observed(values), after(hours=hours), after(hours=hours + 24))
    assert max(24 - hours, 0) == int(np.isnan(found.series.g_per_kwh).sum())
    assert "no full profile" in found.series.notes[0]


def test_nothing_known_is_no_forecast() -> None:
    """It says what to name; and there is nothing to extend."""
    nothing = observed(np.full(24, np.nan))
    with pytest.raises(NotCovered, match="nothing is known of FR"):
        forecast(nothing, after(1), after(2))
    assert extended(nothing, None, after(1), after(2)) is None


def test_extending_needs_no_time_of_issue() -> None:
    """A provider's forecast that does not say when it was made is taken as made now."""
    unsigned = replace(issue(np.full(24, 120.0), after(DAYS)), issued_at=None)
    found = extended(past(), unsigned, after(DAYS), after(DAYS + 2))
    assert found is not None
    assert [120.0] * 24 == found.g_per_kwh[:24].tolist()
    assert after(DAYS) + timedelta(days=2) == found.end


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"zone": "DE"}, InvalidInput), ({"basis": Basis(signal="marginal", flow="n/a")}, BasisMismatch)],
)
def test_another_zone_or_basis_is_refused(changes: dict[str, object], error: type[Exception]) -> None:
    """An average and a marginal intensity never meet, nor two zones."""
    other = replace(issue(np.ones(24), after(DAYS)), **changes)  # type: ignore[arg-type]  # fields by name
    with pytest.raises(error):
        forecast(past(), NOW, after(DAYS + 1), issues=[other])


@pytest.mark.parametrize("end", [NOW, T0])
def test_a_forecast_of_no_hours_is_refused(end: datetime) -> None:
    """Its end is not after now."""
    with pytest.raises(InvalidInput, match="has no hours"):
        forecast(past(), NOW, end)


def test_errors_are_those_of_past_forecasts_made_the_same_way() -> None:
    """One a day, the latest first; what has not come yet is unknown; days without an issue do not speak for it."""
    found = forecast(past(), NOW, after(DAYS + 2), issues=issues(12))
    assert 11 == found.errors.shape[0]
    assert 38 == found.errors.shape[1]
    assert [24, 38] == np.isfinite(found.errors[:2]).sum(1).tolist()
    alone = forecast(past(), NOW, after(DAYS + 2))
    assert alone.errors.shape[0] > 30
