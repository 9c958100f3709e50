"""WattTime as a source: which requests it makes, and what series or refusal comes of the answers."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import responses

from intensity_sources.registry import find_sources
from intensity_sources.watttime import WattTime
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import (
    CredentialMissing,
    InvalidInput,
    NotCovered,
    SourceUnavailable,
    UnknownName,
)
from scheduler.ports import ForecastSource, IssueSource, PlanSource
from tests.intensity_sources.watttime_answers import (
    AOER,
    CURRENT,
    FIVE,
    HOUR,
    MOER,
    NAME,
    NOW,
    access,
    between,
    forecast,
    grams,
    historical,
    issues,
    log_in,
    meta,
    points,
    row,
    serve,
    setup,
)

DAY = timedelta(days=1)
ASKED = {"region": "HQ", "signal_type": "co2_moer"}
PAST = {"include_imputed_marker": "true"}
ONE_H = {"horizon_hours": "1"}


@pytest.fixture
def source() -> WattTime:
    """The source with an account and no options."""
    return WattTime.connect(setup())


def test_it_is_registered_and_forecasts() -> None:
    """Under its own name, and it fits both ports."""
    assert WattTime is find_sources().named("watttime")
    fits: ForecastSource = WattTime.connect(setup())
    assert isinstance(fits, ForecastSource)


@pytest.mark.parametrize(
    ("secrets", "name"),
    [({}, "WATTTIME_USERNAME"), ({"WATTTIME_USERNAME": NAME}, "WATTTIME_PASSWORD")],
)
def test_without_an_account_it_says_what_is_missing(secrets: dict[str, str], name: str) -> None:
    """By name."""
    with pytest.raises(CredentialMissing, match=f"watttime needs {name}"):
        WattTime.connect(setup(secrets))


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        (("region", "HQ"), UnknownName),
        (("regions", "HQ"), InvalidInput),
        (("locations", "FR=Paris"), InvalidInput),
        (("base_url", "http://api.watttime.org"), InvalidInput),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(option: tuple[str, str], kind: type[InvalidInput]) -> None:
    """Before anyone is asked."""
    with pytest.raises(kind):
        WattTime.connect(setup(None, **dict([option])))


def test_the_past_is_marginal_and_names_its_model(source: WattTime, http: responses.RequestsMock) -> None:
    """In grams, by five minutes, with what the service warns of."""
    log_in(http)
    start, end = CURRENT - HOUR, CURRENT
    answer = historical(datetime(2026, 3, 10, 11, tzinfo=UTC), datetime(2026, 3, 10, 13, tzinfo=UTC))
    answer["meta"]["warnings"] = [{"type": "OLD", "message": "the model is old"}]
    asked = {"start": "2026-03-10T11:00:00+00:00", "end": "2026-03-10T13:00:00+00:00"}
    serve(http, "historical", answer, ASKED | asked | PAST)
    series = source.series("CA-QC", MOER, start, end)
    assert ("observed", start, end, FIVE) == (series.kind, series.start, series.end, series.step)
    assert [pytest.approx(grams(start + i * FIVE)) for i in range(12)] == series.g_per_kwh.tolist()
    assert (MOER, "WattTime co2_moer of HQ, model 2025-10-01") == (series.basis, series.basis.factor_set)
    assert (("WattTime warns: OLD: the model is old",), NOW) == (series.notes, series.retrieved_at)
    assert "may not be passed on" in series.source.licence


def test_a_longer_past_is_asked_for_in_32_days(source: WattTime, http: responses.RequestsMock) -> None:
    """Both ends of each part come in two answers and count once; one login does for all."""
    log_in(http)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    joints = [begin, begin + 32 * DAY, begin + 40 * DAY]
    for first, last in itertools.pairwise(joints):
        serve(http, "historical", historical(first, last), ASKED | between(first, last) | PAST)
    series = source.series("CA-QC", MOER, begin, joints[-1])
    assert (begin, 40 * 288) == (series.start, len(series))
    assert grams(joints[1]) == pytest.approx(series.at(joints[1]))
    assert not np.isnan(series.g_per_kwh).any()


def test_models_that_change_within_the_past_are_told(source: WattTime, http: responses.RequestsMock) -> None:
    """In the factor set and in a note: a step may be theirs and not the grid's."""
    log_in(http)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    joint, end = begin + 32 * DAY, begin + 33 * DAY
    old = historical(begin, begin + HOUR, model={"date": "2023-03-01"})
    serve(http, "historical", old, ASKED | PAST | between(begin, joint))
    new = historical(joint, joint + HOUR)
    serve(http, "historical", new, ASKED | PAST | between(joint, end))
    series = source.series("CA-QC", MOER, begin, end)
    assert "WattTime co2_moer of HQ, model 2023-03-01 and 2025-10-01" == series.basis.factor_set
    assert any("models 2023-03-01 and 2025-10-01 made this series" in note for note in series.notes)


def test_parts_of_different_steps_make_no_series(source: WattTime, http: responses.RequestsMock) -> None:
    """One would be read as the other."""
    log_in(http)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    joint, end = begin + 32 * DAY, begin + 33 * DAY
    serve(http, "historical", historical(begin, begin), ASKED | PAST | between(begin, joint))
    hourly = historical(joint, joint, data_point_period_seconds=3600)
    serve(http, "historical", hourly, ASKED | PAST | between(joint, end))
    with pytest.raises(SourceUnavailable, match="several steps"):
        source.series("CA-QC", MOER, begin, end)


def test_average_rates_are_of_the_regions_own_generation(source: WattTime, http: responses.RequestsMock) -> None:
    """By the hour, and never forecast."""
    log_in(http)
    start = datetime(2026, 3, 8, tzinfo=UTC)
    said = {"signal_type": "co2_aoer", "data_point_period_seconds": 3600}
    answer = {"data": [row(start), row(start + HOUR)], "meta": meta(**said)}
    asked = {"start": start.isoformat(), "end": (start + 2 * HOUR).isoformat()}
    serve(http, "historical", answer, ASKED | {"signal_type": "co2_aoer"} | asked | PAST)
    series = source.series("CA-QC", AOER, start, start + 2 * HOUR)
    assert (AOER, HOUR, 2) == (series.basis, series.step, len(series))
    with pytest.raises(NotCovered, match="issues no forecast of 'average direct production CO2'"):
        source.forecast("CA-QC", AOER, NOW, NOW + HOUR)


@pytest.mark.parametrize("basis", [DEFAULT_BASIS, Basis(boundary="direct"), Basis(signal="marginal", flow="n/a")])
def test_a_basis_that_it_has_not_is_not_covered(source: WattTime, http: responses.RequestsMock, basis: Basis) -> None:
    """A marginal rate never stands for an average; the hint lists what there is."""
    for ask in (source.series, source.forecast, source.issues):
        with pytest.raises(NotCovered, match=f"watttime has no '{basis}' for CA-QC") as caught:
            ask("CA-QC", basis, NOW - HOUR, NOW)
        assert "marginal direct n/a CO2" in caught.value.hint
    assert 0 == len(http.calls)


def test_it_tells_what_the_plan_reaches(source: WattTime, http: responses.RequestsMock) -> None:
    """Of a zone, by signal and endpoint."""
    log_in(http)
    serve(http, "my-access", access(), {})
    told: PlanSource = source
    assert ("co2_moer v3/forecast", "co2_moer v3/historical", "co2_aoer v3/historical") == told.reaches("CA-QC")
    assert () == told.reaches("FR")


def test_a_zone_without_a_region_is_not_covered(source: WattTime, http: responses.RequestsMock) -> None:
    """Nobody is asked."""
    with pytest.raises(NotCovered, match="which of its regions 'US-MIDA-PJM' is, no option"):
        source.series("US-MIDA-PJM", MOER, NOW - HOUR, NOW)
    assert "US-MIDA-PJM" not in source.zones()
    assert {"CA-QC", "FR"} <= set(source.zones())


def test_a_located_zone_is_looked_up_once_a_month(http: responses.RequestsMock) -> None:
    """By signal: their regions are cut otherwise."""
    given_setup = setup(locations="US-MIDA-PJM=39.04,-77.49")
    source = WattTime.connect(given_setup)
    place = {"latitude": "39.04", "longitude": "-77.49", "signal_type": "co2_moer"}
    for month in range(2):
        log_in(http)
        serve(http, "region-from-loc", {"region": "PJM_DC", "signal_type": "co2_moer"}, place)
        for _ in range(2):
            answer = forecast(2, region="PJM_DC")
            moved = [
                {**point, "point_time": moved_on(point["point_time"], month * 31 * DAY)} for point in answer["data"]
            ]
            answer |= {"data": moved}
            serve(http, "forecast", answer, ASKED | {"region": "PJM_DC", "horizon_hours": "2"})
            now = given_setup.clock.now()
            series = source.forecast("US-MIDA-PJM", MOER, now, now + HOUR)
            assert "PJM_DC" in series.basis.factor_set
        given_setup.clock.sleep(31 * DAY)
    assert 2 * 4 == len(http.calls)


def moved_on(text: str, by: timedelta) -> str:
    """A time later on."""
    return (datetime.fromisoformat(text) + by).isoformat()


def test_a_place_that_nobody_covers_is_not_covered(http: responses.RequestsMock) -> None:
    """The middle of the sea."""
    source = WattTime.connect(setup(locations="SEA=0,-30"))
    log_in(http)
    answer = {"error": "No coverage available for the given coordinates", "latitude": 0, "longitude": -30}
    serve(
        http,
        "region-from-loc",
        answer,
        {"latitude": "0.0", "longitude": "-30.0", "signal_type": "co2_moer"},
        status=404,
    )
    with pytest.raises(NotCovered, match="watttime does not cover SEA"):
        source.forecast("SEA", MOER, NOW, NOW + HOUR)


def test_a_forecast_is_asked_for_as_far_as_it_is_needed(source: WattTime, http: responses.RequestsMock) -> None:
    """In whole hours from the current five minutes, 72 at most; it says when it was issued."""
    log_in(http)
    for end, horizon_h in ((NOW + timedelta(minutes=1), 1), (CURRENT + HOUR, 1), (NOW + HOUR, 2), (NOW + 9 * DAY, 72)):
        serve(http, "forecast", forecast(horizon_h), ASKED | {"horizon_hours": str(horizon_h)})
        series = source.forecast("CA-QC", MOER, NOW - HOUR, end)
        assert ("forecast", CURRENT, CURRENT) == (series.kind, series.start, series.issued_at)
        assert series.end == min(CURRENT + horizon_h * HOUR, CURRENT - (CURRENT - end) // FIVE * FIVE)
    assert [pytest.approx(grams(CURRENT + i * FIVE)) for i in range(864)] == series.g_per_kwh.tolist()


def test_a_forecast_of_a_later_clock_is_of_now(source: WattTime, http: responses.RequestsMock) -> None:
    """None is issued after it was fetched."""
    log_in(http)
    answer = forecast(1, generated_at="2026-03-10T12:30:00+00:00")
    serve(http, "forecast", answer, ASKED | ONE_H)
    assert NOW == source.forecast("CA-QC", MOER, NOW, CURRENT + HOUR).issued_at


def test_past_and_future_are_not_mixed_up(source: WattTime, http: responses.RequestsMock) -> None:
    """Nobody is asked for a forecast of the past or the past of tomorrow."""
    with pytest.raises(NotCovered, match="no forecast of CA-QC before"):
        source.forecast("CA-QC", MOER, NOW - DAY, CURRENT)
    with pytest.raises(NotCovered, match="no past of CA-QC from"):
        source.series("CA-QC", MOER, NOW + DAY, NOW + 2 * DAY)
    assert 0 == len(http.calls)


def test_past_issues_are_asked_for_by_the_day(source: WattTime, http: responses.RequestsMock) -> None:
    """Each is a series with its issue; one at a joint counts once, one without figures is none."""
    log_in(http)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    joint, end = start + DAY, start + 30 * HOUR
    asked = {**ASKED, "horizon_hours": "72"}
    first = issues(start, start + 6 * HOUR, joint)
    first["data"].append(
        {"generated_at": (start + 8 * HOUR).isoformat(), "forecast": [points(start, 1)[0] | {"value": None}]}
    )
    serve(http, "forecast/historical", first, asked | between(start, joint))
    serve(http, "forecast/historical", issues(joint, end), asked | between(joint, end))
    remembering: IssueSource = source
    found = remembering.issues("CA-QC", MOER, start, end)
    assert [start, start + 6 * HOUR, joint] == [series.issued_at for series in found]
    assert [("forecast", 12)] * 3 == [(series.kind, len(series)) for series in found]
    assert [start, start + 6 * HOUR, joint] == [series.start for series in found]
