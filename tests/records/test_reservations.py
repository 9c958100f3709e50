"""What accepted jobs hold of the clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.records.reservations import Reservations, _holds_between, reservations
from scheduler.records.rows import JobState, StoredJob
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from scheduler.records.transaction import Transaction
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

Held = set[tuple[str, float, float, int]]
CLUSTERS = [make_cluster(), make_cluster("quebec", "CA-QC", paused_nodes="off")]
STAYS = (("france", 0.0, 2.0), ("france", 6.0, 8.0))


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    """A transaction on a new store."""
    store = open_store(StateFolder(tmp_path / "state"))
    with store.writing() as opened:
        yield opened
    store.close()


def submit(
    tx: Transaction,
    *placed: tuple[str, float, float],
    job_id: str = "j1",
    state: JobState = JobState.PLANNED,
    job: Job | None = None,
) -> int:
    """Store a job with a plan. Returns the plan's id."""
    tx.add_job(replace(make_row(job, job_id=job_id), state=state, finished_at=None))
    return tx.add_plan(job_id, T0, document(CLUSTERS, placed)) if placed else 0


def held(tx: Transaction, now_h: float = 0.0, but: str = "") -> Held:
    """Cluster, from, to and GPUs of each reservation, in hours."""
    hour = timedelta(hours=1)
    return {
        (each.cluster, (each.start - T0) / hour, (each.end - T0) / hour, each.gpus)
        for each in reservations(tx, at(now_h), but=but)
    }


def test_nothing_is_held_of_an_empty_store(tx: Transaction) -> None:
    """Nor by a job without a plan."""
    submit(tx)
    assert set() == held(tx)


def test_a_planned_job_holds_its_stretches(tx: Transaction) -> None:
    """Each on its cluster; where nodes are switched off between two, nothing between."""
    submit(tx, ("quebec", 1, 2), ("quebec", 4, 6), ("france", 7, 8))
    assert {("quebec", 1, 2, 8), ("quebec", 4, 6, 8), ("france", 7, 8, 8)} == held(tx)


def test_nodes_that_a_pause_keeps_are_held_too(tx: Transaction) -> None:
    """From the suspend to the resume on the same cluster."""
    submit(tx, *STAYS)
    assert {("france", 0, 2, 8), ("france", 2, 6, 8), ("france", 6, 8, 8)} == held(tx)


def test_stretches_that_abut_at_two_widths_have_no_pause_between() -> None:
    """There is no time in it to hold anything."""
    wide, narrow = (Segment(cluster="france", start=at(n), end=at(n + 1), gpus=8 - 4 * n) for n in (0, 1))
    assert [] == _holds_between([wide, narrow], {"france": CLUSTERS[0]})


def test_what_is_past_is_not_held(tx: Transaction) -> None:
    """A stretch under way is held for the rest of it."""
    submit(tx, ("quebec", 1, 3), ("france", 7, 8))
    assert {("quebec", 2, 3, 8), ("france", 7, 8, 8)} == held(tx, 2)
    assert {("france", 7, 8, 8)} == held(tx, 3)


def test_a_running_job_holds_what_it_runs_on_and_what_comes(tx: Transaction) -> None:
    """The stretch that runs counts once."""
    plan_id = submit(tx, *STAYS, state=JobState.RUNNING)
    tx.add_segment(make_segment(plan_id=plan_id, phase="granted", released_at=None, end="", is_last=False))
    assert {("france", 1, 2, 8), ("france", 2, 6, 8), ("france", 6, 8, 8)} == held(tx, 1)


def test_a_run_past_its_planned_end_holds_on_for_a_while(tx: Transaction) -> None:
    """Nobody plans on GPUs that are not free: ten minutes, and the later it is the longer."""
    plan_id = submit(tx, ("france", 0, 2), state=JobState.RUNNING)
    tx.add_segment(make_segment(plan_id=plan_id, phase="granted", released_at=None, end=""))
    assert [at(2.1) + timedelta(minutes=10), at(4)] == [
        each.end for now_h in (2.1, 3) for each in reservations(tx, at(now_h))
    ]


def test_an_intent_holds_as_a_run_does(tx: Transaction) -> None:
    """What may be on a cluster is."""
    plan_id = submit(tx, ("france", 0, 2), state=JobState.LAUNCHING)
    tx.add_segment(make_segment(plan_id=plan_id, phase="intended", granted_at=None, released_at=None, end=""))
    assert {("france", 1, 2, 8)} == held(tx, 1)


def test_a_suspended_job_holds_its_kept_nodes_from_now_on(tx: Transaction) -> None:
    """Until it resumes there."""
    plan_id = submit(tx, *STAYS, state=JobState.SUSPENDED)
    tx.add_segment(make_segment(plan_id=plan_id, end="suspended", is_last=False))
    assert {("france", 3, 6, 8), ("france", 6, 8, 8)} == held(tx, 3)


def test_a_suspended_job_that_moves_holds_nothing_meanwhile(tx: Transaction) -> None:
    """Moving away ends a hold."""
    plan_id = submit(tx, ("france", 0, 2), ("quebec", 6, 8), state=JobState.SUSPENDED)
    tx.add_segment(make_segment(plan_id=plan_id, end="suspended", is_last=False))
    assert {("quebec", 6, 8, 8)} == held(tx, 3)


@pytest.mark.parametrize("now_h", [6.0, 9.0])
def test_a_suspended_job_whose_resume_has_come_keeps_no_pause(tx: Transaction, now_h: float) -> None:
    """It holds what is left of the stretch, if anything is."""
    plan_id = submit(tx, *STAYS, state=JobState.SUSPENDED)
    tx.add_segment(make_segment(plan_id=plan_id, end="suspended", is_last=False))
    assert ({("france", 6, 8, 8)} if now_h < 8 else set()) == held(tx, now_h)


@pytest.mark.parametrize("state", [JobState.HELD, JobState.SUCCEEDED, JobState.CANCELLED, JobState.LOST])
def test_a_job_that_will_not_run_holds_nothing(tx: Transaction, state: JobState) -> None:
    """One that a person holds gives its place away; one that is over needs none."""
    submit(tx, ("france", 1, 2), state=state)
    assert set() == held(tx)


def test_a_job_does_not_stand_in_its_own_way(tx: Transaction) -> None:
    """Its own stretches are left out of what it plans on."""
    submit(tx, ("france", 1, 2))
    submit(tx, ("quebec", 1, 2), job_id="j2")
    assert {("quebec", 1, 2, 8)} == held(tx, but="j1")


def test_what_was_read_once_is_not_read_again_and_follows_every_change(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is read once; a new plan, a hold, a suspend and an end count all the same as if it had not been."""
    read: list[str] = []
    stored = Transaction.stored

    def counted(self: Transaction, job_ids: Sequence[str]) -> list[StoredJob]:
        """Note who is read."""
        read.extend(job_ids)
        return stored(self, job_ids)

    monkeypatch.setattr(Transaction, "stored", counted)
    known = Reservations()

    def same() -> dict[str, list[Segment]]:
        """What is held, by a memory that is old and by one that is new."""
        seen = len(read)
        found = known.by_job(tx, at(1))
        told = read[seen:]
        assert Reservations().by_job(tx, at(1)) == found
        read[seen:] = told
        return found

    submit(tx, *STAYS)
    submit(tx, ("quebec", 1, 2), job_id="j2")
    assert ["j1", "j2"] == [*same()]
    assert {"j1": 3, "j2": 1} == {job_id: len(held) for job_id, held in same().items()}
    assert ["j1", "j2"] == read
    newer = tx.add_plan("j1", at(1), document(CLUSTERS, [("france", 2, 4), ("france", 8, 9)]))
    assert 3 == len(same()["j1"])
    tx.add_segment(make_segment(plan_id=newer, end="suspended", is_last=False))
    tx.set_job("j1", state=JobState.SUSPENDED)
    tx.set_job("j2", state=JobState.HELD)
    assert {"j1": 4} == {job_id: len(held) for job_id, held in same().items()}
    tx.set_job("j1", state=JobState.SUCCEEDED)
    tx.set_job("j2", state=JobState.PLANNED)
    assert ["j2"] == [*same()]
    assert ["j1", "j2", "j1", "j2"] == read


def test_an_exclusive_job_holds_whole_nodes(tx: Transaction) -> None:
    """Beside its eight GPUs nobody may take the rest of a node."""
    small = [make_cluster("france", node={"gpus": 16})]
    tx.add_job(replace(make_row(make_job(exclusive=True)), state=JobState.PLANNED))
    tx.add_plan("j1", T0, document(small, [("france", 1, 2)]))
    assert {("france", 1, 2, 16)} == held(tx)


def test_a_cluster_that_is_no_longer_declared_is_held_as_the_segment_says(tx: Transaction) -> None:
    """What runs there runs there."""
    plan_id = submit(tx, ("france", 6, 8), state=JobState.RUNNING)
    tx.add_segment(make_segment(plan_id=plan_id, cluster="gone", phase="granted", released_at=None, end=""))
    assert ("gone", 1, 2, 8) in held(tx, 1)


def test_a_run_whose_suspend_was_taken_back_holds_nothing_after_it(tx: Transaction) -> None:
    """It runs until its work is done: what was planned after its suspend is free for others."""
    plan_id = submit(tx, ("france", 0, 2), ("quebec", 4, 6), state=JobState.RUNNING)
    running = make_segment(plan_id=plan_id, phase="granted", end="", released_at=None, planned_end=at(5), is_last=True)
    tx.add_segment(running)
    assert {("france", 1, 5, 8)} == held(tx, 1)
