"""The operator's budgets: which one binds, what is refused, and what of a plan falls into a month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.errors import InvalidInput
from scheduler.domain.placement import Segment
from scheduler.records.budgets import Budget, Budgets, Use, budgets_text, parse_budgets, planned_kg, use_json, use_text

TEXT = "nlp = 120 hold; vision = 2026-06-01 250 hold, 2026-01-01 300 warn 70"
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def use(realised_kg: float, projected_kg: float, *, kg: float = 100.0) -> Use:
    """A month of a project."""
    budget = Budget(kg_per_month=kg, hold=True)
    return Use(project="nlp", month="2026-03", budget=budget, realised_kg=realised_kg, projected_kg=projected_kg)


def test_a_budget_binds_from_its_date_on_and_one_without_date_always() -> None:
    """What is set for June bounds nothing in May."""
    budgets = parse_budgets(TEXT)
    found = [budgets.of("vision", datetime(*day, tzinfo=UTC)) for day in ((2025, 12, 31), (2026, 5, 31), (2026, 6, 1))]
    assert [None, Budget(kg_per_month=300, warn_at_pct=70), Budget(kg_per_month=250, hold=True)] == found
    assert {"nlp": Budget(kg_per_month=120, hold=True)} == budgets.in_force(datetime(1990, 1, 1, tzinfo=UTC))
    assert Budgets() == parse_budgets("")


def test_a_settings_file_says_the_same_as_the_text() -> None:
    """By project its keys, or dates with the keys from then on."""
    said = {
        "nlp": {"kg_per_month": 120, "hold_at_limit": "yes"},
        "vision": {
            "2026-01-01": {"kg_per_month": 300, "warn_at_pct": 70, "hold_at_limit": "no"},
            "2026-06-01": {"kg_per_month": 250, "hold_at_limit": True},
        },
    }
    assert parse_budgets(TEXT) == parse_budgets(budgets_text(said))
    assert TEXT == budgets_text(TEXT)


@pytest.mark.parametrize(
    "text",
    ["nlp", "= 5", "nlp = 5; nlp = 6", "nlp = five", "nlp = 0", "nlp = -3", "nlp = nan", "nlp = 5 warn 0",
     "nlp = 5 warn 101", "nlp = 5 hold hold", "nlp = 5, 6", "nlp = 2026-13-01 5", "nlp = "],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    """A limit that bounds nothing, a project named twice, two budgets from one day on."""
    with pytest.raises(InvalidInput):
        parse_budgets(text)


@pytest.mark.parametrize(
    "value",
    [7, {"nlp": 7}, {"nlp": {}}, {"nlp": {"kg": 7}}, {"nlp": {"kg_per_month": 7, "hold_at_limit": "perhaps"}},
     {"nlp": {"kg_per_month": 7, "cap": 3}}, {"nlp": {"warn_at_pct": 7}}],
)  # fmt: skip
def test_a_file_that_says_something_else_is_refused(value: object) -> None:
    """An unknown key is no budget that is quietly larger."""
    with pytest.raises(InvalidInput):
        budgets_text(value)


def test_a_month_stands_by_what_it_emitted_and_what_is_planned() -> None:
    """It warns from its share on, and is over only beyond the limit."""
    found = [use(realised, 40).standing for realised in (39.9, 40, 60, 60.1)]
    assert ["within", "warning", "warning", "over"] == found
    assert (True, False, True) == (use(60, 39).has_room(1), use(60, 39).has_room(1.1), use(60, 39).has_room(None))
    assert not use(60, 40).has_room(None)


def test_a_month_is_told_in_numbers_and_in_words() -> None:
    """What has no price is said, and never counted as nothing."""
    month = Use(
        project="nlp", month="2026-03", budget=Budget(kg_per_month=100), realised_kg=60.0, projected_kg=50.0,
        unknown=("j1",), held=("j2",),
    )  # fmt: skip
    assert (110.0, 110.0, "over", ["j1"]) == tuple(
        use_json(month)[key] for key in ("total_kg", "used_pct", "standing", "unknown")
    )
    assert (
        "budget of nlp for 2026-03: 60 kg CO2e emitted, 50 kg planned, of 100 kg (110 %): OVER; "
        "1 jobs cannot be priced and are not in it; holds 1 jobs"
    ) == use_text(month)


@given(cut_h=st.floats(0, 40), starts=st.lists(st.integers(1, 9), min_size=1, max_size=4))
@settings(max_examples=100)
def test_the_parts_of_a_plan_add_up(cut_h: float, starts: list[int]) -> None:
    """Wherever it is cut between two months."""
    at, segments = MARCH, []
    for hours in starts:
        segments.append(Segment(cluster="france", start=at, end=at + hours * HOUR, gpus=8 * hours))
        at += (hours + 1) * HOUR
    middle = MARCH + cut_h * HOUR
    parts = [planned_kg(7.0, segments, span) for span in ((MARCH, middle), (middle, MARCH + 900 * HOUR))]
    assert 7.0 == pytest.approx(sum(part or 0.0 for part in parts))


def test_what_has_no_price_is_unknown_only_where_it_lies() -> None:
    """A plan of next month says nothing of this one."""
    segment = Segment(cluster="france", start=MARCH, end=MARCH + HOUR, gpus=8)
    assert None is planned_kg(None, [segment], (MARCH, MARCH + 5 * HOUR))
    assert 0.0 == planned_kg(None, [segment], (MARCH + 2 * HOUR, MARCH + 5 * HOUR))
