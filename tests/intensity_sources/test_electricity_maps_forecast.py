"""Forecasts of Electricity Maps: how far they are asked for, and what comes of the answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
import responses

from intensity_sources.electricity_maps import ElectricityMaps
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.errors import (
    NotCovered,
    SourceUnavailable,
)
from tests.intensity_sources.electricity_maps_answers import (
    CURRENT,
    HOUR,
    NOW,
    figure,
    forecast,
    serve,
    setup,
)

DAY = timedelta(days=1)


@pytest.fixture
def source() -> ElectricityMaps:
    """The source with a key and no options."""
    return ElectricityMaps.connect(setup())


def test_a_forecast_is_asked_for_as_far_as_it_is_needed(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """The shortest of the four lengths that reaches; it says when it was issued."""
    for length_h, horizon_h in ((4, 6), (6, 6), (7, 24), (30, 48), (49, 72)):
        serve(http, "forecast", forecast(horizon_h), horizonHours=str(horizon_h))
        series = source.forecast("FR", DEFAULT_BASIS, NOW, CURRENT + length_h * HOUR)
        assert ("forecast", CURRENT, length_h) == (series.kind, series.start, len(series))
        assert [figure(CURRENT + i * HOUR) for i in range(length_h)] == series.g_per_kwh.tolist()
        assert (NOW - timedelta(minutes=15), NOW) == (series.issued_at, series.retrieved_at)
        http.reset()


def test_beyond_its_horizon_a_forecast_ends(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Nothing is made up, however far one asks."""
    serve(http, "forecast", forecast(72), horizonHours="72")
    assert CURRENT + 73 * HOUR == source.forecast("FR", DEFAULT_BASIS, NOW, NOW + 30 * DAY).end


def test_a_shorter_forecast_than_asked_for_is_what_it_is(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """A service that passes over the length."""
    serve(http, "forecast", forecast(24), horizonHours="72")
    assert CURRENT + 25 * HOUR == source.forecast("FR", DEFAULT_BASIS, NOW, NOW + 3 * DAY).end


def test_a_length_that_is_not_taken_gives_way_to_the_usual_one(
    source: ElectricityMaps, http: responses.RequestsMock
) -> None:
    """A day, which it gives without being asked."""
    serve(http, "forecast", {"status": "error", "message": "horizonHours"}, status=400, horizonHours="72")
    serve(http, "forecast", forecast(24), horizonHours="24")
    assert CURRENT + 25 * HOUR == source.forecast("FR", DEFAULT_BASIS, NOW, NOW + 3 * DAY).end


def test_a_day_that_is_not_taken_is_told(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """There is no other length to try."""
    serve(http, "forecast", {"status": "error", "message": "no"}, status=400, horizonHours="24")
    with pytest.raises(SourceUnavailable, match="answered 400: no"):
        source.forecast("FR", DEFAULT_BASIS, NOW, NOW + 20 * HOUR)


@pytest.mark.parametrize("updated", ["2026-03-10T12:25:00.000Z", None])
def test_a_forecast_is_never_of_later_than_it_was_fetched(
    source: ElectricityMaps, http: responses.RequestsMock, updated: str | None
) -> None:
    """A clock that is ahead, or no word of its issue, which is noted."""
    serve(http, "forecast", forecast(6, updatedAt=updated), horizonHours="6")
    series = source.forecast("FR", DEFAULT_BASIS, NOW, NOW + HOUR)
    assert NOW == series.issued_at
    assert (updated is None) == any("does not say when it issued" in note for note in series.notes)


def test_hours_gone_by_are_not_forecast(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Nobody is asked; rows before the start that was asked for are cut off."""
    with pytest.raises(NotCovered, match="no forecast of FR before 2026-03-10T12:00:00Z"):
        source.forecast("FR", DEFAULT_BASIS, NOW - DAY, CURRENT)
    assert 0 == len(http.calls)
    serve(http, "forecast", forecast(6), horizonHours="6")
    assert CURRENT + 3 * HOUR == source.forecast("FR", DEFAULT_BASIS, CURRENT + 3 * HOUR, CURRENT + 4 * HOUR).start
