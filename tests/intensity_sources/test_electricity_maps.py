"""Electricity Maps as a source: which requests it makes, and what series or refusal comes of the answers."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from responses import matchers

from intensity_sources.electricity_maps import ElectricityMaps
from intensity_sources.registry import find_sources
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import (
    CredentialMissing,
    InvalidInput,
    NotCovered,
    SourceUnavailable,
    UnknownName,
    UnusableAnswer,
)
from scheduler.ports import ForecastSource, PlanSource
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
    figure,
    forecast,
    history,
    latest,
    ranged,
    row,
    rows,
    setup,
    zones,
)

DAY = timedelta(days=1)
DIRECT = Basis(boundary="direct")
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    """The only answers there are; each has to be fetched."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def source() -> ElectricityMaps:
    """The source with a key and no options."""
    return ElectricityMaps.connect(setup())


def serve(
    http: responses.RequestsMock, way: str, answer: Json, *, status: int = 200, base: str = BASE, **query: str
) -> None:
    """Answer one question, asked in exactly these words."""
    asked = {
        "zone": "FR",
        "emissionFactorType": "lifecycle",
        "flowTraced": "true",
        "temporalGranularity": "hourly",
        "disableCallerLookup": "true",
    } | query
    http.get(
        f"{base}/carbon-intensity/{way}",
        status=status,
        body=answer if isinstance(answer, str) else json.dumps(answer),
        match=[matchers.query_param_matcher(asked, strict_match=True), matchers.header_matcher({"auth-token": KEY})],
    )


def serve_zones(http: responses.RequestsMock) -> None:
    """Answer which zones there are."""
    http.get(f"{BASE}/zones", json=zones(), match=[matchers.query_param_matcher({}, strict_match=True)])


def when(moment: datetime) -> str:
    """A time as a question writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def test_it_is_registered_and_forecasts() -> None:
    """Under its own name, and it fits both ports."""
    assert ElectricityMaps is find_sources().named("electricity-maps")
    fits: ForecastSource = ElectricityMaps.connect(setup())
    assert isinstance(fits, ForecastSource)


def test_connecting_asks_nobody(http: responses.RequestsMock) -> None:
    """The first request is the first question's."""
    ElectricityMaps.connect(setup())
    assert 0 == len(http.calls)


def test_without_a_key_it_says_which(http: responses.RequestsMock) -> None:
    """And where to get one."""
    with pytest.raises(CredentialMissing, match="electricity-maps needs ELECTRICITY_MAPS_TOKEN") as caught:
        ElectricityMaps.connect(setup(None))
    assert "https://portal.electricitymaps.com" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"granularity": "daily"}, InvalidInput),
        ({"estimations": "no"}, InvalidInput),
        ({"token": "x"}, UnknownName),
        ({"base_url": "http://api.electricitymaps.com/v4"}, InvalidInput),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, str], kind: type[InvalidInput]) -> None:
    """Before anyone is asked."""
    with pytest.raises(kind):
        ElectricityMaps.connect(setup(**options))


def test_the_current_hour_is_the_latest_row(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """One request; an estimate, with its credit."""
    serve(http, "latest", latest())
    series = source.series("FR", DEFAULT_BASIS, NOW, NOW + timedelta(minutes=10))
    assert (CURRENT, HOUR, [figure(CURRENT)]) == (series.start, series.step, series.g_per_kwh.tolist())
    assert ("estimated", NOW, None) == (series.kind, series.retrieved_at, series.issued_at)
    assert ("Electricity Maps API", "Electricity Maps") == (series.source.name, series.basis.factor_set)
    assert "may not be published" in series.source.licence
    assert DEFAULT_BASIS == series.basis


def test_the_last_day_is_one_history(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Cut to the hours that were asked for."""
    serve(http, "history", history())
    start = CURRENT - 5 * HOUR
    series = source.series("FR", DEFAULT_BASIS, start, CURRENT)
    assert ("observed", start, CURRENT) == (series.kind, series.start, series.end)
    assert [figure(start + i * HOUR) for i in range(5)] == series.g_per_kwh.tolist()


def test_a_longer_past_is_asked_for_in_ten_days(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Joined; a row that both ends of a joint have counts once."""
    start = CURRENT - 25 * DAY
    joints = [start, start + 10 * DAY, start + 20 * DAY, CURRENT]
    for begin, end in itertools.pairwise(joints):
        answer = ranged(rows(begin, (end - begin) // HOUR + 1))
        serve(http, "past-range", answer, start=when(begin), end=when(end))
    series = source.series("FR", DEFAULT_BASIS, start, CURRENT)
    assert (start, 600) == (series.start, len(series))
    assert [figure(start + i * HOUR) for i in range(600)] == series.g_per_kwh.tolist()
    assert 3 == len(http.calls)


def test_rows_revised_between_two_parts_are_told_by_their_update(
    source: ElectricityMaps, http: responses.RequestsMock
) -> None:
    """The newer figure of the joint counts."""
    start, joint = CURRENT - 11 * DAY, CURRENT - DAY
    first = ranged([*rows(start, 240), row(joint, carbonIntensity=900, updatedAt="2026-03-10T10:00:00.000Z")])
    serve(http, "past-range", first, start=when(start), end=when(joint))
    serve(http, "past-range", ranged(rows(joint, 24)), start=when(joint), end=when(CURRENT))
    assert figure(joint) == source.series("FR", DEFAULT_BASIS, start, CURRENT).at(joint)


def test_a_range_that_is_refused_is_halved(http: responses.RequestsMock) -> None:
    """Where no limit is published, the service's own is found, and kept to for the rest."""
    asked: list[timedelta] = []
    quarter = timedelta(minutes=15)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Take half a day at most."""
        query = {name: texts[0] for name, texts in parse_qs(urlsplit(str(request.url)).query).items()}
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        asked.append(end - start)
        if end - start > DAY / 2:
            return 400, {}, json.dumps({"status": "error", "message": "Requested time range is too large"})
        found = [row(start + i * quarter) for i in range((end - start) // quarter)]
        return 200, {}, json.dumps(ranged(found, temporalGranularity="15_minutes"))

    http.add_callback("GET", f"{BASE}/carbon-intensity/past-range", callback=answer)
    start = CURRENT - 4 * DAY
    series = ElectricityMaps.connect(setup(granularity="15_minutes")).series(
        "FR", DEFAULT_BASIS, start, start + 2 * DAY
    )
    assert (quarter, start, 192) == (series.step, series.start, len(series))
    assert not any(math.isnan(value) for value in series.g_per_kwh)
    assert [2 * DAY, DAY, DAY / 2, DAY / 2, DAY / 2, DAY / 2] == asked


def test_a_request_that_is_wrong_at_any_length_is_told(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Halving ends, and the service's words come out."""
    http.get(f"{BASE}/carbon-intensity/past-range", status=400, json={"status": "error", "message": "Missing start"})
    with pytest.raises(SourceUnavailable, match="electricity-maps answered 400: Missing start"):
        source.series("FR", DEFAULT_BASIS, CURRENT - 9 * DAY, CURRENT)
    assert len(http.calls) < 8


def test_a_coarser_step_is_used_as_what_it_is(http: responses.RequestsMock) -> None:
    """A plan without short steps is answered in hours, and the answer says so."""
    source = ElectricityMaps.connect(setup(granularity="5_minutes"))
    serve(http, "history", history(), temporalGranularity="5_minutes")
    assert HOUR == source.series("FR", DEFAULT_BASIS, CURRENT - HOUR, CURRENT).step


def test_a_basis_is_asked_for_and_read_back(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Direct factors, own generation."""
    basis = Basis(boundary="direct", flow="production")
    found = [row(CURRENT - HOUR, emissionFactorType="direct", flowTraced=False)]
    serve(http, "history", history(found), emissionFactorType="direct", flowTraced="false")
    series = source.series("FR", basis, CURRENT - HOUR, CURRENT)
    assert (basis, [figure(CURRENT - HOUR)]) == (series.basis, series.g_per_kwh.tolist())


def test_an_answer_on_another_basis_is_refused(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """A service that passes over the parameter is found out."""
    serve(http, "history", history(), emissionFactorType="direct")
    with pytest.raises(SourceUnavailable, match="emissionFactorType 'lifecycle', asked for 'direct'"):
        source.series("FR", DIRECT, CURRENT - HOUR, CURRENT)


@pytest.mark.parametrize("basis", [MARGINAL, Basis(gas="CO2")])
def test_a_basis_that_it_has_not_is_not_covered(
    source: ElectricityMaps, http: responses.RequestsMock, basis: Basis
) -> None:
    """Without a request; the hint lists what it has."""
    for ask in (source.series, source.forecast):
        with pytest.raises(NotCovered, match="electricity-maps has no") as caught:
            ask("FR", basis, NOW, NOW + HOUR)
        assert "average direct production CO2e" in caught.value.hint
    assert 0 == len(http.calls)


def test_estimates_may_be_refused(http: responses.RequestsMock) -> None:
    """Then the service leaves out what no one reported."""
    source = ElectricityMaps.connect(setup(estimations="false"))
    serve(http, "latest", {"error": 'No recent data for zone "FR"'}, status=404, disableEstimations="true")
    with pytest.raises(NotCovered, match='no data for FR: No recent data for zone "FR"'):
        source.series("FR", DEFAULT_BASIS, NOW, NOW + HOUR)


def test_version_3_is_asked_where_the_address_says_so(http: responses.RequestsMock) -> None:
    """With its shapes."""
    base = "https://api.electricitymap.org/v3"
    source = ElectricityMaps.connect(setup(base_url=f"{base}/"))
    bare = {name: cell for name, cell in row(CURRENT - HOUR).items() if name not in {"flowTraced", "zone"}}
    serve(http, "history", {"zone": "FR", "history": [bare]}, base=base)
    assert [figure(CURRENT - HOUR)] == source.series("FR", DEFAULT_BASIS, CURRENT - HOUR, CURRENT).g_per_kwh.tolist()


def test_hours_to_come_are_no_past(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """Nobody is asked for them."""
    with pytest.raises(NotCovered, match="no past of FR from 2026-03-10T13:00:00Z on"):
        source.series("FR", DEFAULT_BASIS, CURRENT + HOUR, CURRENT + DAY)


def test_rows_of_the_future_do_not_pass_for_the_past(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """They are made days before, as forecasts; a clock that is minutes ahead is forgiven."""
    serve(http, "history", history(rows(CURRENT - 2 * HOUR, 6)))
    assert CURRENT + HOUR == source.series("FR", DEFAULT_BASIS, CURRENT - 2 * HOUR, CURRENT + DAY).end


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


def test_parts_of_different_steps_make_no_series(source: ElectricityMaps, http: responses.RequestsMock) -> None:
    """One would be read as the other."""
    start, joint = CURRENT - 11 * DAY, CURRENT - DAY
    serve(http, "past-range", ranged(rows(start, 24)), start=when(start), end=when(joint))
    other = ranged(rows(joint, 24), temporalGranularity="15_minutes")
    serve(http, "past-range", other, start=when(joint), end=when(CURRENT))
    with pytest.raises(SourceUnavailable, match="several steps"):
        source.series("FR", DEFAULT_BASIS, start, CURRENT)


def test_the_day_that_loses_an_hour_has_23(http: responses.RequestsMock) -> None:
    """Paris, 2026-03-29; the service speaks UTC, and no hour is doubled or left out."""
    given_setup = setup()
    given_setup.clock.sleep(timedelta(days=21))
    source = ElectricityMaps.connect(given_setup)
    start, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    serve(http, "past-range", ranged(rows(start, 23)), start=when(start), end=when(end))
    assert 23 == len(source.series("FR", DEFAULT_BASIS, start, end))


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
