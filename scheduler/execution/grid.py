"""Intensities by reference: a job remembers the source it was planned on, and is accounted on the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from intensity_sources.registry import Sources
from intensity_sources.static_tables import StaticTables
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import InvalidInput, NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.ports import IntensitySource

TABLE: Final = "csv-file"
STATIC: Final = "static-tables"
_OPTIONS: Final[Mapping[str, Callable[[str], object]]] = {"path": Path, "year": int}
"""How the text of a reference becomes an argument of its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Opens sources and asks them for the zones of clusters.

    Args:
        year: year of the static tables, None for the newest they have.
    """

    sources: Sources
    year: int | None = None
    _opened: dict[tuple[tuple[str, str], ...], IntensitySource] = field(default_factory=dict)

    def reference(self, table: str | None) -> dict[str, str]:
        """What to write down so that the same source is opened again: a table, else the static tables."""
        if table:
            path = Path(table).expanduser().absolute()
            if not path.exists():
                raise InvalidInput(f"there is no intensity table {path}", hint="check the path")
            return {"source": TABLE, "path": str(path)}
        year = self.year if self.year is not None else self._newest()
        return {"source": STATIC, "year": str(year)}

    def series(
        self,
        reference: Mapping[str, str],
        zones: Iterable[str],
        start: datetime,
        end: datetime,
        basis: Basis = DEFAULT_BASIS,
    ) -> dict[str, IntensitySeries]:
        """What the source knows of each zone in ``[start, end)``; a zone that it has not is left out."""
        source = self._open(reference)
        found = {}
        for zone in dict.fromkeys(zones):
            try:
                found[zone] = source.series(zone, basis, start, end)
            except NotCovered:
                continue  # the planner rejects its clusters, and the report names the zone: neither is silent
        return found

    def _open(self, reference: Mapping[str, str]) -> IntensitySource:
        """The source, read again where its file has changed."""
        stamp = {}
        if "path" in reference:
            path = Path(reference["path"])
            if not path.exists():
                raise InvalidInput(f"the intensity table {path} is gone", hint="put it back where it was")
            stamp = {"mtime_ns": str(path.stat().st_mtime_ns)}
        key = tuple(sorted((reference | stamp).items())) if isinstance(reference, dict) else ()
        if key not in self._opened:
            options = {name: _OPTIONS[name](text) for name, text in reference.items() if name != "source"}
            self._opened[key] = self.sources.named(reference["source"])(**options)
        return self._opened[key]

    def _newest(self) -> int:
        """The newest year that the static tables have on the default basis."""
        return max(row.year for row in StaticTables().rows() if row.basis == DEFAULT_BASIS)
