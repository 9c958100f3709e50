"""The slots of a surface: the union of the edges, and means that never leave out or sample a part of a slot."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.intensity import IntensitySeries
from scheduler.problem.slots import SHORT_EDGES, hours, slot_edges, slot_means
from tests.planning.worlds import NAN, T0, at, series


def every(minutes: float, values: list[float], start: datetime = T0) -> IntensitySeries:
    """A series of one value each `minutes`."""
    return series("FR", values, start=start, step=timedelta(minutes=minutes))


def edges(*given_series: IntensitySeries, start: float = 0, end: float = 2, **options: object) -> list[float]:
    """Edges in hours after midnight."""
    found = slot_edges(given_series, at(start), at(end), **options)  # type: ignore[arg-type]  # options by name
    return [start + float(h) for h in hours(found)]


def test_edges_are_the_union_over_zones_of_mixed_steps() -> None:
    """Zones of 60, 30 and 15 minutes give the edges of the finest, each once."""
    mixed = [every(60, [1, 2]), every(30, [1, 2, 3, 4]), every(15, [1] * 8)]
    assert [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] == edges(*mixed)


def test_zones_out_of_phase_keep_both_edges() -> None:
    """A series that starts at ten past does not lose its own edges to one on the hour."""
    late = every(60, [1, 2, 3], start=T0 - timedelta(minutes=50))
    assert [0, 10, 60, 70, 120] == [round(60 * h, 9) for h in edges(every(60, [1, 2]), late)]


def test_five_minute_edges_fall_exactly_on_hourly_ones() -> None:
    """288 slots of five minutes and 24 hours make 289 edges, not one more by rounding."""
    assert 289 == len(edges(every(5, [1] * 288), every(60, [1] * 24), end=24))


def test_the_ends_and_asked_moments_are_edges() -> None:
    """Now, the deadline and a change of capacity cut the hour they fall in; what lies outside is left out."""
    found = edges(every(60, [1, 2, 3]), start=0.3, end=2.1, moments=[at(1.5), at(0.1), at(2.6)])
    assert [0.3, 1, 1.5, 2, 2.1] == pytest.approx(found, abs=1e-12)


def test_a_table_that_ends_early_marks_its_end_and_leaves_the_rest_whole() -> None:
    """Beyond the table one slot reaches to the deadline."""
    assert [0, 1, 1.5, 3] == edges(every(90, [1]), every(60, [1]), end=3)


def test_a_table_of_another_day_has_no_edges_here() -> None:
    """Neither one that ended before nor one that begins after."""
    before, after = every(60, [1, 2], start=at(-9)), every(60, [1, 2], start=at(9))
    assert [0, 2] == edges(before, after)
    assert np.isnan(slot_means(after, after.g_per_kwh, T0, slot_edges([], T0, at(2)))).all()


def test_a_finer_and_short_table_keeps_its_edges() -> None:
    """One-minute data over two hours are used as they are."""
    assert 121 == len(edges(every(1, [1] * 120)))


def test_a_finer_and_long_table_is_coarsened_to_five_minutes() -> None:
    """One-minute data over two days would be over the short limit."""
    minutes = 2 * 24 * 60
    assert minutes > SHORT_EDGES
    assert 2 * 24 * 12 + 1 == len(edges(every(1, [1] * minutes), end=48))


def test_a_step_coarsens_the_finer_series_only() -> None:
    """At a step of 90 minutes an hourly series gives multiples of it, a two-hourly one its own edges."""
    assert [0, 1.5, 3, 4.5, 6] == edges(every(60, [1] * 6), end=6, step=timedelta(minutes=90))
    assert [0, 2, 4, 6] == edges(every(120, [1] * 3), end=6, step=timedelta(minutes=90))


def test_a_coarse_grid_is_laid_from_midnight() -> None:
    """A plan made at 00:20 with hourly slots changes on the hour."""
    found = edges(every(15, [1] * 12), start=1 / 3, end=2.5, step=timedelta(hours=1))
    assert [20, 60, 120, 150] == pytest.approx([60 * h for h in found], abs=1e-9)


def test_a_partial_slot_takes_its_part_of_each_interval() -> None:
    """A slot over the last quarter of one hour and the first half of the next weighs them 1 to 2."""
    zone = every(60, [10, 40])
    found = slot_means(zone, zone.g_per_kwh, at(0.75), np.array([0, 45 * 60_000_000]))
    assert [30.0] == found.tolist()


def test_a_slot_with_a_gap_or_beyond_the_table_is_unknown() -> None:
    """One missing quarter of an hour makes the whole hour unknown, and nothing is known after the end."""
    zone = every(15, [1, 2, NAN, 4, 5, 6, 7, 8])
    found = slot_means(zone, zone.g_per_kwh, T0, slot_edges([every(60, [1] * 4)], T0, at(4)))
    assert [True, False, True, True] == np.isnan(found).tolist()
    assert 6.5 == found[1]


def test_a_flat_series_stays_flat_to_the_last_bit() -> None:
    """Coarsening adds no noise that would break ties."""
    zone = every(7, [33.3] * 200)
    found = slot_means(zone, zone.g_per_kwh, T0, slot_edges([every(60, [1] * 20)], T0, at(20)))
    assert {33.3} == set(found.tolist())


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(0, 1000), min_size=4, max_size=40),
    minutes=st.sampled_from([5, 15, 30, 60]),
    cuts=st.lists(st.integers(1, 40 * 60_000_000), max_size=6),
)
def test_means_times_lengths_add_up_to_the_integral(values: list[float], minutes: int, cuts: list[int]) -> None:
    """However the time is cut into slots, intensity times hours is the same, and agrees with the series itself."""
    zone = every(minutes, values)
    end = len(values) * minutes * 60_000_000
    borders = np.unique([0, end, *(cut % end for cut in cuts)])
    found = slot_means(zone, zone.g_per_kwh, T0, borders)
    assert float(np.mean(values)) * end == pytest.approx(float(found @ np.diff(borders)), rel=1e-9, abs=1e-3)
    instants = [T0 + timedelta(microseconds=int(us)) for us in borders]
    for mean, first, last in zip(found, instants, instants[1:], strict=False):
        assert zone.mean_over(first, last) == pytest.approx(mean, rel=1e-6, abs=1e-9)
