"""The page of a replay: which policies nothing beats, and what is written where figures are missing."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.reporting.simulation_figures import front, points
from scheduler.reporting.simulation_page import simulation_html
from tests.reporting.simulations import NAME, make_policy, make_setting, make_simulation, swept


@functools.cache
def page() -> str:
    """The page of three settings, drawn once."""
    return simulation_html(swept())


def names(made: object) -> list[tuple[str, str]]:
    """Settings and policies of some points."""
    assert isinstance(made, list)
    return [(setting, each.name) for setting, each in made]


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    """Run-now saves nothing and waits longer than choosing a region: it is not on it."""
    best = front(points(swept()))
    aware = [(f"slack {slack}", "carbon-aware") for slack in (6, 24, 48)]
    assert [("slack 6", "lowest-carbon-region"), *aware] == names(best)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(100, 250)), min_size=1, max_size=8))
@settings(max_examples=100)
def test_every_point_is_beaten_by_one_on_the_front_or_is_on_it(pairs: list[tuple[int, int]]) -> None:
    """And none on the front is beaten by another."""
    found = [("", make_policy(f"p{n}", float(kg), float(wait))) for n, (wait, kg) in enumerate(pairs)]
    best = front(found)
    for _, each in found:
        assert any((one.wait_h or 0) <= (each.wait_h or 0) and one.kg <= each.kg for _, one in best)
    for before, after in pairwise(best):
        assert (before[1].wait_h or 0) < (after[1].wait_h or 0)
        assert before[1].kg > after[1].kg


def test_the_page_says_what_saves_most_beside_choosing_a_region() -> None:
    """With what users pay for it, and what nothing goes below."""
    text = page()
    assert "Most saved: carbon-aware with slack 48" in text
    assert "A job waits 24 h on average; 24 deadlines missed." in text
    assert "Choosing a region alone: lowest-carbon-region" in text
    assert "emits less than 90 kg CO2e" in text
    assert all(title in text for title in ("Carbon against delay", "Carbon against cost", "The queue over time"))
    assert text.count("Emissions by zone</h3>") == 3


def test_names_are_escaped_and_nothing_is_fetched() -> None:
    """A trace is named by whoever wrote it."""
    text = page()
    assert NAME not in text
    assert "&lt;script&gt;" in text
    assert [] == re.findall(r"(?:src|href)=", text)


def test_without_prices_and_settings_there_is_less_to_say() -> None:
    """No drawing of cost, no column of settings, dashes for what is not known."""
    only = make_setting("", make_policy("run-now", 200.0, 0.5), make_policy("carbon-aware", 150.0, 3.0))
    text = simulation_html(make_simulation(only))
    assert "Carbon against cost" not in text
    assert ">setting</th>" not in text
    assert "it was not replayed" in text


def test_a_replay_that_compared_nothing_is_still_a_page() -> None:
    """Every job ended behind the table."""
    nothing = replace(
        make_policy("run-now", 0.0, 0.0, now_kg=1.0), saving_pct=None, wait_h=None, start_delay_h=None, classes={}
    )
    assert "nothing was compared" in simulation_html(make_simulation(make_setting("", nothing)))
