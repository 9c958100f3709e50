"""Charts before they are seen: what is drawn, how long, and what a drawing may hold."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from scheduler.reporting.charts import PAGE_PX, PHONE_PX, Drawing, chart, figure
from scheduler.reporting.charts_bars import Bar, bars, steps
from scheduler.reporting.charts_timeline import Stay, Trace, timeline
from scheduler.reporting.language import ENGLISH, Language
from scheduler.reporting.tables import Table, table
from tests.records.cases import at, make_series

FIGURES: Table = table("caption", ("name",), ("kg",), [("a", "1")])


def drawn(parts: list[Bar], lang: Language = ENGLISH) -> tuple[Drawing, Drawing]:
    """The bars at both widths."""
    made = figure("Title", "says", lambda px: bars(px, parts, "kg CO2e"), FIGURES, lang)
    return made.page, made.phone


def test_a_chart_is_drawn_at_both_widths() -> None:
    """As wide as the page and as a phone, with its unit and its labels as text."""
    for each, width in zip(drawn([Bar(name="one", end=3.0, label="3 kg")]), (PAGE_PX, PHONE_PX), strict=True):
        assert f"0 0 {width} " == each.view_box[: len(f"0 0 {width} ")]
        assert all(f">{text}<" in each.inside for text in ("one", "3 kg", "kg CO2e"))


def test_a_name_is_text_and_never_markup() -> None:
    """Whatever a job is called."""
    for each in drawn([Bar(name="<script>x</script>&\"'", end=1.0, label="</svg><b>")]):
        assert "<script" not in each.inside
        assert "<b>" not in each.inside
        assert "</svg" not in each.inside


def test_two_bars_of_one_name_are_two_bars() -> None:
    """Neither hides the other."""
    page, _ = drawn([Bar(name="same", end=1.0, label="first"), Bar(name="same", end=2.0, label="second")])
    assert ">first<" in page.inside
    assert ">second<" in page.inside


@pytest.mark.parametrize(
    "parts",
    [
        [Bar(name="nothing", end=0.0, label="0")],
        [Bar(name="less", end=-3.0, label="-3")],
        [Bar(name="small", end=1e-9, label="x"), Bar(name="large", end=1e9, label="y")],
        [Bar(name="ranged", low=1.0, end=2.0, high=5.0, label="2"), Bar(name="plain", end=9.0, label="9")],
    ],
)
def test_any_masses_can_be_drawn(parts: list[Bar]) -> None:
    """Zero, negative, far apart, with a range or without."""
    for each in drawn(parts):
        assert "NaN" not in each.inside
        assert "undefined" not in each.inside


def test_the_steps_lead_to_their_sum() -> None:
    """Each begins where the one before ended, a step down among them."""
    found = steps(["a", "b", "c"], [5.0, -2.0, 4.0], ["5", "-2", "4", "7"], total="sum")
    assert [(0.0, 5.0), (5.0, 3.0), (3.0, 7.0), (0.0, 7.0)] == [(each.start, each.end) for each in found]
    assert ("sum", "7") == (found[-1].name, found[-1].label)


def test_numbers_on_the_axes_are_the_language_s() -> None:
    """A point is a comma where people write one."""
    page, _ = drawn([Bar(name="x", end=0.9, label="")], Language(decimal=",", group=" "))
    assert ">0,2<" in page.inside


def test_a_chart_fetches_nothing() -> None:
    """An address in it is refused, not asked."""
    spec = chart(100, height_px=50, rows=[], layer=[{"data": {"url": "http://127.0.0.1:9/x.csv"}, "mark": "bar"}])
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        figure("t", "s", lambda _px: spec, FIGURES, ENGLISH)


def lines(stays: list[Stay], traces: list[Trace], hours_h: float = 30) -> Drawing:
    """A timeline of so many hours."""
    window = (at(0), at(hours_h))
    return figure("t", "s", lambda px: timeline(px, traces, stays, window, ENGLISH), FIGURES, ENGLISH).page


FRANCE = make_series("FR", [60 + 30 * math.sin(hour / 4) for hour in range(40)])
RAN = Stay(cluster="france", zone="FR", start=at(3), end=at(9), use="run")
HOME = Stay(cluster="quebec", zone="CA-QC", start=at(2), end=at(8), use="home")


def test_a_timeline_names_its_zones_clusters_and_the_road_not_taken() -> None:
    """In words, so that no colour is needed."""
    made = lines([RAN, HOME], [Trace(zone="FR", observed=FRANCE)]).inside
    assert all(f">{text}<" in made for text in ("FR", "france", "home: quebec", "g CO2e/kWh"))
    assert "UTC, from 5 March 2024, 00:00 UTC" in made


def test_where_it_ran_the_line_is_thick_and_dashed_where_it_did_not() -> None:
    """Beside the thin line of the whole window."""
    home = Stay(cluster="france", zone="FR", start=at(10), end=at(12), use="home")
    made = lines([RAN, home], [Trace(zone="FR", observed=FRANCE, forecast=FRANCE)]).inside
    assert all(f'stroke-width="{thick}"' in made for thick in ("5.5", "2.6", "1.3", "1.4"))
    assert 'stroke-dasharray="6,4"' in made


def test_a_gap_breaks_the_line() -> None:
    """It is not drawn across."""
    holed = make_series("FR", [50.0] * 10 + [math.nan] * 5 + [50.0] * 25)
    whole, broken = (lines([], [Trace(zone="FR", observed=series)]).inside for series in (FRANCE, holed))
    assert broken.count('stroke-width="1.3"') == whole.count('stroke-width="1.3"') + 1


@pytest.mark.parametrize("hours_h", [0.01, 0.5, 30, 24 * 300])
def test_any_length_of_time_can_be_drawn(hours_h: float) -> None:
    """Seconds or most of a year, whose many intervals are gathered into as many as can be seen."""
    series = make_series("FR", [50.0] * 400 * 24 * 12, step=timedelta(minutes=5))
    made = lines([RAN], [Trace(zone="FR", observed=series)], hours_h)
    assert len(made.inside) < 60_000


def test_unknown_intensities_leave_the_bars() -> None:
    """Where it ran is known all the same."""
    assert ">france<" in lines([RAN], []).inside
