"""A measured distribution of GPU power from disk."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.simulation.fates import Power

_SHARE: Final = "cdf_pct"


def read_power(said: str) -> Power:
    """The distribution of a CSV with `cdf_pct` and a column of W; `FILE:COLUMN` names one of several.

    Raises:
        InvalidInput: it is no such file, or does not rise to 100 %.
    """
    name, _, column = said.rpartition(":")
    path = Path(said) if not name or Path(said).exists() else Path(name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput(f"--gpu-w-cdf {said}: {path} cannot be read as CSV", hint="check the path") from exc
    columns = [] if not rows else [each for each in rows[0] if each != _SHARE]
    chosen = column if path != Path(said) else next(iter(columns), "")
    if not rows or _SHARE not in rows[0] or chosen not in columns:
        raise InvalidInput(
            f"{path.name} has no column {_SHARE}, or none of power{f' {chosen!r}' if chosen else ''}",
            hint=f"it is to have {_SHARE} and a column of W; name one of several as FILE:COLUMN"
            + (f", of {', '.join(columns)}" if columns else ""),
        )
    pairs = []
    for line, row in enumerate(rows, start=2):
        where = f"{path.name} line {line}"
        if None in row or None in row.values():
            raise InvalidInput(f"{where}: it has not as many cells as the header", hint="mend that line")
        if row[chosen]:  # columns of samples that end sooner are blank from there on
            pairs.append((_number(row[_SHARE], where), _number(row[chosen], where)))
    return Power(share=tuple(pct / 100 for pct, _ in pairs), power_w=tuple(power_w for _, power_w in pairs))


def _number(text: str, where: str) -> float:
    """A number of 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InvalidInput(f"{where}: {text!r} is no number of 0 or more", hint="mend that line")
    return value
