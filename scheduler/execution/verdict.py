"""What the end of a segment means for its job. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scheduler.domain.instant import to_the_second
from scheduler.execution.saves import KILLED, Safe, save_failed
from scheduler.records.evidence import Outcome
from scheduler.records.rows import JobRow, JobState, SegmentEnd

INTERRUPTION_BUDGET = 3
"""Attempts that the infrastructure may end before the job is given up as lost."""


WITHDRAWN = "withdrawn: it stayed pending on its cluster"
RELEASED = "stopped for a reason that is gone since"
_NOTHING_SAFE = Safe(saved_at=None, progress=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the segment ended, and where its job stands now.

    Args:
        progress: fraction of the work that is safe; None leaves it as it was. [-]
        failures, interruptions: added to the job's counts.
        repeats: which work is done again, in words; empty where a stop left all of it safe.
    """

    end: SegmentEnd
    state: JobState
    reason: str
    progress: float | None = None
    failures: int = 0
    interruptions: int = 0
    repeats: str = ""


def by_outcome(
    job: JobRow,
    outcome: Outcome,
    *,
    stop_asked: bool,
    worked: float,
    granted: bool = True,
    by_plan: bool = True,
    safe: Safe = _NOTHING_SAFE,
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
        safe: what its checkpoint holds, where the agent saw one.
    """
    stopped = outcome.stop_received_at is not None or outcome.reason == "stopped"
    if outcome.reason in ("fenced", "lost_lease"):
        return interrupted(job, f"its agent stopped it: {outcome.reason.replace('_', ' ')}", safe=safe)
    if outcome.reason == "lost_node" or (outcome.reason == "not_started" and outcome.exit_code is None and not stopped):
        return interrupted(job, outcome.error or "it could not be started", safe=safe)
    if outcome.exit_code == 0 and (not stopped or (outcome.progress or 0.0) >= 1.0):
        return Verdict(end="finished", state=JobState.SUCCEEDED, reason="", progress=1.0)
    if not stopped:
        return _failed(job, _how(outcome), safe=safe)
    if not stop_asked:
        return interrupted(job, "stopped on its cluster, not by us", safe=safe)
    done = job.progress if outcome.reason == "not_started" else worked
    progress = done if outcome.progress is None else outcome.progress
    return _stopped(job, outcome, progress, granted=granted, by_plan=by_plan, safe=safe)


def _stopped(job: JobRow, outcome: Outcome, progress: float, *, granted: bool, by_plan: bool, safe: Safe) -> Verdict:
    """What a stop that we asked for means: what was wanted, and the work since the save is repeated if it failed."""
    repeats = ""
    if save_failed(outcome, safe.saved_at):
        progress = job.progress if safe.progress is None else safe.progress
        since = f"since {to_the_second(safe.saved_at)}" if safe.saved_at else "of this segment"
        repeats = f"the work {since} is repeated: {_unsaved(job, outcome)}"
    if job.wanted == "cancel":
        return Verdict(end="suspended", state=JobState.CANCELLED, reason="cancelled by a person", progress=progress)
    if job.wanted == "hold":
        state, reason = JobState.HELD, "held by a person"
    elif not granted:
        return Verdict(end="interrupted", state=JobState.QUEUED, reason=WITHDRAWN)
    elif not by_plan:
        state, reason = JobState.QUEUED, RELEASED
    else:
        state, reason = JobState.SUSPENDED, "suspended by the plan"
    reason = f"{reason}; {repeats}" if repeats else reason
    return Verdict(end="suspended", state=state, reason=reason, progress=progress, repeats=repeats)


def _unsaved(job: JobRow, outcome: Outcome) -> str:
    """Why a stop left less than all work safe."""
    if job.job.interruptible is not None and job.job.interruptible.save == "periodic":
        return "it saves itself in its own time"
    if outcome.saved == "not_copied":
        return "its checkpoint was not copied to its storage"
    return "its save was cut off when its grace was over" if outcome.exit_code == KILLED else "it saved nothing new"


def unstarted(job: JobRow, why: str, *, infrastructure: bool, withdrawn: bool = False) -> Verdict:
    """What it means that a segment never ran: the cluster's doing, or a command or environment that cannot start."""
    if job.wanted == "cancel":
        return Verdict(end="never_started", state=JobState.CANCELLED, reason="cancelled by a person")
    if job.wanted == "hold":
        return Verdict(end="never_started", state=JobState.HELD, reason="held by a person")
    if withdrawn:
        return Verdict(end="never_started", state=JobState.QUEUED, reason=WITHDRAWN)
    return replace((interrupted if infrastructure else _failed)(job, why), end="never_started")


def interrupted(job: JobRow, why: str, *, safe: Safe = _NOTHING_SAFE) -> Verdict:
    """What it means that the infrastructure ended a segment: the work since the last safe point is repeated."""
    if job.wanted == "cancel":
        return Verdict(end="interrupted", state=JobState.CANCELLED, reason="cancelled by a person")
    if job.interruptions + 1 > INTERRUPTION_BUDGET:
        return Verdict(end="interrupted", state=JobState.LOST, reason=f"{why}, {job.interruptions + 1} times")
    return Verdict(end="interrupted", state=JobState.QUEUED, reason=why, interruptions=1, progress=safe.progress)


def unknown(job: JobRow, unread: str = "", *, safe: Safe = _NOTHING_SAFE) -> Verdict:
    """What it means that no outcome was read until the lease had run out; `unread` says why it could not be."""
    why = f"its outcome could not be read: {unread}" if unread else "it ended without an outcome"
    return replace(interrupted(job, why, safe=safe), end="unknown")


def _failed(job: JobRow, why: str, *, safe: Safe = _NOTHING_SAFE) -> Verdict:
    """A failure of the job's own: tried again only as often as its `retries` say."""
    left = job.job.retries - job.failures
    if left > 0:
        reason = f"{why}; {left} retries left"
        return Verdict(end="failed", state=JobState.QUEUED, reason=reason, failures=1, progress=safe.progress)
    return Verdict(end="failed", state=JobState.FAILED, reason=why, failures=1)


def _how(outcome: Outcome) -> str:
    """How a training ended, in words."""
    if outcome.reason == "not_started":
        return f"its command did not start: {outcome.error or 'unknown'}"
    if outcome.exit_code is not None and outcome.exit_code < 0:
        return f"killed by signal {-outcome.exit_code}"
    return f"exit code {outcome.exit_code}"
