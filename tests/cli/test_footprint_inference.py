"""`carbonsched footprint inference`: what it prints, as text and as JSON, and what it refuses."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli.footprint import app
from scheduler.domain.errors import CarbonschedError

STUDY = ("--kwh", "864.249", "--hours", "411.6667", "--requests", "230768", "--intensity", "394")


def printed(*args: str) -> str:
    """The stdout of a call that succeeds."""
    result = CliRunner().invoke(app, ("inference", *args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_study_of_bloom_is_printed() -> None:
    """Kilograms, grams a request and days to equal the training, and that no PUE was applied."""
    text = printed(*STUDY)
    for part in ("340.514 kg CO2e", "1.4756 g CO2e", "19.852 kg", "2,545 days", "none applied"):
        assert part in text


def test_json_says_the_same_and_names_what_is_missing() -> None:
    """Each null has its reason."""
    data = json.loads(printed("--kwh", "10", "--hours", "2", "--zone", "FR", "--year", "2024", "--json"))
    assert (1, "FR", 2024) == (data["schema"], data["zone"], data["intensity"]["year"])
    assert pytest.approx(0.33) == data["emissions_kg"]
    assert (None, "requests were not counted") == (data["g_per_request"], data["g_per_request_reason"])
    assert data["emissions_range_kg"]["low"] < data["emissions_kg"] < data["emissions_range_kg"]["high"]


def test_a_clean_grid_never_equals_the_training() -> None:
    """The days are null with their reason, and the text says never."""
    args = ("--kwh", "10", "--hours", "2", "--intensity", "0")
    data = json.loads(printed(*args, "--json"))
    assert (None, "the electricity emits nothing") == (
        data["days_to_equal_training"],
        data["days_to_equal_training_reason"],
    )
    assert "never" in printed(*args)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--kwh", "1", "--hours", "1"), "--zone or --intensity"),
        (("--kwh", "1", "--hours", "1", "--zone", "FR", "--intensity", "3", "--year", "2024"), "--year"),
        (("--kwh", "-1", "--hours", "1", "--zone", "FR"), "--kwh"),
        (("--kwh", "1", "--hours", "1", "--zone", "Nowhere"), "Nowhere"),
    ],
)
def test_what_cannot_be_priced_is_refused(args: tuple[str, ...], named: str) -> None:
    """The error names the option or the zone."""
    with pytest.raises(CarbonschedError, match=named):
        CliRunner().invoke(app, ("inference", *args), catch_exceptions=False)
