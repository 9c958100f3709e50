"""Which plans are looked at again for what has changed, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.execution.shifts import Shifts
from scheduler.records.rows import JobRow
from tests.execution.fake_clock import FakeClock
from tests.records.cases import at, make_cluster, make_job, make_plan, make_row

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SOON = timedelta(0)
ONE = make_plan([make_cluster("one")], [("one", 2, 4)])


def row(**changes: object) -> JobRow:
    """A job that waits."""
    return make_row(make_job(**changes))


def new() -> tuple[FakeClock, Shifts]:
    """A clock, and shifts that know the plan ONE."""
    clock = FakeClock(NOW)
    shifts = Shifts(clock=clock)
    assert None is shifts.concern(row(), ONE)
    return clock, shifts


@pytest.mark.parametrize(
    ("allowed", "clusters", "news"),
    [((), ["two"], SOON), (("two", "three"), ["two"], SOON), (("one",), ["two"], None), (("one",), [], None)],
)
def test_room_concerns_whoever_may_use_it(
    allowed: tuple[str, ...], clusters: list[str], news: timedelta | None
) -> None:
    """Wherever the plan is now."""
    _, shifts = new()
    shifts.room(clusters)
    assert news == shifts.concern(row(allowed=list(allowed)), ONE)


@pytest.mark.parametrize(
    ("cluster", "until", "news"), [("one", at(3), SOON), ("one", None, SOON), ("one", at(2), None), ("two", None, None)]
)
def test_room_that_was_taken_concerns_the_plans_there(
    cluster: str, until: datetime | None, news: timedelta | None
) -> None:
    """As far as they lie in the time that was taken."""
    _, shifts = new()
    shifts.less_room([cluster], until)
    assert news == shifts.concern(row(), ONE)


def test_a_forecast_concerns_the_jobs_that_are_planned_on_it() -> None:
    """The first stamp is where it begins; the same one is no news."""
    _, shifts = new()
    reference = dict(row().intensity)
    for stamp in ("a", "a"):
        shifts.stamped("x", reference, stamp)
        assert None is shifts.concern(row(), ONE)
    shifts.stamped("x", reference, "b")
    assert SOON == shifts.concern(row(), ONE)
    assert None is shifts.concern(replace(row(), intensity={"source": "another"}), ONE)


def test_a_plan_is_judged_once_for_a_change_and_once_a_minute() -> None:
    """A second change within the minute waits for its end."""
    clock, shifts = new()
    shifts.room(["one"])
    shifts.judged(ONE.id)
    assert None is shifts.concern(row(), ONE)
    clock.at += timedelta(seconds=15)
    shifts.room(["one"])
    assert timedelta(seconds=45) == shifts.concern(row(), ONE)
    clock.at += timedelta(seconds=45)
    assert SOON == shifts.concern(row(), ONE)


def test_a_plan_that_is_new_knows_what_came_before() -> None:
    """It was made from it; what another plan was replaced by is another plan."""
    _, shifts = new()
    shifts.room(["one"])
    assert None is shifts.concern(row(), make_plan([make_cluster("one")], [("one", 2, 4)], plan_id=2))
    shifts.forget(ONE.id)
    assert None is shifts.concern(row(), ONE)


def test_too_many_changes_to_remember_concern_everybody() -> None:
    """What was forgotten may have been the one that matters."""
    _, shifts = new()
    for _ in range(501):
        shifts.less_room(["two"], None)
    assert SOON == shifts.concern(row(), ONE)


def test_an_overrun_is_told_first_and_noted_every_ten_minutes() -> None:
    """Each time others look at it again."""
    clock, shifts = new()
    told = []
    for _ in range(5):
        told.append((shifts.overran("s", "one", at(3)), shifts.last))
        clock.at += timedelta(minutes=4)
    assert [(True, 1), (False, 1), (False, 1), (False, 2), (False, 2)] == told


@pytest.mark.parametrize(
    ("left", "later", "shifts_made"),
    [(timedelta(minutes=9), [], 0), (timedelta(minutes=10), [], 1), (timedelta(0), ["two"], 1)],
)
def test_an_end_is_news_where_it_leaves_room(left: timedelta, later: list[str], shifts_made: int) -> None:
    """Ten minutes of its own, or what was to follow."""
    _, shifts = new()
    shifts.ended("s", "one", NOW + left, later)
    assert shifts_made == shifts.last


@given(moves=st.lists(st.sampled_from(["room one", "room two", "less one", "less two", "judge"]), max_size=30))
def test_no_change_that_matters_is_missed(moves: list[str]) -> None:
    """A plan is concerned just where something that touches it came after it was judged last."""
    clock, shifts = new()
    pending = False
    for move in moves:
        clock.at += timedelta(minutes=2)
        if move == "judge":
            shifts.judged(ONE.id)
            pending = False
        elif move.startswith("room"):
            shifts.room([move[5:]])
            pending = True
        else:
            shifts.less_room([move[5:]], None)
            pending |= move == "less one"
        assert (SOON if pending else None) == shifts.concern(row(), ONE)
