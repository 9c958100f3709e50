"""Which region a zone is: named, located, or listed; never guessed."""

from __future__ import annotations

import csv

import pytest

from intensity_sources.watttime_regions import FILE, Location, read_regions
from scheduler.domain.errors import InvalidInput, NotCovered


def test_the_table_pairs_zones_and_regions_one_to_one() -> None:
    """With a source a row."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    zones, regions = [row["zone"] for row in rows], [row["region"] for row in rows]
    assert (len(rows), len(rows)) == (len(set(zones)), len(set(regions)))
    assert sorted(zones) == zones
    assert all("Cloud_Region_Metadata.csv" in row["source"] for row in rows)
    assert {"CA-QC": "HQ", "FR": "FR", "GB": "UK"}.items() <= dict(zip(zones, regions, strict=True)).items()


def test_zones_of_several_regions_are_not_listed() -> None:
    """They must be named or located, and the error says how."""
    for zone in ("US-MIDA-PJM", "US-CAL-CISO", "SE-SE3", "DK-DK2", "IT-NO"):
        with pytest.raises(NotCovered, match=zone) as caught:
            read_regions({}).of(zone)
        assert f"regions to {zone}=REGION" in caught.value.hint


def test_a_named_region_stands_over_the_table() -> None:
    """And beside it."""
    regions = read_regions({"regions": "CA-QC = HQ_SOUTH; US-CAL-CISO=CAISO_NORTH;"})
    assert ("HQ_SOUTH", "CAISO_NORTH", "FR") == tuple(regions.of(zone) for zone in ("CA-QC", "US-CAL-CISO", "FR"))
    assert "US-CAL-CISO" in regions.zones


def test_a_location_stands_over_the_table_too() -> None:
    """The equator and the meridian are places as well."""
    regions = read_regions({"locations": "US-MIDA-PJM=39.04,-77.49; GA=0,0"})
    assert Location(latitude=39.04, longitude=-77.49) == regions.of("US-MIDA-PJM")
    assert Location(latitude=0.0, longitude=0.0) == regions.of("GA")
    assert {"GA", "US-MIDA-PJM", "FR"} <= set(regions.zones)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"regions": "CA-QC"}, "pairs no zone"),
        ({"regions": "=HQ"}, "pairs no zone"),
        ({"regions": "CA-QC="}, "pairs no zone"),
        ({"regions": "FR=FR;FR=DE"}, "pairs no zone"),
        ({"locations": "FR=Paris"}, "is no location"),
        ({"locations": "FR=48.9"}, "is no location"),
        ({"locations": "FR=48.9,2.35,7"}, "is no location"),
        ({"locations": "FR=91,0"}, "is not on Earth"),
        ({"locations": "FR=0,181"}, "is not on Earth"),
        ({"locations": "FR=nan,0"}, "is not on Earth"),
        ({"regions": "FR=FR", "locations": "FR=48.9,2.35"}, "FR has a region and a location"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, str], why: str) -> None:
    """With an example of one that can."""
    with pytest.raises(InvalidInput, match=why) as caught:
        read_regions(options)
    assert caught.value.hint
