"""How long what a source said counts as fresh: by the age that a figure had when it was asked for.

A forecast is asked for again after `refresh`. A figure of the past is revised the less the older it is, so it is asked
for at growing distances. When it was observed and asked for `FINAL` after its hour, and came the same in two answers
`REVISABLE` apart, it is settled and never asked for again. What is estimated then still, or missing, is asked for
monthly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from scheduler.ports import Check

Span = tuple[datetime, datetime]

FINAL: Final = timedelta(days=90)
"""Age from which an observed figure is asked for no more; Electricity Maps revises for months (its API reference)."""
AGES: Final = (
    (timedelta(days=2), None),
    (timedelta(days=30), timedelta(days=1)),
    (FINAL, timedelta(days=7)),
)
"""Up to an age, how long an answer counts; None for as long as a forecast does."""
REVISABLE: Final = timedelta(days=30)
"""How long an answer counts that is still no observation at `FINAL`, or has come once only."""
_NEAR: Final = timedelta(days=1)
"""Stretches to be asked for that lie so close are asked for in one."""
_HOUR: Final = timedelta(hours=1)


def due(
    start: datetime,
    end: datetime,
    *,
    checks: Iterable[Check],
    unsettled: Sequence[Span],
    now: datetime,
    refresh: timedelta,
) -> list[Span]:
    """The stretches of ``[start, end)`` that a source is to be asked for now, whole hours, up to the current one.

    Args:
        start: of what is wanted; end: of what is wanted.
        checks: when was asked, in order of time and without overlap.
        unsettled: what is known to be no observation, or to have been observed once only.
        now: the current instant.
        refresh: how long the newest figures count.
    """
    first, last = whole_hour(start), min(whole_hour(end, up=True), whole_hour(now, up=True))
    fresh = sorted(span for check in checks for span in _fresh(check, unsettled, now, refresh))
    wanted: list[Span] = []
    at = first
    for begins, ends in [*fresh, (last, last)]:
        if begins > at and at < last:
            wanted.append((whole_hour(at), whole_hour(min(begins, last), up=True)))
        at = max(at, ends)
    return _together(wanted)


def whole_hour(moment: datetime, *, up: bool = False) -> datetime:
    """The hour that an instant lies in, or with `up` the next one unless it is one itself."""
    floor = moment.replace(minute=0, second=0, microsecond=0)
    return floor + _HOUR if up and floor < moment else floor


def _fresh(check: Check, unsettled: Sequence[Span], now: datetime, refresh: timedelta) -> list[Span]:
    """The parts of a check that still count."""
    found, ends = [], check.end
    for age, counts in AGES:
        begins = max(check.start, check.at - age)
        if begins < ends:
            if now - check.at < (counts or refresh):
                found.append((begins, ends))
            ends = begins
    if check.start < ends:
        settled = [(check.start, ends)] if now - check.at < REVISABLE else _without((check.start, ends), unsettled)
        found += settled
    return found


def _without(span: Span, holes: Sequence[Span]) -> list[Span]:
    """A stretch less some others."""
    rest, at = [], span[0]
    for begins, ends in sorted(holes):
        if begins >= span[1] or ends <= at:
            continue
        if begins > at:
            rest.append((at, begins))
        at = ends
    return [*rest, (at, span[1])] if at < span[1] else rest


def _together(spans: Sequence[Span]) -> list[Span]:
    """Stretches that lie close as one."""
    found: list[Span] = []
    for begins, ends in spans:
        if found and begins - found[-1][1] <= _NEAR:
            found[-1] = (found[-1][0], ends)
        else:
            found.append((begins, ends))
    return found
