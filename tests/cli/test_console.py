"""What commands print with: aligned text, one JSON object, talk on stderr."""

from __future__ import annotations

import json
import math

import pytest

from cli.console import emit_json, say, table


def test_words_go_left_and_numbers_right() -> None:
    """Columns align, headers with them, and no line ends in blanks."""
    expected = "name    kg   share\nquebec   9  12.5 %\nfrance  10"
    assert expected == table(["name", "kg", "share"], [["quebec", "9", "12.5 %"], ["france", "10", ""]])


def test_numbers_with_separators_and_signs_are_numbers() -> None:
    """Thousands, signs and blanks stay in a number's column."""
    assert "   kg\n1,204\n -3.5\n    -" == table(["kg"], [["1,204"], ["-3.5"], ["-"]])


def test_a_column_with_a_word_goes_left() -> None:
    """One word makes a column of words."""
    assert "kg\n12\nnone" == table(["kg"], [["12"], ["none"]])


def test_a_table_without_rows_is_its_header() -> None:
    """Nothing to list is still a list."""
    assert "name  kg" == table(["name", "kg"], [])


def test_a_row_of_another_width_is_a_mistake() -> None:
    """Cells and headers are as many."""
    with pytest.raises(ValueError, match="zip"):
        table(["a", "b"], [["1"]])


def test_json_carries_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """One object on stdout, version first, letters as they are."""
    emit_json({"zone": "Québec"})
    out = capsys.readouterr().out
    assert {"schema": 1, "zone": "Québec"} == json.loads(out)
    assert "Québec" in out


def test_json_refuses_nan(capsys: pytest.CaptureFixture[str]) -> None:
    """A gap is null, never a word that JSON does not know."""
    with pytest.raises(ValueError, match="JSON"):
        emit_json({"g_per_kwh": math.nan})
    assert "" == capsys.readouterr().out


def test_talk_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Data and talk do not mix."""
    say("asking the source")
    assert ("", "asking the source\n") == tuple(capsys.readouterr())
