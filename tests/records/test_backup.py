"""Backups: whole whatever goes on meanwhile, and nothing but a whole one is put back."""

from __future__ import annotations

import io
import json
import stat
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.records.backup import DATABASE, MANIFEST, write_backup
from scheduler.records.backup_copy import problems_in
from scheduler.records.backup_restore import restore_backup
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.records.agent_files import lines, outcome
from tests.records.cases import T0, document, make_cluster, make_row, make_segment

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def folder_at(root: Path) -> StateFolder:
    """A state folder."""
    return StateFolder(root)


def run_a_job(store: Store, n: int) -> None:
    """Submit a job, launch it, harvest its evidence and close it: each step as the engine takes it."""
    job_id = f"job-{n:04}"
    sid = f"cs-{job_id}-s1-a1"
    files = EvidenceFiles(store.folder)
    row = replace(make_row(job_id=job_id), state=JobState.RUNNING, finished_at=None)
    with store.writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(job_id, T0, document([make_cluster()], [("france", 0, 10)]))
        tx.add_event(job_id, T0, "submitted", "")
    with store.writing() as tx:
        intent = make_segment(
            job_id=job_id, sid=sid, plan_id=plan_id, phase="granted", end="", released_at=None, node_id=""
        )
        fence = tx.add_segment(intent).fence
    files.keep_samples(job_id, sid, lines({}, {"n": 1}))
    files.keep_log(job_id, sid, f"loss of {job_id}")
    files.keep_outcome(job_id, sid, outcome(sid=sid, fence=fence))
    with store.writing() as tx:
        tx.set_segment(fence, phase="over", end="finished", released_at=T0)
        tx.set_job(job_id, state=JobState.SUCCEEDED, finished_at=T0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in which three jobs have run, with a package."""
    opened = open_store(folder_at(tmp_path / "state"))
    for n in range(3):
        run_a_job(opened, n)
    (opened.folder.packages / f"{'ab' * 32}.zip").write_bytes(b"a package")
    return opened


def backed_up(store: Store, target: Path) -> Path:
    """The store's backup."""
    write_backup(store.folder, target, made_at=NOW, made_by="test")
    return target


def restored(archive: Path, root: Path, *, replace: bool = False, now: datetime = NOW) -> StateFolder:
    """A state folder with the backup in it."""
    folder = folder_at(root)
    restore_backup(folder, archive, replace=replace, now=now)
    return folder


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder but the database, the lock and what a restore moved aside."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] in ("evidence", "packages")
    }


def test_a_backup_made_in_the_middle_of_writes_is_whole(store: Store, tmp_path: Path) -> None:
    """Jobs run while three backups are made; in each, every closed segment has its outcome and nothing is damaged."""
    stop, ran = threading.Event(), [3]

    def runs() -> None:
        """Run one job after the other."""
        while not stop.is_set() and ran[0] < 400:
            run_a_job(store, ran[0])
            ran[0] += 1

    other = threading.Thread(target=runs)
    other.start()
    try:
        archives = []
        for n in range(3):
            before = ran[0]
            while ran[0] < before + 4:
                assert other.is_alive()
            archives.append((before, backed_up(store, tmp_path / f"{n}.tar")))
    finally:
        stop.set()
        other.join(30)
    for at_least, archive in archives:
        folder = restored(archive, tmp_path / f"restored-{archive.stem}")
        assert [] == problems_in(folder.database)
        files = EvidenceFiles(folder)
        with open_store(folder).reading() as tx, store.reading() as now:
            rows = tx.jobs()
            assert at_least <= len(rows) <= ran[0]
            assert {row.id for row in rows} <= {row.id for row in now.jobs()}
            for row in rows:
                for segment in tx.segments(row.id):
                    if segment.phase == "over":
                        assert 2 == len(files.samples(row.id, segment.sid))
                        assert files.outcome(row.id, segment.sid) is not None


def test_what_is_still_in_the_log_of_the_database_is_backed_up(store: Store, tmp_path: Path) -> None:
    """While another command reads, what was committed last is not in the database's own file yet."""
    with store.reading() as reader:
        assert 3 == len(reader.jobs())
        run_a_job(store, 7)
        archive = backed_up(store, tmp_path / "x.tar")
    with open_store(restored(archive, tmp_path / "elsewhere")).reading() as tx:
        assert 4 == len(tx.jobs())


def test_a_restore_gives_back_the_same(store: Store, tmp_path: Path) -> None:
    """Jobs, plans, segments, events, evidence, logs and packages."""
    folder = restored(backed_up(store, tmp_path / "x.tar"), tmp_path / "elsewhere")
    with store.reading() as one, open_store(folder).reading() as other:
        assert 3 == len(one.jobs())
        assert one.jobs() == other.jobs()
        for row in one.jobs():
            assert one.plans(row.id) == other.plans(row.id)
            assert one.segments(row.id) == other.segments(row.id)
            assert one.events(row.id) == other.events(row.id)
    assert 10 == len(contents(folder.root))
    assert contents(store.folder.root) == contents(folder.root)


def test_a_backup_and_what_comes_of_it_are_the_accounts_own(store: Store, tmp_path: Path) -> None:
    """It holds commands and environments."""
    archive = backed_up(store, tmp_path / "x.tar")
    assert 0o600 == stat.S_IMODE(archive.stat().st_mode)
    folder = restored(archive, tmp_path / "elsewhere")
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (folder.root, *folder.root.rglob("*"))
        if path != folder.lease
    }
    assert {(True, 0o700), (False, 0o600)} == modes


def test_a_part_of_a_file_is_not_backed_up(store: Store, tmp_path: Path) -> None:
    """What another process is writing has no place in it yet, nor has what leads elsewhere."""
    folder = store.folder.evidence("job-0000")
    (folder / ".part-x1").write_text("half")
    (folder / "link").symlink_to("/etc/passwd")
    with tarfile.open(backed_up(store, tmp_path / "x.tar")) as tar:
        names = tar.getnames()
    assert not [name for name in names if "part-" in name or "link" in name]
    assert (DATABASE, MANIFEST) == (names[0], names[-1])


def test_a_backup_that_fails_leaves_the_older_one(store: Store, tmp_path: Path) -> None:
    """A damaged store is said at once, and takes the place of no good backup."""
    (tmp_path / "out").mkdir()
    archive = backed_up(store, tmp_path / "out" / "x.tar")
    kept = archive.read_bytes()
    store.close()
    raw = bytearray(store.folder.database.read_bytes())
    raw[4096 * 2 :] = b"\x55" * (len(raw) - 4096 * 2)
    store.folder.database.write_bytes(raw)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        backed_up(store, archive)
    assert kept == archive.read_bytes()
    assert ["x.tar"] == [path.name for path in archive.parent.iterdir()]


@pytest.mark.parametrize(
    ("name", "why"), [("no/x.tar", "no folder"), ("state/x.tar", "state folder"), ("", "a folder")]
)
def test_a_backup_goes_to_a_file_elsewhere(store: Store, tmp_path: Path, name: str, why: str) -> None:
    """Not into the folder that it is a backup of, where it might take the place of the database."""
    with pytest.raises(InvalidInput, match=why):
        backed_up(store, tmp_path / name)


def test_a_state_that_is_there_is_not_replaced_unasked(store: Store, tmp_path: Path) -> None:
    """Neither a job nor a byte of it changes."""
    archive = backed_up(store, tmp_path / "x.tar")
    run_a_job(store, 7)
    before = contents(store.folder.root)
    with pytest.raises(InvalidInput, match="not empty") as caught:
        restored(archive, store.folder.root)
    assert "--replace" in caught.value.hint
    with store.reading() as tx:
        assert 4 == len(tx.jobs())
    assert before == contents(store.folder.root)


def test_a_state_that_is_replaced_lies_beside(store: Store, tmp_path: Path) -> None:
    """Nothing of it is lost: it is a state folder of its own, and opens."""
    archive = backed_up(store, tmp_path / "x.tar")
    run_a_job(store, 7)
    before = contents(store.folder.root)
    done = restore_backup(store.folder, archive, replace=True, now=NOW)
    assert store.folder.root / "replaced-20260501T120000Z" == done.aside
    assert before == contents(done.aside)
    with open_store(folder_at(done.aside)).reading() as tx:
        assert 4 == len(tx.jobs())
    with open_store(store.folder).reading() as tx:
        assert 3 == len(tx.jobs())


def test_nothing_is_restored_under_a_running_scheduler(store: Store, tmp_path: Path) -> None:
    """It would go on with jobs that are no longer there."""
    archive = backed_up(store, tmp_path / "x.tar")
    with FileLock(store.folder.lease), pytest.raises(StoreError, match="a scheduler runs"):
        restored(archive, store.folder.root, replace=True)
    with store.reading() as tx:
        assert 3 == len(tx.jobs())


def test_nothing_is_restored_while_a_command_has_the_store_open(store: Store, tmp_path: Path) -> None:
    """Its log would be mixed into the new database."""
    archive = backed_up(store, tmp_path / "x.tar")
    with store.reading() as tx:
        assert 3 == len(tx.jobs())
        with pytest.raises(StoreError, match="locked"):
            restored(archive, store.folder.root, replace=True)
        assert 3 == len(tx.jobs())


def test_a_damaged_store_can_be_replaced(store: Store, tmp_path: Path) -> None:
    """That is what a backup is for."""
    archive = backed_up(store, tmp_path / "x.tar")
    store.close()
    store.folder.database.write_bytes(b"this is a letter, not a database" * 100)
    restored(archive, store.folder.root, replace=True)
    with open_store(store.folder).reading() as tx:
        assert 3 == len(tx.jobs())


def test_fences_after_a_restore_are_above_all_that_were_given_out(store: Store, tmp_path: Path) -> None:
    """Attempts that were made after the backup hold fences that the restored store does not know."""
    archive = backed_up(store, tmp_path / "x.tar")
    first = restored(archive, tmp_path / "elsewhere")
    later = restored(archive, tmp_path / "again", now=NOW + timedelta(hours=1))
    fences = []
    for folder in (first, later):
        with open_store(folder).writing() as tx:
            segment = make_segment(job_id="job-0000", sid="cs-job-0000-s1-a2", attempt=2)
            fences.append(tx.add_segment(segment).fence)
    assert [int(NOW.timestamp()) + 1, int(NOW.timestamp()) + 3601] == fences


def test_fences_are_lifted_where_no_segment_was_ever_made(tmp_path: Path) -> None:
    """A backup of a store that had only planned."""
    empty = open_store(folder_at(tmp_path / "state"))
    folder = restored(backed_up(empty, tmp_path / "x.tar"), tmp_path / "elsewhere")
    with open_store(folder).writing() as tx:
        tx.add_job(make_row())
        tx.add_plan("j1", T0, document([make_cluster()], [("france", 0, 10)]))
        assert tx.add_segment(make_segment()).fence > NOW.timestamp()


def cut(archive: Path) -> None:
    """Half of it arrives."""
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])


def cut_between_files(archive: Path) -> None:
    """All but the end arrives, at a place where a tar may end."""
    with tarfile.open(archive) as tar:
        last = tar.getmembers()[-1]
    archive.write_bytes(archive.read_bytes()[: last.offset] + bytes(1024))


def flip(archive: Path) -> None:
    """One bit of a log is another."""
    raw = archive.read_bytes()
    place = raw.index(b"loss of job-0001")
    archive.write_bytes(raw[:place] + b"L" + raw[place + 1 :])


def rebuild(archive: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write the archive again with its members changed."""
    with tarfile.open(archive) as tar:
        members = {member.name: stream.read() for member in tar if (stream := tar.extractfile(member)) is not None}
    change(members)
    with tarfile.open(archive, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def lead_out(archive: Path) -> None:
    """A member would land outside."""
    rebuild(archive, lambda members: members.update({"evidence/../../../planted": b"x"}))


def come_from_the_future(archive: Path) -> None:
    """A newer carbonsched wrote it."""

    def later(members: dict[str, bytes]) -> None:
        """Raise its version."""
        members[MANIFEST] = json.dumps({**json.loads(members[MANIFEST]), "version": 2}).encode()

    rebuild(archive, later)


def hold_a_link(archive: Path) -> None:
    """A member is a link."""
    with tarfile.open(archive, "a") as tar:
        info = tarfile.TarInfo("evidence/job-0000/link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)


def be_a_letter(archive: Path) -> None:
    """It is no archive at all."""
    archive.write_text("Dear Sir or Madam, " * 100)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (cut, "cannot be read|no manifest"),
        (cut_between_files, "no manifest"),
        (flip, "is damaged: evidence/job-0001"),
        (lead_out, "which no backup does"),
        (hold_a_link, "which no backup does"),
        (come_from_the_future, "does not know"),
        (be_a_letter, "cannot be read"),
    ],
)
def test_what_is_no_whole_backup_is_not_restored(
    store: Store, tmp_path: Path, damage: Callable[[Path], None], why: str
) -> None:
    """It is refused before anything is moved, and nothing of it stays."""
    archive = backed_up(store, tmp_path / "x.tar")
    damage(archive)
    before = contents(store.folder.root)
    with pytest.raises(InvalidInput, match=why) as caught:
        restored(archive, store.folder.root, replace=True)
    assert caught.value.hint
    assert before == contents(store.folder.root)
    assert [] == [path.name for path in store.folder.root.iterdir() if path.name.startswith((".restoring", "replaced"))]
    assert not (tmp_path / "planted").exists()


def test_a_backup_of_a_newer_schema_is_refused(store: Store, tmp_path: Path) -> None:
    """Its tables are not known here."""
    with store.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    archive = backed_up(store, tmp_path / "x.tar")
    with pytest.raises(InvalidInput, match="has schema 9999"):
        restored(archive, tmp_path / "elsewhere")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the way out."""
    with closing(open_store(folder_at(tmp_path / "state"))), pytest.raises(StoreError, match="No such file"):
        restored(tmp_path / "nowhere.tar", tmp_path / "elsewhere")
