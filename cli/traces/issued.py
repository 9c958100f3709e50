"""Forecasts as they were issued, from disk: CSV or CSV.gz of `issued_utc`, `lead_h` and a column a zone, g/kWh."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from intensity_sources.csv_text import read_cells
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import parse_instant
from scheduler.problem.surface import Floats
from scheduler.simulation.table import US_PER_H, Table

_ISSUED: Final = "issued_utc"
_LEAD: Final = "lead_h"
_MOST_LEADS: Final = 24 * 366


def read_issues(path: Path, table: Table) -> Mapping[int, Floats]:
    """Hour of issue, from the table's start, to what was said of each zone of the table and lead, shape [Z, L]. [g/kWh]

    Raises:
        InvalidInput: a column is missing, or a cell cannot be meant.
    """
    what = path.name
    header, lines, rows = read_cells(path)
    names = [name.partition("|")[0] for name in header]
    columns = [_column(names, name, what) for name in (_ISSUED, _LEAD, *table.zones)]
    said: defaultdict[int, dict[int, list[float]]] = defaultdict(dict)
    hours: dict[str, int] = {}
    for line, row in zip(lines, rows, strict=True):
        issued, lead_text, *values = (row[column].strip() for column in columns)
        where = f"{what} line {line}"
        if issued not in hours:
            hours[issued] = _hour(issued, table, where)
        lead = _lead(lead_text, where)
        if lead in said[hours[issued]]:
            raise InvalidInput(f"{where}: lead {lead} of {issued} is there twice", hint="keep one of the rows")
        said[hours[issued]][lead] = [_value(v, zone, where) for v, zone in zip(values, table.zones, strict=True)]
    return {hour: _issue(leads, len(table.zones)) for hour, leads in said.items()}


def _column(names: Sequence[str], name: str, what: str) -> int:
    """Where a column is; it is there once, for of two nobody knows which is meant."""
    if name not in names:
        raise InvalidInput(
            f"{what} line 1: there is no column {name!r}",
            hint="the header is issued_utc,lead_h,ZONE,... with every zone of the clusters",
        )
    if names.count(name) > 1:
        raise InvalidInput(f"{what} line 1: there are {names.count(name)} columns {name!r}", hint="keep one of them")
    return names.index(name)


def _hour(text: str, table: Table, where: str) -> int:
    """The hour of an issue, counted from the table's start."""
    at_us = table.us(parse_instant(text, what=f"{where}: {_ISSUED}"))
    if at_us % US_PER_H:
        raise InvalidInput(f"{where}: {_ISSUED} {text!r} is not on an hour of the table", hint="issue on whole hours")
    return at_us // US_PER_H


def _lead(text: str, where: str) -> int:
    """A whole number of hours ahead. [h]"""
    if not (text.isascii() and text.isdigit()) or int(text) > _MOST_LEADS:
        raise InvalidInput(f"{where}: {_LEAD} is {text!r}", hint="a lead is a whole number of hours, 0 or more")
    return int(text)


def _value(text: str, zone: str, where: str) -> float:
    """An intensity, NaN where the cell is blank. [g/kWh]"""
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InvalidInput(f"{where}: {zone} is {text!r}", hint="a number of g/kWh, 0 or more; leave a gap blank")
    return value


def _issue(leads: Mapping[int, Sequence[float]], zones: int) -> Floats:
    """What one issue said, NaN at leads that it left out."""
    told = np.full((zones, max(leads) + 1), np.nan)
    for lead, values in leads.items():
        told[:, lead] = values
    return told
