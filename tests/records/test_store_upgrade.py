"""A store of an older carbonsched: brought up to date once, whole or not at all, never under a running scheduler."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock

from scheduler.domain.errors import StoreError
from scheduler.records import migrate, schema
from scheduler.records.backup_copy import problems_in, revision_of
from scheduler.records.migrations.versions import r0001_first_tables
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.records.cases import make_row, make_segment

ROOT = Path(__file__).parents[2]
OPENER = """
import sys
from pathlib import Path
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store

with open_store(StateFolder(Path(sys.argv[1]))).reading() as tx:
    print(len(tx.jobs()), "alembic" in sys.modules)
"""
JOB = (
    "INSERT INTO job VALUES ('j1', NULL, 'train', '', '', '', '[]', :spec, :sha, NULL, :intensity, :counterfactual,"
    " 'succeeded', 'run', '', 1.0, 0, 0, '2024-03-05T00:00:00Z', '2024-03-07T00:00:00Z', '2024-03-06T00:00:00Z')"
)
SEGMENT = (
    "INSERT INTO segment (fence, job_id, plan_id, n, attempt, sid, cluster, gpus, planned_end, is_last, phase,"
    " intended_at, granted_at, seen_at, released_at, node_id, end)"
    " VALUES (1, 'j1', 1, 1, 1, 'cs-j1-s1-a1', 'france', 8,"
    " '2024-03-05T02:00:00Z', 1, 'over', '2024-03-05T00:00:00Z', '2024-03-05T00:00:00Z', '2024-03-05T01:54:00Z',"
    " '2024-03-05T02:00:00Z', 'node-1', 'finished')"
)


@contextmanager
def database(folder: StateFolder) -> Iterator[sqlite3.Connection]:
    """The file, as no code of ours sees it."""
    with closing(sqlite3.connect(folder.database)) as connection:
        yield connection
        connection.commit()


@pytest.fixture
def old(tmp_path: Path) -> StateFolder:
    """A state folder as the first carbonsched left it: one job that ran one segment."""
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    row = make_row()
    job = {
        "spec": row.job.model_dump_json(exclude_defaults=True),
        "sha": row.spec_sha256,
        "intensity": json.dumps(dict(row.intensity)),
        "counterfactual": json.dumps(dict(row.counterfactual)),
    }
    with database(folder) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in r0001_first_tables.TABLES:
            connection.execute(statement)
        connection.execute(JOB, job)
        connection.execute("INSERT INTO plan VALUES (1, 'j1', '2024-03-05T00:00:00Z', '{}')")
        connection.execute(SEGMENT)
    return folder


def copies(folder: StateFolder) -> list[Path]:
    """The copies that upgrades have left."""
    return sorted(folder.root.glob("carbonsched.db.before-upgrade*"))


def test_an_old_store_is_brought_up_and_all_in_it_is_there(old: StateFolder) -> None:
    """Its job and its segment read as they would have been written today."""
    with open_store(old).reading() as tx:
        assert [make_row()] == tx.jobs()
        assert [make_segment()] == tx.segments("j1")
    assert schema.REVISION == revision_of(old.database)
    assert [] == problems_in(old.database)


def test_a_store_that_has_the_column_already_is_brought_up_too(old: StateFolder) -> None:
    """Its session stays what it was."""
    with database(old) as connection:
        connection.execute("ALTER TABLE segment ADD COLUMN session TEXT NOT NULL DEFAULT 'session_7'")
    with open_store(old).reading() as tx:
        assert [make_segment(session="session_7")] == tx.segments("j1")


def test_a_copy_of_the_old_store_is_kept(old: StateFolder) -> None:
    """It is the account's own, whole, and of the old revision."""
    open_store(old)
    (copy,) = copies(old)
    assert (schema.FIRST, []) == (revision_of(copy), problems_in(copy))
    assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
    with closing(sqlite3.connect(copy)) as connection:
        assert [("j1",)] == connection.execute("SELECT id FROM job").fetchall()


def test_a_copy_never_takes_the_place_of_another(old: StateFolder) -> None:
    """An old database that was put back and brought up again leaves a second copy."""
    open_store(old)
    (first,) = copies(old)
    kept = first.read_bytes()
    old.database.write_bytes(kept)
    open_store(old)
    assert [first.name, f"{first.name}-2"] == [path.name for path in copies(old)]
    assert kept == first.read_bytes()


def test_the_steps_lead_to_the_tables_of_today(old: StateFolder) -> None:
    """What an upgrade makes and what a new store is made with do not differ."""
    with open_store(old).reading() as tx:
        assert [] == compare_metadata(MigrationContext.configure(tx.connection), schema.metadata)


def test_the_last_step_is_the_revision_of_today() -> None:
    """The number by which an old store is known is that of Alembic's head."""
    assert schema.REVISION == ScriptDirectory(str(migrate.STEPS)).get_current_head()


def test_a_current_store_opens_without_alembic(old: StateFolder) -> None:
    """It would make every command slower."""
    open_store(old)
    command = [sys.executable, "-c", OPENER, str(old.root)]
    said = subprocess.check_output(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, text=True)
    assert "1 False" == said.strip()


def test_processes_that_open_an_old_store_at_once_bring_it_up_once(old: StateFolder) -> None:
    """All of them find it done; one copy is left."""
    command = [sys.executable, "-c", OPENER, str(old.root)]
    openers = [
        subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [opener.communicate(timeout=60)[0].split()[0] for opener in openers]
    assert ["1"] * 3 == said
    assert 1 == len(copies(old))
    assert schema.REVISION == revision_of(old.database)


def test_it_is_not_brought_up_under_a_running_scheduler(old: StateFolder) -> None:
    """An older scheduler would go on writing into tables that it does not know."""
    with FileLock(old.lease), pytest.raises(StoreError, match="scheduler still runs") as caught:
        open_store(old, busy_s=0.05)
    assert "end that scheduler" in caught.value.hint
    assert (schema.FIRST, []) == (revision_of(old.database), copies(old))


def test_what_another_process_has_done_meanwhile_is_well(old: StateFolder) -> None:
    """It may be the scheduler by now, and hold the lease that this one waited for."""
    store = open_store(old)
    with FileLock(old.lease):
        migrate.upgrade(store.engine, old, wait_s=0.05)
    migrate.upgrade(store.engine, old, wait_s=0.05)
    assert 1 == len(copies(old))


def test_a_step_that_fails_leaves_the_store_as_it_was(old: StateFolder) -> None:
    """A row that points to none, which only a damaged store has, is found before anything is committed."""
    with database(old) as connection:
        connection.execute("DELETE FROM plan")
    with pytest.raises(StoreError, match="1 rows that point to none"):
        open_store(old)
    assert (schema.FIRST, []) == (revision_of(old.database), copies(old))
    with database(old) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(segment)")]
    assert "session" not in columns


def test_a_copy_that_cannot_be_made_stops_it(old: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a way back there is no way forward."""

    def full(_source: Path, target: Path) -> None:
        """A disk on which the copy has no room."""
        raise StoreError(f"{target} cannot be written: No space left on device", hint="")

    monkeypatch.setattr(migrate, "copy_database", full)
    with pytest.raises(StoreError, match="No space left"):
        open_store(old)
    assert schema.FIRST == revision_of(old.database)


@pytest.mark.parametrize("number", ["2", "99", "x"])
def test_a_number_that_no_carbonsched_wrote_is_refused(old: StateFolder, number: str) -> None:
    """It is neither ours nor older."""
    with database(old) as connection:
        connection.execute("UPDATE meta SET value = ?", (number,))
    with pytest.raises(StoreError, match=f"has schema {number} in meta, this carbonsched knows"):
        open_store(old)
    assert [] == copies(old)
