"""What sources check alike: what is asked of them, and the single figures of their answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from intensity_sources.web_json import amount, malformed
from scheduler.domain.basis import Basis
from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.instant import format_instant, to_utc

MOST_G_PER_KWH: Final = 5000.0
"""No electricity emits more, so a higher figure has another unit or is broken. [g/kWh]

IPCC AR5 WGIII Annex III (2014), Table A.III.2: the highest figure there is 2,200, of single reservoirs."""
NO_READING: Final = frozenset({"", "-", "nd"})
"""What stands in a cell of text without a number; ND is RTE's."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def number(cell: object, what: str, *, source: str, most: float = math.inf) -> float:
    """A cell as a number, written as one or as text; NaN where it is empty.

    Raises:
        SourceUnavailable: it is no number, negative, infinite or above `most`.
    """
    value = amount(_untexted(cell, what, source=source), what, source=source)
    if value is not None and value > most:
        raise malformed(source, f"{what} is {value:g}, more than there can be")
    return math.nan if value is None else value


def span(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The interval in UTC; raises `InvalidInput` for a naive time or an empty interval."""
    start, end = to_utc(start), to_utc(end)
    if end <= start:
        raise InvalidInput(f"the interval {format_instant(start)} to {format_instant(end)} is empty")
    return start, end


def refuse_other(zone: str, basis: Basis, zones: Sequence[str], bases: Sequence[Basis], *, source: str) -> None:
    """Raise `NotCovered` for a zone or a basis that a source has not; the hint lists what it has."""
    if zone not in zones:
        raise NotCovered(f"{source} has no zone {zone!r}", hint=f"it has {', '.join(zones)}")
    if basis not in bases:
        has = "; ".join(str(known) for known in bases)
        raise NotCovered(f"{source} has no '{basis}' for {zone}", hint=f"it has {has}")


def whole_steps(start: datetime, end: datetime, step: timedelta) -> tuple[datetime, datetime]:
    """The intervals of `step` that touch ``[start, end)``, from the start of the first to the end of the last."""
    return _EPOCH + (start - _EPOCH) // step * step, _EPOCH - (_EPOCH - end) // step * step


def chunks(start: datetime, end: datetime, longest: timedelta) -> Sequence[tuple[datetime, datetime]]:
    """The interval in parts of `longest`, the last one shorter."""
    count = -((start - end) // longest)
    return tuple((start + longest * i, min(start + longest * (i + 1), end)) for i in range(count))


def _untexted(cell: object, what: str, *, source: str) -> object:
    """The number that a cell of text spells, None for words that mean none; any other cell as it is."""
    if not isinstance(cell, str):
        return cell
    word = cell.strip().lower()
    if word in NO_READING:
        return None
    if not word.isascii() or not word.replace(".", "", 1).isdigit():
        raise malformed(source, f"{what} is {cell!r}, no number")
    return float(word)
