"""How a report says numbers, dates and sentences, in English and in a language with other marks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.reporting.language import ENGLISH, Language

FRENCH = Language(
    code="fr-FR",
    translate={"{mass} kg CO2e": "{mass} kg éq. CO2", "March": "mars", "unknown": "inconnu"}.get,  # type: ignore[arg-type]  # knows what this test says
    counted=lambda one, many, count: one if count < 2 else many,
    decimal=",",
    group="\u202f",
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.000123456, "0.000123"), (12.345, "12.3"), (-3.14159, "−3.14"), (999.6, "1,000"),
     (-50532.4, "−50,532"), (1e-7, "1e-07"), (float("nan"), "unknown"), (float("inf"), "unknown")],
)  # fmt: skip
def test_a_number_has_three_digits_and_true_marks(value: float, text: str) -> None:
    """Small ones are not rounded to nothing, and what is not known says so."""
    assert text == ENGLISH.number(value)


@given(st.floats(min_value=-1e12, max_value=1e12).filter(lambda x: x == 0 or abs(x) > 1e-9))
def test_a_number_can_be_read_back(value: float) -> None:
    """Within what three digits hold."""
    back = float(ENGLISH.number(value).replace(",", "").replace("−", "-"))
    assert abs(back - value) <= 0.005 * abs(value) + 0.5 * (abs(value) >= 999.5)


def test_another_country_has_its_own_marks() -> None:
    """Comma for the point, a thin space for the comma, and the sentence's own order."""
    assert ("1\u202f235", "0,273", "12,3 kg éq. CO2") == (FRENCH.number(1234.6), FRENCH.number(0.273), FRENCH.kg(12.3))


@pytest.mark.parametrize(("share", "text"), [(0.0, "0 %"), (0.9499, "94.9 %"), (0.29, "29 %"), (0.9999, "99.9 %")])
def test_a_share_is_never_rounded_up(share: float, text: str) -> None:
    """What is short of a threshold does not read as having reached it."""
    assert text == ENGLISH.percent(share)


def test_times_are_said_in_utc() -> None:
    """A day, an instant, and one to the second that is the same in every language."""
    moment = datetime.fromisoformat("2024-03-05T00:30:07+02:00")
    assert ("4 March 2024", "4 March 2024, 22:30 UTC") == (ENGLISH.day(moment), ENGLISH.instant(moment))
    assert FRENCH.second(moment) == ENGLISH.second(moment) == "2024-03-04 22:30:07"
    assert "5 mars 2024" == Language(translate=lambda text: {"March": "mars"}.get(text, text)).day(
        datetime(2024, 3, 5, tzinfo=UTC)
    )


@pytest.mark.parametrize(("count", "text"), [(0, "0 jobs"), (1, "1 job"), (1234, "1,234 jobs")])
def test_so_many_are_counted(count: int, text: str) -> None:
    """By the language's own rule."""
    assert text == ENGLISH.plural("{count} job", "{count} jobs", count)


def test_a_name_with_braces_is_no_place_to_fill() -> None:
    """Values are put in once, and what they hold is not looked at."""
    assert "{x} ran" == ENGLISH("{name} ran", name="{x}")
    assert "{0} %s" == ENGLISH.said("{0} %s")


def test_a_language_knows_its_months() -> None:
    """Twelve, long and short."""
    assert (12, 12, "January", "Dec") == (
        len(ENGLISH.months), len(ENGLISH.short_months), ENGLISH.months[0], ENGLISH.short_months[-1],
    )  # fmt: skip
