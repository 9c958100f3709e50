"""Yearly intensities that need no network: flat within the year, so no time of day or season can be read from them.

Every series is of kind `estimated`, closed years too: a year's average observes no single hour, and only hourly
figures may settle an account. A year that the tables lack is an error unless the caller names the year to use.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np

from intensity_sources.options import only, whole_number
from intensity_sources.yearly import FILES, YearRow, read_rows
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.estimate import Estimate
from scheduler.domain.instant import format_instant, to_utc
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import SourceCard, SourceSetup

PROJECTION_YEARS: Final = 5
"""A year that is not there is projected with the least and the most of this many last years as its range."""
LISTED: Final = 30
"""Zones that an error lists before it refers to the command that lists them all."""
_DAY: Final = timedelta(days=1)


class StaticTables:
    """The yearly tables as a source.

    Args:
        year: use this year's figures for every instant, with the range of a projection outside it; None answers
            only for years that the tables have.
        files: the tables.
    """

    name: ClassVar[str] = "static-tables"
    card: ClassVar[SourceCard] = SourceCard(
        title="Yearly tables that ship with the tool",
        bases=(
            DEFAULT_BASIS,
            Basis(boundary="direct"),
            Basis(boundary="direct", flow="production"),
            Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2"),
        ),
        licence="by row: ODbL-1.0 (Electricity Maps), Licence Ouverte 2.0 (RTE), others as their rows say",
        attribution="Electricity Maps, RTE, UNFCCC/IFI: each row names its own",
        url="https://www.electricitymaps.com, https://www.rte-france.com, https://unfccc.int",
        limits="closed years, flat within a year",
        local=True,
    )

    def __init__(self, *, year: int | None = None, files: Sequence[Path] = FILES) -> None:
        self._year = year
        rows = [row for path in files for row in read_rows(path)]
        rows.sort(key=lambda row: (row.zone, row.basis != DEFAULT_BASIS, str(row.basis), row.year))
        self._rows = tuple(rows)
        self._by_zone: dict[str, dict[Basis, dict[int, YearRow]]] = {}
        for row in self._rows:
            years = self._by_zone.setdefault(row.zone, {}).setdefault(row.basis, {})
            if years.setdefault(row.year, row) is not row:
                raise InvalidInput(f"{row.zone} {row.year} '{row.basis}' is there twice", hint="keep one of the rows")

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The tables, with the option ``year``.

        Raises:
            InvalidInput: an option is unknown, or the year is no year.
        """
        options = only(setup.options, "year", source=cls.name)
        return cls(year=whole_number("year", options["year"]) if "year" in options else None)

    def zones(self) -> Sequence[str]:
        """The zones of the tables, on whatever basis."""
        return tuple(sorted(self._by_zone))

    def rows(self) -> Sequence[YearRow]:
        """Every row, by zone, basis and year; the default basis comes first."""
        return self._rows

    def rows_of(self, zone: str) -> Sequence[YearRow]:
        """The rows of one zone; raises `NotCovered` naming the nearest zones."""
        self._bases(zone)
        return tuple(row for row in self._rows if row.zone == zone)

    def row(self, zone: str, basis: Basis, year: int | None = None) -> YearRow:
        """The row of one closed year, the last one where none is named."""
        years = self._years(zone, basis)
        wanted = max(years) if year is None else year
        if wanted not in years:
            raise _no_year(zone, basis, [wanted], years)
        return years[wanted]

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """Days of `[start, end)`, whole ones, each with its year's figure and range.

        Raises:
            NotCovered: there is no such zone, basis or year.
        """
        start, end = to_utc(start), to_utc(end)
        if end <= start:
            raise InvalidInput(f"the interval {format_instant(start)} to {format_instant(end)} is empty")
        years = self._years(zone, basis)
        if self._year is not None and self._year not in years:
            raise _no_year(zone, basis, [self._year], years)
        first = datetime(start.year, start.month, start.day, tzinfo=UTC)
        days = -((first - end) // _DAY)
        of_day = np.array([(first + _DAY * day).year for day in range(days)])
        spanned = [int(year) for year in np.unique(of_day)]
        missing = [year for year in spanned if self._year is None and year not in years]
        if missing:
            raise _no_year(zone, basis, missing, years)
        found = {year: self._figure(years, year) for year in spanned}
        used = [years[self._year]] if self._year is not None else [years[year] for year in found]
        return IntensitySeries(
            zone=zone,
            basis=replace(basis, year=_span([row.year for row in used])),
            start=first,
            step=_DAY,
            g_per_kwh=np.array([found[year].central for year in of_day]),
            low=np.array([found[year].low for year in of_day]),
            high=np.array([found[year].high for year in of_day]),
            kind="estimated",
            source=_provenance(used, projected=self._year is not None and set(found) != {self._year}),
        )

    def _figure(self, years: Mapping[int, YearRow], year: int) -> Estimate:
        """The figure that stands for `year`: its own, or the projection of the year to use."""
        return years[year].g_per_kwh if self._year in (None, year) else projected(years, self._year or year)

    def _years(self, zone: str, basis: Basis) -> Mapping[int, YearRow]:
        """The years of a zone on a basis."""
        by_basis = self._bases(zone)
        if basis not in by_basis:
            has = "; ".join(f"{known} ({_span(list(years))})" for known, years in by_basis.items())
            raise NotCovered(f"the static tables have no '{basis}' for {zone}", hint=f"for {zone} they have: {has}")
        return by_basis[basis]

    def _bases(self, zone: str) -> Mapping[Basis, Mapping[int, YearRow]]:
        """What there is of a zone, by basis and year; raises `NotCovered` naming the nearest zones."""
        if zone not in self._by_zone:
            raise NotCovered(f"the static tables have no zone {zone!r}", hint=self._zones_hint(zone))
        return self._by_zone[zone]

    def _zones_hint(self, zone: str) -> str:
        """The nearest zones, then the others, then where to see the rest."""
        names = sorted(self._by_zone)
        near = difflib.get_close_matches(zone.upper(), names, n=3)
        listed = near + [name for name in names if name not in near]
        more = "" if len(listed) <= LISTED else f" and {len(listed) - LISTED} more: carbonsched intensity zones"
        return f"they have: {', '.join(listed[:LISTED])}{more}"


def projected(years: Mapping[int, YearRow], year: int) -> Estimate:
    """The figure of `year` for another year, within the least and the most of the last five years listed.

    Where a single year is listed nothing is known of the spread between years and its own range stands.
    """
    last = [years[known].g_per_kwh.central for known in sorted(years)[-PROJECTION_YEARS:]]
    row = years[year].g_per_kwh
    if len(years) == 1:
        return row
    return Estimate(low=min(*last, row.central), central=row.central, high=max(*last, row.central))


def _no_year(zone: str, basis: Basis, missing: Sequence[int], years: Mapping[int, YearRow]) -> NotCovered:
    """The error for years that are not there."""
    return NotCovered(
        f"the static tables have no {_span(list(missing))} for {zone} on '{basis}'",
        hint=f"they have {', '.join(map(str, sorted(years)))}: name one of these years to use it for another",
    )


def _provenance(rows: Sequence[YearRow], *, projected: bool) -> Provenance:
    """The credit of the rows behind a series."""
    years = [row.year for row in rows]
    label = f"year {years[0]}" if len(years) == 1 else f"years {_span(years)}"
    return Provenance(
        name=f"static table, {label}{', projected' if projected else ''}",
        licence="; ".join(dict.fromkeys(row.licence for row in rows)),
        attribution="; ".join(dict.fromkeys(row.source for row in rows)),
    )


def _span(years: Sequence[int]) -> str:
    """Years as text: one, the first and the last of a run, or all."""
    ordered = sorted(set(years))
    if len(ordered) > 1 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0]}-{ordered[-1]}"
    return ", ".join(map(str, ordered))
