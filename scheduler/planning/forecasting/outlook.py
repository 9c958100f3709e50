"""The forecast of a zone: its provider's, corrected and carried on past its end, or one from its history alone.

It is made at the end of the last hour that is known, at most `now`, and looks at nothing after `now`. Which hours are
ours alone is flagged, interval by interval and in the pieces of the series.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.instant import hours_between, to_the_second
from scheduler.domain.intensity import IntensitySeries, Piece, Provenance
from scheduler.planning.forecasting.history import DECAY_H, LEARNING_DAYS, from_history
from scheduler.planning.forecasting.hourly import HOUR, days_before, hour_of, hourly, issues_a_day, last_known
from scheduler.planning.forecasting.issues import FEWEST_ISSUES, corrected, outcomes_of, with_errors_since
from scheduler.planning.forecasting.profile import DAY_H, PROFILE_DAYS, WEEK
from scheduler.planning.forecasting.shrinkage import Flags, Floats

OWN: Final = "carbonsched's forecast"
"""The source of hours that no provider forecast."""
PATHS: Final = 90
"""The errors of so many past days are kept: a season of them. [days]"""
UNLIKE: Final = 0.1
"""A past forecast speaks for today's if the provider's part of it differs by no more than this of the hours. [-]"""
STALE_H: Final = 48
"""A history that ends longer before `now` says nothing of today, only of a usual day. [h]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """A forecast, and how forecasts made the same way did before.

    Args:
        series: hours from the one that `now` lies in; NaN where nothing is known.
        extension: which of them are ours alone, no provider's. [-]
        errors: what came less what was forecast at past origins, one a day, the latest first; NaN where not known yet,
            shape [P, hours]. [g/kWh]
        persistence_errors: the same of the guess that each hour is as it was the last time, shape [P, hours]. [g/kWh]
        days: how many days of the past it was made from.
        issues: how many past issues of the provider it was corrected by.
    """

    series: IntensitySeries
    extension: Flags
    errors: Floats
    persistence_errors: Floats
    days: int
    issues: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    """Past forecasts, the last of which is today's, with the hours they cover from the origin on.

    Args:
        paths: one a day, today's last, shape [I, L]. [g/kWh]
        issues: how many issues taught it.
    """

    paths: Floats
    issues: int


def forecast(
    history: IntensitySeries, now: datetime, end: datetime, *, issues: Sequence[IntensitySeries] = ()
) -> Outlook:
    """What is expected of ``[now, end)``.

    Args:
        history: what was observed; what lies after `now` is not looked at.
        now: the moment of decision.
        end: how far to look.
        issues: forecasts of one provider with their `issued_at`; the latest up to `now` is carried on, those before it
            teach how to correct it.

    Raises:
        InvalidInput: `end` is not after `now`, or an issue is of another zone.
        BasisMismatch: an issue is on another basis.
        NotCovered: neither the history nor an issue says anything by then.
    """
    if end <= now:
        raise InvalidInput(f"a forecast up to {to_the_second(end)} made at {to_the_second(now)} has no hours")
    known = [_checked(issue, history) for issue in issues if (issue.issued_at or issue.start) <= now]
    known.sort(key=lambda issue: issue.issued_at or issue.start)
    origin = last_known(history, now)
    if origin is None and not known:
        raise NotCovered(
            f"nothing is known of {history.zone} up to {to_the_second(now)} to make a forecast from",
            hint="name a source that has its history, or one that issues forecasts",
        )
    begin = hour_of(now)
    if origin is None or hours_between(origin, begin) > STALE_H:
        origin = begin
    leads = int(-(-hours_between(origin, end) // 1))
    days = days_before(_until(history, origin), origin)
    own = _own(days, leads)
    course = _issued(days, origin, known, leads) if known else _Course(paths=np.full((1, leads), np.nan), issues=0)
    whole, ours = _carried_on(course.paths, own)
    skip = int(hours_between(origin, begin))
    errors, guesses = _errors(days, whole[:-1], _alike(ours), leads)
    extension = ours[-1, skip:]
    count_days = int(np.isfinite(days).any((0, 2)).sum())
    series = _series(history, known, whole[-1, skip:], extension, begin=begin, now=now)
    return Outlook(
        series=replace(series, notes=(*_notes(count_days, course.issues, len(known), extension), *series.notes)),
        extension=extension,
        errors=errors[:, skip:],
        persistence_errors=guesses[:, skip:],
        days=count_days,
        issues=course.issues,
    )


def extended(
    history: IntensitySeries, issued: IntensitySeries | None, now: datetime, end: datetime
) -> IntensitySeries | None:
    """The forecast that carries a provider's on, or stands in for one; None where the past is too short for any."""
    issues = () if issued is None else (replace(issued, issued_at=issued.issued_at or now),)
    try:
        series = forecast(history, now, end, issues=issues).series
    except NotCovered:
        return None
    return series if np.isfinite(series.g_per_kwh).any() else None


def _checked(issue: IntensitySeries, history: IntensitySeries) -> IntensitySeries:
    """An issue of the same zone on the same basis."""
    history.basis.require_same(issue.basis)
    if issue.zone != history.zone:
        raise InvalidInput(f"a forecast of {issue.zone} cannot carry on the history of {history.zone}")
    return issue


def _until(history: IntensitySeries, origin: datetime) -> IntensitySeries:
    """The history without the intervals that end after `origin`."""
    keep = (origin - history.start) // history.step
    if keep >= len(history):
        return history
    blank = history.g_per_kwh.copy()
    blank[max(keep, 0) :] = np.nan
    return replace(history, g_per_kwh=blank, low=None, high=None, pieces=())


def _own(days: Floats, leads: int) -> Floats:
    """Forecasts from history at the past origins and today's, today's last, shape [I, L]. [g/kWh]"""
    count = days.shape[1]
    first = max(WEEK, count - PATHS)
    return np.asarray(from_history(days, first, leads)[0][0])


def _issued(days: Floats, origin: datetime, known: Sequence[IntensitySeries], leads: int) -> _Course:
    """The provider's latest issue from `origin` on, corrected, and those of the days before. [g/kWh]"""
    latest = known[-1]
    made = hour_of(latest.issued_at or latest.start)
    since = int(hours_between(made, origin))
    made += max(since // DAY_H, 0) * DAY_H * HOUR  # one of yesterday or before stands for today's, as if issued again
    since = since % DAY_H if since >= 0 else 0
    table = _shifted(issues_a_day(known, made, latest.end), hourly(latest, made, _length(made, latest)))
    count = table.shape[1]
    ahead = int(max(hours_between(origin, made), 0.0))  # the history ends before the issue was made
    past = _aligned(days, since, ahead, count)
    first = past.shape[1] - count + (0 if since else 1)
    outcomes = outcomes_of(past, first, count, table.shape[2])
    taught = int(np.isfinite(outcomes - table)[:, :-1].any((0, 2)).sum())
    course = table if not taught else corrected(past, table, first)
    if since and taught:
        course = with_errors_since(past, course, first, since)
    elif since:
        course = course[:, :, since:]
    paths = np.full((count, leads), np.nan)
    stop = min(leads, ahead + course.shape[2])
    paths[:, ahead:stop] = course[0, :, : stop - ahead]
    return _Course(paths=paths, issues=taught)


def _length(made: datetime, issue: IntensitySeries) -> int:
    """The leads of an issue that counts as made at `made`. [h]"""
    return max(int(hours_between(made, issue.end)), 1)


def _shifted(table: Floats, latest: Floats) -> Floats:
    """The issues of each day, the last one being the latest there is, whenever it was made."""
    table[0, -1] = latest
    return table


def _aligned(days: Floats, since: int, ahead: int, count: int) -> Floats:
    """The past in days that end `since` hours before its end or `ahead` hours after it, the rest of a day following."""
    hours = np.concatenate([days.reshape(1, -1), np.full((1, ahead), np.nan)], axis=1)
    if since:
        hours = np.concatenate([hours, np.full((1, DAY_H - since), np.nan)], axis=1)
    least = (count + WEEK) * DAY_H
    short = max(least - hours.shape[1], 0) + -max(least, hours.shape[1]) % DAY_H
    padded = np.concatenate([np.full((1, short), np.nan), hours], axis=1)
    return padded.reshape(1, -1, DAY_H)


def _carried_on(issued: Floats, own: Floats) -> tuple[Floats, Flags]:
    """Each day's issue where it says something and our own elsewhere, and which hours those are; shapes [I, L].

    Notes:
        Past the end of an issue, at lead e, ours is own(l) + (issued(e) - own(e)) exp(-(l - e) / 24 h): no step.
    """
    count = max(issued.shape[0], own.shape[0])
    said, ours = _latest(issued, count), _latest(own, count)
    silent = np.isnan(said)
    ends = said.shape[1] - 1 - np.argmin(silent[:, ::-1], axis=1)
    rows = np.arange(count)
    step = np.nan_to_num(said[rows, ends] - ours[rows, ends])
    after = np.arange(said.shape[1]) - ends[:, None]
    bridge = np.where(after > 0, step[:, None] * np.exp(-np.maximum(after, 0) / DECAY_H), 0.0)
    return np.where(silent, np.maximum(ours + bridge, 0.0), said), silent


def _latest(paths: Floats, count: int) -> Floats:
    """Paths by day with unknown ones before them, so that there are `count`."""
    missing = np.full((count - paths.shape[0], paths.shape[1]), np.nan)
    return np.concatenate([missing, paths])


def _alike(ours: Flags) -> Flags:
    """Which past forecasts were ours alone in the hours in which today's is, so that their errors speak for it."""
    return np.asarray((ours[:-1] != ours[-1]).mean(1) <= UNLIKE)


def _errors(days: Floats, past: Floats, alike: Flags, leads: int) -> tuple[Floats, Floats]:
    """What came less what was forecast, and less what was the last time, by past origin, the latest first. [g/kWh]"""
    count = min(past.shape[0], days.shape[1] - WEEK)
    if count <= 0:
        return np.empty((0, leads)), np.empty((0, leads))
    first = days.shape[1] - count
    came = outcomes_of(days, first, count, leads)[0]
    last_time = days[0, first - 1 : first - 1 + count][:, np.arange(leads) % DAY_H]
    keep = np.isfinite(came).any(1) & alike[-count:]
    return (came - past[-count:])[keep][::-1][:PATHS], (came - last_time)[keep][::-1][:PATHS]


def _series(
    history: IntensitySeries,
    known: Sequence[IntensitySeries],
    values: Floats,
    extension: Flags,
    *,
    begin: datetime,
    now: datetime,
) -> IntensitySeries:
    """The hours as a series, each stretch signed by the provider or by us."""
    own = replace(history.source, name=OWN)
    theirs = known[-1].source if known else own
    borders = [0, *(np.flatnonzero(np.diff(extension)) + 1).tolist(), len(values)]
    pieces = tuple(
        Piece(
            start=begin + first * HOUR,
            end=begin + last * HOUR,
            kind="forecast",
            source=own if extension[first] else theirs,
            basis=history.basis,
            issued_at=now if extension[first] else known[-1].issued_at,
        )
        for first, last in itertools.pairwise(borders)
    )
    names = dict.fromkeys(piece.source for piece in pieces)
    return IntensitySeries(
        zone=history.zone,
        basis=history.basis,
        start=begin,
        step=HOUR,
        g_per_kwh=values,
        kind="forecast",
        source=Provenance(
            name=" + ".join(source.name for source in names),
            licence="; ".join(dict.fromkeys(source.licence for source in names if source.licence)),
            attribution="; ".join(dict.fromkeys(source.attribution for source in names if source.attribution)),
        ),
        issued_at=now,
        retrieved_at=history.retrieved_at,
        pieces=pieces,
    )


def _notes(days: int, taught: int, known: int, extension: Flags) -> tuple[str, ...]:
    """What a reader must know of how the forecast came about."""
    notes = []
    if extension.any():
        share = "" if extension.all() else f" for {int(extension.sum())} of {len(extension)} h"
        if days >= LEARNING_DAYS + WEEK:
            notes.append(f"forecast by carbonsched from {days} days of history{share}")
        else:
            lack = "no full profile" if days < PROFILE_DAYS else "nothing learnt from it yet"
            notes.append(f"forecast by carbonsched from no more than {days} days of history{share}: {lack}")
    if known and taught >= FEWEST_ISSUES:
        notes.append(f"the provider's forecast is corrected by {taught} of its past issues")
    elif known and taught:
        notes.append(f"the provider's forecast is corrected by its mean error in {taught} past issues alone")
    elif known:
        notes.append("the provider's forecast is taken as issued: no past issue of it is at hand to correct it by")
    return tuple(notes)
