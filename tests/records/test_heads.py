"""Heads pin every chain: what a later chain lacks or says otherwise is named, with the head that held it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.records.chain import BadChain, Chain, Fact, linked
from scheduler.records.heads import Head, _sealed, check_pinned, heads_from, line_of, next_head, tips_of
from tests.records.cases import T0


def chain(job_id: str, length: int, *, word: str = "a") -> Chain:
    """A chain of so many entries."""
    facts = [Fact(kind="planned", of=str(n), at="2024-03-05T00:00:00Z", data={"word": word}) for n in range(length)]
    return Chain(job_id=job_id, entries=tuple(linked(Chain(job_id=job_id, entries=()), facts)))


def made(*days: list[Chain], issues: tuple[str, ...] = ()) -> tuple[Head, ...]:
    """A head a day over the chains as they stood."""
    heads: tuple[Head, ...] = ()
    for n, chains in enumerate(days):
        head = next_head(heads, tips_of(chains), issues, T0 + timedelta(days=n))
        heads += (head,) if head else ()
    return heads


DAYS = ([chain("a", 1)], [chain("a", 2), chain("b", 1)], [chain("a", 2), chain("b", 3)])
NOW = {"a": chain("a", 2), "b": chain("b", 3)}


def test_a_head_lists_what_grew_and_counts_all() -> None:
    """A job that stood still is under the root all the same."""
    heads = made(*DAYS)
    assert [{"a"}, {"a", "b"}, {"b"}] == [set(head.grown) for head in heads]
    assert [1, 2, 2] == [head.jobs for head in heads]
    check_pinned(heads, NOW)


def test_a_day_has_one_head_while_nothing_changes() -> None:
    """And a new one comes with the day, an entry or an issue of a period."""
    heads = made(DAYS[0])
    tips = tips_of(DAYS[0])
    assert next_head(heads, tips, (), T0 + timedelta(hours=1)) is None
    for tips_then, issues, at in (
        (tips, (), T0 + timedelta(days=1)),
        (tips_of(DAYS[1]), (), T0),
        (tips, ("2024-03 1 ab",), T0),
    ):
        assert next_head(heads, tips_then, issues, at) is not None


def test_heads_are_read_as_they_were_written() -> None:
    """To the letter."""
    heads = made(*DAYS, issues=("2024-02 1 ab",))
    assert heads == heads_from(map(line_of, heads))


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"a": chain("a", 2)}, "job b is missing: head 2 of 2024-03-06"),
        (NOW | {"b": chain("b", 2)}, "the chain of job b was cut: head 3 of 2024-03-07 holds 3 entries"),
        (NOW | {"a": chain("a", 2, word="b")}, "entry 1 of the chain of job a is not the one that head 1"),
    ],
)
def test_what_a_head_held_and_is_not_there_is_named(now: dict[str, Chain], named: str) -> None:
    """A job, an entry, or what one said."""
    with pytest.raises(BadChain, match=named):
        check_pinned(made(*DAYS), now)


def test_a_changed_head_is_found() -> None:
    """Its hash, its root, its place, or what it takes back."""
    heads = made(*DAYS)
    lines = [line_of(head) for head in heads]
    for changed, named in (
        ([lines[1]], "head 1 does not follow"),
        ([lines[0], lines[2]], "head 2 does not follow"),
        ([lines[0].replace('"jobs":1', '"jobs":2')], "head 1 was changed"),
        (["{}"], "head 1 is no head"),
        (["[]"], "head 1 is not as it was written"),
        (['{"grown":1,"issues":[]}'], "head 1 is no head"),
    ):
        with pytest.raises(BadChain, match=named):
            heads_from(changed)


def test_a_head_that_says_less_of_a_job_than_one_before_it_is_refused() -> None:
    """However well it hashes."""
    heads = made(DAYS[1])
    shorter = next_head(heads, tips_of([chain("a", 1), chain("b", 1)]), (), T0)
    assert shorter is not None
    with pytest.raises(BadChain, match="head 2 holds less of job a"):
        heads_from(map(line_of, (*heads, shorter)))


def test_a_root_that_is_not_of_its_jobs_is_refused() -> None:
    """A head that was made up with a right hash over a wrong root."""
    (head,) = made(DAYS[0])
    forged = next_head((), {"a": (1, "0" * 64)}, (), T0)
    assert forged is not None
    wrong = replace(forged, root=head.root, hash="")
    sealed = _sealed(n=1, at=wrong.at, grown=wrong.grown, issues=(), jobs=1, root=wrong.root, prev=wrong.prev)
    with pytest.raises(BadChain, match="its root is not the one of its jobs"):
        heads_from([line_of(sealed)])


def test_what_is_to_be_sealed_is_a_few_lines_that_no_tag_drops() -> None:
    """Its lines go through git, which leaves out those that begin with a hash sign."""
    (head,) = made(DAYS[0])
    assert ["carbonsched evidence head 1", "day 2024-03-05", "jobs 1"] == head.text.splitlines()[:3]
    assert f"seal {head.hash}" == head.text.splitlines()[4]
    assert not any(line.startswith("#") for line in head.text.splitlines())
