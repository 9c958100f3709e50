"""The yearly tables as a source: flat within a year, never for another zone or basis, and open about projections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.static_tables import StaticTables
from intensity_sources.yearly import COLUMNS
from scheduler.domain.basis import DEFAULT_BASIS, Basis, parse_basis
from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.ports import IntensitySource

TABLES = StaticTables()
MARGINAL = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")


def at(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_it_is_an_intensity_source() -> None:
    """It fits the port, by type and by name."""
    source: IntensitySource = TABLES
    assert "static-tables" == source.name
    assert {"CA-QC", "FR", "IS"} <= set(source.zones())


def test_a_closed_year_is_flat_with_its_range() -> None:
    """A week of 2024 in Quebec is 35 g/kWh throughout, within 15 %."""
    series = TABLES.series("CA-QC", DEFAULT_BASIS, at("2024-03-01"), at("2024-03-08"))
    assert series.low is not None
    assert series.high is not None
    assert [35.0] * 7 == series.g_per_kwh.tolist()
    assert ([29.8] * 7, [40.2] * 7) == (series.low.tolist(), series.high.tolist())
    assert (at("2024-03-01"), timedelta(days=1), "CA-QC") == (series.start, series.step, series.zone)


def test_a_year_is_never_an_observation() -> None:
    """No hour was observed: the kind is estimated for closed years too."""
    assert "estimated" == TABLES.series("FR", DEFAULT_BASIS, at("2022-01-01"), at("2022-01-02")).kind


def test_it_says_year_source_and_licence() -> None:
    """The series carries what a report must print."""
    series = TABLES.series("FR", DEFAULT_BASIS, at("2024-01-01"), at("2024-01-02"))
    assert ("static table, year 2024", "ODbL-1.0") == (series.source.name, series.source.licence)
    assert "Electricity Maps" in series.source.attribution
    assert ("2024", DEFAULT_BASIS) == (series.basis.year, series.basis)


def test_new_year_changes_the_figure() -> None:
    """Two days around the end of 2023 in France have two figures."""
    series = TABLES.series("FR", DEFAULT_BASIS, at("2023-12-31"), at("2024-01-02"))
    assert [49.0, 33.0] == series.g_per_kwh.tolist()
    assert "static table, years 2023-2024" == series.source.name


def test_parts_of_days_are_covered_whole() -> None:
    """From noon to noon the days at both ends are there."""
    series = TABLES.series("FR", DEFAULT_BASIS, at("2024-05-01T12:00"), at("2024-05-02T12:00"))
    assert (at("2024-05-01"), at("2024-05-03")) == (series.start, series.end)


@settings(max_examples=60, deadline=None)
@given(start_h=st.floats(0, 43_000), length_h=st.floats(0.01, 800))
def test_every_instant_asked_for_is_covered(start_h: float, length_h: float) -> None:
    """Within the table's years the series covers the whole interval, with no gap."""
    start = at("2021-01-01") + timedelta(hours=start_h)
    end = min(start + timedelta(hours=length_h), at("2026-01-01"))
    series = TABLES.series("DE", DEFAULT_BASIS, start, end)
    assert series.start <= start < end <= series.end
    assert not np.isnan(series.g_per_kwh).any()
    assert len(set(series.g_per_kwh.tolist())) <= end.year - start.year + 1


def test_a_year_beyond_the_table_is_not_answered() -> None:
    """2026 is refused, and the years that are there are named."""
    with pytest.raises(NotCovered, match="no 2026 for FR") as caught:
        TABLES.series("FR", DEFAULT_BASIS, at("2026-11-01"), at("2026-11-02"))
    assert "2021, 2022, 2023, 2024, 2025" in caught.value.hint


def test_an_interval_that_leaves_the_table_is_not_answered() -> None:
    """A part that is covered does not stand for the rest."""
    with pytest.raises(NotCovered, match="2026"):
        TABLES.series("FR", DEFAULT_BASIS, at("2025-12-31"), at("2026-01-02"))


def test_a_year_that_the_caller_names_is_projected() -> None:
    """2024's figure stands for 2026, within the least and the most of five years, and the name says so."""
    series = StaticTables(year=2024).series("FR", DEFAULT_BASIS, at("2026-11-01"), at("2026-11-02"))
    assert series.low is not None
    assert series.high is not None
    assert (33.0, 31.0, 91.0) == (series.g_per_kwh[0], series.low[0], series.high[0])
    assert ("static table, year 2024, projected", "estimated") == (series.source.name, series.kind)


def test_within_the_named_year_nothing_is_projected() -> None:
    """The year to use keeps its own range in its own days."""
    series = StaticTables(year=2024).series("FR", DEFAULT_BASIS, at("2024-12-31"), at("2025-01-02"))
    assert series.low is not None
    assert [28.1, 31.0] == series.low.tolist()
    assert [33.0, 33.0] == series.g_per_kwh.tolist()
    assert "static table, year 2024, projected" == series.source.name


def test_only_named_days_keep_the_plain_name() -> None:
    """A span inside the named year is that year's table and no projection."""
    series = StaticTables(year=2024).series("FR", DEFAULT_BASIS, at("2024-05-01"), at("2024-05-02"))
    assert "static table, year 2024" == series.source.name


def test_a_single_year_projects_with_its_own_range() -> None:
    """Where one year is listed nothing is known of the spread between years."""
    series = StaticTables(year=2021).series("FR", MARGINAL, at("2026-01-01"), at("2026-01-02"))
    assert series.low is not None
    assert series.high is not None
    assert (158.0, 79.0, 237.0) == (series.g_per_kwh[0], series.low[0], series.high[0])


def test_a_named_year_that_is_not_there_is_refused() -> None:
    """The year to use must be one of the table's."""
    with pytest.raises(NotCovered, match="no 2030 for FR"):
        StaticTables(year=2030).series("FR", DEFAULT_BASIS, at("2024-01-01"), at("2024-01-02"))


def test_a_country_never_answers_for_a_zone_in_it() -> None:
    """Canada's marginal factor is not Quebec's, nor Quebec's average Canada's."""
    with pytest.raises(NotCovered, match="no 'marginal direct n/a CO2' for CA-QC") as quebec:
        TABLES.series("CA-QC", MARGINAL, at("2021-05-01"), at("2021-05-02"))
    assert "average lifecycle consumption CO2e (2021-2025)" in quebec.value.hint
    with pytest.raises(NotCovered, match="for CA") as canada:
        TABLES.series("CA", DEFAULT_BASIS, at("2021-05-01"), at("2021-05-02"))
    assert "marginal direct n/a CO2 (2021)" in canada.value.hint


def test_a_basis_is_never_substituted() -> None:
    """Direct emissions by production do not answer for consumption."""
    with pytest.raises(NotCovered, match="average direct consumption CO2e"):
        TABLES.series("FR", parse_basis("average direct consumption CO2e"), at("2024-01-01"), at("2024-01-02"))


def test_an_unknown_zone_is_answered_with_the_nearest_first() -> None:
    """The zone that was meant leads the hint."""
    with pytest.raises(NotCovered, match="no zone 'ca-qb'") as caught:
        TABLES.series("ca-qb", DEFAULT_BASIS, at("2024-01-01"), at("2024-01-02"))
    assert caught.value.hint.startswith("they have: CA-QC")
    assert "\n" not in caught.value.hint


def test_many_zones_are_not_all_printed(tmp_path: Path) -> None:
    """Past thirty the hint names the command that lists them."""
    rows = [f"Z{i:03},2024,average,lifecycle,consumption,CO2e,1,1,1,invented,none" for i in range(200)]
    path = tmp_path / "many.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    with pytest.raises(NotCovered) as caught:
        StaticTables(files=[path]).rows_of("Q")
    assert caught.value.hint.endswith("and 170 more: carbonsched intensity zones")


def test_a_row_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Two figures for one zone, year and basis cannot both be meant."""
    row = "FR,2024,average,lifecycle,consumption,CO2e,{},1,99,invented,none"
    path = tmp_path / "twice.csv"
    path.write_text("\n".join([",".join(COLUMNS), row.format(33), row.format(34)]) + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"FR 2024 .* twice"):
        StaticTables(files=[path])


def test_years_with_a_hole_are_listed_one_by_one(tmp_path: Path) -> None:
    """2021 and 2023 are not a span."""
    row = "FR,{},average,lifecycle,consumption,CO2e,33,1,99,invented,none"
    path = tmp_path / "hole.csv"
    path.write_text("\n".join([",".join(COLUMNS), row.format(2021), row.format(2023)]) + "\n", encoding="utf-8")
    with pytest.raises(NotCovered) as caught:
        StaticTables(files=[path]).row("FR", MARGINAL)
    assert "(2021, 2023)" in caught.value.hint


def test_an_empty_interval_is_refused() -> None:
    """The end comes after the start."""
    with pytest.raises(InvalidInput, match="is empty"):
        TABLES.series("FR", DEFAULT_BASIS, at("2024-01-01"), at("2024-01-01"))


def test_a_naive_time_is_refused() -> None:
    """A time without zone names no instant."""
    with pytest.raises(InvalidInput, match="no time zone"):
        TABLES.series("FR", DEFAULT_BASIS, at("2024-01-01").replace(tzinfo=None), at("2024-01-02"))


def test_the_last_year_is_the_default_row() -> None:
    """Without a year the last closed one answers; a year that is not there is refused."""
    assert (2025, 31.0) == (TABLES.row("FR", DEFAULT_BASIS).year, TABLES.row("FR", DEFAULT_BASIS).g_per_kwh.central)
    assert 49.0 == TABLES.row("FR", DEFAULT_BASIS, 2023).g_per_kwh.central
    with pytest.raises(NotCovered, match="no 2019"):
        TABLES.row("FR", DEFAULT_BASIS, 2019)


def test_rows_begin_with_the_default_basis() -> None:
    """Within a zone the averages of life-cycle lead, by year."""
    assert [2021, 2022, 2023, 2024, 2025] == [row.year for row in TABLES.rows_of("FR")][:5]
    assert {DEFAULT_BASIS} == {row.basis for row in TABLES.rows_of("FR")[:5]}
