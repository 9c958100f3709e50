"""What a storage that is not mounted costs: time around the training, and bytes that travelled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.records.accounts import account
from scheduler.records.attempts import Attempt, attempt
from scheduler.records.evidence import Outcome, Traffic
from scheduler.records.overheads import Ran, overheads
from scheduler.reporting.words import traffic_text
from tests.records.cases import at, make_cluster, make_job, make_outcome, make_segment, make_series, run

TRAFFIC = Traffic(
    read_bytes=30 * 10**9, read_s=360.0, read_requests=9, written_bytes=50 * 10**9, written_s=720.0, written_requests=12
)


def copied(outcome: Outcome) -> Outcome:
    """An outcome of a training that began 6 minutes after its agent and ended 12 minutes before it."""
    return replace(
        outcome, saved="copied", traffic=TRAFFIC, trained_at=outcome.started_at + timedelta(minutes=6),
        trained_s=outcome.duration_s - 18 * 60,
    )  # fmt: skip


def of(outcome: Outcome) -> Attempt:
    """The attempt of a segment that was granted from the first hour to the third."""
    made = attempt(
        make_segment(), outcome, [], cluster=make_cluster(), checkpoint=timedelta(0),
        now=at(5),
    )  # fmt: skip
    assert made is not None
    return made


def test_fetching_and_copying_are_no_part_of_the_run() -> None:
    """An older agent's outcome, which does not tell them apart, is all run."""
    outcome = make_outcome(0.0, 2.0)
    assert (at(0.1), at(1.8)) == of(copied(outcome)).ran
    assert TRAFFIC == of(copied(outcome)).traffic
    assert ((at(0), at(2)), None) == (of(outcome).ran, of(outcome).traffic)


def test_what_never_trained_ran_no_time() -> None:
    """Its wait for the storage was reserved all the same."""
    outcome = replace(make_outcome(0.0, 2.0), saved="nothing", reason="not_started", exit_code=None)
    assert (at(0), at(0)) == of(outcome).ran


def test_time_around_the_training_is_overhead() -> None:
    """Of 2 h, 0.3 h of an idle GPU with its facility share."""
    grid = {"FR": make_series()}
    whole = account(make_job(), [of(make_outcome(0.0, 2.0))], grid).central
    with_copies = account(make_job(), [of(copied(make_outcome(0.0, 2.0)))], grid).central
    assert 0.0 == whole.overhead < with_copies.overhead
    assert whole.dynamic * 0.85 == pytest.approx(with_copies.dynamic)
    assert whole.embodied == pytest.approx(with_copies.embodied)


def test_bytes_to_and_from_a_storage_are_transfer_at_the_clusters_own_intensity() -> None:
    """Each way, when it was: nobody says where the storage stands. The stated size of a move is not counted beside."""
    grid = {"FR": make_series("FR", [50.0, 80.0, 50.0, 50.0]), "CA-QC": make_series("CA-QC", [10.0] * 4)}
    here = replace(run(make_cluster(), 0, 1), traffic=TRAFFIC)
    there = replace(run(make_cluster("quebec", "CA-QC"), 2, 3), traffic=TRAFFIC)
    job = make_job(checkpoint={"gb": 7})
    made = account(job, [here, there], grid).central
    assert 0.01 * (30 * 50 + 50 * 80 + 30 * 10 + 50 * 10) / 1000 == pytest.approx(made.transfer)


def test_a_plan_counts_with_the_time_that_copies_took() -> None:
    """The stop lasts until the last copy is made, the restart from before the fetch."""
    stopped = replace(copied(make_outcome(0.0, 2.0)), reason="stopped", stop_received_at=at(1.7))
    seen = overheads([Ran(outcome=stopped, samples=[])])
    assert timedelta(minutes=18) == seen.checkpoint


def test_the_report_says_what_travelled() -> None:
    """Over all attempts; nothing where every storage is mounted."""
    attempts = [of(copied(make_outcome(0.0, 2.0))), run(make_cluster(), 2, 3), of(copied(make_outcome(0.0, 2.0)))]
    assert "60 GB read in 720 s, 100 GB written in 1440 s, 42 requests" == traffic_text(attempts)
    assert "" == traffic_text([run(make_cluster(), 2, 3)])
