"""When a figure of the past is asked for again: by its age, and never once it is settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.execution.freshness import due, whole_hour
from scheduler.ports import Check

NOW = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REFRESH = timedelta(minutes=30)


def wanted(
    first: timedelta, last: timedelta, checks: list[tuple[timedelta, timedelta, timedelta]] | None = None, *,
    now: datetime = NOW, unsettled: tuple[tuple[datetime, datetime], ...] = (),
) -> list[tuple[float, float]]:  # fmt: skip
    """What is due of a stretch before `NOW`, in hours before it; a check is from, to and when, before it."""
    made = [Check(start=NOW - a, end=NOW - b, at=NOW - c) for a, b, c in checks or []]
    spans = due(NOW - first, NOW - last, checks=made, unsettled=unsettled, now=now, refresh=REFRESH)
    return [((NOW - start) / HOUR, (NOW - end) / HOUR) for start, end in spans]


def test_what_was_never_asked_for_is_due_in_whole_hours() -> None:
    """Up to the hour that is, no further."""
    third = 20 / 60
    assert [pytest.approx((5 + third, third - 1))] == wanted(5 * HOUR, -7 * DAY)
    assert [] == wanted(-2 * HOUR, -3 * HOUR)


@pytest.mark.parametrize(
    ("age", "asked_before", "again"),
    [
        (HOUR, timedelta(minutes=29), False),
        (HOUR, timedelta(minutes=31), True),
        (10 * DAY, 23 * HOUR, False),
        (10 * DAY, 25 * HOUR, True),
        (60 * DAY, 6 * DAY, False),
        (60 * DAY, 8 * DAY, True),
        (200 * DAY, 100 * DAY, False),
    ],
)
def test_the_older_a_figure_the_seldomer_it_is_asked_for(age: timedelta, asked_before: timedelta, again: bool) -> None:  # noqa: FBT001  # a column
    """Half an hour in its first days, a day in its first month, a week up to ninety days, then never."""
    start, end = whole_hour(NOW - age - HOUR), whole_hour(NOW - age, up=True)
    made = [Check(start=start, end=end, at=NOW)]
    assert again == bool(due(start, end, checks=made, unsettled=[], now=NOW + asked_before, refresh=REFRESH))


def test_what_is_no_observation_yet_is_asked_for_monthly() -> None:
    """A gap or an estimate of long ago is settled by nothing but an observation."""
    old = (NOW - 200 * DAY, NOW - 199 * DAY)
    check = [(200 * DAY, 199 * DAY, 20 * DAY)]
    assert [] == wanted(200 * DAY - HOUR, 199 * DAY + HOUR, check, unsettled=(old,))
    check = [(200 * DAY, 199 * DAY, 31 * DAY)]
    assert 1 == len(wanted(200 * DAY - HOUR, 199 * DAY + HOUR, check, unsettled=(old,)))
    assert [] == wanted(200 * DAY - HOUR, 199 * DAY + HOUR, check)


def test_stretches_that_lie_close_are_asked_for_in_one() -> None:
    """Within a day of each other; further apart they are two questions."""
    fresh = timedelta(minutes=1)
    near = wanted(10 * HOUR, 0 * HOUR, [(6 * HOUR, 4 * HOUR, fresh)])
    assert 1 == len(near)
    far = wanted(80 * HOUR, 0 * HOUR, [(60 * HOUR, 20 * HOUR, fresh)])
    assert 2 == len(far)


@given(st.integers(1, 3000), st.integers(0, 3000), st.integers(0, 200))
def test_what_was_asked_for_a_moment_ago_is_not_due(length_h: int, back_h: int, more_h: int) -> None:
    """Whatever was due of a stretch: once it is asked for, nothing of it is."""
    start, end = NOW - (back_h + length_h) * HOUR, NOW - back_h * HOUR
    older = Check(start=start, end=start + length_h * HOUR / 2, at=NOW - more_h * HOUR)
    found = due(start, end, checks=[older], unsettled=[], now=NOW, refresh=REFRESH)
    asked = [Check(start=begins, end=ends, at=NOW) for begins, ends in found]
    again = due(start, end, checks=[older, *asked], unsettled=[], now=NOW, refresh=REFRESH)
    assert [] == again


def test_an_hour_is_whole_where_it_is_one() -> None:
    """Down, and up unless it is one."""
    hour = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert (hour, hour + HOUR) == (whole_hour(NOW), whole_hour(NOW, up=True))
    assert hour == whole_hour(hour, up=True)
