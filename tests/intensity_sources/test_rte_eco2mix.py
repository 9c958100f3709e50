"""France from éCO2mix: consolidated before real time, half-hours and quarters, and never a figure that nobody gave."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from responses.matchers import query_param_matcher

from intensity_sources.readings import MOST_G_PER_KWH
from intensity_sources.rte_eco2mix import BASIS, QUARTER, RteEco2mix, in_quarters, parse_rates
from intensity_sources.timed import Reading
from scheduler.domain.errors import NotCovered, SourceUnavailable
from scheduler.domain.intensity import IntensitySeries
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

DATASETS = "https://odre.opendatasoft.com/api/explore/v2.1/catalog/datasets"
SETTLED = f"{DATASETS}/eco2mix-national-cons-def"
RECENT = f"{DATASETS}/eco2mix-national-tr"
HALF = timedelta(minutes=30)
PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = at("2026-03-10T12:20")
TWO = (at("2026-03-10T08:00"), at("2026-03-10T10:00"))


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """The Internet, where each answer that was prepared must be asked for, and nothing else may be."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def source() -> RteEco2mix:
    """The source, at noon."""
    return RteEco2mix.connect(SourceSetup(options={}, secret=lambda _: None, clock=FakeClock(NOW)))


def asked(start: str, end: str, **more: str) -> dict[str, str]:
    """The query of one question."""
    return {
        "select": "date_heure,taux_co2",
        "where": f'date_heure >= "{start}" AND date_heure < "{end}"',
        "order_by": "date_heure",
        "timezone": "UTC",
        **more,
    }


def page(wire: responses.RequestsMock, dataset: str, rows: Sequence[object], *, total: int | None = None) -> None:
    """Prepare a page of records of the two hours."""
    wire.get(
        f"{dataset}/records",
        json={"total_count": len(rows) if total is None else total, "results": rows},
        match=[
            query_param_matcher(asked("2026-03-10T08:00:00Z", "2026-03-10T10:00:00Z", limit="100"), strict_match=True)
        ],
    )


def row(moment: str, rate: object) -> dict[str, object]:
    """A row as the portal writes it."""
    return {"date_heure": moment, "taux_co2": rate}


def halves(*rates: object, odd: object = None) -> list[dict[str, object]]:
    """Rows of half-hours from eight on, with what stands between them."""
    starts = [TWO[0] + HALF * i for i in range(len(rates))]
    rows = [row(start.isoformat(), rate) for start, rate in zip(starts, rates, strict=True)]
    return rows + [row((start + QUARTER).isoformat(), odd) for start in starts]


def known(series: IntensitySeries) -> list[float | None]:
    """The figures, None in a gap."""
    return [None if math.isnan(value) else float(value) for value in series.g_per_kwh]


def test_consolidated_half_hours_are_observed_and_enough(wire: responses.RequestsMock) -> None:
    """Where all of it is consolidated nothing else is asked for; blank quarters between are no gaps."""
    page(wire, SETTLED, halves(20, "21", 22, 0))
    series = source().series("FR", BASIS, *TWO)
    assert ([20.0, 21.0, 22.0, 0.0], HALF, "observed") == (known(series), series.step, series.kind)
    assert ("RTE éCO2mix (France), consolidated", NOW) == (series.source.name, series.retrieved_at)
    assert ("Licence Ouverte 2.0 (Etalab)", True) == (series.source.licence, "RTE" in series.source.attribution)


def test_it_says_what_the_rate_means() -> None:
    """Direct, of production, CO2 alone: not what a life-cycle source says of France."""
    assert "average direct production CO2" == str(RteEco2mix.card.bases[0])
    assert "fuel burnt" in BASIS.factor_set


def test_real_time_fills_what_is_not_consolidated(wire: responses.RequestsMock) -> None:
    """The consolidated hour stays observed, the rest is estimated, and each stretch says which it is."""
    page(wire, SETTLED, halves(20, 21, None, None))
    page(wire, RECENT, halves(90, 91, 22, 23, odd=24))
    series = source().series("FR", BASIS, *TWO)
    assert ([20.0, 20.0, 21.0, 21.0, 22.0, 24.0, 23.0, 24.0], QUARTER) == (known(series), series.step)
    assert ["observed", "estimated"] == [piece.kind for piece in series.pieces]
    assert at("2026-03-10T09:00") == series.pieces[0].end
    assert "estimated" == series.kind


def test_quarters_of_consolidated_figures_are_kept(wire: responses.RequestsMock) -> None:
    """Where RTE settled by quarters they come out as such."""
    page(wire, SETTLED, halves(20, 21, 22, 23, odd=30))
    series = source().series("FR", BASIS, *TWO)
    assert ([20.0, 30.0, 21.0, 30.0, 22.0, 30.0, 23.0, 30.0], QUARTER) == (known(series), series.step)


def test_the_newest_half_hour_of_real_time_is_not_stretched(wire: responses.RequestsMock) -> None:
    """Its second quarter may be on its way, so it is not there yet."""
    page(wire, SETTLED, [])
    page(wire, RECENT, halves(20, 21))
    series = source().series("FR", BASIS, *TWO)
    assert ([20.0, 20.0, 21.0], at("2026-03-10T08:45")) == (known(series), series.end)


def test_half_hours_and_quarters_change_at_local_midnight() -> None:
    """A day of half-hours stays one beside a day of quarters, up to midnight in Paris and not in Greenwich."""
    told = {at("2024-12-31T22:30"): 1.0, at("2024-12-31T23:00"): 2.0, at("2024-12-31T23:45"): 3.0}
    readings = [Reading(start=start, g_per_kwh=rate) for start, rate in told.items()]
    found = {reading.start: reading.g_per_kwh for reading in in_quarters(readings, settled=True)}
    assert told | {at("2024-12-31T22:45"): 1.0} == found


def test_a_blank_is_a_gap_and_never_zero(wire: responses.RequestsMock) -> None:
    """Null, ND, a dash, nothing: no figure; and the far end without figures is cut off."""
    page(wire, SETTLED, [])
    page(
        wire,
        RECENT,
        [row((TWO[0] + QUARTER * i).isoformat(), rate) for i, rate in enumerate([5, None, "ND", "-", "", 9, None])],
    )
    assert [5.0, None, None, None, None, 9.0] == known(source().series("FR", BASIS, *TWO))


def test_a_page_that_is_not_all_is_exported(wire: responses.RequestsMock) -> None:
    """Where more was found than came, the export is asked for, which has no limit."""
    page(wire, SETTLED, halves(20), total=250)
    wire.get(
        f"{SETTLED}/exports/json",
        json=halves(20, 21, 22, 23),
        match=[query_param_matcher(asked("2026-03-10T08:00:00Z", "2026-03-10T10:00:00Z"), strict_match=True)],
    )
    assert [20.0, 21.0, 22.0, 23.0] == known(source().series("FR", BASIS, *TWO))


def test_more_than_a_page_is_exported_at_once(wire: responses.RequestsMock) -> None:
    """26 hours of quarters are 104 rows: over the hundred of a page."""
    start = at("2025-01-01")
    rows = [row((start + HALF * i).isoformat(), i) for i in range(52)]
    query = asked("2025-01-01T00:00:00Z", "2025-01-02T02:00:00Z")
    wire.get(f"{SETTLED}/exports/json", json=rows, match=[query_param_matcher(query, strict_match=True)])
    assert 52 == len(source().series("FR", BASIS, start, start + timedelta(hours=26)))


def test_a_question_off_the_grid_asks_for_whole_half_hours(wire: responses.RequestsMock) -> None:
    """Half-hours that the interval touches come whole."""
    page(wire, SETTLED, halves(20, 21, 22, 23))
    series = source().series("FR", BASIS, at("2026-03-10T08:10"), at("2026-03-10T09:40"))
    assert TWO == (series.start, series.end)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"error_code": "ODSQLSyntaxError", "message": "Clause(s) containing the error(s): where."}, "Clause"),
        (404, {"error_code": "NotFoundResource", "message": "The requested dataset x does not exist."}, "dataset"),
        (
            429,
            {"errorcode": 10002, "error": "Too many requests on the domain.", "reset_time": "2026-03-11T00:00:00Z"},
            "Too many requests",
        ),
        (200, {"error_code": "InternalError", "message": "no such luck"}, "no such luck"),
        (200, {"errorcode": 10002, "error": "Too many requests on the domain."}, "Too many requests"),
        (200, {"total_count": 3}, "no list"),
        (200, ["text"], "no object"),
    ],
)
def test_an_error_of_the_portal_is_told_in_its_words(
    wire: responses.RequestsMock, status: int, body: object, words: str
) -> None:
    """Both shapes of its errors, whatever status they come with."""
    wire.get(f"{SETTLED}/records", json=body, status=status)
    with pytest.raises(SourceUnavailable, match=words) as caught:
        source().series("FR", BASIS, *TWO)
    assert caught.value.message.startswith("rte-eco2mix")
    assert caught.value.hint


def test_an_answer_for_corsica_is_refused(wire: responses.RequestsMock) -> None:
    """The national data set names its area, and another one is another grid."""
    page(wire, SETTLED, [row(TWO[0].isoformat(), 20) | {"perimetre": "Corse"}])
    with pytest.raises(SourceUnavailable, match="Corse"):
        source().series("FR", BASIS, *TWO)


def test_nothing_in_either_data_set_is_not_covered(wire: responses.RequestsMock) -> None:
    """The error names the hours."""
    page(wire, SETTLED, [])
    page(wire, RECENT, halves(None, None))
    with pytest.raises(NotCovered, match="2026-03-10T08:00:00Z"):
        source().series("FR", BASIS, *TWO)


@pytest.mark.parametrize("rate", ["lots", -1, "-1", 6000, True, [], {}, "1_000", "٣", 1e300])
def test_a_rate_that_cannot_be_is_refused(rate: object) -> None:
    """It is no gap: something is wrong with the answer, and the row is named."""
    with pytest.raises(SourceUnavailable, match="taux_co2 of 2026-03-10T08:00:00Z"):
        parse_rates([row("2026-03-10T08:00:00+00:00", rate)])


@pytest.mark.parametrize("moment", [None, "", "2026-03-10", "2026-03-10T08:00:00", 7, "noon"])
def test_a_row_without_an_instant_is_refused(moment: object) -> None:
    """A time without an offset is nobody's."""
    with pytest.raises(SourceUnavailable, match="date_heure"):
        parse_rates([{"date_heure": moment, "taux_co2": 1}])


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """Offsets tell them apart."""
    rows = [row("2025-10-26T02:00:00+02:00", 1), row("2025-10-26T02:00:00+01:00", 2)]
    assert [at("2025-10-26T00:00"), at("2025-10-26T01:00")] == [reading.start for reading in parse_rates(rows)]


@settings(max_examples=100)
@given(
    rates=st.lists(st.none() | st.integers(0, 900), min_size=1, max_size=300),
    first_h=st.integers(0, 8000),
    settled=st.booleans(),
)
def test_no_quarter_gets_a_figure_that_nobody_gave(
    rates: list[int | None],
    first_h: int,
    settled: bool,  # noqa: FBT001  # hypothesis passes it by name
) -> None:
    """Every quarter of the outcome has the figure of its own row, or of the half-hour that it is the second half of."""
    start = at("2024-01-01") + timedelta(hours=first_h)
    told = {start + QUARTER * i: rate for i, rate in enumerate(rates) if rate is not None}
    readings = [Reading(start=moment, g_per_kwh=float(rate)) for moment, rate in told.items()]
    for reading in in_quarters(readings, settled=settled):
        if reading.start in told:
            assert told[reading.start] == reading.g_per_kwh
        else:
            assert reading.start.minute % 30 == 15
            assert told[reading.start - QUARTER] == reading.g_per_kwh
            day = reading.start.astimezone(PARIS).date()
            same_day = [moment for moment in told if not settled or moment.astimezone(PARIS).date() == day]
            assert not any(moment.minute % 30 for moment in same_day)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(rows=st.lists(st.fixed_dictionaries({"date_heure": json_values, "taux_co2": json_values}), max_size=4))
def test_whatever_the_rows_hold_the_figures_can_be(rows: list[dict[str, object]]) -> None:
    """A figure that cannot be, or an error of this tool's own: nothing else comes of odd rows."""
    try:
        found = parse_rates(rows)
    except SourceUnavailable:
        return
    assert all(0 <= reading.g_per_kwh <= MOST_G_PER_KWH and reading.start.tzinfo for reading in found)
