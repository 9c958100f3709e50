"""Points with their names: names cover neither each other nor a point, and axes begin at 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.reporting.charts import PAGE_PX, PHONE_PX
from scheduler.reporting.language import ENGLISH
from scheduler.reporting.simulation_figures_text import column, fixed, points_more
from scheduler.reporting.simulation_scatter import Spot, scatter


def spot(x: float, y: float, label: str, rank: int = 0) -> Spot:
    """A point with a name."""
    return Spot(x=x, y=y, low=y, high=y, label=(label,), tone="red", line="", rank=rank)


def drawn(spots: list[Spot], width_px: int = PAGE_PX) -> Any:  # noqa: ANN401  # plain nested data
    """The description of a drawing."""
    return scatter(width_px, spots, "across", "up")


def boxes(made: Mapping[str, Any], width_px: int) -> list[tuple[float, float, float, float]]:
    """The room of each name that is drawn, reckoned narrower than the drawing does."""
    across, up = (made["layer"][2]["encoding"][axis]["scale"]["domain"] for axis in "xy")
    font_px = made["layer"][3]["mark"]["fontSize"]
    found = []
    for row in made["data"]["values"]:
        if row["label"]:
            x = (row["x"] - across[0]) / (across[1] - across[0]) * (width_px - 70) + row["dx"]
            y = (up[1] - row["y"]) / (up[1] - up[0]) * 314 + row["dy"]
            wide = 0.6 * font_px * len(row["label"])
            left = x - {"left": 0.0, "center": wide / 2, "right": wide}[row["align"]]
            found.append((left, y - 0.5 * font_px, left + wide, y + 0.5 * font_px))
    return found


@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(-80, 95)), min_size=1, max_size=16),
    st.sampled_from([PAGE_PX, PHONE_PX]),
)
@settings(max_examples=60)
def test_no_name_covers_another_or_leaves_the_drawing(places: list[tuple[float, float]], width_px: int) -> None:
    """Whatever the points."""
    found = boxes(drawn([spot(x, y, f"a-policy-{n}") for n, (x, y) in enumerate(places)], width_px), width_px)
    for n, (left, top, right, low) in enumerate(found):
        assert left >= -1
        assert right <= width_px
        for other in found[:n]:
            assert right <= other[0] or other[2] <= left or low <= other[1] or other[3] <= top


def test_who_is_first_is_named_where_there_is_no_room_for_all() -> None:
    """Many points at nearly one place."""
    made = drawn([spot(5 + n / 1e4, 50.0, "x" * 30, rank=n != 7) for n in range(12)], PHONE_PX)
    named = [n for n, row in enumerate(made["data"]["values"]) if row["label"]]
    assert 7 in named
    assert len(named) < 12


def test_axes_hold_0_and_do_not_cut_what_is_negative() -> None:
    """A policy that emits more is below the line."""
    made = drawn([spot(3.0, -40.0, "a"), spot(8.0, 20.0, "b")])
    across, up = (made["layer"][2]["encoding"][axis]["scale"]["domain"] for axis in "xy")
    assert across[0] == 0
    assert up[0] < -40
    assert up[1] > 20
    alone = drawn([spot(0.0, 0.0, "a")])["layer"][2]["encoding"]["x"]["scale"]["domain"]
    assert [0.0, 1.0] == alone


def test_a_column_has_as_many_decimals_as_its_greatest_shows() -> None:
    """And nothing that rounds to 0 has a sign."""
    assert ["27,963", "0", "–"] == column([27963.4, 0.2, None], ENGLISH)
    assert ["171.5", "26.3"] == column([171.46, 26.3], ENGLISH)
    assert ["0.001234", "0.000000"] == column([0.001234, 0.0], ENGLISH)
    assert "0.0" == fixed(-0.04, 1, ENGLISH)
    assert ["+1.9", "−0.4", "+0.045"] == [points_more(each, ENGLISH) for each in (1.93, -0.41, 0.0451)]
