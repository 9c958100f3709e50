"""What a source is connected with: text by name, and a slip of the pen is said with what there is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intensity_sources.csv_file import ANY_BASIS, CsvFile
from intensity_sources.options import one_of, only, whole_number
from intensity_sources.static_tables import StaticTables
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def setup(options: Mapping[str, str]) -> SourceSetup:
    """What a source without secrets is connected with."""
    return SourceSetup(options=options, secret=lambda _: None, clock=FakeClock(NOON))


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    """The hint lists what there is."""
    with pytest.raises(UnknownName, match="option of the source x 'pth'") as caught:
        only({"pth": "a"}, "path", "basis", source="x")
    assert "did you mean 'path'?" in caught.value.hint


def test_a_blank_option_is_as_good_as_none() -> None:
    """An empty line in the settings sets nothing."""
    assert {"path": "a"} == only({"path": " a ", "basis": " "}, "path", "basis", source="x")


@pytest.mark.parametrize("text", ["", "20x4", "2024.0", "-1", "٢٠٢٤"])
def test_a_number_is_written_in_digits(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidInput, match="whole number"):
        whole_number("year", text)


def test_a_word_is_one_of_those_there_are() -> None:
    """Another is refused with the list."""
    assert "a" == one_of("feed", "a", ["a", "b"])
    with pytest.raises(UnknownName, match="feed"):
        one_of("feed", "c", ["a", "b"])


def test_the_static_tables_take_a_year() -> None:
    """The year to use for every instant, projected outside it."""
    tables = StaticTables.connect(setup({"year": "2024"}))
    series = tables.series("FR", DEFAULT_BASIS, NOON, NOON.replace(hour=13))
    assert "static table, year 2024, projected" == series.source.name


def test_the_static_tables_refuse_what_is_no_year() -> None:
    """It is said at once, not at the first question."""
    with pytest.raises(InvalidInput, match="year 'last'"):
        StaticTables.connect(setup({"year": "last"}))


def test_a_table_takes_its_basis(tmp_path: Path) -> None:
    """What the file's numbers mean is the operator's word."""
    path = tmp_path / "t.csv"
    path.write_text("utc,FR\n2026-03-10T12:00Z,5\n2026-03-10T13:00Z,6\n", encoding="utf-8")
    basis = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
    table = CsvFile.connect(setup({"path": str(path), "basis": str(basis)}))
    assert basis == table.series("FR", basis, NOON, NOON.replace(hour=14)).basis


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs the option 'path'"),
        ({"path": "/no/such/table.csv"}, "no file"),
        ({"path": "x.csv", "basis": "sideways"}, "signal 'sideways' is unknown"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(options: dict[str, str], words: str) -> None:
    """A missing path, a missing file, a basis that is none."""
    with pytest.raises(InvalidInput, match=words):
        CsvFile.connect(setup(options))


def test_a_table_may_mean_any_basis_that_makes_sense() -> None:
    """Averages have a flow and marginals none."""
    assert 12 == len(ANY_BASIS) == len(set(ANY_BASIS))
    assert DEFAULT_BASIS in ANY_BASIS
    assert all((basis.signal == "marginal") == (basis.flow == "n/a") for basis in ANY_BASIS)
