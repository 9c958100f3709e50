"""A disk that is full: a clear error, nothing half-written, and all that was there before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event

from scheduler.domain.errors import StoreError
from scheduler.records.backup_copy import copy_database, problems_in, whole_file
from scheduler.records.sqlite_errors import store_error
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from scheduler.records.transaction import Transaction
from tests.records.cases import at, make_row

PAGES = 40
"""The most pages that the database may have, which SQLite holds as it holds the end of a disk."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one job, on a disk with room for little more."""
    opened = open_store(StateFolder(tmp_path / "state"))
    with opened.writing() as tx:
        tx.add_job(make_row())

    def little(connection: sqlite3.Connection, _record: object) -> None:
        """Let the file grow to so many pages."""
        connection.execute(f"PRAGMA max_page_count = {PAGES}").close()

    event.listen(opened.engine, "connect", little)
    return opened


def fill(tx: Transaction) -> None:
    """Write more than there is room for, in many rows of several tables."""
    for n in range(1000):
        tx.add_job(make_row(job_id=f"job-{n}"))
        tx.add_event(f"job-{n}", at(0), "submitted", "x" * 1000)


def test_a_full_disk_undoes_the_whole_transaction(store: Store) -> None:
    """The error says so; every row of the transaction is gone, every earlier one is there."""
    with pytest.raises(StoreError, match="full") as caught, store.writing() as tx:
        fill(tx)
    assert "free some disk space" in caught.value.hint
    with store.reading() as tx:
        assert [make_row()] == tx.jobs()
    assert [] == problems_in(store.folder.database)


def test_a_store_goes_on_once_there_is_room_again(store: Store) -> None:
    """Nothing has to be mended by hand."""
    with pytest.raises(StoreError, match="full"), store.writing() as tx:
        fill(tx)
    with open_store(store.folder).writing() as tx:
        fill(tx)
        assert 1001 == len(tx.jobs())


def test_an_error_of_the_disk_has_a_way_out(tmp_path: Path) -> None:
    """SQLite says it in two words when the disk fails under its log."""
    assert "free space" in store_error(tmp_path / "x.db", "disk I/O error").hint


def test_a_copy_that_fails_leaves_neither_itself_nor_a_part(store: Store, tmp_path: Path) -> None:
    """A source that is no database is named, and the target's folder is as it was."""
    source = tmp_path / "letter.db"
    source.write_bytes(b"this is a letter" * 1000)
    with pytest.raises(StoreError, match=r"letter\.db: file is not a database"):
        copy_database(source, tmp_path / "copy.db")
    assert ["letter.db", "state"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_file_that_is_cut_short_takes_the_place_of_nothing(tmp_path: Path) -> None:
    """What was there stays until the new one is whole."""

    def fails(target: Path) -> None:
        """Write a part, then run out of space."""
        with whole_file(target) as part:
            part.write_text("half")
            raise OSError(28, "No space left on device")

    target = tmp_path / "file"
    target.write_text("whole")
    with pytest.raises(StoreError, match="file cannot be written: No space left on device"):
        fails(target)
    assert [("file", "whole")] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]
