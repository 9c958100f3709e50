"""The store: transactions that hold, from as many processes as like."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.records.schema import REVISION
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from scheduler.records.transaction import Transaction
from tests.records.cases import at, make_row

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.records.cases import at, make_row

store, me = open_store(StateFolder(Path(sys.argv[1]))), sys.argv[2]
for n in range(50):
    with store.writing() as tx:
        seen = len(tx.jobs())
        tx.add_job(make_row(job_id=f"{me}-{n:02}"))
        tx.add_event(f"{me}-{n:02}", at(0), "submitted", str(seen))
"""


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """A state folder that nothing has used yet."""
    return StateFolder(tmp_path / "state")


@pytest.fixture
def store(folder: StateFolder) -> Iterator[Store]:
    """An open store that does not wait for others."""
    opened = open_store(folder, busy_s=0.05)
    yield opened
    opened.close()


def test_a_store_is_there_again_when_it_is_opened_again(store: Store, folder: StateFolder) -> None:
    """What was committed stays."""
    with store.writing() as tx:
        tx.add_job(make_row())
    store.close()
    with open_store(folder).reading() as tx:
        assert [make_row()] == tx.jobs()


def test_an_error_undoes_all_of_a_transaction(store: Store) -> None:
    """A block that fails in its last line leaves nothing of its first."""

    def fails() -> None:
        """Write, then fail."""
        with store.writing() as tx:
            tx.add_job(make_row())
            tx.add_event("j1", at(0), "submitted", "")
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        fails()
    with store.reading() as tx:
        assert ([], []) == (tx.jobs(), tx.events("j1"))


def test_our_own_errors_pass_unchanged(store: Store) -> None:
    """What a caller is told in a transaction is what was raised."""
    with pytest.raises(InvalidInput, match="unknown job"), store.writing() as tx:
        tx.job("nobody")


def test_a_reader_never_waits_for_a_writer(store: Store) -> None:
    """It sees what was there before, whole, while the writer holds the lock."""
    with store.writing() as writing:
        writing.add_job(make_row())
        with store.reading() as tx:
            assert [] == tx.jobs()
    with store.reading() as tx:
        assert 1 == len(tx.jobs())


def test_a_store_opens_while_another_writes(store: Store, folder: StateFolder) -> None:
    """`list` works while the loop is in a long transaction."""
    with store.writing() as writing:
        writing.add_job(make_row())
        with open_store(folder, busy_s=0.05).reading() as tx:
            assert [] == tx.jobs()


def test_a_readers_view_does_not_change_under_it(store: Store) -> None:
    """Two questions in one transaction are answered from one moment."""
    with store.reading() as tx:
        assert [] == tx.jobs()
        with store.writing() as writing:
            writing.add_job(make_row())
        assert [] == tx.jobs()


def test_a_second_writer_gives_up_with_a_reason(store: Store) -> None:
    """It waits as long as it was told, then says who to wait for."""
    with store.writing(), pytest.raises(StoreError, match="locked") as caught, store.writing():
        pass
    assert "another command holds it" in caught.value.hint


def test_a_second_writer_waits_for_the_first(store: Store, folder: StateFolder) -> None:
    """And then sees what the first one did."""
    inside, seen = threading.Event(), []

    def second() -> None:
        """Write once the first one is at it."""
        inside.wait(10)
        with open_store(folder).writing() as tx:
            seen.append(len(tx.jobs()))

    other = threading.Thread(target=second)
    other.start()
    with store.writing() as tx:
        inside.set()
        other.join(0.3)
        tx.add_job(make_row())
    other.join(10)
    assert [1] == seen


def test_many_processes_write_at_once_and_nothing_is_lost(folder: StateFolder) -> None:
    """Three that open a new store in the same instant and add fifty jobs each: 150, each on what the last one left."""
    command = [sys.executable, "-c", WRITER, str(folder.root)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) for name in "abc"]
    assert [0, 0, 0] == [writer.wait(60) for writer in writers]
    with open_store(folder).reading() as tx:
        rows = tx.jobs()
        seen = [int(tx.events(row.id)[0].text) for row in rows]
    assert {f"{name}-{n:02}" for name in "abc" for n in range(50)} == {row.id for row in rows}
    assert list(range(150)) == sorted(seen)


def test_a_store_of_a_newer_version_is_refused(store: Store, folder: StateFolder) -> None:
    """It is not read half-understood."""
    with store.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=f"schema 9999, this carbonsched knows {REVISION}") as caught:
        open_store(folder)
    assert "the carbonsched that wrote it" in caught.value.hint


def test_a_store_without_its_version_is_refused(store: Store, folder: StateFolder) -> None:
    """Somebody else's table of that name is no store of ours."""
    with store.writing() as tx:
        tx.connection.exec_driver_sql("DELETE FROM alembic_version")
    with pytest.raises(StoreError, match="schema unnamed"):
        open_store(folder)


def test_a_file_that_is_no_database_is_refused_and_left_alone(folder: StateFolder) -> None:
    """The file may be somebody's; the way out does not delete it."""
    folder.root.mkdir()
    folder.database.write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreError, match="not a database") as caught:
        open_store(folder)
    assert "move the file away" in caught.value.hint
    assert folder.database.read_bytes().startswith(b"this is a letter")


def test_a_damaged_database_is_named(store: Store, folder: StateFolder) -> None:
    """Pages that were overwritten are an error with a way out, never half an answer."""
    with store.writing() as tx:
        for n in range(200):
            tx.add_job(make_row(job_id=f"job-{n}"))
    store.close()
    raw = bytearray(folder.database.read_bytes())
    raw[4096 * 2 :] = b"\x55" * (len(raw) - 4096 * 2)
    folder.database.write_bytes(raw)
    with pytest.raises(StoreError, match="malformed") as caught, open_store(folder).reading() as tx:
        tx.jobs()
    assert "from a copy" in caught.value.hint


def test_a_database_that_may_not_be_written_is_named(store: Store) -> None:
    """SQLite's own switch stands for a disk mounted to be read."""
    with pytest.raises(StoreError, match="readonly") as caught, store.writing() as tx:
        write_into_read_only(tx)
    assert "permissions" in caught.value.hint


def write_into_read_only(tx: Transaction) -> None:
    """Write where the connection was told not to."""
    tx.connection.exec_driver_sql("PRAGMA query_only = ON")
    tx.add_job(make_row())


def test_a_folder_where_the_database_should_be_is_named(folder: StateFolder) -> None:
    """An error that nobody foresaw has a way out too."""
    folder.root.mkdir()
    folder.database.mkdir()
    with pytest.raises(StoreError, match=r"carbonsched\.db") as caught:
        open_store(folder)
    assert caught.value.hint


def test_commits_survive_a_crash_of_the_machine(store: Store, folder: StateFolder) -> None:
    """A write-ahead log that is synced at every commit, and keys that must point at something."""
    with store.reading() as tx:
        found = [
            tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert ["wal", 2, 1] == found
    with pytest.raises(StoreError, match="FOREIGN KEY"), store.writing() as tx:
        tx.add_event("nobody", at(0), "submitted", "")
    with closing(sqlite3.connect(folder.database)) as connection:
        assert "ok" == connection.execute("PRAGMA integrity_check").fetchone()[0]
