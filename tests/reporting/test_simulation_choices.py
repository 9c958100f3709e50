"""What there is to choose from a replay: draws are one choice, circumstances stay apart, nothing beats a front."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.reporting.simulation_choices import Choice, choices, cost, delay, front, most_saved
from tests.reporting.simulations import STATIC, drawn, make_policy, make_setting, make_simulation, swept, three


def names(found: list[Choice]) -> list[str]:
    """What some choices are called."""
    return [each.name for each in found]


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    """Run-now saves nothing and waits longer than choosing a region: it is not on it."""
    region = [f"{STATIC} (slack {slack})" for slack in (6, 24, 48)]
    aware = [f"carbon-aware (slack {slack})" for slack in (6, 24, 48)]
    assert [*region, *aware] == names(front(choices(swept()), delay))


def test_the_front_of_cost_is_another_one() -> None:
    """Nothing is cheaper than run-now, and nothing saves more than the default policy with most slack."""
    assert ["run-now (slack 6)", "run-now (slack 24)", "run-now (slack 48)", "carbon-aware (slack 48)"] == names(
        front(choices(swept()), cost)
    )


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(100, 250)), min_size=1, max_size=8))
@settings(max_examples=100)
def test_every_point_is_beaten_by_one_on_the_front_or_is_on_it(pairs: list[tuple[int, int]]) -> None:
    """And none on the front is beaten by another."""
    policies = [make_policy(f"p{n}", float(kg), float(wait)) for n, (wait, kg) in enumerate(pairs)]
    found = choices(make_simulation(make_setting({}, *policies)))
    best = front(found, delay)
    for each in found:
        assert any((one.wait_h or 0) <= (each.wait_h or 0) and one.kg <= each.kg for one in best)
    for before, after in pairwise(best):
        same = (before.wait_h, before.kg) == (after.wait_h, after.kg)
        assert same or ((before.wait_h or 0) < (after.wait_h or 0) and before.kg > after.kg)


def test_seeds_are_chance_and_the_luckiest_is_no_choice() -> None:
    """One choice a policy, at the mean of its draws, with the difference from a region draw by draw."""
    found = choices(drawn((150.0, 190.0), (170.0, 180.0)))
    assert ["run-now", "carbon-aware", STATIC] == names(found)
    best = most_saved(found)
    assert best is not None
    assert "carbon-aware" == best.name
    assert pytest.approx(20.0) == best.saving_pct
    assert (25.0, 15.0) == pytest.approx(best.savings_pct)
    assert (20.0, 5.0) == pytest.approx(best.beyond_pct)


def test_circumstances_are_kept_apart_and_the_head_tells_the_one_that_saves_least() -> None:
    """Perfect forecasts are nobody's choice, nor is a year without failures."""
    made = make_simulation(
        make_setting({"forecasts": "perfect", "slack": "24"}, *three(120.0, 3.0)),
        make_setting({"forecasts": "history", "slack": "24"}, *three(150.0, 3.0)),
        make_setting({"forecasts": "history", "slack": "6"}, *three(170.0, 1.0)),
    )
    found = choices(made)
    best = most_saved(found)
    assert best is not None
    assert ("slack 24", "forecasts history") == (best.chosen, best.circumstances)
    assert {"forecasts perfect", "forecasts history"} == {each.circumstances for each in front(found, delay)}


def test_of_choices_that_come_to_the_same_the_first_is_told() -> None:
    """More slack that changes nothing is not recommended; and a region alone comes before what does no better."""
    made = make_simulation(*(make_setting({"slack": slack}, *three(150.0, 3.0)) for slack in ("6", "24")))
    best = most_saved(choices(made))
    assert best is not None
    assert "carbon-aware (slack 6)" == best.name
    tied = most_saved(choices(make_simulation(make_setting({}, *three(190.0, 0.1)))))
    assert tied is not None
    assert STATIC == tied.name


def test_a_choice_without_a_saving_is_on_no_front() -> None:
    """Where run-now emits nothing there is nothing to save."""
    assert [] == front(choices(make_simulation(make_setting({}, make_policy("run-now", 0.0, 1.0, now_kg=0.0)))), delay)
    assert most_saved([]) is None
