"""Rows of the yearly tables that ship with the tool: a zone, a year, a basis, a figure with its range and source."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scheduler.domain.basis import Basis, parse_basis
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate

DATA: Final = Path(__file__).parent / "data"
FILES: Final = (DATA / "electricity_maps_yearly.csv", DATA / "other_bases_yearly.csv")
"""Apart, because the first is under the ODbL (its licence lies beside it) and the second is not."""
COLUMNS: Final = (
    "zone",
    "year",
    "signal",
    "boundary",
    "flow",
    "gas",
    "g_per_kwh",
    "low",
    "high",
    "source",
    "licence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearRow:
    """The intensity of a zone over one closed year, on one basis.

    Args:
        zone: grid zone, such as CA-QC; a country's row says nothing of a zone inside it.
        year: the year that the figure averages.
        basis: what the number means.
        g_per_kwh: the figure; its range is 15 % either way for an average of a closed year, as two vintages of
            one provider differ by 9 % for France 2022, and 50 % for a marginal or reconstructed figure. [g/kWh]
        source: who published it.
        licence: its terms.
    """

    zone: str
    year: int
    basis: Basis
    g_per_kwh: Estimate
    source: str
    licence: str


def read_rows(path: Path) -> tuple[YearRow, ...]:
    """The rows of one table file."""
    return tuple(parse_rows(path.read_text(encoding="utf-8"), what=path.name))


def parse_rows(text: str, *, what: str) -> Iterator[YearRow]:
    """The rows of a table's text; raises `InvalidInput` naming `what` and the line that is wrong."""
    reader = csv.reader(io.StringIO(text))
    header = tuple(next(reader, ()))
    if header != COLUMNS:
        raise InvalidInput(f"{what} line 1: the columns are not {','.join(COLUMNS)}", hint="restore the header")
    for cells in reader:
        where = f"{what} line {reader.line_num}"
        if len(cells) != len(COLUMNS) or not all(cell.strip() for cell in cells):
            raise InvalidInput(f"{where}: {len(COLUMNS)} filled cells are needed", hint="fill every cell")
        yield _row(dict(zip(COLUMNS, cells, strict=True)), where)


def _row(cells: dict[str, str], where: str) -> YearRow:
    """One row from its cells."""
    try:
        basis = parse_basis(" ".join(cells[name] for name in ("signal", "boundary", "flow", "gas")))
        figure = Estimate(low=float(cells["low"]), central=float(cells["g_per_kwh"]), high=float(cells["high"]))
        year = int(cells["year"])
    except ValueError as exc:
        raise InvalidInput(f"{where}: {exc}", hint="mend the row") from exc
    return YearRow(
        zone=cells["zone"],
        year=year,
        basis=basis,
        g_per_kwh=figure,
        source=cells["source"],
        licence=cells["licence"],
    )
