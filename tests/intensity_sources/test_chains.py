"""Which source answers for which zone: as text, as YAML, and what cannot be meant."""

from __future__ import annotations

import pytest

from intensity_sources.chains import chains_text, options_text, parse_chains, parse_options
from scheduler.domain.errors import InvalidInput


def test_names_alone_are_for_every_zone() -> None:
    """The first is asked first."""
    chains = parse_chains("electricity-maps, static-tables")
    assert ("electricity-maps", "static-tables") == chains.of("FR") == chains.of("CA-QC")


def test_a_zone_may_have_a_list_of_its_own() -> None:
    """The others have the default one; without one nobody answers for them."""
    chains = parse_chains("FR = rte-eco2mix, static-tables; default = static-tables")
    assert ("rte-eco2mix", "static-tables") == chains.of("FR")
    assert ("static-tables",) == chains.of("CA-QC")
    assert () == parse_chains("FR=rte-eco2mix").of("CA-QC")
    assert ("rte-eco2mix", "static-tables") == chains.names()


def test_text_is_read_back_as_it_was() -> None:
    """What is written down with a job opens the same chains."""
    chains = parse_chains("FR=a,b; default=c")
    assert chains == parse_chains(str(chains))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["a", "b"], "a, b"),
        ("a", "a"),
        ({"FR": ["a", "b"], "default": "c"}, "FR = a, b; default = c"),
    ],
)
def test_yaml_says_the_same(value: object, text: str) -> None:
    """A list, or a mapping of zones to lists."""
    assert parse_chains(text) == parse_chains(chains_text(value))


@pytest.mark.parametrize("text", ["", ";", "FR=", "=a", "a,,b", "a,a", "FR=a;FR=b", "FR=a; b; c"])
def test_what_names_no_source_is_refused(text: str) -> None:
    """Each slip is named with how it is written."""
    with pytest.raises(InvalidInput, match="sources"):
        parse_chains(text)


@pytest.mark.parametrize("value", [[["a"]], 5.5, {"FR": {"a": "b"}}, ["a;b"]])
def test_yaml_that_is_no_chain_is_refused(value: object) -> None:
    """Whatever else a file may hold."""
    with pytest.raises(InvalidInput):
        chains_text(value)


def test_options_are_by_source() -> None:
    """An address may hold an equals sign and a dot."""
    text = options_text({"electricity-maps": {"base_url": "http://127.0.0.1:9/v4?a=b"}, "csv-file": {"path": "/x"}})
    assert {
        "electricity-maps": {"base_url": "http://127.0.0.1:9/v4?a=b"},
        "csv-file": {"path": "/x"},
    } == parse_options(text)
    assert {} == parse_options("")
    assert {"a": {"b": "c"}, "d": {"e": "f"}} == parse_options("a.b = c; d.e=f")


def test_an_option_of_a_file_may_hold_what_it_likes() -> None:
    """WattTime's regions are pairs by semicolons; a number and a yes are text."""
    said = {"watttime": {"regions": "US-CAL-CISO=CAISO_NORTH; US-MIDA-PJM=PJM_DC", "n": 5, "flag": True}}
    found = parse_options(options_text(said))
    assert {"regions": "US-CAL-CISO=CAISO_NORTH; US-MIDA-PJM=PJM_DC", "n": "5", "flag": "true"} == found["watttime"]


@pytest.mark.parametrize("text", ["a", "a.b", "a.b=", ".b=c", "a.=c", "ab=c", '{"a": "b"}'])
def test_options_that_are_none_are_refused(text: str) -> None:
    """Each needs a source, a name and a value."""
    with pytest.raises(InvalidInput, match="not understood"):
        parse_options(text)


@pytest.mark.parametrize("value", [["a"], {"a": "b"}, 3])
def test_yaml_that_holds_no_options_is_refused(value: object) -> None:
    """A mapping of mappings, or nothing."""
    with pytest.raises(InvalidInput, match="no mapping"):
        options_text(value)


@pytest.mark.parametrize(("text", "message"), [("{", "no JSON"), ('{"a": {"b": ["c"]}}', "no text")])
def test_json_that_holds_no_options_is_refused(text: str, message: str) -> None:
    """A mapping of mappings of words, or nothing."""
    with pytest.raises(InvalidInput, match=message):
        parse_options(text)


def test_a_source_can_be_left_out() -> None:
    """A zone that has no other one is as any that is not listed; where nothing is left there are no chains."""
    chains = parse_chains("FR = static-tables; DE = watttime, static-tables; default = electricity-maps")
    left = chains.without("static-tables")
    assert left is not None
    assert (("electricity-maps",), ("watttime",)) == (left.of("FR"), left.of("DE"))
    assert left == parse_chains(str(left))
    assert parse_chains("FR = static-tables; default = static-tables").without("static-tables") is None
