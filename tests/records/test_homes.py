"""The operator's dated homes: which one binds a job, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.records.homes import Homes, homes_text, parse_homes

TEXT = "bloom = 2026-06-01 quebec, 2026-01-01 france; opt = 2026-01-01T12:00:00Z france"


def test_a_home_binds_from_its_date_on_and_not_before() -> None:
    """What is named for June changes nothing that was submitted in May."""
    homes = parse_homes(TEXT)
    found = [homes.of("bloom", datetime(*day, tzinfo=UTC)) for day in ((2025, 12, 31), (2026, 5, 31), (2026, 6, 1))]
    assert [None, "france", "quebec"] == found
    assert (None, "france") == tuple(homes.of("opt", datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (11, 12))


def test_a_project_that_is_not_named_has_none() -> None:
    """It follows the settings, else the job."""
    assert parse_homes(TEXT).of("gpt", datetime(2027, 1, 1, tzinfo=UTC)) is None
    assert Homes() == parse_homes("")


def test_homes_survive_being_written() -> None:
    """As text, and as a settings file says them."""
    homes = parse_homes(TEXT)
    assert homes == parse_homes(str(homes)) == parse_homes(homes_text(TEXT))
    said = {"bloom": {"2026-06-01": "quebec", "2026-01-01": "france"}, "opt": {"2026-01-01T12:00:00Z": "france"}}
    assert homes == parse_homes(homes_text(said))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("bloom", "not understood"),
        ("= 2026-01-01 france", "not understood"),
        ("bloom = 2026-01-01 france; bloom = 2026-02-01 quebec", "names its project twice"),
        ("bloom = france", "no date and a cluster"),
        ("bloom = soon france", "homes of bloom"),
        ("bloom = 2026-01-01 france, 2026-01-01 quebec", "two homes from one day on"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, match: str) -> None:
    """With the project, and how to write it."""
    with pytest.raises(InvalidInput, match=match):
        parse_homes(text)


@pytest.mark.parametrize("value", [["france"], {"bloom": "france"}, {"bloom": {}}])
def test_a_settings_file_names_dates(value: object) -> None:
    """A home without a date would be retroactive."""
    with pytest.raises(InvalidInput, match=r"2026-01-01|no dates|no homes"):
        homes_text(value)
