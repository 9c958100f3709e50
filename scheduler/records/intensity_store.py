"""What sources said, in the store: cache and evidence in one table.

A figure is never changed: one that differs from the newest of its hour becomes a row of a later vintage, one that does
not is noted as checked. So what was known at any instant can be read again, and a provider's revision can be seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.intensity import Floats, IntensitySeries
from scheduler.domain.joining import joined, parted, within
from scheduler.ports import Asked, Check, Subject
from scheduler.records import schema
from scheduler.records.intensity_rows import from_row, key_of, to_row
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction


@dataclass(frozen=True, slots=True)
class KeptIntensities:
    """The intensities of an open store."""

    store: Store

    def keep(self, subject: Subject, series: IntensitySeries, *, at: datetime) -> int:
        """Store the intervals that are not there yet, those between the first and the last of them included."""
        with self.store.writing() as tx:
            return sum(self._add(tx, subject, part, at) for part in parted(series))

    def noted(self, subject: Subject, asked: Asked, check: Check) -> None:
        """Remember a check; it stands for what it covers of older ones."""
        with self.store.writing() as tx:
            before = _checks(tx, subject, asked)
            kept = [rest for old in before for rest in _outside(old, check)]
            table = schema.intensity_check
            tx.connection.execute(table.delete().where(*_is(table, subject), table.c.asked == asked))
            rows = [
                {
                    **key_of(subject),
                    "asked": asked,
                    "start": format_instant(each.start),
                    "end": format_instant(each.end),
                    "at": format_instant(each.at),
                }
                for each in _merged([*kept, check])
            ]
            tx.connection.execute(table.insert(), rows)

    def checks(self, subject: Subject, asked: Asked) -> Sequence[Check]:
        """When each stretch was asked for last."""
        with self.store.reading() as tx:
            return _checks(tx, subject, asked)

    def history(
        self, subject: Subject, start: datetime, end: datetime, *, known_at: datetime | None = None
    ) -> IntensitySeries | None:
        """The newest figures of each interval, or those that were known at an instant; a gap stays one."""
        with self.store.reading() as tx:
            return _history(tx, subject, start, end, known_at)

    def vintages(
        self, subject: Subject, start: datetime, end: datetime, *, known_at: datetime | None = None
    ) -> Sequence[IntensitySeries]:
        """Every stretch that is no forecast and touches the interval, whole and as it was said, the newest first."""
        with self.store.reading() as tx:
            return _vintages(tx, subject, start, end, known_at)

    def forecasts(
        self,
        subject: Subject,
        start: datetime,
        end: datetime,
        *,
        issued_by: datetime | None = None,
        hours: Collection[int] | None = None,
    ) -> Sequence[IntensitySeries]:
        """The forecasts that touch the interval, in the order of their issue."""
        table = schema.intensity
        conditions = [table.c.kind == "forecast"]
        if issued_by is not None:
            conditions.append(table.c.issued_at <= format_instant(issued_by))
        if hours is not None:
            hour = sa.func.substr(table.c.issued_at, len("2026-03-01T") + 1, 2)
            conditions.append(hour.in_([f"{each:02}" for each in hours]))
        with self.store.reading() as tx:
            return _rows(tx, subject, start, end, conditions=conditions, order=(table.c.issued_at, table.c.id))

    def stamp(self) -> int:
        """The number of the newest row."""
        with self.store.reading() as tx:
            return int(tx.connection.execute(sa.select(sa.func.max(schema.intensity.c.id))).scalar() or 0)

    def _add(self, tx: Transaction, subject: Subject, part: IntensitySeries, at: datetime) -> int:
        """Store what is new of a series of one origin; how many intervals that are."""
        if part.kind == "forecast":
            before = _same_issue(tx, subject, part)
        else:
            before = _history(tx, subject, part.start, part.end, None)
        new = np.flatnonzero(_differs(part, before))
        if not new.size:
            return 0
        chunk = within(part, part.start + int(new[0]) * part.step, part.start + (int(new[-1]) + 1) * part.step)
        if chunk is not None:
            tx.connection.execute(schema.intensity.insert().values(to_row(subject, chunk, at)))
        return int(new.size)


def _history(
    tx: Transaction, subject: Subject, start: datetime, end: datetime, known_at: datetime | None
) -> IntensitySeries | None:
    """The newest figures that are no forecast."""
    rows = _vintages(tx, subject, start, end, known_at)
    touching = [part for row in rows if (part := within(row, start, end)) is not None]
    return joined(touching, gaps_too=True) if touching else None


def _vintages(
    tx: Transaction, subject: Subject, start: datetime, end: datetime, known_at: datetime | None
) -> list[IntensitySeries]:
    """The rows that are no forecast, the newest first."""
    table = schema.intensity
    conditions = [table.c.kind != "forecast"]
    if known_at is not None:
        conditions.append(table.c.retrieved_at <= format_instant(known_at))
    order = (table.c.retrieved_at.desc(), table.c.id.desc())
    return _rows(tx, subject, start, end, conditions=conditions, order=order)


def _same_issue(tx: Transaction, subject: Subject, part: IntensitySeries) -> IntensitySeries | None:
    """What is stored of the same forecast, its newest figures first."""
    table = schema.intensity
    issued = None if part.issued_at is None else format_instant(part.issued_at)
    conditions = [table.c.kind == "forecast", table.c.issued_at == issued]
    rows = _rows(tx, subject, part.start, part.end, conditions=conditions, order=(table.c.id.desc(),))
    return joined(rows, gaps_too=True) if rows else None


def _rows(
    tx: Transaction,
    subject: Subject,
    start: datetime,
    end: datetime,
    *,
    conditions: Sequence[sa.ColumnElement[bool]],
    order: Iterable[sa.ColumnElement[object]],
) -> list[IntensitySeries]:
    """The rows of a subject that touch an interval and meet the conditions."""
    table = schema.intensity
    touches = (table.c.start < format_instant(end), table.c.end > format_instant(start))
    query = table.select().where(*_is(table, subject), *touches, *conditions).order_by(*order)
    return [from_row(row, subject.zone) for row in tx.connection.execute(query).mappings()]


def _is(table: sa.Table, subject: Subject) -> list[sa.ColumnElement[bool]]:
    """That a row is of the subject."""
    return [table.c[name] == value for name, value in key_of(subject).items()]


def _differs(part: IntensitySeries, before: IntensitySeries | None) -> NDArray[np.bool_]:
    """Which intervals of `part` say something that is not stored."""
    new = ~np.isnan(part.g_per_kwh)
    if before is None:
        return new
    if before.step != part.step or (part.start - before.start) % part.step:
        return np.ones(len(part), dtype=np.bool_)  # another resolution: all of it is news
    new = np.ones(len(part), dtype=np.bool_)
    first = (before.start - part.start) // part.step
    low, high = max(0, first), min(len(part), first + len(before))
    here, there = slice(low, high), slice(low - first, high - first)
    new[here] = False
    for name in ("g_per_kwh", "low", "high"):
        new[here] |= ~_same(getattr(part, name), here, getattr(before, name), there)
    outside = np.ones(len(part), dtype=np.bool_)
    outside[here] = False
    new[outside] = ~np.isnan(part.g_per_kwh[outside])
    for origin in before.origins:
        alike = (origin.kind, origin.source, origin.basis.details) == (part.kind, part.source, part.basis.details)
        if not alike:
            begins, ends = (origin.start - part.start) // part.step, (origin.end - part.start) // part.step
            new[max(0, begins) : max(0, ends)] = True
    return new


def _same(ours: Floats | None, here: slice, theirs: Floats | None, there: slice) -> NDArray[np.bool_]:
    """Where two rows of figures say the same; a gap says the same as a gap."""
    length = here.stop - here.start
    one = np.full(length, np.nan) if ours is None else ours[here]
    other = np.full(length, np.nan) if theirs is None else theirs[there]
    same: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def _checks(tx: Transaction, subject: Subject, asked: Asked) -> list[Check]:
    """The checks of a subject in order of time."""
    table = schema.intensity_check
    query = table.select().where(*_is(table, subject), table.c.asked == asked).order_by(table.c.start)
    return [
        Check(start=parse_instant(row.start), end=parse_instant(row.end), at=parse_instant(row.at))
        for row in tx.connection.execute(query)
    ]


def _outside(old: Check, new: Check) -> list[Check]:
    """What an older check covers and the new one does not."""
    before = replace(old, end=min(old.end, new.start))
    after = replace(old, start=max(old.start, new.end))
    return [each for each in (before, after) if each.start < each.end]


def _merged(checks: Iterable[Check]) -> list[Check]:
    """Neighbours of the same instant as one, in order of time."""
    found: list[Check] = []
    for check in sorted(checks, key=lambda each: each.start):
        if found and found[-1].end == check.start and found[-1].at == check.at:
            check = replace(check, start=found.pop().start)  # noqa: PLW2901  # grown by its neighbour
        found.append(check)
    return found
