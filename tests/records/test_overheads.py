"""What suspending and resuming took, and how the next plan is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.domain.job import Job
from scheduler.records.evidence import Outcome, OutcomeReason, Sample
from scheduler.records.overheads import Overheads, Ran, boot, overheads
from scheduler.records.rows import SegmentRow

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def second(number: float) -> datetime:
    """So many seconds after the start."""
    return T0 + timedelta(seconds=number)


def run(
    start_s: float,
    end_s: float,
    progress: float | None,
    *,
    stop_s: float | None = None,
    seen: tuple[tuple[float, float], ...] = (),
    reason: OutcomeReason = "stopped",
) -> Ran:
    """A segment from start to end, with samples of (second, progress)."""
    outcome = Outcome(
        sid="s", fence=1, started_at=second(start_s), ended_at=second(end_s), duration_s=end_s - start_s, exit_code=0,
        reason=reason, stop_received_at=None if stop_s is None else second(stop_s), progress=progress, energy_j=None,
        energy_source="model", error="",
    )  # fmt: skip
    samples = [
        Sample(n=n, at=second(at), progress=done, energy_j=None, energy_source="model")
        for n, (at, done) in enumerate(seen)
    ]
    return Ran(outcome=outcome, samples=samples)


def test_a_save_lasts_from_its_signal_to_the_end() -> None:
    """The longest of the saves seen."""
    runs = [run(0, 100, 0.3, stop_s=96), run(200, 300, 0.6, stop_s=293)]
    assert timedelta(seconds=7) == overheads(runs).checkpoint


def test_a_restart_lasts_until_there_is_more_than_was_saved() -> None:
    """Samples that only repeat what was saved are still the restart."""
    runs = [run(0, 100, 0.3), run(200, 300, 0.6, seen=((200, 0.3), (230, 0.3), (260, 0.4)))]
    assert timedelta(seconds=60) == overheads(runs).restart


def test_a_restart_begins_with_the_grant_of_its_gpus() -> None:
    """An environment that is built for three minutes holds them as long."""
    resumed = replace(run(400, 500, 0.6, seen=((430, 0.4),)), boot=timedelta(minutes=3))
    assert timedelta(minutes=3, seconds=30) == overheads([run(0, 100, 0.3), resumed]).restart


def test_work_that_a_crash_undid_is_no_restart() -> None:
    """What a run does again after one is not what resuming takes."""
    assert overheads([run(0, 100, 0.3, reason="exited"), run(200, 300, 0.6, seen=((290, 0.4),))]).restart is None


@pytest.mark.parametrize(
    ("skew_s", "boot_s"), [(0, 40), (-3600, 0), (3600, 60)], ids=["clocks agree", "the node's is slow", "it is fast"]
)
def test_a_boot_is_no_longer_than_what_a_segment_leaves_room_for(skew_s: float, boot_s: float) -> None:
    """Held for 160 s, of which the agent ran 100: whatever the node takes the time to be, a boot of 60 s at most."""
    segment = SegmentRow(
        fence=1, job_id="a", plan_id=1, n=1, attempt=1, sid="s", cluster="one", gpus=8, planned_end=second(0),
        is_last=True, phase="over", stop_asked_at=None, intended_at=second(0), granted_at=second(0), seen_at=None,
        released_at=second(160), node_id="n", end="suspended",
    )  # fmt: skip
    assert timedelta(seconds=boot_s) == boot(segment, run(40 + skew_s, 140 + skew_s, 0.3).outcome)
    assert timedelta(0) == boot(replace(segment, granted_at=None), run(40, 140, 0.3).outcome)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [run(0, 100, 1.0, reason="exited")],
        [run(0, 100, 0.3, reason="exited"), run(200, 300, None, seen=((230, 0.2),), reason="exited")],
        [run(0, 100, None), run(200, 300, None, seen=((230, 0.2),))],
    ],
    ids=["nothing ran", "never suspended", "no progress beyond", "no progress reported"],
)
def test_what_was_not_seen_is_not_guessed(runs: list[Ran]) -> None:
    """The job's own figures stand then."""
    assert Overheads(checkpoint=None, restart=None) == overheads(runs)


def test_what_was_seen_stands_in_for_what_was_stated() -> None:
    """Only what was seen is replaced, and a job that may not be suspended stays as it is."""
    spec = {"name": "a", "entrypoint": "t", "gpus": 1, "interruptible": {"checkpoint": "1m", "restart": "5m"}}
    job = Job.from_mapping(spec, what="job")
    told = Overheads(checkpoint=None, restart=timedelta(seconds=40)).applied(job).interruptible
    assert told is not None
    assert (timedelta(minutes=1), timedelta(seconds=40)) == (told.checkpoint, told.restart)
    plain = Job.from_mapping({"name": "a", "entrypoint": "t", "gpus": 1}, what="job")
    assert plain == Overheads(checkpoint=timedelta(1), restart=None).applied(plain)
