"""Statements and issues travel with the records of jobs, sealed; what was stated otherwise is refused whole."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.records.backup import write_backup
from scheduler.records.backup_restore import restore_backup
from scheduler.records.bundle import Imported, export_lines, import_lines
from scheduler.records.periods import Issue, add_issue, issues_of
from scheduler.records.periods_calendar import parse_period
from scheduler.records.state_folder import StateFolder
from scheduler.records.statements import Statement, state, statements_of
from scheduler.records.store import Store, open_store
from tests.records.cases import T0, document, make_cluster, make_row

MARCH = parse_period("2024-03", "UTC")


def opened(root: Path) -> Store:
    """A store."""
    return open_store(StateFolder(root))


def statement(kg: float, days: int = 0) -> Statement:
    """A statement of a job of so many kilograms."""
    at = T0 + timedelta(days=days)
    return Statement(
        job_id="j1", number=0, as_of=at, made_at=at, status="provisional", cause="first", why="",
        figures={"emissions_kg": {"total": kg}},
    )  # fmt: skip


def issue(kg: float) -> Issue:
    """An issue of March of so many kilograms."""
    return Issue(
        period=MARCH, number=0, made_at=T0, status="final", cause="first", figures={"emissions_kg": {"total": kg}}
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a job that was stated twice, and a month that was closed twice."""
    made = opened(tmp_path / "state")
    with made.writing() as tx:
        tx.add_job(make_row())
        tx.add_plan("j1", T0, document([make_cluster()], [("france", 0, 10)]))
        for kg in (1.0, 1.5):
            state(tx, statement(kg))
            add_issue(tx, issue(kg))
    return made


def told(store: Store) -> tuple[list[Statement], list[Issue]]:
    """All that was ever stated in a store."""
    with store.reading() as tx:
        return statements_of(tx, "j1"), issues_of(tx)


def test_they_come_back_as_they_went(store: Store, tmp_path: Path) -> None:
    """Into an empty store, and again without doing anything."""
    other = opened(tmp_path / "other")
    lines = list(export_lines(store))
    assert Imported(added=1, known=0) == import_lines(other, lines)
    assert told(store) == told(other)
    assert lines == list(export_lines(other))
    assert Imported(added=0, known=1) == import_lines(other, lines)
    assert told(store) == told(other)


def test_the_store_that_knows_more_is_not_set_back(store: Store, tmp_path: Path) -> None:
    """Of two lists of which one begins with the other the longer one counts, whichever way it travels."""
    early = list(export_lines(store))
    with store.writing() as tx:
        state(tx, statement(2.0))
    late, other = list(export_lines(store)), opened(tmp_path / "other")
    import_lines(other, early)
    import_lines(other, late)
    assert told(store) == told(other)
    import_lines(other, early)
    assert told(store) == told(other)


def test_a_job_that_was_stated_otherwise_is_refused(store: Store, tmp_path: Path) -> None:
    """Nothing of the file is taken."""
    other = opened(tmp_path / "other")
    import_lines(other, list(export_lines(store)))
    for each, kg in ((store, 2.0), (other, 3.0)):
        with each.writing() as tx:
            state(tx, statement(kg))
    before = told(other)
    with pytest.raises(InvalidInput, match="stated otherwise"):
        import_lines(other, list(export_lines(store)))
    assert before == told(other)


def test_a_period_that_was_published_otherwise_is_refused(store: Store, tmp_path: Path) -> None:
    """Two organisations' months are two months."""
    other = opened(tmp_path / "other")
    with other.writing() as tx:
        add_issue(tx, issue(9.0))
    with pytest.raises(InvalidInput, match="issue 1 of the period 2024-03 is in the store already, and differs"):
        import_lines(other, list(export_lines(store)))
    with other.reading() as tx:
        assert [] == tx.jobs()


@pytest.mark.parametrize(
    ("kind", "changes", "says"),
    [
        ("statement", {"why": "better so"}, "was changed after it had been stated"),
        ("statement", {"number": 7}, "was changed after"),
        ("statement", {"number": "1"}, "number of a statement"),
        ("statement", {"more": "x"}, "more of a statement"),
        ("period_issue", {"status": "settled"}, "was changed after"),
    ],
)
def test_a_line_that_was_changed_is_refused(
    kind: str, changes: dict[str, object], says: str, store: Store, tmp_path: Path
) -> None:
    """By its seal, or by its form."""
    lines = [json.loads(line) for line in export_lines(store)]
    first = next(line for line in lines if line["record"] == kind)
    first |= changes
    with pytest.raises(InvalidInput, match=says):
        import_lines(opened(tmp_path / "other"), map(json.dumps, lines))


def test_a_statement_that_is_missing_is_refused(store: Store, tmp_path: Path) -> None:
    """The second without the first."""
    lines = [line for line in export_lines(store) if '"number": 1' not in line or "period_issue" in line]
    with pytest.raises(InvalidInput, match="a statement is missing"):
        import_lines(opened(tmp_path / "other"), lines)


def test_an_issue_without_the_one_before_it_is_refused(store: Store, tmp_path: Path) -> None:
    """It would be the first of another row."""
    lines = [line for line in export_lines(store) if '"number": 1' not in line or '"statement"' in line]
    with pytest.raises(InvalidInput, match="came before the one it follows"):
        import_lines(opened(tmp_path / "other"), lines)


def test_a_backup_holds_them(store: Store, tmp_path: Path) -> None:
    """They lie in the database."""
    write_backup(store.folder, tmp_path / "backup.tar", made_at=T0, made_by="test")
    folder = StateFolder(tmp_path / "restored")
    restore_backup(folder, tmp_path / "backup.tar", replace=False, now=T0)
    assert told(store) == told(open_store(folder))


def test_the_same_figures_are_stated_once(store: Store) -> None:
    """Later, with another instant and other digits after the twelfth."""
    with store.writing() as tx:
        again = state(tx, statement(1.5 * (1 + 1e-15), days=9))
        assert (2, T0) == (again.number, again.made_at)
        assert 2 == len(statements_of(tx, "j1"))
        assert 3 == state(tx, replace(statement(1.5), status="settled")).number
