"""Traces as text, whatever wrote them, and the Alibaba PAI sample, which knows no dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.simulation.screening import Why

PAI: Final = ("arrival_s", "length_s", "units")
"""Columns of the sample of Alibaba's PAI trace that the carbon-aware literature replays: seconds since its start."""
START: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the beginning of a trace whose times only count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job as text.

    Args:
        line: where it stands; job_id, submitted: as written.
        cells: the other columns by the contract's names, stripped.
        why: that it cannot be replayed, whatever the clusters, None where it can; reason: the same in words.
    """

    line: int
    job_id: str
    submitted: str
    cells: Mapping[str, str]
    why: Why | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All jobs of a file.

    Args:
        notes: what was passed over.
        counted: whether its times count from the beginning of the trace, so that it says no date.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    counted: bool = False


def of_pai(header: Sequence[str], lines: Sequence[tuple[int, list[str]]], what: str) -> Rows:
    """The jobs of the PAI sample, numbered in their order; a unit is a GPU."""
    rows = []
    for number, (line, cells) in enumerate(lines, start=1):
        named = dict(zip(header, cells, strict=True))
        try:
            submitted = START + timedelta(seconds=float(named["arrival_s"]))
        except (ValueError, OverflowError) as exc:
            raise InvalidInput(
                f"{what} line {line}: arrival_s is {named['arrival_s']!r}", hint="write seconds since the trace began"
            ) from exc
        taken = {"duration_s": named["length_s"], "gpus": named["units"]}
        rows.append(Row(line=line, job_id=f"pai-{number}", submitted=format_instant(submitted), cells=taken))
    return Rows(rows=tuple(rows), notes=(), counted=True)
