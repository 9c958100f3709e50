"""The keeper: asks sources for what is missing or stale, keeps what they say, and reads from what was kept alone.

Asking and reading are two things: whoever plans under the store's lock reads, and nothing on the network is waited for
there. A zone is asked for as a whole, whatever number of jobs wants it, and one caller at a time asks.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import SourceUnavailable, UnusableAnswer
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.joining import within
from scheduler.execution.freshness import REVISABLE, Span, due, whole_hour
from scheduler.execution.past_issues import PATIENCE_S, unasked
from scheduler.execution.pauses import Pauses
from scheduler.planning.forecasting.hourly import NEAREST_H
from scheduler.planning.forecasting.issue_features import BIAS_ISSUES
from scheduler.ports import Asked, Check, Clock, ForecastSource, IntensitySource, IntensityStore, IssueSource, Subject

REACH: Final = timedelta(hours=72)
"""How far ahead a forecast is asked for, whatever a job needs: the furthest that Electricity Maps and WattTime go."""
FETCHED_WITHIN: Final = timedelta(minutes=2)
"""A decision notes its moment, then asks: what a provider says that tells no time of issue is a little younger."""
_LOOK_S: Final = 1.0
"""How long what was read counts before one looks whether another process has stored something. [s]"""
_ISSUE: Final = timedelta(minutes=5)
"""Between two issues of the provider that issues most often, WattTime."""
_MOST_READ: Final = 512
"""Series that are held in memory."""
_UNSETTLED_BACK: Final = timedelta(days=400)
"""How far back figures that are no observation are asked for again."""


@dataclass(slots=True, kw_only=True)
class Keeper:
    """What the sources of this machine said.

    Args:
        store: opened when it is first needed; asked once.
        clock: time.
        refresh: how long a forecast, and the figures of the last days, count as fresh.
    """

    store: Callable[[], IntensityStore]
    clock: Clock
    refresh: timedelta
    _pauses: Pauses = field(init=False)
    _opened: IntensityStore | None = None
    _asked_at: dict[Subject, datetime] = field(default_factory=dict)
    _issues_at: dict[Subject, datetime] = field(default_factory=dict)
    _looked_at: dict[tuple[Subject, datetime, datetime], datetime] = field(default_factory=dict)
    _read: dict[tuple[object, ...], IntensitySeries | None] = field(default_factory=dict)
    _stamp: int = -1
    _looked_s: float = float("-inf")
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _flights: dict[tuple[Subject, Asked], threading.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nobody is left alone yet."""
        self._pauses = Pauses(clock=self.clock, refresh=self.refresh)

    def freshen_history(self, subject: Subject, source: IntensitySource, start: datetime, end: datetime) -> None:
        """Ask for what is missing or stale of the past in ``[start, end)``; what goes wrong is remembered."""
        with self._flight(subject, "history"):
            if not self._pauses.may_ask(subject, "history"):
                return
            now = self.clock.now()
            key = (subject, whole_hour(start), whole_hour(end, up=True))
            if key in self._looked_at and now - self._looked_at[key] < self.refresh:
                return
            for begins, ends in self._due(subject, start, end, now):
                with self._noting(subject, "history"):
                    found = source.series(subject.zone, subject.basis, begins, ends)
                    self._keep(subject, "history", found, Check(start=begins, end=ends, at=now))
            if not self.trouble(subject, "history"):
                self._looked_at[key] = now

    def freshen_forecast(self, subject: Subject, source: IntensitySource) -> None:
        """Ask for the newest forecast unless that was done a moment ago; what goes wrong is remembered."""
        if not isinstance(source, ForecastSource):
            return
        with self._flight(subject, "forecast"):
            now = self.clock.now()
            if self._is_fresh(subject, now) or not self._pauses.may_ask(subject, "forecast"):
                return
            start = whole_hour(now)
            with self._noting(subject, "forecast"):
                found = source.forecast(subject.zone, subject.basis, start, start + REACH)
                self._keep(subject, "forecast", found, Check(start=start, end=start + REACH, at=now))

    def freshen_issues(self, subject: Subject, source: IntensitySource) -> None:
        """Ask for past forecasts that nobody kept, a few at a time; where there are none it is not asked for long."""
        if not isinstance(source, IssueSource):
            return
        with self._flight(subject, "issues"):
            now, until_s = self.clock.now(), self.clock.monotonic_s() + PATIENCE_S
            for moment in self._issues_due(subject, now):
                try:
                    found = source.issues(subject.zone, subject.basis, moment, moment + _ISSUE)
                except SourceUnavailable as exc:
                    self._pauses.refuse(subject, "issues", exc)
                    return
                check = Check(start=moment, end=moment + _ISSUE, at=now)
                for issue in found:
                    self._keep(subject, "issues", issue, check)
                self._kept().noted(subject, "issues", check)
                if self.clock.monotonic_s() >= until_s:
                    return

    def history(
        self, subject: Subject, start: datetime, end: datetime, known_at: datetime | None = None
    ) -> IntensitySeries | None:
        """The kept figures of ``[start, end)`` that are no forecast."""
        store = self._kept()
        key = (subject, "history", start, end, known_at)
        return self._remembered(key, lambda: store.history(subject, start, end, known_at=known_at))

    def forecast(self, subject: Subject, now: datetime, end: datetime) -> IntensitySeries | None:
        """The newest forecast, of those issued by `now` or fetched for it, that reaches past it."""
        since, by = whole_hour(now), now + FETCHED_WITHIN

        def read(issued_by: datetime | None = None) -> IntensitySeries | None:
            """The newest issue, or that of an instant."""
            issues = self._kept().forecasts(subject, since, since + REACH, issued_by=issued_by)
            return issues[-1] if issues else None

        newest = self._remembered((subject, "forecast", since), read)
        if newest is not None and newest.issued_at is not None and newest.issued_at > by:
            newest = read(by)
        return None if newest is None else within(newest, since, end)

    def issues(
        self, subject: Subject, start: datetime, end: datetime, *, issued_by: datetime, hours: Collection[int]
    ) -> list[IntensitySeries]:
        """The kept forecasts that touch ``[start, end)`` and were issued in some hours of the day, in their order."""
        return list(self._kept().forecasts(subject, start, end, issued_by=issued_by, hours=hours))

    def trouble(self, subject: Subject, asked: Asked) -> str:
        """Why the source could not be asked last, or what it refused; empty where nothing is wrong."""
        return self._pauses.trouble(subject, asked)

    def out_of_reach(self, subject: Subject) -> str:
        """Why the source is left alone because it was down or answered oddly; empty where it is not."""
        return self._pauses.outage(subject, "history")

    def stamp(self) -> int:
        """A number that rises when something new was kept, by whichever process."""
        self._look()
        return self._stamp

    def _is_fresh(self, subject: Subject, now: datetime) -> bool:
        """Whether the forecast was asked for within `refresh`, by this process or another."""
        asked = self._asked_at.get(subject)
        if asked is None or now - asked >= self.refresh:
            asked = max((check.at for check in self._kept().checks(subject, "forecast")), default=None)
            if asked is not None:
                self._asked_at[subject] = asked
        return asked is not None and now - asked < self.refresh

    def _issues_due(self, subject: Subject, now: datetime) -> list[datetime]:
        """The past issues to ask for; none where that was looked at, or asked, within `refresh`."""
        checks = self._kept().checks(subject, "issues")
        looked = max([check.at for check in checks] + [self._issues_at.get(subject, datetime.min.replace(tzinfo=UTC))])
        if now - looked < self.refresh or not all(
            self._pauses.may_ask(subject, asked) for asked in ("forecast", "issues")
        ):
            return []
        self._issues_at[subject] = now
        hours = {(now.hour + away) % 24 for away in range(-NEAREST_H, NEAREST_H + 1)}
        kept = self._kept().forecasts(
            subject, now - timedelta(days=BIAS_ISSUES + 1), now + REACH, issued_by=now, hours=hours
        )
        return unasked(now, kept, checks)

    def _due(self, subject: Subject, start: datetime, end: datetime, now: datetime) -> list[Span]:
        """The stretches to be asked for."""
        checks = self._kept().checks(subject, "history")
        unsettled: list[Span] = []
        if start < now - _UNSETTLED_BACK / 4:
            known = self.history(subject, start, end)
            since = max(start, now - _UNSETTLED_BACK)
            moving = [(start, end)] if known is None else _unsettled(known, start, end)
            unsettled = [(max(since, begins), ends) for begins, ends in moving if ends > since]
            unsettled += [] if known is None else _said_once(known, checks)
        return due(start, end, checks=checks, unsettled=unsettled, now=now, refresh=self.refresh)

    def _keep(self, subject: Subject, asked: Asked, found: IntensitySeries, check: Check) -> None:
        """Store an answer and that it was asked for; one to another question is refused."""
        if (found.zone, found.basis) != (subject.zone, subject.basis):
            raise UnusableAnswer(
                f"{subject.source} answered for {found.zone} on '{found.basis}' when asked for {subject.zone}",
                hint="tell its maintainers; nothing of it was kept",
            )
        store = self._kept()
        store.keep(subject, found, at=check.at)
        store.noted(subject, asked, check)
        with self._guard:
            self._looked_s = float("-inf")
            if asked == "forecast":
                self._asked_at[subject] = check.at
        self._pauses.end(subject, asked)

    @contextmanager
    def _noting(self, subject: Subject, asked: Asked) -> Iterator[None]:
        """Remember what a source refuses, and leave one alone that is down."""
        try:
            yield
        except SourceUnavailable as exc:
            self._pauses.note(subject, asked, exc)

    @contextmanager
    def _flight(self, subject: Subject, asked: Asked) -> Iterator[None]:
        """One caller at a time asks a question; whoever waited finds the answer kept."""
        with self._guard:
            lock = self._flights.setdefault((subject, asked), threading.Lock())
        with lock:
            yield

    def _remembered(
        self, key: tuple[object, ...], read: Callable[[], IntensitySeries | None]
    ) -> IntensitySeries | None:
        """What was read for `key`, read again where something new was stored."""
        self._look()
        with self._guard:
            if key in self._read:
                return self._read[key]
        found = read()
        with self._guard:
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            self._read[key] = found
        return found

    def _look(self) -> None:
        """Forget what was read where something new is in the store."""
        now_s = self.clock.monotonic_s()
        with self._guard:
            if now_s - self._looked_s < _LOOK_S:
                return
            self._looked_s = now_s
        stamp = self._kept().stamp()
        with self._guard:
            if stamp != self._stamp:
                self._stamp = stamp
                self._read.clear()

    def _kept(self) -> IntensityStore:
        """The store, opened now if it was not."""
        with self._guard:
            if self._opened is None:
                self._opened = self.store()
            return self._opened


def _unsettled(series: IntensitySeries, start: datetime, end: datetime) -> list[Span]:
    """The stretches of an interval that no observation covers."""
    borders = [0, *(np.flatnonzero(np.diff(np.isnan(series.g_per_kwh))) + 1).tolist(), len(series)]
    gaps = [
        (series.start + first * series.step, series.start + last * series.step)
        for first, last in itertools.pairwise(borders)
        if np.isnan(series.g_per_kwh[first])
    ]
    outside = [span for span in ((start, series.start), (series.end, end)) if span[0] < span[1]]
    return [*outside, *gaps, *((piece.start, piece.end) for piece in series.origins if piece.kind != "observed")]


def _said_once(series: IntensitySeries, checks: Iterable[Check]) -> list[Span]:
    """The stretches that have not come the same in two retrievals far enough apart to be settled."""
    return [
        (max(piece.start, check.start), min(piece.end, check.end))
        for piece in series.origins
        for check in checks
        if check.start < piece.end and check.end > piece.start
        if piece.retrieved_at is not None and check.at - piece.retrieved_at < REVISABLE
    ]
