"""Great Britain: half-hours observed and forecast, from an API that answers errors with success."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from responses.matchers import query_param_matcher

from intensity_sources.readings import MOST_G_PER_KWH
from intensity_sources.uk_carbon_intensity import BASIS, UkCarbonIntensity, parse_intensities
from scheduler.domain.errors import InvalidInput, NotCovered, SourceUnavailable
from scheduler.domain.intensity import IntensitySeries
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

API = "https://api.carbonintensity.org.uk"
HALF = timedelta(minutes=30)
NO_QUERY = query_param_matcher({}, strict_match=True)


def at(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = at("2026-03-10T12:20")


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """The Internet, where each answer that was prepared must be asked for, and nothing else may be."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def source() -> UkCarbonIntensity:
    """The source, at noon."""
    return UkCarbonIntensity.connect(SourceSetup(options={}, secret=lambda _: None, clock=FakeClock(NOW)))


def slot(start: str, *, actual: object = None, forecast: object = None) -> dict[str, object]:
    """A half-hour as the API writes it, without seconds."""
    begin = at(start)
    return {
        "from": f"{begin:%Y-%m-%dT%H:%MZ}",
        "to": f"{begin + HALF:%Y-%m-%dT%H:%MZ}",
        "intensity": {"forecast": forecast, "actual": actual, "index": "low"},
    }


def known(series: IntensitySeries) -> list[float | None]:
    """The figures, None in a gap."""
    return [None if math.isnan(value) else float(value) for value in series.g_per_kwh]


def test_what_was_observed_comes_without_what_lies_around(wire: responses.RequestsMock) -> None:
    """The half-hour before, which the API begins with, and those without an actual yet are left out."""
    rows = [
        slot("2026-03-10T09:30", actual=1, forecast=90),
        slot("2026-03-10T10:00", actual=0, forecast=91),
        slot("2026-03-10T10:30", actual=None, forecast=92),
        slot("2026-03-10T11:00", actual=31, forecast=93),
        slot("2026-03-10T12:00", actual=None, forecast=94),
    ]
    wire.get(f"{API}/intensity/2026-03-10T10:00Z/2026-03-10T13:00Z", json={"data": rows}, match=[NO_QUERY])
    series = source().series("GB", BASIS, at("2026-03-10T10:10"), at("2026-03-10T13:00"))
    assert [0.0, None, 31.0] == known(series)
    assert (at("2026-03-10T10:00"), HALF, "observed", NOW) == (
        series.start,
        series.step,
        series.kind,
        series.retrieved_at,
    )
    assert ("CC BY 4.0", True) == (series.source.licence, "NESO" in series.source.attribution)


def test_it_says_what_its_figures_mean() -> None:
    """Direct, with imports and losses, CO2 alone; that biomass is counted otherwise is said."""
    assert "average direct consumption CO2" == str(UkCarbonIntensity.card.bases[0])
    assert "biomass 120" in BASIS.factor_set
    assert "included" in BASIS.losses


def test_a_long_interval_is_asked_for_by_fortnights(wire: responses.RequestsMock) -> None:
    """Thirty days are three requests, and what two of them hold of one half-hour is one."""
    for first, last in (
        ("2026-02-01T00:00Z", "2026-02-15T00:00Z"),
        ("2026-02-15T00:00Z", "2026-03-01T00:00Z"),
        ("2026-03-01T00:00Z", "2026-03-03T00:00Z"),
    ):
        rows = [slot(f"{first[:10]}T00:00", actual=7), slot(f"{last[:10]}T00:00", actual=7)]
        wire.get(f"{API}/intensity/{first}/{last}", json={"data": rows}, match=[NO_QUERY])
    series = source().series("GB", BASIS, at("2026-02-01"), at("2026-03-03"))
    assert (7.0, 7.0, 3) == (
        series.at(at("2026-02-15")),
        series.at(at("2026-03-01")),
        sum(value is not None for value in known(series)),
    )


def test_two_figures_for_one_half_hour_leave_a_gap_and_a_note(wire: responses.RequestsMock) -> None:
    """As on the evening of 2021-04-19: nobody can tell which is right."""
    rows = [
        slot("2021-04-19T18:30", actual=10),
        slot("2021-04-19T19:00", actual=11),
        slot("2021-04-19T19:00", actual=12),
        slot("2021-04-19T19:30", actual=13),
    ]
    wire.get(f"{API}/intensity/2021-04-19T18:30Z/2021-04-19T20:00Z", json={"data": rows})
    series = source().series("GB", BASIS, at("2021-04-19T18:30"), at("2021-04-19T20:00"))
    assert [10.0, None, 13.0] == known(series)
    assert any("twice" in note for note in series.notes)


@pytest.mark.parametrize(("hours", "path"), [(1, "fw24h"), (24, "fw48h"), (23, "fw24h"), (90, "fw48h")])
def test_a_forecast_is_as_long_as_needed(wire: responses.RequestsMock, hours: int, path: str) -> None:
    """From the current half-hour on, a day or two; what is further away is not there."""
    rows = [
        slot("2026-03-10T11:30", forecast=1),
        slot("2026-03-10T12:00", forecast=20),
        slot("2026-03-10T12:30", forecast=21),
    ]
    wire.get(f"{API}/intensity/2026-03-10T12:00Z/{path}", json={"data": rows}, match=[NO_QUERY])
    series = source().forecast("GB", BASIS, at("2026-03-10T08:00"), NOW + timedelta(hours=hours))
    assert ([20.0, 21.0], at("2026-03-10T12:00"), "forecast") == (known(series), series.start, series.kind)
    assert (NOW, NOW) == (series.issued_at, series.retrieved_at)


def test_a_forecast_from_tomorrow_begins_tomorrow(wire: responses.RequestsMock) -> None:
    """The question is about those hours alone."""
    wire.get(f"{API}/intensity/2026-03-11T06:00Z/fw24h", json={"data": [slot("2026-03-11T06:00", forecast=5)]})
    assert [5.0] == known(source().forecast("GB", BASIS, at("2026-03-11T06:00"), at("2026-03-11T08:00")))


def test_a_forecast_of_the_past_asks_nobody() -> None:
    """What has passed was observed."""
    with pytest.raises(NotCovered, match="passed") as caught:
        source().forecast("GB", BASIS, NOW - timedelta(hours=5), NOW - timedelta(hours=2))
    assert "series" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            200,
            {"error": {"code": "400 Bad Request", "message": "Please enter a valid path e.g. /intensity/"}},
            "valid path",
        ),
        (400, {"error": {"code": "400 Bad Request", "message": "Please enter a valid datetime"}}, "valid datetime"),
        (
            500,
            {"error": {"code": "500 Internal Server Error", "message": "Requested resource not found."}},
            "not found",
        ),
        (200, {"error": "gone"}, "gone"),
        (200, {"data": {"from": "2026-03-10T10:00Z"}}, "no list"),
        (200, {"data": [{"regionid": 3, "data": []}]}, "start of a row"),
        (200, {"data": [slot("2026-03-10T10:00") | {"to": "2026-03-10T11:00Z"}]}, "no half-hour"),
        (200, {"data": [slot("2026-03-10T10:00") | {"intensity": None}]}, "no object"),
    ],
)
def test_an_error_is_told_in_its_words(wire: responses.RequestsMock, status: int, body: object, words: str) -> None:
    """Whatever status it comes with, and where the answer is none."""
    wire.get(f"{API}/intensity/2026-03-10T10:00Z/2026-03-10T11:00Z", json=body, status=status)
    with pytest.raises(SourceUnavailable, match=words) as caught:
        source().series("GB", BASIS, at("2026-03-10T10:00"), at("2026-03-10T11:00"))
    assert caught.value.message.startswith("uk-carbon-intensity")
    assert caught.value.hint


def test_an_address_that_is_none_is_refused() -> None:
    """An option that cannot be meant is said when it is connected."""
    setup = SourceSetup(options={"base_url": "carbonintensity"}, secret=lambda _: None, clock=FakeClock(NOW))
    with pytest.raises(InvalidInput, match="no address"):
        UkCarbonIntensity.connect(setup)


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)


@settings(max_examples=200)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "from": st.just("2026-03-10T10:00Z") | cells,
                "to": st.just("2026-03-10T10:30Z") | cells,
                "intensity": st.fixed_dictionaries({"actual": cells}) | cells,
            }
        ),
        max_size=4,
    )
)
def test_whatever_the_rows_hold_the_figures_can_be(rows: list[dict[str, object]]) -> None:
    """A figure that cannot be, or an error of this tool's own: nothing else comes of odd rows."""
    try:
        found = parse_intensities({"data": rows}, "actual")
    except SourceUnavailable:
        return
    assert all(math.isnan(one.g_per_kwh) or 0 <= one.g_per_kwh <= MOST_G_PER_KWH for one in found)


@settings(max_examples=100)
@given(
    figures=st.dictionaries(st.integers(0, 60), st.none() | st.integers(0, 900), min_size=1),
    order=st.randoms(use_true_random=False),
)
def test_order_and_repetition_change_nothing(figures: dict[int, int | None], order: object) -> None:
    """The same half-hours in any order, and twice, are the same readings."""
    assert hasattr(order, "shuffle")
    start = at("2026-03-01")
    rows = [slot((start + HALF * i).replace(tzinfo=None).isoformat(), actual=value) for i, value in figures.items()] * 2
    order.shuffle(rows)
    found = {one.start: one.g_per_kwh for one in parse_intensities({"data": rows}, "actual")}
    assert {start + HALF * i for i in figures} == found.keys()
    assert all(found[start + HALF * i] == value for i, value in figures.items() if value is not None)
