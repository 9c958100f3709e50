"""What WattTime answers, read: rates in grams with their model, or a refusal, for any answer at all."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.watttime_rows import (
    Answer,
    Want,
    parse_access,
    parse_forecast,
    parse_historical,
    parse_issues,
    parse_login,
    parse_region,
)
from scheduler.domain.errors import SourceUnavailable
from tests.intensity_sources.watttime_answers import (
    CURRENT,
    FIVE,
    HOUR,
    NOW,
    Json,
    forecast,
    grams,
    historical,
    issues,
    meta,
    points,
    row,
)

WANT = Want(region="HQ", signal="co2_moer")
FIELDS = ("data", "meta", "forecast", "generated_at", "error", "token", "region", *meta(), *row(NOW))
CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 6000)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["HQ", "co2_moer", "lbs_co2_per_mwh", "percentile", "2026-03-10T12:00:00+00:00", 300])
)
BENT_META = st.dictionaries(st.sampled_from([*meta()]), CELLS, max_size=2).map(lambda cells: meta(**cells))
BENT_ROW = st.dictionaries(st.sampled_from([*row(NOW)]), CELLS, max_size=2).map(lambda cells: row(NOW, **cells))
BENT = st.fixed_dictionaries({"meta": BENT_META, "data": st.lists(BENT_ROW, max_size=3)})
ANSWERS = BENT | st.recursive(
    CELLS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
)


def starts(times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[datetime]:
    """Instants of a column."""
    return [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time)) for time in times]


def test_the_past_is_rates_in_grams() -> None:
    """870 lb/MWh are 394.6 g/kWh: a pound is 453.59237 g by definition."""
    found = parse_historical({"data": [row(NOW - FIVE, value=870)], "meta": meta()}, WANT)
    assert [pytest.approx(394.625, abs=1e-3)] == found.points.g_per_kwh.tolist()
    assert (FIVE, "2025-10-01", ()) == (found.step, found.model, found.warnings)
    assert [NOW - FIVE] == starts(found.points.times)


@pytest.mark.parametrize(("marker", "estimated"), [(False, False), (True, True), (None, True), ("false", True)])
def test_a_row_of_imputed_input_is_an_estimate(marker: object, estimated: object) -> None:
    """And so is one that does not say."""
    found = parse_historical({"data": [row(NOW, imputed_data_used=marker)], "meta": meta()}, WANT)
    assert [estimated] == found.points.estimated.tolist()


def test_a_row_without_the_marker_is_an_estimate() -> None:
    """An older answer."""
    found = parse_historical({"data": [{"point_time": NOW.isoformat(), "value": 5}], "meta": meta()}, WANT)
    assert [True] == found.points.estimated.tolist()


def test_null_is_a_gap() -> None:
    """And zero is zero."""
    answer = {"data": [row(NOW, value=None), row(NOW, value=0)], "meta": meta()}
    assert [True, False] == np.isnan(parse_historical(answer, WANT).points.g_per_kwh).tolist()


@pytest.mark.parametrize("step_s", [300, 3600, 900])
def test_the_step_is_what_the_answer_says(step_s: int) -> None:
    """Not the distance of the first two rows, between which there may be a gap."""
    answer = {"data": [row(NOW), row(NOW + 5 * HOUR)], "meta": meta(data_point_period_seconds=step_s)}
    assert timedelta(seconds=step_s) == parse_historical(answer, WANT).step


def test_warnings_are_kept_in_a_line_each() -> None:
    """In the service's words."""
    told = [{"type": "EXAMPLE", "message": "mind\nthis"}, {"message": "and that"}]
    found = parse_historical(historical(NOW, NOW, warnings=told), WANT)
    assert ("WattTime warns: EXAMPLE: mind this", "WattTime warns: warning: and that") == found.warnings
    assert () == parse_historical(historical(NOW, NOW, warnings=None), WANT).warnings


def test_a_model_may_be_unstated() -> None:
    """Then it has no date."""
    assert "" == parse_historical(historical(NOW, NOW, model=None), WANT).model


def test_a_forecast_has_an_issue() -> None:
    """When it was generated."""
    found = parse_forecast(forecast(24), WANT)
    assert (288, CURRENT) == (len(found.points.times), found.issued_at)
    assert [CURRENT, CURRENT + 287 * FIVE] == [starts(found.points.times)[i] for i in (0, -1)]


def test_issues_come_in_order_and_once() -> None:
    """Whatever order they were sent in; both ends of a day are in two answers."""
    found = parse_issues(issues(CURRENT, CURRENT - FIVE, CURRENT), WANT)
    assert [CURRENT - FIVE, CURRENT] == [answer.issued_at for answer in found]
    assert [12, 12] == [len(answer.points.times) for answer in found]


def test_an_index_is_no_intensity() -> None:
    """The same field holds a rank within the day there."""
    with pytest.raises(SourceUnavailable, match="an index, a rank within a day, which is no intensity"):
        parse_historical(historical(NOW, NOW, units="percentile"), WANT)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (historical(NOW, NOW, units="lbs_co2e_per_mwh"), "its unit 'lbs_co2e_per_mwh' is unknown"),
        (historical(NOW, NOW, units="kg_co2_per_mwh"), "its unit 'kg_co2_per_mwh' is unknown"),
        (historical(NOW, NOW, units=None), "its unit None is unknown"),
        (historical(NOW, NOW, region="HQ_NORTH"), "with region 'HQ_NORTH', asked for 'HQ'"),
        (historical(NOW, NOW, signal_type="health_damage"), "with signal_type 'health_damage', asked for 'co2_moer'"),
        (historical(NOW, NOW, data_point_period_seconds=0), "no part of a day"),
        (historical(NOW, NOW, data_point_period_seconds=True), "no part of a day"),
        (historical(NOW, NOW, data_point_period_seconds=301), "no part of a day"),
        (historical(NOW, NOW, data_point_period_seconds=None), "no part of a day"),
        (historical(NOW, NOW, model={"date": "next"}), "its model has the date 'next'"),
        (historical(NOW, NOW, model="2025-10-01"), "model is no object"),
        (historical(NOW, NOW, warnings=["mind"]), "a warning is no object"),
        ({"data": [row(NOW, value=-1)], "meta": meta()}, "which cannot be"),
        ({"data": [row(NOW, value=12000)], "meta": meta()}, "which cannot be"),
        ({"data": [row(NOW, value="870")], "meta": meta()}, "is no number"),
        ({"data": [row(NOW, point_time="2026-03-10T12:00")], "meta": meta()}, "without a zone"),
        ({"data": [row(NOW, point_time=None)], "meta": meta()}, "point_time is no text"),
        ({"data": [{"value": 5}], "meta": meta()}, "no value or no point_time"),
        ({"data": [5], "meta": meta()}, "a row is no object"),
        ({"data": {}, "meta": meta()}, "data is no list"),
        ({"data": []}, "meta is no object"),
        ({"error": "INVALID", "message": "no"}, "it answered with an error: INVALID"),
        ([], "its answer is no object"),
    ],
)
def test_an_answer_to_another_question_or_of_another_shape_is_refused(answer: Json, why: str) -> None:
    """Each by what is wrong with it."""
    with pytest.raises(SourceUnavailable, match="watttime: ") as caught:
        parse_historical(answer, WANT)
    assert why in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (forecast(1, generated_at=None), "generated_at is no text"),
        (forecast(1, generated_at="2026-03-10T12:20:00"), "no time zone"),
        (forecast(1, units="percentile"), "no intensity"),
    ],
)
def test_a_forecast_without_an_issue_is_refused(answer: Json, why: str) -> None:
    """Or of another unit."""
    with pytest.raises(SourceUnavailable) as caught:
        parse_forecast(answer, WANT)
    assert why in caught.value.message


@pytest.mark.parametrize(
    "answer", [{}, {"token": ""}, {"token": 5}, {"token": "a b"}, {"token": "a\nb"}, {"token": "é"}, []]
)
def test_a_login_without_a_token_is_refused(answer: Json) -> None:
    """Or with one that no header can carry."""
    with pytest.raises(SourceUnavailable, match="watttime: "):
        parse_login(answer)
    assert "abc.def" == parse_login({"token": "abc.def"})


@pytest.mark.parametrize("answer", [{}, {"region": 5}, {"region": "HQ", "signal_type": "co2_aoer"}, "HQ"])
def test_a_location_without_a_region_is_refused(answer: Json) -> None:
    """Or with one of another signal, whose regions are cut otherwise."""
    with pytest.raises(SourceUnavailable, match="watttime: "):
        parse_region(answer, "co2_moer")
    assert "HQ" == parse_region({"region": "HQ", "region_full_name": "x", "signal_type": "co2_moer"}, "co2_moer")


@pytest.mark.parametrize(
    "answer", [[], {}, {"signal_types": [5]}, {"signal_types": [{"signal_type": "x", "regions": {}}]}]
)
def test_a_list_of_what_is_reached_of_another_shape_is_refused(answer: Json) -> None:
    """As any answer."""
    with pytest.raises(SourceUnavailable, match="watttime: "):
        parse_access(answer)


@settings(max_examples=200)
@given(answer=ANSWERS)
def test_any_answer_is_rates_or_a_refusal(answer: Json) -> None:
    """No other error, no figure below zero or without bounds, no other region, signal or unit."""
    parsers: list[Callable[[], Sequence[Answer]]] = [
        lambda: [parse_historical(answer, WANT)],
        lambda: [parse_forecast(answer, WANT)],
        lambda: parse_issues(answer, WANT),
    ]
    for parse in parsers:
        try:
            found = parse()
        except SourceUnavailable:
            continue
        said = answer["meta"]
        assert ("HQ", "co2_moer", "lbs_co2_per_mwh") == (said["region"], said["signal_type"], said["units"])
        for each in found:
            values = each.points.g_per_kwh
            assert np.all(np.isnan(values) | ((values >= 0) & (values <= 5000)))
            assert timedelta(0) < each.step <= timedelta(days=1)
    for read in (parse_login, lambda given: parse_region(given, "co2_moer")):
        try:
            assert isinstance(read(answer), str)
        except SourceUnavailable:
            continue


@settings(max_examples=100)
@given(count=st.integers(1, 30), seed=st.integers(0, 2**32))
def test_the_order_and_the_doubling_of_rows_change_nothing(count: int, seed: int) -> None:
    """Every row that was sent is there with its figure."""
    listed = points(CURRENT, count)
    chance = random.Random(seed)
    listed += chance.choices(listed, k=3)
    chance.shuffle(listed)
    found = parse_historical({"data": listed, "meta": meta()}, WANT)
    read = dict(zip(starts(found.points.times), found.points.g_per_kwh.tolist(), strict=True))
    expected = {CURRENT + i * FIVE: grams(CURRENT + i * FIVE) for i in range(count)}
    assert expected.keys() == read.keys()
    assert all(math.isclose(expected[at], read[at]) for at in expected)
