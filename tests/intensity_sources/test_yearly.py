"""The shipped tables: whole, credited, apart by licence, and read strictly."""

from __future__ import annotations

import pytest

from intensity_sources.yearly import COLUMNS, DATA, FILES, YearRow, parse_rows, read_rows
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.errors import InvalidInput

ELECTRICITY_MAPS, OTHERS = FILES
HEADER = ",".join(COLUMNS)
GOOD = "FR,2024,average,lifecycle,consumption,CO2e,33,28,38,someone,ODbL-1.0"


def rows(path: object = ELECTRICITY_MAPS) -> list[YearRow]:
    """The rows of a shipped table."""
    return [row for file in FILES if file == path for row in read_rows(file)]


def test_twenty_two_zones_have_five_years() -> None:
    """Every zone of the life-cycle table has 2021 to 2025."""
    years: dict[str, list[int]] = {}
    for row in rows():
        years.setdefault(row.zone, []).append(row.year)
    assert 22 == len(years)
    assert all(found == [2021, 2022, 2023, 2024, 2025] for found in years.values())


@pytest.mark.parametrize(
    ("zone", "figures"),
    [
        ("CA-QC", [28, 28, 31, 35, 41]),
        ("FR", [60, 91, 49, 33, 31]),
        ("CA-ON", [54, 63, 76, 91, 111]),
        ("CA-BC", [48, 57, 76, 71, 71]),
        ("CA-MB", [57, 53, 47, 55, 74]),
        ("US-NY-NYIS", [266, 289, 286, 302, 314]),
        ("US-NE-ISNE", [272, 282, 286, 299, 309]),
        ("US-MIDA-PJM", [439, 434, 401, 403, 418]),
        ("US-TEX-ERCO", [431, 410, 394, 377, 363]),
        ("US-CAL-CISO", [278, 262, 263, 229, 208]),
        ("US-NW-BPAT", [92, 88, 123, 109, 129]),
        ("DE", [439, 475, 379, 341, 342]),
        ("GB", [239, 235, 200, 175, 176]),
        ("IE", [373, 405, 403, 352, 301]),
        ("ES", [172, 220, 153, 129, 136]),
        ("PL", [851, 876, 726, 581, 565]),
        ("CH", [107, 122, 64, 42, 50]),
        ("FI", [168, 133, 84, 80, 68]),
        ("SE-SE1", [15, 16, 16, 15, 15]),
        ("SE-SE3", [24, 25, 23, 21, 20]),
        ("NO-NO1", [30, 30, 29, 27, 24]),
        ("IS", [28, 27, 28, 28, 28]),
    ],
)
def test_life_cycle_averages(zone: str, figures: list[int]) -> None:
    """The five years of each zone, to the gram."""
    assert figures == [row.g_per_kwh.central for row in rows() if row.zone == zone]


def test_life_cycle_table_is_one_basis_one_source_one_licence() -> None:
    """The file under the ODbL holds nothing else."""
    assert {(DEFAULT_BASIS, "ODbL-1.0")} == {(row.basis, row.licence) for row in rows()}
    assert all("Electricity Maps" in row.source for row in rows())


def test_closed_years_range_fifteen_percent() -> None:
    """Low and high lie 15 % below and above, to the tenth."""
    for row in rows():
        figure = row.g_per_kwh
        assert (0.85 * figure.central, 1.15 * figure.central) == pytest.approx((figure.low, figure.high), abs=0.051)


def test_the_range_holds_the_other_vintage_of_france_2022() -> None:
    """The same provider says 91 and 99 for that year."""
    row = next(row for row in rows() if (row.zone, row.year) == ("FR", 2022))
    assert row.g_per_kwh.low < 91
    assert row.g_per_kwh.high > 99


def test_other_bases_are_direct_or_marginal_and_say_so() -> None:
    """Nothing in the second file can be taken for a life-cycle average."""
    found = rows(OTHERS)
    assert all(row.basis.boundary == "direct" for row in found)
    assert all(row.basis.flow == "n/a" and row.basis.gas == "CO2" for row in found if row.basis.signal == "marginal")
    assert {"CA": 372, "DE": 650, "FR": 158, "US": 416} == {
        row.zone: row.g_per_kwh.central for row in found if row.basis.signal == "marginal"
    }


def test_no_row_repeats_watttime() -> None:
    """Its terms forbid passing figures on."""
    assert not any("watttime" in row.source.lower() for path in FILES for row in read_rows(path))


def test_odbl_licence_lies_beside_its_table() -> None:
    """Credit and share-alike are stated where the file is."""
    text = (DATA / "LICENSE-ODbL.md").read_text(encoding="utf-8")
    for words in ("opendatacommons.org/licenses/odbl/1-0", "Electricity Maps", "Share alike", ELECTRICITY_MAPS.name):
        assert words in text


def test_a_good_row_is_read() -> None:
    """Zone, year, figure, source and licence come out as they stand."""
    (row,) = parse_rows(f"{HEADER}\n{GOOD}\n", what="t.csv")
    assert ("FR", 2024, 33.0, "someone", "ODbL-1.0") == (
        row.zone,
        row.year,
        row.g_per_kwh.central,
        row.source,
        row.licence,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zone,year\n", r"t\.csv line 1: the columns are not zone,year,signal"),
        ("", r"t\.csv line 1"),
        (f"{HEADER}\nFR,2024\n", r"t\.csv line 2: 11 filled cells"),
        (f"{HEADER}\n{GOOD.replace('someone', '')}\n", r"t\.csv line 2: 11 filled cells"),
        (f"{HEADER}\n{GOOD}\n{GOOD.replace('33', 'x')}\n", r"t\.csv line 3: could not convert"),
        (f"{HEADER}\n{GOOD.replace('2024', 'MMXXIV')}\n", r"t\.csv line 2: invalid literal"),
        (f"{HEADER}\n{GOOD.replace('average', 'typical')}\n", r"t\.csv line 2: basis signal 'typical'"),
        (f"{HEADER}\n{GOOD.replace('38', '8')}\n", r"t\.csv line 2: low 28, central 33, high 8"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(text: str, message: str) -> None:
    """The error names the file, the line and what is wrong there."""
    with pytest.raises(InvalidInput, match=message):
        list(parse_rows(text, what="t.csv"))
