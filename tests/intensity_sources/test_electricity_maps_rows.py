"""What Electricity Maps answers, read: the series or a refusal, for any answer at all."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.electricity_maps_rows import Ask, parse_forecast, parse_rows, parse_zones
from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered, SourceUnavailable, UnusableAnswer
from tests.intensity_sources.electricity_maps_answers import (
    CURRENT,
    HOUR,
    Json,
    figure,
    forecast,
    history,
    latest,
    ranged,
    row,
    rows,
    stamp,
    zones,
)

ASK = Ask(zone="FR", basis=Basis(), granularity="hourly")
DIRECT = Ask(zone="FR", basis=Basis(boundary="direct"), granularity="hourly")
MADE_HERE = Ask(zone="FR", basis=Basis(flow="production"), granularity="hourly")
FIELDS = ("zone", "history", "data", "forecast", "temporalGranularity", "status", "updatedAt", *row(CURRENT))
CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 6000)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["FR", "lifecycle", "hourly", "no-data", "2026-03-10T12:00:00Z"])
)
ROWS = st.dictionaries(st.sampled_from(FIELDS), CELLS, max_size=6).map(lambda cells: row(CURRENT) | cells)
ANSWERS = st.recursive(
    CELLS | ROWS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
)


def starts(answer: Json, ask: Ask = ASK) -> list[datetime]:
    """When the rows of an answer begin."""
    origin = datetime(1970, 1, 1, tzinfo=UTC)
    return [origin + timedelta(microseconds=int(time)) for time in parse_rows(answer, ask).points.times]


def test_latest_is_one_row() -> None:
    """Bare, and an estimate."""
    found = parse_rows(latest(), ASK)
    assert ([CURRENT], HOUR) == (starts(latest()), found.step)
    assert ([figure(CURRENT)], [True]) == (found.points.g_per_kwh.tolist(), found.points.estimated.tolist())


@pytest.mark.parametrize("answer", [history(), ranged(rows(CURRENT - 23 * HOUR, 24))])
def test_history_and_past_range_are_rows(answer: Json) -> None:
    """Under the name that each has for them."""
    expected = [CURRENT + (i - 23) * HOUR for i in range(24)]
    assert expected == starts(answer)
    assert [figure(at) for at in expected] == parse_rows(answer, ASK).points.g_per_kwh.tolist()


def test_version_3_leaves_more_unsaid() -> None:
    """No granularity, no flow tracing: they are what its documentation has for default."""
    bare = [{name: cell for name, cell in row(CURRENT).items() if name != "flowTraced"}]
    found = parse_rows({"zone": "FR", "history": bare}, ASK)
    assert (HOUR, [figure(CURRENT)]) == (found.step, found.points.g_per_kwh.tolist())
    with pytest.raises(SourceUnavailable, match="does not say that its answer is of flowTraced False"):
        parse_rows({"zone": "FR", "history": bare}, MADE_HERE)


@pytest.mark.parametrize(
    ("flags", "estimated"),
    [
        ({"isEstimated": False, "estimationMethod": None}, False),
        ({"isEstimated": True, "estimationMethod": "FORECASTS_HIERARCHY"}, True),
        ({"isEstimated": False, "estimationMethod": "FORECASTS_HIERARCHY"}, True),
        ({"isEstimated": None, "estimationMethod": None}, True),
        ({"isEstimated": "false", "estimationMethod": None}, True),
    ],
)
def test_a_row_is_observed_only_where_all_flags_say_so(flags: Json, estimated: object) -> None:
    """They disagree in the provider's own example; the weaker word counts."""
    assert [estimated] == parse_rows(history([row(CURRENT, **flags)]), ASK).points.estimated.tolist()


def test_a_row_without_flags_is_an_estimate() -> None:
    """Nothing says that it is not."""
    bare = {"carbonIntensity": 5, "datetime": stamp(CURRENT)}
    assert [True] == parse_rows(ranged([bare]), ASK).points.estimated.tolist()


def test_null_is_a_gap_and_zero_is_zero() -> None:
    """An empty figure is none."""
    found = parse_rows(history([row(CURRENT, carbonIntensity=None), row(CURRENT, carbonIntensity=0)]), ASK)
    assert [True, False] == np.isnan(found.points.g_per_kwh).tolist()
    assert 0 == found.points.g_per_kwh[1]


@pytest.mark.parametrize(("granularity", "step"), [("5_minutes", 5), ("15_minutes", 15), ("hourly", 60)])
def test_the_step_is_what_the_answer_says(granularity: str, step: int) -> None:
    """Not what was asked for, nor what the first two rows suggest."""
    found = parse_rows(history(temporalGranularity=granularity), ASK)
    assert timedelta(minutes=step) == found.step


@pytest.mark.parametrize("granularity", ["daily", "monthly", "", None, 5, []])
def test_a_step_that_is_not_even_is_refused(granularity: object) -> None:
    """Days follow local time."""
    with pytest.raises(SourceUnavailable, match="temporalGranularity"):
        parse_rows(history(temporalGranularity=granularity), ASK)


@pytest.mark.parametrize(
    ("answer", "ask", "why"),
    [
        (history(zone="FR-COR"), ASK, "with zone 'FR-COR', asked for 'FR'"),
        (history([row(CURRENT, zone="fr")]), ASK, "with zone 'fr', asked for 'FR'"),
        (latest(zone="US-CAR-DUK"), ASK, "with zone 'US-CAR-DUK', asked for 'FR'"),
        (history(), DIRECT, "with emissionFactorType 'lifecycle', asked for 'direct'"),
        (history([row(CURRENT), row(CURRENT, emissionFactorType="direct")]), ASK, "emissionFactorType 'direct'"),
        (history([row(CURRENT, emissionFactorType=["lifecycle"])]), ASK, "emissionFactorType"),
        (history(), MADE_HERE, "with flowTraced True, asked for False"),
        (history([row(CURRENT, flowTraced="true")]), ASK, "flowTraced"),
        (history([row(CURRENT, flowTraced=1)]), ASK, "flowTraced"),
        (history([row(CURRENT, carbonIntensity=-1)]), ASK, "which cannot be"),
        (history([row(CURRENT, carbonIntensity=9000)]), ASK, "which cannot be"),
        (history([row(CURRENT, carbonIntensity="30")]), ASK, "is no number"),
        (history([row(CURRENT, datetime=None)]), ASK, "no datetime"),
        (history([row(CURRENT, datetime="2026-03-10T12:00:00")]), ASK, "without a zone"),
        (history([row(CURRENT, updatedAt="soon")]), ASK, "updatedAt 0 is 'soon'"),
        (history([{"datetime": stamp(CURRENT)}]), ASK, "no carbonIntensity"),
        (history() | {"history": ["row"]}, ASK, "a row is no object"),
        ({"zone": "FR"}, ASK, "list of rows is no list"),
        ({"zone": "FR", "history": {}}, ASK, "list of rows is no list"),
        ({"status": "error", "message": "inner trouble"}, ASK, "names no zone and says: inner trouble"),
        ({"status": "idk", "data": {}}, ASK, "names no zone and says: idk"),
        ({}, ASK, "names no zone"),
        ([], ASK, "its answer is no object"),
    ],
)
def test_an_answer_to_another_question_or_of_another_shape_is_refused(answer: Json, ask: Ask, why: str) -> None:
    """Each by what is wrong with it."""
    with pytest.raises(SourceUnavailable, match="electricity-maps") as caught:
        parse_rows(answer, ask)
    assert why in caught.value.message
    assert caught.value.hint


def test_no_data_with_status_200_is_not_covered() -> None:
    """As the older routes say it."""
    with pytest.raises(NotCovered, match="no data for FR"):
        parse_rows({"status": "no-data", "countryCode": "FR", "data": {}}, ASK)


def test_a_forecast_has_an_issue() -> None:
    """When it was updated; its rows have no flags."""
    found = parse_forecast(forecast(6), ASK)
    assert (7, CURRENT + timedelta(minutes=5)) == (len(found.points.times), found.issued_at)
    assert parse_forecast(forecast(6, updatedAt=None), ASK).issued_at is None


@pytest.mark.parametrize(
    ("answer", "ask", "why"),
    [
        (forecast(6), DIRECT, "does not say that its answer is of emissionFactorType 'direct'"),
        (forecast(6), MADE_HERE, "does not say that its answer is of flowTraced False"),
        (forecast(6, zone="DE"), ASK, "with zone 'DE'"),
        (forecast(6, updatedAt="soon"), ASK, "updatedAt"),
        (forecast(6, forecast=None), ASK, "its forecast is no list"),
        (forecast(6, forecast=[{"carbonIntensity": 5}]), ASK, "no datetime"),
        (forecast(6, temporalGranularity="daily"), ASK, "temporalGranularity"),
    ],
)
def test_a_forecast_that_is_not_what_was_asked_for_is_refused(answer: Json, ask: Ask, why: str) -> None:
    """One that does not say that it is direct counts as what the service gives by default."""
    with pytest.raises(NotCovered if "does not say" in why else UnusableAnswer, match="electricity-maps") as caught:
        parse_forecast(answer, ask)
    assert why in caught.value.message


def test_a_forecast_that_says_that_it_is_direct_is_taken() -> None:
    """By its own word."""
    assert 7 == len(parse_forecast(forecast(6, emissionFactorType="direct"), DIRECT).points.times)


def test_zones_say_what_a_plan_reaches() -> None:
    """Of this signal, each once; a zone without a list is reached, one with an empty list is not."""
    expected = {"FR": ("carbon-intensity/latest", "carbon-intensity/history"), "CA-QC": ("*",), "DK": (), "AT": ("*",)}
    assert expected == parse_zones(zones() | {"AT": {"zoneName": "Austria"}})


@settings(max_examples=200)
@given(answer=ANSWERS)
def test_any_answer_is_rows_of_the_zone_or_a_refusal(answer: Json) -> None:
    """No other error, no figure below zero or without bounds, no other zone."""
    for parse in (parse_rows, parse_forecast):
        try:
            found = parse(answer, ASK)
        except SourceUnavailable as refused:
            assert refused.hint  # noqa: PT017  # one of two outcomes, and both are looked at
            continue
        assert "FR" == answer["zone"]
        values = found.points.g_per_kwh
        assert np.all(np.isnan(values) | ((values >= 0) & (values <= 5000)))
        assert len(found.points.times) == len(values) == len(found.points.estimated)


@settings(max_examples=100)
@given(answer=st.dictionaries(st.text(max_size=3), ANSWERS, max_size=3) | ANSWERS)
def test_any_list_of_zones_is_read_or_refused(answer: Json) -> None:
    """The same of zones."""
    try:
        found = parse_zones(answer)
    except SourceUnavailable:
        return
    assert set(answer) == set(found)


@settings(max_examples=100)
@given(values=st.lists(st.none() | st.integers(0, 900), min_size=1, max_size=24), seed=st.integers(0, 2**32))
def test_the_order_and_the_doubling_of_rows_change_nothing(values: list[int | None], seed: int) -> None:
    """Every row that was sent is there with its figure."""
    sent = {CURRENT - i * HOUR: value for i, value in enumerate(values)}
    listed = [row(at, carbonIntensity=value) for at, value in sent.items()]
    chance = random.Random(seed)
    listed += chance.choices(listed, k=3)
    chance.shuffle(listed)
    found = parse_rows(history(listed), ASK).points.g_per_kwh.tolist()
    read = dict(zip(starts(history(listed)), [None if math.isnan(value) else value for value in found], strict=True))
    assert sent == read
