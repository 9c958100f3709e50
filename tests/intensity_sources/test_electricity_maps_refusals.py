"""What Electricity Maps refuses: told by what it is, with what the plan reaches, and never with the key."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.electricity_maps import ElectricityMaps
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.errors import (
    NotCovered,
    SourceUnavailable,
    UnusableAnswer,
)
from scheduler.ports import PlanSource
from tests.intensity_sources.electricity_maps_answers import (
    BASE,
    CURRENT,
    HOUR,
    INVALID,
    KEY,
    NO_HEADER,
    NO_PLAN,
    NOW,
    Json,
    history,
    row,
    serve,
    serve_zones,
    setup,
    when,
)

DAY = timedelta(days=1)


@pytest.fixture
def source() -> ElectricityMaps:
    """The source with a key and no options."""
    return ElectricityMaps.connect(setup())


def test_zones_are_those_that_the_plan_reaches(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Asked for once an hour; of each it is known what is listed."""
    serve_zones(http)
    assert ("CA-QC", "FR") == source.zones()
    told: PlanSource = source
    assert ("carbon-intensity/latest", "carbon-intensity/history") == told.reaches("FR")
    assert ((), ("*",)) == (source.reaches("DK"), source.reaches("CA-QC"))
    assert 1 == len(http.calls)


def test_zones_are_asked_for_again_after_an_hour(http: responses.RequestsMock) -> None:
    """A plan may have changed."""
    given_setup = setup()
    source = ElectricityMaps.connect(given_setup)
    serve_zones(http)
    source.zones()
    given_setup.clock.sleep(HOUR)
    source.zones()
    assert 2 == len(http.calls)


@pytest.mark.parametrize("body", [INVALID, NO_HEADER])
def test_a_bad_key_is_told_as_one(source: ElectricityMaps, http: responses.RequestsMock, body: Json) -> None:
    """Once: no other way is tried with it."""
    serve(http, "latest", body, status=401)
    with pytest.raises(SourceUnavailable, match="does not know the key in ELECTRICITY_MAPS_TOKEN") as caught:
        source.series("FR", DEFAULT_BASIS, NOW, NOW + HOUR)
    assert not isinstance(caught.value, NotCovered)
    assert 1 == len(http.calls)


def test_a_plan_that_reaches_no_way_is_told_with_what_it_reaches(
    source: ElectricityMaps, http: responses.RequestsMock
) -> None:
    """Each way that fits is tried once, then the list of the service is quoted."""
    serve(http, "history", NO_PLAN, status=401)
    serve(http, "past-range", NO_PLAN, status=401, start=when(CURRENT - HOUR), end=when(CURRENT))
    serve_zones(http)
    with pytest.raises(NotCovered, match="does not reach carbon-intensity/history of FR") as caught:
        source.series("FR", DEFAULT_BASIS, CURRENT - HOUR, CURRENT)
    assert "lists for FR: carbon-intensity/latest, carbon-intensity/history" in caught.value.hint
    assert 3 == len(http.calls)


def test_the_plan_is_told_also_where_its_list_is_not_to_be_had(
    source: ElectricityMaps, http: responses.RequestsMock
) -> None:
    """Then the hint is the page of the plan."""
    serve(http, "forecast", NO_PLAN, status=401, horizonHours="6")
    http.get(f"{BASE}/zones", status=500)
    with pytest.raises(NotCovered, match="does not reach carbon-intensity/forecast of FR") as caught:
        source.forecast("FR", DEFAULT_BASIS, NOW, NOW + HOUR)
    assert "see the plan at https://portal.electricitymaps.com" == caught.value.hint


def test_a_range_out_of_the_plan_is_answered_as_far_as_history_goes(
    source: ElectricityMaps, http: responses.RequestsMock
) -> None:
    """It covers less, and says why."""
    start = CURRENT - 3 * DAY
    serve(http, "past-range", NO_PLAN, status=401, start=when(start), end=when(CURRENT))
    serve(http, "history", history())
    series = source.series("FR", DEFAULT_BASIS, start, CURRENT)
    assert (CURRENT - 23 * HOUR, CURRENT) == (series.start, series.end)
    assert any("does not reach carbon-intensity/past-range of FR" in note for note in series.notes)


def test_a_refusal_after_answers_is_no_matter_of_the_plan(
    source: ElectricityMaps, http: responses.RequestsMock
) -> None:
    """The service says the same where it was asked too often; no other way is tried then."""
    serve(http, "history", history())
    serve(http, "history", NO_PLAN, status=401)
    source.series("FR", DEFAULT_BASIS, CURRENT - HOUR, CURRENT)
    with pytest.raises(SourceUnavailable, match="which it answered before with this key") as caught:
        source.series("FR", DEFAULT_BASIS, CURRENT - HOUR, CURRENT)
    assert not isinstance(caught.value, NotCovered)
    assert "asked too often, or the plan has changed" in caught.value.hint
    assert 2 == len(http.calls)


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        ((401, {"error": "Rate limit exceeded"}), SourceUnavailable, "answered 401: Rate limit exceeded"),
        ((401, {"error": "something new"}), SourceUnavailable, "answered 401: something new"),
        ((403, {"error": "Token is invalid"}), SourceUnavailable, "does not know the key"),
        ((403, "Access denied"), SourceUnavailable, "answered 403: Access denied"),
        ((403, "<html>cloud front</html>"), SourceUnavailable, "answered 403: a web page"),
        ((400, {"status": "error", "message": "Zone 'FR' does not exist."}), NotCovered, "has no zone 'FR'"),
        ((404, {"status": "error", "message": "No data"}), NotCovered, "no data for FR: No data"),
        ((404, "<html>Cannot GET /v4/x</html>"), SourceUnavailable, "answered 404: a web page"),
        ((418, ""), SourceUnavailable, "answered 418: nothing"),
        ((200, "<html></html>"), UnusableAnswer, "a web page"),
        ((200, '{"zone": "FR", "carbonInt'), UnusableAnswer, "no whole JSON"),
        ((200, '{"zone": "FR", "carbonIntensity": NaN}'), UnusableAnswer, "no whole JSON"),
    ],
)
def test_each_refusal_is_told_as_what_it_is(
    source: ElectricityMaps,
    http: responses.RequestsMock,
    reply: tuple[int, Json],
    kind: type[SourceUnavailable],
    why: str,
) -> None:
    """By status and words together, after one request."""
    serve(http, "latest", reply[1], status=reply[0])
    with pytest.raises(SourceUnavailable) as caught:
        source.series("FR", DEFAULT_BASIS, NOW, NOW + HOUR)
    assert why in caught.value.message
    assert caught.value.hint
    assert (kind, 1) == (type(caught.value), len(http.calls))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_does_not_pass_in_time_is_told(source: ElectricityMaps, http: responses.RequestsMock, status: int) -> None:
    """After a few tries."""
    http.get(f"{BASE}/carbon-intensity/latest", status=status, json={"message": "later"})
    with pytest.raises(SourceUnavailable, match=f"answered {status}: later"):
        source.series("FR", DEFAULT_BASIS, NOW, NOW + HOUR)
    assert 4 == len(http.calls)


ECHOES = st.sampled_from(
    [
        lambda key: json.dumps({"error": f"bad key {key}", "message": key}),
        lambda key: json.dumps({"zone": key, "history": [], "temporalGranularity": "hourly"}),
        lambda key: json.dumps({"zone": "FR", "history": [row(CURRENT, datetime=key)]}),
        lambda key: json.dumps({"zone": "FR", "history": [row(CURRENT, emissionFactorType=key)]}),
        lambda key: json.dumps({"zone": "FR", "forecast": [row(CURRENT, updatedAt=key)], "temporalGranularity": key}),
        lambda key: json.dumps({"zone": "FR", "history": [row(CURRENT, updatedAt=key)]}),
        lambda key: json.dumps({key: {"access": key}}),
        lambda key: f"<html>{key}</html>",
        lambda key: f"key {key[:14]}",
        lambda key: key,
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    echo=ECHOES,
    status=st.sampled_from([200, 302, 400, 401, 403, 404, 418, 429, 500]),
    raised=st.none() | st.sampled_from([requests.ConnectionError, requests.ReadTimeout, requests.exceptions.SSLError]),
    ask=st.sampled_from(["series", "past", "forecast", "zones"]),
)
def test_the_key_is_in_no_error(echo: Json, status: int, raised: type[Exception] | None, ask: str) -> None:
    """Whatever the service or the library says of it, on every path."""
    source = ElectricityMaps.connect(setup())
    headers = {"Location": f"https://{KEY}/{KEY}", "Retry-After": "1"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        for path in ("carbon-intensity/history", "carbon-intensity/past-range", "carbon-intensity/forecast", "zones"):
            body = raised(f"https://host?key={KEY}") if raised else echo(KEY)
            http.get(f"{BASE}/{path}", status=status, body=body, headers=headers)
        asks = {
            "series": lambda: source.series("FR", DEFAULT_BASIS, CURRENT - HOUR, CURRENT),
            "past": lambda: source.series("FR", DEFAULT_BASIS, CURRENT - 3 * DAY, CURRENT),
            "forecast": lambda: source.forecast("FR", DEFAULT_BASIS, NOW, NOW + HOUR),
            "zones": source.zones,
        }
        try:
            asks[ask]()
        except SourceUnavailable as exc:
            error = exc
        else:
            return
    told = f"{error.message}{error.hint}{error!r}{error.__cause__!r}{error.__context__!r}"
    assert "marked" not in told.lower()
