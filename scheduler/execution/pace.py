"""When a run will end, by how far it says it is. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from scheduler.records.evidence import Sample

_SEEN_FOR: Final = timedelta(minutes=5)
"""A pace that was seen for less is not believed over the duration that the job states."""
_SEEN: Final = 0.01
"""Nor one seen over less of the work. [-]"""
_WORTH: Final = timedelta(minutes=2)
_WORTH_SHARE: Final = 0.02
"""An expected end is corrected where it moves by more than both, the second as a share of what is left. [-]"""


def expected_end(
    first: Sample, newest: Sample, *, before: float, restart: timedelta, whole: timedelta | None, now: datetime
) -> datetime | None:
    """When the work will be done; None where the training does not say how far it is.

    Args:
        first, newest: samples of the run.
        before: fraction done before it. [-]
        restart: time that it took to get going.
        whole: one uninterrupted run at its width, None if nobody knows.
        now: the moment of the newest sample, by the scheduler's clock.

    Notes:
        left = (1 - p) x t / (p - p0), over the run so far less its restart; at first (1 - p) x the stated duration.
    """
    done = newest.progress
    if done is None:
        return None
    begun = before if first.progress is None else first.progress
    ran = newest.at - first.at - (restart if begun <= before else timedelta(0))
    gained = done - begun
    if ran >= _SEEN_FOR and gained >= _SEEN:
        return now + (1 - done) * (ran / gained)
    return None if whole is None else now + (1 - done) * whole


def is_news(expected: datetime, known: datetime, now: datetime) -> bool:
    """Whether a corrected end is worth a change of what others plan around."""
    return abs(expected - known) > max(_WORTH, _WORTH_SHARE * abs(expected - now))
