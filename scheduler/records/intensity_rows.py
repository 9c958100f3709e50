"""An intensity series as rows of the store and back: one row a stretch of one origin, its figures as one array.

A year of five-minute figures is one blob of 0.8 MB and is read in a millisecond; a row a figure would take seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from sqlalchemy import RowMapping

from scheduler.domain.basis import Basis, parse_basis
from scheduler.domain.errors import StoreError
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.domain.intensity import Floats, IntensitySeries, Provenance
from scheduler.ports import Subject

_MICROSECOND: Final = timedelta(microseconds=1)
_FORM: Final = "<f8"
"""How a figure is written: a little-endian double, whatever the machine."""


def to_row(subject: Subject, series: IntensitySeries, at: datetime) -> dict[str, object]:
    """The columns of a series that has one origin."""
    blobs = {"g_per_kwh": _blob(series.g_per_kwh), "low": _blob(series.low), "high": _blob(series.high)}
    row: dict[str, object] = {
        **key_of(subject),
        "factor_set": series.basis.factor_set,
        "gwp_set": series.basis.gwp_set,
        "losses": series.basis.losses,
        "year": series.basis.year,
        "kind": series.kind,
        "provider": series.source.name,
        "licence": series.source.licence,
        "attribution": series.source.attribution,
        "notes": json.dumps(series.notes),
        "issued_at": format_instant(series.issued_at) if series.issued_at else None,
        "retrieved_at": format_instant(series.retrieved_at or at),
        "start": format_instant(series.start),
        "end": format_instant(series.end),
        "step_us": series.step // _MICROSECOND,
    }
    return {**row, **blobs, "sha256": _digest(row, blobs)}


def from_row(row: RowMapping, zone: str) -> IntensitySeries:
    """The series that a row holds.

    Raises:
        StoreError: its figures are not the ones that were written.
    """
    blobs = {name: row[name] for name in ("g_per_kwh", "low", "high")}
    said = {name: value for name, value in row.items() if name not in (*blobs, "id", "sha256")}
    if _digest(said, blobs) != row["sha256"]:
        raise StoreError(
            f"row {row['id']} of the kept intensities is damaged ({zone} from {row['source']})",
            hint="put a backup back: carbonsched restore FILE --replace",
        )
    return IntensitySeries(
        zone=zone,
        basis=basis_from(row),
        start=parse_instant(row["start"]),
        step=row["step_us"] * _MICROSECOND,
        g_per_kwh=_floats(blobs["g_per_kwh"]),
        low=None if blobs["low"] is None else _floats(blobs["low"]),
        high=None if blobs["high"] is None else _floats(blobs["high"]),
        kind=row["kind"],
        source=Provenance(name=row["provider"], licence=row["licence"], attribution=row["attribution"]),
        issued_at=parse_instant(row["issued_at"]) if row["issued_at"] else None,
        retrieved_at=parse_instant(row["retrieved_at"]),
        notes=tuple(json.loads(row["notes"])),
    )


def key_of(subject: Subject) -> dict[str, str]:
    """The columns that say whose figures they are."""
    return {"source": subject.source, "zone": subject.zone, "basis": str(subject.basis)}


def basis_from(row: RowMapping) -> Basis:
    """The whole basis of a row."""
    details = {name: row[name] for name in ("factor_set", "gwp_set", "losses", "year")}
    return replace(parse_basis(row["basis"]), **details)


def _blob(values: Floats | None) -> bytes | None:
    """Figures as bytes."""
    return None if values is None else values.astype(_FORM).tobytes()


def _floats(blob: bytes) -> Floats:
    """Bytes as figures."""
    return np.frombuffer(blob, dtype=_FORM).astype(np.float64)


def _digest(row: Mapping[str, object], blobs: Mapping[str, bytes | None]) -> str:
    """The checksum over what a row says and its figures."""
    words = {name: value for name, value in sorted(row.items()) if name != "id"}
    found = hashlib.sha256(json.dumps(words).encode())
    for name in sorted(blobs):
        found.update(name.encode() + b"=" + (blobs[name] or b"none"))
    return found.hexdigest()
