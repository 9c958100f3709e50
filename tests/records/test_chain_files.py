"""Chains follow the store and the agents' files: they may lag after a crash, never lie, and stop no job."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.domain.errors import StoreError
from scheduler.records.bundle import export_lines, import_lines
from scheduler.records.chain import BadChain, Chain
from scheduler.records.chain_files import SAMPLES_AT_ONCE, Chains
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.heads_files import Ledger, attested
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.records.agent_files import lines, outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

SID = "cs-j1-s1-a1"
ALL = ["submitted", "planned", "launched", "granted", "samples", "outcome", "released", "closed"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty one."""
    return open_store(StateFolder(tmp_path / "state"))


def submitted(store: Store, job_id: str = "j1") -> None:
    """A job with its first plan."""
    row = replace(make_row(make_job(), job_id=job_id), state=JobState.PLANNED, finished_at=None)
    with store.writing() as tx:
        tx.add_job(row)
        tx.add_plan(job_id, T0, document([make_cluster()], [("france", 0, 2)]))


def launched(store: Store) -> None:
    """Its segment, asked for and not granted yet."""
    segment = make_segment(phase="intended", granted_at=None, released_at=None, seen_at=None, end="")
    with store.writing() as tx:
        tx.add_segment(segment)


def ended(store: Store) -> None:
    """All of a run: granted, sampled, its outcome read, closed."""
    files = EvidenceFiles(store.folder)
    with store.writing() as tx:
        tx.set_segment(1, phase="granted", granted_at=at(0))
    files.keep_samples("j1", SID, lines({"n": 0}, {"n": 1}))
    files.keep_outcome("j1", SID, outcome(sid=SID))
    with store.writing() as tx:
        tx.set_segment(1, phase="over", end="finished", released_at=at(2))
        tx.set_job("j1", state=JobState.SUCCEEDED, finished_at=at(2))


def chain(store: Store, job_id: str = "j1") -> Chain:
    """The chain of a job."""
    return Chains(store.folder).chain(job_id)


def kinds(store: Store) -> list[str]:
    """What the chain says happened."""
    return [entry.kind for entry in chain(store).entries]


def test_each_thing_is_chained_when_it_happens(store: Store) -> None:
    """From the submission to the end, and nothing twice."""
    submitted(store)
    assert ALL[:2] == kinds(store)
    launched(store)
    assert ALL[:3] == kinds(store)
    ended(store)
    assert sorted(ALL) == sorted(kinds(store))
    assert {} == store.follow()
    assert len(ALL) == len(kinds(store))


def test_what_is_undone_is_not_chained(store: Store) -> None:
    """A transaction that fails never happened."""

    def fails() -> None:
        """Add a job, and end one that is not there."""
        with store.writing() as tx:
            tx.add_job(make_row())
            tx.set_job("j2", state=JobState.FAILED)

    with pytest.raises(StoreError, match="there is no job"):
        fails()
    assert [] == kinds(store)


def test_what_only_looks_at_a_running_job_adds_nothing(store: Store) -> None:
    """A progress or a sign of life is no entry."""
    submitted(store)
    launched(store)
    before = kinds(store)
    with store.writing() as tx:
        tx.set_segment(1, seen_at=at(1))
        tx.set_job("j1", progress=0.5)
    assert before == kinds(store)


@pytest.mark.parametrize("left", range(len(ALL)))
def test_a_crash_before_any_entry_leaves_what_the_next_one_adds(store: Store, left: int) -> None:
    """However far behind the chain was left, it says the same in the end."""
    submitted(store)
    launched(store)
    ended(store)
    whole = {(entry.kind, entry.of): entry.data for entry in chain(store).entries}
    path = store.folder.chain("j1")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:left]))
    assert {} == store.follow()
    assert whole == {(entry.kind, entry.of): entry.data for entry in chain(store).entries}


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_was_cut_off_is_written_again_and_said(
    store: Store, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The entries before it stay as they are."""
    submitted(store)
    launched(store)
    path = store.folder.chain("j1")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with caplog.at_level(logging.WARNING):
        assert {} == store.follow(["j1"])
    assert whole == path.read_bytes()
    assert "was cut off, and is written again" in caplog.text


def test_a_chain_that_cannot_be_written_stops_no_job(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """The job is stored, the log says what is wrong, and the next touch adds what is missing."""
    path = store.folder.chain("j1")
    path.mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        submitted(store)
    assert "the chain of job j1 was not added to, and is tried again" in caplog.text
    with store.reading() as tx:
        assert ["j1"] == [row.id for row in tx.jobs()]
    path.rmdir()
    launched(store)
    assert ALL[:3] == kinds(store)


def test_a_store_that_cannot_be_read_after_a_commit_does_not_undo_it(
    store: Store, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """What was written is written; whoever wrote it is not told otherwise."""
    submitted(store)
    with caplog.at_level(logging.WARNING), store.writing() as tx:
        tx.set_job("j1", state=JobState.SUCCEEDED, finished_at=at(2))
        tx.connection.commit()
        for path in store.folder.root.glob("carbonsched.db*"):
            path.rename(tmp_path / path.name)
        store.folder.database.mkdir()
    assert "the chains of j1 lag behind" in caplog.text


def test_a_figure_that_json_has_no_word_for_is_chained_as_none(store: Store) -> None:
    """As it stands in a bundle."""
    with store.writing() as tx:
        tx.add_job(make_row())
        tx.add_plan("j1", T0, document([], [], total_kg=float("nan")))
    assert {} == store.follow()
    assert ["submitted", "planned", "closed"] == kinds(store)


def test_a_changed_chain_is_not_added_to(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """What hangs on a lie would make it look whole."""
    submitted(store)
    path = store.folder.chain("j1")
    path.write_bytes(path.read_bytes().replace(b'"kind":"planned"', b'"kind":"granted"'))
    changed = path.read_bytes()
    launched(store)
    assert changed == path.read_bytes()
    assert "entry 2 of the chain of job j1 was changed" in caplog.text
    assert "entry 2" in store.follow()["j1"]


def test_two_writers_take_turns(store: Store) -> None:
    """Each entry once, in a chain that hangs together."""
    jobs = [f"job-{n}" for n in range(6)]

    def write(own: Store) -> None:
        """Bring all chains up, again and again."""
        for _ in range(5):
            own.follow()

    others = [threading.Thread(target=write, args=(open_store(store.folder),)) for _ in range(3)]
    for other in others:
        other.start()
    for job_id in jobs:
        submitted(store, job_id)
    for other in others:
        other.join()
    for job_id in jobs:
        assert ["submitted", "planned"] == [entry.kind for entry in chain(store, job_id).entries]


def test_a_long_run_is_chained_now_and_then_and_whole_at_its_end(store: Store) -> None:
    """A reading is not worth an entry; every so many are."""
    submitted(store)
    launched(store)
    files = EvidenceFiles(store.folder)
    readings: list[dict[str, object]] = [{"n": n} for n in range(2 * SAMPLES_AT_ONCE + 5)]
    for n in range(1, len(readings) + 1):
        files.keep_samples("j1", SID, lines(*readings[:n]))
    taken = [entry.data["lines"] for entry in chain(store).entries if entry.kind == "samples"]
    assert [SAMPLES_AT_ONCE, 2 * SAMPLES_AT_ONCE] == taken
    with store.writing() as tx:
        tx.set_segment(1, phase="over", end="finished", granted_at=at(0), released_at=at(2))
    assert len(readings) == [e for e in chain(store).entries if e.kind == "samples"][-1].data["lines"]


def test_the_running_hash_of_samples_is_the_same_however_they_came(tmp_path: Path) -> None:
    """In pieces or at once."""
    readings: list[dict[str, object]] = [{"n": n} for n in range(2 * SAMPLES_AT_ONCE)]
    said = []
    for name, steps in (("one", (len(readings),)), ("many", (SAMPLES_AT_ONCE, len(readings)))):
        store = open_store(StateFolder(tmp_path / name))
        submitted(store)
        launched(store)
        for n in steps:
            EvidenceFiles(store.folder).keep_samples("j1", SID, lines(*readings[:n]))
        last = chain(store).last("samples", SID)
        assert last is not None
        said.append({name: last.data[name] for name in ("lines", "bytes", "public")})
    assert said[0] == said[1]


def test_imported_jobs_have_chains_of_their_own(store: Store, tmp_path: Path) -> None:
    """Whole ones, that begin where they were imported."""
    submitted(store)
    launched(store)
    ended(store)
    other = open_store(StateFolder(tmp_path / "other"))
    import_lines(other, export_lines(store))
    assert {} == other.follow()
    assert sorted(ALL) == sorted(kinds(other))


def test_a_copy_that_is_only_looked_at_is_not_chained(tmp_path: Path) -> None:
    """Nor does it get a secret."""
    store = open_store(StateFolder(tmp_path / "state"), chained=False)
    submitted(store)
    assert not store.folder.chains.exists()
    assert not store.folder.ledger.exists()


def test_chains_and_their_secret_are_for_this_account_only(store: Store) -> None:
    """As everything in the state folder."""
    submitted(store)
    Ledger(store).head(at(1))
    for path in (*store.folder.chains.iterdir(), *store.folder.ledger.iterdir()):
        assert 0 == path.stat().st_mode & 0o077, path


def test_a_head_is_made_when_something_changed_and_mended_after_a_crash(store: Store) -> None:
    """And the file of heads is only ever added to."""
    submitted(store)
    ledger = Ledger(store)
    first = ledger.head(at(1))
    assert first == ledger.head(at(2))
    launched(store)
    path = store.folder.ledger / "heads.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":"2024-')
    assert 2 == ledger.head(at(3)).n
    assert [1, 2] == [head.n for head in ledger.heads()]


def test_a_chain_that_is_gone_makes_no_head_and_proves_nothing(store: Store) -> None:
    """The job that a head held is named; a head that was changed pre-registers nothing."""
    submitted(store)
    ledger = Ledger(store)
    ledger.head(at(1))
    store.folder.chain("j1").unlink()
    with pytest.raises(BadChain, match="the chain of job j1 was cut"):
        ledger.head(at(2))
    path = store.folder.ledger / "heads.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"jobs":1', b'"jobs":2'))
    assert ((), ()) == attested(store)
