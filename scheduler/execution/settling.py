"""Settling what jobs are accounted on: sources are asked again, what they say is kept, and how firm it is is told.

Tables of this machine are kept here too: a file is no evidence of what it said last month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.joining import joined, within
from scheduler.execution.grid import STATIC, Grid
from scheduler.ports import Check, Clock, Subject
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.settlement import Closed, Firm, Standing, firm, standing

LANE: Final = "intensities"
"""Where providers are asked while a scheduler runs."""
ONCE_IN: Final = timedelta(days=1)
"""A scheduler asks for the past of a zone no more often than this."""

_Key = tuple[Subject, datetime, datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Hours of some zones that one job, or many of one month, are accounted on."""

    reference: tuple[tuple[str, str], ...]
    zones: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(slots=True, kw_only=True)
class Settling:
    """Asks, keeps, and tells what is settled.

    Args:
        grid: the door to the sources; kept: what they said; clock: time.
    """

    grid: Grid
    kept: KeptIntensities
    clock: Clock
    _firms: dict[_Key, Firm | None] = field(default_factory=dict)

    def ask(self, wanted: Wanted) -> tuple[str, ...]:
        """Ask the sources for what may have been revised, and keep it; why one of them could not be asked.

        Raises:
            InvalidInput: a table is gone, or cannot be read.
        """
        reference, now = dict(wanted.reference), self.clock.now()
        end = min(wanted.end, now)
        if end <= wanted.start:
            return ()
        self.grid.freshen(reference, wanted.zones, wanted.start, end)
        for zone in wanted.zones:
            for subject, series in self.grid.tables(reference, zone, wanted.start, end):
                said = within(series, wanted.start, end)
                if said is not None:
                    self.kept.keep(subject, said, at=now)
                    self.kept.noted(subject, "history", Check(start=said.start, end=said.end, at=now))
        return self.grid.unanswered(reference, wanted.zones)

    def asked_lately(self, wanted: Wanted) -> bool:
        """Whether every source of every zone has been asked for these hours within a day, by whichever process."""
        reference, since = dict(wanted.reference), self.clock.now() - ONCE_IN
        end = min(wanted.end, self.clock.now())
        subjects = [subject for zone in wanted.zones for subject in self._subjects(reference, zone, wanted, end)]
        checks = [self.kept.checks(subject, "history") for subject in subjects]
        touching = [[c for c in each if c.start < end and c.end > wanted.start] for each in checks]
        return all(each and max(c.at for c in each) > since for each in touching)

    def standings(
        self,
        reference: Mapping[str, str],
        intensity: Mapping[str, IntensitySeries],
        as_of: datetime,
        closed: Sequence[Closed] = (),
    ) -> dict[str, Standing]:
        """How firm each zone's intensity is at an instant.

        Args:
            reference: where the intensities come from; intensity: zone -> what accounts are made from.
            as_of: the instant; closed: periods that are closed for good.
        """
        return {zone: self._standing(reference, series, as_of, closed) for zone, series in intensity.items()}

    def _standing(
        self, reference: Mapping[str, str], series: IntensitySeries, as_of: datetime, closed: Sequence[Closed]
    ) -> Standing:
        """The same of one zone."""
        cut = format_instant(as_of)
        firms = [
            self._firm((subject, series.start, series.end, cut), None, as_of)
            for subject in self.grid.kept_as(reference, series.zone)
        ]
        firms += [
            self._firm((subject, series.start, series.end, cut), table, as_of)
            for subject, table in self.grid.tables(reference, series.zone, series.start, series.end)
        ]
        return standing(series, [each for each in firms if each is not None], closed)

    def _firm(self, key: _Key, table: IntensitySeries | None, as_of: datetime) -> Firm | None:
        """What one source has settled, read once."""
        if key in self._firms:
            return self._firms[key]
        subject, start, end, _ = key
        vintages = self.kept.vintages(subject, start, end, known_at=as_of)
        newest = table
        if table is None:
            touching = [part for each in vintages if (part := within(each, start, end)) is not None]
            newest = joined(touching, gaps_too=True) if touching else None
        made = None
        if newest is not None:
            checks = self.kept.checks(subject, "history")
            made = firm(vintages, checks, newest, as_of, widens=not subject.source.startswith(f"{STATIC} "))
        self._firms[key] = made
        return made

    def _subjects(self, reference: Mapping[str, str], zone: str, wanted: Wanted, end: datetime) -> Iterable[Subject]:
        """Under what is kept what the sources of a zone say."""
        tables = self.grid.tables(reference, zone, wanted.start, end) if end > wanted.start else ()
        return (*self.grid.kept_as(reference, zone), *(subject for subject, _ in tables))
