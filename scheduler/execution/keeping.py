"""The keeper: asks sources for what is missing or stale, keeps what they say, and reads from what was kept alone.

Asking and reading are two things: whoever plans under the store's lock reads, and nothing on the network is waited for
there. A zone is asked for as a whole, whatever number of jobs wants it, and one caller at a time asks.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.errors import CredentialMissing, NotCovered, SourceUnavailable
from scheduler.domain.instant import to_the_second
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.joining import within
from scheduler.execution.freshness import Span, due, whole_hour
from scheduler.ports import Asked, Check, Clock, ForecastSource, IntensitySource, IntensityStore, Subject

REACH: Final = timedelta(hours=72)
"""How far ahead a forecast is asked for, whatever a job needs: the furthest that Electricity Maps and WattTime go."""
_FIRST_PAUSE_S: Final = 60.0
"""A source that failed is left alone for so long, twice as long after each further failure. [s]"""
_LONGEST_PAUSE_S: Final = 3600.0
"""At most. [s]"""
_LOOK_S: Final = 1.0
"""How long what was read counts before one looks whether another process has stored something. [s]"""
_MOST_READ: Final = 512
"""Series that are held in memory."""
_UNSETTLED_BACK: Final = timedelta(days=400)
"""How far back figures that are no observation are asked for again."""


@dataclass(slots=True)
class _Pause:
    """A source that is left alone after a failure."""

    until_s: float
    length_s: float
    reason: str


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
    _opened: IntensityStore | None = None
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _asked_at: dict[Subject, datetime] = field(default_factory=dict)
    _looked_at: dict[tuple[Subject, datetime, datetime], datetime] = field(default_factory=dict)
    _refused: dict[tuple[Subject, Asked], tuple[float, str]] = field(default_factory=dict)
    _read: dict[tuple[object, ...], IntensitySeries | None] = field(default_factory=dict)
    _stamp: int = -1
    _looked_s: float = float("-inf")
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _flights: dict[tuple[Subject, Asked], threading.Lock] = field(default_factory=dict)

    def freshen_history(self, subject: Subject, source: IntensitySource, start: datetime, end: datetime) -> None:
        """Ask for what is missing or stale of the past in ``[start, end)``; what goes wrong is remembered."""
        with self._flight(subject, "history"):
            if not self._may_ask(subject, "history"):
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
            if self._is_fresh(subject, now) or not self._may_ask(subject, "forecast"):
                return
            start = whole_hour(now)
            with self._noting(subject, "forecast"):
                found = source.forecast(subject.zone, subject.basis, start, start + REACH)
                self._keep(subject, "forecast", found, Check(start=start, end=start + REACH, at=now))

    def history(
        self, subject: Subject, start: datetime, end: datetime, known_at: datetime | None = None
    ) -> IntensitySeries | None:
        """The kept figures of ``[start, end)`` that are no forecast."""
        store = self._kept()
        key = (subject, "history", start, end, known_at)
        return self._remembered(key, lambda: store.history(subject, start, end, known_at=known_at))

    def forecast(self, subject: Subject, now: datetime, end: datetime) -> IntensitySeries | None:
        """The newest forecast, of those issued by `now`, that reaches past it."""
        since = whole_hour(now)

        def read(issued_by: datetime | None = None) -> IntensitySeries | None:
            """The newest issue, or that of an instant."""
            issues = self._kept().forecasts(subject, since, since + REACH, issued_by=issued_by)
            return issues[-1] if issues else None

        newest = self._remembered((subject, "forecast", since), read)
        if newest is not None and newest.issued_at is not None and newest.issued_at > now:
            newest = read(now)
        return None if newest is None else within(newest, since, end)

    def issues(
        self, subject: Subject, start: datetime, end: datetime, *, issued_by: datetime, hours: Collection[int]
    ) -> list[IntensitySeries]:
        """The kept forecasts that touch ``[start, end)`` and were issued in some hours of the day, in their order."""
        return list(self._kept().forecasts(subject, start, end, issued_by=issued_by, hours=hours))

    def trouble(self, subject: Subject, asked: Asked) -> str:
        """Why the source could not be asked last, or what it refused; empty where nothing is wrong."""
        with self._guard:
            pause, refused = self._pauses.get(subject.source), self._refused.get((subject, asked))
        return pause.reason if pause else refused[1] if refused else ""

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

    def _due(self, subject: Subject, start: datetime, end: datetime, now: datetime) -> list[Span]:
        """The stretches to be asked for."""
        checks = self._kept().checks(subject, "history")
        unsettled: list[Span] = []
        if start < now - _UNSETTLED_BACK / 4:
            known = self.history(subject, max(start, now - _UNSETTLED_BACK), end)
            unsettled = [(start, end)] if known is None else _unsettled(known, start, end)
        return due(start, end, checks=checks, unsettled=unsettled, now=now, refresh=self.refresh)

    def _keep(self, subject: Subject, asked: Asked, found: IntensitySeries, check: Check) -> None:
        """Store an answer and that it was asked for; one to another question is refused."""
        if (found.zone, found.basis) != (subject.zone, subject.basis):
            raise SourceUnavailable(
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
            self._pauses.pop(subject.source, None)
            self._refused.pop((subject, asked), None)

    @contextmanager
    def _noting(self, subject: Subject, asked: Asked) -> Iterator[None]:
        """Remember what a source refuses, and leave one alone that is down."""
        try:
            yield
        except (NotCovered, CredentialMissing) as exc:
            until_s = self.clock.monotonic_s() + self.refresh.total_seconds()
            with self._guard:
                self._refused[subject, asked] = (until_s, exc.message)
        except SourceUnavailable as exc:
            with self._guard:
                before = self._pauses.get(subject.source)
                length_s = min(_LONGEST_PAUSE_S, 2 * before.length_s) if before else _FIRST_PAUSE_S
                reason = f"{exc.message} (asked {to_the_second(self.clock.now())})"
                self._pauses[subject.source] = _Pause(self.clock.monotonic_s() + length_s, length_s, reason)

    def _may_ask(self, subject: Subject, asked: Asked) -> bool:
        """Whether neither the source is left alone nor the question was refused a moment ago."""
        now_s = self.clock.monotonic_s()
        with self._guard:
            pause, refused = self._pauses.get(subject.source), self._refused.get((subject, asked))
        return (pause is None or now_s >= pause.until_s) and (refused is None or now_s >= refused[0])

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
