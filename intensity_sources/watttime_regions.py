"""Which region of WattTime a zone is: as the operator names or locates it, else by a small table.

The table holds only zones that one region covers whole and alone: WattTime cuts many zones of the United States in
several regions, and knows some countries only whole whose zones are parts of them. Those must be named or located.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from intensity_sources.watttime_rows import WHO
from scheduler.domain.errors import InvalidInput, NotCovered

FILE: Final = Path(__file__).parent / "data" / "watttime_regions.csv"
"""Zones and regions of cloud data centres as the Green Software Foundation lists them side by side (real-time-cloud,
Cloud_Region_Metadata.csv), where the two are each other's only partner."""
_REGIONS_HINT: Final = "write it as regions: US-CAL-CISO=CAISO_NORTH; US-MIDA-PJM=PJM_DC"
_LOCATIONS_HINT: Final = "write it as locations: US-MIDA-PJM=39.04,-77.49 (latitude, longitude in degrees)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place on Earth. [degrees]"""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Regions by zone.

    Args:
        named: region of a zone; the operator's names stand over the table's.
        located: a place in the zone, where the operator gave that instead; WattTime names its region.
    """

    named: Mapping[str, str]
    located: Mapping[str, Location]

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones whose region is known or can be asked for."""
        return tuple(sorted({*self.named, *self.located}))

    def of(self, zone: str) -> str | Location:
        """The region of a zone, or the place to ask for it; raises `NotCovered`."""
        if zone in self.located:
            return self.located[zone]
        if zone not in self.named:
            raise NotCovered(
                f"{WHO}: which of its regions {zone!r} is, no option regions or locations says",
                hint=f"set its option regions to {zone}=REGION, or locations to {zone}=LATITUDE,LONGITUDE",
            )
        return self.named[zone]


def read_regions(options: Mapping[str, str], *, path: Path = FILE) -> Regions:
    """The regions by the options ``regions`` and ``locations``, and by the table.

    Raises:
        InvalidInput: an option cannot be meant.
    """
    with path.open(encoding="utf-8", newline="") as file:
        table = {row["zone"]: row["region"] for row in csv.DictReader(file)}
    named = _pairs(options.get("regions", ""), _REGIONS_HINT)
    located = {zone: _location(text) for zone, text in _pairs(options.get("locations", ""), _LOCATIONS_HINT).items()}
    both = sorted({*named} & {*located})
    if both:
        raise InvalidInput(f"{WHO}: {both[0]} has a region and a location", hint="keep one of them")
    return Regions(named={**table, **named}, located=located)


def _pairs(text: str, hint: str) -> dict[str, str]:
    """The pairs of ``A=x; B=y``."""
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        zone, equals, value = (side.strip() for side in part.partition("="))
        if not (zone and equals and value) or zone in found:
            raise InvalidInput(f"{WHO}: {part!r} pairs no zone with one value", hint=hint)
        found[zone] = value
    return found


def _location(text: str) -> Location:
    """The place that ``39.04,-77.49`` is."""
    try:
        latitude, longitude = map(float, text.split(","))
    except ValueError:
        raise InvalidInput(f"{WHO}: {text!r} is no location", hint=_LOCATIONS_HINT) from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # noqa: PLR2004  # degrees; a NaN is none either
        raise InvalidInput(f"{WHO}: {text!r} is not on Earth", hint=_LOCATIONS_HINT)
    return Location(latitude=latitude, longitude=longitude)
