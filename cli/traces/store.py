"""The store's own history as a trace: every job as it was submitted, with the length that it really had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cli import wiring
from cli.traces.reading import Reading, Trace
from cli.traces.times import weeks_to
from scheduler.problem.problem import Interruption
from scheduler.records.gather import JobHistory, gather_all
from scheduler.records.home_run import home_run
from scheduler.records.rows import FINAL, JobState
from scheduler.simulation.request import Request
from scheduler.simulation.screening import LeftOut

_HOUR = timedelta(hours=1)


def from_store(reading: Reading) -> Trace:
    """All jobs that were ever submitted, moved by whole weeks if asked; what cannot be replayed is named.

    A job that has ended takes what its useful work took, in the ratio of hardware that it had stated where its home
    has another one, and ends there by itself where it was not done; one that has not ended takes what it states.
    """
    evidence, now = wiring.evidence(), wiring.now()
    with wiring.store().reading() as tx:
        histories = list(gather_all(tx, evidence, tx.jobs(), now=now))
    requests, left = [], []
    for history in histories:
        length = _length(history)
        if length is None or length <= timedelta(0):
            left.append(_left(history))
        else:
            requests.append(_request(history, length, reading))
    if requests and reading.shift_to:
        shift = weeks_to(min(each.submitted for each in requests).date(), reading.shift_to)
        requests = [
            replace(each, submitted=each.submitted + shift, deadline=each.deadline + shift) for each in requests
        ]
        left = [replace(each, submitted=each.submitted and each.submitted + shift) for each in left]
    return Trace(requests=tuple(requests), left=tuple(left))


def _left(history: JobHistory) -> LeftOut:
    """A job whose length nobody knows."""
    row = history.row
    if row.state in FINAL:
        return LeftOut(
            job_id=row.id, why="never_ran", reason=f"it is {row.state} and did no work", submitted=row.submitted_at
        )
    reason = f"it is {row.state} and states no length"
    return LeftOut(job_id=row.id, why="not_over", reason=reason, submitted=row.submitted_at)


def _length(history: JobHistory) -> timedelta | None:
    """One uninterrupted run at home; None where nobody knows."""
    job, home = history.row.job, history.home
    if home is None:
        return None
    if history.row.state in FINAL:
        run = home_run(job, history.attempts, home, history.row.submitted_at) if history.attempts else None
        return None if run is None else sum((each.ran[1] - each.ran[0] for each in run.pieces), timedelta(0))
    return job.duration_on(home.gpu.model)


def _request(history: JobHistory, length: timedelta, reading: Reading) -> Request:
    """A job as a replay takes it; a deadline that its real length cannot keep is moved behind that.

    Policies are told the length that it stated, as they were then. Where a slack is asked for, it is that of jobs that
    stated neither deadline nor slack, and counts from what they stated; a least saving is of all.
    """
    row = history.row
    job, pause = row.job, row.job.interruptible
    told = None if history.home is None else job.duration_on(history.home.gpu.model)
    interruption, deadline = None, row.deadline_at
    if reading.slack is not None and job.deadline is None and job.default_slack is None:
        deadline = row.submitted_at + (told or length) + reading.slack
    if pause is not None:
        interruption = Interruption(
            checkpoint_h=pause.checkpoint / _HOUR,
            min_segment_h=pause.min_segment / _HOUR,
            max_suspends=pause.max_suspends,
            max_moves=pause.max_moves,
        )
    return Request(
        job_id=row.id,
        submitted=row.submitted_at,
        length=length,
        estimate=None if told == length else told,
        failed=row.state in FINAL and row.state is not JobState.SUCCEEDED,
        gpus=job.gpus,
        deadline=max(deadline, row.submitted_at + length),
        home=row.counterfactual["home"],
        interruption=interruption,
        restart=pause.restart if pause is not None else timedelta(0),
        gpu_w=None if history.home is None else job.gpu_power_w(history.home),
        min_saving_pct=job.min_saving if reading.min_saving_pct is None else reading.min_saving_pct,
    )
