"""The users' own intensity tables: read to the letter, or refused with file, line and way out."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.csv_file import CsvFile
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.ports import IntensitySource

HOURLY = """utc,CA-QC,NO,NA
2024-01-01T00:00:00Z,30,20,100
2024-01-01T01:00:00Z,31,,110.5
2024-01-01T02:00:00Z,32,22,0
"""
DIRECT = Basis(boundary="direct")


def at(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def saved(folder: Path, text: str, name: str = "table.csv") -> Path:
    """A file that holds the text."""
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def rows(*lines: str, header: str = "utc,FR") -> str:
    """A table of the lines under the header."""
    return "\n".join((header, *lines)) + "\n"


def whole(source: CsvFile, zone: str, basis: Basis = DEFAULT_BASIS) -> list[float]:
    """Everything that the file has of a zone."""
    return [float(value) for value in source.series(zone, basis, source.start, source.end).g_per_kwh]


def test_it_is_an_intensity_source(tmp_path: Path) -> None:
    """It fits the port, and its zones stand in the file's order, NO and NA among them."""
    source: IntensitySource = CsvFile(saved(tmp_path, HOURLY))
    assert ("csv-file", ("CA-QC", "NO", "NA")) == (source.name, source.zones())


def test_figures_step_and_provenance(tmp_path: Path) -> None:
    """Values, start, step and the file's name come out as they stand."""
    series = CsvFile(saved(tmp_path, HOURLY)).series("NA", DEFAULT_BASIS, at("2024-01-01"), at("2024-01-01T03:00"))
    assert [100.0, 110.5, 0.0] == series.g_per_kwh.tolist()
    assert (at("2024-01-01"), timedelta(hours=1)) == (series.start, series.step)
    assert ("table.csv", "observed", DEFAULT_BASIS) == (series.source.name, series.kind, series.basis)


def test_a_blank_cell_is_a_gap(tmp_path: Path) -> None:
    """Nothing is filled in."""
    assert [20.0, pytest.approx(float("nan"), nan_ok=True), 22.0] == whole(CsvFile(saved(tmp_path, HOURLY)), "NO")


def test_a_missing_row_is_a_gap(tmp_path: Path) -> None:
    """Where the step stays whole the interval is there, and unknown."""
    text = rows("2024-01-01T00:00Z,1", "2024-01-01T01:00Z,2", "2024-01-01T04:00Z,5", "2024-01-01T05:00Z,6")
    source = CsvFile(saved(tmp_path, text))
    assert timedelta(hours=1) == source.step
    assert [1.0, 2.0, None, None, 5.0, 6.0] == [None if np.isnan(v) else v for v in whole(source, "FR")]


def test_gzip_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    """A packed table is unpacked, by its suffix or by its content."""
    for name in ("table.csv.gz", "table.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(HOURLY.encode()))
        assert [30.0, 31.0, 32.0] == whole(CsvFile(path), "CA-QC")


@pytest.mark.parametrize(
    ("first", "second", "step"),
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", timedelta(seconds=1)),
        ("2024-01-01T00:00Z", "2024-01-01T00:05Z", timedelta(minutes=5)),
        ("2024-01-01", "2024-01-02", timedelta(days=1)),
        ("2024-01-01 00:00:00", "2024-01-01 00:30:00", timedelta(minutes=30)),
        ("2024-01-01T00:00:00+00:00", "2024-01-01T01:00:00.000Z", timedelta(hours=1)),
    ],
)
def test_the_step_is_read_from_the_rows(tmp_path: Path, first: str, second: str, step: timedelta) -> None:
    """Any step from a second to a day; a time without offset is UTC, as the column's name says."""
    source = CsvFile(saved(tmp_path, rows(f"{first},1", f"{second},2")))
    assert (step, at("2024-01-01"), at("2024-01-01") + 2 * step) == (source.step, source.start, source.end)


def test_header_and_cells_may_have_blanks_and_a_byte_order_mark(tmp_path: Path) -> None:
    """What spreadsheets add changes nothing."""
    text = "\ufeffutc, FR ,DE\r\n2024-01-01T00:00Z, 1 ,  \r\n\r\n2024-01-01T01:00Z,2,3\r\n"
    source = CsvFile(saved(tmp_path, text))
    assert [1.0, 2.0] == whole(source, "FR")
    assert np.isnan(whole(source, "DE")[0])


def test_the_utc_column_may_stand_anywhere(tmp_path: Path) -> None:
    """Its name finds it, not its place."""
    text = rows("1,2024-01-01T00:00Z", "2,2024-01-01T01:00Z", header="FR,utc")
    assert [1.0, 2.0] == whole(CsvFile(saved(tmp_path, text)), "FR")


def test_a_column_may_name_its_boundary(tmp_path: Path) -> None:
    """Direct and life-cycle of one zone stand side by side and never answer for each other."""
    text = rows("2024-01-01T00:00Z,0.5,28", "2024-01-01T01:00Z,0.7,29", header="utc,CA-QC|direct,CA-QC|lca")
    source = CsvFile(saved(tmp_path, text))
    assert ("CA-QC",) == source.zones()
    assert [0.5, 0.7] == whole(source, "CA-QC", DIRECT)
    assert [28.0, 29.0] == whole(source, "CA-QC", DEFAULT_BASIS)


def test_the_basis_is_the_callers(tmp_path: Path) -> None:
    """A table of marginal figures answers for these only, and the error says what it has."""
    marginal = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
    source = CsvFile(saved(tmp_path, HOURLY), marginal)
    assert [30.0, 31.0, 32.0] == whole(source, "CA-QC", marginal)
    with pytest.raises(NotCovered, match=r"table.csv has no 'average lifecycle consumption CO2e' for CA-QC") as caught:
        whole(source, "CA-QC")
    assert "it has marginal direct n/a CO2" == caught.value.hint


def test_an_unknown_zone_is_answered_with_the_files_zones(tmp_path: Path) -> None:
    """A country of a zone in the file is unknown too."""
    with pytest.raises(NotCovered, match="no zone 'CA'") as caught:
        whole(CsvFile(saved(tmp_path, HOURLY)), "CA")
    assert "it has CA-QC, NO, NA" == caught.value.hint


def test_only_the_intervals_that_touch_are_given(tmp_path: Path) -> None:
    """From 00:30 to 01:30 the first two intervals answer; beyond the file it covers less."""
    source = CsvFile(saved(tmp_path, HOURLY))
    series = source.series("CA-QC", DEFAULT_BASIS, at("2024-01-01T00:30"), at("2024-01-01T01:30"))
    assert (at("2024-01-01"), [30.0, 31.0]) == (series.start, series.g_per_kwh.tolist())
    beyond = source.series("CA-QC", DEFAULT_BASIS, at("2023-12-01"), at("2024-02-01"))
    assert (source.start, source.end) == (beyond.start, beyond.end)


@pytest.mark.parametrize(("start", "end"), [("2023-12-31", "2024-01-01"), ("2024-01-01T03:00", "2024-01-02")])
def test_outside_the_file_nothing_is_known(tmp_path: Path, start: str, end: str) -> None:
    """The error says from when to when it knows."""
    with pytest.raises(NotCovered, match="has nothing between") as caught:
        CsvFile(saved(tmp_path, HOURLY)).series("NO", DEFAULT_BASIS, at(start), at(end))
    assert "it runs from 2024-01-01T00:00:00Z to 2024-01-01T03:00:00Z" == caught.value.hint


def test_an_empty_interval_is_refused(tmp_path: Path) -> None:
    """The end comes after the start."""
    with pytest.raises(InvalidInput, match="is empty"):
        CsvFile(saved(tmp_path, HOURLY)).series("NO", DEFAULT_BASIS, at("2024-01-01"), at("2024-01-01"))


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.none() | st.floats(0, 2000, allow_nan=False), min_size=2, max_size=40),
    step_s=st.integers(1, 86_400),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], step_s: int
) -> None:
    """Any step, any figures, any gaps."""
    begin = at("2023-12-31T22:00")
    lines = [
        f"{(begin + timedelta(seconds=step_s * i)).isoformat()},{'' if value is None else repr(value)}"
        for i, value in enumerate(values)
    ]
    source = CsvFile(saved(tmp_path_factory.mktemp("t"), rows(*lines)))
    assert timedelta(seconds=step_s) == source.step
    assert values == [None if np.isnan(v) else v for v in whole(source, "FR")]


HOUR = ("2024-01-01T00:00Z,1", "2024-01-01T01:00Z,2", "2024-01-01T02:00Z,3")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", r"table\.csv is empty", "header"),
        ("\nutc,FR\n", r"table\.csv is empty", "header"),
        ("utc,FR\n", r"has a header and no rows", "row"),
        (rows(HOUR[0]), r"has one row", "next interval"),
        (rows(*HOUR, header="time,FR"), r"line 1: there is no column 'utc'", "start of each interval"),
        (rows("2024-01-01;1", header="utc;FR"), r"line 1: there is no column 'utc'", "commas"),
        ("utc\n2024-01-01\n2024-01-02\n", r"line 1: there is no zone", "column a zone"),
        (rows("2024-01-01,1,2", header="utc,FR,FR"), r"line 1: the column 'FR' is there twice", "keep one"),
        (rows("2024-01-01,1,2", header="utc,FR,FR|lca"), r"line 1: the column 'FR' is there twice", "keep one"),
        (rows("2024-01-01,2024-01-01,2", header="utc,utc,FR"), r"line 1: the column 'utc' is there twice", "keep one"),
        (rows("2024-01-01,1,2", header="utc,FR,"), r"line 1: the column '' names no zone", "ZONE"),
        (rows("2024-01-01,1", header="utc,FR|total"), r"line 1: the column 'FR\|total'", "direct, lifecycle, lca"),
        (rows("2024-01-01,1", header="utc,FR|"), r"line 1: the column 'FR\|'", "direct, lifecycle, lca"),
        (rows(HOUR[0], "2024-01-01T01:00Z,2,3"), r"line 3: 3 cells under a header of 2", "commas"),
        (rows(HOUR[0], "2024-01-01T01:00Z"), r"line 3: 1 cells under a header of 2", "blank"),
        (rows(HOUR[0], 'x,"y'), r"line 3: unexpected end of data", "quoting"),
        (rows(HOUR[0], "soon,2"), r"line 3: 'soon' is not a time", "2026-03-01T06:00:00Z"),
        (rows(HOUR[0], "2024-02-30T00:00Z,2"), r"line 3: '2024-02-30T00:00Z' is not a time", "Z"),
        (rows(HOUR[0], "2024-01-01T02:00+01:00,2"), r"line 3: '2024-01-01T02:00\+01:00' is not UTC", "convert"),
        (rows(HOUR[0], HOUR[0]), r"line 3: 2024-01-01T00:00Z is there twice", "keep one"),
        (rows(HOUR[0], HOUR[2], HOUR[1]), r"line 4: 2024-01-01T01:00Z comes before", "sort"),
        (rows(*HOUR, "2024-01-01T03:30Z,4"), r"line 5: 1h30m after the row before, in a table of 1h steps", "one step"),
        (rows(*HOUR, "2024-01-01T02:05Z,9", "2024-01-01T03:00Z,4"), r"line 5: 5m after", "one step"),
        (rows("2024-01-01,1", "2024-01-08,2"), r"steps of 7d", "between one second and one day"),
        (rows("2024-01-01T00:00:00Z,1", "2024-01-01T00:00:00.5Z,2"), r"steps of 0\.5s", "between one second"),
        (rows(*HOUR, "9024-01-01T00:00Z,1"), r"spans 61\d+ intervals of 1h", "date"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,-1"), r"line 4: FR: '-1' is negative", "gap blank"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,inf"), r"line 4: FR: 'inf' is infinite", "gap blank"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,1e999"), r"line 4: FR: '1e999' is infinite", "gap blank"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,nan"), r"line 4: FR: 'nan' is not a number", "gap blank"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,n/a"), r"line 4: FR: 'n/a' is not a number", "gap blank"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,1_0"), r"line 4: FR: '1_0' is not a number", "gap blank"),
        (rows(*HOUR[:2], "2024-01-01T02:00Z,\u0663"), r"line 4: FR: '\u0663' is not a number", "gap blank"),
        (rows(*HOUR[:2], '2024-01-01T02:00Z,"31,5"'), r"line 4: FR: '31,5' is not a number", "gap blank"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """One line names the file, the line and the cell; the hint names the way out."""
    with pytest.raises(InvalidInput, match=message) as caught:
        CsvFile(saved(tmp_path, text))
    assert caught.value.message.startswith("table.csv")
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_lines_are_counted_with_the_blank_ones(tmp_path: Path) -> None:
    """The line in the error is the line in the editor."""
    with pytest.raises(InvalidInput, match="line 5: FR: 'x'"):
        CsvFile(saved(tmp_path, "utc,FR\n\n2024-01-01T00:00Z,1\n\n2024-01-01T01:00Z,x\n"))


def test_every_column_is_checked_at_once(tmp_path: Path) -> None:
    """A wrong cell in a zone that nobody asked for is found on opening."""
    with pytest.raises(InvalidInput, match="line 3: DE: 'x'"):
        CsvFile(saved(tmp_path, rows("2024-01-01T00:00Z,1,2", "2024-01-01T01:00Z,1,x", header="utc,FR,DE")))


@pytest.mark.parametrize("content", [b"utc,FR\n2024-01-01,1\n", gzip.compress(b"utc,FR\n" * 50, mtime=0)[:-9], b""])
def test_a_broken_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file called .gz that is none, or is cut off, is named."""
    path = tmp_path / "table.csv.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"table\.csv\.gz is (no whole gzip file|empty)"):
        CsvFile(path)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """What is not UTF-8 is not guessed at."""
    path = tmp_path / "table.csv"
    path.write_bytes(HOURLY.encode("utf-16"))
    with pytest.raises(InvalidInput, match=r"table\.csv is not UTF-8 text: byte 0"):
        CsvFile(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The whole path stands in the error."""
    with pytest.raises(InvalidInput, match=f"there is no file {tmp_path}/none.csv"):
        CsvFile(tmp_path / "none.csv")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    """A path that cannot be read says why."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        CsvFile(tmp_path)
