"""A chain says what was chained, in that order, and nothing else: each change of it is found."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.records.chain import BadChain, Chain, Fact, canonical, chain_from, line_of, linked, parse_chain

FACTS = (
    Fact(kind="submitted", of="", at="2024-03-05T00:00:00Z", data={"public": "a" * 64}),
    Fact(kind="planned", of="1", at="2024-03-05T00:00:01Z", data={"public": "b" * 64}),
    Fact(kind="launched", of="cs-x-s1-a1", at="2024-03-05T00:00:02Z", data={"cluster": "france", "gpus": 8}),
)


def raw(*facts: Fact, job_id: str = "x") -> bytes:
    """The file of a chain."""
    return "".join(f"{line_of(entry)}\n" for entry in linked(Chain(job_id=job_id, entries=()), facts)).encode()


def test_a_chain_is_read_as_it_was_written() -> None:
    """Facts in their order, each with its number."""
    found = parse_chain("x", raw(*FACTS))
    assert [1, 2, 3] == [entry.n for entry in found.entries]
    assert [(f.kind, f.of, f.at, f.data) for f in FACTS] == [(e.kind, e.of, e.at, e.data) for e in found.entries]
    assert not found.torn


def test_adding_to_a_chain_is_the_same_as_writing_it_at_once() -> None:
    """One entry at a time, or all of them."""
    whole = parse_chain("x", raw(*FACTS))
    begun = parse_chain("x", raw(*FACTS[:1]))
    assert list(whole.entries[1:]) == linked(begun, FACTS[1:])


def test_an_unfinished_last_line_is_left_out_and_said() -> None:
    """A crash may cut a line off; the ones before it hold."""
    content = raw(*FACTS)
    found = parse_chain("x", content[:-20])
    assert (2, True) == (len(found.entries), found.torn)
    assert (0, False) == (len(parse_chain("x", b"").entries), parse_chain("x", b"").torn)


@given(st.integers(0, len(raw(*FACTS)) - 2), st.integers(0, 7))
def test_a_flipped_bit_is_found(at: int, bit: int) -> None:
    """Anywhere, but in the end of the last line, which makes it an unfinished one."""
    changed = bytearray(raw(*FACTS))
    changed[at] ^= 1 << bit
    with pytest.raises(BadChain, match="chain of job x"):
        parse_chain("x", bytes(changed))


def test_lines_that_are_swapped_repeated_or_taken_out_are_found() -> None:
    """And the first that does not follow is named."""
    one, two, three = raw(*FACTS).splitlines(keepends=True)
    for content, n in ((one + three + two, 2), (one + one, 2), (one + three, 2), (two + three, 1)):
        with pytest.raises(BadChain, match=f"entry {n} of the chain of job x does not follow"):
            parse_chain("x", content)


def test_a_chain_of_another_job_does_not_pass() -> None:
    """Its beginning is that job's own."""
    with pytest.raises(BadChain, match="entry 1 of the chain of job x does not follow"):
        parse_chain("x", raw(*FACTS, job_id="y"))


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "null",
        "{}",
        '{"n":1}',
        canonical({"n": 1, "at": "x", "kind": "planned", "of": "", "data": {}, "prev": "", "hash": "0" * 64}),
        canonical({"n": True, "at": "", "kind": "planned", "of": "", "data": {}, "prev": "", "hash": ""}),
        canonical({"n": 1, "at": "", "kind": "eaten", "of": "", "data": {}, "prev": "", "hash": ""}),
    ],
)
def test_what_is_no_entry_is_refused(line: str) -> None:
    """Whatever else it is."""
    with pytest.raises(BadChain, match="entry 1 of the chain of job x"):
        chain_from("x", [line])


def test_an_entry_whose_time_is_none_is_refused_although_its_hash_is_right() -> None:
    """It cannot have been written."""
    with pytest.raises(BadChain, match="is not an ISO 8601"):
        parse_chain("x", raw(Fact(kind="planned", of="", at="yesterday", data={})))


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()))
def test_canonical_text_is_ascii_and_the_same_again(value: dict[str, object]) -> None:
    """So a line can be compared to the letter."""
    finite = {name: each for name, each in value.items() if each not in (float("inf"), float("-inf"))}
    text = canonical(finite)
    assert text.isascii()
    assert text == canonical(json.loads(text))
