"""The store's own history as a trace: every job as it was submitted, with the length that it really had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cli import wiring
from cli.simulate_trace import Trace, weeks_to
from scheduler.problem.problem import Interruption
from scheduler.records.gather import JobHistory, gather_all
from scheduler.records.home_run import home_run
from scheduler.records.rows import FINAL
from scheduler.simulation.request import Request

_HOUR = timedelta(hours=1)


def from_store(shift_to: str) -> Trace:
    """All jobs that were ever submitted, moved by whole weeks if asked; what cannot be replayed is counted.

    A job that has ended takes what its useful work took, in the ratio of hardware that it had stated where its home
    has another one; one that has not ended takes what it states.
    """
    evidence, now = wiring.evidence(), wiring.now()
    with wiring.store().reading() as tx:
        histories = list(gather_all(tx, evidence, tx.jobs(), now=now))
    requests, unknown = [], []
    for history in histories:
        length = _length(history)
        if length is None or length <= timedelta(0):
            unknown.append(history.row.id)
        else:
            requests.append(_request(history, length))
    if requests and shift_to:
        shift = weeks_to(min(each.submitted for each in requests).date(), shift_to)
        requests = [
            replace(each, submitted=each.submitted + shift, deadline=each.deadline + shift) for each in requests
        ]
    named = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")  # noqa: PLR2004  # as many as a line holds
    notes = (f"{len(unknown)} jobs of the store have no length and are passed over: {named}",) if unknown else ()
    return Trace(requests=tuple(requests), notes=notes)


def _length(history: JobHistory) -> timedelta | None:
    """One uninterrupted run at home; None where nobody knows."""
    job, home = history.row.job, history.home
    if home is None:
        return None
    if history.row.state in FINAL:
        run = home_run(job, history.attempts, home, history.row.submitted_at) if history.attempts else None
        return None if run is None else sum((each.ran[1] - each.ran[0] for each in run.pieces), timedelta(0))
    return job.duration_on(home.gpu.model)


def _request(history: JobHistory, length: timedelta) -> Request:
    """A job as a replay takes it; a deadline that its real length cannot keep is moved behind that."""
    row = history.row
    job, pause = row.job, row.job.interruptible
    interruption = None
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
        gpus=job.gpus,
        deadline=max(row.deadline_at, row.submitted_at + length),
        home=row.counterfactual["home"],
        interruption=interruption,
        restart=pause.restart if pause is not None else timedelta(0),
        gpu_w=None if history.home is None else job.gpu_power_w(history.home),
        min_saving_pct=job.min_saving,
    )
