"""What of a job falls into a period: each hour of it counts where it lies, whenever the job was submitted or ended.

The attempts are cut at the period's ends, so that energy, holds and embodied follow the intervals themselves; a copy
of data travels in an instant and belongs to the period that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Level
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.records.accounts import Account, account
from scheduler.records.attempts import Attempt, Interval
from scheduler.records.copies import copies_of, ends_kg
from scheduler.records.exposure import AGAINST_REAL
from scheduler.records.settlement import Span


def accrued(
    job: Job,
    attempts: Sequence[Attempt],
    intensity: Mapping[str, IntensitySeries],
    span: Span,
    *,
    data_at: Cluster | None = None,
    paused_until: datetime | None = None,
) -> Account:
    """The account of what a job did within ``[since, until)``; those of periods that touch add up to the whole one.

    Args:
        job, attempts, intensity, data_at, paused_until: as of `account`.
        span: since and until.
    """
    clipped = [_clipped(each, span) for each in attempts]
    pause = None if paused_until is None else _inside(paused_until, span)
    made = account(job, clipped, intensity, data_at=data_at, paused_until=pause)
    here = [copy for copy in copies_of(job, attempts, data_at) if span[0] <= copy.at < span[1]]

    def transfer_kg(level: Level) -> float:
        """What the copies within the period emitted. [kg]"""
        return sum(kg for copy in here for _, kg in ends_kg(copy, intensity, AGAINST_REAL, level))

    emissions = {level: replace(lines, transfer=transfer_kg(level)) for level, lines in made.emissions.items()}
    return replace(made, emissions=emissions)


def touches(attempts: Sequence[Attempt], paused_until: datetime | None, span: Span) -> bool:
    """Whether anything of a job lies within a period, from its first GPU to its last one or the end of its pause."""
    if not attempts:
        return False
    ends = [each.reserved[1] for each in attempts] + ([paused_until] if paused_until else [])
    return attempts[0].reserved[0] < span[1] and max(ends) >= span[0]


def _clipped(attempt: Attempt, span: Span) -> Attempt:
    """An attempt cut at a period's ends; one outside is left with no length, since pauses begin where it ends."""
    reserved: Interval = (_inside(attempt.reserved[0], span), _inside(attempt.reserved[1], span))
    ran: Interval = (_inside(attempt.ran[0], span), _inside(attempt.ran[1], span))
    return replace(attempt, reserved=reserved, ran=ran)


def _inside(moment: datetime, span: Span) -> datetime:
    """An instant moved into a period by as little as will do."""
    return max(span[0], min(moment, span[1]))
