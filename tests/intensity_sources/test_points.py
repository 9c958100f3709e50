"""Rows in columns: whatever their order, doublings and offsets, the series is the truth or has a gap."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.points import (
    NEVER,
    Label,
    Points,
    figures_of,
    forecast_series,
    observed_series,
    times_of,
    together,
)
from intensity_sources.readings import MOST_G_PER_KWH
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.errors import NotCovered, SourceUnavailable
from scheduler.domain.intensity import IntensitySeries, Provenance

START = datetime(2026, 3, 28, 22, tzinfo=UTC)
"""Two hours before the day that has 23 hours in Paris."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Row:
    """One row: hours after `START`, figure, when it was updated, whether it is an estimate."""

    hour: float
    value: float | None
    updated: str | None = None
    estimated: bool = False


def at(hour: float) -> datetime:
    """An instant."""
    return START + hour * HOUR


def label(step: timedelta = HOUR) -> Label:
    """What a made-up series says of itself."""
    return Label(
        source="example",
        zone="FR",
        basis=DEFAULT_BASIS,
        step=step,
        credit=Provenance(name="Example"),
        retrieved_at=at(100),
        notes=("a note",),
    )


def points(*rows: Row) -> Points:
    """The rows in columns."""
    return Points(
        times=times_of([at(row.hour).isoformat() for row in rows], "time", source="example"),
        updated=times_of([row.updated for row in rows], "updated", source="example"),
        g_per_kwh=figures_of([row.value for row in rows], "figure", source="example"),
        estimated=np.array([row.estimated for row in rows], dtype=np.bool_),
    )


def figures(series: IntensitySeries) -> list[float | None]:
    """The figures, None for gaps."""
    return [None if math.isnan(value) else value for value in series.g_per_kwh.tolist()]


def past(*rows: Row, first: float = 0, last: float = 48) -> IntensitySeries:
    """The series that the rows make of an interval."""
    return observed_series(points(*rows), label(), at(first), at(last))


STEPS = st.sampled_from([timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30), HOUR])
VALUES = st.lists(st.none() | st.floats(0, MOST_G_PER_KWH), min_size=1, max_size=40)


@settings(max_examples=150)
@given(values=VALUES, step=STEPS, seed=st.integers(0, 2**32), data=st.data())
def test_shuffled_doubled_and_shifted_rows_are_the_series(
    values: list[float | None], step: timedelta, seed: int, data: st.DataObject
) -> None:
    """In any order, some twice, in several answers, written in any zone: what comes out is what went in."""
    chance = random.Random(seed)
    zones = [timezone(timedelta(minutes=chance.choice([-210, -60, 0, 60, 120, 345]))) for _ in values]
    rows = [
        ((START + i * step).astimezone(zone).isoformat(), value)
        for i, (value, zone) in enumerate(zip(values, zones, strict=True))
    ]
    rows += chance.choices(rows, k=len(rows) // 2)
    chance.shuffle(rows)
    cut = data.draw(st.integers(0, len(rows)))
    parts = [
        Points(
            times=times_of([row[0] for row in part], "time", source="example"),
            updated=times_of([None] * len(part), "updated", source="example"),
            g_per_kwh=figures_of([row[1] for row in part], "figure", source="example"),
            estimated=np.zeros(len(part), dtype=np.bool_),
        )
        for part in (rows[:cut], rows[cut:])
    ]
    end = START + len(values) * step
    if all(value is None for value in values):
        with pytest.raises(NotCovered):
            observed_series(together(parts), label(step), START, end)
        return
    series = observed_series(together(parts), label(step), START, end)
    known = [i for i, value in enumerate(values) if value is not None]
    assert (START + known[0] * step, step, "observed") == (series.start, series.step, series.kind)
    assert values[known[0] : known[-1] + 1] == figures(series)


def test_a_missing_row_and_a_null_are_gaps() -> None:
    """Between two figures; before the first and after the last the series ends."""
    series = past(Row(0, None), Row(1, 10), Row(2, None), Row(4, 0), Row(5, None))
    assert (at(1), [10.0, None, None, 0.0]) == (series.start, figures(series))


def test_the_newest_row_of_an_interval_counts() -> None:
    """Wherever it stands, and also where it withdraws a figure."""
    old, new = "2026-03-29T10:00:00Z", "2026-03-29T12:00:00+01:00"
    series = past(
        Row(0, 11, new), Row(0, 10, old), Row(1, 20, None), Row(1, 21, old), Row(2, None, new), Row(2, 5, old)
    )
    assert [11.0, 21.0] == figures(series)
    assert ("a note",) == series.notes


def test_rows_as_new_that_differ_leave_a_gap_and_are_told() -> None:
    """Nobody can tell which is right; one without a figure says nothing against the other."""
    series = past(Row(0, 9), Row(1, 10), Row(1, 11), Row(2, 12), Row(2, None), Row(3, 7))
    assert [9.0, None, 12.0, 7.0] == figures(series)
    assert "example gave 1 intervals of FR twice with different figures: left as gaps" in series.notes


@pytest.mark.parametrize("hour", [0.5, 1.01, -0.25])
def test_a_row_off_the_grid_is_refused(hour: float) -> None:
    """It would be read as of another interval, inside what was asked for or not."""
    with pytest.raises(SourceUnavailable, match=r"example: a row begins at .*, off its steps of 1:00:00"):
        past(Row(0, 1), Row(hour, 2), Row(30, 1))


def test_only_intervals_that_touch_are_given() -> None:
    """The first and last in part too."""
    rows = [Row(hour, float(hour)) for hour in range(8)]
    series = past(*rows, first=2.5, last=4.25)
    assert (at(2), [2.0, 3.0, 4.0]) == (series.start, figures(series))


@pytest.mark.parametrize("rows", [[], [Row(60, 1.0)], [Row(1, None)]])
def test_nothing_there_is_not_covered(rows: list[Row]) -> None:
    """No row, none in the interval, or none with a figure."""
    with pytest.raises(NotCovered, match="example has nothing for FR between 2026-03-28T22:00:00Z and") as caught:
        past(*rows)
    assert caught.value.hint


def test_an_estimated_row_stays_estimated_among_observed_ones() -> None:
    """The series is as firm as its weakest row, and its pieces say which is which."""
    series = past(Row(0, 1), Row(1, 2), Row(2, 3, estimated=True), Row(3, None), Row(4, 5))
    assert ("estimated", [1.0, 2.0, 3.0, None, 5.0]) == (series.kind, figures(series))
    assert [("observed", at(0), at(2)), ("estimated", at(2), at(3)), ("observed", at(4), at(5))] == [
        (piece.kind, piece.start, piece.end) for piece in series.pieces
    ]


def test_rows_of_one_kind_make_a_plain_series() -> None:
    """Without pieces; a doubled row that is an estimate once is one."""
    assert ("observed", ()) == (past(Row(0, 1)).kind, past(Row(0, 1)).pieces)
    assert "estimated" == past(Row(0, 1, estimated=True), Row(0, 1)).kind


def test_a_forecast_is_one_whatever_its_rows_say() -> None:
    """With the issue of its label."""
    series = forecast_series(points(Row(0, 1), Row(1, 2, estimated=True)), label(), at(0), at(2))
    assert ("forecast", [1.0, 2.0]) == (series.kind, figures(series))


@pytest.mark.parametrize(
    "cell", [5, True, [], "", "soon", "2026-03-28T22:00:00", "2026-03-28", "0001-01-01T00:00+99:00"]
)
def test_a_time_that_is_none_is_refused(cell: object) -> None:
    """By its place."""
    with pytest.raises(SourceUnavailable, match="example: time 1 is"):
        times_of(["2026-03-28T22:00:00Z", cell], "time", source="example")


def test_no_time_stands_for_never() -> None:
    """Where a row does not say when it was updated."""
    assert [NEVER] == times_of([None], "time", source="example").tolist()


@pytest.mark.parametrize("cell", ["5", True, [], {}, -1, -0.01, 5001, 1e308, json.loads("1e999"), 10**400])
def test_a_figure_that_is_no_intensity_is_refused(cell: object) -> None:
    """Text, a truth value, a negative one, one beyond all electricity, one beyond all numbers."""
    with pytest.raises(SourceUnavailable, match=r"example: a? ?figure"):
        figures_of([1.0, cell], "figure", source="example")


def test_figures_are_converted() -> None:
    """Before they are judged; null is a gap, zero is zero."""
    found = figures_of([1000, None, 0], "figure", source="example", g_per_kwh_of_one=0.5)
    assert [500.0, None, 0.0] == [None if math.isnan(value) else value for value in found.tolist()]
