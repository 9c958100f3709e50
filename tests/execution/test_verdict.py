"""What the end of a segment means for its job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.execution.saves import Safe
from scheduler.execution.verdict import INTERRUPTION_BUDGET, by_outcome, interrupted, unknown, unstarted
from scheduler.records.rows import JobState
from tests.records.cases import at, make_job, make_outcome, make_row

JOB = replace(make_row(make_job(gpus=1, duration="1h")), state=JobState.RUNNING, progress=0.25, finished_at=None)
EXITED = make_outcome(0.0, 1.0)
STOPPED = replace(EXITED, reason="stopped", stop_received_at=at(0.9), progress=0.5)


def test_exit_zero_succeeds() -> None:
    """A training that ends by itself with 0 is done, whatever it said of its progress."""
    verdict = by_outcome(JOB, EXITED, stop_asked=False, worked=0.4)
    assert (verdict.end, verdict.state, verdict.progress) == ("finished", JobState.SUCCEEDED, 1.0)


@pytest.mark.parametrize(("code", "words"), [(3, "exit code 3"), (-9, "killed by signal 9")])
def test_another_exit_fails_and_says_how(code: int, words: str) -> None:
    """A failure names the exit code or the signal."""
    verdict = by_outcome(JOB, replace(EXITED, exit_code=code), stop_asked=False, worked=0.4)
    assert (verdict.state, verdict.reason, verdict.failures) == (JobState.FAILED, words, 1)


def test_a_failure_is_tried_again_as_often_as_retries_say() -> None:
    """With one retry the first failure queues the job and the second ends it."""
    row = replace(JOB, job=JOB.job.model_copy(update={"retries": 1}))
    failed = replace(EXITED, exit_code=1)
    assert by_outcome(row, failed, stop_asked=False, worked=0).state is JobState.QUEUED
    assert by_outcome(replace(row, failures=1), failed, stop_asked=False, worked=0).state is JobState.FAILED


@pytest.mark.parametrize(
    ("wanted", "state"),
    [("run", JobState.SUSPENDED), ("hold", JobState.HELD), ("cancel", JobState.CANCELLED)],
)
def test_a_stop_we_asked_for_ends_as_it_was_meant(wanted: str, state: JobState) -> None:
    """Exit 0 after SIGTERM is a save and no success; the reported progress is kept."""
    row = replace(JOB, wanted=wanted)  # type: ignore[arg-type]  # one of its words
    verdict = by_outcome(row, STOPPED, stop_asked=True, worked=0.9)
    assert (verdict.end, verdict.state, verdict.progress) == ("suspended", state, 0.5)


def test_a_training_that_finished_while_stopping_succeeded() -> None:
    """Full progress and exit 0 after SIGTERM mean that the work is done."""
    verdict = by_outcome(JOB, replace(STOPPED, progress=1.0), stop_asked=True, worked=0.9)
    assert verdict.state is JobState.SUCCEEDED


def test_progress_by_the_clock_stands_in_where_none_is_reported() -> None:
    """A training that says nothing is taken to have worked all the time."""
    verdict = by_outcome(JOB, replace(STOPPED, progress=None), stop_asked=True, worked=0.9)
    assert verdict.progress == 0.9


def test_a_stop_that_was_not_ours_is_an_interruption() -> None:
    """Preempted work is queued again, its progress as it was before."""
    verdict = by_outcome(JOB, STOPPED, stop_asked=False, worked=0.9)
    assert (verdict.end, verdict.state, verdict.progress) == ("interrupted", JobState.QUEUED, None)


@pytest.mark.parametrize("reason", ["fenced", "lost_lease"])
def test_an_agent_that_stopped_by_itself_is_an_interruption(reason: str) -> None:
    """A fence or a lost lease is the infrastructure's doing."""
    verdict = by_outcome(JOB, replace(STOPPED, reason=reason), stop_asked=False, worked=0)  # type: ignore[arg-type]  # one of its words
    assert verdict.end == "interrupted"


def test_interruptions_have_a_budget() -> None:
    """After the budget the job is given up as lost, and says how often."""
    spent = replace(JOB, interruptions=INTERRUPTION_BUDGET)
    verdict = interrupted(spent, "its cluster died")
    assert (verdict.state, verdict.reason) == (JobState.LOST, "its cluster died, 4 times")


def test_a_cancelled_job_is_not_tried_again() -> None:
    """An interruption of a job that nobody wants ends it."""
    assert interrupted(replace(JOB, wanted="cancel"), "x").state is JobState.CANCELLED
    assert unknown(replace(JOB, wanted="cancel")).state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("infrastructure", "state", "counted"),
    [(True, JobState.QUEUED, (0, 1)), (False, JobState.FAILED, (1, 0))],
)
def test_what_never_started_is_blamed_on_whom_it_belongs_to(
    *, infrastructure: bool, state: JobState, counted: tuple[int, int]
) -> None:
    """A cluster that could not start it is an interruption, an environment that cannot be built a failure."""
    verdict = unstarted(JOB, "why", infrastructure=infrastructure)
    assert (verdict.end, verdict.state) == ("never_started", state)
    assert (verdict.failures, verdict.interruptions) == counted


@pytest.mark.parametrize(("wanted", "state"), [("cancel", JobState.CANCELLED), ("hold", JobState.HELD)])
def test_what_never_started_and_is_not_wanted_ends_as_wanted(wanted: str, state: JobState) -> None:
    """No blame where a person had changed their mind."""
    row = replace(JOB, wanted=wanted)  # type: ignore[arg-type]  # one of its words
    assert unstarted(row, "why", infrastructure=True).state is state


def test_an_unknown_end_is_an_interruption_by_name() -> None:
    """What ended without an outcome keeps that name in the records."""
    assert (unknown(JOB).end, unknown(JOB).state) == ("unknown", JobState.QUEUED)


def test_a_command_that_is_not_there_fails_with_its_words() -> None:
    """The agent's own error reaches the person."""
    outcome = replace(EXITED, reason="not_started", exit_code=127, error="no such command: tran")
    verdict = by_outcome(JOB, outcome, stop_asked=False, worked=0)
    assert verdict.reason == "its command did not start: no such command: tran"


@pytest.mark.parametrize("wanted", ["run", "hold"])
def test_a_save_that_failed_never_counts_as_progress(wanted: str) -> None:
    """What the training says it did is not what its checkpoint holds."""
    row = replace(JOB, wanted=wanted)  # type: ignore[arg-type]  # one of its words
    verdict = by_outcome(row, STOPPED, stop_asked=True, worked=0.9, safe=Safe(saved_at=at(0.5), progress=0.3))
    assert (0.3, True) == (verdict.progress, verdict.repeats.startswith("the work since 2024-03-05T00:30:00Z"))
    assert verdict.reason.endswith(verdict.repeats)


def test_a_save_that_failed_without_any_before_it_leaves_what_was_safe_before() -> None:
    """It was killed before its first checkpoint."""
    verdict = by_outcome(JOB, replace(STOPPED, exit_code=-9), stop_asked=True, worked=0.9)
    assert (0.25, JobState.SUSPENDED) == (verdict.progress, verdict.state)


def test_a_stop_whose_save_failed_is_no_success_for_its_exit_code() -> None:
    """Exit 0 and half the work: suspended, and the work repeated."""
    verdict = by_outcome(JOB, STOPPED, stop_asked=True, worked=1.0, safe=Safe(saved_at=at(0.1), progress=0.25))
    assert (JobState.SUSPENDED, 0.25) == (verdict.state, verdict.progress)


@pytest.mark.parametrize(("reason", "code"), [("fenced", -15), ("exited", 3)])
def test_what_was_saved_before_a_bad_end_is_kept(reason: str, code: int) -> None:
    """The next attempt goes on from the checkpoint, so its plan counts on that."""
    row = replace(JOB, job=JOB.job.model_copy(update={"retries": 1}))
    outcome = replace(EXITED, reason=reason, exit_code=code)  # type: ignore[arg-type]  # one of its words
    verdict = by_outcome(row, outcome, stop_asked=False, worked=0.9, safe=Safe(saved_at=at(0.5), progress=0.4))
    assert (JobState.QUEUED, 0.4) == (verdict.state, verdict.progress)


def test_an_outcome_that_could_not_be_read_says_why() -> None:
    """Not the same as one that nobody wrote."""
    assert "its outcome could not be read: no token" == unknown(JOB, "no token").reason
    assert "it ended without an outcome" == unknown(JOB).reason


@pytest.mark.parametrize("reason", ["lost_node", "not_started"])
def test_nodes_that_were_lost_or_not_to_be_had_are_no_failure(reason: str) -> None:
    """The infrastructure's doing is tried again, and the reason is what was found there."""
    gone = replace(EXITED, reason=reason, exit_code=None, error="2 x 8 GPUs were not free within 60 s")  # type: ignore[arg-type]  # one of its words
    verdict = by_outcome(JOB, gone, stop_asked=False, worked=0.4)
    assert (JobState.QUEUED, 0, 1) == (verdict.state, verdict.failures, verdict.interruptions)
    assert "2 x 8 GPUs were not free within 60 s" in verdict.reason
    assert verdict.progress is None


def test_a_training_that_was_stopped_before_it_began_has_done_nothing() -> None:
    """However long it waited for its nodes."""
    waited = replace(STOPPED, reason="not_started", exit_code=None, progress=None)
    assert JOB.progress == by_outcome(JOB, waited, stop_asked=True, worked=0.9).progress
