"""`carbonsched intensity zones --cloud ...`: the zone of a cloud region, and which sources know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scheduler.domain.errors import CarbonschedError, UnknownName

if TYPE_CHECKING:
    from pathlib import Path

    from cli.settings import Settings
    from intensity_sources.cloud_regions import CloudRegion

OWN_FILE: Final = "cloud_regions.csv"
"""A user's own table beside the settings; its rows stand over the tool's."""
ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Cloud regions, and who knows their zones.

    Args:
        rows: the regions.
        sources: by zone, the sources that have it whoever asks.
        by_plan: sources whose zones depend on the plan behind a key.
    """

    rows: tuple[CloudRegion, ...]
    sources: dict[str, tuple[str, ...]]
    by_plan: tuple[str, ...]


def read_regions(values: Settings, asked: str, user_dir: Path) -> Regions:
    """The regions of a provider, one region of any, or all.

    Raises:
        UnknownName: neither a provider nor a region is called that.
    """
    from cli import wiring
    from intensity_sources.cloud_regions import read_cloud_regions

    own = user_dir / OWN_FILE
    every = read_cloud_regions([own] if own.is_file() else [])
    wanted = asked.strip().lower()
    rows = tuple(row for row in every if wanted in (ALL, row.provider, row.region, f"{row.provider} {row.region}"))
    if not rows:
        known = {row.provider for row in every} | {row.region for row in every if wanted[:2] in row.region}
        raise UnknownName("cloud or region", asked, {ALL, *known})
    grid = wiring.grid(values)
    sources: dict[str, list[str]] = {}
    by_plan = []
    for name, factory in grid.sources.factories.items():
        if factory.card.credentials:
            by_plan.append(name)
            continue
        try:
            zones = grid.opened(name).zones()
        except CarbonschedError:
            continue  # not set up here, as a table without a path: intensity sources says so
        for zone in zones:
            sources.setdefault(zone, []).append(name)
    return Regions(rows=rows, sources={zone: tuple(names) for zone, names in sources.items()}, by_plan=tuple(by_plan))


def as_json(regions: Regions) -> dict[str, object]:
    """The regions for machines."""
    return {
        "regions": [
            {
                "provider": row.provider,
                "region": row.region,
                "place": row.place,
                "zone": row.zone,
                "place_source": row.place_source,
                "zone_source": row.zone_source,
                "sources": list(regions.sources.get(row.zone, ())),
            }
            for row in regions.rows
        ],
        "by_plan": list(regions.by_plan),
    }


def as_text(regions: Regions) -> str:
    """The regions for people."""
    from cli.console import table

    rows = [
        (row.provider, row.region, row.place or "-", row.zone, ", ".join(_of(regions, row.zone)) or "-")
        for row in regions.rows
    ]
    said = f"Beside these, {' and '.join(regions.by_plan)} have the zones that the plan of your key reaches."
    return "\n\n".join([table(("cloud", "region", "place", "zone", "sources"), rows), said])


def _of(regions: Regions, zone: str) -> Sequence[str]:
    """The sources of a zone."""
    return regions.sources.get(zone, ())
