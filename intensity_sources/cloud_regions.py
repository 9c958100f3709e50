"""Which grid zone the data centres of a cloud region draw from: a table with two sources a row, and a user's own.

A row is there where the provider itself publishes the place, and one zone supplies that place or nearly all of it; a
region of a place that several zones share, such as Oregon or California, is left out and must be told by the user.
The zone of a region is where its electricity comes from, whatever certificates the provider buys.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scheduler.domain.errors import InvalidInput

FILE: Final = Path(__file__).parent / "data" / "cloud_regions.csv"
REQUIRED: Final = ("provider", "region", "zone")
COLUMNS: Final = ("provider", "region", "place", "place_source", "zone", "zone_source")
PLACE_SOURCES: Final[Mapping[str, str]] = {
    "AWS regions": "https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html",
    "Azure regions list": "https://learn.microsoft.com/azure/reliability/regions-list",
    "Google Cloud locations": "https://cloud.google.com/about/locations",
    "OVHcloud regions": "https://www.ovhcloud.com/en/about-us/global-infrastructure/",
}
"""Where each provider publishes the place of its regions."""
ZONE_SOURCES: Final[Mapping[str, str]] = {
    "country": "https://www.iso.org/iso-3166-country-codes.html",  # one zone, named as the country, is its main grid
    "AEMO": "https://aemo.com.au",
    "AESO": "https://www.aeso.ca",
    "Coordinador Eléctrico Nacional": "https://www.coordinador.cl",
    "ERCOT": "https://www.ercot.com/about",
    "Grid-India": "https://grid-india.in",
    "Hydro-Québec": "https://www.hydroquebec.com",
    "IESO": "https://www.ieso.ca",
    "NV Energy": "https://www.nvenergy.com",
    "OCCTO": "https://www.occto.or.jp/en/",
    "ONS": "https://www.ons.org.br",
    "PJM": "https://learn.pjm.com/who-is-pjm/where-we-operate.aspx",
    "Rocky Mountain Power": "https://www.rockymountainpower.net",
    "Statnett": "https://www.statnett.no",
    "Svenska kraftnät": "https://www.svk.se",
    "Terna": "https://www.terna.it",
}
"""Who says which area a zone covers: the operator of the grid there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRegion:
    """A region of a cloud provider and the zone that supplies it.

    Args:
        provider, region: as the provider's own tools write them, such as ``aws`` and ``ca-central-1``.
        zone: grid zone.
        place: where it is; place_source, zone_source: who says so, a name of the tables above or of a user's file.
    """

    provider: str
    region: str
    zone: str
    place: str
    place_source: str
    zone_source: str


def read_cloud_regions(paths: Sequence[Path] = ()) -> tuple[CloudRegion, ...]:
    """The regions, by provider and name; a row of a later one of `paths` stands over an earlier one and the tool's.

    Raises:
        InvalidInput: a file cannot be read, or a row of it cannot be meant.
    """
    found: dict[tuple[str, str], CloudRegion] = {}
    for path in (FILE, *paths):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as exc:
            raise InvalidInput(f"{path} cannot be read: {exc}", hint="name a file that may be read") from exc
        found.update({(row.provider, row.region): row for row in parse_cloud_regions(text, what=path.name)})
    return tuple(found[key] for key in sorted(found))


def parse_cloud_regions(text: str, *, what: str) -> Iterator[CloudRegion]:
    """The rows of a table; `what` names it in errors, and is the source of what a row does not say who says it."""
    reader = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(reader, [])]
    if not set(REQUIRED) <= set(header) <= set(COLUMNS) or len(set(header)) < len(header):
        raise InvalidInput(
            f"{what} line 1: the columns are not {', '.join(REQUIRED)}",
            hint=f"begin with provider,region,zone; there may also be {', '.join(sorted({*COLUMNS} - {*REQUIRED}))}",
        )
    seen: set[tuple[str, str]] = set()
    for cells in reader:
        if not any(cells):
            continue
        where = f"{what} line {reader.line_num}"
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        if len(cells) != len(header) or not all(row[name] for name in REQUIRED):
            raise InvalidInput(f"{where}: provider, region and zone are needed", hint="fill these cells")
        key = (row["provider"].lower(), row["region"].lower())
        if key in seen:
            raise InvalidInput(f"{where}: {' '.join(key)} is there twice", hint="keep one of the rows")
        seen.add(key)
        yield CloudRegion(
            provider=key[0],
            region=key[1],
            zone=row["zone"],
            place=row.get("place", ""),
            place_source=row.get("place_source") or what,
            zone_source=row.get("zone_source") or what,
        )
