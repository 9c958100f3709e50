"""Series of one zone made one: where several know an interval the first one counts, and every stretch stays signed.

A forecast behind what was observed, a table behind a forecast: the figures stand in one row, and `pieces` says of
each stretch what it was. Two bases never meet.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.basis import Basis
from scheduler.domain.errors import InvalidInput
from scheduler.domain.intensity import Floats, IntensitySeries, Kind, Piece, Provenance

_MICROSECOND: Final = timedelta(microseconds=1)
_FIRMNESS: Final[tuple[Kind, ...]] = ("observed", "estimated", "forecast")
"""Kinds of figures, the firmest first."""
_LARGEST: Final = 5_000_000
"""Intervals of the largest joined series: ten years of minutes. More come of steps that do not go together."""


def joined(parts: Sequence[IntensitySeries], *, gaps_too: bool = False) -> IntensitySeries:
    """One series of `parts`, which are of one zone and basis; of an interval the first part that has it counts.

    Args:
        parts: by rank, the one that counts most first.
        gaps_too: whether a gap counts as well, as where a newer vintage withdraws a figure; otherwise the next part
            that knows the interval stands in.

    Raises:
        BasisMismatch: two parts are on different bases.
        InvalidInput: there is no part, they are of several zones, or their steps do not go together.
    """
    _check(parts)
    if len(parts) == 1:
        return parts[0]
    start = min(part.start for part in parts)
    step = _common_step(parts, start)
    count = (max(part.end for part in parts) - start) // step
    if count > _LARGEST:
        raise InvalidInput(f"intensity of {parts[0].zone}: intervals that begin at odd times cannot be joined")
    rank = _ranks(parts, start, step, count, gaps_too=gaps_too)
    ranged = any(part.low is not None or part.high is not None for part in parts)
    pieces = _pieces(parts, rank, start, step)
    used = [piece.source for piece in pieces] or [parts[0].source]
    return IntensitySeries(
        zone=parts[0].zone,
        basis=_basis([piece.basis for piece in pieces] or [parts[0].basis]),
        start=start,
        step=step,
        g_per_kwh=_taken(parts, "g_per_kwh", rank, start, step),
        low=_taken(parts, "low", rank, start, step) if ranged else None,
        high=_taken(parts, "high", rank, start, step) if ranged else None,
        kind=max((piece.kind for piece in pieces), key=_FIRMNESS.index, default=parts[0].kind),
        source=_provenance(used),
        issued_at=max((piece.issued_at for piece in pieces if piece.issued_at), default=None),
        retrieved_at=max((piece.retrieved_at for piece in pieces if piece.retrieved_at), default=None),
        pieces=pieces,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _check(parts: Sequence[IntensitySeries]) -> None:
    """Refuse no parts, and parts of several bases or zones."""
    if not parts:
        raise InvalidInput("there is no series to join")
    for part in parts[1:]:
        parts[0].basis.require_same(part.basis)
        if part.zone != parts[0].zone:
            raise InvalidInput(f"a series of {parts[0].zone} cannot be joined with one of {part.zone}")


def within(series: IntensitySeries, start: datetime, end: datetime) -> IntensitySeries | None:
    """The intervals of `series` that touch ``[start, end)``, None where there are none."""
    first = max(0, (start - series.start) // series.step)
    last = min(len(series), -((series.start - end) // series.step))
    if first >= last:
        return None
    if (first, last) == (0, len(series)):
        return series
    begins, ends = series.start + first * series.step, series.start + last * series.step
    kept = [piece for piece in series.pieces if piece.end > begins and piece.start < ends]
    return replace(
        series,
        start=begins,
        g_per_kwh=series.g_per_kwh[first:last],
        low=None if series.low is None else series.low[first:last],
        high=None if series.high is None else series.high[first:last],
        pieces=tuple(replace(each, start=max(each.start, begins), end=min(each.end, ends)) for each in kept),
    )


def parted(series: IntensitySeries) -> list[IntensitySeries]:
    """The series of one origin each that a joined one is made of; a plain one is its own."""
    if not series.pieces:
        return [series]
    parts = ((piece, within(series, piece.start, piece.end)) for piece in series.pieces)
    return [
        replace(
            part,
            pieces=(),
            kind=piece.kind,
            source=piece.source,
            basis=piece.basis,
            issued_at=piece.issued_at,
            retrieved_at=piece.retrieved_at,
        )
        for piece, part in parts
        if part is not None
    ]


def _common_step(parts: Sequence[IntensitySeries], start: datetime) -> timedelta:
    """The longest step on whose grid every interval of every part begins and ends."""
    lengths = [part.step // _MICROSECOND for part in parts]
    lengths += [(part.start - start) // _MICROSECOND for part in parts]
    return math.gcd(*lengths) * _MICROSECOND


def _ranks(
    parts: Sequence[IntensitySeries], start: datetime, step: timedelta, count: int, *, gaps_too: bool
) -> NDArray[np.int32]:
    """The number of the part that each interval is taken from, -1 where none has it."""
    rank = np.full(count, -1, dtype=np.int32)
    for number in range(len(parts) - 1, -1, -1):
        part = parts[number]
        first, repeats = (part.start - start) // step, part.step // step
        has = np.repeat(np.full(len(part), gaps_too) | ~np.isnan(part.g_per_kwh), repeats)
        target = rank[first : first + len(has)]
        target[has] = number
    return rank


def _taken(
    parts: Sequence[IntensitySeries], name: str, rank: NDArray[np.int32], start: datetime, step: timedelta
) -> Floats:
    """The figures called `name`, each from its part, NaN where there are none. [g/kWh]"""
    values = np.full(len(rank), np.nan)
    for number, part in enumerate(parts):
        given = getattr(part, name)
        if given is None:
            continue
        first, spread = (part.start - start) // step, np.repeat(given, part.step // step)
        chosen = rank[first : first + len(spread)] == number
        values[first : first + len(spread)][chosen] = spread[chosen]
    return values


def _pieces(
    parts: Sequence[IntensitySeries], rank: NDArray[np.int32], start: datetime, step: timedelta
) -> tuple[Piece, ...]:
    """The stretches, in order of time; neighbours of the same origin are one."""
    borders = [0, *(np.flatnonzero(np.diff(rank)) + 1).tolist(), len(rank)]
    found: list[Piece] = []
    for first, last in itertools.pairwise(borders):
        if rank[first] < 0:
            continue
        begins, ends = start + first * step, start + last * step
        for origin in parts[int(rank[first])].origins:
            piece = replace(origin, start=max(begins, origin.start), end=min(ends, origin.end))
            if piece.start >= piece.end:
                continue
            if found and _continues(found[-1], piece):
                piece = replace(piece, start=found.pop().start)
            found.append(piece)
    return tuple(found)


def _continues(before: Piece, piece: Piece) -> bool:
    """Whether a piece goes on with what the one before it is, whenever that was fetched."""
    same = replace(before, start=piece.start, end=piece.end, retrieved_at=piece.retrieved_at)
    return before.end == piece.start and same == piece and same.basis.details == piece.basis.details


def _basis(bases: Sequence[Basis]) -> Basis:
    """The basis of all, with each detail that any of them states."""
    factor_set, gwp_set, losses, year = (
        "; ".join(dict.fromkeys(text for text in said if text))
        for said in zip(*(basis.details for basis in bases), strict=True)
    )
    return replace(bases[0], factor_set=factor_set, gwp_set=gwp_set, losses=losses, year=year)


def _provenance(used: Sequence[Provenance]) -> Provenance:
    """The credit of all sources, each once."""
    return Provenance(
        name=" + ".join(dict.fromkeys(each.name for each in used)),
        licence="; ".join(dict.fromkeys(each.licence for each in used if each.licence)),
        attribution="; ".join(dict.fromkeys(each.attribution for each in used if each.attribution)),
    )
