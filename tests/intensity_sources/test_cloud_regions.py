"""Cloud regions and their zones: every row says who says so, and a user's own stands over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from intensity_sources.cloud_regions import (
    PLACE_SOURCES,
    ZONE_SOURCES,
    CloudRegion,
    parse_cloud_regions,
    read_cloud_regions,
)
from scheduler.domain.errors import InvalidInput

SHIPPED = {(row.provider, row.region): row for row in read_cloud_regions()}


def saved(folder: Path, text: str, name: str = "mine.csv") -> Path:
    """A file that holds the text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("row", SHIPPED.values(), ids=lambda row: f"{row.provider}-{row.region}")
def test_every_row_says_who_says_so(row: CloudRegion) -> None:
    """The provider for the place, the grid's operator or the country for the zone."""
    assert row.place
    assert row.place_source in PLACE_SOURCES
    assert row.zone_source in ZONE_SOURCES
    assert (len(row.zone) == 2) == (row.zone_source == "country")


def test_no_source_is_listed_for_nothing() -> None:
    """Each named source is some row's."""
    assert PLACE_SOURCES.keys() == {row.place_source for row in SHIPPED.values()}
    assert ZONE_SOURCES.keys() == {row.zone_source for row in SHIPPED.values()}


@pytest.mark.parametrize(
    ("provider", "region", "zone"),
    [
        ("aws", "ca-central-1", "CA-QC"),
        ("gcp", "northamerica-northeast1", "CA-QC"),
        ("azure", "canadaeast", "CA-QC"),
        ("azure", "canadacentral", "CA-ON"),
        ("ovh", "ca-beauharnois", "CA-QC"),
        ("aws", "eu-west-3", "FR"),
        ("gcp", "europe-west9", "FR"),
        ("azure", "francesouth", "FR"),
        ("azure", "northeurope", "IE"),
        ("aws", "eu-north-1", "SE-SE3"),
        ("gcp", "me-central1", "QA"),
        ("aws", "us-east-1", "US-MIDA-PJM"),
    ],
)
def test_regions_whose_place_one_zone_supplies(provider: str, region: str, zone: str) -> None:
    """Among them those that other tables have wrong: Toronto is not Québec, and North Europe is Dublin."""
    assert zone == SHIPPED[provider, region].zone


@pytest.mark.parametrize(
    ("provider", "region"),
    [("aws", "us-west-1"), ("aws", "us-west-2"), ("gcp", "us-west1"), ("gcp", "us-central1"), ("azure", "westus3")],
)
def test_a_place_that_zones_share_is_left_to_the_user(provider: str, region: str) -> None:
    """Nobody guesses."""
    assert (provider, region) not in SHIPPED


def test_a_row_of_a_user_stands_over_the_tools(tmp_path: Path) -> None:
    """The later file counts; what it does not say is said by its name; the others stay."""
    first = saved(tmp_path, "provider,region,zone\nAWS,us-west-2,US-NW-PACW\naws,eu-west-3,FR-COR\n", "a.csv")
    second = saved(tmp_path, "zone,provider,region,place\nUS-NW-BPAT,aws,us-west-2,The Dalles\n", "b.csv")
    found = {(row.provider, row.region): row for row in read_cloud_regions([first, second])}
    assert ("US-NW-BPAT", "The Dalles", "b.csv") == (
        found["aws", "us-west-2"].zone,
        found["aws", "us-west-2"].place,
        found["aws", "us-west-2"].zone_source,
    )
    assert "FR-COR" == found["aws", "eu-west-3"].zone
    assert len(SHIPPED) + 1 == len(found)
    assert sorted(found) == list(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the columns are not"),
        ("provider,region\naws,x\n", "line 1: the columns are not"),
        ("provider,region,zone,pue\naws,x,FR,1.1\n", "line 1: the columns are not"),
        ("provider,region,zone\naws,,FR\n", "line 2: provider, region and zone are needed"),
        ("provider,region,zone\naws,x\n", "line 2: provider, region and zone are needed"),
        ("provider,region,zone\naws,x,FR\nAWS,X,DE\n", "line 3: aws x is there twice"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(text: str, words: str) -> None:
    """File, line and what is wrong."""
    with pytest.raises(InvalidInput, match=words) as caught:
        list(parse_cloud_regions(text, what="mine.csv"))
    assert caught.value.message.startswith("mine.csv")
    assert caught.value.hint


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(InvalidInput, match=r"gone\.csv"):
        read_cloud_regions([tmp_path / "gone.csv"])


def test_a_blank_line_is_no_row() -> None:
    """As editors leave at the end."""
    assert ["x"] == [row.region for row in parse_cloud_regions("provider,region,zone\naws,x,FR\n\n", what="t")]
