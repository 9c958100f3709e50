"""`carbonsched intensity`: the shipped tables, listed and shown."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli.intensity import NOTE, app
from scheduler.domain.errors import NotCovered


def printed(*args: str) -> str:
    """The stdout of a call that succeeds."""
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_zones_are_listed_with_basis_years_and_last_figure() -> None:
    """A row a zone and basis."""
    lines = printed("zones").splitlines()
    assert ["zone", "basis", "years", "last", "g/kWh"] == lines[0].split()
    words = [" ".join(line.split()) for line in lines]
    assert "FR average lifecycle consumption CO2e 2021-2025 31" in words
    assert "CA marginal direct n/a CO2 2021 372" in words


def test_zones_as_json() -> None:
    """The same rows, each with its last figure, range and credit."""
    data = json.loads(printed("zones", "--json"))
    assert 1 == data["schema"]
    france = next(row for row in data["zones"] if row["zone"] == "FR" and "lifecycle" in row["basis"])
    assert [2021, 2022, 2023, 2024, 2025] == france["years"]
    assert (31.0, 26.3, "ODbL-1.0") == tuple(france["last"][key] for key in ("g_per_kwh", "low", "licence"))


def test_a_zone_is_shown_with_sources_and_a_caution() -> None:
    """Every figure points to its source; averages are not taken for causes."""
    text = printed("show", "CA-QC")
    assert "2024     35  29.8  40.2  average lifecycle consumption CO2e  [1]" in text
    assert "[1] Electricity Maps" in text
    assert "ODbL-1.0" in text
    assert text.endswith(f"{NOTE}\n")


def test_one_year_is_shown_alone() -> None:
    """--year leaves the other years out, on every basis."""
    data = json.loads(printed("show", "FR", "--year", "2024", "--json"))
    assert ("FR", 1) == (data["zone"], data["schema"])
    assert [(2024, "lifecycle", 33.0), (2024, "direct", 21.7)] == [
        (row["year"], row["boundary"], row["g_per_kwh"]) for row in data["rows"]
    ]


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (("show", "FRA"), "no zone 'FRA'", "they have: FR,"),
        (("show", "FR", "--year", "2019"), "no 2019 for FR", "2021-2025"),
        (("show", "CA", "--year", "2024"), "no 2024 for CA", "they have 2021"),
    ],
)
def test_what_the_tables_lack_is_said(args: tuple[str, ...], message: str, hint: str) -> None:
    """The error names it and the hint lists what is there."""
    with pytest.raises(NotCovered, match=message) as caught:
        CliRunner().invoke(app, args, catch_exceptions=False)
    assert hint in caught.value.hint
