"""Québec from Hydro-Québec's mix: our own figure, called an estimate, and no hour whose mix is not whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from responses.matchers import query_param_matcher

from intensity_sources.hydro_quebec import BASIS, HydroQuebec
from intensity_sources.hydro_quebec_mix import FACTORS, by_hour, intensity, parse_feed, parse_records
from scheduler.domain.errors import NotCovered, SourceUnavailable, UnknownName
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

DATASETS = "https://donnees.hydroquebec.com/api/explore/v2.1/catalog/datasets"
RECENT = f"{DATASETS}/production-electricite-quebec/records"
PAST = f"{DATASETS}/historique-production-electricite-quebec/records"
FILE = "https://www.hydroquebec.com/data/documents-donnees/donnees-ouvertes/json/production.json"
HOUR = timedelta(hours=1)
MONTREAL = ZoneInfo("America/Toronto")


def at(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = at("2026-03-10T12:20")


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """The Internet, where each answer that was prepared must be asked for, and nothing else may be."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def source(**options: str) -> HydroQuebec:
    """The source, at noon."""
    return HydroQuebec.connect(SourceSetup(options=options, secret=lambda _: None, clock=FakeClock(NOW)))


def mix(wind: float = 1000.0, **changed: float | None) -> dict[str, float | None]:
    """A mix that adds up. [MW]"""
    parts: dict[str, float | None] = {
        "hydraulique": 20000.0,
        "eolien": wind,
        "solaire": 0.0,
        "thermique": 0.0,
        "autres": 0.0,
        **changed,
    }
    return {"total": sum(value or 0.0 for value in parts.values()), **parts}


def row(moment: str, figures: dict[str, float | None], prefix: str = "valeurs_") -> dict[str, object]:
    """A row as the portal writes it."""
    return {"date": moment, **{prefix + name: value for name, value in figures.items()}}


def feed(*rows: tuple[str, dict[str, float | None]]) -> dict[str, object]:
    """The older file."""
    return {"indexDonneePlusRecent": 3, "details": [{"date": moment, "valeurs": mw} for moment, mw in rows]}


def test_an_hour_is_its_mix_with_the_medians(wire: responses.RequestsMock) -> None:
    """Twenty parts of water and one of wind: 491 / 21 g/kWh, within the least and the most of the same table."""
    fields = "date,valeurs_total,valeurs_hydraulique,valeurs_eolien,valeurs_solaire,valeurs_thermique,valeurs_autres"
    query = {
        "select": fields,
        "where": 'date >= "2026-03-10T08:00:00Z" AND date < "2026-03-10T10:00:00Z"',
        "order_by": "date",
        "timezone": "UTC",
        "limit": "100",
    }
    rows = [row("2026-03-10T08:30:00+00:00", mix()), row("2026-03-10T09:30:00+00:00", mix(0.0))]
    wire.get(RECENT, json={"total_count": 2, "results": rows}, match=[query_param_matcher(query, strict_match=True)])
    series = source().series("CA-QC", BASIS, at("2026-03-10T08:00"), at("2026-03-10T10:00"))
    assert series.low is not None
    assert series.high is not None
    assert [491 / 21, 24.0] == pytest.approx(series.g_per_kwh.tolist())
    assert [27 / 21, 1.0] == pytest.approx(series.low.tolist())
    assert [44056 / 21, 2200.0] == pytest.approx(series.high.tolist())
    assert "2200 g/kWh of hydropower), so no saving here can stand out from it" in series.notes[0]
    assert (at("2026-03-10T08:00"), HOUR, "estimated", NOW) == (
        series.start,
        series.step,
        series.kind,
        series.retrieved_at,
    )


def test_it_says_whose_figure_it_is_and_that_it_is_not_for_trade() -> None:
    """Ours, from a published table, under a licence without commercial use, and without imports."""
    card = HydroQuebec.card
    assert "no commercial use" in card.licence
    assert "carbonsched's own" in card.attribution
    assert "IPCC AR5" in card.bases[0].factor_set
    assert "average lifecycle production CO2e" == str(card.bases[0])


def test_factors_are_those_of_the_table() -> None:
    """IPCC AR5 WGIII Annex III, Table A.III.2: medians and, for water, wind and sun, both ends."""
    medians = {name: factor.central for name, factor in FACTORS.items()}
    assert {"hydraulique": 24, "eolien": 11, "solaire": 48, "thermique": 490, "autres": 230} == medians
    assert (1, 2200) == (FACTORS["hydraulique"].low, FACTORS["hydraulique"].high)
    assert (7, 56) == (FACTORS["eolien"].low, FACTORS["eolien"].high)
    assert (18, 180) == (FACTORS["solaire"].low, FACTORS["solaire"].high)


def test_closed_years_come_from_their_own_data_set(wire: responses.RequestsMock) -> None:
    """Its columns have no prefix and its rows stand on the hour."""
    rows = [row("2025-01-01T05:00:00+00:00", mix(), prefix=""), row("2025-01-01T06:00:00+00:00", mix(), prefix="")]
    wire.get(PAST, json={"total_count": 2, "results": rows})
    series = source().series("CA-QC", BASIS, at("2025-01-01T05:00"), at("2025-01-01T07:00"))
    assert (at("2025-01-01T05:00"), 2) == (series.start, len(series))


def test_what_both_data_sets_have_is_taken_from_the_closed_one(wire: responses.RequestsMock) -> None:
    """Over the border of two days ago both are asked, and the settled figure counts."""
    wire.get(PAST, json={"results": [row("2026-03-08T13:00:00+00:00", mix(0.0), prefix="")]})
    both = [row("2026-03-08T13:30:00+00:00", mix()), row("2026-03-08T14:30:00+00:00", mix())]
    wire.get(RECENT, json={"results": both})
    series = source().series("CA-QC", BASIS, at("2026-03-08T11:00"), at("2026-03-08T15:00"))
    assert [24.0, 491 / 21] == pytest.approx(series.g_per_kwh.tolist())


@pytest.mark.parametrize(
    "figures",
    [
        {"total": 0.0, **dict.fromkeys(FACTORS)},
        mix(thermique=None),
        mix() | {"total": None},
        mix() | {"total": 30000.0},
        mix(solaire=-500.0),
        {},
    ],
    ids=["placeholder", "thermal-not-told-yet", "no-total", "does-not-add-up", "far-below-zero", "empty"],
)
def test_an_hour_whose_mix_is_not_whole_is_a_gap(figures: dict[str, float | None]) -> None:
    """Thermal power is told six hours late: without it an hour would look cleaner than it was."""
    rows = [row("2026-03-10T08:30:00+00:00", figures)]
    assert [] == list(parse_records(rows, prefix="valeurs_"))


def test_a_plant_at_rest_draws_little() -> None:
    """A few megawatts below zero are its own use and count as none."""
    [hour] = parse_records([row("2026-03-10T08:30:00+00:00", mix(solaire=-3.0))], prefix="valeurs_")
    assert 0.0 == hour.mw["solaire"]


def test_a_row_without_a_time_tells_no_hour() -> None:
    """Some rows of past years have a blank date."""
    rows = [row("2026-03-10T08:30:00+00:00", mix()) | {"date": None}]
    assert [] == list(parse_records(rows, prefix="valeurs_"))


@pytest.mark.parametrize("moment", ["2026-03-10T08:10:00+00:00", "2026-03-10T08:30:00", "soon", 5])
def test_a_row_at_another_time_is_refused(moment: object) -> None:
    """Rows stand on the hour or amid it, with an offset."""
    with pytest.raises(SourceUnavailable):
        parse_records([row("x", mix()) | {"date": moment}], prefix="valeurs_")


@pytest.mark.parametrize("cell", ["20000", True, [], 1e999])
def test_a_power_that_is_no_number_is_refused(cell: object) -> None:
    """The row is named."""
    rows = [row("2026-03-10T08:30:00+00:00", mix()) | {"valeurs_hydraulique": cell}]
    with pytest.raises(SourceUnavailable, match="hydraulique of 2026-03-10T08:30:00Z"):
        parse_records(rows, prefix="valeurs_")


def test_an_hour_told_in_two_ways_is_not_known() -> None:
    """Nobody can tell which is right; told twice alike it is known."""
    rows = [row("2026-03-10T08:30:00+00:00", mix()), row("2026-03-10T08:30:00+00:00", mix(5.0))]
    assert {} == by_hour(parse_records(rows, prefix="valeurs_"))
    assert [at("2026-03-10T08:00")] == list(by_hour(parse_records(rows[:1] * 2, prefix="valeurs_")))


def test_the_older_file_is_read_on_montreals_clock(wire: responses.RequestsMock) -> None:
    """Nine in the morning there is 13:00 UTC in March; what has no figures yet is left out."""
    told = feed(("2026-03-10T06:30:00", mix()), ("2026-03-10T07:30:00", {}), ("2026-03-10T23:30:00", {}))
    wire.get(FILE, json=told, match=[query_param_matcher({}, strict_match=True)])
    series = source(feed="file").series("CA-QC", BASIS, at("2026-03-10T00:00"), at("2026-03-11T00:00"))
    assert (at("2026-03-10T10:00"), 1) == (series.start, len(series))


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    """In autumn two rows of one o'clock that differ are the first and the second."""
    rows = feed(("2025-11-02T00:30:00", mix(1.0)), ("2025-11-02T01:30:00", mix(2.0)), ("2025-11-02T01:30:00", mix(3.0)))
    wind = {hour: figures["eolien"] for hour, figures in by_hour(parse_feed(rows)).items()}
    assert {at("2025-11-02T04:00"): 1.0, at("2025-11-02T05:00"): 2.0, at("2025-11-02T06:00"): 3.0} == wind


@pytest.mark.parametrize(
    "rows",
    [
        [("2025-11-02T01:30:00", mix(2.0))],
        [("2025-11-02T01:30:00", mix(2.0)), ("2025-11-02T01:30:00", mix(2.0))],
        [("2025-11-02T01:30:00", mix(float(i))) for i in range(3)],
        [("2025-11-02T01:30:00", mix(2.0)), ("2025-11-02T01:30:00", mix(3.0)), ("2025-11-02T00:30:00", {})],
        [("2026-03-08T02:30:00", mix())],
    ],
    ids=["one-of-two", "the-same-twice", "three", "not-in-order", "a-time-that-never-was"],
)
def test_an_hour_that_cannot_be_told_apart_is_a_gap(rows: list[tuple[str, dict[str, float | None]]]) -> None:
    """Nobody guesses which of two hours was meant."""
    assert {} == by_hour(parse_feed(feed(*rows)))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:30:00", "soon", "2026-13-01T00:00:00"])
def test_a_time_that_is_none_is_refused(moment: str) -> None:
    """Also where it could not be told in UTC."""
    with pytest.raises(SourceUnavailable, match="date is"):
        parse_feed(feed((moment, mix())))


@pytest.mark.parametrize("answer", [None, [], {}, {"details": 3}, {"details": [3]}, {"details": [{"date": "soon"}]}])
def test_a_file_of_another_shape_is_refused(answer: object) -> None:
    """The error says which part is not what it was."""
    with pytest.raises(SourceUnavailable, match="hydro-quebec"):
        parse_feed(answer)


def test_a_feed_that_there_is_not_is_refused() -> None:
    """The two that there are, are named."""
    with pytest.raises(UnknownName, match="feed") as caught:
        source(feed="rss")
    assert "portal" in caught.value.hint


def test_the_future_is_not_covered(wire: responses.RequestsMock) -> None:
    """Placeholders hold no mix."""
    rows = [row("2026-03-10T20:30:00+00:00", {"total": 0.0} | dict.fromkeys(FACTORS))]
    wire.get(RECENT, json={"results": rows})
    with pytest.raises(NotCovered):
        source().series("CA-QC", BASIS, at("2026-03-10T20:00"), at("2026-03-10T22:00"))


@given(
    mw=st.fixed_dictionaries({name: st.floats(0, 50000) for name in FACTORS}).filter(lambda mw: sum(mw.values()) > 1)
)
def test_an_intensity_lies_between_those_of_its_parts(mw: dict[str, float]) -> None:
    """A weighted mean of the technologies that run, at each end of the range."""
    figure = intensity(mw)
    running = [FACTORS[name] for name, power in mw.items() if power > 0]
    assert min(one.central for one in running) - 1e-6 <= figure.central <= max(one.central for one in running) + 1e-6
    assert figure.low <= figure.central <= figure.high


@settings(max_examples=100)
@given(first=st.integers(0, 365 * 24), hours=st.integers(1, 60))
def test_the_older_file_never_moves_an_hour(first: int, hours: int) -> None:
    """Whatever the clocks do in between, a mix comes out at its own hour or not at all."""
    start = at("2025-01-01") + HOUR * first
    moments = [start + HOUR * i for i in range(hours)]
    told = feed(*((f"{one.astimezone(MONTREAL):%Y-%m-%dT%H:%M:%S}", mix(float(i))) for i, one in enumerate(moments)))
    found = by_hour(parse_feed(json.loads(json.dumps(told))))
    assert all(figures["eolien"] == moments.index(hour) for hour, figures in found.items())
    assert len(moments) - len(found) <= 1
