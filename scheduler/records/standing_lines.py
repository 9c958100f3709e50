"""The intensity that a job was accounted on, as a line of a bundle and back: its figures, and how firm each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, cast

import numpy as np

from scheduler.domain.basis import Basis, parse_basis
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.intensity import Floats, IntensitySeries, Kind, Piece, Provenance
from scheduler.records.public_part import Half
from scheduler.records.settlement import Mask, Standing

_MICROSECOND: Final = timedelta(microseconds=1)
_DETAILS: Final = ("factor_set", "gwp_set", "losses", "year")


def standing_line(standing: Standing) -> Half:
    """The line of a zone's intensity; its notes stay out, as they may name folders of this machine."""
    series = standing.series
    return {
        "record": "standing",
        "zone": series.zone,
        "basis": _basis(series.basis),
        "start": format_instant(series.start),
        "step_us": series.step // _MICROSECOND,
        "g_per_kwh": _numbers(series.g_per_kwh),
        "low": None if series.low is None else _numbers(series.low),
        "high": None if series.high is None else _numbers(series.high),
        "kind": series.kind,
        "source": _source(series.source),
        "issued_at": format_instant(series.issued_at) if series.issued_at else None,
        "retrieved_at": format_instant(series.retrieved_at) if series.retrieved_at else None,
        "pieces": [_piece(each) for each in series.pieces],
        "settled": _flags(standing.settled),
        "final": _flags(standing.final),
    }


def standing_from(line: Mapping[str, object]) -> Standing:
    """The intensity that a line says."""
    issued, retrieved = line["issued_at"], line["retrieved_at"]
    series = IntensitySeries(
        zone=str(line["zone"]),
        basis=_basis_from(line["basis"]),
        start=parse_instant(str(line["start"])),
        step=int(str(line["step_us"])) * _MICROSECOND,
        g_per_kwh=_floats(line["g_per_kwh"]),
        low=None if line["low"] is None else _floats(line["low"]),
        high=None if line["high"] is None else _floats(line["high"]),
        kind=cast("Kind", line["kind"]),
        source=_source_from(line["source"]),
        issued_at=None if issued is None else parse_instant(str(issued)),
        retrieved_at=None if retrieved is None else parse_instant(str(retrieved)),
        pieces=tuple(_piece_from(each) for each in cast("list[Mapping[str, object]]", line["pieces"])),
    )
    return Standing(series=series, settled=_mask(str(line["settled"])), final=_mask(str(line["final"])))


def _piece(piece: Piece) -> Half:
    """A stretch of a joined series."""
    return {
        "start": format_instant(piece.start),
        "end": format_instant(piece.end),
        "kind": piece.kind,
        "source": _source(piece.source),
        "basis": _basis(piece.basis),
        "issued_at": format_instant(piece.issued_at) if piece.issued_at else None,
        "retrieved_at": format_instant(piece.retrieved_at) if piece.retrieved_at else None,
    }


def _piece_from(line: Mapping[str, object]) -> Piece:
    """The same back."""
    issued, retrieved = line["issued_at"], line["retrieved_at"]
    return Piece(
        start=parse_instant(str(line["start"])),
        end=parse_instant(str(line["end"])),
        kind=cast("Kind", line["kind"]),
        source=_source_from(line["source"]),
        basis=_basis_from(line["basis"]),
        issued_at=None if issued is None else parse_instant(str(issued)),
        retrieved_at=None if retrieved is None else parse_instant(str(retrieved)),
    )


def _basis(basis: Basis) -> Half:
    """What the figures mean, whole."""
    return {"is": str(basis), **{name: getattr(basis, name) for name in _DETAILS}}


def _basis_from(said: object) -> Basis:
    """The same back."""
    words = cast("Mapping[str, str]", said)
    return replace(
        parse_basis(words["is"]),
        factor_set=words["factor_set"],
        gwp_set=words["gwp_set"],
        losses=words["losses"],
        year=words["year"],
    )


def _source(source: Provenance) -> Half:
    """Where figures come from."""
    return {"name": source.name, "licence": source.licence, "attribution": source.attribution}


def _source_from(said: object) -> Provenance:
    """The same back."""
    words = cast("Mapping[str, str]", said)
    return Provenance(name=words["name"], licence=words["licence"], attribution=words["attribution"])


def _numbers(values: Floats) -> list[float | None]:
    """Figures to the last bit; a gap is null."""
    return [None if np.isnan(value) else float(value) for value in values]


def _floats(said: object) -> Floats:
    """The same back."""
    values = cast("list[float | None]", said)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _flags(mask: Mask) -> str:
    """A mask as a text of 0 and 1."""
    return "".join("1" if each else "0" for each in mask)


def _mask(text: str) -> Mask:
    """The same back."""
    return np.array([each == "1" for each in text], dtype=np.bool_)
