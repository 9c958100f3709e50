"""JSON by its content: read, or refused in one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.web_json import amount, instant, items, members, parse_json, text
from intensity_sources.web_words import SHOWN, one_line, said, where_to
from scheduler.domain.errors import SourceUnavailable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100)
@given(value=JSON)
def test_json_is_read_as_it_is(value: object) -> None:
    """Whatever its content type said."""
    assert value == parse_json(json.dumps(value).encode(), source="example")


@settings(max_examples=200)
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_json_or_a_refusal(body: bytes) -> None:
    """No other error comes out, and the error is one line that names the source."""
    try:
        parse_json(body, source="example")
    except SourceUnavailable as exc:
        told = exc
    else:
        return
    assert told.message.startswith("example: ")
    assert 1 == len(told.message.splitlines())
    assert told.hint


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "its answer is empty"),
        (b"  \n", "its answer is empty"),
        (b"<!DOCTYPE html><html></html>", "it answered with a web page"),
        (b"\n <html>", "it answered with a web page"),
        (b'{"zone": "FR", "history": [{"carb', "no whole JSON"),
        (b"[NaN]", "no whole JSON"),
        (b"[Infinity]", "no whole JSON"),
        (b"[-Infinity]", "no whole JSON"),
        (b"Jwt is missing", "no whole JSON"),
        (b"\xff\xfe\x00", "no whole JSON"),
        (b"[" * 200_000, "nested beyond reading"),
        (b"1" * 5_000, "no whole JSON"),
        (b'{"a": 1} {"b": 2}', "no whole JSON"),
    ],
)
def test_what_is_no_json_is_named(body: bytes, why: str) -> None:
    """A page, a cut, a literal that JSON has not, a bomb."""
    with pytest.raises(SourceUnavailable, match=why):
        parse_json(body, source="example")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (members, []),
        (members, None),
        (items, {}),
        (items, "abc"),
        (text, ""),
        (text, 5),
        (instant, 5),
        (instant, "soon"),
    ],
)
def test_a_part_of_another_shape_is_refused_by_name(read: object, value: object) -> None:
    """The name of the part is in the error."""
    assert callable(read)
    with pytest.raises(SourceUnavailable, match="example: the part"):
        read(value, "the part", source="example")


@pytest.mark.parametrize("cell", ["2026-03-10T12:00:00", "2026-03-10", "2026-13-10T12:00:00Z"])
def test_a_time_without_zone_or_meaning_is_refused(cell: str) -> None:
    """Nobody knows which instant it is."""
    with pytest.raises(SourceUnavailable, match="example: the time"):
        instant(cell, "the time", source="example")


@pytest.mark.parametrize(
    "cell", ["2026-03-10T12:00:00.000Z", "2026-03-10T12:00:00Z", "2026-03-10T12:00:00+00:00", "2026-03-10T13:00+01:00"]
)
def test_every_way_to_write_a_time_is_read(cell: str) -> None:
    """With fraction, Z, offset or without seconds."""
    assert datetime(2026, 3, 10, 12, tzinfo=UTC) == instant(cell, "the time", source="example")


@pytest.mark.parametrize("value", [True, "5", [], -1, -0.5, float("inf"), 10**400])
def test_an_amount_is_a_number_that_is_not_negative(value: object) -> None:
    """And finite; zero is one, and null is none."""
    with pytest.raises(SourceUnavailable, match="the amount"):
        amount(value, "the amount", source="example")
    assert (0.0, None) == (amount(0, "x", source="example"), amount(None, "x", source="example"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"error": "Invalid auth-token", "message": "The provided token is invalid."}',
            "The provided token is invalid.. Invalid auth-token",
        ),
        (b'{"status": "error", "message": "Zone \'ZZ\' does not exist."}', "Zone 'ZZ' does not exist."),
        (b'{"error": "No recent data"}', "No recent data"),
        (b'{"error": "INVALID", "msg": "start is wrong", "docs": "https://docs"}', "start is wrong. INVALID"),
        (b'{"error": {"code": 5, "message": "inner"}}', "inner"),
        (b'"Forbidden"', "Forbidden"),
        (b"Unauthorized\n", "Unauthorized"),
        (b"<html>denied</html>", "a web page"),
        (b"", "nothing"),
        (b"a\r\nb\x1b[31m\tc", "a b [31m c"),
        (b"[1, 2]", "[1, 2]"),
    ],
)
def test_the_words_of_an_error_are_found_wherever_they_stand(body: bytes, words: str) -> None:
    """Under any of the names that providers have for them, in one printable line."""
    assert words == said(body)


@settings(max_examples=100)
@given(text=st.text(max_size=400))
def test_one_line_is_one_short_printable_line(text: str) -> None:
    """Whatever it is made of."""
    line = one_line(text)
    assert len(line) <= SHOWN
    assert line.isprintable()


@settings(max_examples=100)
@given(location=st.text(max_size=80))
def test_any_location_is_told_in_one_line(location: str) -> None:
    """It comes from whoever answered."""
    assert where_to(location).isprintable()
