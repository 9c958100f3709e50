"""What the end of a segment means for its job. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scheduler.records.evidence import Outcome
from scheduler.records.rows import JobRow, JobState, SegmentEnd

INTERRUPTION_BUDGET = 3
"""Attempts that the infrastructure may end before the job is given up as lost."""


WITHDRAWN = "withdrawn: it stayed pending on its cluster"
RELEASED = "stopped for a reason that is gone since"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the segment ended, and where its job stands now.

    Args:
        progress: fraction of the work that is safe; None leaves it as it was. [-]
        failures, interruptions: added to the job's counts.
    """

    end: SegmentEnd
    state: JobState
    reason: str
    progress: float | None = None
    failures: int = 0
    interruptions: int = 0


def by_outcome(
    job: JobRow, outcome: Outcome, *, stop_asked: bool, worked: float, granted: bool = True, by_plan: bool = True
) -> Verdict:
    """What an outcome means.

    A training that saves on SIGTERM may well exit 0: after a stop, only full progress means that it finished.

    Args:
        job: the job; its `wanted` says what the stop was for.
        outcome: what the agent wrote.
        stop_asked: whether the stop came from us.
        granted: whether it was ever seen running; what was withdrawn before is planned again.
        by_plan: whether the plan asked for the stop, and so says how to go on.
        worked: fraction done by the clock, used where the training does not report progress. [-]
    """
    progress = worked if outcome.progress is None else outcome.progress
    stopped = outcome.stop_received_at is not None or outcome.reason == "stopped"
    if outcome.reason in ("fenced", "lost_lease"):
        return interrupted(job, f"its agent stopped it: {outcome.reason.replace('_', ' ')}")
    if outcome.exit_code == 0 and (not stopped or (outcome.progress or 0.0) >= 1.0):
        return Verdict(end="finished", state=JobState.SUCCEEDED, reason="", progress=1.0)
    if not stopped:
        return _failed(job, _how(outcome))
    if not stop_asked:
        return interrupted(job, "stopped on its cluster, not by us")
    if job.wanted == "cancel":
        return Verdict(end="suspended", state=JobState.CANCELLED, reason="cancelled by a person", progress=progress)
    if job.wanted == "hold":
        return Verdict(end="suspended", state=JobState.HELD, reason="held by a person", progress=progress)
    if not granted:
        return Verdict(end="interrupted", state=JobState.QUEUED, reason=WITHDRAWN)
    if not by_plan:
        return Verdict(end="suspended", state=JobState.QUEUED, reason=RELEASED, progress=progress)
    return Verdict(end="suspended", state=JobState.SUSPENDED, reason="suspended by the plan", progress=progress)


def unstarted(job: JobRow, why: str, *, infrastructure: bool, withdrawn: bool = False) -> Verdict:
    """What it means that a segment never ran: the cluster's doing, or a command or environment that cannot start."""
    if job.wanted == "cancel":
        return Verdict(end="never_started", state=JobState.CANCELLED, reason="cancelled by a person")
    if job.wanted == "hold":
        return Verdict(end="never_started", state=JobState.HELD, reason="held by a person")
    if withdrawn:
        return Verdict(end="never_started", state=JobState.QUEUED, reason=WITHDRAWN)
    return replace((interrupted if infrastructure else _failed)(job, why), end="never_started")


def interrupted(job: JobRow, why: str) -> Verdict:
    """What it means that the infrastructure ended a segment: the work since the last safe point is repeated."""
    if job.wanted == "cancel":
        return Verdict(end="interrupted", state=JobState.CANCELLED, reason="cancelled by a person")
    if job.interruptions + 1 > INTERRUPTION_BUDGET:
        return Verdict(end="interrupted", state=JobState.LOST, reason=f"{why}, {job.interruptions + 1} times")
    return Verdict(end="interrupted", state=JobState.QUEUED, reason=why, interruptions=1)


def unknown(job: JobRow) -> Verdict:
    """What it means that no outcome was read until the lease had run out."""
    return replace(interrupted(job, "it ended without an outcome"), end="unknown")


def _failed(job: JobRow, why: str) -> Verdict:
    """A failure of the job's own: tried again only as often as its `retries` say."""
    left = job.job.retries - job.failures
    if left > 0:
        return Verdict(end="failed", state=JobState.QUEUED, reason=f"{why}; {left} retries left", failures=1)
    return Verdict(end="failed", state=JobState.FAILED, reason=why, failures=1)


def _how(outcome: Outcome) -> str:
    """How a training ended, in words."""
    if outcome.reason == "not_started":
        return f"its command did not start: {outcome.error or 'unknown'}"
    if outcome.exit_code is not None and outcome.exit_code < 0:
        return f"killed by signal {-outcome.exit_code}"
    return f"exit code {outcome.exit_code}"
