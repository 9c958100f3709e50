"""The intensity table that users bring: CSV or CSV.gz, a column `utc` and a column a zone, g/kWh.

The column is called utc, so a time without offset is UTC and a time with another offset is refused. A blank cell
or a missing row is a gap and stays one. The file is taken at its word: its figures are of kind `observed`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Self, get_args

import numpy as np
from numpy.typing import NDArray

from intensity_sources.csv_text import read_cells
from intensity_sources.csv_times import TimeGrid, time_grid
from intensity_sources.options import only
from scheduler.domain.basis import DEFAULT_BASIS, Basis, Boundary, Flow, Gas, Signal, parse_basis
from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.instant import format_instant, to_utc
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.ports import SourceCard, SourceSetup

Floats = NDArray[np.float64]

UTC_COLUMN: Final = "utc"
BOUNDARIES: Final[dict[str, Boundary]] = {"direct": "direct", "lifecycle": "lifecycle", "lca": "lifecycle"}
"""What may follow a zone after a bar, as in ``CA-QC|direct``."""
ANY_BASIS: Final = tuple(
    Basis(signal=signal, boundary=boundary, flow=flow, gas=gas)
    for signal in get_args(Signal)
    for boundary in get_args(Boundary)
    for flow in get_args(Flow)
    for gas in get_args(Gas)
    if (signal == "marginal") == (flow == "n/a")
)
"""Every meaning that a file may be given."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column holds."""

    zone: str
    basis: Basis


class CsvFile:
    """One intensity table as a source.

    Args:
        path: the file, CSV or gzipped CSV.
        basis: what the numbers mean; a column named ``ZONE|direct`` or ``ZONE|lifecycle`` says its own boundary.
    """

    name: ClassVar[str] = "csv-file"
    card: ClassVar[SourceCard] = SourceCard(
        title="An intensity table of your own",
        bases=ANY_BASIS,
        licence="whatever the file came under",
        attribution="the file's name",
        limits="what the file holds",
        local=True,
    )

    def __init__(self, path: Path, basis: Basis = DEFAULT_BASIS) -> None:
        self._what = path.name
        header, lines, rows = read_cells(path)
        columns = _columns(header, basis, self._what)
        of_column = list(zip(*rows, strict=True))
        self._grid: TimeGrid = time_grid(of_column[header.index(UTC_COLUMN)], lines, self._what)
        self._values: dict[Column, Floats] = {}
        for name, column, cells in zip(header, columns, of_column, strict=True):
            if column is not None:
                self._values[column] = self._grid.spread(_numbers(name, cells, lines, self._what))

    @classmethod
    def connect(cls, setup: SourceSetup) -> Self:
        """The table at the option ``path``, read on the option ``basis``.

        Raises:
            InvalidInput: an option is unknown or missing, or the file cannot be read as a table.
        """
        options = only(setup.options, "path", "basis", source=cls.name)
        if "path" not in options:
            raise InvalidInput(f"the source {cls.name} needs the option 'path'", hint="name the table's file")
        basis = parse_basis(options["basis"]) if "basis" in options else DEFAULT_BASIS
        return cls(Path(options["path"]).expanduser(), basis)

    def zones(self) -> Sequence[str]:
        """The zones of the file, in its order."""
        return tuple(dict.fromkeys(column.zone for column in self._values))

    def series(self, zone: str, basis: Basis, start: datetime, end: datetime) -> IntensitySeries:
        """The intervals that touch `[start, end)`, as far as the file goes.

        Raises:
            NotCovered: the file has no such zone, basis or hour.
        """
        start, end = to_utc(start), to_utc(end)
        if end <= start:
            raise InvalidInput(f"the interval {format_instant(start)} to {format_instant(end)} is empty")
        values = self._column(zone, basis)
        grid = self._grid
        first = max(0, (start - grid.start) // grid.step)
        last = min(len(values), -((grid.start - end) // grid.step))
        if first >= last:
            raise NotCovered(
                f"{self._what} has nothing between {format_instant(start)} and {format_instant(end)}",
                hint=f"it runs from {format_instant(grid.start)} to {format_instant(grid.end)}",
            )
        return IntensitySeries(
            zone=zone,
            basis=basis,
            start=grid.start + first * grid.step,
            step=grid.step,
            g_per_kwh=values[first:last],
            kind="observed",
            source=Provenance(name=self._what),
        )

    @property
    def start(self) -> datetime:
        """Where the file begins."""
        return self._grid.start

    @property
    def end(self) -> datetime:
        """Where its last interval ends."""
        return self._grid.end

    @property
    def step(self) -> timedelta:
        """Length of its intervals."""
        return self._grid.step

    def _column(self, zone: str, basis: Basis) -> Floats:
        """The values of a zone on a basis. [g/kWh]"""
        bases = [column.basis for column in self._values if column.zone == zone]
        if not bases:
            raise NotCovered(f"{self._what} has no zone {zone!r}", hint=f"it has {', '.join(self.zones())}")
        if basis not in bases:
            raise NotCovered(
                f"{self._what} has no '{basis}' for {zone}", hint=f"it has {', '.join(f'{b}' for b in bases)}"
            )
        return self._values[Column(zone, basis)]


def _columns(header: Sequence[str], basis: Basis, what: str) -> list[Column | None]:
    """What each column of the header holds, None for the times."""
    if UTC_COLUMN not in header:
        raise InvalidInput(
            f"{what} line 1: there is no column 'utc'",
            hint="the header is 'utc,ZONE,ZONE,...', separated by commas; utc is the start of each interval",
        )
    columns = [None if name == UTC_COLUMN else _column(name, basis, what) for name in header]
    if len(columns) == 1:
        raise InvalidInput(f"{what} line 1: there is no zone", hint="add a column a zone, such as 'utc,CA-QC'")
    for name, column in zip(header, columns, strict=True):
        if columns.count(column) > 1:
            raise InvalidInput(f"{what} line 1: the column {name!r} is there twice", hint="keep one of them")
    return columns


def _column(name: str, basis: Basis, what: str) -> Column:
    """What the column `name` holds."""
    zone, bar, boundary = name.partition("|")
    if not zone or (bar and boundary not in BOUNDARIES):
        raise InvalidInput(
            f"{what} line 1: the column {name!r} names no zone",
            hint=f"a column is ZONE or ZONE|boundary, the boundary one of {', '.join(BOUNDARIES)}",
        )
    return Column(zone, replace(basis, boundary=BOUNDARIES[boundary]) if bar else basis)


def _numbers(name: str, cells: Sequence[str], lines: Sequence[int], what: str) -> Floats:
    """The figures of one column, NaN where a cell is blank. [g/kWh]"""
    text = "".join(cells)
    if "_" not in text and text.isascii():  # float would read 1_0 and digits of any script
        try:
            values = np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)
        except ValueError:
            values = np.empty(0)
        blank = np.array([not cell for cell in cells])
        if values.size and (blank | ((values >= 0) & (values < np.inf))).all():
            return values
    wrong = next((i, reason) for i, cell in enumerate(cells) if cell and (reason := _fault(cell)))
    raise InvalidInput(f"{what} line {lines[wrong[0]]}: {name}: {cells[wrong[0]]!r} {wrong[1]}", hint=_CELL_HINT)


_CELL_HINT: Final = "a cell is a number of g/kWh, 0 or more; leave a gap blank"


def _fault(cell: str) -> str:
    """What is wrong with a cell, empty where nothing is."""
    try:
        value = float(cell) if "_" not in cell and cell.isascii() else None
    except ValueError:
        value = None
    if value is None or math.isnan(value):
        return "is not a number"
    if math.isinf(value):
        return "is infinite"
    return "is negative" if value < 0 else ""
