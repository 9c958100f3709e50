"""Electricity Maps as a source: which requests it makes, and what series or refusal comes of the answers."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from intensity_sources.electricity_maps import ElectricityMaps
from intensity_sources.registry import find_sources
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import (
    CredentialMissing,
    InvalidInput,
    NotCovered,
    SourceUnavailable,
    UnknownName,
)
from scheduler.ports import ForecastSource
from tests.intensity_sources.electricity_maps_answers import (
    BASE,
    CURRENT,
    HOUR,
    NOW,
    figure,
    history,
    latest,
    ranged,
    row,
    rows,
    serve,
    setup,
    when,
)

DAY = timedelta(days=1)
DIRECT = Basis(boundary="direct")
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")


@pytest.fixture
def source() -> ElectricityMaps:
    """The source with a key and no options."""
    return ElectricityMaps.connect(setup())


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
