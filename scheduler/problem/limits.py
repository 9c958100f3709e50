"""When a job may run: its earliest start and its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.domain.duration import format_duration
from scheduler.domain.errors import Infeasible
from scheduler.domain.instant import format_instant
from scheduler.domain.job import Job, When
from scheduler.problem.learnt import Learnt

NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The window of a job, as instants.

    Args:
        earliest: no segment starts before this; not before the moment of decision.
        deadline: plans are complete by this, inclusive; the margin is taken off.
        promised: the deadline itself.
        stated: whether the job states its deadline.
    """

    earliest: datetime
    deadline: datetime
    promised: datetime
    stated: bool


def limits(
    job: Job,
    *,
    now: datetime,
    submitted_at: datetime,
    run: timedelta,
    shortest: timedelta,
    default_slack: timedelta,
    margin: timedelta,
) -> Limits:
    """The window left to the job at `now`.

    Args:
        job: what is to run.
        now: the moment of decision.
        submitted_at: what durations in the job count from.
        run: one uninterrupted run at home; with the slack it makes the deadline of a job that states none, counted
            from the earliest start where that is later than the submission.
        shortest: what is left of the run on the fastest candidate.
        default_slack: used where the job states neither deadline nor slack.
        margin: kept free before the deadline, but never more than the slack there is: a job without any would
            otherwise be refused for the sake of its own safety.
    """
    asked = _moment(job.earliest_start, submitted_at) or submitted_at
    earliest = max(now, asked)
    stated = _moment(job.deadline, submitted_at)
    slack = default_slack if job.default_slack is None else job.default_slack
    deadline = stated or max(submitted_at, asked) + run + slack
    if deadline <= earliest:
        late = format_duration(earliest - deadline)
        behind = f"{late} before" if earliest > deadline else "at"
        raise Infeasible(
            f"the deadline {format_instant(deadline)} of {job.name} lies {behind} {_name(earliest, now)}",
            hint=f"move the deadline to {format_instant(earliest + shortest)} or later",
        )
    spare = max(NO_TIME, deadline - earliest - shortest)
    return Limits(
        earliest=earliest, deadline=deadline - min(margin, spare), promised=deadline, stated=stated is not None
    )


def horizon(job: Job, submitted_at: datetime, *, default_slack: timedelta, learnt: Learnt | None = None) -> datetime:
    """An instant at or after the job's deadline, wherever its home is: how far ahead intensities are needed."""
    stated = _moment(job.deadline, submitted_at)
    if stated is not None:
        return stated
    if isinstance(job.duration, timedelta):
        spans = [job.duration]
    else:
        spans = [NO_TIME, *(job.duration or (learnt.durations if learnt else {})).values()]
    slack = default_slack if job.default_slack is None else job.default_slack
    return max(submitted_at, _moment(job.earliest_start, submitted_at) or submitted_at) + max(spans) + slack


def _moment(when: When | None, submitted_at: datetime) -> datetime | None:
    """An instant that is given as such, or as a duration from submission."""
    return submitted_at + when if isinstance(when, timedelta) else when


def _name(earliest: datetime, now: datetime) -> str:
    """What the earliest instant is, for an error."""
    kind = "now" if earliest == now else "the earliest start"
    return f"{kind}, {format_instant(earliest)}"
