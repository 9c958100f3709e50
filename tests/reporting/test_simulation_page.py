"""The page of a replay: what it decides, what it says where figures are missing, and that it speaks French."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

from scheduler.reporting.charts import ACCENT, WARM
from scheduler.reporting.language import ENGLISH
from scheduler.reporting.locales import language
from scheduler.reporting.simulation_choices import choices
from scheduler.reporting.simulation_figures import PolicyFigures, Simulation
from scheduler.reporting.simulation_page import simulation_html
from scheduler.reporting.simulation_page_charts import against_delay
from scheduler.reporting.simulation_part_charts import by_class, by_zone
from tests.reporting.simulations import NAME, make_policy, make_setting, make_simulation, swept, three


@functools.cache
def page(code: str = "en") -> str:
    """The page of three settings, drawn once a language."""
    return simulation_html(swept(), ENGLISH if code == "en" else language(code))


def words(text: str) -> str:
    """What a page says, without its drawings and tags."""
    bare = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", bare))


def one(*policies: PolicyFigures) -> Simulation:
    """One setting of some policies."""
    return make_simulation(make_setting({}, *policies))


def test_the_page_says_what_saves_most_and_what_of_it_is_no_choice_of_region() -> None:
    """With what users pay for it, and what nothing goes below."""
    text = words(page())
    assert "Most saved: carbon-aware (slack 48) 31.5 % less than run-now" in text
    assert "137 kg CO2e where run-now emits 200 kg CO2e." in text
    assert "Beyond choosing a region alone +26.5 points lowest-carbon-region" in text
    assert "the mean wait differs by +23.90 h; deadlines missed: 24, where lowest-carbon-region misses 0" in text
    assert "emits less than 90 kg CO2e" in text
    assert all(title in text for title in ("Carbon against delay", "Carbon against cost", "The queue over time"))
    assert 3 == text.count("Emissions by zone [kg CO2e]")
    assert "1 job left out for every policy: too wide." in text
    assert "2 jobs left out for every policy: out of table." in text
    assert "1 job replayed and in no sum" in text
    assert "Only 30 of the 34 jobs of the trace are compared" in text
    assert "slack 24h" in text
    assert "france FR as declared 64 2.5 quebec CA-QC simulated 32 –" in text


def test_everything_is_modelled_and_nothing_more_is_claimed() -> None:
    """Neither measured nor avoided, and on average intensities no more than allocated."""
    text = words(page())
    assert "MODELLED" in text
    assert "Every figure is modelled: no job was run for it." in text
    assert "On average intensities a difference is an allocated one" in text
    assert not re.search("measured|avoided|offset|green", text)


def test_names_are_escaped_and_nothing_is_fetched() -> None:
    """A trace is named by whoever wrote it."""
    text = page()
    assert NAME not in text
    assert "&lt;script&gt;" in text
    assert [] == re.findall(r"(?:src|href)=", text)


def test_without_prices_and_settings_there_is_less_to_say() -> None:
    """No drawing of cost, no column of settings, dashes for what is not known."""
    text = simulation_html(one(make_policy("run-now", 200.0, 0.5), make_policy("carbon-aware", 150.0, 3.0)))
    assert "Carbon against cost" not in text
    assert ">setting</th>" not in text
    assert "There is nothing to compare." in text


def test_a_replay_that_compared_nothing_is_still_a_page() -> None:
    """Every job ended behind the table."""
    nothing = replace(
        make_policy("run-now", 0.0, 0.0, now_kg=1.0), saving_pct=None, wait_h=None, start_delay_h=None, classes={}
    )
    assert "Nothing was compared" in simulation_html(one(nothing))


def test_a_long_front_is_told_by_its_ends() -> None:
    """The table under the drawing holds all of it."""
    made = make_simulation(*(make_setting({"slack": str(n)}, *three(180.0 - n, float(n))) for n in range(1, 6)))
    said = against_delay(made, choices(made), ENGLISH).says
    assert "The line joins 6 choices that nothing beats in both, from: lowest-carbon-region (slack 1) saves" in said
    assert "; to: carbon-aware (slack 5) saves 12.5 % and waits 5.00 h." in said


def test_more_zones_than_colours_are_one_of_their_own() -> None:
    """No two zones have one colour; the table has all."""
    zones = [f"Z{n}" for n in range(7)]
    made = by_zone(make_setting({}, make_policy("run-now", 200.0, 0.5, zones=zones)), ENGLISH)
    assert "3 other zones" in made.page.inside
    assert [("run-now", zone) for zone in zones] == [row[:2] for row in made.table.rows]
    few = by_zone(make_setting({}, make_policy("run-now", 200.0, 0.5, zones=zones[:3])), ENGLISH).table
    assert ["policy", *zones[:3], "total"] == [column.head for column in few.columns]


def test_a_class_that_emits_more_is_drawn_to_the_left_in_another_colour() -> None:
    """Of three classes one loses where the others gain."""
    now, aware, _ = three(150.0, 3.0)
    inside = by_class(make_setting({}, now, aware), aware, now, ENGLISH).page.inside
    assert "−12.5 %" in inside
    assert "25.0 %" in inside
    assert WARM in inside
    assert ACCENT in inside


def test_the_page_is_french_where_that_is_asked_for() -> None:
    """Words, numbers and dates; names and options stay what they are."""
    text = page("fr-CA")
    assert '<html lang="fr-CA">' in text
    assert "Ce qu’il y a à décider" in text
    assert "31,5" in text
    assert "kg éq. CO2" in text
    assert "1er mars 2026" in text
    assert not re.search(r"kg CO2e|deadline|forecast", re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL))
